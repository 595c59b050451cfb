"""What of a plan can be moved on the page: one slider for each number of its file."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp
from typing import Any, Final

from bayes_ihlrt.names import ModifierTransform
from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.spec.rules import ExtensionSpec, LookSpec, Rule
from bayes_ihlrt.spec.scenario import ModifierPopulation, ScenarioSpec
from bayes_ihlrt.spec.trial import TrialDesign

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
    design = content["design"]
    kept = zip(design["looks"], looks, strict=True)
    design["looks"] = [look for look, keep in kept if keep]
    # What a rule leads to goes with the last look that has such a rule.
    if not any(look.get("extend") for look in design["looks"]):
        design.pop("extension", None)
    if not any(look.get("enrich") for look in design["looks"]):
        design["population"].pop("switch_to", None)
        design["looks"] = [_without(look, "efficacy_enriched") for look in design["looks"]]
    return content


def _without(look: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in look.items() if name != key}


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
