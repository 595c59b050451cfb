"""Damped Newton: the mode of a smooth log-density, in a form that `jax.vmap` runs in batches.

Levenberg-Marquardt: the Hessian H of f = -log p is shifted by lambda times its diagonal; lambda
grows tenfold, from 0.1, when a step does not lower f or the shifted matrix is not positive
definite, falls tenfold when one does, and to zero near the mode.

References
----------
Nocedal J, Wright SJ. Numerical Optimization, 2nd ed. 2006, chapters 3 and 4,
doi 10.1007/978-0-387-40065-5.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bayes_ihlrt.batch.curvature import Columns, Slope, curvature

MAX_ITERATIONS: Final = 100
TOLERANCE: Final = 1e-6
"""Newton decrement g'H^-1 g / 2, in units of log-density, at which the last full step is taken."""

_FIRST_SHIFT: Final = 0.1
_DENSE: Final = Columns()
_NEAR: Final = 0.1
"""Decrement below which Newton's own steps converge: a small shift has nothing left to do."""
_FLAT: Final = 1e-3
"""Added to the diagonal, so that a coordinate without curvature is shifted too."""


class Optimum(NamedTuple):
    """The mode and the curvature at it.

    Parameters
    ----------
    position : array, shape (dims,)
        The mode.
    value : array, scalar
        Log p at the mode; minus infinity where no point of finite density was found.
    precision : array, shape (dims, dims)
        Hessian of -log p one step before the mode, which the tolerance makes a distance of at most
        0.0014 standard deviations; positive definite where `converged`.
    converged : array, scalar bool
        The last step was a full Newton step with a decrement below the tolerance.
    iterations : array, scalar int
        Evaluations of the Hessian.
    """

    position: jax.Array
    value: jax.Array
    precision: jax.Array
    converged: jax.Array
    iterations: jax.Array


class _State(NamedTuple):
    position: jax.Array
    value: jax.Array
    precision: jax.Array
    shift: jax.Array
    iterations: jax.Array
    done: jax.Array


def maximise(
    log_density: Callable[[jax.Array], jax.Array],
    start: jax.Array,
    *,
    held: tuple[int, ...] = (),
    columns: Columns = _DENSE,
) -> Optimum:
    """Return the mode of a log-density.

    Parameters
    ----------
    log_density : callable
        Position of shape (dims,) to a scalar; twice differentiable.
    start : array, shape (dims,)
        Where to begin; a start without finite density ends unconverged.
    held : tuple of int
        Coordinates that stay as in `start`; `precision` is of all.
    columns : Columns
        How the columns of a Hessian are computed.

    Returns
    -------
    Optimum
        Look at `converged` before anything else.

    Examples
    --------
    >>> found = maximise(lambda x: -jnp.sum((x - 2.0) ** 4 + (x - 2.0) ** 2), jnp.zeros(2))
    >>> found.position.round(6).tolist(), bool(found.converged)
    ([2.0, 2.0], True)
    """
    moved, inner_of = _inner(start.shape[0], held)
    cost, slope = _cost(log_density, moved)

    def step(state: _State) -> _State:
        hessian, gradient = curvature(slope, state.position, columns)
        damping = jnp.diag(jnp.abs(jnp.diagonal(hessian)) + _FLAT)
        factor = jnp.linalg.cholesky(inner_of(hessian) + state.shift * damping)
        move = jax.scipy.linalg.cho_solve((factor, True), gradient)
        proposal = state.position - move
        value = cost(proposal)
        better = value <= state.value + 1e-12 * jnp.abs(state.value)
        decrement = 0.5 * jnp.dot(gradient, move)
        near = (decrement < _NEAR) & (state.shift <= _FIRST_SHIFT)
        lower = jnp.where(near, 0.0, state.shift / 10.0)
        higher = jnp.maximum(10.0 * state.shift, _FIRST_SHIFT)
        return _State(
            position=jnp.where(better, proposal, state.position),
            value=jnp.where(better, value, state.value),
            precision=hessian,
            shift=jnp.where(better, lower, higher),
            iterations=state.iterations + 1,
            done=better & (decrement < TOLERANCE) & (state.shift == 0.0),
        )

    def unfinished(state: _State) -> jax.Array:
        return ~state.done & (state.iterations < MAX_ITERATIONS) & jnp.isfinite(state.value)

    flat = jnp.zeros((start.shape[0], start.shape[0]))
    first = _State(start, cost(start), flat, jnp.zeros(()), jnp.zeros((), int), jnp.zeros((), bool))
    last = jax.lax.while_loop(unfinished, step, first)
    return Optimum(last.position, -last.value, last.precision, last.done, last.iterations)


def _cost(
    log_density: Callable[[jax.Array], jax.Array], moved: jax.Array | None
) -> tuple[Callable[[jax.Array], jax.Array], Slope]:
    def cost(position: jax.Array) -> jax.Array:
        return -log_density(position)

    def slope(position: jax.Array) -> tuple[jax.Array, jax.Array]:
        gradient = jax.grad(cost)(position)
        return gradient, gradient if moved is None else jnp.where(moved, gradient, 0.0)

    return cost, slope


def _inner(
    dims: int, held: tuple[int, ...]
) -> tuple[jax.Array | None, Callable[[jax.Array], jax.Array]]:
    """Return which coordinates move, None for all, and how a Hessian is cut down to them."""
    if not held:
        return None, lambda hessian: hessian
    moved = np.ones(dims, dtype=bool)
    moved[list(held)] = False
    among, unmoved = jnp.asarray(np.outer(moved, moved)), jnp.asarray(np.diag(~moved), float)
    return jnp.asarray(moved), lambda hessian: jnp.where(among, hessian, unmoved)
