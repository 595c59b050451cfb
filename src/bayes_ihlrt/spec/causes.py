"""Competing causes: what the hazard of each is, and with what they cannot be combined."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bayes_ihlrt.errors import Fault, nearest
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.priors import AnyPrior
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.estimands import EstimandSpec
from bayes_ihlrt.spec.formula import check_readable
from bayes_ihlrt.spec.model import HazardSpec, ModelSpec, ModifierSpec, OutcomeSpec
from bayes_ihlrt.spec.parameters import prior_faults
from bayes_ihlrt.spec.treatment import TreatmentSpec


class CauseSpec(BaseModel):
    """The hazard of one cause; what is left out is as in ``[outcome]``.

    Examples
    --------
    >>> outcome = OutcomeSpec(formula="ihlrt + albi")
    >>> CauseSpec(formula="ihlrt").outcome(outcome).formula
    'ihlrt'
    >>> CauseSpec().outcome(outcome) == outcome
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    formula: str | None = Field(
        default=None, description="Right-hand side of this cause; that of [outcome] if left out."
    )
    group: str | None = Field(
        default=None,
        description="Group effects of this cause, e.g. '(1 | centre)'; '' for none; those of "
        "[outcome] if left out. They are not shared between causes.",
    )
    hazard: HazardSpec | None = Field(
        default=None, description="Baseline hazard of this cause; that of [outcome] if left out."
    )
    priors: dict[str, AnyPrior] = Field(
        default={},
        description="Priors of this cause by term or parameter; the package's own where left out.",
    )

    @model_validator(mode="after")
    def _is_readable(self) -> Self:
        check_readable(self.formula or "", self.group or "")
        return self

    def outcome(self, main: OutcomeSpec) -> OutcomeSpec:
        """Return the outcome model of this cause.

        Parameters
        ----------
        main : OutcomeSpec
            That of ``[outcome]``.

        Returns
        -------
        OutcomeSpec
            With what is stated here instead.
        """
        stated = {
            name: value
            for name in ("formula", "group", "hazard")
            if (value := getattr(self, name)) is not None
        }
        own = OutcomeSpec(**{**dict(main), **stated, "reference": {}})
        read = {name: v for name, v in main.reference.items() if name in own.parsed.columns}
        return own.model_copy(update={"reference": read})


_NO_PROPENSITY: Final = (
    "Remove the table and adjust by covariates in the formulas, or analyse one cause: "
    "event = { column = ..., value = ... }"
)
_DESIGNS: Final = (DesignKind.SPLIT, DesignKind.FIXED, DesignKind.LANDMARK)


def cause_faults(tables: Mapping[str, Any], priors: Mapping[str, AnyPrior]) -> list[Fault]:
    """Return with what competing causes cannot be combined, and what of them cannot be.

    Parameters
    ----------
    tables : mapping of str to object
        Every table of a specification; None where there is none.
    priors : mapping of str to prior
        Those of ``[priors]``.

    Returns
    -------
    list of Fault
        Empty where there is one event and no table of causes.
    """
    data: DataSpec | None = tables["data"]
    stated: Mapping[str, CauseSpec] = tables["causes"] or {}
    if data is None or not data.causes:
        problem = "the event has no competing causes"
        remedy = "Name them: event = { column = 'cause', values = { tumour = 1, liver = 2 } }"
        return [
            Fault(f"[causes.{name}]", problem, f"{remedy}, or remove the table") for name in stated
        ]
    names = data.causes
    faults = [
        Fault(f"[causes.{name}]", "there is no such cause", nearest(name, names))
        for name in stated
        if name not in names
    ]
    faults += _with_priors(priors) + _with_design(tables) + _with_estimands(tables["estimands"])
    outcome, modifier = tables["outcome"], tables["modifier"]
    if outcome is not None:
        for name, own in stated.items():
            faults += _of_one(name, own, outcome, tables["treatment"], modifier, data)
    return faults


def _with_priors(priors: Mapping[str, AnyPrior]) -> list[Fault]:
    if not priors:
        return []
    problem = "with several causes it is not said which of them it speaks of"
    remedy = "Write each below [causes.<name>.priors]: what is known of one cause is not of another"
    return [Fault("[priors]", problem, remedy)]


def _with_design(tables: Mapping[str, Any]) -> list[Fault]:
    faults = []
    treatment: TreatmentSpec | None = tables["treatment"]
    if tables["propensity"] is not None:
        problem = "with several causes nothing is weighted or adjusted by it"
        faults.append(Fault("[propensity]", problem, _NO_PROPENSITY))
    if treatment is not None and treatment.design not in _DESIGNS:
        problem = f"design '{treatment.design.value}' is not combined with several causes"
        allowed = ", ".join(f"'{design.value}'" for design in _DESIGNS)
        remedy = f"Use one of {allowed}, or analyse one cause by `value`"
        faults.append(Fault("[treatment] design", problem, remedy))
    if tables["visits"] is not None:
        problem = (
            "cumulative incidence of patients whose covariates change during follow-up does not "
            "follow from their hazards"
        )
        remedy = "Remove the table and name covariates known at time zero, or analyse one cause"
        faults.append(Fault("[visits]", problem, remedy))
    return faults


_UNUSED: Final = ("quantiles", "gain", "levels", "subgroups")


def _with_estimands(estimands: EstimandSpec | None) -> list[Fault]:
    if estimands is None:
        return []
    fields = type(estimands).model_fields
    return [
        Fault(f"[estimands] {name}", "with several causes it would be ignored", "Leave it out")
        for name in _UNUSED
        if getattr(estimands, name) != fields[name].default
    ]


def _of_one(
    name: str,
    own: CauseSpec,
    outcome: OutcomeSpec,
    treatment: TreatmentSpec | None,
    modifier: ModifierSpec | None,
    data: DataSpec,
) -> list[Fault]:
    """What is wrong with one cause: columns that are not named, priors without a parameter."""
    model = own.outcome(outcome)
    table, faults = f"[causes.{name}]", []
    read = (*model.parsed.columns, *(group.group for group in model.groups))
    if "centre" in read and data.centre is None:
        problem = "it names 'centre', and [data] does not say which column that is"
        remedy = 'Add the line centre = "..." to [data], with the name of the column'
        faults.append(Fault(table, problem, remedy))
    bound = ModelSpec(
        treatment=None if treatment is None else treatment.name,
        modifier=modifier,
        outcome=model,
        priors=own.priors,
    )
    return faults + [
        replace(fault, where=f"[causes.{name}.priors] {fault.where}")
        for fault in prior_faults(bound)
    ]
