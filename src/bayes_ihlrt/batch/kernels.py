"""The compiled functions of a batch: one member's mode, look and draws, mapped over members."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp

from bayes_ihlrt.batch.curvature import Columns, at_once, columns_of, in_blocks, n_rows
from bayes_ihlrt.batch.density import Data, JaxDensity
from bayes_ihlrt.batch.importance import Sample, draw
from bayes_ihlrt.batch.kept import KeptFunction
from bayes_ihlrt.batch.marginal import (
    Conditional,
    Coordinates,
    Proposal,
    conditional,
    scale_coordinates,
)
from bayes_ihlrt.batch.newton import Optimum, maximise

type Overrides = Mapping[str, jax.Array]
_ABREAST: Final = 8
"""Posteriors whose modes are searched side by side on a CPU, for nearly as many steps each."""


class Description(NamedTuple):
    """What positions of one data set mean, every array led by an axis of positions.

    Parameters
    ----------
    parameters : dict of str to array
        On their own scale.
    log_likelihood : array, shape (positions, patients), or None
        Weighted, of each patient; None where it was not asked for.
    log_prior : dict of str to array
        Log-density of each free parameter on its own scale.
    """

    parameters: dict[str, jax.Array]
    log_likelihood: jax.Array | None
    log_prior: dict[str, jax.Array]


@dataclass(frozen=True, eq=False)
class Kernels:
    """Functions of the graph's data (shared by all members), overrides and starts.

    JAX compiles each on the first use of a shape; data of the same shapes reuse it.

    Parameters
    ----------
    density : JaxDensity
        The graph in JAX.
    coordinates : Coordinates
        The scales among the dimensions.
    mode, look, gaussian, sample, own_scale, describe : callable
        See the functions of the same names below.
    """

    density: JaxDensity
    coordinates: Coordinates
    mode: Callable[..., Optimum]
    look: Callable[..., Conditional]
    gaussian: Callable[..., Conditional]
    sample: Callable[..., tuple[Sample, dict[str, jax.Array]]]
    own_scale: Callable[..., dict[str, jax.Array]]
    describe: Callable[..., Description]


def make_kernels(density: JaxDensity) -> Kernels:
    """Wrap a graph's functions for batches.

    Parameters
    ----------
    density : JaxDensity
        The graph in JAX.

    Returns
    -------
    Kernels
        Nothing is compiled yet.
    """
    coordinates = scale_coordinates(density)
    parts, made = (density, coordinates), partial(kept_of, density)
    return Kernels(
        density=density,
        coordinates=coordinates,
        mode=made("mode", over_members(partial(_mode, *parts))),
        look=made("look", over_members(partial(_look, *parts))),
        gaussian=made("gaussian", over_members(partial(_gaussian, *parts), abreast=_ABREAST)),
        sample=made("sample", partial(_sample, *parts), ("n", "keep")),
        own_scale=made("own scale", jax.vmap(partial(_own_scale, density), in_axes=(None, 0, 0))),
        describe=made("describe", partial(_describe, density), ("likely",)),
    )


def kept_of[T](
    density: JaxDensity, name: str, function: Callable[..., T], static: Sequence[str] = ()
) -> KeptFunction[T]:
    """Keep a function of a density's data, of one that has an identity."""
    identity = f"{density.identity} {name}" if density.identity else ""
    return KeptFunction(function, identity, static=static, without=lambda: density.digest)


def _mode(
    density: JaxDensity,
    coordinates: Coordinates,
    data: Data,
    overrides: Overrides,
    start: jax.Array,
) -> Optimum:
    log_density = density.bind(overrides, data)
    fixed, begin = coordinates.split(start)
    columns = _columns(density, coordinates, data, overrides, fixed)
    found = maximise(
        lambda others: log_density(coordinates.join(fixed, others)), begin, columns=columns
    )
    return found._replace(position=coordinates.join(fixed, found.position))


def over_members[T](one: Callable[..., T], *, abreast: int = 1) -> Callable[..., T]:
    """Run members one after the other on a CPU, side by side elsewhere.

    Parameters
    ----------
    one : callable
        Shared data, and what is one member's, to what is found of it.
    abreast : int
        Members at a time on a CPU: a few where all take the same steps, so that a step is looked up
        for several of them and what they need stays in the cache.

    Returns
    -------
    callable
        The same of members along leading axes.

    Notes
    -----
    A vmapped Newton waits for its slowest member and leaves the cache: with 300 patients and 5
    parameters a member alone took 96 microseconds of one core, among 512 others 379.
    """

    def over(data: Any, *members: Any) -> T:
        if jax.default_backend() != "cpu":
            return jax.vmap(one, in_axes=(None, *(0 for _ in members)))(data, *members)
        size = None if abreast == 1 else abreast
        found: T = jax.lax.map(lambda member: one(data, *member), members, batch_size=size)
        return found

    return over


def _look(
    density: JaxDensity,
    coordinates: Coordinates,
    data: Data,
    overrides: Overrides,
    scales: jax.Array,
    begin: jax.Array,
) -> Conditional:
    log_density = density.bind(overrides, data)

    def one(knot: tuple[jax.Array, jax.Array]) -> Conditional:
        columns = _columns(density, coordinates, data, overrides, knot[0])
        return conditional(log_density, coordinates, *knot, columns)

    # Several knots side by side hold a Hessian's columns of each.
    numbers = n_rows(data or density.data) * len(coordinates.others)
    count = len(scales)
    found: Conditional = in_blocks(
        one, (scales, begin), count=count, block=at_once(numbers, most=count)
    )
    return found


def _columns(
    density: JaxDensity,
    coordinates: Coordinates,
    data: Data | None,
    overrides: Overrides,
    scales: jax.Array,
) -> Columns:
    """Return how Hessians are computed on these data, with these scales."""
    whole = density.with_overrides(overrides, data)
    join = partial(coordinates.join, scales)
    return columns_of(density, whole, others=coordinates.others, join=join)


def _gaussian(
    density: JaxDensity,
    coordinates: Coordinates,
    data: Data,
    overrides: Overrides,
    start: jax.Array,
) -> Conditional:
    """Approximate one posterior without scales; one compiled step instead of a proposal's many."""
    nothing = jnp.zeros(0)
    columns = _columns(density, coordinates, data, overrides, nothing)
    return conditional(density.bind(overrides, data), coordinates, nothing, start, columns)


def _sample(
    density: JaxDensity,
    coordinates: Coordinates,
    data: Data,
    members: tuple[Overrides, Proposal, jax.Array],
    *,
    n: int,
    keep: tuple[str, ...],
) -> tuple[Sample, dict[str, jax.Array]]:
    """Draw member after member: all draws of all members at once would not fit into a cache."""
    rows = n_rows(data or density.data)
    batch = at_once(rows, most=n)

    def one(
        member: tuple[Overrides, Proposal, jax.Array],
    ) -> tuple[Sample, dict[str, jax.Array]]:
        overrides, proposal, key = member
        log_density = density.bind(overrides, data)
        sample = draw(log_density, proposal, coordinates, key, draws=n, batch=batch)
        values = jax.vmap(partial(_own_scale, density, data, overrides))(sample.positions)
        return sample, {name: values[name] for name in keep}

    mapped: tuple[Sample, dict[str, jax.Array]] = jax.lax.map(one, members)
    return mapped


def _own_scale(
    density: JaxDensity, data: Data, overrides: Overrides, position: jax.Array
) -> dict[str, jax.Array]:
    return density.constrained(position, density.with_overrides(overrides, data))


def _describe(
    density: JaxDensity, data: Data, positions: jax.Array, *, likely: bool
) -> Description:
    """Read positions of shape (positions, dims), one after the other: their rows fill a cache."""

    def one(position: jax.Array) -> Description:
        return Description(
            density.constrained(position, data),
            density.log_likelihood(position, data) if likely else None,
            density.log_prior(position, data),
        )

    found: Description = jax.lax.map(one, positions)
    return found
