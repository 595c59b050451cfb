"""`LadderSpec`: what the bias ladder runs beside the specification's own design."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bayes_ihlrt.errors import Fault, nearest
from bayes_ihlrt.limits import MIN_ESS
from bayes_ihlrt.names import ResponseEffect
from bayes_ihlrt.spec.model import FLEXIBLE, HazardSpec, ModifierSpec
from bayes_ihlrt.spec.states import Cuts
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec

Months = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]

_OF_STATES: Final = {"cuts": "the cuts", "response_cuts": "the cuts", "treatment_on_response": "it"}
GRACE: Final = 3.0
"""Months of grace where neither the ladder nor the treatment says how many."""


class LadderSpec(BaseModel):
    """Settings of the bias ladder.

    Raises
    ------
    pydantic.ValidationError
        A value is out of range, cuts do not increase, or there are cuts without `response`.

    Examples
    --------
    >>> LadderSpec().landmarks
    (3.0,)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    landmarks: Annotated[tuple[Months, ...], Field(min_length=1)] = Field(
        default=(3.0,), description="Landmarks in months, each a rung of its own."
    )
    grace: Months | None = Field(
        default=None,
        description="Months within which the strategy 'treated' of the clones, and of the "
        "g-formula, starts treatment; those of [treatment], or 3, if left out.",
    )
    horizon: Months | None = Field(
        default=None,
        description="Months up to which survival time is compared; the last of [estimands] "
        "horizons if left out.",
    )
    response: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Which of [visits] switches is response; adds the g-formula as the last rung.",
    )
    hazard: HazardSpec | None = Field(
        default=None,
        description="Baseline hazard of every rung but the g-formula; left out a flexible one, "
        "piecewise with cuts at quantiles of the event times, whatever [outcome.hazard] says.",
    )
    cuts: Cuts | None = Field(
        default=None,
        description="g-formula: months at which hazards may change; if left out quantiles of the "
        "times at which each happens.",
    )
    response_cuts: Cuts | None = Field(
        default=None,
        description="g-formula: the same for the hazard of response; if left out those of `cuts` "
        "up to month 6, where there are any.",
    )
    treatment_on_response: ResponseEffect | None = Field(
        default=None,
        description="g-formula: what treatment does to the hazard of response: 'none', 'one' "
        "hazard ratio, or one 'by-modifier'. If left out: by modifier where at least 20 patients "
        "responded under treatment and 20 without, otherwise one.",
    )
    draws: Annotated[int, Field(ge=int(MIN_ESS))] = Field(
        default=2000, description="Draws of each rung, bootstrap draws included."
    )
    null_replicates: Annotated[int, Field(ge=100)] = Field(
        default=1000, description="Cohorts simulated without any effect of treatment."
    )

    @model_validator(mode="after")
    def _cuts_belong_to_the_states(self) -> Self:
        for name, it in _OF_STATES.items():
            if getattr(self, name) is not None and self.response is None:
                raise ValueError(
                    f"`{name}` is of the g-formula's hazards: name the switch that is response in "
                    f"`response`, or leave {it} out"
                )
        return self


def ladder_hazard(ladder: LadderSpec) -> HazardSpec:
    """Return the baseline hazard of the rungs.

    A baseline that cannot bend credits the course of the hazard to a treatment that starts late,
    and each design with another part of it.

    Parameters
    ----------
    ladder : LadderSpec
        The ladder.

    Returns
    -------
    HazardSpec
        A flexible one unless the ladder says otherwise.

    Examples
    --------
    >>> ladder_hazard(LadderSpec()).family
    'piecewise'
    """
    return ladder.hazard or FLEXIBLE


def grace_months(ladder: LadderSpec, treatment: TreatmentSpec) -> float:
    """Return the months within which the strategy 'treated' starts treatment.

    Parameters
    ----------
    ladder : LadderSpec
        The ladder.
    treatment : TreatmentSpec
        The treatment; its own `grace`, where it has one, holds where the ladder says nothing.

    Returns
    -------
    float
        Months.

    Examples
    --------
    >>> treatment = TreatmentSpec(name="ihlrt", start="ihlrt_months")
    >>> grace_months(LadderSpec(), treatment), grace_months(LadderSpec(grace=6.0), treatment)
    (3.0, 6.0)
    """
    return ladder.grace or treatment.grace or GRACE


def ladder_faults(
    ladder: LadderSpec, visits: VisitsSpec | None, treatment: TreatmentSpec | None = None
) -> list[Fault]:
    """Return where the ladder does not fit the visits or the treatment.

    Parameters
    ----------
    ladder : LadderSpec
        The ladder.
    visits : VisitsSpec or None
        The visits.
    treatment : TreatmentSpec or None
        The treatment.

    Returns
    -------
    list of Fault
        A response that is not among the switches; two different graces.

    Examples
    --------
    >>> visits = VisitsSpec(switches={"response": "response_months"}, every=1.5)
    >>> ladder_faults(LadderSpec(response="respons"), visits)[0].remedy
    "Did you mean 'response'? Allowed: response"
    """
    faults = [] if treatment is None else _two_graces(ladder, treatment)
    switches = {} if visits is None else visits.switches
    if ladder.response is None or ladder.response in switches:
        return faults
    where, problem = "[ladder] response", f"'{ladder.response}' is not among the switches"
    if switches:
        return [*faults, Fault(where, problem, nearest(ladder.response, switches))]
    problem = f"it names '{ladder.response}', and [visits] has no switches"
    remedy = (
        "Name the column with the times of response in [visits], switches = "
        f'{{ {ladder.response} = "..." }}, or remove `response`'
    )
    return [*faults, Fault(where, problem, remedy)]


def _two_graces(ladder: LadderSpec, treatment: TreatmentSpec) -> list[Fault]:
    if None in (ladder.grace, treatment.grace) or ladder.grace == treatment.grace:
        return []
    problem = f"{ladder.grace:g} months, and grace in [treatment] is {treatment.grace:g}"
    remedy = "Give both the same months, or leave it out of [ladder]"
    return [Fault("[ladder] grace", problem, remedy)]


def response_effect_faults(
    ladder: LadderSpec, visits: VisitsSpec | None, modifier: ModifierSpec | None
) -> list[Fault]:
    """Return where an effect on response by modifier is asked for that cannot be.

    Parameters
    ----------
    ladder : LadderSpec
        The ladder.
    visits : VisitsSpec or None
        The visits.
    modifier : ModifierSpec or None
        The effect modifier.

    Returns
    -------
    list of Fault
        There is no modifier, or it changes at visits.
    """
    if ladder.treatment_on_response is not ResponseEffect.BY_MODIFIER:
        return []
    if modifier is None:
        problem = "'by-modifier' was found, and there is no [modifier]"
    elif visits is not None and modifier.column in visits.updated:
        problem = (
            f"'by-modifier' was found, and '{modifier.column}' is measured at visits: its course "
            "under a strategy is not modelled"
        )
    else:
        return []
    return [Fault("[ladder] treatment_on_response", problem, "Write 'one', or leave it out")]
