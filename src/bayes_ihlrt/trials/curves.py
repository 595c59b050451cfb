"""Success over a number of the plan's own design: sample size, or who is enrolled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bayes_ihlrt.trials.curve_spec import CurveSpec
from bayes_ihlrt.trials.estimated import Estimated
from bayes_ihlrt.trials.operating import OperatingCharacteristics, operating_characteristics
from bayes_ihlrt.trials.quantities import targets
from bayes_ihlrt.trials.units import Statistics, Task


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
    """

    spec: CurveSpec
    label: str
    found: Mapping[str, tuple[OperatingCharacteristics, ...]]

    @property
    def success(self) -> dict[str, list[Estimated]]:
        """Success by scenario, one for each value."""
        return {name: [one.success for one in row] for name, row in self.found.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return what ``result.json`` holds."""
        return {
            "over": self.spec.over.value,
            "label": self.label,
            "results": [
                {"value": int(value) if value == int(value) else value, **one.to_dict()}
                for row in self.found.values()
                for value, one in zip(self.spec.values, row, strict=True)
            ],
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
    # What a design compiles serves all its scenarios.
    for value, design in zip(spec.values, spec.designs(base), strict=True):
        name = f"{spec.over.value} {value:g}"
        for scenario, task in tasks.items():
            table = simulate(f"{name} / {scenario}", replace(task, design=design))
            names = (name, scenario)
            row = operating_characteristics(design, table, targets(design), names=names)
            found[scenario].append(row)
    return Curve(spec, spec.label(base), {name: tuple(row) for name, row in found.items()})
