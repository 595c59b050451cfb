"""Scores of hepatic reserve: albumin-bilirubin (ALBI) with its two grades, and Child-Pugh."""

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
from bayes_ihlrt.clinical.units import Quantity, Unit, raise_faults, read_quantities, read_words
from bayes_ihlrt.errors import Fault, nearest

_UMOL_PER_L: Final = 17.1
_G_PER_L: Final = 10.0
_GRADE_LIMITS: Final = (-2.60, -1.39)
_MALBI_LIMIT: Final = -2.27


class MalbiBoundary(StrEnum):
    """Grade of a score of exactly -2.27, which papers place on either side."""

    IN_2A = "2a"
    IN_2B = "2b"


def albi[V: (float, FloatArray, Series)](
    bilirubin: V, albumin: V, *, bilirubin_unit: str, albumin_unit: str
) -> V:
    """Compute the albumin-bilirubin score; lower is better hepatic reserve.

    ALBI = 0.66 log10(bilirubin in umol/L) - 0.085 albumin in g/L, with 1 mg/dL = 17.1 umol/L
    and 1 g/dL = 10 g/L.

    Parameters
    ----------
    bilirubin, albumin : float, ndarray or Series
        Total bilirubin and albumin of the same samples; NaN where missing.
    bilirubin_unit : str
        ``"mg/dL"`` or ``"umol/L"`` (`Unit`).
    albumin_unit : str
        ``"g/dL"`` or ``"g/L"`` (`Unit`).

    Returns
    -------
    float, ndarray or Series
        The score, in the container of `bilirubin`; NaN where either is missing.

    Raises
    ------
    DataError
        If a unit is unknown, the inputs do not pair up, or a value is outside `PLAUSIBLE`.

    References
    ----------
    Johnson PJ et al. J Clin Oncol 2015;33:550, doi 10.1200/JCO.2014.57.9151.

    Examples
    --------
    >>> round(albi(1.0, 4.0, bilirubin_unit="mg/dL", albumin_unit="g/dL"), 4)
    -2.5862
    """
    values, faults = read_quantities(
        {
            Quantity.BILIRUBIN: (bilirubin, bilirubin_unit),
            Quantity.ALBUMIN: (albumin, albumin_unit),
        }
    )
    raise_faults("ALBI", faults)
    umol_per_l = values[Quantity.BILIRUBIN] * _UMOL_PER_L
    g_per_l = values[Quantity.ALBUMIN] * _G_PER_L
    return put_numbers(bilirubin, np.asarray(0.66 * np.log10(umol_per_l) - 0.085 * g_per_l))


@overload
def albi_grade(score: float) -> str | None: ...
@overload
def albi_grade(score: FloatArray) -> TextArray: ...
@overload
def albi_grade(score: Series) -> Series: ...
def albi_grade(score: object) -> object:
    """Grade ALBI scores: 1 (<= -2.60), 2 (> -2.60 to <= -1.39) or 3 (> -1.39).

    Parameters
    ----------
    score : float, ndarray or Series
        ALBI scores; NaN where missing.

    Returns
    -------
    str or None, ndarray of object, or Series
        ``"1"``, ``"2"`` or ``"3"``; None where the score is missing.

    Raises
    ------
    DataError
        If a score is outside `PLAUSIBLE`.

    References
    ----------
    Johnson PJ et al. J Clin Oncol 2015;33:550, doi 10.1200/JCO.2014.57.9151.

    Examples
    --------
    >>> albi_grade(-2.60), albi_grade(-2.59), albi_grade(float("nan"))
    ('1', '2', None)
    """
    return put_labels(score, label_intervals(_scores(score), _GRADE_LIMITS, ("1", "2", "3")))


@overload
def malbi_grade(score: float, *, boundary: str) -> str | None: ...
@overload
def malbi_grade(score: FloatArray, *, boundary: str) -> TextArray: ...
@overload
def malbi_grade(score: Series, *, boundary: str) -> Series: ...
def malbi_grade(score: object, *, boundary: str) -> object:
    """Grade ALBI scores by the modified grade, which divides grade 2 at -2.27.

    1 (<= -2.60), 2a (> -2.60 to -2.27), 2b (-2.27 to <= -1.39), 3 (> -1.39).

    Parameters
    ----------
    score : float, ndarray or Series
        ALBI scores; NaN where missing.
    boundary : str
        Grade of exactly -2.27, ``"2a"`` or ``"2b"`` (`MalbiBoundary`): it matters for scores
        rounded to two decimals, and papers differ.

    Returns
    -------
    str or None, ndarray of object, or Series
        ``"1"``, ``"2a"``, ``"2b"`` or ``"3"``; None where the score is missing.

    Raises
    ------
    DataError
        If a score is outside `PLAUSIBLE`, or the boundary is neither 2a nor 2b.

    References
    ----------
    Hiraoka A et al. Liver Cancer 2019;8:121, doi 10.1159/000488778.

    Examples
    --------
    >>> malbi_grade(-2.27, boundary="2a"), malbi_grade(-2.27, boundary="2b")
    ('2a', '2b')
    """
    raise_faults("modified ALBI grade", check_boundary(boundary))
    # Intervals are closed on the right: the next lower number moves -2.27 itself to 2b.
    inner = _MALBI_LIMIT if boundary == MalbiBoundary.IN_2A else np.nextafter(_MALBI_LIMIT, -np.inf)
    limits = (_GRADE_LIMITS[0], float(inner), _GRADE_LIMITS[1])
    return put_labels(score, label_intervals(_scores(score), limits, ("1", "2a", "2b", "3")))


def check_boundary(boundary: str) -> list[Fault]:
    """Return the fault of a boundary that is neither 2a nor 2b; none if it is one.

    Parameters
    ----------
    boundary : str
        The grade of a score of exactly -2.27.

    Returns
    -------
    list of Fault
        One fault, or none.

    Examples
    --------
    >>> check_boundary("2a")
    []
    """
    if boundary in list(MalbiBoundary):
        return []
    problem = f"'{boundary}' does not say which grade a score of exactly -2.27 has"
    return [Fault("boundary of the modified ALBI grade", problem, nearest(boundary, MalbiBoundary))]


def _scores(score: object) -> FloatArray:
    values, faults = read_quantities({Quantity.ALBI: (score, Unit.DIMENSIONLESS)})
    raise_faults("ALBI score", faults)
    return values[Quantity.ALBI]


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
