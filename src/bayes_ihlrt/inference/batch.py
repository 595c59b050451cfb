"""Thousands of posteriors of one model: Newton and Laplace in JAX, vmapped over its data.

A member of a batch is one set of values of the graph's data: a data set, a vector of patient
weights, a vector of prior hyperparameters. Every member gets its own mode, its own approximate
posterior (`marginal`) and its own importance weights (`importance`); one that fails is tried again
from other starts, counted and named, and never enters a summary.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import logsumexp

from bayes_ihlrt.inference.batch_gaussian import BatchGaussians, check_gaussian, check_precision
from bayes_ihlrt.inference.batch_result import (
    DRAW,
    MEMBER,
    POSITION,
    WEIGHT,
    BatchModes,
    BatchPosterior,
    joined,
)
from bayes_ihlrt.inference.importance import smooth
from bayes_ihlrt.inference.jax_density import JaxDensity
from bayes_ihlrt.inference.kernels import Kernels, make_kernels
from bayes_ihlrt.inference.labels import kept_names, of_members
from bayes_ihlrt.inference.marginal import approximate
from bayes_ihlrt.inference.member_flags import member_flags
from bayes_ihlrt.inference.roster import Members, Roster, chunk_size, count_members, take

Floats = NDArray[np.float64]
_POSITION_DIMS: Final = (MEMBER, DRAW, "coordinate")
_EVIDENCE: Final = ("log_evidence", "log_evidence_corrected")
type Reduce = Callable[[xr.Dataset], xr.Dataset]


@dataclass(frozen=True, eq=False)
class BatchEngine:
    """A graph's functions, compiled for batches, with the data that its members share.

    Parameters
    ----------
    density : JaxDensity
        The graph in JAX.

    Examples
    --------
    The modes under three vectors of patient weights, with ``prepared`` a constant hazard of the
    heart transplants (see `prepare`):

    >>> from bayes_ihlrt.inference.jax_density import prepared_density
    >>> engine = BatchEngine(prepared_density(prepared))
    >>> weight = np.random.default_rng(1).exponential(size=(3, 103))
    >>> engine.modes({"weight": weight}).parameters["transplant"].shape
    (3,)
    """

    density: JaxDensity
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
        roster, begin, size = self._plan(members, start, chunk)
        positions = np.full((roster.total, begin.shape[-1]), np.nan)
        parts = []
        for turn in roster.turns(begin, chunk=size, seed=seed):
            overrides = take(members, turn.members)
            found = self.kernels.mode(self._inputs, overrides, turn.starts)
            places = roster.record(turn, np.asarray(found.converged))
            positions[turn.members[places]] = np.asarray(found.position)[places]
            values = self.kernels.own_scale(self._inputs, overrides, found.position)
            parts.append(of_members(self.density.model, values, turn.members[places], places))
        flags = member_flags(self.density, self.data, members, total=roster.total)
        return BatchModes(joined(parts), positions, roster.tries, flags)

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
        roster, begin, size = self._plan(members, None, None)
        positions = np.full((roster.total, begin.shape[-1]), np.nan)
        for turn in roster.turns(begin, chunk=size, seed=0):
            look = partial(self.kernels.look, self._inputs, take(members, turn.members))
            found = approximate(look, self.kernels.coordinates, jnp.asarray(turn.starts))
            places = roster.record(turn, np.isfinite(np.asarray(found.centre.log_marginal)))
            where = turn.members[places]
            middle = np.asarray(found.middle)[places]
            positions[np.ix_(where, np.asarray(self.kernels.coordinates.scales, dtype=int))] = (
                middle
            )
            others = np.asarray(self.kernels.coordinates.others, dtype=int)
            positions[np.ix_(where, others)] = np.asarray(found.centre.mean)[places]
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
            Applied to the draws of each chunk, so that memory stays bounded.
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
        roster, begin, size = self._plan(members, start, chunk)
        k_hat, ess = np.full(roster.total, np.inf), np.zeros(roster.total)
        evidence = np.full((2, roster.total), -np.inf)
        root, parts = jax.random.key(seed), []
        for turn in roster.turns(begin, chunk=size, seed=seed):
            overrides = take(members, turn.members)
            look = partial(self.kernels.look, self._inputs, overrides)
            proposal = approximate(look, self.kernels.coordinates, jnp.asarray(turn.starts))
            keys = jax.vmap(partial(jax.random.fold_in, root))(jnp.asarray(turn.members))
            sample, values = self.kernels.sample(
                self.data, (overrides, proposal, keys), n=draws, keep=names
            )
            raw = np.asarray(sample.log_weights)
            found = np.isfinite(np.asarray(proposal.centre.log_marginal))
            places = roster.record(turn, found & np.isfinite(raw).any(axis=-1))
            done = turn.members[places]
            weights, k_hat[done], ess[done] = smooth(raw[places])
            corrected = logsumexp(raw[places], axis=-1) - np.log(draws)
            evidence[:, done] = np.asarray(proposal.log_evidence)[places], corrected
            part = of_members(self.density.model, values, turn.members[places], places, DRAW)
            part[WEIGHT] = ((MEMBER, DRAW), weights)
            if POSITION in keep:
                part[POSITION] = (_POSITION_DIMS, np.asarray(sample.positions)[places])
            parts.append(part if reduce is None else reduce(part))
        table = {"k_hat": k_hat, "ess": ess, **dict(zip(_EVIDENCE, evidence, strict=True))}
        table |= {"converged": roster.converged, "tries": roster.tries}
        flags = member_flags(self.density, self.data, members, total=roster.total)
        return BatchPosterior.make(joined(parts), table, flags)

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
        roster, begin, size = self._plan(members, start, chunk)
        found = BatchGaussians.empty(roster.total, begin.shape[-1])
        for turn in roster.turns(begin, chunk=size, seed=seed):
            centre = self.kernels.gaussian(self._inputs, take(members, turn.members), turn.starts)
            places = roster.record(turn, np.isfinite(np.asarray(centre.log_marginal)))
            found.put(turn.members[places], centre, places)
        return found.with_tries(roster.tries)

    @property
    def _inputs(self) -> Mapping[str, NDArray[np.generic]] | None:
        """What the kernels take as shared data: nothing for the graph's own, their constants."""
        return None if self.data is self.density.data else self.data

    def _plan(
        self, members: Members, start: Floats | None, chunk: int | None
    ) -> tuple[Roster, Floats, int]:
        check_precision()
        shapes = {name: np.shape(values) for name, values in self.density.arrays(self.data).items()}
        total = count_members(members, shapes)
        begin = self.density.start if start is None else start
        rows = max(max(shape, default=1) for shape in shapes.values())
        size = chunk or chunk_size(total, rows=rows, dims=len(self.density.names))
        return Roster(total, self.density.start), begin, min(size, total)
