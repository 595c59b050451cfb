"""A plan that is explored: what its page asks, answered by simulation."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from threading import Lock
from time import perf_counter
from typing import Any, Final

from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.explorer.controls import controls, look_name, moved
from bayes_ihlrt.parts import known
from bayes_ihlrt.spec.faults import shown
from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.spec.read import parse_plan
from bayes_ihlrt.spec.scenario import EffectSpec, ScenarioSpec
from bayes_ihlrt.trials.calibration import Simulated, simulate_design
from bayes_ihlrt.trials.compiled import Frames, has_frames
from bayes_ihlrt.trials.decisions import edge
from bayes_ihlrt.trials.operating import Estimated, OperatingCharacteristics
from bayes_ihlrt.trials.run import design_priors
from bayes_ihlrt.trials.truth import DesignPrior

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
        last look's rules claim what is false (1 without a margin), a number for this hazard ratio
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
            "free": plan.design.free_futility,
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
