"""Baseline hazards as graph nodes: their parameters, priors and sampling coordinates.

The level of the hazard is sampled at a central point (average covariates and group effects, a
typical time), where it is nearly uncorrelated with the other parameters. The prior is stated for
the level itself; since the central level differs from it by a shift that does not depend on it,
giving the central level the shifted prior is the same model.

Hazards with several levels are a_j = level + d_j, with deviations d_j of mean zero (piecewise) or
weights of sum one (M-spline). What is stated of survival at a time fixes the level alone, given the
deviations, which have a prior of their own: one statement is one piece of information.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.tensor import TensorVariable

from bayes_ihlrt.hazards import Exponential, Gompertz, Hazard, MSpline, Piecewise, Weibull
from bayes_ihlrt.model.contrasts import orthonormal_basis
from bayes_ihlrt.model.graph_priors import GraphPriors
from bayes_ihlrt.model.parameters import ANCHOR
from bayes_ihlrt.model.prior_domains import DEVIATION_NAME
from bayes_ihlrt.model.spec import HazardSpec
from bayes_ihlrt.names import INTERVAL, HazardFamily, Smoothing
from bayes_ihlrt.priors import Z_975, PriorScale

Theta = dict[str, TensorVariable]
LAST_LOG_MEDIAN: Final = np.log(600.0)
"""Log month up to which an upper bound of the median is taken as stated."""
SEVERAL_LEVELS: Final = (Piecewise, MSpline)
"""Hazards whose shape bends freely, by deviations from one level."""
DEFAULT_KNOTS: Final = 3


def make_hazard(spec: HazardSpec, event_times: np.ndarray) -> Hazard:
    """Return the hazard that a specification names.

    Parameters
    ----------
    spec : HazardSpec
        Family and its options.
    event_times : ndarray
        Observed event times in months, for the knots of an M-spline.

    Returns
    -------
    Hazard
        Ready to be evaluated.
    """
    match spec.family:
        case HazardFamily.EXPONENTIAL:
            return Exponential()
        case HazardFamily.WEIBULL:
            return Weibull()
        case HazardFamily.GOMPERTZ:
            return Gompertz()
        case HazardFamily.PIECEWISE:
            return Piecewise(cuts=spec.cuts or ())
        case HazardFamily.MSPLINE:
            return MSpline.from_event_times(event_times, n_knots=spec.knots or DEFAULT_KNOTS)


def add_baseline(
    spec: HazardSpec,
    hazard: Hazard,
    priors: GraphPriors,
    *,
    centre: TensorVariable,
    reference: TensorVariable,
    time_centre: TensorVariable,
    share: TensorVariable,
) -> Theta:
    """Add the parameters of the baseline hazard to the model on the stack.

    Parameters
    ----------
    spec : HazardSpec
        Family and options.
    hazard : Hazard
        The hazard made from it.
    priors : GraphPriors
        Priors by parameter.
    centre : TensorVariable, scalar
        Linear predictor at average covariates and group effects.
    reference : TensorVariable, scalar
        Linear predictor of the untreated average patient.
    time_centre : TensorVariable, scalar
        Log of a typical time in months.
    share : TensorVariable, shape (intervals,)
        Share of events in each interval, for the piecewise hazard.

    Returns
    -------
    dict of str to TensorVariable
        The hazard's parameters.
    """
    shape, own = _shape_of(spec)(hazard, priors, time_centre, share)
    anchor = ANCHOR[spec.family]
    shift = centre + own
    location, stretch = _stated_location(hazard, priors, shape, anchor, reference)
    if not priors.has_location(anchor):
        level = priors.sample(anchor, stored=f"{anchor}_centred" if anchor in shape else None)
    else:
        central = priors.sample(
            anchor, shift=shift + location, stretch=stretch, stored=f"{anchor}_centred"
        )
        level = central - shift
        if anchor not in shape:
            level = pm.Deterministic(anchor, level)
    if anchor not in shape:
        return {**shape, anchor: level}
    return {anchor: pm.Deterministic(anchor, level + shape[anchor], dims=INTERVAL)}


def _stated_location(
    hazard: Hazard, priors: GraphPriors, shape: Theta, anchor: str, reference: TensorVariable
) -> tuple[TensorVariable | float, TensorVariable | float]:
    """Return shift and stretch that turn the stated prior into one on the level.

    A statement on survival is one piece of information: H(t) of the untreated average patient at
    one time t. With H_free the cumulative hazard at level zero, it fixes the level alone:
    level = log H(t) - log H_free(t) - reference; the shape of the hazard has its own prior.

    For a log median m, H(m) = log 2: the level is a falling function of log m. Taken as the line
    through its values at the prior median and at the upper bound of the median, both statements
    hold exactly whatever the family; for the Weibull it is a line. Bounds beyond month 600 count
    as month 600, where rising hazards can still be computed. A hazard with several levels takes the
    slope -1 that it has without deviations: another slope for each shape would be a second
    statement, on shapes. It is exact at the median.
    """
    stated = priors.priors[anchor]
    if stated.on not in {PriorScale.LOG_MEDIAN, PriorScale.LOG_CUMULATIVE_HAZARD}:
        return 0.0, 1.0
    values = priors.values[anchor]
    free = {anchor: pt.as_tensor(0.0), **shape}
    if stated.on is PriorScale.LOG_CUMULATIVE_HAZARD:
        return -_log_cumulative(hazard, values["at"], free) - reference, 1.0
    log_median = values["mu"]
    median = pt.exp(log_median)
    log_cumulative = _log_cumulative(hazard, median, free)
    stretch: TensorVariable | float = 1.0
    if not isinstance(hazard, SEVERAL_LEVELS):
        apart = pt.minimum(Z_975 * values["sigma"], pt.maximum(LAST_LOG_MEDIAN - log_median, 0.1))
        later = _log_cumulative(hazard, pt.exp(log_median + apart), free)
        stretch = (later - log_cumulative) / apart
    location = np.log(np.log(2.0)) - log_cumulative - reference - stretch * log_median
    return location, stretch


def _log_cumulative(hazard: Hazard, time: TensorVariable, theta: Theta) -> TensorVariable:
    spent = hazard.increment_basis(pt, pt.zeros((1,)), time[None])
    return pt.log(hazard.cumulative_hazard(pt, spent, theta)[0])


_Shape = tuple[Theta, TensorVariable | float]


def _exponential(*_: object) -> _Shape:
    return {}, 0.0


def _weibull(
    hazard: Hazard, priors: GraphPriors, time_centre: TensorVariable, _: TensorVariable
) -> _Shape:
    del hazard
    log_shape = priors.sample("log_shape")
    return {"log_shape": log_shape}, pt.exp(log_shape) * time_centre


def _gompertz(
    hazard: Hazard, priors: GraphPriors, time_centre: TensorVariable, _: TensorVariable
) -> _Shape:
    del hazard
    time = pt.exp(time_centre)
    scaled = priors.sample("slope", stretch=time, stored="slope_scaled")
    slope = pm.Deterministic("slope", scaled / time)
    return {"slope": slope}, scaled


def _random_walk(
    hazard: Hazard, priors: GraphPriors, _: TensorVariable, share: TensorVariable
) -> _Shape:
    """Deviations of mean zero: a walk whose steps have variance sd^2 x distance."""
    if not isinstance(hazard, Piecewise):
        raise TypeError(type(hazard).__name__)
    walk = _walk(priors, np.sqrt(interval_distances(hazard.cuts)))
    deviations = walk - walk.mean()
    return {"log_hazard": deviations}, pt.dot(share, deviations)


def _independent(
    hazard: Hazard, priors: GraphPriors, _: TensorVariable, share: TensorVariable
) -> _Shape:
    """Deviations of mean zero that have nothing to do with their neighbours.

    Contrasts in an orthonormal basis are independent and identically distributed, so that all
    intervals are alike: each deviation has variance sd^2 (1 - 1 / intervals).
    """
    if not isinstance(hazard, Piecewise):
        raise TypeError(type(hazard).__name__)
    contrasts = priors.sample(DEVIATION_NAME, dims="step", stored="log_hazard_contrast")
    deviations = pt.dot(orthonormal_basis(hazard.n_intervals)[:, 1:], contrasts)
    deviations = pm.Deterministic(DEVIATION_NAME, deviations, dims=INTERVAL)
    return {"log_hazard": deviations}, pt.dot(share, deviations)


def _mspline(hazard: Hazard, priors: GraphPriors, _: TensorVariable, __: TensorVariable) -> _Shape:
    if not isinstance(hazard, MSpline):
        raise TypeError(type(hazard).__name__)
    constant = np.log(hazard.constant_weights())
    walk = _walk(priors, np.ones(len(constant) - 1))
    weights = pm.Deterministic("log_weights", pt.as_tensor(constant) + walk, dims="basis")
    return {"log_weights": weights}, 0.0


def _walk(priors: GraphPriors, step_scale: np.ndarray) -> TensorVariable:
    scale = priors.sample("smoothing_sd")
    steps = pm.Normal("walk_step", 0.0, 1.0, dims="step")
    path = pt.cumsum(steps * pt.as_tensor(step_scale))
    return scale * pt.concatenate([pt.zeros((1,)), path])


_SHAPES: Final[Mapping[HazardFamily, Callable[..., _Shape]]] = {
    HazardFamily.EXPONENTIAL: _exponential,
    HazardFamily.WEIBULL: _weibull,
    HazardFamily.GOMPERTZ: _gompertz,
    HazardFamily.PIECEWISE: _random_walk,
    HazardFamily.MSPLINE: _mspline,
}


def _shape_of(spec: HazardSpec) -> Callable[..., _Shape]:
    return _independent if spec.smoothing is Smoothing.INDEPENDENT else _SHAPES[spec.family]


def interval_distances(cuts: tuple[float, ...]) -> np.ndarray:
    """Return the distances between interval midpoints, relative to their mean.

    The last interval has no end and is taken to be as wide as the one before it.

    Parameters
    ----------
    cuts : tuple of float
        Inner cut points, months.

    Returns
    -------
    ndarray, shape (len(cuts),)
        Mean 1, so that the random walk's scale is that of a step between average intervals.

    Examples
    --------
    >>> interval_distances((6.0, 12.0, 24.0)).round(3).tolist()
    [0.667, 1.0, 1.333]
    """
    edges = np.concatenate([[0.0], cuts])
    widths = np.diff(edges)
    widths = np.append(widths, widths[-1])
    distances = (widths[:-1] + widths[1:]) / 2.0
    relative: np.ndarray = distances / distances.mean()
    return relative
