"""Flexible hazards: how many pieces, where they lie, and the hazard that their walk departs from.

The random walk departs from a Weibull hazard, whose log shape is a parameter with the Weibull's own
prior, and every step between neighbouring pieces has the same scale. A walk whose steps grow with
the width of the pieces in months forbids what hazards do most often, to fall steeply in the first
weeks, and what a baseline cannot bend to is credited to a treatment that starts late.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.hazards.protocol import Array, Namespace
from bayes_ihlrt.priors import AdjacentHazardPrior, Prior

Floats = NDArray[np.float64]
EVENTS_A_PIECE: Final = 6
INTERVALS: Final = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20)
"""Few numbers, so that similar data share a compiled function."""
MANY: Final = {2_000: 30, 4_000: 40}
"""Intervals by the least number of events. Inside an interval time confounds as it does under a
hazard that cannot bend: what twenty leave is small beside the error of few events only."""
MOST_KNOTS: Final = 10
MANY_KNOTS: Final = 15
"""With 20 the batched engine's approximation fails at 20,000 patients (Pareto k-hat 0.9)."""
FROM_ZERO: Final = 1e4
"""Stands for the infinite log ratio of the ends of an interval that begins at 0."""


SMOOTHING_SD: Final[Prior] = AdjacentHazardPrior(hr_adjacent=4.0).to_prior()
"""Of a walk's scale: neighbouring hazards differ by less than a factor 4 (95 %)."""
WALK_WORDS: Final = {"smoothing_sd": "SD of neighbouring baseline hazards (log)"}


def automatic_cuts(times: Floats, *, events: int | None = None) -> tuple[float, ...]:
    """Return cut points of a piecewise hazard at quantiles of the event times.

    About one interval for six events, two to twenty, 30 from 2,000 events on and 40 from 4,000,
    with about as many events in each, so that there are many where events are dense.

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
    few = max(number for number in INTERVALS if number <= max(2, count / EVENTS_A_PIECE))
    intervals = max([few, *(number for least, number in MANY.items() if count >= least)])
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

    From 2,000 events on they are 15.

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
    few = min(max(count // (2 * EVENTS_A_PIECE), 1), MOST_KNOTS)
    wanted = few if count < min(MANY) else MANY_KNOTS
    while wanted > 1:
        places = np.arange(wanted + 2) / (wanted + 1)
        knots = np.quantile(times, places)
        knots[0] = 0.0
        if np.all(np.diff(knots) > 0.0):
            break
        wanted -= 1
    return wanted


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
        `Piecewise.places`.

    Returns
    -------
    array, shape B + (intervals,)
        Log hazards per month.

    Examples
    --------
    >>> from bayes_ihlrt.hazards.piecewise import Piecewise
    >>> places = Piecewise((3.0, 6.0, 12.0)).places
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
        `MSpline.places`.

    Returns
    -------
    array, shape B + (weights,)
        Unnormalised log weights.

    Examples
    --------
    >>> from bayes_ihlrt.hazards.mspline import MSpline
    >>> spline = MSpline((0.0, 6.0, 24.0))
    >>> weights = weight_trend(np, np.array(0.0), spline.places)
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
