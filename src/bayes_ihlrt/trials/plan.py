"""Run a plan: every design under every scenario, and the curves that it asks for.

A curve is success over a number of the plan's own design: sample size, or who is enrolled.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from time import perf_counter
from typing import Any, Final

import numpy as np

from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.parts import Failure, attempted, nothing_left
from bayes_ihlrt.plain import short_repr
from bayes_ihlrt.spec.plan import CurveSpec, TrialPlan
from bayes_ihlrt.spec.trial import Endpoint, TrialDesign
from bayes_ihlrt.trials.decisions import Table, Verdict, decide
from bayes_ihlrt.trials.operating import (
    Estimated,
    NoEffect,
    OperatingCharacteristics,
    Part,
    average,
    no_effect,
    operating_characteristics,
    ratio,
    share,
)
from bayes_ihlrt.trials.quantities import Target, targets
from bayes_ihlrt.trials.truth import DesignPrior
from bayes_ihlrt.trials.units import LocalPool, Pool, Statistics, Store, Task, run_trials


@dataclass(frozen=True, eq=False)
class Curve:
    """Operating characteristics of one design along an axis.

    Parameters
    ----------
    spec : CurveSpec
        What was varied.
    label : str
        The axis in words.
    found : dict of str to tuple of OperatingCharacteristics
        Scenario to its values, one for each of ``spec.values``.
    lost : dict of str to Failure
        Scenarios of which a value could not be computed; they are not in `found`.
    """

    spec: CurveSpec
    label: str
    found: Mapping[str, tuple[OperatingCharacteristics, ...]]
    lost: Mapping[str, Failure] = field(default_factory=dict)

    @property
    def success(self) -> dict[str, list[Estimated]]:
        """Success by scenario, one for each value."""
        return {name: [one.success_told for one in row] for name, row in self.found.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return what ``result.json`` holds."""
        rows = [
            {"value": int(value) if value == int(value) else value, **one.to_dict()}
            for row in self.found.values()
            for value, one in zip(self.spec.values, row, strict=True)
        ]
        lost = [({"scenario": name}, failure) for name, failure in self.lost.items()]
        return {
            "over": self.spec.over.value,
            "label": self.label,
            "results": [{"value": None, **row} for row in _with_lost(rows, lost)],
        }


def run_curve(
    spec: CurveSpec, tasks: Mapping[str, Task], simulate: Callable[[str, Task], Statistics]
) -> Curve:
    """Simulate a design at every value of a curve, under every scenario.

    Values share their random numbers (sizes the same patients in the same order), so that
    differences along a curve are more certain than the Monte Carlo error of each value.

    Parameters
    ----------
    spec : CurveSpec
        What is varied.
    tasks : mapping of str to Task
        The design under each scenario.
    simulate : callable
        What is running, in words, and its task, to the statistics of its trials.

    Returns
    -------
    Curve
        With Monte Carlo error.
    """
    base = next(iter(tasks.values())).design
    found: dict[str, list[OperatingCharacteristics]] = {scenario: [] for scenario in tasks}
    lost: dict[str, Failure] = {}
    # What a design compiles serves all its scenarios.
    for value, design in zip(spec.values, spec.designs(base), strict=True):
        name = f"{spec.over.value} {value:g}"
        for scenario, task in tasks.items():
            if scenario in lost:
                continue
            truth = spec.scenario(task.scenario, value)
            changed, what = replace(task, design=design, scenario=truth), f"{name} / {scenario}"
            row = attempted(what, partial(_simulated, changed, (name, scenario), simulate))
            if isinstance(row, Failure):
                lost[scenario] = row
                continue
            found[scenario].append(row[1])
    kept = {name: tuple(row) for name, row in found.items() if name not in lost}
    return Curve(spec, spec.label(base), kept, lost)


def _simulated(
    task: Task, names: tuple[str, str], simulate: Callable[[str, Task], Statistics]
) -> tuple[Statistics, OperatingCharacteristics]:
    """Simulate a design under a scenario, and count."""
    table, design = simulate(" / ".join(names), task), task.design
    drawn = task.scenario.is_drawn
    return table, operating_characteristics(
        design, table, targets(design), names=names, drawn=drawn
    )


_KEYS: Final = (*(part.name for part in fields(OperatingCharacteristics)), "bias", "coverage")
"""Of a row of results, where there is none to take them from."""


def _with_lost(
    rows: Sequence[Mapping[str, Any]], lost: Sequence[tuple[Mapping[str, Any], Failure]]
) -> list[dict[str, Any]]:
    """Add a row without numbers for what could not be computed; ``failed`` counts trials here."""
    nothing: dict[str, Any] = dict.fromkeys(rows[0] if rows else _KEYS)
    done = [{**row, "not_computed": None} for row in rows]
    return [*done, *({**nothing, **about, "not_computed": f.to_dict()} for about, f in lost)]


@dataclass(frozen=True)
class Branch:
    """What becomes of the trials that a rule changed in one way, or of the others.

    Parameters
    ----------
    extended : bool
        Whether these trials were enlarged.
    switch : float or None
        Value from which they enrolled after an enrichment.
    share : Estimated
        Of all trials.
    success : Estimated or None
        Share of these trials that succeed; None where there are none.
    expected_n, expected_events, expected_months : Estimated or None
        Means where these trials end.
    """

    extended: bool
    switch: float | None
    share: Estimated
    success: Estimated | None
    expected_n: Estimated | None
    expected_events: Estimated | None
    expected_months: Estimated | None


def branches(design: TrialDesign, table: Table) -> tuple[Branch, ...]:
    """Return what becomes of trials that are enlarged or enriched, and of the others.

    Parameters
    ----------
    design : TrialDesign
        The design.
    table : mapping of str to ndarray
        Statistics of its trials.

    Returns
    -------
    tuple of Branch
        The others last, futility rules being followed; none where the design has neither.
    """
    done, found = decide(design, table), []
    ways: list[tuple[bool, float | None]] = [(False, value) for value in design.population.switches]
    ways += [] if design.extension is None else [(True, None)]
    if not ways:
        return ()
    events = table["events_control"] + table["events_treated"]
    for extended, value in (*ways, (False, None)):
        same = ~done.enriched if value is None else done.switch == value
        here = same & ((done.extended >= 0) == extended)
        means = [
            average(done.at(values)[here].astype(np.float64))
            for values in (table["enrolled"], events, table["months"])
        ]
        success = share(done.verdict[here] == Verdict.SUCCESS) if here.any() else None
        found.append(Branch(extended, value, share(here), success, *means))
    return tuple(found)


type Stage = Callable[[str, int, int], None]
"""Called with what is running, the trials that are done, and the trials in all."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One design under one scenario, simulated.

    Parameters
    ----------
    design, scenario : str
        Names.
    task : Task
        What was simulated.
    table : dict of str to ndarray
        Statistics of its trials.
    targets : tuple of Target
        What ``mean`` and ``sd`` are of.
    found : OperatingCharacteristics
        With Monte Carlo error.
    """

    design: str
    scenario: str
    task: Task
    table: Statistics
    targets: tuple[Target, ...]
    found: OperatingCharacteristics

    @property
    def ending(self) -> str:
        """Its names, where it is told how trials end: by futility rules, bound to them or not."""
        free = " (futility followed)" if self.task.design.free_futility else ""
        return f"{self.design} / {self.scenario}{free}"


@short_repr("plan.name", "simulated", "seconds")
@dataclass(frozen=True, eq=False)
class PlanResult:
    """A plan that was run.

    Parameters
    ----------
    plan : TrialPlan
        The plan.
    cells : tuple of Cell
        By design, then by scenario.
    curves : tuple of Curve
        The plan's own design with one number varied, as the plan asks.
    seconds : float
        Wall time of simulation and analysis, compilation included.
    simulated : int
        Trials simulated in that time; those read from an earlier run do not count.
    lost : dict of tuple to Failure
        Names of designs and scenarios that could not be computed; they are not among `cells`.
    """

    plan: TrialPlan
    cells: tuple[Cell, ...]
    curves: tuple[Curve, ...]
    seconds: float
    simulated: int
    lost: Mapping[tuple[str, str], Failure] = field(default_factory=dict)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Designs under scenarios, and scenarios of curves, that could not be computed."""
        along = [
            replace(failure, part=f"curve over {curve.spec.over.value}: {failure.part}")
            for curve in self.curves
            for failure in curve.lost.values()
        ]
        return (*self.lost.values(), *along)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """What events are, in the plan's own design first; variants may have another endpoint."""
        return tuple(dict.fromkeys(cell.task.design.endpoint for cell in self.cells))

    def cell(self, design: str, scenario: str) -> Cell:
        """Return one design under one scenario.

        Parameters
        ----------
        design, scenario : str
            Names.

        Returns
        -------
        Cell
            With its statistics.

        Raises
        ------
        SpecificationError
            There is none of these names.
        """
        found = {(cell.design, cell.scenario): cell for cell in self.cells}
        if (design, scenario) not in found:
            names = [f"{one} / {other}" for one, other in found]
            problem = "the plan has no such design and scenario"
            fault = Fault(
                f"'{design} / {scenario}'", problem, nearest(f"{design} / {scenario}", names)
            )
            raise SpecificationError(self.plan.name, [fault])
        return found[design, scenario]


def plan_tasks(
    plan: TrialPlan, design_priors: Mapping[str, DesignPrior | Failure] | None = None
) -> dict[tuple[str, str], Task]:
    """Return the tasks of a plan by names of design and scenario.

    Parameters
    ----------
    plan : TrialPlan
        The plan.
    design_priors : mapping of str to DesignPrior, optional
        Draws for scenarios whose truth is a posterior, by the scenario's name.

    Returns
    -------
    dict of tuple to Task
        Every design under every scenario, but for those whose posterior could not be computed.

    Raises
    ------
    SpecificationError
        A scenario's truth is a posterior that was not given; all of them are listed.
    """
    given = design_priors or {}
    faults = [
        Fault(
            f"scenario {scenario.name}",
            "its truth is a fitted cohort's posterior, and no draws were given",
            "Pass them as design_priors, or run the plan by `plan`, which fits the cohort",
        )
        for scenario in plan.scenarios
        if scenario.posterior is not None and scenario.name not in given
    ]
    if faults:
        raise SpecificationError(plan.name, faults)
    tasks = {}
    for name, design in plan.designs.items():
        for scenario in plan.scenarios:
            prior = given[scenario.name] if scenario.posterior else None
            if not isinstance(prior, Failure):
                tasks[name, scenario.name] = Task(design, scenario, plan.seed, prior)
    return tasks


def run_plan(
    plan: TrialPlan,
    trials: int,
    *,
    design_priors: Mapping[str, DesignPrior | Failure] | None = None,
    pool: Pool | None = None,
    store: Store | None = None,
    stage: Stage | None = None,
) -> PlanResult:
    """Simulate every design of a plan under every scenario.

    Parameters
    ----------
    plan : TrialPlan
        The plan.
    trials : int
        Trials of each design, and of each value of a curve, under each scenario.
    design_priors : mapping of str to DesignPrior, optional
        Draws for scenarios whose truth is a posterior, by the scenario's name; or why there are
        none, which is then what is told of the scenario.
    pool : Pool, optional
        Where trials run; this process by default.
    store : Store, optional
        Where finished trials are kept; a later run of the same plan resumes.
    stage : callable, optional
        Told what is running.

    Returns
    -------
    PlanResult
        With operating characteristics and statistics.

    Raises
    ------
    SpecificationError
        The plan cannot be run as it is.
    BayesIhlrtError
        Nothing of it could be computed.

    Examples
    --------
    With the ``plan`` of a small trial, as `load_plan` reads it from a file:

    >>> result = run_plan(plan, trials=1024)
    >>> null, better = (result.cell("small", name).found for name in ("no effect", "hr 0.6"))
    >>> null.success.high < better.success.low
    True
    """
    runner = _Runner(trials, pool or LocalPool(1), store, stage)
    began, cells = perf_counter(), []
    tasks = plan_tasks(plan, design_priors)
    lost = {
        (name, scenario): replace(failure, part=f"{name} / {scenario}")
        for name in plan.designs
        for scenario, failure in (design_priors or {}).items()
        if isinstance(failure, Failure)
    }
    for (name, scenario), task in tasks.items():
        what = f"{name} / {scenario}"
        done = attempted(what, partial(_simulated, task, (name, scenario), runner.run))
        if isinstance(done, Failure):
            lost[name, scenario] = done
            continue
        cells.append(Cell(name, scenario, task, done[0], targets(task.design), done[1]))
    if not cells:
        raise nothing_left(list(lost.values()))
    own = {scenario: task for (name, scenario), task in tasks.items() if name == plan.name}
    curves = tuple(run_curve(spec, own, runner.run) for spec in plan.curves if own)
    seconds = perf_counter() - began
    return PlanResult(plan, tuple(cells), curves, seconds, runner.simulated, lost)


@dataclass
class _Runner:
    """Runs tasks in one place and counts the trials that were not there before."""

    trials: int
    pool: Pool
    store: Store | None
    stage: Stage | None
    simulated: int = 0

    def run(self, what: str, task: Task) -> Statistics:
        known: list[int] = []

        def tell(done: int, total: int) -> None:
            known.append(done)
            if self.stage is not None:
                self.stage(what, done, total)

        table = run_trials(task, self.trials, pool=self.pool, store=self.store, progress=tell)
        self.simulated += self.trials - known[0]
        return table


def prior_sources(result: PlanResult) -> list[dict[str, Any]]:
    """Return which cohort the truth of a scenario comes from, for scenarios that have one.

    Parameters
    ----------
    result : PlanResult
        The plan.

    Returns
    -------
    list of dict
        ``scenario, data, synthetic, fingerprint``; all but the first None where the draws were
        given without their source.
    """
    nothing = dict.fromkeys(("data", "synthetic", "fingerprint"))
    priors = {cell.scenario: cell.task.prior for cell in result.cells}
    return [
        {"scenario": name, **(nothing if prior.source is None else asdict(prior.source))}
        for name, prior in priors.items()
        if prior is not None
    ]


@dataclass(frozen=True)
class Averaged:
    """Success of one design averaged over the weights of the plan's scenarios.

    Parameters
    ----------
    design : str
        Its name.
    success : Estimated
        Probability of success under the design prior over scenarios, futility rules being followed
        whether they bind or not: as for `no_effect`, and for the assurance of one scenario.
    no_effect : NoEffect or None
        How often there is no effect, before a trial and after it.
    """

    design: str
    success: Estimated
    no_effect: NoEffect | None


def averaged(result: PlanResult) -> tuple[Averaged, ...]:
    """Average over scenarios, for designs that were simulated under all of them.

    Parameters
    ----------
    result : PlanResult
        The plan.

    Returns
    -------
    tuple of Averaged
        One a design; none where the scenarios have no weights.
    """
    weights = {one.name: one.weight for one in result.plan.scenarios}
    if any(weight is None for weight in weights.values()):
        return ()
    found = []
    for name in result.plan.designs:
        cells = [cell for cell in result.cells if cell.design == name]
        if len(cells) < len(weights):
            continue
        each = [(float(weights[cell.scenario] or 0.0), cell) for cell in cells]
        tables = [(weight, cell.task.design, cell.table) for weight, cell in each]
        won = [(w, decide(design, table).verdict == Verdict.SUCCESS) for w, design, table in tables]
        success = ratio([Part(weight, hits) for weight, hits in won])
        drawn = [cell.task.scenario.is_drawn for cell in cells]
        parts = [(*part, one) for part, one in zip(tables, drawn, strict=True)]
        if success is not None:
            found.append(Averaged(name, success, no_effect(parts, cells[0].targets)))
    return tuple(found)


def plan_dict(result: PlanResult) -> dict[str, Any]:
    """Return the part of ``result.json`` that simulation makes."""
    lost = [
        ({"design": name, "scenario": scenario}, failure)
        for (name, scenario), failure in result.lost.items()
    ]
    rows = [
        {
            **cell.found.to_dict(),
            "endpoint": cell.task.design.endpoint.value,
            "branches": [asdict(one) for one in branches(cell.task.design, cell.table)],
        }
        for cell in result.cells
    ]
    return {
        "schema": 1,
        "name": result.plan.name,
        "seed": result.plan.seed,
        "design_priors": prior_sources(result),
        "results": _with_lost(rows, lost),
        "averaged": [asdict(one) for one in averaged(result)],
        "curves": [curve.to_dict() for curve in result.curves],
        "seconds": result.seconds,
        "trials_per_second": result.simulated / result.seconds,
    }
