"""Audit of a plan: fits near thresholds, and a weighted sample of the rest, redone by NUTS.

What the chains say is compared where it matters, at the thresholds of each look under each truth
(`corrected`), and every probability of stopping is told corrected for it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import batched
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import arviz_stats
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.compiled import CompiledModel
from bayes_ihlrt.parts import Failure, attempted
from bayes_ihlrt.posterior import nuts
from bayes_ihlrt.posterior.quality import convergence
from bayes_ihlrt.spec.rules import Rule
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.trial import Approximation
from bayes_ihlrt.trials.analysis import TrialAnalysis, statement_holds
from bayes_ihlrt.trials.corrected import (
    CheckedRule,
    CorrectedShare,
    Redone,
    asked,
    check_rules,
    corrected_shares,
    deviates,
    judged,
)
from bayes_ihlrt.trials.decisions import decide, holds
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
"""Fits that are redone unless more are asked for: about half a second of CPU each."""
SETTINGS: Final = SamplerSpec(draws=1000, tune=500, chains=4)
NEAR: Final = 0.5
"""Distance from a threshold, in standard normal deviates, up to which a fit is near it."""
_BLOCKS: Final = 16
_AT_A_TIME: Final = 16


@dataclass(frozen=True)
class AuditedFit:
    """One fit done twice.

    Parameters
    ----------
    design, scenario : str
        Names.
    trial, look : int
        Number of the trial, and of the look from 1.
    near : bool
        Whether it lies near a threshold of the look.
    redone : tuple of Redone
        Each statement of the look's rules, as simulated and by the chains.
    mean : float
        Largest difference of a posterior mean, in posterior standard deviations.
    success, futility : int
        1 where the chains alone meet the rules, -1 where the simulated posterior alone does, else
        0.
    converged : bool
        Whether the chains may be trusted.
    """

    design: str
    scenario: str
    trial: int
    look: int
    near: bool
    redone: tuple[Redone, ...]
    mean: float
    success: int
    futility: int
    converged: bool

    @property
    def worst(self) -> Redone:
        """The statement whose probability differs most."""
        return max(self.redone, key=lambda one: abs(one.difference))


@dataclass(frozen=True)
class PlanAudit:
    """All fits that were done twice, and what follows.

    Parameters
    ----------
    fits : tuple of AuditedFit
        By design and scenario, then by look.
    of : int
        Fits that were to choose from: those of looks that a trial reached, which succeeded.
    left_out : tuple of str
        Rules about the future, whose probability is no posterior's: they are not compared.
    lost : tuple of Failure
        Fits that could not be done again.
    rules : tuple of CheckedRule
        How far each look's rule is off at its threshold, under each truth.
    shares : tuple of CorrectedShare
        Probabilities of stopping, as simulated and corrected.
    without : tuple of str
        Rules of which no fit was redone, each with its design, scenario and look.
    """

    fits: tuple[AuditedFit, ...]
    of: int
    left_out: tuple[str, ...]
    lost: tuple[Failure, ...] = ()
    rules: tuple[CheckedRule, ...] = ()
    shares: tuple[CorrectedShare, ...] = field(default=())
    without: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """``"passed"``, ``"passed in part"``, ``"failed"``, ``"cannot tell"`` or ``"not done"``.

        Only rules with three fits or more can pass; ``"not done"`` without fits.
        """
        if not self.fits and not self.lost:
            return "not done"
        trusted = sum(fit.converged for fit in self.fits)
        if any(rule.off for rule in self.rules):
            return "failed"
        enough = sum(rule.enough for rule in self.rules)
        # Half of the fits may be those on which the approximation is wrong.
        if 2 * trusted <= len(self.fits) + len(self.lost) or not enough:
            return "cannot tell"
        whole = enough == len(self.rules) and not self.without
        return "passed" if whole else "passed in part"

    def to_dict(self) -> dict[str, Any]:
        """Return verdict, counts, largest differences, rules and corrected probabilities."""
        every = [fit.worst for fit in self.fits if fit.redone]
        worst = max(every, key=lambda one: abs(one.difference), default=None)
        return {
            "verdict": self.verdict,
            "fits": len(self.fits),
            "near": sum(fit.near for fit in self.fits),
            "of": self.of,
            "max_difference": None if worst is None else abs(worst.difference),
            "max_difference_mcse": None if worst is None else worst.mcse,
            "mean_difference": (
                float(np.mean([abs(one.difference) for one in every])) if every else None
            ),
            "max_mean_in_sd": max((abs(fit.mean) for fit in self.fits), default=None),
            "decisions_changed": sum(bool(fit.success or fit.futility) for fit in self.fits),
            "not_converged": sum(not fit.converged for fit in self.fits),
            "left_out": list(self.left_out),
            "without": list(self.without),
            "rules": [rule.to_dict() for rule in self.rules],
            "corrected": [share.to_dict() for share in self.shares],
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
    """Redo some fits of a plan by NUTS, and correct its probabilities of stopping.

    Fits are shared out evenly among the looks of every design under every scenario, of trials that
    reach them. Half of a look's are drawn from those near a threshold, half from the rest with
    probabilities that fall with the squared distance.

    Parameters
    ----------
    result : PlanResult
        The plan.
    fits : int, optional
        How many; `audit_size` by default.
    progress : callable, optional
        Told how many are done.

    Returns
    -------
    PlanAudit
        Fits, rules at their thresholds, corrected probabilities and a verdict.
    """
    places = [_places(cell, look) for cell in result.cells for look in _looks(cell)]
    there = sum(len(place.trials) for place in places)
    wanted = min(audit_size(there) if fits is None else fits, there)
    rng = np.random.default_rng([result.plan.seed, 77])
    chosen = [
        _chosen(place, n, rng) for place, n in zip(places, _split(places, wanted), strict=True)
    ]
    found: list[AuditedFit] = []
    lost: list[Failure] = []
    done, total = 0, sum(map(len, chosen))
    for place, picked in zip(places, chosen, strict=True):
        for some in batched(picked.tolist(), _AT_A_TIME):
            for one in _redo(place, some, seed=result.plan.seed + done):
                (lost if isinstance(one, Failure) else found).append(one)  # type: ignore[arg-type]
            done += len(some)
            if progress is not None:
                progress(done, total)
    checked = judged(rule for place in places for rule in _checked(place, found))
    shares = (
        tuple(share for cell in result.cells for share in corrected_shares(cell, checked))
        if checked
        else ()
    )
    nothing = _without(places, checked) if total else ()
    return PlanAudit(tuple(found), there, left_out(result), tuple(lost), checked, shares, nothing)


def _without(places: Sequence["_Place"], checked: Sequence[CheckedRule]) -> tuple[str, ...]:
    """Rules that could have been compared, and of which no fit was."""
    known = {(one.design, one.scenario, one.look, one.rule) for one in checked}
    return tuple(
        f"{cell.design} / {cell.scenario}, look {look + 1}, {rule}"
        for cell, look in ((place.cell, place.look) for place in places)
        if not is_mixture(cell.task.design)
        for rule in asked(cell.task.design, look)
        if (cell.design, cell.scenario, look + 1, rule) not in known
    )


class _Place(NamedTuple):
    """A look of one design under one scenario, and the fits there that may be redone."""

    cell: Cell
    look: int
    trials: NDArray[np.int64]
    stage: NDArray[np.int64]
    distance: Floats


def _looks(cell: Cell) -> range:
    return range(len(cell.task.design.looks))


def _places(cell: Cell, look: int) -> _Place:
    """Return the fits of trials that reach a look, of the first blocks: others cost as much."""
    design, table = cell.task.design, cell.table
    done = decide(design, table)
    stage = done.places[:, look]
    good = done.reached[:, look] & table["converged"][np.arange(len(stage)), stage]
    if not asked(design, look) or is_mixture(design):
        good &= False
    trials = np.flatnonzero(good[: _BLOCKS * BLOCK])
    probability = table["probability"][trials, stage[trials]]
    distance = np.full(len(trials), np.inf)
    for rule in asked(design, look):
        value = probability[:, statements(design).index(rule.statement)]
        distance = np.minimum(distance, np.abs(deviates(value) - deviates(rule.threshold)))
    return _Place(cell, look, trials, stage[trials], distance)


def _split(places: Sequence[_Place], wanted: int) -> list[int]:
    """Share fits out evenly; what a look does not have goes to the others."""
    given = [0] * len(places)
    while sum(given) < wanted:
        open_ = [n for n, place in enumerate(places) if given[n] < len(place.trials)]
        for n in open_[: wanted - sum(given)]:
            given[n] += 1
    return given


def _chosen(place: _Place, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    near = np.flatnonzero(place.distance <= NEAR)
    first = rng.choice(near, size=min(-(-size // 2), len(near)), replace=False)
    rest = np.setdiff1d(np.arange(len(place.trials)), first)
    weight = 1.0 / np.maximum(place.distance[rest], NEAR) ** 2
    more = size - len(first)
    others = (
        rng.choice(rest, size=more, replace=False, p=weight / weight.sum()) if more else rest[:0]
    )
    return np.sort(np.concatenate([first, others]))


def _redo(place: _Place, picked: Sequence[int], *, seed: int) -> Iterator[AuditedFit | Failure]:
    """Redo some fits of a look together; where that fails, each of them alone."""
    cell = place.cell
    what = f"audit of {cell.design} / {cell.scenario}, trial "
    named = what + ", ".join(str(place.trials[n]) for n in picked)
    data = _data(place, picked)
    found = simulator(cell.task)
    seeds = [seed + n for n in range(len(picked))]
    drawn = attempted(named, partial(chain_targets, found.analysis, data, seeds=seeds))
    if not isinstance(drawn, Failure):
        for n, one in zip(picked, drawn, strict=True):
            yield _audited(place, n, found.analysis, one)
    elif len(picked) == 1:
        yield drawn
    else:
        for n, own in zip(picked, seeds, strict=True):
            yield from _redo(place, [n], seed=own)


def _data(place: _Place, picked: Iterable[int]) -> list[dict[str, jax.Array]]:
    found, count = simulator(place.cell.task), len(stages(place.cell.task.design))
    data = []
    blocks: dict[int, Mapping[str, jax.Array]] = {}
    for n in picked:
        block, own = divmod(int(place.trials[n]), BLOCK)
        if block not in blocks:
            blocks = {block: found.block(block).members}
        member = own * count + int(place.stage[n])
        data.append({name: jnp.asarray(values[member]) for name, values in blocks[block].items()})
    return data


class Drawn(NamedTuple):
    """Draws of the targets of one posterior by chains.

    Parameters
    ----------
    values : ndarray, shape (chains, draws, targets)
        The draws.
    converged : bool
        Whether they may be trusted.
    parameters : mapping of str to ndarray, shape (chains, draws, ...)
        Draws of coefficients and of the baseline, on their own scale.
    """

    values: Floats
    converged: bool
    parameters: Mapping[str, Floats] = MappingProxyType({})


def chain_targets(
    analysis: TrialAnalysis, data: Sequence[Mapping[str, jax.Array]], *, seeds: Sequence[int]
) -> list[Drawn]:
    """Draw posteriors of trials by NUTS, as many at a time as there are cores.

    Parameters
    ----------
    analysis : TrialAnalysis
        The design's model; compiled once.
    data : sequence of mapping of str to array
        The graph's arrays of each data set.
    seeds : sequence of int
        Seeds of their chains.

    Returns
    -------
    list of Drawn
        In order.
    """
    compiled = CompiledModel(analysis.engine, analysis.engine.density.model.coords)
    graph = {name: np.asarray(values) for name, values in analysis.graph.items()}
    models = [
        compiled.changed(graph | {name: np.asarray(values) for name, values in one.items()})
        for one in data
    ]
    trees = nuts.sample_many(models, SETTINGS, seeds=list(seeds))
    names = [*analysis.prepared.encoder.columns, *analysis.prepared.hazard.parameters]
    read = jax.vmap(analysis.read)
    found = []
    for tree in trees:
        chains = tree["posterior"].to_dataset()
        draws = {
            name: jnp.asarray(chains[name].to_numpy().reshape(-1, *chains[name].shape[2:]))
            for name in names
        }
        shape = (chains.sizes["chain"], chains.sizes["draw"], len(analysis.targets))
        values = np.asarray(read(draws)).reshape(shape)
        own = {name: chains[name].to_numpy() for name in names}
        found.append(Drawn(values, not convergence(tree).failures, own))
    return found


def by_chains(analysis: TrialAnalysis, rule: Rule, drawn: Drawn) -> tuple[float, float]:
    """Return the probability of a statement by chains, and the draws that it is worth.

    Parameters
    ----------
    analysis : TrialAnalysis
        The design's model.
    rule : Rule
        Not about the future.
    drawn : Drawn
        Draws of its targets.

    Returns
    -------
    probability : float
        Share of the draws.
    effective : float
        Effective number of draws of the statement; all of them where it always or never holds.
    """
    column = drawn.values[..., analysis.targets.index(Target.of_rule(rule))]
    met = np.asarray(statement_holds(rule, column), dtype=np.float64)
    share = float(met.mean())
    if share in (0.0, 1.0):
        return share, float(met.size)
    found = arviz_stats.ess(xr.DataArray(met, dims=("chain", "draw")), method="mean")
    return share, float(min(float(found), met.size))


def _audited(place: _Place, n: int, analysis: TrialAnalysis, drawn: Drawn) -> AuditedFit:
    cell, design = place.cell, place.cell.task.design
    known, spec = statements(design), design.looks[place.look]
    trial, stage = int(place.trials[n]), int(place.stage[n])
    batch = cell.table["probability"][trial, stage]
    exact, redone = batch.copy(), []
    noise = 1.0 / design.draws if design.approximation is Approximation.CORRECTED else 0.0
    for statement in dict.fromkeys(rule.statement for rule in asked(design, place.look)):
        column = known.index(statement)
        exact[column], effective = by_chains(analysis, statement, drawn)
        worth = 1.0 / (1.0 / effective + noise)
        redone.append(Redone(statement, float(batch[column]), float(exact[column]), worth))
    flat = drawn.values.reshape(-1, drawn.values.shape[-1])
    scaled = (cell.table["mean"][trial, stage] - flat.mean(axis=0)) / flat.std(axis=0)
    success, futility = (
        int(holds(rules, exact[None], known)[0]) - int(holds(rules, batch[None], known)[0])
        for rules in (spec.efficacy, spec.futility)
    )
    return AuditedFit(
        cell.design,
        cell.scenario,
        trial,
        place.look + 1,
        bool(place.distance[n] <= NEAR),
        tuple(redone),
        float(scaled[np.abs(scaled).argmax()]),
        success,
        futility,
        drawn.converged,
    )


def _checked(place: _Place, found: Sequence[AuditedFit]) -> Iterator[CheckedRule]:
    cell, look = place.cell, place.look + 1
    here = [
        fit
        for fit in found
        if (fit.design, fit.scenario, fit.look) == (cell.design, cell.scenario, look)
        if fit.converged
    ]
    yield from check_rules(
        (cell.design, cell.scenario, look),
        asked(cell.task.design, place.look),
        [fit.redone for fit in here],
    )
