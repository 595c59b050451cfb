"""Flexible baselines: how many pieces, where they lie, and the hazard that their walk departs from.

The random walk departs from a Weibull hazard, whose log shape is a parameter with the Weibull's own
prior, and every step between neighbouring pieces has the same scale. A walk whose steps grow with
the width of the pieces in months forbids what hazards do most often, to fall steeply in the first
weeks, and what a baseline cannot bend to is credited to a treatment that starts late.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.hazards.mspline import MSpline
from bayes_ihlrt.hazards.piecewise import Piecewise
from bayes_ihlrt.hazards.protocol import Array, Hazard, Namespace
from bayes_ihlrt.names import LAST_FREE

Floats = NDArray[np.float64]
EVENTS_A_PIECE: Final = 6
INTERVALS: Final = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20)
"""Few numbers, so that similar data share a compiled function."""
MOST_KNOTS: Final = 10
_FROM_ZERO: Final = 1e4
"""Stands for the infinite log ratio of the ends of an interval that begins at 0."""


def event_times(rows: PersonTime) -> tuple[Floats, int]:
    """Return when events happened, and how many different ones.

    Parameters
    ----------
    rows : PersonTime
        Rows, months.

    Returns
    -------
    times : ndarray, shape (event rows,)
        Months; a patient's event stands in several rows where trials or clones overlap. The middle
        of two scans between which it happened.
    events : int
        Patients with an event.
    """
    died = rows.columns["event"].astype(np.float64) == 1.0
    times = rows.columns["stop"][died].astype(np.float64)
    if LAST_FREE in rows.columns:
        # What lies between scans is most likely found half-way; cuts and knots need no better.
        free = rows.columns[LAST_FREE][died].astype(np.float64)
        times = np.where(np.isfinite(free), (free + times) / 2.0, times)
    return times, len(np.unique(rows.patient_index[died]))


def automatic_cuts(times: Floats, *, events: int | None = None) -> tuple[float, ...]:
    """Return cut points of a piecewise hazard at quantiles of the event times.

    About one interval for six events, at least two and at most twenty, with about as many events
    in each, so that there are many where events are dense.

    Parameters
    ----------
    times : ndarray, shape (event rows,)
        Months at which events happened.
    events : int, optional
        Number of different events, where a patient's event stands in several rows.

    Returns
    -------
    tuple of float
        Months, increasing, each between two event times.

    Raises
    ------
    SpecificationError
        There are no two different event times to put a cut between.

    Examples
    --------
    >>> automatic_cuts(np.arange(1.0, 25.0))
    (6.5, 12.5, 18.5)
    """
    times = np.sort(np.asarray(times, dtype=np.float64))
    count = len(times) if events is None else events
    intervals = max(number for number in INTERVALS if number <= max(2, count / EVENTS_A_PIECE))
    known = np.unique(times)
    if len(known) < 2:
        problem = f"there is {len(known)} time at which events happened, so no place for a cut"
        remedy = "Choose the family 'exponential' or 'weibull', or give cuts"
        raise SpecificationError("piecewise hazard", [Fault("cuts", problem, remedy)])
    # A tie belongs to one interval: cuts lie in the middle between neighbouring event times.
    gaps = (known[:-1] + known[1:]) / 2.0
    before = np.searchsorted(times, gaps) / len(times)
    aims = np.arange(1, intervals) / intervals
    nearest = np.abs(before[None, :] - aims[:, None]).argmin(axis=1)
    return tuple(float(gap) for gap in gaps[np.unique(nearest)])


def automatic_knots(times: Floats, *, events: int | None = None) -> int:
    """Return the number of inner knots of an M-spline: one for twelve events, one to ten.

    Parameters
    ----------
    times : ndarray, shape (event rows,)
        Months at which events happened.
    events : int, optional
        Number of different events, where a patient's event stands in several rows.

    Returns
    -------
    int
        No more than different event times allow.

    Examples
    --------
    >>> automatic_knots(np.arange(1.0, 61.0)), automatic_knots(np.arange(1.0, 6.0))
    (5, 1)
    """
    count = len(times) if events is None else events
    wanted = min(max(count // (2 * EVENTS_A_PIECE), 1), MOST_KNOTS)
    while wanted > 1:
        places = np.arange(wanted + 2) / (wanted + 1)
        knots = np.quantile(times, places)
        knots[0] = 0.0
        if np.all(np.diff(knots) > 0.0):
            break
        wanted -= 1
    return wanted


def trend_places(hazard: Hazard) -> Floats:
    """Return the constants of a flexible hazard's Weibull trend, data of its graph.

    They are data so that hazards with other cuts or knots share one compiled function.

    Parameters
    ----------
    hazard : Hazard
        Any hazard.

    Returns
    -------
    ndarray, shape (pieces, 3)
        Of an interval log end, log (end / beginning) and log width; of an M-spline's weight log
        (Greville abscissa / last knot), log weight of a constant hazard and log last knot. The last
        interval, which has no end, is taken to be as wide as the one before it. No rows for other
        families.

    Examples
    --------
    >>> trend_places(Piecewise((3.0, 6.0))).shape
    (3, 3)
    """
    if isinstance(hazard, Piecewise):
        edges = np.concatenate([[0.0], hazard.cuts])
        ends = np.append(edges[1:], 2.0 * edges[-1] - edges[-2])
        ratio = np.append(_FROM_ZERO, np.log(ends[1:] / edges[1:]))
        return np.stack([np.log(ends), ratio, np.log(ends - edges)], axis=1)
    if isinstance(hazard, MSpline):
        last, beyond = hazard.knots[-1], (hazard.knots[-1],) * hazard.degree
        padded = np.asarray(((0.0,) * hazard.degree) + hazard.knots + beyond)
        # With coefficients f(Greville abscissa) a spline follows f; the first of them is 0.
        inner = np.lib.stride_tricks.sliding_window_view(padded[1:-1], hazard.degree)
        abscissae = inner.mean(axis=-1)
        abscissae[0] = padded[: hazard.degree + 2].mean()
        places = np.log(abscissae / last)
        constant = np.log(hazard.constant_weights())
        return np.stack([places, constant, np.full(len(places), np.log(last))], axis=1)
    return np.empty((0, 3))


def interval_trend(xp: Namespace, log_shape: Array, places: Array) -> Array:
    r"""Return the log of a Weibull's mean hazard in each interval, its log rate being 0.

    :math:`\log\{(u_j^k - l_j^k) / (u_j - l_j)\}`: with these log hazards the cumulative hazard at
    every cut is that of the Weibull with shape k.

    Parameters
    ----------
    xp : namespace
        Array library.
    log_shape : array, shape B
        Log of the shape k.
    places : array, shape (intervals, 3)
        From `trend_places`.

    Returns
    -------
    array, shape B + (intervals,)
        Log hazards per month.

    Examples
    --------
    >>> places = trend_places(Piecewise((3.0, 6.0, 12.0)))
    >>> interval_trend(np, np.array(0.0), places).round(12).tolist()
    [0.0, 0.0, 0.0, 0.0]
    """
    shape = xp.exp(log_shape)[..., None]
    return shape * places[:, 0] + xp.log(-xp.expm1(-shape * places[:, 1])) - places[:, 2]


def weight_trend(xp: Namespace, log_shape: Array, places: Array) -> Array:
    r"""Return log weights of an M-spline hazard that follows a Weibull.

    The weights of a constant hazard times :math:`(\xi_m / \mathrm{upper})^{k - 1}`, where
    :math:`\xi_m` is the Greville abscissa of basis function m, the mean of its inner knots.

    Parameters
    ----------
    xp : namespace
        Array library.
    log_shape : array, shape B
        Log of the shape k.
    places : array, shape (weights, 3)
        From `trend_places`.

    Returns
    -------
    array, shape B + (weights,)
        Unnormalised log weights.

    Examples
    --------
    >>> spline = MSpline((0.0, 6.0, 24.0))
    >>> weights = weight_trend(np, np.array(0.0), trend_places(spline))
    >>> np.allclose(weights, np.log(spline.constant_weights()))
    True
    """
    return (xp.exp(log_shape) - 1.0)[..., None] * places[:, 0] + places[:, 1]


def walk_matrix(n_steps: int) -> Floats:
    """Return the matrix that turns steps into a random walk whose mean over the pieces is 0.

    Parameters
    ----------
    n_steps : int
        Number of steps, one less than pieces.

    Returns
    -------
    ndarray, shape (n_steps + 1, n_steps)
        Its rows differ by one step from each other.

    Examples
    --------
    >>> walk_matrix(2).round(3).tolist()
    [[-0.667, -0.333], [0.333, -0.333], [0.333, 0.667]]
    """
    path = np.tril(np.ones((n_steps + 1, n_steps)), -1)
    return np.asarray(path - path.mean(axis=0))


def walk_information(event: Floats, pieces: int) -> Floats:
    """Return about how much the data say of the difference between two neighbouring pieces.

    With d events in each piece, log hazards have variance 1 / d and their difference 2 / d.

    Parameters
    ----------
    event : ndarray
        Events of the rows, weighted.
    pieces : int
        Number of pieces.

    Returns
    -------
    ndarray, shape (1,)
        Inverse variance.

    Examples
    --------
    >>> walk_information(np.ones(60), 6).tolist()
    [5.0]
    """
    return np.asarray([event.sum() / (2.0 * max(pieces, 1))])
