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
                {"value": value, **one.to_dict()}
                for row in self.found.values()
                for value, one in zip(self.spec.values, row, strict=True)
            ],
        }


def run_curve(
    spec: CurveSpec, tasks: Mapping[str, Task], simulate: Callable[[str, Task], Statistics]
) -> Curve:
    """Simulate a design at every value of a curve, under every scenario.

    All values see the same patients in the same order, so that a curve is smoother than its Monte
    Carlo error.

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
    pairs = list(zip(spec.values, spec.designs(base), strict=True))
    found = {}
    for scenario, task in tasks.items():
        row: list[OperatingCharacteristics] = []
        # The most demanding design first: a frame that is compiled for it serves all others.
        for value, design in reversed(pairs):
            name = f"{spec.over.value} {value:g}"
            table = simulate(f"{name} / {scenario}", replace(task, design=design))
            names = (name, scenario)
            row.insert(0, operating_characteristics(design, table, targets(design), names=names))
        found[scenario] = tuple(row)
    return Curve(spec, spec.label(base), found)
