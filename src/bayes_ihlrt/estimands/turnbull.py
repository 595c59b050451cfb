"""Survival without a model where events are known to lie between two scans (Turnbull).

The likelihood prod_i [S(l_i) - S(r_i)] / S(entry_i) is largest for a curve that falls only within
innermost intervals: from a left end to the right end that follows it with no end in between. Where
in such an interval it falls, the data do not say. The masses p_j are found by self-consistency,

    p_j <- sum_i { share of i's mass in j, given (l_i, r_i] } / n,

patients who would have had the event before entry being counted as if they had been seen.
"""

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.names import LAST_FREE, TIME

type Floats = NDArray[np.float64]
type Ints = NDArray[np.intp]

_INSTANT: Final = 1e-9
"""Months that an exactly known time is wide."""
_STEPS: Final = 20_000
_CLOSE: Final = 1e-10


def turnbull(entry: Floats, left: Floats, right: Floats) -> xr.Dataset:
    """Return the non-parametric estimate of survival from intervals.

    Parameters
    ----------
    entry : ndarray, shape (patients,)
        Months at which patients came under observation.
    left : ndarray, shape (patients,)
        Last month without the event.
    right : ndarray, shape (patients,)
        Month by which it had happened: infinite where it was not found, `left` where it is exact.

    Returns
    -------
    xarray.Dataset
        ``survival`` over ``time``: a curve that is level where the data say so and is drawn
        straight within innermost intervals, where they do not; it ends where they do.

    References
    ----------
    Turnbull BW. J R Stat Soc B 1976;38:290-295, doi 10.1111/j.2517-6161.1976.tb01597.x.
    Frydman H. J R Stat Soc B 1994;56:71-74, doi 10.1111/j.2517-6161.1994.tb01960.x (late entry).

    Examples
    --------
    Found at scans by month 2, between 2 and 4, and not by month 4:

    >>> found = turnbull(np.zeros(3), np.array([0.0, 2.0, 4.0]), np.array([2.0, 4.0, np.inf]))
    >>> found["time"].values.tolist(), found["survival"].values.round(3).tolist()
    ([0.0, 2.0, 4.0], [1.0, 0.667, 0.333])
    """
    left = np.where(right - left <= _INSTANT, right - _INSTANT, left)
    begin, end = _innermost(entry, left, right)
    first, last = np.searchsorted(begin, left), np.searchsorted(end, right, side="right")
    seen = np.searchsorted(begin, entry)
    mass = _masses(first, last, seen, len(begin))
    alive = 1.0 - np.cumsum(mass)
    known = np.isfinite(end)
    times = np.concatenate([[0.0], np.stack([begin, end], axis=1)[known].ravel()])
    curve = np.concatenate([[1.0], np.stack([alive + mass, alive], axis=1)[known].ravel()])
    if not known.all():
        times, curve = np.append(times, begin[~known]), np.append(curve, (alive + mass)[~known])
    kept = np.append(True, (np.diff(times) > 0.0) | (np.abs(np.diff(curve)) > _CLOSE))
    return xr.Dataset({"survival": (TIME, np.clip(curve[kept], 0.0, 1.0))}, {TIME: times[kept]})


def _innermost(entry: Floats, left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Left ends that are followed by a right end, or by an entry, before another left end."""
    ends = np.concatenate([right, entry[entry > 0.0]])
    times = np.concatenate([left, ends])
    opens = np.arange(len(times)) < len(left)
    # An interval holds its right end and not its left: at one time, ends come first.
    order = np.lexsort((opens, times))
    times, opens = times[order], opens[order]
    place = np.flatnonzero(opens[:-1] & ~opens[1:])
    return times[place], times[place + 1]


def _masses(first: Ints, last: Ints, seen: Ints, count: int) -> Floats:
    """Self-consistent masses of the innermost intervals, of which each patient has a stretch."""
    mass = np.full(count, 1.0 / count)
    late = seen > 0
    for _ in range(_STEPS):
        below = np.concatenate([[0.0], np.cumsum(mass)])
        own = _spread(first, last, 1.0 / np.maximum(below[last] - below[first], 1e-300), count)
        if late.any():
            alive = 1.0 / np.maximum(below[-1] - below[seen[late]], 1e-300)
            own += _spread(np.zeros(int(late.sum()), dtype=np.intp), seen[late], alive, count)
        moved = mass * own
        moved /= moved.sum()
        done = float(np.abs(moved - mass).max()) < _CLOSE
        mass = moved
        if done:
            break
    return mass


def _spread(first: Ints, last: Ints, values: Floats, count: int) -> Floats:
    """Add to each interval the values of those whose stretch holds it."""
    change = np.bincount(first, values, minlength=count + 1)
    change -= np.bincount(last, values, minlength=count + 1)
    return np.asarray(np.cumsum(change)[:count], dtype=np.float64)


def of_patients(rows: PersonTime) -> tuple[Floats, Floats, Floats]:
    """Return entry, last month without the event and month by which it had happened.

    Parameters
    ----------
    rows : PersonTime
        Of one history a patient, with ``last_free``.

    Returns
    -------
    tuple of ndarray, each of shape (patients,)
        As `turnbull` takes them.
    """
    index = rows.patient_index
    head = np.flatnonzero(np.diff(index, prepend=-1))
    tail = np.append(head[1:], len(index)) - 1
    columns = {name: rows.columns[name].astype(np.float64) for name in ("start", "stop", "event")}
    stop, free = columns["stop"][tail], rows.columns[LAST_FREE].astype(np.float64)[tail]
    left = np.where(np.isfinite(free), free, stop)
    return columns["start"][head], left, np.where(columns["event"][tail] == 1.0, stop, np.inf)


def turnbull_of(rows: PersonTime) -> xr.Dataset:
    """Return the non-parametric estimate of survival of person-time with events between scans.

    Parameters
    ----------
    rows : PersonTime
        Of one history a patient, with ``last_free``.

    Returns
    -------
    xarray.Dataset
        From `turnbull`.
    """
    return turnbull(*of_patients(rows))
