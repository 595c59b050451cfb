"""A hazard that the package does not have: the example of `new_hazard.ipynb`."""

from dataclasses import dataclass

import numpy as np

from bayes_ihlrt.hazards.protocol import LOG_RATE, NO_PLACES, Coordinates, Simple
from bayes_ihlrt.priors import Prior


@dataclass(frozen=True)
class Lomax:
    """A hazard that falls ever more slowly: h(t) = exp(log_rate) / (1 + t / exp(log_months))."""

    name = "lomax"
    parameters = ("log_rate", "log_months")
    level = "log_rate"
    words = {"log_rate": LOG_RATE, "log_months": "months until the hazard is half (log)"}  # noqa: RUF012
    told = "a Lomax baseline hazard [@kalbfleisch2002]"
    options = frozenset()
    flexible = False
    additive = False
    proportional_hazards = True
    accelerated_failure_time = False
    shapes = {"log_rate": (), "log_months": ()}  # noqa: RUF012
    coords = {}  # noqa: RUF012
    places = NO_PLACES

    @classmethod
    def placed(cls, options, times, events):
        return cls()

    @classmethod
    def default_priors(cls, months, options):
        return {"log_months": Prior(dist="Normal", mu=float(np.log(months / 4.0)), sigma=1.0)}

    def coordinates(self, draw):
        # The level is sampled at a typical time, where the other parameter does not move it.
        shape = {"log_months": draw.sample("log_months")}
        shift = -draw.xp.log1p(draw.xp.exp(draw.log_time - shape["log_months"]))
        return Coordinates(shape, shift, Simple(self, {**shape, "log_rate": draw.zero}))

    def increment_basis(self, xp, start, stop):
        return xp.stack([start, stop], axis=-1)

    def cumulative_hazard(self, xp, basis, theta):
        rate, months = self._columns(xp, theta)
        spent = xp.log1p(basis[:, 1] / months) - xp.log1p(basis[:, 0] / months)
        return rate * months * spent

    def log_hazard_basis(self, xp, t):
        return xp.expand_dims(t, -1)

    def log_hazard(self, xp, basis, theta):
        rate, months = self._columns(xp, theta)
        return xp.log(rate) - xp.log1p(basis[:, 0] / months)

    def time_at(self, xp, start, target, theta):
        rate, months = self._columns(xp, theta)
        return start + (months + start) * xp.expm1(target / (rate * months))

    def _columns(self, xp, theta):
        return (xp.exp(xp.expand_dims(theta[name], -1)) for name in self.parameters)
