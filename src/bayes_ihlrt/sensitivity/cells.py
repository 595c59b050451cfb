"""Posteriors under many priors: cells of a study, refitted side by side.

Prior hyperparameters are data of the graph, so cells that differ in numbers alone are members of
one batch and compile once. Cells that differ in the form of a distribution are batches of their
own. A cell that the approximation does not fit (Pareto k-hat above 0.7, or no mode) is refitted by
NUTS.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

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
        In the order of the members.
    draws : xarray.Dataset
        Dimensions ``member, draw, ...`` with the normalised ``weight``.
    k_hat, ess : ndarray, shape (cells,)
        Pareto k-hat of the approximation, and effective sample size of the draws that are kept: of
        their weights, or of the chains where NUTS drew them.
    log_evidence : ndarray, shape (cells,)
        Log normalising constant: the mean importance weight.
    engine : tuple of str
        What drew each.
    """

    cells: tuple[PriorCell, ...]
    draws: xr.Dataset
    k_hat: Floats
    ess: Floats
    log_evidence: Floats
    engine: tuple[str, ...]

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

    Returns
    -------
    CellFits
        In the order of `cells`.

    Raises
    ------
    ConvergenceError
        A cell needed NUTS, and its chains are not to be trusted.
    """
    resolved = [cell_priors(prepared, cell) for cell in cells]
    forms: dict[str, list[int]] = {}
    for number, priors in enumerate(resolved):
        form = {name: (each.prior.dist, each.prior.on) for name, each in priors.items()}
        forms.setdefault(repr(form), []).append(number)
    parts, table = [], np.empty((3, len(cells)))
    engines = np.full(len(cells), Engine.LAPLACE.value, dtype=object)
    for numbers in forms.values():
        here = replace(prepared, priors=resolved[numbers[0]])
        members = _members(here, [resolved[i] for i in numbers], [cells[i] for i in numbers])
        found = _approximate(here, members, draws=draws, seed=seed, keep=keep)
        names = [cells[i].name for i in numbers]
        part, sizes = found.draws.sortby(MEMBER), found.diagnostics["ess"].to_numpy()
        if len(found.flagged):
            part, sizes = mended(compile_model(here), members, found, names)
        diagnostics = found.diagnostics
        evidence = diagnostics["log_evidence_corrected"].to_numpy()
        table[:, numbers] = diagnostics["k_hat"].to_numpy(), sizes, evidence
        engines[np.asarray(numbers)[found.flagged]] = Engine.NUTS.value
        parts.append(part.assign_coords({MEMBER: numbers}))
    joined = xr.concat(parts, dim=MEMBER, join="exact").sortby(MEMBER)
    k_hat, ess, evidence = table
    return CellFits(tuple(cells), joined, k_hat, ess, evidence, tuple(engines.tolist()))


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
) -> tuple[xr.Dataset, Floats]:
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
        Of every member.
    ess : ndarray, shape (members,)
        Effective sample size of each: that of the weights; of chains the smallest bulk effective
        sample size, at most the number of draws that are kept.

    Raises
    ------
    ConvergenceError
        The chains of a member are not to be trusted.
    """
    sizes = np.asarray(found.diagnostics["ess"].to_numpy(), dtype=np.float64).copy()
    bad = found.flagged.tolist()
    good = found.draws.sel({MEMBER: [m for m in found.draws[MEMBER].to_numpy() if m not in bad]})
    wanted = [str(name) for name in found.draws.data_vars if name not in {WEIGHT, POSITION}]
    parts = [good] if good.sizes[MEMBER] else []
    length = found.draws.sizes[DRAW]
    for member in bad:
        own = compiled.changed({name: values[member] for name, values in members.items()})
        tree = nuts.sample_parameters(own, REFIT.model_copy(update={"seed": member}))
        checked = convergence(tree)
        if checked.failures:
            message = (
                f"the priors '{names[member]}' were refitted by NUTS and their posterior is not to "
                f"be trusted: {'; '.join(checked.failures)}. {checked.remedy}"
            )
            raise ConvergenceError(message)
        chains = tree["posterior"].to_dataset()[wanted]
        parts.append(_equal(chains, member, length))
        sizes[member] = min(_bulk_size(chains), length)
    return xr.concat(parts, dim=MEMBER, join="exact").sortby(MEMBER), sizes


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
