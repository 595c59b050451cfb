"""What the data of a running trial say, what its rule says, and what may come of it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from math import ceil, inf
from pathlib import Path
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.analysis.prior import prior_draws
from bayes_ihlrt.errors import OPTION, ConvergenceError, Fault, SpecificationError
from bayes_ihlrt.interim.data import RunningTrial, chosen_design, due_looks, read_running
from bayes_ihlrt.interim.future import (
    Continuation,
    Future,
    Standing,
    Values,
    Way,
    continuations,
    probability_now,
    standing,
)
from bayes_ihlrt.parts import Failure, listed, missing
from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.spec.rules import LookSpec, Quantity, Rule, Sample
from bayes_ihlrt.spec.trial import Approximation, TrialDesign, scaled_design
from bayes_ihlrt.trials.analysis import TrialAnalysis, build_analysis, rebuild_analysis
from bayes_ihlrt.trials.audit import Drawn, by_chains, chain_targets
from bayes_ihlrt.trials.decisions import holds
from bayes_ihlrt.trials.quantities import Target, reader, readings, statements

Floats = NDArray[np.float64]
LARGER: Final = (1.25, 1.5, 2.0)
"""Sizes, beside the planned one, that a redesign tries."""
_MOST: Final = 20_000
_LISTS: Final = ("efficacy", "futility", "stop_accrual")


@dataclass(frozen=True)
class RuleNow:
    """One rule of the look, at the data so far.

    Parameters
    ----------
    purpose : str
        ``efficacy``, ``futility`` or ``stop_accrual``.
    rule : Rule
        The rule.
    probability, mcse : float
        What it is compared with, and its Monte Carlo standard error.
    engine : float or None
        The same by the posterior that simulations use; None for rules about the future.
    met : bool
        Whether it holds.
    close : bool
        Whether the threshold is within two Monte Carlo errors.
    """

    purpose: str
    rule: Rule
    probability: float
    mcse: float
    engine: float | None
    met: bool
    close: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "rule": str(self.rule)}


@dataclass(frozen=True)
class Estimate:
    """A quantity of the posterior, with the same before the data.

    Parameters
    ----------
    quantity : str
        ``hazard_ratio`` or ``rmst_difference``.
    at, horizon : float or None
        Value of the modifier; months.
    median, low, high : float
        Posterior median and 95 % interval.
    benefit : float
        Posterior probability of a hazard ratio below 1, or of months gained.
    prior_median, prior_low, prior_high, prior_benefit : float
        The same before the data.
    """

    quantity: str
    at: float | None
    horizon: float | None
    median: float
    low: float
    high: float
    benefit: float
    prior_median: float
    prior_low: float
    prior_high: float
    prior_benefit: float


@dataclass(frozen=True, eq=False)
class InterimResult:
    """A running trial at one look.

    Parameters
    ----------
    plan : TrialPlan
        The plan.
    design : str
        Name of the design that is run.
    trial : RunningTrial
        Its data.
    look : int
        Number of the look, from 1, whose rules are asked.
    due : bool
        Whether its time has come.
    estimates : tuple of Estimate
        Months gained first, then hazard ratios.
    rules : tuple of RuleNow
        Of the look, in the order in which they are asked.
    verdict : str
        ``success``, ``futility``, ``stop accrual`` or ``go on``; of the last look, once it is due,
        ``no success``.
    success_now : bool
        Whether the last look's efficacy rules hold today.
    continuations : tuple of Continuation
        What may come of each; none at the last look, once it is due.
    needed : int or None
        Smallest size tried at which success is as probable as wanted.
    target : float
        Probability that is wanted.
    seed : int
        Of all random numbers.
    failures : tuple of Failure
        Continuations that could not be computed.
    """

    plan: TrialPlan
    design: str
    trial: RunningTrial
    look: int
    due: bool
    estimates: tuple[Estimate, ...]
    rules: tuple[RuleNow, ...]
    verdict: str
    success_now: bool
    continuations: tuple[Continuation, ...]
    needed: int | None
    target: float
    seed: int
    failures: tuple[Failure, ...] = ()

    @property
    def incomplete(self) -> tuple[str, ...]:
        """First line of a result of which continuations are missing; else nothing."""
        total = len(self.continuations) + len(self.failures)
        return missing(self.failures, total, "continuations")

    def _binds(self, one: RuleNow) -> bool:
        design = self.plan.designs[self.design]
        return one.purpose != "futility" or design.binding_futility

    def to_dict(self) -> dict[str, Any]:
        """Return what ``result.json`` holds."""
        names = ("bayes-ihlrt", "pymc", "jax", "blackjax", "numpy")
        trial = self.trial
        arms = {"control": 0.0, "treated": 1.0}
        return {
            "schema": 1,
            "name": self.plan.name,
            "seed": self.seed,
            "design": self.design,
            "data": trial.about
            | {f"events_{name}": trial.events(arm) for name, arm in arms.items()}
            | {"month": trial.month, "lost": int(trial.lost.sum())}
            | {"completed": int(trial.completed.sum())},
            "look": self.look,
            "due": self.due,
            "estimates": [asdict(one) for one in self.estimates],
            "rules": [one.to_dict() | {"binding": self._binds(one)} for one in self.rules],
            "verdict": self.verdict,
            "success_now": self.success_now,
            "continuations": [one.to_dict() for one in self.continuations],
            "target": self.target,
            "needed": self.needed,
            "notes": list(trial.notes),
            "failed": listed(self.failures),
            "versions": {name: version(name) for name in names},
        }


@dataclass(frozen=True)
class Settings:
    """How an interim analysis is made.

    Parameters
    ----------
    design : str, optional
        Name of the design that is run; the plan's own without it.
    look : int, optional
        Number of the look; without it the last that is due, or else the first. Where accrual was
        stopped it is the last of all, which is the next one.
    month : float, optional
        Months from opening to the day of the data.
    draws : int
        Continuations of each kind.
    target : float
        Probability of success that a redesign is to reach.

    Raises
    ------
    SpecificationError
        The month or the target is none.

    Examples
    --------
    >>> Settings().draws, Settings().target
    (2000, 0.8)
    """

    design: str | None = None
    look: int | None = None
    month: float | None = None
    draws: int = 2_000
    target: float = 0.8

    def __post_init__(self) -> None:
        # The command line bounds them below; Python gives anything.
        faults = []
        if self.month is not None and not 0.0 <= self.month < inf:
            remedy = "Give a finite number of months, 0 or later, or leave it out"
            faults.append(Fault(OPTION, f"it is {self.month}", remedy, option="month"))
        if not 0.0 <= self.target <= 1.0:
            remedy = "Give a probability, 0 to 1, such as 0.8"
            faults.append(Fault(OPTION, f"it is {self.target}", remedy, option="target"))
        if faults:
            raise SpecificationError("interim", faults)


def run_interim(
    plan: TrialPlan,
    data: str | Path,
    settings: Settings | None = None,
    *,
    stage: Callable[[str], None] | None = None,
) -> InterimResult:
    """Analyse the data of a running trial.

    The posterior is drawn by Markov chains. Continuations simulate the rest of the trial from it,
    and apply the last look's rule to the whole.

    Parameters
    ----------
    plan : TrialPlan
        The plan.
    data : str or Path
        Data file.
    settings : Settings, optional
        Which design and look, and how many continuations.
    stage : callable, optional
        Told what begins, in a few words.

    Returns
    -------
    InterimResult
        Posterior, rules and verdict, continuations, sizes of a redesign.

    Raises
    ------
    DataError
        With every fault of the data.
    SpecificationError
        There is no such design or look.
    ConvergenceError
        The chains are not to be trusted.
    """
    own, tell = settings or Settings(), stage or _silent
    tell("reading the data")
    laplace = {"approximation": Approximation.LAPLACE}
    design = chosen_design(plan, own.design).model_copy(update=laplace)
    trial = read_running(plan, design, data, month=own.month)
    stopped = plan.interim.accrual_stopped
    due = due_looks(design, trial, stopped=stopped)
    look = _look(plan, due, own.look)
    tell("compiling and drawing the posterior")
    frame, analyses = _analyses(design, larger=not stopped)
    analysis, now = analyses[0], standing(trial, frame.design.patients)
    drawn = _posterior(analysis, now, seed=plan.seed)
    future = Future(frame, now, drawn[1], _mode(analysis, now), own.draws, plan.seed)
    tell("simulating continuations")
    rules = _rules(analysis, future, drawn[0], design.looks[look - 1], now, stopped=stopped)
    final = look == len(design.looks) and due[look - 1]
    ahead, lost = ((), ()) if final else continuations(plan, future, analyses)
    return InterimResult(
        plan,
        own.design or plan.name,
        trial,
        look,
        due[look - 1],
        _estimates(analysis, drawn, trial, seed=plan.seed),
        rules,
        _verdict(rules, final=final),
        _holds(design.looks[-1].efficacy, analysis, drawn[0]),
        ahead,
        _needed(ahead, own.target),
        own.target,
        plan.seed,
        lost,
    )


def _needed(continuations: tuple[Continuation, ...], target: float) -> int | None:
    """Return the smallest size tried at which success is as probable as wanted."""
    sizes = [one for one in continuations if one.name != "stop accrual" and not one.at_mode]
    enough = [one.patients for one in sizes if one.success.estimate >= target]
    return min(enough, default=None)


def _silent(_: str) -> None:
    return None


def _look(plan: TrialPlan, due: list[bool], wanted: int | None) -> int:
    if wanted is None:
        if plan.interim.accrual_stopped:
            # From there the last look is the next one, as in simulated trials.
            return len(due)
        return max((number for number, come in enumerate(due, 1) if come), default=1)
    if not 1 <= wanted <= len(due):
        problem = f"{wanted} was asked for, and the design has {len(due)}"
        fault = Fault(OPTION, problem, f"Allowed: 1 to {len(due)}", option="look")
        raise SpecificationError(plan.name, [fault])
    return wanted


def _analyses(design: TrialDesign, *, larger: bool) -> tuple[TrialAnalysis, list[TrialAnalysis]]:
    """Return the frame of the largest size, and the analysis of the design and of larger ones."""
    sizes = [min(ceil(factor * design.patients), _MOST) for factor in LARGER if larger]
    more = [scaled_design(design, size) for size in dict.fromkeys(sizes) if size > design.patients]
    if design.model.outcome.hazard.family == "mspline" or _standardised(design):
        # Knots and scales that follow the template are compiled in.
        alone = build_analysis(design)
        return alone, [alone]
    frame = build_analysis(more[-1] if more else design)
    return frame, [rebuild_analysis(frame, one) for one in (design, *more)]


def _standardised(design: TrialDesign) -> bool:
    return design.modifier is not None and design.modifier.transform.value == "standardise"


def _posterior(analysis: TrialAnalysis, now: Standing, *, seed: int) -> tuple[Drawn, Values]:
    (drawn,) = chain_targets(analysis, [analysis.members(*now)], seeds=[seed])
    if not drawn.converged:
        raise ConvergenceError(
            "the chains of the trial's posterior did not converge",
            "Look at the data: an arm without any event needs a prior that is not flat",
        )
    flat = {
        name: values.reshape(-1, *values.shape[2:]) for name, values in drawn.parameters.items()
    }
    return drawn, flat


def _mode(analysis: TrialAnalysis, now: Standing) -> Values | Failure:
    shared = {name: np.asarray(values)[None] for name, values in analysis.graph.items()}
    members = {name: np.asarray(values)[None] for name, values in analysis.members(*now).items()}
    found = analysis.engine.gaussians(members | shared, start=analysis.start)
    if not found.converged[0]:
        reason = "no mode of the trial's posterior was found"
        return Failure("the posterior's mode", reason, "State tighter priors in the plan")
    density = analysis.engine.density
    graph = {name: jnp.asarray(values) for name, values in analysis.graph.items()}
    values = density.constrained(jnp.asarray(found.mean[0]), density.with_overrides(graph))
    names = [*analysis.prepared.encoder.columns, *analysis.prepared.hazard.parameters]
    return {name: np.asarray(values[name])[None] for name in names}


def _rules(
    analysis: TrialAnalysis,
    future: Future,
    drawn: Drawn,
    look: LookSpec,
    now: Standing,
    *,
    stopped: bool,
) -> tuple[RuleNow, ...]:
    """Ask a look's rules; once accrual was stopped nobody else is enrolled, nor is that asked."""
    engine = probability_now(analysis, now)
    found = []
    for purpose in _LISTS[:-1] if stopped else _LISTS:
        for rule in getattr(look, purpose):
            if rule.quantity.of_future:
                conditional = rule.quantity is Quantity.CONDITIONAL_POWER
                stop = stopped or rule.sample is Sample.CURRENT
                way = Way("go on", rule.assumed_hr, conditional, stop)
                told = future.continued(analysis, way).success
                value, error, by = told.estimate, told.mcse, None
            else:
                value, draws = by_chains(analysis, rule, drawn)
                error, by = float(np.sqrt(value * (1.0 - value) / draws)), engine[rule.statement]
            less = rule.more_than is None
            met = value < rule.threshold if less else value > rule.threshold
            close = abs(value - rule.threshold) < 2.0 * error
            found.append(RuleNow(purpose, rule, value, error, by, bool(met), bool(close)))
    return tuple(found)


def _verdict(rules: tuple[RuleNow, ...], *, final: bool) -> str:
    words = {"efficacy": "success", "futility": "futility", "stop_accrual": "stop accrual"}
    for purpose, verdict in words.items():
        own = [rule.met for rule in rules if rule.purpose == purpose]
        if own and all(own):
            return verdict
    return "no success" if final else "go on"


def _holds(rules: tuple[Rule, ...], analysis: TrialAnalysis, drawn: Drawn) -> bool:
    """Whether the last look's rules hold today."""
    known = statements(analysis.design)
    values = np.full((1, len(known)), np.nan)
    for rule in rules:
        values[0, known.index(rule.statement)] = by_chains(analysis, rule, drawn)[0]
    return bool(holds(rules, values, known)[0])


def _estimates(
    analysis: TrialAnalysis, drawn: tuple[Drawn, Values], trial: RunningTrial, *, seed: int
) -> tuple[Estimate, ...]:
    design = analysis.design
    longest = float(trial.stop.max())
    horizon = next((month for month in (24.0, 12.0, 6.0) if month <= longest), None)
    wanted = [] if horizon is None else [Target(Quantity.RMST, horizon=horizon)]
    wanted += [Target(Quantity.HAZARD_RATIO)]
    wanted += [Target(Quantity.HAZARD_RATIO, at) for at in design.report_at]
    before = prior_draws(analysis.prepared, seed=seed)
    prior = {
        str(name): values.to_numpy().reshape(-1, *values.shape[2:])
        for name, values in before.items()
    }
    read = reader(design, analysis.prepared, wanted)
    where = readings(design, analysis.prepared, wanted)
    columns = [_read_all(read, where, values, analysis) for values in (drawn[1], prior)]
    return tuple(
        _estimate(target, columns[0][:, number], columns[1][:, number])
        for number, target in enumerate(wanted)
    )


def _read_all(
    read: Any, where: Any, values: Mapping[str, Floats], analysis: TrialAnalysis
) -> Floats:
    names = [*analysis.prepared.encoder.columns, *analysis.prepared.hazard.parameters]
    own = {name: jnp.asarray(values[name]) for name in names}
    return np.asarray(jax.vmap(lambda row: read(row, where))(own))


def _estimate(target: Target, after: Floats, before: Floats) -> Estimate:
    ratio = target.kind is Quantity.HAZARD_RATIO
    told = []
    for draws in (after, before):
        values = np.exp(draws) if ratio else draws
        low, median, high = np.quantile(values, [0.025, 0.5, 0.975])
        # Flat priors leave draws in which nobody dies, or everybody at once: ties count half.
        gain = 1.0 - values if ratio else values
        better = float((gain > 0.0).mean() + 0.5 * (gain == 0.0).mean())
        told += [float(median), float(low), float(high), better]
    name = "hazard_ratio" if ratio else "rmst_difference"
    return Estimate(name, target.at, target.horizon, *told)
