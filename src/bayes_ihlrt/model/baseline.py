"""Baseline hazards as graph nodes: parameters, priors, sampling coordinates.

The level of the hazard is sampled at a central point (average covariates and group effects, a
typical time), where it is nearly uncorrelated with the other parameters. The prior is stated for
the level itself; since the central level differs from it by a shift that does not depend on it,
giving the central level the shifted prior is the same model.

Hazards with several levels are a_j = level + d_j, with deviations d_j of mean zero (piecewise) or
weights of sum one (M-spline). What is stated of survival at a time fixes the level alone, given the
deviations, which have a prior of their own: one statement is one piece of information.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.tensor import TensorVariable

from bayes_ihlrt.hazards.protocol import Hazard, Simple
from bayes_ihlrt.hazards.smoothing import walk_matrix
from bayes_ihlrt.model.contrasts import orthonormal_basis
from bayes_ihlrt.model.priors import GraphPriors
from bayes_ihlrt.names import INTERVAL
from bayes_ihlrt.priors import Z_975, PriorScale

Floats = NDArray[np.float64]
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
        Constants of a flexible hazard's trend, flat.
    information : TensorVariable, scalar
        About how much the data say of a step of the walk (`walk_information`).
    """

    time_centre: TensorVariable
    share: TensorVariable
    places: TensorVariable
    information: TensorVariable


def add_baseline(
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
    hazard : Hazard
        The hazard of the specification.
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
    found = hazard.coordinates(GraphDraw(priors, constants))
    shape, anchor = found.shape, hazard.level
    shift = centre + found.shift
    location, stretch = _stated_location(found.simple, priors, anchor, reference)
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
    if simple.stretched:
        apart = pt.minimum(Z_975 * values["sigma"], pt.maximum(LAST_LOG_MEDIAN - log_median, 0.1))
        later = _log_cumulative(hazard, pt.exp(log_median + apart), free)
        stretch = (later - log_cumulative) / apart
    location = np.log(np.log(2.0)) - log_cumulative - reference - stretch * log_median
    return location + simple.offset, stretch


def _log_cumulative(
    hazard: Hazard, time: TensorVariable, theta: Mapping[str, TensorVariable]
) -> TensorVariable:
    spent = hazard.increment_basis(pt, pt.zeros((1,)), time[None])
    return pt.log(hazard.cumulative_hazard(pt, spent, theta)[0])


@dataclass(frozen=True)
class GraphDraw:
    """Draws the parameters of a family as nodes of the model on the stack.

    Parameters
    ----------
    priors : GraphPriors
        Priors by parameter.
    constants : Constants
        Constants of the data.
    xp : module
        Array library.
    zero : TensorVariable, scalar
        A level of 0.
    """

    priors: GraphPriors
    constants: Constants
    xp: ModuleType = pt
    zero: TensorVariable = field(default_factory=lambda: pt.as_tensor(0.0))

    @property
    def log_time(self) -> TensorVariable:
        """Log of a typical time in months."""
        return self.constants.time_centre

    def has(self, name: str) -> bool:
        """Whether a parameter has a prior."""
        return name in self.priors.priors

    def sample(
        self, name: str, *, stretch: TensorVariable | float = 1.0, stored: str | None = None
    ) -> TensorVariable:
        """Add a parameter, times `stretch`."""
        return self.priors.sample(name, stretch=stretch, stored=stored)

    def keep(self, name: str, value: TensorVariable, dims: str | None = None) -> TensorVariable:
        """Keep under its name what follows from draws."""
        return pm.Deterministic(name, value, dims=dims)

    def places(self, constants: Floats) -> TensorVariable:
        """Return the constants of a trend, which are data of the graph."""
        return self.constants.places.reshape(constants.shape)

    def mean_over_events(self, values: TensorVariable) -> TensorVariable:
        """Return the mean of the intervals' values over the events."""
        return pt.dot(self.constants.share, values)

    def contrasts(self, name: str, count: int) -> TensorVariable:
        """Return deviations of mean zero that have nothing to do with their neighbours.

        Contrasts in an orthonormal basis are independent and identically distributed, so that all
        are alike: each deviation has variance sd^2 (1 - 1 / count).

        Parameters
        ----------
        name : str
            Of the deviations.
        count : int
            How many there are.

        Returns
        -------
        TensorVariable, shape (count,)
            Deviations.
        """
        contrasts = self.priors.sample(name, dims="step", stored="log_hazard_contrast")
        deviations = pt.dot(orthonormal_basis(count)[:, 1:], contrasts)
        return pm.Deterministic(name, deviations, dims=INTERVAL)

    def walk(self, trend: TensorVariable) -> TensorVariable:
        """Return a random walk whose steps are those of a trend, with scale ``smoothing_sd`` = s.

        A step is d ~ Normal(t, s), t being the trend's. Given about I of information in the data
        its posterior has the standard deviation s / sqrt(1 + s^2 I), and t enters by a share of
        1 / (1 + s^2 I): the coordinate c, d = t / (1 + s^2 I) + c s / sqrt(1 + s^2 I), is therefore
        non-centred where the data say little and the step itself where they say much, so that
        neither the scale nor the trend moves it. Its prior is
        Normal(t s I / sqrt(1 + s^2 I), sqrt(1 + s^2 I)).

        Parameters
        ----------
        trend : TensorVariable, shape (pieces,)
            What the walk departs from.

        Returns
        -------
        TensorVariable, shape (pieces,)
            The walk.
        """
        scale, pieces = self.priors.sample("smoothing_sd"), trend.type.shape[0]
        steps = trend[1:] - trend[:-1]
        information = self.constants.information
        spread = pt.sqrt(1.0 + scale**2 * information)
        location = steps * scale * information / spread
        coordinate = pm.Normal("walk_step", location, spread, dims="step")
        walked = steps / spread**2 + coordinate * scale / spread
        return trend.mean() + pt.dot(walk_matrix(pieces - 1), walked)
