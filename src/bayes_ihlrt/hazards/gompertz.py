"""Hazard that rises or falls exponentially."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from bayes_ihlrt.hazards.numerics import LARGEST_EXPONENT, expm1_ratio, log1p_ratio, log_floored
from bayes_ihlrt.hazards.protocol import (
    LOG_RATE,
    Array,
    Coordinates,
    Draw,
    Namespace,
    Options,
    Parametric,
    Simple,
    Theta,
)
from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import Prior

SLOPE_SD: Final = 2.0
"""The hazard changes by less than a factor 50 up to the reference time (95 %)."""


@dataclass(frozen=True)
class Gompertz(Parametric):
    r"""Gompertz hazard: :math:`h(t) = \exp(\mathrm{log\_rate} + \mathrm{slope}\, t)`.

    ``theta`` holds ``log_rate``, the log hazard per month at time 0, and ``slope``, its change per
    month. A negative slope leaves a fraction
    :math:`\exp\{-\exp(\mathrm{log\_rate}) / |\mathrm{slope}|\}` of patients who never have the
    event; a slope of 0 is the exponential hazard.

    Notes
    -----
    An increment is :math:`h(\mathrm{start})\, d\, (e^x - 1)/x` with ``d = stop - start`` and
    ``x = slope * d``; the last factor is taken from its series near 0, where value and derivatives
    are those of the limit. `time_at` is ``inf`` where ``1 + slope * target / h(start) <= 0``.

    Examples
    --------
    With a falling hazard the median may never be reached:

    >>> import numpy as np
    >>> theta = {"log_rate": np.log(0.05), "slope": np.array([0.0, -0.1])}
    >>> Gompertz().time_at(np, np.array([0.0]), np.log([2.0]), theta).round(2)
    array([[13.86],
           [  inf]])
    """

    name: ClassVar[str] = "gompertz"
    parameters: ClassVar[tuple[str, ...]] = ("log_rate", "slope")
    level: ClassVar[str] = "log_rate"
    words: ClassVar[Mapping[str, str]] = {"log_rate": LOG_RATE, "slope": "baseline slope"}
    told: ClassVar[str] = "a Gompertz baseline hazard [@kalbfleisch2002]"
    additive: ClassVar[bool] = False
    accelerated_failure_time: ClassVar[bool] = False

    @classmethod
    def default_priors(cls, months: float, options: Options) -> dict[str, Prior]:
        """Return that of the slope: a factor below 50 up to the reference time (95 %)."""
        del options
        return {"slope": Prior(dist=Dist.NORMAL, mu=0.0, sigma=SLOPE_SD / months)}

    def coordinates(self, draw: Draw) -> Coordinates:
        """Sample the slope per typical time, and the level at that time."""
        time = draw.xp.exp(draw.log_time)
        scaled = draw.sample("slope", stretch=time, stored="slope_scaled")
        shape = {"slope": draw.keep("slope", scaled / time)}
        simple = Simple(self, {**shape, "log_rate": draw.zero})
        return Coordinates(shape, scaled, simple)

    def increment_basis(self, xp: Namespace, start: Array, stop: Array) -> Array:
        """Return the columns ``start`` and ``stop - start`` in months, shape (T, 2)."""
        return xp.stack([start, stop - start], axis=-1)

    def cumulative_hazard(self, xp: Namespace, basis: Array, theta: Theta) -> Array:
        """Return ``exp(log_rate) * (exp(slope stop) - exp(slope start)) / slope``, B + (T,)."""
        log_rate = xp.expand_dims(theta["log_rate"], -1)
        slope = xp.expand_dims(theta["slope"], -1)
        start, length = basis[:, 0], basis[:, 1]
        return xp.exp(log_rate + slope * start) * length * expm1_ratio(xp, slope * length)

    def log_hazard_basis(self, xp: Namespace, t: Array) -> Array:
        """Return ``t``, shape (T, 1)."""
        return xp.expand_dims(t, -1)

    def log_hazard(self, xp: Namespace, basis: Array, theta: Theta) -> Array:
        """Return ``log_rate + slope * t``, shape B + (T,)."""
        return xp.expand_dims(theta["log_rate"], -1) + (
            xp.expand_dims(theta["slope"], -1) * basis[:, 0]
        )

    def time_at(self, xp: Namespace, start: Array, target: Array, theta: Theta) -> Array:
        """Return ``start + log(1 + slope * u) / slope``, ``u = target / h(start)``, B + (T,)."""
        slope = xp.expand_dims(theta["slope"], -1)
        log_hazard = xp.expand_dims(theta["log_rate"], -1) + slope * start
        log_wait = log_floored(xp, target) - log_hazard
        wait = xp.exp(xp.minimum(log_wait, LARGEST_EXPONENT))
        reached = (log_wait <= LARGEST_EXPONENT) & (slope * wait > -1)
        safe_wait = xp.where(reached, wait, 0.0)
        return xp.where(reached, start + safe_wait * log1p_ratio(xp, slope * safe_wait), xp.inf)
