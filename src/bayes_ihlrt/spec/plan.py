"""`TrialPlan`: a design, its variants, truths to try it under and curves; one TOML file each.

A curve varies one number of the design, for a figure of power over it.
"""

import tomllib
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

import tomli_w
from pydantic import ConfigDict, Field, ValidationError, model_validator

from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.rules import Frozen, Positive
from bayes_ihlrt.spec.scenario import ScenarioSpec
from bayes_ihlrt.spec.trial import TrialDesign, scaled_design

_ROUNDING: Final = 1e-6
_KIND: Final = "borrow"
"""Key that says which other keys a table has."""


class CurveAxis(StrEnum):
    """What is varied."""

    PATIENTS = "patients"
    """Maximum sample size; looks that wait for events or patients are scaled with it."""
    ENROL_FROM = "enrol-from"
    """Value of the modifier from which patients are enrolled."""
    DRIFT = "drift"
    """Hazard ratio of external controls to the trial's, in every scenario."""
    SWITCH_TO = "switch-to"
    """Value of the modifier from which patients are enrolled after an enrichment."""

    @property
    def words(self) -> str:
        """What it is, in words."""
        return {
            CurveAxis.PATIENTS: "sample size",
            CurveAxis.ENROL_FROM: "the cut-off of enrolment",
            CurveAxis.SWITCH_TO: "the cut-off after enrichment",
            CurveAxis.DRIFT: "the drift of external controls",
        }[self]


class CurveSpec(Frozen):
    """A curve of success over one number of the plan's own design, under every scenario.

    Parameters
    ----------
    over : CurveAxis
        ``"patients"``, ``"enrol-from"``, ``"switch-to"`` or ``"drift"``.
    values : tuple of float
        Increasing; at least two.

    Examples
    --------
    >>> CurveSpec(over="patients", values=[200, 300]).over
    <CurveAxis.PATIENTS: 'patients'>
    """

    over: CurveAxis = Field(description="patients | enrol-from | switch-to | drift.")
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

    def scenario(self, scenario: ScenarioSpec, value: float) -> ScenarioSpec:
        """Return a scenario at a value: another one where the curve is over drift.

        Parameters
        ----------
        scenario : ScenarioSpec
            The truth.
        value : float
            One of `values`.

        Returns
        -------
        ScenarioSpec
            With that drift.
        """
        if self.over is not CurveAxis.DRIFT:
            return scenario
        effect = scenario.effect.model_copy(update={"external_hr": value})
        return scenario.model_copy(update={"effect": effect})

    def problems(self, design: TrialDesign) -> list[str]:
        """Return which values make no valid design, and why."""
        found = []
        if self.over is CurveAxis.DRIFT and design.external is None:
            found.append("the curve over drift needs [design.external]")
        if self.over is CurveAxis.SWITCH_TO and len(design.population.switches) > 1:
            found.append("the curve over switch-to needs one value of [population] switch_to")
            return found
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
        if self.over is CurveAxis.DRIFT:
            return "Hazard ratio of external controls to the trial's"
        name = "the modifier" if design.modifier is None else design.modifier.name
        then = ", after an enrichment" if self.over is CurveAxis.SWITCH_TO else ""
        return f"Enrolled from this value of {name} on{then}"


def _changed(design: TrialDesign, axis: CurveAxis, value: float) -> TrialDesign:
    if axis is CurveAxis.PATIENTS:
        return scaled_design(design, int(value))
    if axis is CurveAxis.DRIFT:
        return design
    content = design.model_dump(mode="json", exclude_none=True)
    content["population"][axis.value.replace("-", "_")] = value
    return TrialDesign.model_validate(content)


class InterimSpec(Frozen):
    """Where the data of the running trial say what: for `interim` alone.

    Parameters
    ----------
    data : DataSpec
        Columns of patients, times since enrolment and events; one row a patient.
    arm : str, optional
        Column with 1 in the treated arm and 0 in control; the treatment's name without it.
    enrolled : str
        Column with the time of enrolment since the trial opened; not asked where `data` has an
        `origin`, which is the date of enrolment.
    opened : date, optional
        Day on which the trial opened, where times are dates; the first enrolment without it.
    lost_after : float
        Months without news, before the day of the data, from which a patient without an event
        counts as lost to follow-up.
    accrual_stopped : bool
        Whether accrual was stopped early: nobody else is enrolled, and the last look is the next.

    Examples
    --------
    >>> InterimSpec().data.time, InterimSpec().enrolled
    ('time', 'enrolled')
    """

    data: DataSpec = Field(
        default=DataSpec(patient="patient", time="time", event="event"),
        description="Columns and units, as in a specification; `time` counts from enrolment.",
    )
    arm: str | None = Field(default=None, description="Column with 1 = treated, 0 = control.")
    enrolled: str = Field(
        default="enrolled",
        description="Column with the time of enrolment since the trial opened, in `time_unit`; "
        "with `data.origin`, the date of enrolment, it is not needed.",
    )
    opened: date | None = Field(
        default=None, description="Day on which the trial opened; the first enrolment without it."
    )
    lost_after: Positive = Field(
        default=3.0, description="Months without news after which a patient counts as lost."
    )
    accrual_stopped: bool = Field(
        default=False,
        description="Whether accrual was stopped early: nobody else is enrolled, and the last look "
        "waits for those who are.",
    )

    @model_validator(mode="after")
    def _one_row_a_patient(self) -> Self:
        data = self.data
        other = not data.one_row_a_patient or data.entry is not None
        if other or data.causes or data.interval is not None:
            message = "data of a running trial have one row a patient, with `time` from enrolment "
            remedy = "and one event at a known time: leave out start, stop, entry, causes and scans"
            raise ValueError(f"{message}{remedy}")
        return self


class TrialPlan(Frozen):
    """A design, its variants and the scenarios it is simulated under.

    Examples
    --------
    >>> plan = TrialPlan.from_toml('''
    ... schema = 2
    ... name = "small"
    ... [design]
    ... patients = 100
    ... accrual = { rates = [10.0] }
    ... treatment = { name = "ihlrt" }
    ... outcome = { formula = "ihlrt" }
    ... [[design.looks]]
    ... events = 60
    ... efficacy = [{ quantity = "hazard-ratio", below = 1.0, more_than = 0.975 }]
    ... [[scenarios]]
    ... name = "null"
    ... control = { median = 19.2 }
    ... ''')
    >>> plan.designs["small"].looks[0].events
    60
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[2] = Field(default=2, alias="schema", description="Version: 2.")
    name: Annotated[str, Field(min_length=1)] = Field(description="Short name of the plan.")
    description: str = Field(default="", description="What it is for, in one line.")
    seed: Annotated[int, Field(ge=0)] = Field(default=20_260_101, description="Seed.")
    design: TrialDesign = Field(description="The trial.")
    variants: dict[str, dict[str, Any]] = Field(
        default={}, description="Further designs by name: what differs from `design`."
    )
    scenarios: Annotated[tuple[ScenarioSpec, ...], Field(min_length=1)] = Field(
        description="Truths."
    )
    curves: tuple[CurveSpec, ...] = Field(
        default=(), description="Figures of success over sample size or over a cut-off."
    )

    interim: InterimSpec = Field(
        default=InterimSpec(), description="Columns of the running trial's data, for `interim`."
    )

    @model_validator(mode="after")
    def _reads_designs(self) -> Self:
        names = [scenario.name for scenario in self.scenarios]
        if len(set(names)) != len(names):
            message = f"scenarios need different names; found {', '.join(names)}"
            raise ValueError(message)
        weights = [scenario.weight for scenario in self.scenarios]
        stated = [weight for weight in weights if weight is not None]
        if stated and (len(stated) < len(weights) or abs(sum(stated) - 1.0) > _ROUNDING):
            message = "weight: every scenario needs one, or none, and they add up to 1"
            raise ValueError(
                f"{message}; {len(stated)} of {len(weights)} add up to {sum(stated):g}"
            )
        if self.name in self.variants:
            message = f"the variant '{self.name}' has the name of the plan"
            raise ValueError(message)
        # Every variant is a valid design, or this raises.
        if unknown := [
            one for name, each in self.designs.items() for one in self._unknown(name, each)
        ]:
            raise ValueError("; ".join(unknown))
        if faulty := [one for curve in self.curves for one in curve.problems(self.design)]:
            raise ValueError("; ".join(faulty))
        return self

    def _unknown(self, name: str, design: TrialDesign) -> list[str]:
        """Prognostic effects of scenarios on what the patients of a design do not have."""
        population, found = design.population, []
        for scenario in self.scenarios:
            where = f"scenario '{scenario.name}' under design '{name}'"
            if lacking := sorted(set(scenario.effect.covariate_hr) - set(population.covariates)):
                found.append(f"{where}: no patient has {', '.join(lacking)}")
            if scenario.effect.external_hr != 1.0 and design.external is None:
                found.append(f"{where}: external_hr needs [external]")
            if scenario.effect.centre_sd and population.centres is None:
                found.append(f"{where}: centre_sd needs [population] centres")
        return found

    @property
    def designs(self) -> dict[str, TrialDesign]:
        """The design under the plan's name, and its variants."""
        base = self.design.model_dump(mode="json", exclude_none=True)
        others = {
            name: TrialDesign.model_validate(_merged(base, changes))
            for name, changes in self.variants.items()
        }
        return {self.name: self.design, **others}

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read a plan from TOML text.

        Parameters
        ----------
        text : str
            TOML with the keys of this class.

        Returns
        -------
        TrialPlan
            The validated plan.

        Raises
        ------
        pydantic.ValidationError
            With pydantic's wording; `load_plan` tells the same in plain words.
        """
        return cls.model_validate(tomllib.loads(text))

    def to_toml(self) -> str:
        """Return the plan as TOML text that `from_toml` reads back equal."""
        return tomli_w.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True))


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Put changes into nested tables; lists, and tables that name their kind, are replaced."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged[key] if key in merged else None
        merged[key] = (
            _merged(old, value)
            if isinstance(old, dict) and isinstance(value, dict) and _KIND not in value
            else value
        )
    return merged
