"""Hazards and parameters shared by the tests of `bayes_ihlrt.hazards`."""

import numpy as np

from bayes_ihlrt.hazards.exponential import Exponential
from bayes_ihlrt.hazards.gompertz import Gompertz
from bayes_ihlrt.hazards.mspline import MSpline
from bayes_ihlrt.hazards.piecewise import Piecewise
from bayes_ihlrt.hazards.weibull import Weibull

FAMILIES = [
    Exponential(),
    Weibull(),
    Gompertz(),
    Piecewise((3.0, 12.0, 24.0)),
    MSpline((0.0, 4.0, 9.0, 20.0, 60.0)),
]

_TYPICAL = {
    "log_rate": (-3.0, 0.5),
    "log_shape": (0.1, 0.3),
    "slope": (0.0, 0.02),
    "log_hazard": (-3.0, 0.5),
    "log_scale": (0.3, 0.3),
    "log_weights": (0.0, 1.0),
}


def typical_theta(hazard, rng, batch=()):
    """Return plausible parameters, drawn at random."""
    return {
        name: rng.normal(*_TYPICAL[name], size=batch + shape)
        for name, shape in hazard.shapes.items()
    }


def increment(hazard, start, stop, theta, xp=np):
    """Return H(stop) - H(start)."""
    return hazard.cumulative_hazard(xp, hazard.increment_basis(xp, start, stop), theta)


def log_hazard(hazard, t, theta, xp=np):
    """Return log h(t)."""
    return hazard.log_hazard(xp, hazard.log_hazard_basis(xp, t), theta)
