"""What a batch of posteriors returns: modes or weighted draws by member, and how each came out.

Parameters keep the graph's own dimensions, behind those of member and draw.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pymc as pm
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from bayes_ihlrt.batch.failures import MemberFlags
from bayes_ihlrt.batch.importance import smooth
from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.limits import MAX_K_HAT

Floats = NDArray[np.float64]
MEMBER: Final = "member"
DRAW: Final = "draw"
WEIGHT: Final = "weight"
POSITION: Final = "position"
"""Unconstrained positions among the draws, where they were asked for."""


@dataclass(frozen=True, eq=False)
class BatchModes:
    """Modes of the members of a batch.

    Parameters
    ----------
    parameters : xarray.Dataset
        Every parameter on its own scale, dimensions ``member, ...``; failed members are left out.
    positions : ndarray, shape (members, dims)
        Unconstrained; NaN for a member that failed.
    tries : ndarray of int, shape (members,)
        Starts used.
    flags : MemberFlags, optional
        What is the matter with the data of each member; None where rows are not known by name.

    Examples
    --------
    With ``engine``, of a constant hazard of the heart transplants (see `BatchEngine`):

    >>> modes = engine.modes({"weight": np.ones((2, 103))})
    >>> modes.failed.tolist(), modes.positions.shape
    ([], (2, 2))
    """

    parameters: xr.Dataset
    positions: Floats
    tries: NDArray[np.int64]
    flags: MemberFlags | None = None

    @property
    def failed(self) -> NDArray[np.int64]:
        """Numbers of the members without a mode."""
        return np.flatnonzero(np.isnan(self.positions).any(axis=1))

    @property
    def diagnostics(self) -> xr.Dataset:
        """By member: ``converged``, ``not_converged``, ``tries``, and each flag of the data."""
        lost = np.isnan(self.positions).any(axis=1)
        table = {"converged": ~lost, "not_converged": lost, "tries": self.tries}
        return _by_member(table | ({} if self.flags is None else self.flags.table))

    @property
    def messages(self) -> tuple[str, ...]:
        """What is the matter with which member, in plain words."""
        return _told(self.flags, _about_starts(self.diagnostics))


@dataclass(frozen=True, eq=False)
class BatchPosterior:
    """Posteriors of the members of a batch.

    Parameters
    ----------
    draws : xarray.Dataset
        Dimensions ``member, draw, ...``, with the normalised importance weight as ``weight``; or
        what `reduce` made of it. Failed members are left out.
    diagnostics : xarray.Dataset
        By member, failed ones included: ``converged``, ``not_converged``, ``k_hat`` and ``ess``
        (infinite and 0 where it failed), ``high_k_hat`` (above 0.7), ``tries``, ``log_evidence``
        (Laplace), ``log_evidence_corrected`` (by the mean importance weight), and each flag of the
        data: ``no_events``, ``one_patient``, ``separation``, ``collinear``.
    flags : MemberFlags, optional
        What is the matter with the data of each member; None where rows are not known by name.

    Examples
    --------
    With ``engine``, of a constant hazard of the heart transplants (see `BatchEngine`):

    >>> posterior = engine.posteriors({"weight": np.ones((2, 103))}, draws=500)
    >>> posterior.draws["transplant"].dims, posterior.failed.tolist()
    (('member', 'draw'), [])
    >>> bool((posterior.diagnostics["k_hat"] < 0.7).all())
    True
    """

    draws: xr.Dataset
    diagnostics: xr.Dataset
    flags: MemberFlags | None = None

    @classmethod
    def make(
        cls, draws: xr.Dataset, table: dict[str, NDArray[np.generic]], flags: MemberFlags | None
    ) -> "BatchPosterior":
        """Complete the diagnostics by the flags."""
        flagged: dict[str, NDArray[np.generic]] = {
            "not_converged": ~table["converged"].astype(bool),
            "high_k_hat": ~(table["k_hat"].astype(np.float64) <= MAX_K_HAT),
        }
        of_data = {} if flags is None else flags.table
        return cls(draws, _by_member({**table, **flagged, **of_data}), flags)

    @property
    def failed(self) -> NDArray[np.int64]:
        """Numbers of the members without a posterior."""
        return np.flatnonzero(~self.diagnostics["converged"].to_numpy())

    @property
    def flagged(self) -> NDArray[np.int64]:
        """Numbers of the members that failed or whose Pareto k-hat is above 0.7."""
        return np.flatnonzero(self.diagnostics["high_k_hat"].to_numpy())

    @property
    def messages(self) -> tuple[str, ...]:
        """What is the matter with which member, in plain words."""
        return _told(self.flags, [*_about_starts(self.diagnostics), *self._about_weights()])

    def _about_weights(self) -> Iterator[tuple[int, str]]:
        k_hat = self.diagnostics["k_hat"].to_numpy()
        for member in sorted(set(self.flagged.tolist()) - set(self.failed.tolist())):
            yield (
                member,
                f"Pareto k-hat {k_hat[member]:.2f} is above {MAX_K_HAT}, so the approximation does "
                "not fit this posterior: refit the member by NUTS",
            )

    def __str__(self) -> str:
        """Tell in one line how good the approximation is."""
        k_hat = self.diagnostics["k_hat"].to_numpy()
        lost, high = len(self.failed), len(self.flagged) - len(self.failed)
        middle = float(np.median(k_hat))
        return (
            f"{len(k_hat):,} approximate posteriors (Laplace, importance-corrected): {lost} "
            f"without a mode, {high} with Pareto k-hat above {MAX_K_HAT}; median k-hat {middle:.2f}"
        )


@dataclass(frozen=True, eq=False)
class Quality:
    """How well each member's approximation fits, filled in as members are done.

    Parameters
    ----------
    k_hat, ess : ndarray, shape (members,)
        Pareto k-hat and effective sample size of the importance weights.
    log_evidence, log_evidence_corrected : ndarray, shape (members,)
        By Laplace, and by the mean importance weight.
    """

    k_hat: Floats
    ess: Floats
    log_evidence: Floats
    log_evidence_corrected: Floats

    @classmethod
    def unknown(cls, members: int) -> "Quality":
        """Return the quality of members of whom none is done."""
        lowest = np.full((2, members), -np.inf)
        return cls(np.full(members, np.inf), np.zeros(members), *lowest)

    def put(self, members: NDArray[np.int64], log_weights: Floats, log_evidence: Floats) -> Floats:
        """Store members that are done; return their smoothed, normalised weights."""
        weights, self.k_hat[members], self.ess[members] = smooth(log_weights)
        draws = log_weights.shape[-1]
        self.log_evidence[members] = log_evidence
        self.log_evidence_corrected[members] = logsumexp(log_weights, axis=-1) - np.log(draws)
        return weights

    @property
    def table(self) -> dict[str, NDArray[np.generic]]:
        """Columns by name."""
        return dict(vars(self))


def _by_member(table: Mapping[str, NDArray[np.generic]]) -> xr.Dataset:
    columns = {name: (MEMBER, values) for name, values in table.items()}
    members = len(next(iter(table.values())))
    return xr.Dataset(columns, coords={MEMBER: np.arange(members)})


def _about_starts(diagnostics: xr.Dataset) -> Iterator[tuple[int, str]]:
    tries, lost = diagnostics["tries"].to_numpy(), diagnostics["not_converged"].to_numpy()
    for member in np.flatnonzero(lost | (tries > 1)).tolist():
        if lost[member]:
            yield (
                member,
                f"no posterior mode from {tries[member]} starts (the log-density is infinite there "
                "or has no maximum), so it is left out",
            )
        else:
            yield (
                member,
                "no posterior mode from the first start (the log-density is infinite there or has "
                f"no maximum nearby); found from start {tries[member]}",
            )


def _told(flags: MemberFlags | None, others: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    of_data = [] if flags is None else list(flags.messages())
    found = sorted([*of_data, *others], key=lambda pair: pair[0])
    return tuple(f"member {member}: {words}" for member, words in found)


def joined(parts: list[xr.Dataset]) -> xr.Dataset:
    """Return chunks of members as one dataset, by the number of the member."""
    filled = [part for part in parts if part.sizes[MEMBER]]
    return xr.concat(filled, dim=MEMBER).sortby(MEMBER) if filled else parts[0]


def labelled(
    model: pm.Model, values: Mapping[str, ArrayLike], leading: tuple[str, ...]
) -> xr.Dataset:
    """Return parameters as a dataset.

    Parameters
    ----------
    model : pymc.Model
        The graph.
    values : mapping of str to array_like
        Parameters on their own scale, by name.
    leading : tuple of str
        Dimensions before those of the parameter, e.g. ``("draw",)``.

    Returns
    -------
    xarray.Dataset
        Dimensions `leading` and those of the graph, with its coordinates.
    """
    arrays = {}
    for name, array in values.items():
        found = np.asarray(array)
        own = model.named_vars_to_dims.get(name) or [
            f"{name}_dim_{axis}" for axis in range(found.ndim - len(leading))
        ]
        arrays[name] = ((*leading, *map(str, own)), found)
    used = {dim for dims, _ in arrays.values() for dim in dims}
    coords = {dim: list(model.coords[dim]) for dim in used & set(model.coords)}
    return xr.Dataset(arrays, coords=coords)


def of_members(
    model: pm.Model,
    values: Mapping[str, ArrayLike],
    members: NDArray[np.int64],
    places: NDArray[np.int64],
    *dims: str,
) -> xr.Dataset:
    """Return parameters of those members of a batch that succeeded.

    Parameters
    ----------
    model : pymc.Model
        The graph.
    values : mapping of str to array_like, shape (turn, ...)
        Parameters on their own scale, by name.
    members : ndarray, shape (succeeded,)
        Numbers of the members.
    places : ndarray, shape (succeeded,)
        Their places in `values`.
    *dims : str
        Dimensions between ``member`` and those of the parameter.

    Returns
    -------
    xarray.Dataset
        Dimension ``member``, `dims` and those of the graph.
    """
    chosen = {name: np.asarray(array)[places] for name, array in values.items()}
    return labelled(model, chosen, (MEMBER, *dims)).assign_coords({MEMBER: members})


def kept_names(model: pm.Model, keep: Sequence[str]) -> tuple[str, ...]:
    """Return the parameters whose draws are kept.

    Parameters
    ----------
    model : pymc.Model
        The graph.
    keep : sequence of str
        Names; all when empty.

    Returns
    -------
    tuple of str
        Names of the graph.

    Raises
    ------
    SpecificationError
        The graph has no such parameter.
    """
    known = [str(variable.name) for variable in model.unobserved_RVs]
    faults = [
        Fault(f"'{name}'", "the model has no such parameter", nearest(name, known))
        for name in keep
        if name not in known
    ]
    if faults:
        raise SpecificationError("batch, keep", faults)
    return tuple(keep) or tuple(known)
