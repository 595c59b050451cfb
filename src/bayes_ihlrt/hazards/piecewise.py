"""Hazard that is constant between cut points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.hazards.protocol import (
    LOG_SHAPE,
    LOG_SHAPE_WORDS,
    Array,
    Coordinates,
    Draw,
    Namespace,
    Options,
    Shapes,
    Simple,
    Theta,
    cut_faults,
)
from bayes_ihlrt.hazards.smoothing import (
    FROM_ZERO,
    SMOOTHING_SD,
    WALK_WORDS,
    automatic_cuts,
    interval_trend,
)
from bayes_ihlrt.hazards.weibull import Weibull
from bayes_ihlrt.names import INTERVAL, Dist, Smoothing
from bayes_ihlrt.priors import Prior

DEVIATION_NAME: Final = "log_hazard_deviation"
"""Deviations of independent intervals from their mean log hazard."""
DEVIATION: Final = Prior(dist=Dist.NORMAL, mu=0.0, sigma=20.0)
"""Independent intervals are estimated each by itself: all but flat, so that 20 intervals give the
maximum likelihood of the treatment within 0.02. The random walk and the M-spline smooth."""


def interval_labels(cuts: Sequence[float]) -> list[str]:
    """Return the labels of the intervals between cut points.

    Parameters
    ----------
    cuts : sequence of float
        Inner cut points, months.

    Returns
    -------
    list of str
        One label an interval.

    Examples
    --------
    >>> interval_labels((3.0, 6.0))
    ['0-3', '3-6', '6+']
    """
    edges = ["0", *(f"{cut:g}" for cut in cuts)]
    return [f"{low}-{high}" for low, high in pairwise(edges)] + [f"{edges[-1]}+"]


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

    name: ClassVar[str] = "piecewise"
    parameters: ClassVar[tuple[str, ...]] = ("log_hazard",)
    level: ClassVar[str] = "log_hazard"
    words: ClassVar[Mapping[str, str]] = {
        "log_hazard": "baseline hazard (log)",
        DEVIATION_NAME: "baseline hazard of an interval (log, against their mean)",
        "log_shape": LOG_SHAPE_WORDS,
        **WALK_WORDS,
    }
    told: ClassVar[str] = "a piecewise constant baseline hazard [@friedman1982]"
    options: ClassVar[frozenset[str]] = frozenset({"cuts", "smoothing"})
    flexible: ClassVar[bool] = True
    additive: ClassVar[bool] = True
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
                    "'exponential' for a constant hazard",
                )
            )
        if faults:
            raise SpecificationError("piecewise hazard", faults)

    @property
    def n_intervals(self) -> int:
        """Number of intervals, one more than the cut points."""
        return len(self.cuts) + 1

    @classmethod
    def placed(cls, options: Options, times: Array, events: int | None) -> Self:
        """Return the hazard with the cuts that are given, or at quantiles of the event times."""
        return cls(cuts=options.cuts or automatic_cuts(times, events=events))

    @classmethod
    def default_priors(cls, months: float, options: Options) -> dict[str, Prior]:
        """Return those of a random walk about a Weibull, or of independent deviations."""
        del months
        if options.smoothing is Smoothing.INDEPENDENT:
            return {DEVIATION_NAME: DEVIATION}
        return {"log_shape": LOG_SHAPE, "smoothing_sd": SMOOTHING_SD}

    def coordinates(self, draw: Draw) -> Coordinates:
        """Draw a walk about a Weibull, or independent deviations; the level is that of events."""
        if draw.has(DEVIATION_NAME):
            apart = draw.contrasts(DEVIATION_NAME, self.n_intervals)
            shape = {"log_hazard": apart}
            simple = Simple(self, shape, stretched=False)
        else:
            log_shape = draw.sample("log_shape")
            trend = interval_trend(draw.xp, log_shape, draw.places(self.places))
            shape = {"log_hazard": draw.walk(trend)}
            weibull = {"log_rate": draw.zero, "log_shape": log_shape}
            simple = Simple(Weibull(), weibull)
        return Coordinates(shape, draw.mean_over_events(shape["log_hazard"]), simple)

    @property
    def coords(self) -> Mapping[str, Sequence[str]]:
        """Labels of the intervals, and of the steps between them."""
        labels = interval_labels(self.cuts)
        return {INTERVAL: labels, "step": labels[1:]}

    @property
    def places(self) -> NDArray[np.float64]:
        """Constants of the Weibull trend, shape (intervals, 3): data of a graph.

        Log end, log (end / beginning) and log width; the last interval, which has no end, is taken
        to be as wide as the one before it.
        """
        edges = np.concatenate([[0.0], self.cuts])
        ends = np.append(edges[1:], 2.0 * edges[-1] - edges[-2])
        ratio = np.append(FROM_ZERO, np.log(ends[1:] / edges[1:]))
        return np.stack([np.log(ends), ratio, np.log(ends - edges)], axis=1)

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
