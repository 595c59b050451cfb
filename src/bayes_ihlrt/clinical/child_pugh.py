"""Child-Pugh points and class."""

from enum import StrEnum
from typing import Final, overload

import numpy as np

from bayes_ihlrt.clinical.containers import (
    FloatArray,
    Series,
    TextArray,
    check_alignment,
    label_intervals,
    put_labels,
    put_numbers,
)
from bayes_ihlrt.clinical.entries import read_words
from bayes_ihlrt.clinical.readings import raise_faults, read_quantities
from bayes_ihlrt.clinical.units import Quantity, Unit


class Ascites(StrEnum):
    """Ascites at examination or imaging."""

    NONE = "none"
    MILD = "mild"
    MODERATE_SEVERE = "moderate-severe"


class Encephalopathy(StrEnum):
    """Hepatic encephalopathy by its grade."""

    NONE = "none"
    GRADE_1_2 = "1-2"
    GRADE_3_4 = "3-4"


_CLASS_LIMITS: Final = (6.0, 9.0)


def child_pugh[V: (float, FloatArray, Series), W: (str, TextArray, Series)](
    bilirubin: V,
    albumin: V,
    *,
    inr: V,
    ascites: W,
    encephalopathy: W,
    bilirubin_unit: str,
    albumin_unit: str,
) -> V:
    """Compute Child-Pugh points, 5 (best) to 15.

    One, two or three points each for bilirubin (< 2, 2 to 3, > 3 mg/dL), albumin (> 3.5,
    2.8 to 3.5, < 2.8 g/dL), INR (< 1.7, 1.7 to 2.3, > 2.3), ascites (none, mild, moderate or
    severe) and encephalopathy (none, grade 1-2, grade 3-4).

    Parameters
    ----------
    bilirubin, albumin, inr : float, ndarray or Series
        Total bilirubin, albumin, and the international normalised ratio; NaN where missing.
    ascites : str, ndarray or Series
        ``"none"``, ``"mild"`` or ``"moderate-severe"`` (`Ascites`); None where missing.
    encephalopathy : str, ndarray or Series
        ``"none"``, ``"1-2"`` or ``"3-4"`` (`Encephalopathy`); None where missing.
    bilirubin_unit : str
        ``"mg/dL"`` or ``"umol/L"`` (`Unit`).
    albumin_unit : str
        ``"g/dL"`` or ``"g/L"`` (`Unit`).

    Returns
    -------
    float, ndarray or Series
        Points, in the container of `bilirubin`; NaN where any of the five is missing.

    Raises
    ------
    DataError
        If a unit or word is unknown, the inputs do not pair up, or a value is outside `PLAUSIBLE`.

    References
    ----------
    Pugh RN et al. Br J Surg 1973;60:646, doi 10.1002/bjs.1800600817.

    Examples
    --------
    >>> child_pugh(34.2, 36.0, inr=1.1, ascites="mild", encephalopathy="none",
    ...            bilirubin_unit="umol/L", albumin_unit="g/L")
    7.0
    """
    values, faults = read_quantities(
        {
            Quantity.BILIRUBIN: (bilirubin, bilirubin_unit),
            Quantity.ALBUMIN: (albumin, albumin_unit),
            Quantity.INR: (inr, Unit.DIMENSIONLESS),
        }
    )
    fluid, in_ascites = read_words("ascites", ascites, allowed=Ascites)
    mind, in_mind = read_words("encephalopathy", encephalopathy, allowed=Encephalopathy)
    signs = {"bilirubin": bilirubin, "ascites": ascites, "encephalopathy": encephalopathy}
    raise_faults("Child-Pugh", faults + check_alignment(signs) + in_ascites + in_mind)
    points = (
        _points_of_high(values[Quantity.BILIRUBIN], 2.0, 3.0)
        + _points_of_high(-values[Quantity.ALBUMIN], -3.5, -2.8)
        + _points_of_high(values[Quantity.INR], 1.7, 2.3)
        + _points_of_words(fluid, Ascites)
        + _points_of_words(mind, Encephalopathy)
    )
    return put_numbers(bilirubin, np.asarray(points))


@overload
def child_pugh_class(points: float) -> str | None: ...
@overload
def child_pugh_class(points: FloatArray) -> TextArray: ...
@overload
def child_pugh_class(points: Series) -> Series: ...
def child_pugh_class(points: object) -> object:
    """Classify Child-Pugh points: A (5 to 6), B (7 to 9) or C (10 to 15).

    Parameters
    ----------
    points : float, ndarray or Series
        Child-Pugh points; NaN where missing.

    Returns
    -------
    str or None, ndarray of object, or Series
        ``"A"``, ``"B"`` or ``"C"``; None where the points are missing.

    Raises
    ------
    DataError
        If points are not whole numbers from 5 to 15.

    References
    ----------
    Pugh RN et al. Br J Surg 1973;60:646, doi 10.1002/bjs.1800600817.

    Examples
    --------
    >>> child_pugh_class(6.0), child_pugh_class(7.0)
    ('A', 'B')
    """
    values, faults = read_quantities({Quantity.CHILD_PUGH: (points, Unit.DIMENSIONLESS)})
    raise_faults("Child-Pugh points", faults)
    labels = label_intervals(values[Quantity.CHILD_PUGH], _CLASS_LIMITS, ("A", "B", "C"))
    return put_labels(points, labels)


def _points_of_high(values: FloatArray, two_from: float, two_to: float) -> FloatArray:
    points = 1.0 + (values >= two_from) + (values > two_to)
    return np.where(np.isnan(values), np.nan, points)


def _points_of_words(words: TextArray, worsening: type[StrEnum]) -> FloatArray:
    points = {None: np.nan} | {str(word): i for i, word in enumerate(worsening, start=1)}
    return np.reshape([float(points[word]) for word in words.flat], words.shape)
