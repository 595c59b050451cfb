"""Constant hazard."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

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
from bayes_ihlrt.priors import Prior


@dataclass(frozen=True)
class Exponential(Parametric):
    r"""Constant hazard: :math:`h(t) = \exp(\mathrm{log\_rate})`.

    ``theta`` holds ``log_rate``, the log of the hazard per month.

    Examples
    --------
    Median survival at 0.05 deaths a month:

    >>> import numpy as np
    >>> theta = {"log_rate": np.log(0.05)}
    >>> Exponential().time_at(np, np.array([0.0]), np.log([2.0]), theta).round(2)
    array([13.86])
    """

    name: ClassVar[str] = "exponential"
    parameters: ClassVar[tuple[str, ...]] = ("log_rate",)
    level: ClassVar[str] = "log_rate"
    words: ClassVar[Mapping[str, str]] = {"log_rate": LOG_RATE}
    told: ClassVar[str] = "a constant (exponential) baseline hazard [@kalbfleisch2002]"
    additive: ClassVar[bool] = True
    accelerated_failure_time: ClassVar[bool] = True

    @classmethod
    def default_priors(cls, months: float, options: Options) -> dict[str, Prior]:
        """Return no priors: the level is all that it has."""
        del months, options
        return {}

    def coordinates(self, draw: Draw) -> Coordinates:
        """Sample the level where it is."""
        return Coordinates({}, 0.0, Simple(self, {"log_rate": draw.zero}))

    def increment_basis(self, xp: Namespace, start: Array, stop: Array) -> Array:
        """Return the lengths ``stop - start`` in months, shape (T, 1)."""
        return xp.expand_dims(stop - start, -1)

    def cumulative_hazard(self, xp: Namespace, basis: Array, theta: Theta) -> Array:
        """Return ``exp(log_rate) * (stop - start)``, shape B + (T,)."""
        return xp.exp(xp.expand_dims(theta["log_rate"], -1)) * basis[:, 0]

    def log_hazard_basis(self, xp: Namespace, t: Array) -> Array:
        """Return ones, shape (T, 1)."""
        return xp.expand_dims(xp.ones_like(t), -1)

    def log_hazard(self, xp: Namespace, basis: Array, theta: Theta) -> Array:
        """Return ``log_rate`` at every time, shape B + (T,)."""
        return xp.expand_dims(theta["log_rate"], -1) * basis[:, 0]

    def time_at(self, xp: Namespace, start: Array, target: Array, theta: Theta) -> Array:
        """Return ``start + target * exp(-log_rate)`` in months, shape B + (T,)."""
        return start + target * xp.exp(-xp.expand_dims(theta["log_rate"], -1))
