"""Thousands of posteriors of one model: Newton and Laplace in JAX, vmapped over its data.

A member of a batch is one set of values of the graph's data: a data set, a vector of patient
weights, a vector of prior hyperparameters. Every member gets its own mode, its own approximate
posterior (`marginal`) and its own importance weights (`importance`); one that fails is tried again
from other starts, counted and named, and never enters a summary.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.inference.batch_result import DRAW, MEMBER, WEIGHT, BatchModes, BatchPosterior
from bayes_ihlrt.inference.importance import Sample, draw, smooth
from bayes_ihlrt.inference.jax_density import JaxDensity
from bayes_ihlrt.inference.marginal import (
    Conditional,
    Coordinates,
    Proposal,
    approximate,
    conditional,
    scale_coordinates,
)
from bayes_ihlrt.inference.newton import Optimum, maximise
from bayes_ihlrt.inference.roster import Members, Roster, chunk_size, count_members, take

Floats = NDArray[np.float64]
type Reduce = Callable[[xr.Dataset], xr.Dataset]
type Overrides = Mapping[str, jax.Array]


@dataclass(frozen=True, eq=False)
class BatchEngine:
    """A graph's functions, compiled for batches.

    Parameters
    ----------
    density : JaxDensity
        The graph in JAX.
    """

    density: JaxDensity
    _mode: Callable[..., Optimum] = field(init=False, repr=False)
    _look: Callable[..., Conditional] = field(init=False, repr=False)
    _coordinates: Coordinates = field(init=False, repr=False)
    _sample: Callable[..., tuple[Sample, dict[str, jax.Array]]] = field(init=False, repr=False)
    _own_scale: Callable[..., dict[str, jax.Array]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Wrap the functions of one member; JAX compiles them on the first use of a shape."""
        coordinates = scale_coordinates(self.density)
        parts = (self.density, coordinates)
        compiled = {
            "_coordinates": coordinates,
            "_mode": jax.jit(jax.vmap(partial(_mode, *parts))),
            "_look": jax.jit(jax.vmap(partial(_look, *parts))),
            "_sample": jax.jit(partial(_sample, *parts), static_argnames=("n", "keep")),
            "_own_scale": jax.jit(jax.vmap(partial(_own_scale, self.density))),
        }
        for name, function in compiled.items():
            object.__setattr__(self, name, function)

    def modes(
        self,
        members: Members,
        *,
        start: Floats | None = None,
        chunk: int | None = None,
        seed: int = 0,
    ) -> BatchModes:
        """Return the posterior mode of each member.

        Group and smoothing scales stay as in `start`: jointly with their effects they have no
        useful mode.

        Parameters
        ----------
        members : mapping of str to ndarray, shape (members, ...)
            Data that vary, by the names of `pm.Data` or of arrays packed into one.
        start : ndarray, shape (dims,) or (members, dims), optional
            Unconstrained start; the graph's initial point by default.
        chunk : int, optional
            Members at a time; chosen from the shapes by default. Results do not depend on it.
        seed : int
            Of the jitter of further starts.

        Returns
        -------
        BatchModes
            With NaN where no start led to a mode.

        Raises
        ------
        SpecificationError
            When a name is unknown or lengths or shapes differ.
        """
        roster, begin, size = self._plan(members, start, chunk)
        positions = np.full((roster.total, begin.shape[-1]), np.nan)
        parts = []
        for turn in roster.turns(begin, chunk=size, seed=seed):
            overrides = take(members, turn.members)
            found = self._mode(overrides, turn.starts)
            places = roster.record(turn, np.asarray(found.converged))
            positions[turn.members[places]] = np.asarray(found.position)[places]
            values = self._own_scale(overrides, found.position)
            parts.append(self._dataset(values, turn.members, places, (MEMBER,)))
        return BatchModes(_joined(parts), positions, roster.tries)

    def posteriors(
        self,
        members: Members,
        *,
        keep: Sequence[str] = (),
        draws: int = 1000,
        seed: int = 0,
        reduce: Reduce | None = None,
        start: Floats | None = None,
        chunk: int | None = None,
    ) -> BatchPosterior:
        """Return importance-weighted draws of each member's posterior.

        Parameters
        ----------
        members : mapping of str to ndarray, shape (members, ...)
            Data that vary, by the names of `pm.Data` or of arrays packed into one.
        keep : sequence of str
            Parameters whose draws are kept; all by default.
        draws : int
            Draws a member.
        seed : int
            The same seed gives the same draws, whatever the chunk.
        reduce : callable, optional
            Applied to the draws of each chunk, so that memory stays bounded.
        start : ndarray, shape (dims,) or (members, dims), optional
            Unconstrained start; the graph's initial point by default.
        chunk : int, optional
            Members at a time; chosen from the shapes by default. Results do not depend on it.

        Returns
        -------
        BatchPosterior
            Draws of the members that succeeded, diagnostics of all.

        Raises
        ------
        SpecificationError
            When a name is unknown or lengths or shapes differ.
        """
        names = self._kept(keep)
        roster, begin, size = self._plan(members, start, chunk)
        k_hat, ess = np.full(roster.total, np.inf), np.zeros(roster.total)
        evidence = np.full(roster.total, -np.inf)
        root, parts = jax.random.key(seed), []
        for turn in roster.turns(begin, chunk=size, seed=seed):
            overrides = take(members, turn.members)
            look = partial(self._look, overrides)
            proposal = approximate(look, self._coordinates, jnp.asarray(turn.starts))
            keys = jax.vmap(partial(jax.random.fold_in, root))(jnp.asarray(turn.members))
            sample, values = self._sample((overrides, proposal, keys), n=draws, keep=names)
            raw = np.asarray(sample.log_weights)
            found = np.isfinite(np.asarray(proposal.centre.log_marginal))
            good = found & np.isfinite(raw).any(axis=-1)
            places = roster.record(turn, good)
            done = turn.members[places]
            weights, k_hat[done], ess[done] = smooth(raw[places])
            evidence[done] = np.asarray(proposal.log_evidence)[places]
            part = self._dataset(values, turn.members, places, (MEMBER, DRAW))
            part[WEIGHT] = ((MEMBER, DRAW), weights)
            parts.append(part if reduce is None else reduce(part))
        table = {"k_hat": k_hat, "ess": ess, "log_evidence": evidence}
        table |= {"converged": roster.converged, "tries": roster.tries}
        columns = {name: (MEMBER, values) for name, values in table.items()}
        diagnostics = xr.Dataset(columns, coords={MEMBER: np.arange(roster.total)})
        return BatchPosterior(_joined(parts), diagnostics)

    def _plan(
        self, members: Members, start: Floats | None, chunk: int | None
    ) -> tuple[Roster, Floats, int]:
        shapes = {name: np.shape(values) for name, values in self.density.arrays.items()}
        total = count_members(members, shapes)
        begin = self.density.start if start is None else start
        rows = max(max(shape, default=1) for shape in shapes.values())
        size = chunk or chunk_size(total, rows=rows, dims=len(self.density.names))
        return Roster(total), begin, min(size, total)

    def _kept(self, keep: Sequence[str]) -> tuple[str, ...]:
        known = [str(variable.name) for variable in self.density.model.unobserved_RVs]
        faults = [
            Fault(f"'{name}'", "the model has no such parameter", nearest(name, known))
            for name in keep
            if name not in known
        ]
        if faults:
            raise SpecificationError("batch, keep", faults)
        return tuple(keep) or tuple(known)

    def _dataset(
        self,
        values: Mapping[str, jax.Array],
        members: NDArray[np.int64],
        places: NDArray[np.int64],
        leading: tuple[str, ...],
    ) -> xr.Dataset:
        model = self.density.model
        arrays = {}
        for name, array in values.items():
            own = model.named_vars_to_dims.get(name) or [
                f"{name}_dim_{axis}" for axis in range(array.ndim - len(leading))
            ]
            arrays[name] = ((*leading, *map(str, own)), np.asarray(array)[places])
        used = {dim for dims, _ in arrays.values() for dim in dims}
        coords = {dim: list(model.coords[dim]) for dim in used & set(model.coords)}
        return xr.Dataset(arrays, coords={**coords, MEMBER: members[places]})


def _mode(
    density: JaxDensity, coordinates: Coordinates, overrides: Overrides, start: jax.Array
) -> Optimum:
    log_density = density.bind(overrides)
    fixed, begin = coordinates.split(start)
    found = maximise(lambda others: log_density(coordinates.join(fixed, others)), begin)
    return found._replace(position=coordinates.join(fixed, found.position))


def _look(
    density: JaxDensity,
    coordinates: Coordinates,
    overrides: Overrides,
    scales: jax.Array,
    begin: jax.Array,
) -> Conditional:
    log_density = density.bind(overrides)
    return jax.vmap(partial(conditional, log_density, coordinates))(scales, begin)


def _sample(
    density: JaxDensity,
    coordinates: Coordinates,
    members: tuple[Overrides, Proposal, jax.Array],
    *,
    n: int,
    keep: tuple[str, ...],
) -> tuple[Sample, dict[str, jax.Array]]:
    """Draw member after member: all draws of all members at once would not fit into a cache."""

    def one(
        member: tuple[Overrides, Proposal, jax.Array],
    ) -> tuple[Sample, dict[str, jax.Array]]:
        overrides, proposal, key = member
        sample = draw(density.bind(overrides), proposal, coordinates, key, draws=n)
        values = jax.vmap(partial(_own_scale, density, overrides))(sample.positions)
        return sample, {name: values[name] for name in keep}

    mapped: tuple[Sample, dict[str, jax.Array]] = jax.lax.map(one, members)
    return mapped


def _own_scale(
    density: JaxDensity, overrides: Overrides, position: jax.Array
) -> dict[str, jax.Array]:
    return density.constrained(position, density.with_overrides(overrides))


def _joined(parts: list[xr.Dataset]) -> xr.Dataset:
    filled = [part for part in parts if part.sizes[MEMBER]]
    return xr.concat(filled, dim=MEMBER).sortby(MEMBER) if filled else parts[0]
