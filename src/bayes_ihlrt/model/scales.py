"""What default priors are measured by: a cohort's length of follow-up and its covariates.

Taken once a cohort and held for every rung, subset and refit, so that all of them have one prior.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, log10
from typing import Final

import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[np.generic]]
_STEPS: Final = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, eq=False)
class PriorScales:
    """Scales of a cohort.

    Parameters
    ----------
    months : float
        Reference time of the baseline's default prior.
    patients : mapping of str to ndarray, shape (patients,)
        Covariates at time zero, on the scale of the data.
    """

    months: float
    patients: Columns

    def __eq__(self, other: object) -> bool:
        """Scales follow from the data: specifications that differ in them alone are equal."""
        return other is None or isinstance(other, PriorScales)

    def __hash__(self) -> int:
        """Be equal to all others, as `__eq__` says."""
        return 0


def rounded_months(longest: float) -> float:
    """Return a number of months as 1, 2 or 5 times a power of ten, whichever is nearest in ratio.

    Parameters
    ----------
    longest : float
        Longest follow-up, months.

    Returns
    -------
    float
        A reference time that does not move with a few more days of follow-up.

    Examples
    --------
    >>> [rounded_months(m) for m in (0.9, 7.5, 48.0, 109.3, 144.0)]
    [1.0, 10.0, 50.0, 100.0, 200.0]
    """
    power = 10.0 ** floor(log10(longest))
    near = min(_STEPS, key=lambda step: abs(log10(longest / (step * power))))
    return near * power


def time_zero(columns: Columns, patient: NDArray[np.integer]) -> dict[str, NDArray[np.generic]]:
    """Return the first row of each patient.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        With ``start``.
    patient : ndarray of int, shape (rows,)
        Number of each row's patient.

    Returns
    -------
    dict of str to ndarray, shape (patients,)
        In the order of the numbers.
    """
    order = np.lexsort((columns["start"].astype(np.float64), patient))
    first = order[np.flatnonzero(np.diff(patient[order], prepend=-1))]
    return {name: values[first] for name, values in columns.items()}


def scales_of(columns: Columns, patient: NDArray[np.integer]) -> PriorScales:
    """Return the scales of rows (start, stop].

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        With ``start`` and ``stop`` in months.
    patient : ndarray of int, shape (rows,)
        Number of each row's patient.

    Returns
    -------
    PriorScales
        Of the patients at their first row.
    """
    longest = float(columns["stop"].astype(np.float64).max())
    return PriorScales(rounded_months(longest), time_zero(columns, patient))
