"""What the hazards between a patient's states are: one formula a transition."""

from collections.abc import Mapping
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bayes_ihlrt.names import HazardFamily
from bayes_ihlrt.priors import AnyPrior
from bayes_ihlrt.spec.formula import check_readable
from bayes_ihlrt.spec.model import HazardSpec, HeldScales, ModelSpec, ModifierSpec, OutcomeSpec


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
    priors: dict[str, AnyPrior] = {}

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
            hazard=HazardSpec(family=HazardFamily.PIECEWISE, cuts=self.cuts_of(transition)),
        )
        return ModelSpec(
            treatment=treatment,
            modifier=self.modifier,
            outcome=outcome,
            priors=spec.priors,
            scales=self.scales,
        )
