"""A plan that is explored: what can be moved on the page, and what it asks, answered by simulation.

There is one slider for each number of the plan's file that can be moved.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from math import exp
from threading import Lock
from time import perf_counter
from typing import Any, Final

from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.names import ModifierTransform
from bayes_ihlrt.parts import known
from bayes_ihlrt.spec.faults import shown
from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.spec.read import parse_plan
from bayes_ihlrt.spec.rules import ExtensionSpec, LookSpec, Rule
from bayes_ihlrt.spec.scenario import EffectSpec, ScenarioSpec
from bayes_ihlrt.spec.trial import ModifierPopulation, TrialDesign
from bayes_ihlrt.trials.calibration import Simulated, simulate_design
from bayes_ihlrt.trials.compiled import Frames, has_frames
from bayes_ihlrt.trials.operating import Estimated, OperatingCharacteristics, edge
from bayes_ihlrt.trials.run import design_priors
from bayes_ihlrt.trials.truth import DesignPrior

_PURPOSES: Final = {
    "efficacy": "Success",
    "futility": "Futility",
    "stop_accrual": "Stop of accrual",
    "extend": "Enlargement",
    "enrich": "Enrichment",
    "efficacy_enriched": "Success after enrichment",
}
_MOST_SD: Final = 1.8
"""Slider of the cut-off ends where 4 % of those screened are above it."""


@dataclass(frozen=True)
class Control:
    """A slider with a field for the exact number.

    Parameters
    ----------
    key : str
        Place of the number in the plan, e.g. ``"design.looks.0.events"``, or in the scenario, e.g.
        ``"scenario.effect.hr.0"``.
    label, unit : str
        What is read beside it.
    group : str
        Heading that it stands under.
    low, high, step : float
        Range of the slider; the field takes any number.
    value : float
        Where it stands in the file.
    zero : str
        What 0 means, where it is not a number like others.
    """

    key: str
    label: str
    unit: str
    group: str
    low: float
    high: float
    step: float
    value: float
    zero: str = ""

    @property
    def path(self) -> tuple[str | int, ...]:
        """The place as keys of tables and positions of lists."""
        return tuple(int(part) if part.isdigit() else part for part in self.key.split("."))


def controls(plan: TrialPlan, scenario: ScenarioSpec) -> tuple[Control, ...]:
    """Return what can be moved.

    Parameters
    ----------
    plan : TrialPlan
        The plan; its own design is moved, its variants are not.
    scenario : ScenarioSpec
        One of its scenarios.

    Returns
    -------
    tuple of Control
        Truth first, then size, entry and looks.
    """
    return (*_of_truth(plan.design, scenario), *_of_design(plan.design), *_of_looks(plan.design))


def _of_truth(design: TrialDesign, scenario: ScenarioSpec) -> list[Control]:
    group = "Truth"
    if scenario.posterior is not None:
        ratio = scenario.posterior.ratio
        label = "Cohort's hazard ratio, multiplied by"
        return [Control("scenario.posterior.ratio", label, "", group, 0.6, 1.6, 0.01, ratio)]
    effect, found = scenario.effect, []
    edges = (0.0, *effect.cuts)
    for number, hr in enumerate(effect.hr):
        when = f" from month {edges[number]:g}" if len(effect.hr) > 1 else ""
        label = f"Hazard ratio, treated / control{when}"
        key = f"scenario.effect.hr.{number}"
        found.append(Control(key, label, "", group, 0.3, 1.5, 0.01, hr))
    if design.modifier is not None:
        name = design.modifier.name
        doubles = design.modifier.transform is ModifierTransform.LOG2
        unit = f"per doubling of {name}" if doubles else f"per unit of {name}"
        found = [replace(one, unit=f"at {name} {design.reference:g}") for one in found]
        key, label = "scenario.effect.interaction_hr", "Ratio of hazard ratios"
        found.append(Control(key, label, unit, group, 0.4, 1.6, 0.01, effect.interaction_hr))
    label = "Uncertainty of the effect, sd of log hazard ratio"
    found.append(
        Control("scenario.effect.log_hr_sd", label, "", group, 0.0, 0.6, 0.01, effect.log_hr_sd)
    )
    if scenario.control is not None and scenario.control.median is not None:
        median = scenario.control.median
        ends = (round(0.5 * median, 1), round(2.0 * median, 1))
        key, label = "scenario.control.median", "Median survival, control"
        found.append(Control(key, label, "months", group, *ends, 0.1, median))
    return found


def _of_design(design: TrialDesign) -> list[Control]:
    group, size = "Trial", design.patients
    found = [
        Control("design.patients", "Sample size", "patients", group, 40, 2 * size, 10, size),
        Control(
            "design.max_months",
            "Longest duration",
            "months",
            group,
            12,
            2 * design.max_months,
            1,
            design.max_months,
        ),
    ]
    if design.extension is not None:
        found += _of_extension(design, design.extension, group)
    if design.modifier is not None:
        found.append(_entry(design.population, design.modifier.name, group))
    return found


def _of_extension(design: TrialDesign, larger: ExtensionSpec, group: str) -> list[Control]:
    sizes = {"patients": larger.patients, "events": larger.events}
    return [
        Control(
            f"design.extension.{name}",
            "Once enlarged",
            name,
            group,
            40 if name == "patients" else 10,
            2 * design.most_patients,
            10,
            value,
        )
        for name, value in sizes.items()
        if value is not None
    ]


def _entry(population: ModifierPopulation, name: str, group: str) -> Control:
    highest = round(population.median * exp(_MOST_SD * population.log_sd), 1)
    return Control(
        "design.population.enrol_from",
        f"Enrol from {name}",
        "and above",
        group,
        0.0,
        highest,
        0.1,
        population.enrol_from or 0.0,
        zero="everybody",
    )


def _of_looks(design: TrialDesign) -> list[Control]:
    return [
        control
        for number, look in enumerate(design.looks)
        for control in _of_look(design, number, look)
    ]


def _of_look(design: TrialDesign, number: int, look: LookSpec) -> list[Control]:
    group, key = look_name(design, number), f"design.looks.{number}"
    found = []
    size = design.most_patients
    for name, label, unit, low, high in (
        ("events", "After", "events", 10, size),
        ("calendar", "After", "months since the trial opened", 1, design.max_months),
        ("min_follow_up", "Follow-up of at least", "months", 0, 48),
        ("patients", "Follow-up of the first", "patients", 10, size),
    ):
        value = getattr(look, name)
        if value is not None:
            found.append(Control(f"{key}.{name}", label, unit, group, low, high, 1, value))
    for purpose, words in _PURPOSES.items():
        for place, rule in enumerate(getattr(look, purpose)):
            found.append(_threshold(f"{key}.{purpose}.{place}", words, group, rule))
    return found


def _threshold(key: str, words: str, group: str, rule: Rule) -> Control:
    upper = rule.more_than is None
    name, side = ("less_than", "below") if upper else ("more_than", "above")
    fine = rule.threshold > 0.95
    low, high, step = (0.9, 1.0, 0.0005) if fine else (0.0, 1.0, 0.01)
    label = f"{words} if {rule.about} is {side}"
    return Control(f"{key}.{name}", label, "", group, low, high, step, rule.threshold)


def look_name(design: TrialDesign, number: int) -> str:
    """Return the heading of a look, its number from 0.

    Parameters
    ----------
    design : TrialDesign
        The design.
    number : int
        The look.

    Returns
    -------
    str
        ``"Interim look 1"`` or ``"Final look"``.
    """
    return "Final look" if number == len(design.looks) - 1 else f"Interim look {number + 1}"


def moved(plan: TrialPlan, scenario: str, values: dict[str, float], looks: list[bool]) -> Any:
    """Return the content of a plan with other numbers, not yet validated.

    Parameters
    ----------
    plan : TrialPlan
        The plan.
    scenario : str
        Name of the scenario whose numbers are moved.
    values : dict of str to float
        By the key of a control.
    looks : list of bool
        Whether each look is kept.

    Returns
    -------
    dict
        As a TOML file holds it.
    """
    content = plan.model_dump(mode="json", by_alias=True, exclude_none=True)
    chosen = next(one for one in content["scenarios"] if one["name"] == scenario)
    known = next(one for one in plan.scenarios if one.name == scenario)
    for control in controls(plan, known):
        if control.key in values:
            _put(content, chosen, control, values[control.key])
    kept = zip(content["design"]["looks"], looks, strict=True)
    content["design"]["looks"] = [look for look, keep in kept if keep]
    return content


def _put(content: Any, scenario: Any, control: Control, value: float) -> None:
    first, *above, last = control.path
    part = scenario if first == "scenario" else content[first]
    for key in above:
        part = part[key]
    if value == 0.0 and control.zero:
        part.pop(last, None)
        return
    whole = float(control.step).is_integer() and float(value).is_integer()
    part[last] = int(value) if whole else value


CURVE: Final = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Hazard ratios of the curve of success."""
CURVE_TRIALS: Final = 1_024
"""Trials, at most, of each point of the curve."""
NO_EFFECT: Final = "none"


@dataclass(frozen=True)
class Question:
    """What the page asks for.

    Parameters
    ----------
    scenario : str
        Name of the scenario.
    values : dict of str to float
        Where the sliders stand.
    looks : list of bool
        Whether each look of the file is kept.
    at : float or str or None
        The truth: None for the scenario as moved, ``"none"`` for the hazard ratio at which the
        last look's statement turns false (1 without a margin), a number for this hazard ratio
        instead of the scenario's.
    """

    scenario: str
    values: dict[str, float]
    looks: list[bool]
    at: float | str | None = None


class LeftError(Exception):
    """Nobody waits for the answer any more."""


def _go_on(wanted: Callable[[], bool], done: int, total: int) -> None:
    if done < total and not wanted():
        raise LeftError


@dataclass
class Session:
    """One plan, explored by one page at a time.

    Parameters
    ----------
    plan : TrialPlan
        The plan as it is in its file.
    trials : int
        Trials of each simulation.
    priors : mapping of str to DesignPrior
        Draws for scenarios whose truth is a posterior.
    simulate : callable
        `simulate_design`.
    """

    plan: TrialPlan
    trials: int
    priors: Mapping[str, DesignPrior] = field(default_factory=dict)
    simulate: Callable[..., Simulated] = simulate_design
    _frames: Frames = field(default_factory=Frames, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    @property
    def first(self) -> ScenarioSpec:
        """The scenario that is shown first: the first with an effect."""
        effective = [one for one in self.plan.scenarios if not one.without_effect]
        return [*effective, *self.plan.scenarios][0]

    def describe(self) -> dict[str, Any]:
        """Return what the page is built from: controls by scenario, looks, settings."""
        plan = self.plan
        return {
            "name": plan.name,
            "description": plan.description,
            "trials": self.trials,
            "curve_trials": min(self.trials, CURVE_TRIALS),
            "seed": plan.seed,
            "curve": CURVE,
            "edge": edge(plan.design),
            "compiles": not has_frames(plan.design),
            "variants": list(plan.variants),
            "looks": [look_name(plan.design, n) for n in range(len(plan.design.looks))],
            "first": self.first.name,
            "scenarios": [
                {
                    "name": one.name,
                    "posterior": one.posterior is not None,
                    "synthetic": self._synthetic(one.name),
                    "controls": [asdict(control) for control in controls(plan, one)],
                }
                for one in plan.scenarios
            ],
        }

    def _synthetic(self, scenario: str) -> str | None:
        """Return the data set from which a scenario's effect comes, if it is synthetic."""
        prior = self.priors.get(scenario)
        source = None if prior is None else prior.source
        return source.data if source is not None and source.synthetic else None

    def changed(self, question: Question) -> TrialPlan:
        """Return the plan as it was moved.

        Parameters
        ----------
        question : Question
            Where the sliders stand.

        Returns
        -------
        TrialPlan
            Validated.

        Raises
        ------
        SpecificationError
            With every fault.
        """
        if faults := list(self._misnamed(question)):
            raise SpecificationError(self.plan.name, faults)
        content = moved(self.plan, question.scenario, question.values, question.looks)
        return parse_plan(content, subject=self.plan.name)

    def _misnamed(self, question: Question) -> Iterator[Fault]:
        scenarios = {one.name: one for one in self.plan.scenarios}
        if question.scenario not in scenarios:
            hint = nearest(question.scenario, list(scenarios))
            yield Fault(f"scenario {shown(question.scenario)}", "there is none", hint)
        else:
            keys = [one.key for one in controls(self.plan, scenarios[question.scenario])]
            for key in question.values:
                if key not in keys:
                    yield Fault("values", f"no number is called {shown(key)}", nearest(key, keys))
        count = len(self.plan.design.looks)
        if len(question.looks) != count:
            problem = f"{len(question.looks)} were named, the plan has {count}"
            yield Fault("looks", problem, "Say of each look whether it is kept")

    def answer(
        self, question: Question, wanted: Callable[[], bool] = lambda: True
    ) -> dict[str, Any]:
        """Simulate.

        Parameters
        ----------
        question : Question
            Where the sliders stand, and the truth.
        wanted : callable
            Whether anybody waits for the answer; asked between units of trials.

        Returns
        -------
        dict
            Operating characteristics with their Monte Carlo error, the time it took; ``found`` is
            None where the scenario has no such truth.

        Raises
        ------
        SpecificationError
            The design is not valid; with every fault.
        LeftError
            The answer is no longer wanted.
        """
        plan = self.changed(question)
        chosen = next(one for one in plan.scenarios if one.name == question.scenario)
        truth = chosen if question.at is None else self._instead(chosen, question.at)
        if truth is None:
            return {"found": None}
        curve = isinstance(question.at, float)
        with self._lock:
            began = perf_counter()
            done = self.simulate(
                plan.design,
                truth,
                trials=min(self.trials, CURVE_TRIALS) if curve else self.trials,
                seed=plan.seed,
                prior=self.priors[truth.name] if truth.posterior is not None else None,
                pool=self._frames,
                progress=partial(_go_on, wanted),
            )
        return {"found": _told(done.found), "seconds": perf_counter() - began}

    def _instead(self, chosen: ScenarioSpec, at: float | str) -> ScenarioSpec | None:
        """Return a scenario like the chosen one with another effect; None where there is none."""
        null = edge(self.plan.design)
        if chosen.posterior is not None:
            edges = [
                one
                for one in self.plan.scenarios
                if (one.without_effect if null == 1.0 else set(one.effect.hr) == {null})
            ]
            return edges[0] if at == NO_EFFECT and edges else None
        effect = chosen.effect
        if at == NO_EFFECT:
            flat = EffectSpec(hr=(null,), modifier_hr=effect.modifier_hr)
            return chosen.model_copy(update={"effect": flat})
        # Periods without an effect in the file (a delay) keep none.
        own = next(one.effect.hr for one in self.plan.scenarios if one.name == chosen.name)
        acts = [hr != 1.0 for hr in own] if set(own) != {1.0} else [True] * len(own)
        ratios = tuple(float(at) if acting else 1.0 for acting in acts)
        changes = {"hr": ratios, "log_hr_sd": 0.0, "interaction_sd": 0.0}
        return chosen.model_copy(update={"effect": effect.model_copy(update=changes)})


def open_session(plan: TrialPlan, trials: int) -> Session:
    """Return a session, with the cohorts that the plan names fitted.

    Parameters
    ----------
    plan : TrialPlan
        The plan.
    trials : int
        Trials of each simulation.

    Returns
    -------
    Session
        Nothing is simulated yet.

    Raises
    ------
    SpecificationError
        A cohort cannot serve as truth.
    ConvergenceError
        Its posterior is not to be trusted.
    """
    priors = {name: known(prior) for name, prior in design_priors(plan).items()}
    return Session(plan, trials, priors)


def _told(found: OperatingCharacteristics) -> dict[str, Any]:
    shares = ("futility", "enriched", "extended", "success_without_futility")
    means = ("expected_n", "expected_events", "expected_months")
    first = found.targets[0]
    return {
        "trials": found.trials,
        "success_is": found.success_is,
        "failed": found.failed,
        **{name: _numbers(getattr(found, name)) for name in (*shares, *means)},
        "success": _numbers(found.success_told),
        "bias": _numbers(first.bias),
        "coverage": _numbers(first.coverage),
        "by_look": [
            {
                name: _numbers(getattr(look, name))
                for name in ("reached", "success", "futility", "months", "enrolled", "events")
            }
            for look in found.by_look
        ],
    }


def _numbers(value: Estimated | None) -> list[float] | None:
    return None if value is None else [value.estimate, value.low, value.high]
