"""Smooth hazard: a non-negative combination of M-splines, with the splines that it is made of.

B-splines, M-splines and I-splines live on a closed range and are computed element by element.

References
----------
Ramsay JO. Monotone regression splines in action. Stat Sci 1988.
https://doi.org/10.1214/ss/1177012761
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.hazards.numerics import softmax, solve_polynomial
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
    SMOOTHING_SD,
    WALK_WORDS,
    automatic_knots,
    weight_trend,
)
from bayes_ihlrt.hazards.weibull import Weibull
from bayes_ihlrt.priors import Prior


def b_splines(xp: Namespace, t: Array, knots: tuple[float, ...], degree: int) -> Array:
    """Return B-splines by the Cox-de Boor recursion.

    Parameters
    ----------
    xp : module
        ``numpy``, ``jax.numpy`` or ``pytensor.tensor``.
    t : array, shape (T,)
        Points in ``[knots[0], knots[-1]]``.
    knots : tuple of float
        Strictly increasing, the boundaries included once.
    degree : int
        Degree of the polynomials.

    Returns
    -------
    array, shape (T, len(knots) - 1 + degree)
        Non-negative; each row sums to 1.
    """
    full = _repeat_boundaries(knots, degree)
    point = xp.expand_dims(t, -1)
    # The last non-empty interval is closed, so that the upper boundary belongs to it.
    closes = (full[:-1] < knots[-1]) & (full[1:] == knots[-1])
    inside = (point >= full[:-1]) & (point < np.where(closes, np.inf, full[1:]))
    basis = xp.where(inside, np.ones(len(closes)), np.zeros(len(closes)))
    for order in range(1, degree + 1):
        inverse_width = _inverse(full[order:] - full[:-order])
        rising = (point - full[: -order - 1]) * inverse_width[:-1]
        falling = (full[order + 1 :] - point) * inverse_width[1:]
        basis = rising * basis[:, :-1] + falling * basis[:, 1:]
    return basis


def m_splines(xp: Namespace, t: Array, knots: tuple[float, ...], degree: int) -> Array:
    """Return B-splines scaled so that each integrates to 1, shape (T, M)."""
    return b_splines(xp, t, knots, degree) / b_spline_areas(knots, degree)


def i_splines(xp: Namespace, t: Array, knots: tuple[float, ...], degree: int) -> Array:
    """Return the integrals of the M-splines from ``knots[0]`` to `t`, shape (T, M)."""
    # In closed form: I_m is the sum of the B-splines of one degree more that come after the m-th.
    higher = b_splines(xp, t, knots, degree + 1)[:, 1:]
    return xp.matmul(higher, np.tri(len(knots) - 1 + degree))


def interval_integrals(knots: tuple[float, ...], degree: int) -> NDArray[np.float64]:
    r"""Return the integrals of the M-splines from knot to knot as polynomials.

    With ``u`` the share of interval ``l`` that lies before `t`,
    :math:`\int_{k_l}^t M_m(v)\,dv = \sum_p c_{p l m} u^{p + 1}`.

    Parameters
    ----------
    knots : tuple of float
        Strictly increasing, the boundaries included once.
    degree : int
        Degree of the M-splines.

    Returns
    -------
    ndarray, shape (degree + 1, len(knots) - 1, M)
        The coefficients ``c``.
    """
    left, width = np.array(knots[:-1]), np.diff(knots)
    nodes = (1.0 - np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))) / 2.0
    points = left + nodes[:, None] * width
    values = m_splines(np, points.ravel(), knots, degree).reshape(*points.shape, -1)
    powers = np.linalg.solve(
        np.vander(nodes, increasing=True), values.reshape(degree + 1, -1)
    ).reshape(values.shape)
    integrals: NDArray[np.float64] = (
        powers * width[:, None] / np.arange(1, degree + 2)[:, None, None]
    )
    return integrals


def b_spline_areas(knots: tuple[float, ...], degree: int) -> NDArray[np.float64]:
    """Return the integral of each B-spline, shape (M,): its support over its order."""
    full = _repeat_boundaries(knots, degree)
    return (full[degree + 1 :] - full[: -degree - 1]) / (degree + 1)


def _repeat_boundaries(knots: tuple[float, ...], degree: int) -> NDArray[np.float64]:
    return np.array((knots[0],) * degree + knots + (knots[-1],) * degree)


def _inverse(width: NDArray[np.float64]) -> NDArray[np.float64]:
    # Repeated knots have width 0 and multiply a B-spline that is 0: the product is 0.
    return np.divide(1.0, width, out=np.zeros_like(width), where=width > 0)


# The square of its inverse, which second derivatives of the logarithm need, can be represented.
_SMALLEST_HAZARD: Final = 1e-150


@dataclass(frozen=True)
class MSpline:
    r"""M-spline hazard: :math:`h(t) = e^{\mathrm{log\_scale}} \sum_m w_m M_m(t)` up to ``upper``.

    Each :math:`M_m` is non-negative and integrates to 1 on ``(0, upper)``, and the weights
    ``w = softmax(log_weights)`` sum to 1, so ``log_scale`` is the log of the cumulative hazard at
    ``upper = knots[-1]`` and the weights alone give the shape. Beyond ``upper`` the hazard stays
    at its value there. ``theta`` holds ``log_scale`` and ``log_weights`` (M,), unnormalised: adding
    a constant to all of them changes nothing, so a prior must fix their level.

    The cumulative hazard is the same combination of I-splines [1]_, in closed form. It is inverted
    (`time_at`) by bisection of the polynomial between two knots, to rounding. Where the weights
    underflow, the sum is floored at 1e-150 to keep ``log h`` and two derivatives finite.

    Parameters
    ----------
    knots : tuple of float
        Knots in months with both boundaries: starts at 0, strictly increasing, ends at ``upper``.
    degree : int, default 3
        Degree of the polynomials between knots, at least 1.

    Raises
    ------
    SpecificationError
        If the knots or the degree are not so; every fault is listed.

    References
    ----------
    .. [1] Ramsay JO. Monotone regression splines in action. Stat Sci 1988.
       https://doi.org/10.1214/ss/1177012761
    .. [2] Jackson CH. survextrap: a package for flexible and transparent survival extrapolation.
       BMC Med Res Methodol 2023. https://doi.org/10.1186/s12874-023-02094-1

    Examples
    --------
    >>> import numpy as np
    >>> spline = MSpline((0.0, 6.0, 12.0, 24.0))
    >>> theta = {"log_scale": np.log(1.2), "log_weights": np.log(spline.constant_weights())}
    >>> basis = spline.log_hazard_basis(np, np.array([1.0, 10.0, 30.0]))
    >>> np.exp(spline.log_hazard(np, basis, theta)).round(4)
    array([0.05, 0.05, 0.05])
    """

    knots: tuple[float, ...]
    degree: int = 3

    name: ClassVar[str] = "mspline"
    parameters: ClassVar[tuple[str, ...]] = ("log_scale", "log_weights")
    level: ClassVar[str] = "log_scale"
    words: ClassVar[Mapping[str, str]] = {
        "log_scale": "baseline level (log)",
        "log_weights": "baseline spline weights (log)",
        "log_shape": LOG_SHAPE_WORDS,
        **WALK_WORDS,
    }
    told: ClassVar[str] = "a baseline hazard of M-splines [@ramsay1988]"
    options: ClassVar[frozenset[str]] = frozenset({"knots"})
    flexible: ClassVar[bool] = True
    additive: ClassVar[bool] = False
    proportional_hazards: ClassVar[bool] = True
    accelerated_failure_time: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check knots and degree."""
        object.__setattr__(self, "knots", tuple(float(knot) for knot in self.knots))
        faults = _knot_faults(self.knots)
        if self.degree < 1:
            faults.append(
                Fault(
                    "degree",
                    f"found {self.degree}",
                    "Give 1 or more (3, cubic, is usual); for a hazard that is constant between "
                    "knots choose the family 'piecewise'",
                )
            )
        if faults:
            raise SpecificationError("M-spline hazard", faults)

    @classmethod
    def from_event_times(cls, times: Sequence[float] | NDArray[np.float64], n_knots: int) -> Self:
        """Place the knots where the events are.

        The `n_knots` inner knots are the quantiles of `times` at ``j / (n_knots + 1)``; the
        boundaries are 0 and the last event.

        Parameters
        ----------
        times : array_like of float
            Times in months of the patients who had the event (leave out censored times).
        n_knots : int
            Number of inner knots, at least 0.

        Returns
        -------
        MSpline
            Cubic, with ``n_knots + 4`` weights.

        Raises
        ------
        SpecificationError
            If a time is not positive and finite, `n_knots` is negative, there are no events, or so
            many events are tied that knots coincide.

        Examples
        --------
        >>> MSpline.from_event_times([2.0, 5.0, 8.0, 14.0, 20.0], 1).knots
        (0.0, 8.0, 20.0)
        """
        events = np.asarray(times, dtype=float)
        faults = _event_faults(events, n_knots)
        if faults:
            raise SpecificationError("M-spline knots", faults)
        inner = np.quantile(events, np.arange(1, n_knots + 1) / (n_knots + 1))
        knots = (0.0, *inner.tolist(), float(events.max()))
        if np.any(np.diff(knots) <= 0):
            fault = Fault(
                "n_knots",
                f"{n_knots} inner knots at quantiles of {events.size} event times coincide, "
                f"because the events fall on only {np.unique(events).size} different times",
                "Ask for fewer knots, or give the knots yourself",
            )
            raise SpecificationError("M-spline knots", [fault])
        return cls(knots)

    @classmethod
    def placed(cls, options: Options, times: Array, events: int | None) -> Self:
        """Return the hazard with as many knots as are given, or as the events allow."""
        knots = options.knots or automatic_knots(times, events=events)
        return cls.from_event_times(times, n_knots=knots)

    @classmethod
    def default_priors(cls, months: float, options: Options) -> dict[str, Prior]:
        """Return those of a random walk about a Weibull."""
        del months, options
        return {"log_shape": LOG_SHAPE, "smoothing_sd": SMOOTHING_SD}

    def coordinates(self, draw: Draw) -> Coordinates:
        """Draw log weights about those of a Weibull; the level is log H at the last knot."""
        log_shape, places = draw.sample("log_shape"), draw.places(self.places)
        weights = draw.walk(weight_trend(draw.xp, log_shape, places))
        shape = {"log_weights": draw.keep("log_weights", weights, dims="basis")}
        weibull = {"log_rate": draw.zero, "log_shape": log_shape}
        offset = draw.xp.exp(log_shape) * places[0, 2]
        return Coordinates(shape, 0.0, Simple(Weibull(), weibull, offset))

    @property
    def coords(self) -> Mapping[str, Sequence[str]]:
        """Numbers of the basis functions, and of the steps between them."""
        labels = [str(number) for number in range(self._n_weights)]
        return {"basis": labels, "step": labels[1:]}

    @property
    def places(self) -> NDArray[np.float64]:
        """Constants of the Weibull trend, shape (weights, 3): data of a graph.

        Log (Greville abscissa / last knot), log weight of a constant hazard and log last knot.
        """
        last, beyond = self.knots[-1], (self.knots[-1],) * self.degree
        padded = np.asarray(((0.0,) * self.degree) + self.knots + beyond)
        # With coefficients f(Greville abscissa) a spline follows f; the first of them is 0.
        inner = np.lib.stride_tricks.sliding_window_view(padded[1:-1], self.degree)
        abscissae = inner.mean(axis=-1)
        abscissae[0] = padded[: self.degree + 2].mean()
        constant = np.log(self.constant_weights())
        return np.stack(
            [np.log(abscissae / last), constant, np.full(len(abscissae), np.log(last))], axis=1
        )

    @property
    def shapes(self) -> Shapes:
        """Shape of each parameter, without batch dimensions."""
        return {"log_scale": (), "log_weights": (self._n_weights,)}

    def constant_weights(self) -> NDArray[np.float64]:
        r"""Return the weights that make the hazard constant, shape (M,), sum 1.

        B-splines sum to 1 at every time, so the weights are their areas over the upper boundary:
        :math:`w_m = \int B_m(t)\,dt \,/\, \mathrm{upper}`. Their logarithms are the ``log_weights``
        at which to centre a prior whose simplest hazard is a constant one.
        """
        return b_spline_areas(self.knots, self.degree) / self._upper

    def increment_basis(self, xp: Namespace, start: Array, stop: Array) -> Array:
        """Return the increments of the I-splines from `start` to `stop`, shape (T, M)."""
        inside = self._i_splines(xp, stop) - self._i_splines(xp, start)
        beyond = xp.maximum(stop, self._upper) - xp.maximum(start, self._upper)
        return inside + xp.expand_dims(beyond, -1) * self._at_upper()

    def cumulative_hazard(self, xp: Namespace, basis: Array, theta: Theta) -> Array:
        """Return ``exp(log_scale) * basis @ softmax(log_weights)``, shape B + (T,)."""
        scale = xp.exp(xp.expand_dims(theta["log_scale"], -1))
        return scale * xp.matmul(softmax(xp, theta["log_weights"]), basis.T)

    def log_hazard_basis(self, xp: Namespace, t: Array) -> Array:
        """Return the M-splines at `t`, or at the upper boundary beyond it, shape (T, M)."""
        return m_splines(xp, xp.minimum(t, self._upper), self.knots, self.degree)

    def log_hazard(self, xp: Namespace, basis: Array, theta: Theta) -> Array:
        """Return ``log_scale + log(basis @ softmax(log_weights))``, shape B + (T,)."""
        shape = xp.matmul(softmax(xp, theta["log_weights"]), basis.T)
        log_shape = xp.log(xp.maximum(shape, _SMALLEST_HAZARD))
        return xp.expand_dims(theta["log_scale"], -1) + log_shape

    def time_at(self, xp: Namespace, start: Array, target: Array, theta: Theta) -> Array:
        """Return the time at which `target` is spent in months, shape B + (T,)."""
        weights = softmax(xp, theta["log_weights"])
        spent = xp.matmul(weights, self.increment_basis(xp, xp.zeros_like(start), start).T)
        total = spent + target * xp.exp(-xp.expand_dims(theta["log_scale"], -1))
        tail = xp.expand_dims(xp.matmul(weights, self._at_upper()), -1)
        ends = tail > _SMALLEST_HAZARD
        wait = xp.where(ends, (total - 1.0) / xp.where(ends, tail, 1.0), xp.inf)
        inside = self._time_inside(xp, xp.minimum(total, 1.0), weights)
        return xp.maximum(start, xp.where(total < 1.0, inside, self._upper + wait))

    def _time_inside(self, xp: Namespace, total: Array, weights: Array) -> Array:
        """Return the time at which H reaches `total`, at most 1, with ``log_scale = 0``."""
        powers = [
            xp.matmul(weights, part.T) for part in interval_integrals(self.knots, self.degree)
        ]
        at_end = xp.cumsum(sum(powers), axis=-1)[..., :-1]
        edge = xp.zeros_like(powers[0][..., :1])
        lower = xp.concatenate([edge, at_end], axis=-1)
        upper = xp.concatenate([at_end, edge + xp.inf], axis=-1)
        reached = xp.expand_dims(total, -1)
        here = (reached >= xp.expand_dims(lower, -2)) & (reached < xp.expand_dims(upper, -2))

        def pick(by_interval: Array) -> Array:
            return xp.sum(xp.where(here, xp.expand_dims(by_interval, -2), 0.0), axis=-1)

        share = solve_polynomial(xp, [pick(power) for power in powers], total - pick(lower))
        return pick(np.array(self.knots[:-1])) + pick(np.diff(self.knots)) * share

    @property
    def _upper(self) -> float:
        return self.knots[-1]

    @property
    def _n_weights(self) -> int:
        return len(self.knots) - 1 + self.degree

    def _i_splines(self, xp: Namespace, t: Array) -> Array:
        return i_splines(xp, xp.minimum(t, self._upper), self.knots, self.degree)

    def _at_upper(self) -> NDArray[np.float64]:
        values: NDArray[np.float64] = self.log_hazard_basis(np, np.array([self._upper]))[0]
        return values


def _knot_faults(knots: tuple[float, ...]) -> list[Fault]:
    faults = cut_faults("knots", knots[1:])
    if len(knots) < 2 or knots[0] != 0:
        faults.append(
            Fault(
                "knots",
                f"found ({', '.join(f'{knot:g}' for knot in knots)})",
                "Give 0 first, then any inner knots, then the upper boundary in months",
            )
        )
    return faults


def _event_faults(events: NDArray[np.float64], n_knots: int) -> list[Fault]:
    faults = []
    if n_knots < 0:
        faults.append(Fault("n_knots", f"found {n_knots}", "Give the number of inner knots, >= 0"))
    if events.size == 0:
        faults.append(
            Fault("times", "there is no event", "Give the times at which events happened")
        )
    wrong = events[~(np.isfinite(events) & (events > 0))]
    if wrong.size:
        faults.append(
            Fault(
                "times",
                f"{wrong.size} of {events.size} event times are not positive and finite, "
                f"the first being {wrong[0]:g}",
                "Event times are positive months since time zero; mend or leave out those patients",
            )
        )
    return faults
