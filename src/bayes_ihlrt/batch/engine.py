"""Thousands of posteriors of one model: Newton and Laplace in JAX, mapped over its data.

A member of a batch is one set of values of the graph's data: a data set, a vector of patient
weights, a vector of prior hyperparameters. Every member gets its own mode, its own approximate
posterior (`marginal`) and its own importance weights (`importance`); one that fails is tried again
from other starts, counted and named, and never enters a summary. Plain Laplace approximations are
refused to models whose posterior no Gaussian can follow.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.density import JaxDensity
from bayes_ihlrt.batch.failures import member_flags
from bayes_ihlrt.batch.kernels import Kernels, make_kernels
from bayes_ihlrt.batch.marginal import Conditional, approximate
from bayes_ihlrt.batch.members import Members, Roster, Turn, chunk_size, count_members, take
from bayes_ihlrt.batch.result import (
    DRAW,
    MEMBER,
    POSITION,
    WEIGHT,
    BatchModes,
    BatchPosterior,
    Quality,
    joined,
    kept_names,
    of_members,
)
from bayes_ihlrt.errors import Fault, RefusedError
from bayes_ihlrt.limits import available_cores

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BatchGaussians:
    """Normal approximations at the modes, in unconstrained coordinates.

    Parameters
    ----------
    mean : ndarray, shape (members, dims)
        Modes; NaN for a member that failed.
    factor : ndarray, shape (members, dims, dims)
        Lower Cholesky factors of the covariances.
    log_evidence : ndarray, shape (members,)
        Laplace approximation of the log normalising constant; minus infinity where it failed.
    tries : ndarray of int, shape (members,)
        Starts used.
    """

    mean: Floats
    factor: Floats
    log_evidence: Floats
    tries: NDArray[np.int64]

    @classmethod
    def empty(cls, members: int, dims: int) -> "BatchGaussians":
        """Return a batch of which nothing is known yet."""
        return cls(
            np.full((members, dims), np.nan),
            np.full((members, dims, dims), np.nan),
            np.full(members, -np.inf),
            np.zeros(members, dtype=np.int64),
        )

    def put(
        self, members: NDArray[np.int64], found: Conditional, places: NDArray[np.int64]
    ) -> None:
        """Store what was found at some places of a chunk."""
        factor = np.asarray(found.factor)[places]
        diagonal = np.einsum("mii->mi", factor).copy()
        rows = np.arange(factor.shape[-1])
        factor[:, rows, rows] = np.exp(diagonal)
        self.mean[members] = np.asarray(found.mean)[places]
        self.factor[members] = factor
        self.log_evidence[members] = np.asarray(found.log_marginal)[places]

    def with_tries(self, tries: NDArray[np.int64]) -> "BatchGaussians":
        """Return the same with the starts that each member used."""
        return replace(self, tries=tries)

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Whether a mode was found, shape (members,)."""
        return np.isfinite(self.log_evidence)


def check_gaussian(density: JaxDensity) -> None:
    """Refuse a model whose posterior no Gaussian can follow."""
    if density.scales:
        names = ", ".join(density.names[number] for number in density.scales)
        problem = f"group or smoothing scales ({names}) have skewed posteriors that reach zero"
        remedy = "Use importance-corrected posteriors, or a model without them"
        raise RefusedError("batch", [Fault("plain Laplace approximation", problem, remedy)])


def check_precision() -> None:
    """Refuse single precision."""
    if not jax.config.jax_enable_x64:
        problem = "it is switched off, and in single precision modes and weights are wrong"
        remedy = "Call jax.config.update('jax_enable_x64', True)"
        raise RefusedError("batch", [Fault("jax_enable_x64", problem, remedy)])


_POSITION_DIMS: Final = (MEMBER, DRAW, "coordinate")
type Reduce = Callable[[xr.Dataset], xr.Dataset]


@dataclass(frozen=True, eq=False)
class BatchEngine:
    """A graph's functions, compiled for batches, with the data that its members share.

    Parameters
    ----------
    density : JaxDensity
        The graph in JAX.
    threads : int, optional
        Chunks at a time on a CPU, its cores by default; results do not depend on it. Use 1 where
        batches themselves run beside each other.

    Examples
    --------
    The modes under three vectors of patient weights, with ``prepared`` a constant hazard of the
    heart transplants (see `prepare`):

    >>> from bayes_ihlrt.batch.density import prepared_density
    >>> engine = BatchEngine(prepared_density(prepared))
    >>> weight = np.random.default_rng(1).exponential(size=(3, 103))
    >>> engine.modes({"weight": weight}).parameters["transplant"].shape
    (3,)
    """

    density: JaxDensity
    threads: int = field(default_factory=available_cores)
    data: Mapping[str, NDArray[np.generic]] = field(init=False, repr=False)
    kernels: Kernels = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Wrap the graph's functions; JAX compiles them on the first use of a shape."""
        object.__setattr__(self, "data", self.density.data)
        object.__setattr__(self, "kernels", make_kernels(self.density))

    def with_data(self, data: Mapping[str, NDArray[np.generic]]) -> "BatchEngine":
        """Return an engine of the same graph on other data.

        Parameters
        ----------
        data : mapping of str to ndarray
            Values of all `pm.Data`; nothing is compiled again where shapes are the same.

        Returns
        -------
        BatchEngine
            Shares the compiled functions.
        """
        other = copy(self)
        object.__setattr__(other, "data", dict(data))
        return other

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
        roster, run = self._plan(members, start, chunk, seed)
        positions = np.full((roster.total, len(self.density.names)), np.nan)

        def work(turn: Turn) -> xr.Dataset:
            overrides = take(members, turn.members)
            found = self.kernels.mode(self._inputs, overrides, turn.starts)
            places = roster.record(turn, np.asarray(found.converged))
            positions[turn.members[places]] = np.asarray(found.position)[places]
            values = self.kernels.own_scale(self._inputs, overrides, found.position)
            return of_members(self.density.model, values, turn.members[places], places)

        flags = member_flags(self.density, self.data, members)
        return BatchModes(joined(run(work)), positions, roster.tries, flags)

    def centres(self, members: Members) -> Floats:
        """Return where each posterior lies: scales at their median, all else at its mode there.

        Parameters
        ----------
        members : mapping of str to ndarray, shape (members, ...)
            Data that vary.

        Returns
        -------
        ndarray, shape (members, dims)
            Unconstrained positions, a start for `modes`; NaN where there is no mode.

        Raises
        ------
        SpecificationError
            When a name is unknown or lengths or shapes differ.
        """
        roster, run = self._plan(members, None, None, 0)
        positions = np.full((roster.total, len(self.density.names)), np.nan)
        parts = self.kernels.coordinates
        scales, others = (np.asarray(part, dtype=int) for part in (parts.scales, parts.others))

        def work(turn: Turn) -> None:
            look = partial(self.kernels.look, self._inputs, take(members, turn.members))
            found = approximate(look, parts, jnp.asarray(turn.starts))
            places = roster.record(turn, np.isfinite(np.asarray(found.centre.log_marginal)))
            done = turn.members[places]
            positions[np.ix_(done, scales)] = np.asarray(found.middle)[places]
            positions[np.ix_(done, others)] = np.asarray(found.centre.mean)[places]

        run(work)
        return positions

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
            Parameters whose draws are kept; all by default. ``"position"`` keeps the unconstrained
            positions too, over ``coordinate``.
        draws : int
            Draws a member.
        seed : int
            The same seed gives the same draws, whatever the chunk.
        reduce : callable, optional
            Applied to the draws of each chunk, of several at a time, so that memory stays bounded.
        start, chunk : optional
            As for `modes`.

        Returns
        -------
        BatchPosterior
            Draws of the members that succeeded, diagnostics of all.

        Raises
        ------
        SpecificationError
            When a name is unknown or lengths or shapes differ.
        """
        names = kept_names(self.density.model, [name for name in keep if name != POSITION])
        roster, run = self._plan(members, start, chunk, seed)
        quality, root = Quality.unknown(roster.total), jax.random.key(seed)

        def work(turn: Turn) -> xr.Dataset:
            overrides = take(members, turn.members)
            look = partial(self.kernels.look, self._inputs, overrides)
            proposal = approximate(look, self.kernels.coordinates, jnp.asarray(turn.starts))
            keys = _keys_of(root, jnp.asarray(turn.members))
            sample, values = self.kernels.sample(
                self.data, (overrides, proposal, keys), n=draws, keep=names
            )
            raw = np.asarray(sample.log_weights)
            found = np.isfinite(np.asarray(proposal.centre.log_marginal))
            places = roster.record(turn, found & np.isfinite(raw).any(axis=-1))
            done, evidence = turn.members[places], np.asarray(proposal.log_evidence)
            part = of_members(self.density.model, values, done, places, DRAW)
            part[WEIGHT] = ((MEMBER, DRAW), quality.put(done, raw[places], evidence[places]))
            if POSITION in keep:
                part[POSITION] = (_POSITION_DIMS, np.asarray(sample.positions)[places])
            return part if reduce is None else reduce(part)

        kept = joined(run(work))
        table = {**quality.table, "converged": roster.converged, "tries": roster.tries}
        flags = member_flags(self.density, self.data, members)
        return BatchPosterior.make(kept, table, flags)

    def gaussians(
        self,
        members: Members,
        *,
        start: Floats | None = None,
        chunk: int | None = None,
        seed: int = 0,
    ) -> BatchGaussians:
        """Return the plain Laplace approximation of each member's posterior, unchecked: audit it.

        Parameters
        ----------
        members : mapping of str to array, shape (members, ...)
            Data that vary; JAX arrays stay on their device.
        start, chunk, seed : optional
            As for `modes`.

        Returns
        -------
        BatchGaussians
            With NaN where no start led to a mode.

        Raises
        ------
        RefusedError
            The model has group or smoothing scales.
        SpecificationError
            When a name is unknown or lengths or shapes differ.
        """
        check_gaussian(self.density)
        roster, run = self._plan(members, start, chunk, seed)
        found = BatchGaussians.empty(roster.total, len(self.density.names))

        def work(turn: Turn) -> None:
            centre = self.kernels.gaussian(self._inputs, take(members, turn.members), turn.starts)
            places = roster.record(turn, np.isfinite(np.asarray(centre.log_marginal)))
            found.put(turn.members[places], centre, places)

        run(work)
        return found.with_tries(roster.tries)

    @property
    def _inputs(self) -> Mapping[str, NDArray[np.generic]] | None:
        """What the kernels take as shared data: nothing for the graph's own, their constants."""
        return None if self.data is self.density.data else self.data

    def _plan(
        self, members: Members, start: Floats | None, chunk: int | None, seed: int
    ) -> tuple[Roster, Callable[..., Any]]:
        """Return who is to be done, and the function that does it in turns."""
        check_precision()
        shapes = {name: np.shape(values) for name, values in self.density.arrays(self.data).items()}
        roster = Roster(count_members(members, shapes), self.density.start)
        threads = self.threads if jax.default_backend() == "cpu" else 1
        share = chunk_size(roster.total, shapes, dims=len(self.density.names), threads=threads)
        size = min(chunk or share, roster.total)
        return roster, partial(roster.run, start=start, chunk=size, seed=seed, threads=threads)


@jax.jit
def _keys_of(root: jax.Array, members: jax.Array) -> jax.Array:
    """Return each member's key, whatever the chunk that it is in."""
    return jax.vmap(partial(jax.random.fold_in, root))(members)
