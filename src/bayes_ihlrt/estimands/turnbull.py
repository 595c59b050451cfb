"""Survival without a model where events are known to lie between two scans (Turnbull).

The likelihood prod_i [S(l_i) - S(r_i)] / S(entry_i) is largest for a curve that falls only within
innermost intervals: from a left end to the right end that follows it with no end in between. Where
in such an interval it falls, the data do not say. In cumulative hazards c_j = -log(1 - h_j) of the
intervals the log-likelihood

    f(c) = -sum_j m_j c_j + sum_i log(1 - exp(-sum_{j in (l_i, r_i]} c_j)),

with m_j patients known to be free throughout j, is concave, also with late entry. Where nobody is
free throughout an interval in which somebody had the event, h_j = 1: of several such between which
the data do not tell, the last. The others are found by expectation and maximisation over counts of
Poisson processes (Wang and others 2016, doi 10.1111/biom.12389), steps being extrapolated
(Varadhan and Roland 2008, doi 10.1111/j.1467-9469.2007.00585.x).

Since every term is below zero, no curve is better than f(c) unless sum_j m_j c_j is at most -f(c):
over such curves the tangent at c is highest at a corner, which bounds what is still to be gained.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.names import LAST_FREE, TIME

type Floats = NDArray[np.float64]
type Ints = NDArray[np.intp]
type Intervals = tuple[Floats, Floats, Floats]

TURNBULL: Final = "Turnbull"
_INSTANT: Final = 1e-9
"""Months that an exactly known time is wide."""
_STEPS: Final = 5_000
_CLOSE: Final = 1e-8
_FURTHEST: Final = 1e6
"""Longest extrapolation, in steps: where two steps are alike to the last digit, none is too far."""
_ENOUGH: Final = 0.01
"""What any other curve may gain in log-likelihood where the search counts as finished."""
_LEAST: Final = 1e-300
_LEVEL: Final = 1e-10


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
        straight within innermost intervals, where they do not; it ends where they do. Attribute
        ``reached``: whether no other curve has a log-likelihood higher by more than 0.01.

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
    seen = (np.asarray(each, dtype=np.float64).tobytes() for each in (entry, left, right))
    return _estimate(*seen).copy()


@lru_cache(maxsize=16)
def _estimate(*seen: bytes) -> xr.Dataset:
    """The estimate, once in a run for the same patients."""
    entry, left, right = (np.frombuffer(each) for each in seen)
    left = np.where(right - left <= _INSTANT, right - _INSTANT, left)
    begin, end = _innermost(entry, left, right)
    first, last = np.searchsorted(begin, left), np.searchsorted(end, right, side="right")
    entered = np.searchsorted(begin, entry)
    hazard, missed = _hazards(first, last, entered, np.isfinite(right), len(begin))
    alive = np.cumprod(1.0 - hazard)
    before = np.concatenate([[1.0], alive[:-1]])
    known = np.isfinite(end)
    times = np.concatenate([[0.0], np.stack([begin, end], axis=1)[known].ravel()])
    curve = np.concatenate([[1.0], np.stack([before, alive], axis=1)[known].ravel()])
    if not known.all():
        times, curve = np.append(times, begin[~known]), np.append(curve, before[~known])
    kept = np.append(True, (np.diff(times) > 0.0) | (np.abs(np.diff(curve)) > _LEVEL))
    return xr.Dataset(
        {"survival": (TIME, np.clip(curve[kept], 0.0, 1.0))},
        {TIME: times[kept]},
        {"reached": bool(missed < _ENOUGH)},
    )


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


def _hazards(
    first: Ints, last: Ints, entered: Ints, found: NDArray[np.bool_], count: int
) -> tuple[Floats, float]:
    """Chance of the event in each innermost interval of those free before it; gain still possible.

    Steps of expectation and maximisation, two at a time extrapolated where f gains by it.
    """
    free = np.rint(_spread(entered, first, np.ones(len(first)), count))
    certain = _certain(first[found], last[found], free == 0.0)
    ends = np.concatenate([[0.0], np.cumsum(certain)])
    # Where it is certain among others, the patient says only that it came no earlier than `first`.
    told = found & (ends[last] == ends[first])
    first, last = first[told], last[told]
    weight = np.where(free == 0.0, 1.0, free)
    near = _spread(first, last, np.ones(len(first)), count)

    def step(risk: Floats) -> tuple[Floats, float, float]:
        below = np.concatenate([[0.0], np.cumsum(risk)])
        size = np.maximum(below[last] - below[first], _LEAST)
        odds = np.where(free == 0.0, 0.0, _spread(first, last, 1.0 / np.expm1(size), count))
        fit = float(np.log(-np.expm1(-size)).sum() - free @ risk)
        slope = odds - free
        missed = -fit * max(float((slope / weight).max()), 0.0) - float(slope @ risk)
        return risk * (odds + near) / (weight + near), missed, fit

    risk = np.where(free == 0.0, 0.0, 1.0 / count)
    for _ in range(_STEPS):
        one, missed, _ = step(risk)
        if missed < _CLOSE:
            break
        two, _, fit = step(one)
        moved, bend = one - risk, two - 2.0 * one + risk
        ratio = float(np.linalg.norm(moved) / max(np.linalg.norm(bend), _LEAST))
        pace = min(max(1.0, ratio), _FURTHEST)
        # A hazard of zero would stay so: what would fall below goes there step by step.
        far = np.maximum(risk + 2.0 * pace * moved + pace**2 * bend, two / 10.0)
        risk = far if step(far)[2] >= fit else two
    return np.where(certain, 1.0, -np.expm1(-risk)), missed


def _certain(first: Ints, last: Ints, free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of intervals that nobody is known to survive, as few and as late ones as all events need."""
    chosen = np.zeros(len(free), dtype=bool)
    places = np.flatnonzero(free)
    stop = np.searchsorted(places, last)
    behind = -1
    for i in np.argsort(stop, kind="stable"):
        place = places[stop[i] - 1] if stop[i] else -1
        if place >= first[i] > behind:
            chosen[place], behind = True, place
    return chosen


def _spread(first: Ints, last: Ints, values: Floats, count: int) -> Floats:
    """Add to each interval the values of those whose stretch holds it."""
    change = np.bincount(first, values, minlength=count + 1)
    change -= np.bincount(last, values, minlength=count + 1)
    return np.asarray(np.cumsum(change)[:count], dtype=np.float64)


def called(curve: xr.Dataset) -> str:
    """Return what legends call an estimate.

    Parameters
    ----------
    curve : xarray.Dataset
        From `turnbull`.

    Returns
    -------
    str
        Says where the search for it ended before the maximum.

    Examples
    --------
    >>> called(turnbull(np.zeros(2), np.array([0.0, 4.0]), np.array([2.0, np.inf])))
    'Turnbull'
    """
    return TURNBULL if curve.attrs["reached"] else f"{TURNBULL} (search not finished)"


def of_patients(rows: PersonTime) -> Intervals:
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


def until_treatment(rows: PersonTime, treatment: str | None) -> tuple[Intervals, Intervals]:
    """Return what is known of the event without treatment, read in two ways.

    Patients are censored at treatment. Where it starts between two scans of which the later found
    the event, nobody knows on which side of the start that lies: it is read once as later, when the
    patient is free until the scan before, and once as earlier. The survival that times of events
    would have shown lies between the curves of the two.

    Parameters
    ----------
    rows : PersonTime
        Of one history a patient, with ``last_free``.
    treatment : str or None
        The treatment's 0/1 column.

    Returns
    -------
    tuple of two tuples of ndarray, each of shape (patients,)
        As `turnbull` takes them, events read as later first; without patients of whom nothing is
        known but their entry.
    """
    entry, left, right = of_patients(rows)
    since = np.full(len(entry), np.inf)
    if treatment is not None:
        treated = rows.columns[treatment].astype(np.float64) == 1.0
        np.minimum.at(
            since, rows.patient_index[treated], rows.columns["start"].astype(np.float64)[treated]
        )
    free = np.minimum(left, since)
    found = np.where(right <= since, right, np.inf)
    within = np.isfinite(right) & (left < since) & (since < right)
    later, earlier = (entry, free, found), (entry, free, np.where(within, since, found))
    return _known(later), _known(earlier)


def _known(seen: Intervals) -> Intervals:
    entry, left, right = seen
    kept = (left > entry) | np.isfinite(right)
    return entry[kept], left[kept], right[kept]


def bounds(curve: xr.Dataset, times: Floats) -> tuple[Floats, Floats]:
    """Return between which values the estimate lies at times, where it may be undetermined.

    Parameters
    ----------
    curve : xarray.Dataset
        From `turnbull`.
    times : ndarray, shape (times,)
        Months.

    Returns
    -------
    least : ndarray, shape (times,)
        The lowest; NaN beyond the curve's end.
    most : ndarray, shape (times,)
        The highest: the same but within innermost intervals.

    Examples
    --------
    >>> curve = turnbull(np.zeros(2), np.array([0.0, 4.0]), np.array([2.0, np.inf]))
    >>> least, most = bounds(curve, np.array([1.0, 2.0, 3.0]))
    >>> least.tolist(), most.tolist()
    ([0.5, 0.5, 0.5], [1.0, 0.5, 0.5])
    """
    at, survival = curve[TIME].to_numpy(), curve["survival"].to_numpy()
    after, before = np.searchsorted(at, times), np.searchsorted(at, times, side="right") - 1
    known = times <= at[-1]
    least = np.where(known, survival[np.minimum(after, len(at) - 1)], np.nan)
    return least, np.where(known, survival[np.maximum(before, 0)], np.nan)
