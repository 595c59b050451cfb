"""Audit of a plan: some of its fits redone by NUTS, probabilities and decisions compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.batch.compiled import CompiledModel
from bayes_ihlrt.parts import Failure, attempted
from bayes_ihlrt.posterior import nuts
from bayes_ihlrt.posterior.quality import convergence
from bayes_ihlrt.spec.rules import LookSpec, Rule
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.trials.analysis import TrialAnalysis, statement_holds
from bayes_ihlrt.trials.decisions import holds
from bayes_ihlrt.trials.external import is_mixture
from bayes_ihlrt.trials.plan import Cell, PlanResult
from bayes_ihlrt.trials.quantities import Target, statements
from bayes_ihlrt.trials.simulator import BLOCK
from bayes_ihlrt.trials.stages import stages
from bayes_ihlrt.trials.units import simulator

Floats = NDArray[np.float64]
LEAST: Final = 20
SHARE: Final = 0.01
MOST: Final = 200
"""Fits that are redone unless more are asked for: 1.5 s of CPU each, so five minutes."""
SETTINGS: Final = SamplerSpec(draws=1000, tune=500, chains=4)


@dataclass(frozen=True)
class AuditedFit:
    """One fit done twice.

    Parameters
    ----------
    design, scenario : str
        Names.
    trial, look : int
        Number of the trial, and of the look from 1.
    difference : float
        Largest difference of a probability, batch minus NUTS, among the rules' statements.
    mcse : float
        Monte Carlo standard error of that probability by NUTS.
    mean : float
        Largest difference of a posterior mean, in posterior standard deviations.
    changed : bool
        Whether a rule of the look is met by one and not by the other.
    converged : bool
        Whether the chains may be trusted.
    """

    design: str
    scenario: str
    trial: int
    look: int
    difference: float
    mcse: float
    mean: float
    changed: bool
    converged: bool


@dataclass(frozen=True)
class PlanAudit:
    """All fits that were done twice.

    Parameters
    ----------
    fits : tuple of AuditedFit
        By design and scenario, then by trial and look.
    of : int
        Fits that were to choose from: those of the plan that succeeded.
    left_out : tuple of str
        Rules about the future, whose probability is no posterior's: they are not compared.
    lost : tuple of Failure
        Fits that could not be done again.
    """

    fits: tuple[AuditedFit, ...]
    of: int
    left_out: tuple[str, ...]
    lost: tuple[Failure, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return counts and largest differences; differences are None without fits."""
        sizes = np.array([abs(fit.difference) for fit in self.fits])
        worst = self.fits[int(sizes.argmax())] if self.fits else None
        return {
            "fits": len(self.fits),
            "of": self.of,
            "max_difference": None if worst is None else abs(worst.difference),
            "max_difference_mcse": None if worst is None else worst.mcse,
            "mean_difference": float(sizes.mean()) if self.fits else None,
            "max_mean_in_sd": max((abs(fit.mean) for fit in self.fits), default=None),
            "decisions_changed": sum(fit.changed for fit in self.fits),
            "not_converged": sum(not fit.converged for fit in self.fits),
            "left_out": list(self.left_out),
        }


def audit_size(fits: int) -> int:
    """Return how many fits to redo: 1 %, at least 20 and at most 200.

    Parameters
    ----------
    fits : int
        Fits that there are.

    Returns
    -------
    int
        No more than there are.

    Examples
    --------
    >>> audit_size(60_000), audit_size(6_000), audit_size(300), audit_size(12)
    (200, 60, 20, 12)
    """
    return min(max(LEAST, int(np.ceil(SHARE * fits))), MOST, fits)


def left_out(result: PlanResult) -> tuple[str, ...]:
    """Return the rules of a plan that an audit cannot compare.

    Parameters
    ----------
    result : PlanResult
        The plan.

    Returns
    -------
    tuple of str
        Rules about the future, each with its design and look, and designs with a robust MAP prior,
        whose posterior is a mixture and no graph's.
    """
    designs = {cell.design: cell.task.design for cell in result.cells}
    future = [
        f"{name}, look {number}: {rule}"
        for name, design in designs.items()
        for number, look in enumerate(design.looks, 1)
        for rule in look.rules
        if rule.quantity.of_future
    ]
    mixed = [f"{name}: robust-map" for name, design in designs.items() if is_mixture(design)]
    return (*future, *mixed)


def audit_plan(
    result: PlanResult,
    *,
    fits: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PlanAudit:
    """Redo some fits of a plan by NUTS.

    Parameters
    ----------
    result : PlanResult
        The plan.
    fits : int, optional
        How many, drawn at random from those that succeeded; `audit_size` by default.
    progress : callable, optional
        Told how many are done.

    Returns
    -------
    PlanAudit
        Differences by fit.
    """
    good = [
        np.argwhere(cell.table["converged"] & ~np.array(is_mixture(cell.task.design)))
        for cell in result.cells
    ]
    ends = np.cumsum([len(places) for places in good])
    wanted = min(audit_size(int(ends[-1])) if fits is None else fits, int(ends[-1]))
    rng = np.random.default_rng([result.plan.seed, 77])
    # By cell: a plan may have more of them than stay compiled.
    picked = np.sort(rng.choice(int(ends[-1]), size=wanted, replace=False))
    found: list[AuditedFit] = []
    lost: list[Failure] = []
    for number, place in enumerate(picked.tolist()):
        cell = int(np.searchsorted(ends, place, side="right"))
        trial, stage = good[cell][place - ends[cell]].tolist()
        seed, one = result.plan.seed + number, result.cells[cell]
        what = f"audit of {one.design} / {one.scenario}, trial {trial}"
        done = attempted(what, partial(_redo, one, trial, stage, seed=seed))
        (lost if isinstance(done, Failure) else found).append(done)  # type: ignore[arg-type]
        if progress is not None:
            progress(number + 1, wanted)
    return PlanAudit(tuple(found), int(ends[-1]), left_out(result), tuple(lost))


def _redo(cell: Cell, trial: int, stage: int, *, seed: int) -> AuditedFit:
    found = simulator(cell.task)
    analysis, design = found.analysis, cell.task.design
    block, place = found.block(trial // BLOCK), trial % BLOCK
    member = place * len(stages(design)) + stage
    data = {name: jnp.asarray(values[member]) for name, values in block.members.items()}
    values, good, ess = nuts_targets(analysis, data, seed=seed)
    known = statements(design)
    batch = cell.table["probability"][trial, stage]
    exact = np.array([_probability(analysis, rule, values) for rule in known])
    gap = np.where(np.isfinite(exact), batch - exact, 0.0)
    worst = int(np.abs(gap).argmax())
    p = float(np.nan_to_num(exact[worst], nan=0.0))
    scaled = (cell.table["mean"][trial, stage] - values.mean(axis=0)) / values.std(axis=0)
    look = stages(design)[stage].look
    changed = _met(design.looks[look], batch, known) != _met(design.looks[look], exact, known)
    return AuditedFit(
        cell.design,
        cell.scenario,
        trial,
        look + 1,
        difference=float(gap[worst]),
        mcse=float(np.sqrt(p * (1.0 - p) / ess)),
        mean=float(scaled[np.abs(scaled).argmax()]),
        changed=changed,
        converged=good,
    )


def nuts_targets(
    analysis: TrialAnalysis, data: Mapping[str, jax.Array], *, seed: int
) -> tuple[Floats, bool, float]:
    """Draw one trial's posterior by NUTS.

    Parameters
    ----------
    analysis : TrialAnalysis
        The design's model; compiled once.
    data : mapping of str to array
        The graph's arrays of one data set.
    seed : int
        Seed of the chains.

    Returns
    -------
    values : ndarray, shape (draws, targets)
        Draws of the targets.
    converged : bool
        Whether the chains may be trusted.
    ess : float
        Smallest bulk effective sample size.
    """
    compiled = CompiledModel(analysis.engine, analysis.engine.density.model.coords)
    own = compiled.changed({name: np.asarray(values) for name, values in data.items()})
    tree = nuts.sample_parameters(own, SETTINGS.model_copy(update={"seed": seed}))
    found = convergence(tree)
    names = [*analysis.prepared.encoder.columns, *analysis.prepared.hazard.parameters]
    chains = tree["posterior"].to_dataset()
    draws = {
        name: jnp.asarray(chains[name].to_numpy().reshape(-1, *chains[name].shape[2:]))
        for name in names
    }
    values = np.asarray(jax.vmap(analysis.read)(draws))
    return values, not found.failures, found.effective


def _probability(analysis: TrialAnalysis, rule: Rule, values: Floats) -> float:
    if rule.quantity.of_future:
        return float("nan")
    column = values[:, analysis.targets.index(Target.of_rule(rule))]
    return float(statement_holds(rule, column).mean())


def _met(look: LookSpec, probability: Floats, known: Sequence[Rule]) -> list[bool]:
    """Which lists of a look's rules hold, those about the future left out."""
    lists = (look.efficacy, look.futility, look.enrich, look.efficacy_enriched)
    kept = [tuple(rule for rule in rules if not rule.quantity.of_future) for rules in lists]
    return [bool(holds(rules, probability[None], known)[0]) for rules in kept]
