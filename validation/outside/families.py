"""Maximum likelihood of proportional hazards under each baseline, outside the package.

Rows are person-time (start, stop], the log likelihood is
``sum event * log h(stop) - (H(stop) - H(start)) exp(x'b)``. Baselines are written anew from their
definitions with SciPy's B-splines and minimised by L-BFGS; nothing of the package is imported.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.optimize import minimize

Floats = NDArray[np.float64]
_LEAST = -15.0
"""Log weight of a spline that is as good as absent: maxima lie at minus infinity."""


class Baseline(NamedTuple):
    """Log hazard and cumulative hazard at months, given parameters, and where to begin."""

    log_hazard: Callable[[Floats, Floats], Floats]
    cumulative: Callable[[Floats, Floats], Floats]
    begin: Floats


def maximum_likelihood(
    baseline: Baseline, start: Floats, stop: Floats, event: Floats, design: Floats
) -> Floats:
    """Return the coefficients of the design, shape (covariates,)."""
    size = len(baseline.begin)

    def loss(theta: Floats) -> float:
        shape, eta = theta[:size], design @ theta[size:]
        spent = baseline.cumulative(stop, shape) - baseline.cumulative(start, shape)
        died = event > 0
        told = baseline.log_hazard(stop[died], shape) + eta[died]
        return float((spent * np.exp(eta)).sum() - told.sum())

    begin = np.append(baseline.begin, np.zeros(design.shape[1]))
    bounds = [(_LEAST, 20.0)] * len(begin)
    options = {"maxiter": 5000, "maxfun": 10**6, "ftol": 1e-13, "gtol": 1e-8}
    found = minimize(loss, begin, method="L-BFGS-B", bounds=bounds, options=options)
    return np.asarray(found.x[size:])


def exponential() -> Baseline:
    """Return a constant hazard."""
    return Baseline(
        lambda t, p: np.full(len(t), p[0]), lambda t, p: np.exp(p[0]) * t, np.array([-3.0])
    )


def weibull() -> Baseline:
    """Return ``h(t) = shape t^(shape - 1) exp(p0)``, ``p1 = log shape``."""
    return Baseline(
        lambda t, p: p[0] + p[1] + np.expm1(p[1]) * np.log(t),
        lambda t, p: np.exp(p[0]) * t ** np.exp(p[1]),
        np.array([-2.0, 0.0]),
    )


def gompertz() -> Baseline:
    """Return ``h(t) = exp(p0 + p1 t)``."""
    return Baseline(
        lambda t, p: p[0] + p[1] * t,
        lambda t, p: np.exp(p[0]) * np.expm1(p[1] * t) / p[1],
        np.array([-2.0, -0.01]),
    )


def piecewise(cuts: Sequence[float]) -> Baseline:
    """Return a constant hazard between two cuts, months."""
    low, high = np.append(0.0, cuts), np.append(cuts, np.inf)
    return Baseline(
        lambda t, p: p[np.searchsorted(cuts, t, side="left")],
        lambda t, p: (np.clip(t[:, None], low, high) - low) @ np.exp(p),
        np.full(len(low), -3.0),
    )


def m_spline(knots: Sequence[float], degree: int = 3) -> Baseline:
    """Return ``h(t) = sum exp(p_m) M_m(t)``, each M of area 1; constant after the last knot."""
    padded = np.concatenate([[knots[0]] * degree, knots, [knots[-1]] * degree])
    count, last = len(knots) + degree - 1, knots[-1]
    # The area of the m-th B-spline is (padded[m + degree + 1] - padded[m]) / (degree + 1).
    scale = (degree + 1) / (padded[degree + 1 :] - padded[: -degree - 1])
    basis = BSpline(padded, np.diag(scale), degree)
    areas = basis.antiderivative()

    def hazard(t: Floats, p: Floats) -> Floats:
        return np.asarray(basis(np.minimum(t, last)) @ np.exp(p))

    def cumulative(t: Floats, p: Floats) -> Floats:
        inside = (areas(np.minimum(t, last)) - areas(0.0)) @ np.exp(p)
        return np.asarray(inside + np.maximum(t - last, 0.0) * hazard(np.array([last]), p))

    return Baseline(lambda t, p: np.log(hazard(t, p)), cumulative, np.zeros(count))
