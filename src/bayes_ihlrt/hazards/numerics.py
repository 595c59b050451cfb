"""Elementary functions whose values and derivatives stay finite at the edge of their domain.

A plain ``where(ok, f(x), other)`` does not protect a derivative: the discarded branch still
contributes ``0 * inf``. So the argument is replaced by a harmless one before `f` sees it.
"""

from collections.abc import Sequence
from math import factorial
from typing import Final

from bayes_ihlrt.hazards.protocol import Array, Namespace

LOG_ZERO: Final = -1e10
"""Stands for ``log 0``: ``exp(shape * LOG_ZERO)`` is 0 for every shape above 1e-7."""

LARGEST_EXPONENT: Final = 700.0
"""Beyond it ``exp`` overflows, or soon will once multiplied."""

_NOTHING: Final = 1e-280
"""Months that are none: what is divided by fewer overflows."""

_SERIES_RADIUS: Final = 0.1
_SERIES: Final = tuple(1.0 / factorial(n + 1) for n in range(11))


def log_floored(xp: Namespace, x: Array) -> Array:
    """Return ``log x`` for ``x > 0`` and `LOG_ZERO` at 0."""
    positive = x > 0
    return xp.where(positive, xp.log(xp.where(positive, x, 1.0)), LOG_ZERO)


def log_ratio_floored(xp: Namespace, start: Array, stop: Array) -> Array:
    """Return ``log(start / stop)``, accurate for intervals of any length; `LOG_ZERO` at 0."""
    positive = start > _NOTHING
    length = (stop - start) / xp.where(positive, start, 1.0)
    return xp.where(positive, -xp.log1p(length), LOG_ZERO)


def expm1_ratio(xp: Namespace, x: Array) -> Array:
    """Return ``(exp(x) - 1) / x``, 1 at 0, with accurate first and second derivatives."""
    small = xp.abs(x) < _SERIES_RADIUS
    inner = xp.where(small, x, 0.0)
    series = _SERIES[-1]
    for coefficient in reversed(_SERIES[:-1]):
        series = coefficient + inner * series
    outer = xp.where(small, 1.0, x)
    return xp.where(small, series, xp.expm1(outer) / outer)


def log1p_ratio(xp: Namespace, x: Array) -> Array:
    """Return ``log(1 + x) / x`` for ``x > -1``, 1 at 0."""
    # Not ``x != 0``, which PyTensor answers with one bool for the whole variable.
    away = xp.abs(x) > 0
    safe = xp.where(away, x, 1.0)
    return xp.where(away, xp.log1p(safe) / safe, 1.0)


def exp_or_inf(xp: Namespace, x: Array) -> Array:
    """Return ``exp x``, and ``inf`` (without a warning) where that is too large to represent."""
    return xp.where(x > LARGEST_EXPONENT, xp.inf, xp.exp(xp.minimum(x, LARGEST_EXPONENT)))


def softmax(xp: Namespace, x: Array) -> Array:
    """Return ``exp(x) / sum(exp(x))`` over the last axis."""
    powers = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
    return powers / xp.sum(powers, axis=-1, keepdims=True)


def solve_polynomial(xp: Namespace, coefficients: Sequence[Array], value: Array) -> Array:
    """Return ``u`` in [0, 1] with ``sum_p coefficients[p] * u**(p + 1) = value``.

    The polynomial must not decrease on [0, 1] and `value` must lie between its ends. The fixed
    number of halvings, which finds `u` to 2**-53, makes a graph that every namespace can hold.

    Parameters
    ----------
    xp : module
        ``numpy``, ``jax.numpy`` or ``pytensor.tensor``.
    coefficients : sequence of array
        Coefficients of the powers 1, 2, ..., each of the shape of `value`.
    value : array
        What the polynomial is to reach.

    Returns
    -------
    array
        The roots, of the shape of `value`.
    """
    share = xp.zeros_like(value)
    for halving in range(1, 54):
        trial = share + 0.5**halving
        reached = coefficients[-1]
        for coefficient in reversed(coefficients[:-1]):
            reached = coefficient + trial * reached
        share = xp.where(trial * reached <= value, trial, share)
    return share
