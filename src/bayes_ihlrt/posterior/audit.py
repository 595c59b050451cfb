"""NUTS audit: a random part of a batch refitted by Markov chain Monte Carlo and compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import arviz_stats
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.compiled import compile_model
from bayes_ihlrt.batch.members import Members
from bayes_ihlrt.batch.result import DRAW, MEMBER, WEIGHT, BatchPosterior
from bayes_ihlrt.batch.summary import flat_parameters, summarise_draws
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.posterior import nuts
from bayes_ihlrt.posterior.quality import convergence
from bayes_ihlrt.spec.sampler import SamplerSpec

Floats = NDArray[np.float64]
SETTINGS: Final = SamplerSpec(draws=1000, tune=1000, chains=4, target_accept=0.95)


@dataclass(frozen=True)
class Difference:
    """One difference between the batch and NUTS.

    Parameters
    ----------
    member : int
        Number of the member.
    parameter : str
        The parameter.
    mean : float
        Batch minus NUTS, posterior mean, in posterior standard deviations of NUTS.
    mcse : float
        Monte Carlo standard error of it, both engines together.
    """

    member: int
    parameter: str
    mean: float
    mcse: float


@dataclass(frozen=True, eq=False)
class Audit:
    """Differences between a batch and NUTS.

    Parameters
    ----------
    differences : xarray.Dataset
        Batch minus NUTS over ``member, parameter``: ``mean`` and ``sd`` in posterior standard
        deviations of NUTS, ``prob_below_zero`` as a difference of probabilities, and ``mcse``, the
        Monte Carlo standard error of ``mean``.
    not_converged : mapping of int to tuple of str
        Members whose chains did not converge, with the reasons: their differences say little.

    Examples
    --------
    >>> table = {"mean": [[0.02, -0.1]], "mcse": [[0.03, 0.03]]}
    >>> differences = xr.Dataset(
    ...     {name: (("member", "parameter"), values) for name, values in table.items()},
    ...     coords={"member": [4], "parameter": ["ihlrt", "nlr"]},
    ... )
    >>> Audit(differences, {}).worst
    Difference(member=4, parameter='nlr', mean=-0.1, mcse=0.03)
    """

    differences: xr.Dataset
    not_converged: Mapping[int, tuple[str, ...]]

    @property
    def worst(self) -> Difference:
        """The largest difference of posterior means."""
        table = self.differences
        sizes = np.abs(table["mean"].to_numpy())
        row, column = np.unravel_index(np.argmax(sizes), sizes.shape)
        here = table.isel(member=int(row), parameter=int(column))
        return Difference(
            member=int(here[MEMBER]),
            parameter=str(here["parameter"].to_numpy()),
            mean=float(here["mean"]),
            mcse=float(here["mcse"]),
        )

    def __str__(self) -> str:
        """Tell the distribution of the differences in a few sentences."""
        table, worst = self.differences, self.worst
        typical = {name: float(np.abs(table[name]).mean()) for name in ("mean", "sd", "mcse")}
        tail = float(np.abs(table["prob_below_zero"]).mean())
        lost = len(self.not_converged)
        chains = f" The chains of {lost} did not converge." if lost else ""
        return (
            f"{table.sizes[MEMBER]} members refitted by NUTS: posterior means differ by "
            f"{typical['mean']:.3f} posterior sd on average (Monte Carlo error "
            f"{typical['mcse']:.3f}), sds by {typical['sd']:.3f}, P(theta < 0) by {tail:.3f}; "
            f"largest difference of a mean {worst.mean:+z.2f} sd (Monte Carlo error "
            f"{worst.mcse:.2f}), {worst.parameter} of member {worst.member}.{chains}"
        )


def audit(
    prepared: PreparedModel,
    members: Members,
    posterior: BatchPosterior,
    *,
    n: int,
    seed: int,
    settings: SamplerSpec = SETTINGS,
) -> Audit:
    """Refit some members of a batch by NUTS and compare.

    The model is compiled once; each member is a refit with its own data.

    Parameters
    ----------
    prepared : PreparedModel
        The model of the batch.
    members : mapping of str to ndarray, shape (members, ...)
        What `BatchEngine.posteriors` was given.
    posterior : BatchPosterior
        What it returned, with its draws.
    n : int
        Members to refit, drawn at random from those that succeeded; all where there are fewer.
    seed : int
        Of the choice and of the chains.
    settings : SamplerSpec
        Draws and chains; its seed is replaced.

    Returns
    -------
    Audit
        Differences by member and parameter.

    Raises
    ------
    SpecificationError
        No member succeeded, or the draws were reduced.

    Examples
    --------
    With ``prepared`` and ``engine``, of a constant hazard of the heart transplants:

    >>> members = {"weight": np.ones((2, 103))}
    >>> posterior = engine.posteriors(members, draws=1000)
    >>> found = audit(prepared, members, posterior, n=1, seed=1)
    >>> abs(found.worst.mean) < 0.2, found.not_converged
    (True, {})
    """
    succeeded = np.flatnonzero(posterior.diagnostics["converged"].to_numpy())
    if not len(succeeded) or n < 1:
        problem = f"{n} of {len(succeeded)} posteriors would be refitted"
        raise SpecificationError("audit", [Fault("n", problem, "There must be at least one")])
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(succeeded, size=min(n, len(succeeded)), replace=False))
    compiled = compile_model(prepared)
    parts, lost = [], {}
    for member in chosen.tolist():
        own = compiled.changed({name: values[member] for name, values in members.items()})
        again = settings.model_copy(update={"seed": seed + member})
        tree = nuts.sample_parameters(own, again)
        if failures := convergence(tree).failures:
            lost[member] = failures
        parts.append(_compare(posterior, tree, member))
    return Audit(xr.concat(parts, dim=MEMBER), lost)


def _compare(posterior: BatchPosterior, tree: xr.DataTree, member: int) -> xr.Dataset:
    ours = posterior.draws.sel({MEMBER: [member]})
    names = [str(name) for name in ours.data_vars if name != WEIGHT]
    chains = tree["posterior"].to_dataset()[names]
    sizes = arviz_stats.ess(chains, method="bulk").expand_dims({MEMBER: [member], DRAW: [0]})
    ess, _ = flat_parameters(sizes, names)
    batch = summarise_draws(ours, names)
    exact = summarise_draws(_as_member(chains, member), names)
    effective, sd = float(posterior.diagnostics["ess"][member]), exact["sd"]
    return xr.Dataset(
        {
            "mean": (batch["mean"] - exact["mean"]) / sd,
            "sd": (batch["sd"] - sd) / sd,
            "prob_below_zero": batch["prob_below_zero"] - exact["prob_below_zero"],
            "mcse": ((MEMBER, "parameter"), np.sqrt(1.0 / effective + 1.0 / ess[:, 0])),
        }
    )


def _as_member(chains: xr.Dataset, member: int) -> xr.Dataset:
    """Chains as equally weighted draws of one member."""
    total = chains.sizes["chain"] * chains.sizes["draw"]
    equal = np.full((1, total), 1.0 / total)
    arrays: dict[str, tuple[tuple[str, ...], Floats]] = {WEIGHT: ((MEMBER, DRAW), equal)}
    for name, values in chains.items():
        array = values.transpose("chain", "draw", ...)
        flat = array.to_numpy().reshape(1, total, *array.shape[2:])
        arrays[str(name)] = ((MEMBER, DRAW, *map(str, array.dims[2:])), flat)
    labels = {name: values for name, values in chains.coords.items() if name not in {"chain", DRAW}}
    return xr.Dataset(arrays, coords={MEMBER: [member], **labels})
