"""Markers of inflammation, NLR and CRAFITY, and printed hazard ratios turned the usual way."""

from enum import StrEnum
from math import inf, log
from typing import Final

import numpy as np

from bayes_ihlrt.clinical.containers import FloatArray, Series, place, put_numbers
from bayes_ihlrt.clinical.units import (
    Quantity,
    Unit,
    check_laboratory,
    raise_faults,
    read_quantities,
    read_quantity,
)
from bayes_ihlrt.errors import Fault, nearest

_AFP_LIMIT: Final = 100.0
_CRP_LIMIT: Final = 1.0


def nlr[V: (float, FloatArray, Series)](neutrophils: V, lymphocytes: V, *, unit: str) -> V:
    """Compute the neutrophil-to-lymphocyte ratio of one blood sample.

    NLR = absolute neutrophils / absolute lymphocytes, from a sample before the dose. In the four
    weeks after TACE it is raised by the treatment: mask those values before analysis.

    Parameters
    ----------
    neutrophils, lymphocytes : float, ndarray or Series
        Absolute counts of the same samples; NaN where missing.
    unit : str
        Unit of both counts: ``"10^9/L"``, ``"10^3/uL"`` or ``"/uL"`` (`Unit`).

    Returns
    -------
    float, ndarray or Series
        The ratio, in the container of `neutrophils`; NaN where either is missing.

    Raises
    ------
    DataError
        If the unit is unknown, the inputs do not pair up, or a count or ratio is outside
        `PLAUSIBLE`.

    Examples
    --------
    >>> nlr(4.5, 1.5, unit="10^9/L"), nlr(4500.0, 1500.0, unit="/uL")
    (3.0, 3.0)
    """
    values, faults = read_quantities(
        {Quantity.NEUTROPHILS: (neutrophils, unit), Quantity.LYMPHOCYTES: (lymphocytes, unit)}
    )
    raise_faults("NLR", faults)
    ratio = np.asarray(values[Quantity.NEUTROPHILS] / values[Quantity.LYMPHOCYTES])
    implausible = check_laboratory(Quantity.NLR, ratio, Unit.DIMENSIONLESS)
    remedy = "Check both counts of this sample, or leave one empty if it is not known"
    raise_faults(
        "NLR",
        [
            Fault(place("nlr", neutrophils, fault.position), fault.problem, remedy)
            for fault in implausible
        ],
    )
    return put_numbers(neutrophils, ratio)


def nlr_log2[V: (float, FloatArray, Series)](nlr: V, reference: float = 3.0) -> V:
    """Put the NLR on the scale of analysis: log2(NLR / reference).

    A coefficient is then per doubling of the NLR, and main effects are read at the reference.

    Parameters
    ----------
    nlr : float, ndarray or Series
        Neutrophil-to-lymphocyte ratios; NaN where missing.
    reference : float
        NLR at which the result is zero.

    Returns
    -------
    float, ndarray or Series
        Doublings above the reference, in the container of `nlr`; NaN where missing.

    Raises
    ------
    DataError
        If a ratio or the reference is outside `PLAUSIBLE`.

    Examples
    --------
    >>> nlr_log2(6.0), nlr_log2(5.0, reference=5.0)
    (1.0, 0.0)
    """
    unit = Unit.DIMENSIONLESS
    ratio, faults = read_quantity(Quantity.NLR, nlr, unit=unit, name="nlr")
    centre, at_fault = read_quantity(Quantity.NLR, reference, unit=unit, name="reference")
    if np.isnan(centre) and not at_fault:
        at_fault = [Fault("reference", "is missing", "Give an NLR, for example 3.0")]
    raise_faults("log2 NLR", faults + at_fault)
    return put_numbers(nlr, np.asarray(np.log2(ratio / centre)))


def crafity[V: (float, FloatArray, Series)](afp: V, crp: V, *, afp_unit: str, crp_unit: str) -> V:
    """Compute CRAFITY (C-reactive protein and alpha-fetoprotein in immunotherapy), 0 to 2.

    CRAFITY = I(AFP >= 100 ng/mL) + I(CRP >= 1 mg/dL).

    Parameters
    ----------
    afp, crp : float, ndarray or Series
        Alpha-fetoprotein and C-reactive protein before treatment; NaN where missing.
    afp_unit : str
        ``"ng/mL"`` or ``"ug/L"``, which are equal (`Unit`).
    crp_unit : str
        ``"mg/dL"`` or ``"mg/L"`` (`Unit`).

    Returns
    -------
    float, ndarray or Series
        0, 1 or 2 points, in the container of `afp`; NaN where either is missing.

    Raises
    ------
    DataError
        If a unit is unknown, the inputs do not pair up, or a value is outside `PLAUSIBLE`.

    References
    ----------
    Scheiner B et al. J Hepatol 2022;76:353, doi 10.1016/j.jhep.2021.09.035.

    Examples
    --------
    >>> crafity(100.0, 10.0, afp_unit="ng/mL", crp_unit="mg/L")
    2.0
    """
    values, faults = read_quantities({Quantity.AFP: (afp, afp_unit), Quantity.CRP: (crp, crp_unit)})
    raise_faults("CRAFITY", faults)
    ng_per_ml, mg_per_dl = values[Quantity.AFP], values[Quantity.CRP]
    missing = np.isnan(ng_per_ml) | np.isnan(mg_per_dl)
    points = 1.0 * (ng_per_ml >= _AFP_LIMIT) + (mg_per_dl >= _CRP_LIMIT)
    return put_numbers(afp, np.where(missing, np.nan, points))


class Direction(StrEnum):
    """What a printed number is: the hazard ratio of the factor, or its inverse."""

    HAZARD_RATIO = "HR"
    INVERSE = "1/HR"


def published_hazard_ratio(value: float, *, direction: str) -> float:
    """Return the log hazard ratio of a printed value, positive where the factor is adverse.

    log HR = log(value) where the paper prints HR, -log(value) where it prints 1/HR. Some papers
    print favourable factors above 1: the direction must be read from the text and stated.

    Parameters
    ----------
    value : float
        The printed number.
    direction : str
        ``"HR"`` or ``"1/HR"`` (`Direction`).

    Returns
    -------
    float
        Log hazard ratio of having the factor.

    Raises
    ------
    DataError
        If the value is not positive and finite, or the direction is unknown.

    References
    ----------
    Tajiri K et al. Cancers 2026;18:1021, doi 10.3390/cancers18061021, prints 1/HR.

    Examples
    --------
    >>> from math import exp
    >>> round(exp(published_hazard_ratio(1.62, direction="1/HR")), 3)
    0.617
    """
    faults = []
    if not 0.0 < value < inf:
        problem = f"{value:g} cannot be a hazard ratio"
        faults.append(Fault("value", problem, "Give the printed ratio, above 0, not its logarithm"))
    if direction not in list(Direction):
        hint = nearest(direction, Direction)
        faults.append(Fault("direction", f"found '{direction}'", hint))
    raise_faults("published hazard ratio", faults)
    return log(value) if direction == Direction.HAZARD_RATIO else -log(value)
