r"""Hessians of log-densities in bounded memory, also with a thousand group effects.

A column of a Hessian is a derivative of the gradient in one direction, and needs a few numbers for
each row of data; columns are computed in blocks of as many as fit into `ROOM`.

Effects u of C groups do not meet in any row, and their prior is the same in every direction. With
the stated level of the hazard held, the Hessian between two effects is therefore zero, and one
direction in which all of them move at once tells the C second derivatives D. In sampling
coordinates z (see `bayes_ihlrt.model.groups`), with M = du/dz and r the movement of the central
level that belongs to one of z when effects and stated level move on their own,

.. math::

    H_{zz} = M^T D M + k r^T + r k^T - r h r^T, \qquad k = H_{zc}, \; h = H_{cc},

with c the central level. A thousand centres and fifty covariates take 53 columns instead of 1,052.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bayes_ihlrt.batch.density import Data, JaxDensity

ROOM: Final = 8_000_000
"""Numbers of one temporary array: 64 MB, of which a few are held at a time."""
MANY_LEVELS: Final = 64
"""Levels of a group from which its effects are differentiated together."""

type Slope = Callable[[jax.Array], tuple[jax.Array, jax.Array]]
"""Position to the gradient, and to the gradient of what moves."""


def at_once(size: int, *, most: int) -> int:
    """Return how many things of some size are computed together.

    Parameters
    ----------
    size : int
        Numbers in one temporary array of one of them.
    most : int
        Of how many there are.

    Returns
    -------
    int
        At least 1.

    Examples
    --------
    >>> at_once(1_000_000, most=4000), at_once(100, most=4000)
    (8, 4000)
    """
    return int(np.clip(ROOM // max(size, 1), 1, max(most, 1)))


def in_blocks[X, Y](one: Callable[[X], Y], given: X, *, count: int, block: int) -> Y:
    """Map a function over leading axes, all side by side where they fit.

    Parameters
    ----------
    one : callable
        What is done to each.
    given : arrays, leading axis of length `count`
        All of them.
    count : int
        How many there are.
    block : int
        How many are done side by side, from `at_once`.

    Returns
    -------
    arrays
        Of all.

    Examples
    --------
    >>> in_blocks(lambda x: 2.0 * x, jnp.arange(3.0), count=3, block=2).tolist()
    [0.0, 2.0, 4.0]
    """
    found: Y = jax.vmap(one)(given) if block >= count else jax.lax.map(one, given, batch_size=block)
    return found


def n_rows(data: Mapping[str, Any]) -> int:
    """Return the length of the longest array of a graph's data.

    Parameters
    ----------
    data : mapping of str to array
        Values of all `pm.Data`.

    Returns
    -------
    int
        Rows of person-time, where they outnumber all else.
    """
    return max(max(np.shape(values), default=1) for values in data.values())


@dataclass(frozen=True)
class ManyLevels:
    """Where the effects of the group with the most levels lie among the dimensions of a position.

    Parameters
    ----------
    effect : str
        Name of the effects.
    places : tuple of int
        Dimensions of a position that they are made of.
    anchor : str, optional
        Name of the hazard's stated level, where a central level is sampled instead.
    central : int, optional
        Dimension of the central level.
    """

    effect: str
    places: tuple[int, ...]
    anchor: str | None = None
    central: int | None = None


def many_levels(density: JaxDensity) -> ManyLevels | None:
    """Find the group with the most levels, if they are many.

    Parameters
    ----------
    density : JaxDensity
        The graph.

    Returns
    -------
    ManyLevels or None
        None below `MANY_LEVELS`.
    """
    found = [_levels(density, name) for name in density.names if name.endswith(_MEAN)]
    largest = max(found, key=lambda one: len(one.places), default=None)
    return largest if largest is not None and len(largest.places) >= MANY_LEVELS else None


_MEAN: Final = "_mean_standard"
_CENTRED: Final = "_centred"


def _levels(density: JaxDensity, mean: str) -> ManyLevels:
    effect = mean.removesuffix(_MEAN)
    own = (mean, f"{effect}_standard[", f"{effect}_deviation")
    places = tuple(k for k, name in enumerate(density.names) if name.startswith(own))
    central = [k for k, name in enumerate(density.names) if name.endswith(_CENTRED)]
    if not central:
        return ManyLevels(effect, places)
    return ManyLevels(effect, places, density.names[central[0]].removesuffix(_CENTRED), central[0])


class Together(NamedTuple):
    """The effects of one group as functions of the coordinates that a Newton step moves.

    Parameters
    ----------
    places : tuple of int
        Coordinates that the effects are made of.
    central : int or None
        Coordinate of the central level.
    effects : callable
        Position to the effects.
    level : callable or None
        Position to the stated level.
    """

    places: tuple[int, ...]
    central: int | None
    effects: Callable[[jax.Array], jax.Array]
    level: Callable[[jax.Array], jax.Array] | None


class Columns(NamedTuple):
    """How the columns of a Hessian are computed.

    Parameters
    ----------
    at_a_time : int
        Columns of one block.
    together : Together, optional
        Effects whose columns are computed as one.
    """

    at_a_time: int = 256
    together: Together | None = None


def columns_of(
    density: JaxDensity,
    data: Data,
    *,
    others: tuple[int, ...],
    join: Callable[[jax.Array], jax.Array],
) -> Columns:
    """Return how the Hessian of a graph's log-density is computed on some data.

    Parameters
    ----------
    density : JaxDensity
        The graph.
    data : mapping of str to array
        Values of all `pm.Data`.
    others : tuple of int
        Dimensions of a position that move.
    join : callable
        What moves to the whole position.

    Returns
    -------
    Columns
        For `newton.maximise`.
    """
    together = _bound(density, data, others=others, join=join)
    return Columns(min(at_once(n_rows(data), most=len(others)), _MOST), together)


_MOST: Final = 256


def _bound(
    density: JaxDensity,
    data: Data,
    *,
    others: tuple[int, ...],
    join: Callable[[jax.Array], jax.Array],
) -> Together | None:
    """Bind a group of many levels to data, and to the coordinates that move."""
    levels = many_levels(density)
    if levels is None:
        return None
    place = {dimension: number for number, dimension in enumerate(others)}

    def of(name: str, moving: jax.Array) -> jax.Array:
        return jnp.ravel(density.constrained(join(moving), data)[name])

    anchor, central = levels.anchor, levels.central
    return Together(
        tuple(place[one] for one in levels.places),
        None if central is None else place[central],
        partial(of, levels.effect),
        None if anchor is None else lambda moving: of(anchor, moving)[0],
    )


def curvature(slope: Slope, position: jax.Array, columns: Columns) -> tuple[jax.Array, jax.Array]:
    """Return the Hessian, and the gradient of what moves.

    Parameters
    ----------
    slope : callable
        Position to both gradients.
    position : array, shape (dims,)
        Where.
    columns : Columns
        How many at a time, and which as one.

    Returns
    -------
    hessian : array, shape (dims, dims)
        Of all coordinates.
    gradient : array, shape (dims,)
        The second of `slope`.
    """
    dims = position.shape[0]
    if columns.together is None and dims <= columns.at_a_time:
        hessian, gradient = jax.jacfwd(slope, has_aux=True)(position)
        return hessian, gradient
    _, along, gradient = jax.linearize(slope, position, has_aux=True)
    if columns.together is None:
        return jax.lax.map(along, jnp.eye(dims), batch_size=columns.at_a_time).T, gradient
    return _assembled(along, position, columns.together, columns.at_a_time), gradient


def _assembled(
    along: Callable[[jax.Array], jax.Array], position: jax.Array, group: Together, columns: int
) -> jax.Array:
    """Return the Hessian from the columns of all else, and one of all effects together."""
    inside = np.asarray(group.places)
    outside = np.delete(np.arange(position.shape[0]), inside)
    effects, shift = _moved_by(position, group)
    factors = jax.scipy.linalg.lu_factor(effects)
    even = jax.scipy.linalg.lu_solve(factors, jnp.ones(len(inside)))
    tangent = jnp.zeros_like(position).at[inside].set(even)
    if group.central is not None:
        tangent = tangent.at[group.central].set(-shift @ even)
    tangents = jnp.concatenate([jnp.eye(position.shape[0])[outside], tangent[None]])
    found = jax.lax.map(along, tangents, batch_size=columns)
    hessian = jnp.zeros((position.shape[0],) * 2).at[outside].set(found[:-1])
    hessian = hessian.at[:, outside].set(found[:-1].T)
    rest, low_rank = found[-1][inside], jnp.zeros(())
    if group.central is not None:
        rest = rest - shift * found[-1][group.central]
        mixed = jnp.outer(hessian[group.central, inside], shift)
        own = hessian[group.central, group.central]
        low_rank = mixed + mixed.T - own * jnp.outer(shift, shift)
    second = jax.scipy.linalg.lu_solve(factors, rest, trans=1)
    block = (effects.T * second) @ effects + low_rank
    return hessian.at[np.ix_(inside, inside)].set(block)


def _moved_by(position: jax.Array, group: Together) -> tuple[jax.Array, jax.Array]:
    """Return du/dz, and what each of z moves the central level by, the stated one left alone."""
    inside = np.asarray(group.places)

    def with_effects(z: jax.Array) -> jax.Array:
        return position.at[inside].set(z)

    effects = jax.jacfwd(lambda z: group.effects(with_effects(z)))(position[inside])
    if group.central is None or group.level is None:
        return effects, jnp.zeros(len(inside))
    slope = jax.grad(group.level)(position)
    return effects, slope[inside] / slope[group.central]
