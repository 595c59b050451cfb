"""A plan that is explored: what the page asks, answered by simulation."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from threading import Lock
from time import perf_counter
from typing import Any, Final

from bayes_ihlrt.analysis.design_prior import design_priors
from bayes_ihlrt.analysis.plan_reading import parse_plan
from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.explorer.controls import controls, look_name, moved
from bayes_ihlrt.trials.calibration import Simulated, simulate_design
from bayes_ihlrt.trials.estimated import Estimated
from bayes_ihlrt.trials.frames import Frames, has_frames
from bayes_ihlrt.trials.operating import OperatingCharacteristics
from bayes_ihlrt.trials.plan_spec import TrialPlan
from bayes_ihlrt.trials.scenario import EffectSpec, ScenarioSpec
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
        The truth: None for the scenario as moved, ``"none"`` for no effect, a number for this
        hazard ratio instead of the scenario's.
    """

    scenario: str
    values: dict[str, float]
    looks: list[bool]
    at: float | str | None = None


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
        effective = [one for one in self.plan.scenarios if not one.is_null]
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
        names = [one.name for one in self.plan.scenarios]
        faults = []
        if question.scenario not in names:
            hint = nearest(question.scenario, names)
            faults.append(Fault(f"scenario '{question.scenario}'", "there is none", hint))
        if len(question.looks) != len(self.plan.design.looks):
            problem = f"{len(question.looks)} were named, the plan has"
            remedy = "Say of each look whether it is kept"
            count = len(self.plan.design.looks)
            faults.append(Fault("looks", f"{problem} {count}", remedy))
        if faults:
            raise SpecificationError(self.plan.name, faults)
        content = moved(self.plan, question.scenario, question.values, question.looks)
        return parse_plan(content, subject=self.plan.name)

    def answer(self, question: Question) -> dict[str, Any]:
        """Simulate.

        Parameters
        ----------
        question : Question
            Where the sliders stand, and the truth.

        Returns
        -------
        dict
            Operating characteristics with their Monte Carlo error, the time it took; ``found`` is
            None where the scenario has no such truth.

        Raises
        ------
        SpecificationError
            The design is not valid; with every fault.
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
            )
        return {"found": _told(done.found), "seconds": perf_counter() - began}

    def _instead(self, chosen: ScenarioSpec, at: float | str) -> ScenarioSpec | None:
        """Return a scenario like the chosen one with another effect; None where there is none."""
        if chosen.posterior is not None:
            nulls = [one for one in self.plan.scenarios if one.is_null]
            return nulls[0] if at == NO_EFFECT and nulls else None
        effect = chosen.effect
        if at == NO_EFFECT:
            flat = EffectSpec(hr=(1.0,), modifier_hr=effect.modifier_hr)
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
    """
    return Session(plan, trials, design_priors(plan))


def _told(found: OperatingCharacteristics) -> dict[str, Any]:
    shares = ("success", "futility", "enriched", "success_without_futility")
    means = ("expected_n", "expected_events", "expected_months")
    first = found.targets[0]
    return {
        "trials": found.trials,
        "failed": found.failed,
        **{name: _numbers(getattr(found, name)) for name in (*shares, *means)},
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
