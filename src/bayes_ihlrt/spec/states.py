"""What hazards are of: transitions between a patient's states, or competing causes of one end."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bayes_ihlrt.errors import Fault, RefusedError, nearest
from bayes_ihlrt.frozen import FrozenDict, Kept
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.priors import AnyPrior
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.data_file import EventSpec
from bayes_ihlrt.spec.estimands import EstimandSpec
from bayes_ihlrt.spec.formula import check_readable
from bayes_ihlrt.spec.model import HazardSpec, HeldScales, ModelSpec, ModifierSpec, OutcomeSpec
from bayes_ihlrt.spec.parameters import prior_faults
from bayes_ihlrt.spec.treatment import TreatmentSpec


class Transition(StrEnum):
    """A step from one state to another."""

    RESPONSE = "response"
    INITIATION = "initiation"
    PROGRESSION = "progression"
    EVENT = "event"
    """The event; before progression, where progression is one of the states."""
    AFTER_PROGRESSION = "event-after-progression"


def _increasing(cuts: tuple[float, ...]) -> tuple[float, ...]:
    if any(late <= early for early, late in pairwise(cuts)):
        raise ValueError(f"cuts must increase; found {list(cuts)}")
    return cuts


Months = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Cuts = Annotated[tuple[Months, ...], Field(min_length=1), AfterValidator(_increasing)]


class TransitionSpec(BaseModel):
    """The hazard of one transition.

    Parameters
    ----------
    formula : str
        Right-hand side; treatment, response and progression stand for the state so far.
    group : str
        Group effects, e.g. ``"(1 | centre)"``; empty for none.
    cuts : tuple of float, optional
        Cut points of this hazard alone, e.g. fewer ones late for what happens early: an interval
        without an event is known from its neighbours only.
    priors : mapping of str to prior
        As in `ModelSpec`.

    Raises
    ------
    pydantic.ValidationError
        When the formula cannot be read, or cuts do not increase.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    formula: str = ""
    group: str = ""
    cuts: Cuts | None = None
    priors: Kept[str, AnyPrior] = Field(default_factory=FrozenDict)

    @model_validator(mode="after")
    def _is_readable(self) -> Self:
        check_readable(self.formula, self.group)
        return self


class SwitchSpec(TransitionSpec):
    """The hazard of a transition into a state that the cohort knows by a time of switching.

    Parameters
    ----------
    switch : str
        Name among the switches of the visits, and of the 0/1 column in formulas.
    """

    switch: Annotated[str, Field(min_length=1)]


class StatesSpec(BaseModel):
    """The states of a patient and the hazards between them: everything but the data.

    Each transition has a piecewise constant hazard on the clock of months since therapy start,
    log h(t) = a_j + x'b + u_group, with a random walk over the intervals. Priors are those of
    `ModelSpec` unless they are given.

    Parameters
    ----------
    cuts : tuple of float, optional
        Inner cut points in months, increasing, of every hazard without its own; by default each
        hazard is cut at quantiles of the times of its own events.
    event : TransitionSpec
        The event; with `progression` it is death before progression.
    initiation : TransitionSpec
        Start of treatment.
    response : SwitchSpec, optional
        Response; without it patients are untreated or treated, and nothing else.
    progression : SwitchSpec, optional
        Progression, for a cohort whose event is death.
    after_progression : TransitionSpec, optional
        Death after progression; given with `progression`.
    modifier : ModifierSpec, optional
        The effect modifier.
    scales : PriorScales, optional
        What default priors are measured by; the rows of each transition by default.

    Raises
    ------
    pydantic.ValidationError
        When cuts do not increase, or one of `progression` and `after_progression` is lacking.

    Examples
    --------
    >>> spec = StatesSpec(
    ...     cuts=(3.0, 12.0), event={"formula": "ihlrt + response"},
    ...     initiation={"formula": "response"}, response={"switch": "response"})
    >>> [transition.value for transition in spec.transitions]
    ['response', 'initiation', 'event']
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cuts: Cuts | None = None
    event: TransitionSpec
    initiation: TransitionSpec = TransitionSpec()
    response: SwitchSpec | None = None
    progression: SwitchSpec | None = None
    after_progression: TransitionSpec | None = None
    modifier: ModifierSpec | None = None
    scales: HeldScales = Field(default=None, exclude=True, repr=False)

    @model_validator(mode="after")
    def _both_sides_of_progression(self) -> Self:
        if (self.progression is None) != (self.after_progression is None):
            lacking = "progression" if self.progression is None else "after_progression"
            raise ValueError(
                f"`progression` and `after_progression` go together, the hazard of progression "
                f"and that of death after it; `{lacking}` is lacking"
            )
        return self

    @property
    def transitions(self) -> Mapping[Transition, TransitionSpec]:
        """The transitions that there are, in the order of `Transition`."""
        own = {
            Transition.RESPONSE: self.response,
            Transition.INITIATION: self.initiation,
            Transition.PROGRESSION: self.progression,
            Transition.EVENT: self.event,
            Transition.AFTER_PROGRESSION: self.after_progression,
        }
        return {kind: spec for kind, spec in own.items() if spec is not None}

    def cuts_of(self, transition: Transition) -> tuple[float, ...] | None:
        """Return the cut points that are given for one hazard, months."""
        own = self.transitions[transition].cuts
        return self.cuts if own is None else own

    def model_of(self, transition: Transition, *, treatment: str) -> ModelSpec:
        """Return the survival model of one transition.

        Parameters
        ----------
        transition : Transition
            One of `transitions`.
        treatment : str
            Name of the treatment.

        Returns
        -------
        ModelSpec
            With a piecewise constant hazard.
        """
        spec = self.transitions[transition]
        outcome = OutcomeSpec(
            formula=spec.formula,
            group=spec.group,
            hazard=HazardSpec(family="piecewise", cuts=self.cuts_of(transition)),
        )
        return ModelSpec(
            treatment=treatment,
            modifier=self.modifier,
            outcome=outcome,
            priors=spec.priors,
            scales=self.scales,
        )


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
    priors: Kept[str, AnyPrior] = Field(
        default_factory=FrozenDict,
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


def outcomes_of(
    names: Iterable[str], stated: Mapping[str, CauseSpec], main: OutcomeSpec
) -> dict[str, OutcomeSpec]:
    """Return the outcome model of each competing cause.

    Parameters
    ----------
    names : iterable of str
        The causes.
    stated : mapping of str to CauseSpec
        What is stated of some.
    main : OutcomeSpec
        That of ``[outcome]``.

    Returns
    -------
    dict of str to OutcomeSpec
        By cause, in their order; empty for one event.

    Examples
    --------
    >>> main = OutcomeSpec(formula="ihlrt + albi")
    >>> found = outcomes_of(("tumour", "liver"), {"liver": CauseSpec(formula="ihlrt")}, main)
    >>> [outcome.formula for outcome in found.values()]
    ['ihlrt + albi', 'ihlrt']
    """
    return {name: stated.get(name, CauseSpec()).outcome(main) for name in names}


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


_BETWEEN: Final = (DesignKind.SPLIT, DesignKind.FIXED, DesignKind.EVER_NEVER)


def interval_faults(tables: Mapping[str, Any]) -> list[Fault]:
    """Return with what an event between scans cannot be combined.

    Parameters
    ----------
    tables : mapping of str to object
        Every table of a specification; None where there is none.

    Returns
    -------
    list of Fault
        Empty where the time of the event is known.
    """
    data: DataSpec | None = tables["data"]
    treatment: TreatmentSpec | None = tables["treatment"]
    if data is None or data.interval is None:
        return []
    faults = []
    if treatment is not None and treatment.design not in _BETWEEN:
        problem = (
            f"design '{treatment.design.value}' follows patients who are free of the event at a "
            "landmark or decision, and between scans nobody knows whether they are"
        )
        allowed = ", ".join(f"'{design.value}'" for design in _BETWEEN)
        remedy = f"Use one of {allowed}, or take the event at the scan that found it: {_AT_SCAN}"
        faults.append(Fault("[treatment] design", problem, remedy))
    if tables["propensity"] is not None:
        problem = "an event between scans is neither weighted nor adjusted by it"
        remedy = "Remove the table and adjust by covariates in the formula, or take the event at "
        faults.append(Fault("[propensity]", problem, f"{remedy}the scan that found it: {_AT_SCAN}"))
    sensitivity = tables["sensitivity"]
    structure = None if sensitivity is None else sensitivity.structure
    if structure is not None and structure.landmarks and "landmarks" in structure.model_fields_set:
        listed = ", ".join(f"{month:g}" for month in structure.landmarks)
        problem = f"a landmark (found {listed}) follows patients who are free of the event at it, "
        problem += "and between scans nobody knows whether they are"
        remedy = f"Leave it out, or take the event at the scan that found it: {_AT_SCAN}"
        faults.append(Fault("[sensitivity.structure] landmarks", problem, remedy))
    return faults


_AT_SCAN: Final = "`time` with the last scan, and `event` with 1 where it found the event"


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


def refuse_causes(name: str, data: DataSpec) -> None:
    """Refuse competing causes where one event is read: survival would be that without the others.

    Parameters
    ----------
    name : str
        Of the analysis.
    data : DataSpec
        What its file means.

    Raises
    ------
    RefusedError
        The event has competing causes.
    """
    if not isinstance(data.event, EventSpec) or not data.causes:
        return
    first, codes = next(iter(data.event.causes.items()))
    listed = ", ".join(f"'{code}'" for code in codes)
    problem = (
        f"it has competing causes ({', '.join(data.causes)}), and this reads one event: `check`, "
        "`fit` and `ladder` of one of them alone keep causes apart"
    )
    remedy = (
        f"Write event = {{ column = '{data.event_column}', values = [{listed}] }} for {first} "
        "alone, others being censored: its months and survival are then those of a world in which "
        "nobody dies of anything else. Or name the codes of all causes for death of any cause"
    )
    raise RefusedError(name, [Fault("[data] event", problem, remedy)])
