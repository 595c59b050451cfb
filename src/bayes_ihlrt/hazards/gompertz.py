"""Hazard that rises or falls exponentially."""

from dataclasses import dataclass
from typing import ClassVar

from bayes_ihlrt.hazards.numerics import LARGEST_EXPONENT, expm1_ratio, log1p_ratio, log_floored
from bayes_ihlrt.hazards.protocol import Array, Namespace, Shapes, Theta
from bayes_ihlrt.names import HazardFamily


@dataclass(frozen=True)
class Gompertz:
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

    name: ClassVar[HazardFamily] = HazardFamily.GOMPERTZ
    parameters: ClassVar[tuple[str, ...]] = ("log_rate", "slope")
    proportional_hazards: ClassVar[bool] = True
    accelerated_failure_time: ClassVar[bool] = False

    @property
    def shapes(self) -> Shapes:
        """Shape of each parameter, without batch dimensions."""
        return {"log_rate": (), "slope": ()}

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
