"""How much late follow-up counts in sequential trials, alike in both arms.

Controls who are treated later leave their trial, and those who stay make up for them by weights.
Where most have left, a few stand for all. From the month on by which the controls still untreated
are fewer than `FULL`, the months of both arms therefore count by

    g(u) = min(1, p(u) / FULL),

p(u) being the share of controls who are untreated u months after a trial began. It depends on u
alone and is the same for treated and controls: whatever the baseline hazard, trials of all
decisions are mixed alike in both arms at each u, and without an effect both arms have the same
weighted survival and the same weighted months. Weights that depend on the decision's number, or
that only controls have, do not leave that so (ADR 0022).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.data.starts import SAME_TIME

Floats = NDArray[np.float64]

FULL: Final = 0.25
"""Share of controls still untreated down to which follow-up counts in full."""
STEP: Final = 0.9
"""Ratio of one level of g to the one before."""


def still_untreated(start: Floats, stop: Floats, left: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the product-limit share of controls who have not been treated.

    Parameters
    ----------
    start, stop : ndarray, shape (rows,)
        Follow-up of controls, months since their trial began.
    left : ndarray of bool, shape (rows,)
        Whether it ends because treatment starts.

    Returns
    -------
    times : ndarray, shape (times,)
        When treatment starts, increasing.
    share : ndarray, shape (times,)
        The share after each.

    Examples
    --------
    >>> times, share = still_untreated(
    ...     np.zeros(4), np.array([1.0, 2.0, 2.0, 3.0]), np.array([True, False, True, False]))
    >>> times.tolist(), share.round(3).tolist()
    ([1.0, 2.0], [0.75, 0.5])
    """
    # Times that are the same apart from rounding are one time.
    times, count = np.unique(np.round(stop[left], 9), return_counts=True)
    before = times - SAME_TIME
    entered = np.searchsorted(np.sort(start), before, side="left")
    gone = np.searchsorted(np.sort(stop), before, side="left")
    at_risk = np.maximum(entered - gone, count)
    return times, np.cumprod(1.0 - count / at_risk)


def levels(times: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Return the months at which follow-up comes to count less, and how much it counts from there.

    Parameters
    ----------
    times, share : ndarray, shape (times,)
        As from `still_untreated`.

    Returns
    -------
    months : ndarray, shape (levels,)
        Increasing; before the first follow-up counts in full.
    counts : ndarray, shape (levels,)
        Decreasing.

    Examples
    --------
    >>> months, counts = levels(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, 0.2, 0.19, 0.1]))
    >>> months.tolist(), counts.round(3).tolist()
    ([2.0, 4.0], [0.8, 0.4])
    """
    factor = np.minimum(1.0, share / FULL)
    thinned = factor < 1.0
    with np.errstate(divide="ignore"):
        depth = np.where(thinned, np.floor(np.log(factor) / np.log(STEP)), -1.0)
    first = np.flatnonzero(np.diff(depth, prepend=-1.0) > 0.0)
    return times[first], factor[first]


def counted(start: Floats, months: Floats, counts: Floats) -> Floats:
    """Return how much rows count.

    Parameters
    ----------
    start : ndarray, shape (rows,)
        Beginning of each row, months since its trial began; no row goes across a level.
    months, counts : ndarray, shape (levels,)
        As from `levels`.

    Returns
    -------
    ndarray, shape (rows,)
        Between 0 and 1.
    """
    passed = np.searchsorted(months, start + SAME_TIME, side="right")
    return np.append(1.0, counts)[passed]
