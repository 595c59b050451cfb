"""Posteriors under many priors: cells of a study, refitted side by side.

Prior hyperparameters are data of the graph, so cells that differ in numbers alone are members of
one batch and compile once. Cells that differ in the form of a distribution are batches of their
own. A cell that the approximation does not fit (Pareto k-hat above 0.7, or no mode) is refitted by
NUTS.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import arviz_stats
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.compiled import CompiledModel, compile_model
from bayes_ihlrt.batch.result import DRAW, MEMBER, POSITION, WEIGHT, BatchPosterior
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.model.priors import HYPERPARAMETERS, hyperparameter_vector
from bayes_ihlrt.names import Engine
from bayes_ihlrt.parts import Failure, attempted, nothing_left
from bayes_ihlrt.posterior import nuts
from bayes_ihlrt.posterior.quality import convergence
from bayes_ihlrt.priors import AnyPrior, Prior
from bayes_ihlrt.spec.parameters import ResolvedPrior
from bayes_ihlrt.spec.sampler import SamplerSpec

Floats = NDArray[np.float64]
REFIT = SamplerSpec(draws=1000, tune=1000, chains=4)
"""NUTS where the approximation does not fit."""


@dataclass(frozen=True)
class PriorCell:
    """One choice of priors, and of patient weights.

    Parameters
    ----------
    name : str
        What the choice is called.
    priors : mapping of str to Prior
        Priors that differ from the stated ones, by parameter, per unit of the covariate.
    labels : mapping of str to str
        What each of these is called.
    weight : ndarray, shape (patients,), optional
        Patient weights other than the stated ones.
    """

    name: str
    priors: Mapping[str, Prior] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    weight: Floats | None = None


@dataclass(frozen=True, eq=False)
class CellFits:
    """Posteriors of cells.

    Parameters
    ----------
    cells : tuple of PriorCell
        In the order of the members; those that have a posterior.
    draws : xarray.Dataset
        Dimensions ``member, draw, ...`` with the normalised ``weight``.
    k_hat, ess : ndarray, shape (cells,)
        Pareto k-hat of the approximation, and effective sample size of the draws that are kept: of
        their weights, or of the chains where NUTS drew them.
    log_evidence : ndarray, shape (cells,)
        Log normalising constant: the mean importance weight.
    engine : tuple of str
        What drew each.
    lost : mapping of int to Failure
        Cells without a posterior, by their place among those that were asked for; they are in
        nothing else.
    """

    cells: tuple[PriorCell, ...]
    draws: xr.Dataset
    k_hat: Floats
    ess: Floats
    log_evidence: Floats
    engine: tuple[str, ...]
    lost: Mapping[int, Failure] = field(default_factory=dict)

    @property
    def places(self) -> list[int]:
        """Place of each cell among those that were asked for."""
        asked = len(self.cells) + len(self.lost)
        return [place for place in range(asked) if place not in self.lost]

    @property
    def weights(self) -> Floats:
        """Normalised weights, shape (cells, draws)."""
        return np.asarray(self.draws[WEIGHT].transpose(MEMBER, DRAW).to_numpy())


def cell_priors(prepared: PreparedModel, cell: PriorCell) -> dict[str, ResolvedPrior]:
    """Return every parameter's prior in a cell.

    Parameters
    ----------
    prepared : PreparedModel
        The model as stated.
    cell : PriorCell
        What differs.

    Returns
    -------
    dict of str to ResolvedPrior
        In the order of the model.
    """
    return {
        name: ResolvedPrior(cell.priors[name], cell.name) if name in cell.priors else stated
        for name, stated in prepared.priors.items()
    }


def per_unit(prepared: PreparedModel, name: str, prior: AnyPrior) -> Prior:
    """Return a prior as the graph takes it: per unit of the parameter's covariate.

    Parameters
    ----------
    prepared : PreparedModel
        The model.
    name : str
        The parameter.
    prior : prior
        As a specification states it.

    Returns
    -------
    Prior
        Ready for a cell.
    """
    columns = prepared.encoder.columns
    sds = dict(zip(columns, prepared.arrays.column_sd.tolist(), strict=True))
    return prior.to_prior().rescaled(sds[name]) if name in sds else prior.to_prior()


def fit_cells(
    prepared: PreparedModel,
    cells: Sequence[PriorCell],
    *,
    draws: int,
    seed: int,
    keep: Sequence[str] = (),
    needed: Collection[int] | None = None,
) -> CellFits:
    """Return the posterior of every cell.

    Parameters
    ----------
    prepared : PreparedModel
        The model as stated.
    cells : sequence of PriorCell
        What differs.
    draws : int
        Draws a cell.
    seed : int
        Seed.
    keep : sequence of str
        Parameters whose draws are kept; all by default.
    needed : collection of int, optional
        Places of the cells without which the others say nothing; all by default.

    Returns
    -------
    CellFits
        In the order of `cells`; where NUTS had to draw a cell that is not needed, and its chains
        are not to be trusted, it is `lost`.

    Raises
    ------
    ConvergenceError
        This happened to a needed cell, or to all.
    """
    resolved = [cell_priors(prepared, cell) for cell in cells]
    forms: dict[str, list[int]] = {}
    for number, priors in enumerate(resolved):
        form = {name: (each.prior.dist, each.prior.on) for name, each in priors.items()}
        forms.setdefault(repr(form), []).append(number)
    parts, table = [], np.full((3, len(cells)), np.nan)
    engines = np.full(len(cells), Engine.LAPLACE.value, dtype=object)
    lost: dict[int, Failure] = {}
    for numbers in forms.values():
        here = replace(prepared, priors=resolved[numbers[0]])
        members = _members(here, [resolved[i] for i in numbers], [cells[i] for i in numbers])
        found = _approximate(here, members, draws=draws, seed=seed, keep=keep)
        names = [cells[i].name for i in numbers]
        part, sizes = found.draws.sortby(MEMBER), found.diagnostics["ess"].to_numpy()
        if len(found.flagged):
            part, sizes, gone = mended(compile_model(here), members, found, names)
            lost |= {numbers[member]: failure for member, failure in gone.items()}
        diagnostics = found.diagnostics
        evidence = diagnostics["log_evidence_corrected"].to_numpy()
        table[:, numbers] = diagnostics["k_hat"].to_numpy(), sizes, evidence
        engines[np.asarray(numbers)[found.flagged]] = Engine.NUTS.value
        parts.append(part.assign_coords({MEMBER: np.asarray(numbers)[part[MEMBER].to_numpy()]}))
    _check_needed(lost, range(len(cells)) if needed is None else needed, len(cells))
    return _joined(cells, parts, table, engines, lost)


def _joined(
    cells: Sequence[PriorCell],
    parts: Sequence[xr.Dataset],
    table: Floats,
    engines: NDArray[np.object_],
    lost: Mapping[int, Failure],
) -> CellFits:
    """Put the forms together, in the order of the cells that have a posterior."""
    kept = [number for number in range(len(cells)) if number not in lost]
    filled = [part for part in parts if part.sizes[MEMBER]]
    joined = xr.concat(filled, dim=MEMBER, join="exact").sortby(MEMBER)
    k_hat, ess, evidence = table[:, kept]
    return CellFits(
        tuple(cells[number] for number in kept),
        joined.assign_coords({MEMBER: np.arange(len(kept))}),
        k_hat,
        ess,
        evidence,
        tuple(engines[kept].tolist()),
        dict(sorted(lost.items())),
    )


def _check_needed(lost: Mapping[int, Failure], needed: Collection[int], asked: int) -> None:
    """Refuse to go on without the cells that everything else rests on."""
    if len(lost) == asked > 1:
        raise nothing_left([lost[place] for place in sorted(lost)])
    if gone := sorted(place for place in lost if place in needed or asked == 1):
        problem = "; ".join(lost[place].reason for place in gone)
        raise ConvergenceError(problem, lost[gone[0]].remedy)


def _members(
    prepared: PreparedModel,
    priors: Sequence[Mapping[str, ResolvedPrior]],
    cells: Sequence[PriorCell],
) -> dict[str, Floats]:
    members = {HYPERPARAMETERS: np.stack([hyperparameter_vector(each) for each in priors])}
    if any(cell.weight is not None for cell in cells):
        stated = np.asarray(prepared.arrays.data["weight"], dtype=np.float64)
        weights = [stated if cell.weight is None else cell.weight for cell in cells]
        members["weight"] = np.stack(weights)
    return members


def _approximate(
    prepared: PreparedModel,
    members: Mapping[str, Floats],
    *,
    draws: int,
    seed: int,
    keep: Sequence[str],
) -> BatchPosterior:
    shared = compile_model(prepared)
    whole: dict[str, NDArray[np.generic]] = {HYPERPARAMETERS: members[HYPERPARAMETERS]}
    if "weight" in members:
        whole |= shared.members({"weight": members["weight"]})
    return shared.engine.posteriors(whole, draws=draws, seed=seed, keep=keep)


def mended(
    compiled: CompiledModel,
    members: Mapping[str, Floats],
    found: BatchPosterior,
    names: Sequence[str],
) -> tuple[xr.Dataset, Floats, dict[int, Failure]]:
    """Replace the members that the approximation does not fit by draws of NUTS.

    Parameters
    ----------
    compiled : CompiledModel
        Model and data, which the members replace.
    members : mapping of str to ndarray, shape (members, ...)
        Data that vary.
    found : BatchPosterior
        Their approximate posteriors.
    names : sequence of str
        What the members are called, for messages.

    Returns
    -------
    draws : xarray.Dataset
        Of every member but those that are lost.
    ess : ndarray, shape (members,)
        Effective sample size of each: that of the weights; of chains the smallest bulk effective
        sample size, at most the number of draws that are kept.
    lost : dict of int to Failure
        Members whose chains are not to be trusted.
    """
    sizes = np.asarray(found.diagnostics["ess"].to_numpy(), dtype=np.float64).copy()
    bad = found.flagged.tolist()
    good = found.draws.sel({MEMBER: [m for m in found.draws[MEMBER].to_numpy() if m not in bad]})
    wanted = [str(name) for name in found.draws.data_vars if name not in {WEIGHT, POSITION}]
    parts, lost = [good], {}
    length = found.draws.sizes[DRAW]
    for member in bad:
        own = compiled.changed({name: values[member] for name, values in members.items()})
        tree = attempted(names[member], partial(_refitted, own, member, names[member]))
        if isinstance(tree, Failure):
            lost[member] = tree
            continue
        chains = tree["posterior"].to_dataset()[wanted]
        parts.append(_equal(chains, member, length))
        sizes[member] = min(_bulk_size(chains), length)
    filled = [part for part in parts if part.sizes[MEMBER]]
    if not filled:
        return good, sizes, lost
    return xr.concat(filled, dim=MEMBER, join="exact").sortby(MEMBER), sizes, lost


def _refitted(compiled: CompiledModel, member: int, name: str) -> xr.DataTree:
    """Draw a member by NUTS; refuse chains that are not to be trusted."""
    tree = nuts.sample_parameters(compiled, REFIT.model_copy(update={"seed": member}))
    checked = convergence(tree)
    if checked.failures:
        problem = (
            f"the priors '{name}' were refitted by NUTS and their posterior is not to be trusted: "
            f"{'; '.join(checked.failures)}"
        )
        raise ConvergenceError(problem, checked.remedy)
    return tree


def _bulk_size(chains: xr.Dataset) -> float:
    """Return the smallest bulk effective sample size: draws of a chain repeat each other."""
    return min(float(size.min()) for size in arviz_stats.ess(chains, method="bulk").values())


def _equal(chains: xr.Dataset, member: int, length: int) -> xr.Dataset:
    """Present every so many draws of chains as equally weighted draws of one member."""
    flat = chains.stack(sample=("chain", "draw"), create_index=False)
    kept = np.linspace(0, flat.sizes["sample"] - 1, length).astype(int)
    thin = flat.isel(sample=kept).rename({"sample": DRAW}).transpose(DRAW, ...)
    thin = thin.drop_vars([name for name in ("chain", "draw") if name in thin.coords])
    found = thin.expand_dims({MEMBER: [member]})
    found[WEIGHT] = ((MEMBER, DRAW), np.full((1, length), 1.0 / length))
    return found
