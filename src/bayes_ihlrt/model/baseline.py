"""Baseline hazards as graph nodes: parameters, priors, sampling coordinates.

The level of the hazard is sampled at a central point (average covariates and group effects, a
typical time), where it is nearly uncorrelated with the other parameters. The prior is stated for
the level itself; since the central level differs from it by a shift that does not depend on it,
giving the central level the shifted prior is the same model.

Hazards with several levels are a_j = level + d_j, with deviations d_j of mean zero (piecewise) or
weights of sum one (M-spline). What is stated of survival at a time fixes the level alone, given the
deviations, which have a prior of their own: one statement is one piece of information.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.tensor import TensorVariable

from bayes_ihlrt.hazards.piecewise import Piecewise
from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.hazards.weibull import Weibull
from bayes_ihlrt.model.contrasts import orthonormal_basis
from bayes_ihlrt.model.priors import GraphPriors
from bayes_ihlrt.model.smoothing import (
    interval_trend,
    trend_places,
    walk_matrix,
    weight_trend,
)
from bayes_ihlrt.names import INTERVAL, HazardFamily, Smoothing
from bayes_ihlrt.priors import Z_975, PriorScale
from bayes_ihlrt.spec.model import HazardSpec
from bayes_ihlrt.spec.parameters import ANCHOR
from bayes_ihlrt.spec.prior_domains import DEVIATION_NAME

Theta = dict[str, TensorVariable]
LAST_LOG_MEDIAN: Final = np.log(600.0)
"""Log month up to which an upper bound of the median is taken as stated."""


@dataclass(frozen=True)
class Constants:
    """Data of the graph that sampling coordinates and trends are made of.

    Parameters
    ----------
    time_centre : TensorVariable, scalar
        Log of a typical time in months.
    share : TensorVariable, shape (intervals,)
        Share of events in each interval, for the piecewise hazard.
    places : TensorVariable, shape (3 x pieces,)
        Constants of a flexible hazard's trend (`trend_places`), flat.
    information : TensorVariable, scalar
        About how much the data say of a step of the walk (`walk_information`).
    """

    time_centre: TensorVariable
    share: TensorVariable
    places: TensorVariable
    information: TensorVariable


def add_baseline(
    spec: HazardSpec,
    hazard: Hazard,
    priors: GraphPriors,
    *,
    centre: TensorVariable,
    reference: TensorVariable,
    constants: Constants,
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
    constants : Constants
        Constants of the data.

    Returns
    -------
    dict of str to TensorVariable
        The hazard's parameters.
    """
    shape, own, simple = _shape_of(spec)(hazard, priors, constants)
    anchor = ANCHOR[spec.family]
    shift = centre + own
    location, stretch = _stated_location(simple, priors, anchor, reference)
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


@dataclass(frozen=True)
class Simple:
    """The hazard of level zero that a statement on survival is about.

    A statement is one piece of information: it fixes the level given the shape of a parametric
    hazard. A flexible hazard departs from a Weibull by deviations that have a prior of their own,
    so the statement is about that Weibull.

    Parameters
    ----------
    hazard : Hazard
        A parametric one.
    theta : dict of str to TensorVariable
        Its parameters, with log rate 0.
    offset : TensorVariable or float
        The family's level is this much above the log rate.
    """

    hazard: Hazard
    theta: Theta
    offset: TensorVariable | float = 0.0


def _stated_location(
    simple: Simple, priors: GraphPriors, anchor: str, reference: TensorVariable
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
    hazard, free = simple.hazard, simple.theta
    if stated.on is PriorScale.LOG_CUMULATIVE_HAZARD:
        return simple.offset - _log_cumulative(hazard, values["at"], free) - reference, 1.0
    log_median = values["mu"]
    median = pt.exp(log_median)
    log_cumulative = _log_cumulative(hazard, median, free)
    stretch: TensorVariable | float = 1.0
    if not isinstance(hazard, Piecewise):
        apart = pt.minimum(Z_975 * values["sigma"], pt.maximum(LAST_LOG_MEDIAN - log_median, 0.1))
        later = _log_cumulative(hazard, pt.exp(log_median + apart), free)
        stretch = (later - log_cumulative) / apart
    location = np.log(np.log(2.0)) - log_cumulative - reference - stretch * log_median
    return location + simple.offset, stretch


def _log_cumulative(hazard: Hazard, time: TensorVariable, theta: Theta) -> TensorVariable:
    spent = hazard.increment_basis(pt, pt.zeros((1,)), time[None])
    return pt.log(hazard.cumulative_hazard(pt, spent, theta)[0])


_Shape = tuple[Theta, TensorVariable | float, Simple]


def _exponential(hazard: Hazard, priors: GraphPriors, constants: Constants) -> _Shape:
    del priors, constants
    return {}, 0.0, Simple(hazard, {"log_rate": pt.as_tensor(0.0)})


def _weibull(hazard: Hazard, priors: GraphPriors, constants: Constants) -> _Shape:
    shape = {"log_shape": priors.sample("log_shape")}
    own = pt.exp(shape["log_shape"]) * constants.time_centre
    return shape, own, Simple(hazard, {**shape, "log_rate": pt.as_tensor(0.0)})


def _gompertz(hazard: Hazard, priors: GraphPriors, constants: Constants) -> _Shape:
    time = pt.exp(constants.time_centre)
    scaled = priors.sample("slope", stretch=time, stored="slope_scaled")
    shape = {"slope": pm.Deterministic("slope", scaled / time)}
    return shape, scaled, Simple(hazard, {**shape, "log_rate": pt.as_tensor(0.0)})


def _random_walk(hazard: Hazard, priors: GraphPriors, constants: Constants) -> _Shape:
    """Log hazards of the intervals at level 0: a walk about those of a Weibull."""
    log_shape, places = priors.sample("log_shape"), _places(hazard, constants)
    log_hazard = _walk(interval_trend(pt, log_shape, places), priors, constants)
    simple = Simple(Weibull(), {"log_rate": pt.as_tensor(0.0), "log_shape": log_shape})
    return {"log_hazard": log_hazard}, pt.dot(constants.share, log_hazard), simple


def _independent(hazard: Hazard, priors: GraphPriors, constants: Constants) -> _Shape:
    """Deviations of mean zero that have nothing to do with their neighbours.

    Contrasts in an orthonormal basis are independent and identically distributed, so that all
    intervals are alike: each deviation has variance sd^2 (1 - 1 / intervals).
    """
    if not isinstance(hazard, Piecewise):
        raise TypeError(type(hazard).__name__)
    contrasts = priors.sample(DEVIATION_NAME, dims="step", stored="log_hazard_contrast")
    deviations = pt.dot(orthonormal_basis(hazard.n_intervals)[:, 1:], contrasts)
    deviations = pm.Deterministic(DEVIATION_NAME, deviations, dims=INTERVAL)
    shape = {"log_hazard": deviations}
    return shape, pt.dot(constants.share, deviations), Simple(hazard, shape)


def _mspline(hazard: Hazard, priors: GraphPriors, constants: Constants) -> _Shape:
    """Log weights: a walk about those of a Weibull; the level is log H at the last knot."""
    log_shape, places = priors.sample("log_shape"), _places(hazard, constants)
    weights = _walk(weight_trend(pt, log_shape, places), priors, constants)
    weights = pm.Deterministic("log_weights", weights, dims="basis")
    offset = pt.exp(log_shape) * places[0, 2]
    simple = Simple(Weibull(), {"log_rate": pt.as_tensor(0.0), "log_shape": log_shape}, offset)
    return {"log_weights": weights}, 0.0, simple


def _places(hazard: Hazard, constants: Constants) -> TensorVariable:
    return constants.places.reshape(trend_places(hazard).shape)


def _walk(trend: TensorVariable, priors: GraphPriors, constants: Constants) -> TensorVariable:
    """Return a random walk whose steps are those of a trend, with scale ``smoothing_sd`` = s.

    A step is d ~ Normal(t, s), t being the trend's. Given about I of information in the data its
    posterior has the standard deviation s / sqrt(1 + s^2 I), and t enters by a share of
    1 / (1 + s^2 I): the coordinate c, d = t / (1 + s^2 I) + c s / sqrt(1 + s^2 I), is therefore
    non-centred where the data say little and the step itself where they say much, so that neither
    the scale nor the trend moves it. Its prior is Normal(t s I / sqrt(1 + s^2 I), sqrt(1 + s^2 I)).
    """
    scale, pieces = priors.sample("smoothing_sd"), trend.type.shape[0]
    steps = trend[1:] - trend[:-1]
    spread = pt.sqrt(1.0 + scale**2 * constants.information)
    location = steps * scale * constants.information / spread
    coordinate = pm.Normal("walk_step", location, spread, dims="step")
    walked = steps / spread**2 + coordinate * scale / spread
    return trend.mean() + pt.dot(walk_matrix(pieces - 1), walked)


_SHAPES: Final[Mapping[HazardFamily, Callable[..., _Shape]]] = {
    HazardFamily.EXPONENTIAL: _exponential,
    HazardFamily.WEIBULL: _weibull,
    HazardFamily.GOMPERTZ: _gompertz,
    HazardFamily.PIECEWISE: _random_walk,
    HazardFamily.MSPLINE: _mspline,
}


def _shape_of(spec: HazardSpec) -> Callable[..., _Shape]:
    return _independent if spec.smoothing is Smoothing.INDEPENDENT else _SHAPES[spec.family]
