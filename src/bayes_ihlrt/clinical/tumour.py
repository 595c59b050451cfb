"""Tumour burden and response: up-to-seven and RECIST 1.1."""

from enum import StrEnum
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.clinical.containers import (
    FloatArray,
    Series,
    TextArray,
    check_alignment,
    place,
    put_labels,
    put_numbers,
)
from bayes_ihlrt.clinical.units import (
    Quantity,
    Unit,
    raise_faults,
    read_flags,
    read_quantities,
    read_quantity,
)
from bayes_ihlrt.errors import Fault

_UP_TO_SEVEN: Final = 7.0
_MEASURABLE_MM: Final = 10.0
_LEAST_RISE_MM: Final = 5.0
_REMAINING_IN_PR: Final = 0.7
_GROWN_IN_PD: Final = 1.2


class Response(StrEnum):
    """Response by RECIST 1.1, best first."""

    COMPLETE = "CR"
    PARTIAL = "PR"
    STABLE = "SD"
    PROGRESSIVE = "PD"


def up_to_seven[V: (float, FloatArray, Series)](
    largest_diameter: V, nodules: V, *, diameter_unit: str
) -> V:
    """Tell whether the tumour burden is within the up-to-seven criterion.

    I(diameter of the largest nodule in cm + number of nodules <= 7).

    Parameters
    ----------
    largest_diameter : float, ndarray or Series
        Diameter of the largest intrahepatic nodule; NaN where missing.
    nodules : float, ndarray or Series
        Number of intrahepatic nodules, at least 1; NaN where missing.
    diameter_unit : str
        ``"cm"`` or ``"mm"`` (`Unit`).

    Returns
    -------
    float, ndarray or Series
        1 within, 0 beyond, in the container of `largest_diameter`; NaN where either is missing.

    Raises
    ------
    DataError
        If the unit is unknown, the inputs do not pair up, or a value is outside `PLAUSIBLE`.

    References
    ----------
    Mazzaferro V et al. Lancet Oncol 2009;10:35, doi 10.1016/S1470-2045(08)70284-5.

    Examples
    --------
    >>> up_to_seven(4.0, 3.0, diameter_unit="cm"), up_to_seven(41.0, 3.0, diameter_unit="mm")
    (1.0, 0.0)
    """
    values, faults = read_quantities(
        {
            Quantity.LARGEST_DIAMETER: (largest_diameter, diameter_unit),
            Quantity.NODULES: (nodules, Unit.DIMENSIONLESS),
        }
    )
    raise_faults("up-to-seven", faults)
    total = values[Quantity.LARGEST_DIAMETER] + values[Quantity.NODULES]
    within = 1.0 * (total <= _UP_TO_SEVEN)
    return put_numbers(largest_diameter, np.where(np.isnan(total), np.nan, within))


@overload
def recist_response(
    current: float, baseline: float, *, nadir: float, new_lesion: bool, unit: str
) -> str | None: ...
@overload
def recist_response(
    current: FloatArray,
    baseline: FloatArray,
    *,
    nadir: FloatArray,
    new_lesion: NDArray[np.bool_],
    unit: str,
) -> TextArray: ...
@overload
def recist_response(
    current: Series, baseline: Series, *, nadir: Series, new_lesion: Series, unit: str
) -> Series: ...
def recist_response(
    current: object, baseline: object, *, nadir: object, new_lesion: object, unit: str
) -> object:
    """Classify one assessment by RECIST 1.1 from sums of target lesion diameters.

    PD: a new lesion, or a rise of >= 20 % and >= 5 mm from the nadir. Otherwise CR: a sum of 0;
    PR: a fall of >= 30 % from baseline; else SD. mRECIST is the same on arterially enhancing
    diameters. Progression of non-target lesions is given as a new lesion; lymph nodes are left
    out of the sums.

    Parameters
    ----------
    current, baseline : float, ndarray or Series
        Sums at this assessment and before treatment; NaN where missing. Baseline is at least
        10 mm: smaller disease is not measurable.
    nadir : float, ndarray or Series
        Smallest sum before this assessment, baseline included.
    new_lesion : bool, ndarray or Series
        Whether a new lesion is seen; None where not assessed.
    unit : str
        Unit of the three sums: ``"mm"`` or ``"cm"`` (`Unit`).

    Returns
    -------
    str or None, ndarray of object, or Series
        ``"CR"``, ``"PR"``, ``"SD"`` or ``"PD"`` (`Response`); None where anything is missing.

    Raises
    ------
    DataError
        If the unit is unknown, the inputs do not pair up, a sum is outside `PLAUSIBLE`, the
        baseline is not measurable or the nadir exceeds it.

    References
    ----------
    Eisenhauer EA et al. Eur J Cancer 2009;45:228, doi 10.1016/j.ejca.2008.10.026.

    Examples
    --------
    >>> recist_response(70.0, 100.0, nadir=80.0, new_lesion=False, unit="mm")
    'PR'
    >>> recist_response(70.0, 100.0, nadir=58.0, new_lesion=False, unit="mm")
    'PD'
    """
    given = {"current": current, "baseline": baseline, "nadir": nadir}
    faults = check_alignment(given | {"new_lesion": new_lesion})
    sums = {}
    for name, values in given.items():
        quantity = Quantity.SUM_OF_DIAMETERS
        sums[name], found = read_quantity(quantity, values, unit=unit, name=name)
        faults += found
    new, found = read_flags("new_lesion", new_lesion)
    raise_faults("RECIST response", faults + found)
    raise_faults("RECIST response", _check_course(baseline, sums["baseline"], sums["nadir"]))
    response = _classify(sums["current"], sums["baseline"], nadir=sums["nadir"], new_lesion=new)
    return put_labels(current, response)


def _check_course(given: object, baseline: FloatArray, nadir: FloatArray) -> list[Fault]:
    small = [
        Fault(
            place("baseline", given, int(i)),
            f"a sum of {baseline.flat[i]:g} mm is not measurable disease",
            f"Give a sum of at least {_MEASURABLE_MM:g} mm, or leave it empty; check the unit",
        )
        for i in np.flatnonzero(baseline < _MEASURABLE_MM)
    ]
    rising = [
        Fault(
            place("nadir", given, int(i)),
            f"{nadir.flat[i]:g} mm exceeds the baseline of {baseline.flat[i]:g} mm",
            "Give the smallest sum so far, baseline included",
        )
        for i in np.flatnonzero(nadir > baseline)
    ]
    return small + rising


def _classify(
    current: FloatArray, baseline: FloatArray, *, nadir: FloatArray, new_lesion: FloatArray
) -> TextArray:
    # Differences are rounded so that 70.7 of 101 mm is a fall of exactly 30 %, also from cm.
    rise = np.round(current - nadir, 9)
    grown = np.round(current - _GROWN_IN_PD * nadir, 9) >= 0.0
    fallen = np.round(current - _REMAINING_IN_PR * baseline, 9) <= 0.0
    response = np.select(
        [(new_lesion > 0) | (grown & (rise >= _LEAST_RISE_MM)), current == 0.0, fallen],
        [str(Response.PROGRESSIVE), str(Response.COMPLETE), str(Response.PARTIAL)],
        default=str(Response.STABLE),
    )
    labels = np.array(response, dtype=object)
    labels[np.isnan(current + baseline + nadir + new_lesion)] = None
    return labels
