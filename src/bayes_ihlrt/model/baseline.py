"""Baseline hazards as graph nodes: their parameters, priors and sampling coordinates.

The level of the hazard is sampled at a central point (average covariates and group effects, a
typical time), where it is nearly uncorrelated with the other parameters. The prior is stated for
the level itself; since the central level differs from it by a shift that does not depend on it,
giving the central level the shifted prior is the same model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.tensor import TensorVariable

from bayes_ihlrt.hazards import Exponential, Gompertz, Hazard, MSpline, Piecewise, Weibull
from bayes_ihlrt.model.graph_priors import GraphPriors
from bayes_ihlrt.model.parameters import ANCHOR
from bayes_ihlrt.model.smoothing import (
    automatic_cuts,
    automatic_knots,
    interval_trend,
    trend_places,
    walk_matrix,
    weight_trend,
)
from bayes_ihlrt.model.spec import HazardSpec
from bayes_ihlrt.names import INTERVAL, HazardFamily, Smoothing
from bayes_ihlrt.priors import PriorScale

Theta = dict[str, TensorVariable]


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


def make_hazard(
    spec: HazardSpec, event_times: NDArray[np.float64], *, events: int | None = None
) -> Hazard:
    """Return the hazard that a specification names.

    Parameters
    ----------
    spec : HazardSpec
        Family and its options.
    event_times : ndarray
        Observed event times in months, at whose quantiles cuts and knots lie.
    events : int, optional
        Number of different events, where a patient's event stands in several rows; more of them
        make more intervals or knots.

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
            return Piecewise(cuts=spec.cuts or automatic_cuts(event_times, events=events))
        case HazardFamily.MSPLINE:
            knots = spec.knots or automatic_knots(event_times, events=events)
            return MSpline.from_event_times(event_times, n_knots=knots)


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
    if spec.smoothing is Smoothing.INDEPENDENT:
        return _independent_intervals(priors, centre, reference)
    shape, own, simple = _SHAPES[spec.family](hazard, priors, constants)
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

    For a prior on the log median m of the untreated average patient, H(m) = log 2 fixes the
    level given the shape: level = log log 2 - log H_free(m) - reference, where H_free has level
    zero. Around the prior median this is linear in log m with slope -m h(m) / H(m), exactly so
    for the exponential and the Weibull.
    """
    if priors.priors[anchor].on is not PriorScale.LOG_MEDIAN:
        return 0.0, 1.0
    hazard, free = simple.hazard, simple.theta
    log_median = priors.values[anchor]["mu"]
    median = pt.exp(log_median)[None]
    zero = pt.zeros((1,))
    log_cumulative = pt.log(
        hazard.cumulative_hazard(pt, hazard.increment_basis(pt, zero, median), free)[0]
    )
    log_hazard = hazard.log_hazard(pt, hazard.log_hazard_basis(pt, median), free)[0]
    stretch = pt.exp(log_median + log_hazard - log_cumulative)
    location = np.log(np.log(2.0)) - log_cumulative - reference - stretch * log_median
    return location + simple.offset, stretch


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
    """Log hazards of the intervals at level 0: a Weibull's, and a walk of mean 0 about them."""
    log_shape, walk, places = _walk(hazard, priors, constants)
    log_hazard = interval_trend(pt, log_shape, places) + walk
    simple = Simple(Weibull(), {"log_rate": pt.as_tensor(0.0), "log_shape": log_shape})
    return {"log_hazard": log_hazard}, pt.dot(constants.share, log_hazard), simple


def _mspline(hazard: Hazard, priors: GraphPriors, constants: Constants) -> _Shape:
    """Log weights of a Weibull and a walk about them; the level is log H at the last knot."""
    log_shape, walk, places = _walk(hazard, priors, constants)
    trend = weight_trend(pt, log_shape, places)
    weights = pm.Deterministic("log_weights", trend + walk, dims="basis")
    offset = pt.exp(log_shape) * places[0, 2]
    simple = Simple(Weibull(), {"log_rate": pt.as_tensor(0.0), "log_shape": log_shape}, offset)
    return {"log_weights": weights}, 0.0, simple


def _walk(
    hazard: Hazard, priors: GraphPriors, constants: Constants
) -> tuple[TensorVariable, TensorVariable, TensorVariable]:
    """Return log shape, a walk of mean 0 whose steps have scale ``smoothing_sd``, and places.

    A step is s c / sqrt(1 + s^2 I), where c has the standard deviation sqrt(1 + s^2 I): the step
    itself has s. Where the data say little (s^2 I small) that is the non-centred form, where they
    say much the coordinate c is the step in units of its posterior's spread, whatever s is.
    """
    log_shape, scale = priors.sample("log_shape"), priors.sample("smoothing_sd")
    spread = pt.sqrt(1.0 + scale**2 * constants.information)
    coordinate = pm.Normal("walk_step", 0.0, spread, dims="step")
    shape = trend_places(hazard).shape
    walk = pt.dot(walk_matrix(shape[0] - 1), coordinate) * (scale / spread)
    return log_shape, walk, constants.places.reshape(shape)


_SHAPES: Final[Mapping[HazardFamily, Callable[..., _Shape]]] = {
    HazardFamily.EXPONENTIAL: _exponential,
    HazardFamily.WEIBULL: _weibull,
    HazardFamily.GOMPERTZ: _gompertz,
    HazardFamily.PIECEWISE: _random_walk,
    HazardFamily.MSPLINE: _mspline,
}


def _independent_intervals(
    priors: GraphPriors, centre: TensorVariable, reference: TensorVariable
) -> Theta:
    """Each interval's log hazard has the stated prior, independently of the others.

    A prior on the log median m becomes log(log 2) - log m, the hazard of an exponential.
    """
    if not priors.has_location("log_hazard"):
        return {"log_hazard": priors.sample("log_hazard", dims=INTERVAL)}
    stated = priors.priors["log_hazard"].on
    shift, stretch = centre, 1.0
    if stated is PriorScale.LOG_MEDIAN:
        log_median = priors.values["log_hazard"]["mu"]
        shift = centre + np.log(np.log(2.0)) - 2.0 * log_median - reference
    central = priors.sample(
        "log_hazard", dims=INTERVAL, shift=shift, stretch=stretch, stored="log_hazard_centred"
    )
    return {"log_hazard": pm.Deterministic("log_hazard", central - centre, dims=INTERVAL)}
