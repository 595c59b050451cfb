"""`CurveSpec`: one number of a design that is varied, for a figure of power over it."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from bayes_ihlrt.trials.design import TrialDesign, scaled_design
from bayes_ihlrt.trials.rules import Frozen, Positive


class CurveAxis(StrEnum):
    """What is varied."""

    PATIENTS = "patients"
    """Maximum sample size; looks that wait for events or patients are scaled with it."""
    ENROL_FROM = "enrol-from"
    """Value of the modifier from which patients are enrolled."""
    SWITCH_TO = "switch-to"
    """Value of the modifier from which patients are enrolled after an enrichment."""

    @property
    def words(self) -> str:
        """What it is, in words."""
        return {
            CurveAxis.PATIENTS: "sample size",
            CurveAxis.ENROL_FROM: "the cut-off of enrolment",
            CurveAxis.SWITCH_TO: "the cut-off after enrichment",
        }[self]


class CurveSpec(Frozen):
    """A curve of success over one number of the plan's own design, under every scenario.

    Parameters
    ----------
    over : CurveAxis
        ``"patients"``, ``"enrol-from"`` or ``"switch-to"``.
    values : tuple of float
        Increasing; at least two.

    Examples
    --------
    >>> CurveSpec(over="patients", values=[200, 300]).over
    <CurveAxis.PATIENTS: 'patients'>
    """

    over: CurveAxis = Field(description="patients | enrol-from | switch-to.")
    values: Annotated[tuple[Positive, ...], Field(min_length=2)] = Field(
        description="Values, increasing."
    )

    @model_validator(mode="after")
    def _increases(self) -> Self:
        if list(self.values) != sorted(set(self.values)):
            message = f"values need to increase; found {', '.join(f'{v:g}' for v in self.values)}"
            raise ValueError(message)
        whole = all(value == int(value) for value in self.values)
        if self.over is CurveAxis.PATIENTS and not whole:
            message = "numbers of patients are whole numbers"
            raise ValueError(message)
        return self

    def designs(self, design: TrialDesign) -> tuple[TrialDesign, ...]:
        """Return the design at each value.

        Parameters
        ----------
        design : TrialDesign
            Everything but the varied number.

        Returns
        -------
        tuple of TrialDesign
            In the order of `values`.

        Raises
        ------
        pydantic.ValidationError
            A value makes no valid design.
        """
        return tuple(_changed(design, self.over, value) for value in self.values)

    def problems(self, design: TrialDesign) -> list[str]:
        """Return which values make no valid design, and why."""
        found = []
        for value in self.values:
            try:
                _changed(design, self.over, value)
            except ValidationError as error:
                why = "; ".join(one["msg"].removeprefix("Value error, ") for one in error.errors())
                found.append(f"the curve over {self.over.value} cannot be at {value:g} ({why})")
        return found

    def label(self, design: TrialDesign) -> str:
        """Return the axis in words."""
        if self.over is CurveAxis.PATIENTS:
            return "Maximum sample size, patients"
        name = "the modifier" if design.modifier is None else design.modifier.name
        then = ", after an enrichment" if self.over is CurveAxis.SWITCH_TO else ""
        return f"Enrolled from this value of {name} on{then}"


def _changed(design: TrialDesign, axis: CurveAxis, value: float) -> TrialDesign:
    if axis is CurveAxis.PATIENTS:
        return scaled_design(design, int(value))
    content = design.model_dump(mode="json", exclude_none=True)
    content["population"][axis.value.replace("-", "_")] = value
    return TrialDesign.model_validate(content)
