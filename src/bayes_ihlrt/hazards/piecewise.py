"""Hazard that is constant between cut points."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.hazards.protocol import Array, Namespace, Shapes, Theta, cut_faults
from bayes_ihlrt.names import HazardFamily


@dataclass(frozen=True)
class Piecewise:
    r"""Piecewise constant hazard: :math:`h(t) = \exp(a_j)` for :math:`c_{j-1} < t \le c_j`.

    ``theta`` holds ``log_hazard`` = :math:`(a_1, \ldots, a_J)`, the log hazard per month in each of
    the ``J = len(cuts) + 1`` intervals ``(0, cuts[0]], ..., (cuts[-1], inf)``. An event at a cut
    point belongs to the interval that ends there; time 0 belongs to the first.

    Both bases are linear in the intervals (months of exposure, and share of events), so their rows
    may be added or averaged over patients: that is how sufficient statistics are made [1]_.

    Parameters
    ----------
    cuts : tuple of float
        Inner cut points in months: positive, finite, strictly increasing, at least one.

    Raises
    ------
    SpecificationError
        If the cut points are not so; every fault is listed.

    References
    ----------
    .. [1] Friedman M. Piecewise exponential models for survival data with covariates. Ann Statist
       1982. https://doi.org/10.1214/aos/1176345693

    Examples
    --------
    >>> import numpy as np
    >>> Piecewise((3.0, 12.0)).increment_basis(np, np.array([1.0]), np.array([15.0]))
    array([[2., 9., 3.]])
    """

    cuts: tuple[float, ...]

    name: ClassVar[HazardFamily] = HazardFamily.PIECEWISE
    parameters: ClassVar[tuple[str, ...]] = ("log_hazard",)
    proportional_hazards: ClassVar[bool] = True
    accelerated_failure_time: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the cut points."""
        object.__setattr__(self, "cuts", tuple(float(cut) for cut in self.cuts))
        faults = cut_faults("cuts", self.cuts)
        if not self.cuts:
            faults.append(
                Fault(
                    "cuts",
                    "no cut point was given",
                    "Give at least one time in months, e.g. [3, 6, 12, 24], or choose the family "
                    f"'{HazardFamily.EXPONENTIAL}' for a constant hazard",
                )
            )
        if faults:
            raise SpecificationError("piecewise hazard", faults)

    @property
    def n_intervals(self) -> int:
        """Number of intervals, one more than the cut points."""
        return len(self.cuts) + 1

    @property
    def shapes(self) -> Shapes:
        """Shape of each parameter, without batch dimensions."""
        return {"log_hazard": (self.n_intervals,)}

    @property
    def _lower(self) -> NDArray[np.float64]:
        return np.array((0.0, *self.cuts))

    @property
    def _upper(self) -> NDArray[np.float64]:
        return np.array((*self.cuts, np.inf))

    def increment_basis(self, xp: Namespace, start: Array, stop: Array) -> Array:
        """Return the months spent in each interval, shape (T, J)."""
        reached = xp.clip(xp.expand_dims(stop, -1), self._lower, self._upper)
        entered = xp.clip(xp.expand_dims(start, -1), self._lower, self._upper)
        return reached - entered

    def cumulative_hazard(self, xp: Namespace, basis: Array, theta: Theta) -> Array:
        """Return ``sum_j basis_j * exp(log_hazard_j)``, shape B + (T,)."""
        return xp.matmul(xp.exp(theta["log_hazard"]), basis.T)

    def log_hazard_basis(self, xp: Namespace, t: Array) -> Array:
        """Return 1 for the interval that contains `t` and 0 for the others, shape (T, J)."""
        time = xp.expand_dims(t, -1)
        open_left = np.array((-np.inf, *self.cuts))
        inside = (time > open_left) & (time <= self._upper)
        return xp.where(inside, np.ones(self.n_intervals), np.zeros(self.n_intervals))

    def log_hazard(self, xp: Namespace, basis: Array, theta: Theta) -> Array:
        """Return ``sum_j basis_j * log_hazard_j``, shape B + (T,)."""
        return xp.matmul(theta["log_hazard"], basis.T)

    def time_at(self, xp: Namespace, start: Array, target: Array, theta: Theta) -> Array:
        """Return the time at which `target` is spent, interval by interval, shape B + (T,)."""
        hazard = xp.exp(xp.expand_dims(theta["log_hazard"], -2))
        entered = xp.clip(xp.expand_dims(start, -1), self._lower, self._upper)
        capacity = (self._upper - entered) * hazard
        spent_by_end = xp.cumsum(capacity[..., :-1], axis=-1)
        spent_before = xp.concatenate([xp.zeros_like(capacity[..., :1]), spent_by_end], axis=-1)
        spent = xp.clip(xp.expand_dims(target, -1) - spent_before, 0.0, capacity)
        return start + xp.sum(spent / hazard, axis=-1)
