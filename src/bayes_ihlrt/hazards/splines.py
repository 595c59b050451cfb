"""B-splines, M-splines and I-splines on a closed range, element by element.

References
----------
Ramsay JO. Monotone regression splines in action. Stat Sci 1988.
https://doi.org/10.1214/ss/1177012761
"""

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.hazards.protocol import Array, Namespace


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
