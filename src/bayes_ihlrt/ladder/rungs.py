"""The rungs of the bias ladder: designs and adjustments, and what each rests on.

The crude rungs hold treatment alone (and the modifier, where there is one, so that the effect can
be read by it); ``covariates`` is the specification's own formula; ``weights`` holds treatment and
modifier in person-time weighted by the propensity. The g-formula simulates strategies; it does not
model the course of confounders that are measured again at visits.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.ladder.states import (
    OF_DECISIONS,
    Responses,
    count_responses,
    ladder_states,
    response_effect,
    response_effect_note,
)
from bayes_ihlrt.names import Adjustment, DesignKind, GraceWeights
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.estimands import treated_month
from bayes_ihlrt.spec.formula import parse_formula, parse_group
from bayes_ihlrt.spec.ladder import grace_months, ladder_hazard
from bayes_ihlrt.spec.model import ModelSpec, OutcomeSpec, with_hazard
from bayes_ihlrt.spec.states import StatesSpec, Transition
from bayes_ihlrt.spec.treatment import TreatmentSpec

_AGE: Final = "_age"


def measured_and_read(spec: AnalysisSpec) -> tuple[str, ...]:
    """Return the covariates measured at visits that the outcome or the propensity reads.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.

    Returns
    -------
    tuple of str
        Columns of ``[visits] covariates``, in its order.
    """
    if spec.visits is None:
        return ()
    read = set(spec.outcome.parsed.columns)
    if spec.propensity is not None:
        read |= set(parse_formula(spec.propensity.formula).columns)
    if spec.modifier is not None and spec.modifier.name in read:
        read.add(spec.modifier.column)
    return tuple(name for name in spec.visits.covariates if name in read or f"{name}{_AGE}" in read)


def unmodelled(names: tuple[str, ...]) -> Fault:
    """Return why there is no g-formula where covariates change at visits.

    Parameters
    ----------
    names : tuple of str
        From `measured_and_read`.

    Returns
    -------
    Fault
        For the rung's line.
    """
    verb = "changes" if len(names) == 1 else "change"
    return Fault(
        "g-formula",
        f"{', '.join(names)} {verb} at visits, and the course under a strategy is not modelled: "
        "what treatment does to it, and it to treatment, cannot be simulated",
        "Read the sequential trials and the clones, which adjust for it as it was at each decision",
    )


def held_note(names: tuple[str, ...]) -> str:
    """Return that a g-formula holds covariates at their first value; empty where there are none.

    Parameters
    ----------
    names : tuple of str
        From `measured_and_read`.

    Returns
    -------
    str
        A sentence.
    """
    if not names:
        return ""
    keeps = "keeps its" if len(names) == 1 else "keep their"
    return (
        f"HELD AT TIME ZERO: {', '.join(names)}, measured at visits, {keeps} value at time zero in "
        "this rung; where later values decide on treatment it is confounded by them."
    )


CRUDE: Final = Adjustment.NONE
COVARIATES: Final = "covariates"
WEIGHTS: Final = Adjustment.WEIGHTS
G_FORMULA: Final = "g-formula"

_ASSUMES: Final = {
    (DesignKind.EVER_NEVER, "none"): "Wrong on purpose: the months that the treated had to live "
    "before treatment are credited to treatment",
    (DesignKind.LANDMARK, "none"): "Fair only if those treated by the landmark were no different "
    "from the others alive then",
    (DesignKind.LANDMARK, "covariates"): "Fair if the covariates at the landmark tell all that "
    "treatment was decided on",
    (DesignKind.LANDMARK, "weights"): "Fair if the propensity model tells all that treatment by "
    "the landmark was decided on",
    (DesignKind.SPLIT, "none"): "No month is credited wrongly; fair only if treatment starts at "
    "random among those still at risk",
    (DesignKind.SPLIT, "covariates"): "Fair if the covariates tell all that treatment is decided "
    "on, and treatment does not change them",
    (DesignKind.FIXED, "none"): "Fair if treatment was assigned at random",
    (DesignKind.FIXED, "covariates"): "Fair if the covariates tell all that treatment was decided "
    "on",
    (DesignKind.SEQUENTIAL, "weights"): "A trial at every decision; fair if what was known at each "
    "tells all that treatment is decided on",
    (DesignKind.CLONE_CENSOR_WEIGHT, "weights"): "Treated within the grace period against never, "
    "for everybody; fair if the propensity model is right and both could happen to all",
}
_SIMULATED: Final = (
    "Treated within the grace period against never; fair if covariates and response tell all that "
    "treatment is decided on and every hazard is right"
)


@dataclass(frozen=True)
class RungPlan:
    """One rung: a design, an adjustment and the model of the outcome.

    Parameters
    ----------
    rung : str
        ``"ever-never"``, ``"landmark-3"``, ``"split"``, ...
    adjustment : str
        ``"none"``, ``"covariates"`` or ``"weights"``.
    treatment : TreatmentSpec
        The design.
    model : ModelSpec
        The outcome model.
    assumption : str
        What the rung rests on, in one sentence.
    adjusted_for : tuple of str
        What is adjusted for, by the outcome's formula, its groups or the propensity, as named
        there; the modifier is in every rung.
    states : StatesSpec, optional
        States of the g-formula; `model` is then that of the event.
    notes : tuple of str
        What to know before the estimate is believed.
    grace : float, optional
        Months within which the strategy "treated" starts: of clones and the g-formula.
    refused : Fault, optional
        Why the rung is listed and not estimated.
    treat_from : float
        Month, on the design's clock, from which its treated strategy treats.
    no_months : str
        Why the rung tells no months whatever its design; empty where it may.
    """

    rung: str
    adjustment: str
    treatment: TreatmentSpec
    model: ModelSpec
    assumption: str
    adjusted_for: tuple[str, ...] = ()
    states: StatesSpec | None = None
    notes: tuple[str, ...] = ()
    grace: float | None = None
    refused: Fault | None = None
    treat_from: float = 0.0
    no_months: str = ""


def plan_rungs(spec: AnalysisSpec, cohort: Cohort) -> tuple[RungPlan, ...]:
    """Return the rungs that a specification and its data allow, most naive first.

    Parameters
    ----------
    spec : AnalysisSpec
        With a treatment; with ``[propensity]`` for the weighted rungs, with `response` in
        ``[ladder]`` for the g-formula.
    cohort : Cohort
        With visits, or a decision grid, for the designs that need decisions.

    Returns
    -------
    tuple of RungPlan
        Landmarks by time. Without `response`, but with covariates that change at visits, the
        g-formula is listed with why it is not estimated.

    Raises
    ------
    SpecificationError
        There is no treatment that starts during follow-up.
    """
    treatment = spec.treatment
    if treatment is None:
        remedy = "Add a [treatment] table with the column of the time of first treatment"
        fault = Fault("[treatment]", "the ladder compares designs of a treatment", remedy)
        raise SpecificationError("ladder", [fault])
    weighted = spec.propensity is not None
    # Without covariates the rung that holds them would be the crude one a second time.
    modelled = (CRUDE, COVARIATES) if _has_covariates(spec) else (CRUDE,)
    plans = [_rung(spec, treatment, DesignKind.EVER_NEVER, CRUDE)]
    for month in spec.ladder.landmarks:
        kinds = [*modelled, *([WEIGHTS] if weighted else [])]
        plans += [_rung(spec, treatment, DesignKind.LANDMARK, kind, at=month) for kind in kinds]
    plans += [_rung(spec, treatment, DesignKind.SPLIT, kind) for kind in modelled]
    if weighted and cohort.visits is not None:
        plans.append(_rung(spec, treatment, DesignKind.SEQUENTIAL, WEIGHTS))
        plans.append(_rung(spec, treatment, DesignKind.CLONE_CENSOR_WEIGHT, WEIGHTS))
    if spec.ladder.response is not None:
        found = count_responses(cohort, treatment.name, spec.ladder.response)
        plans.append(_simulated(spec, treatment, found))
    elif measured_and_read(spec):
        plans.append(_missing(spec, treatment))
    if spec.data.interval is not None:
        plans = [_between_scans(plan) for plan in plans]
    return tuple(plans)


def _between_scans(plan: RungPlan) -> RungPlan:
    """Refuse a rung that has to know who is free of the event at a moment between scans."""
    known = {DesignKind.EVER_NEVER, DesignKind.SPLIT, DesignKind.FIXED}
    if plan.rung != G_FORMULA and plan.treatment.design in known:
        return plan
    fault = Fault(
        plan.rung,
        "it follows who is free of the event at a landmark or decision, and between scans nobody "
        "knows who is",
        "Read the rungs that do without, or a ladder of the event at the scan that found it: "
        "`time` with the last scan and `event` in [data]",
    )
    return replace(plan, refused=fault)


def _simulated(spec: AnalysisSpec, treatment: TreatmentSpec, found: Responses) -> RungPlan:
    states = ladder_states(spec, response_effect(spec, found))
    notes = (response_effect_note(spec, found), held_note(measured_and_read(spec)))
    return RungPlan(
        rung=G_FORMULA,
        adjustment=COVARIATES,
        treatment=_rung(spec, treatment, DesignKind.SPLIT, COVARIATES).treatment,
        model=states.model_of(Transition.EVENT, treatment=treatment.name),
        assumption=_SIMULATED,
        adjusted_for=_adjusted_for(spec, COVARIATES),
        states=states,
        notes=tuple(text for text in notes if text),
        grace=grace_months(spec.ladder, treatment),
    )


def _missing(spec: AnalysisSpec, treatment: TreatmentSpec) -> RungPlan:
    """Return the line of a g-formula that these visits do not allow."""
    model = _rung(spec, treatment, DesignKind.SPLIT, COVARIATES)
    return replace(
        model,
        rung=G_FORMULA,
        assumption=_SIMULATED,
        refused=unmodelled(measured_and_read(spec)),
        grace=grace_months(spec.ladder, treatment),
    )


def _rung(
    spec: AnalysisSpec,
    treatment: TreatmentSpec,
    design: DesignKind,
    adjustment: str,
    *,
    at: float | None = None,
) -> RungPlan:
    own: dict[str, Any] = {"name": treatment.name, "design": design}
    own |= {"start": treatment.start} if treatment.column is None else {"column": treatment.column}
    if design is DesignKind.EVER_NEVER:
        own["acknowledge_immortal_time_bias"] = True
    if design is DesignKind.LANDMARK:
        own["landmark"] = at
    if design is DesignKind.SEQUENTIAL:
        own["crossover"] = treatment.crossover
    if design is DesignKind.CLONE_CENSOR_WEIGHT:
        own["grace"] = grace_months(spec.ladder, treatment)
        own["grace_weights"] = treatment.grace_weights or _grace_weights(spec)
    return RungPlan(
        rung=design.value if at is None else f"{design.value}-{at:g}",
        adjustment=adjustment,
        treatment=TreatmentSpec(**own),
        model=(
            with_hazard(spec.model, ladder_hazard(spec.ladder))
            if adjustment == COVARIATES
            else crude_model(spec)
        ),
        assumption=_ASSUMES[design, adjustment],
        adjusted_for=_adjusted_for(spec, adjustment),
        grace=own.get("grace"),
        treat_from=_treated_month(spec, design),
    )


def _treated_month(spec: AnalysisSpec, design: DesignKind) -> float:
    """Return the month from which treated time on a rung's clock is compared."""
    if design is not DesignKind.SPLIT:
        return 0.0
    first = None if spec.scales is None else spec.scales.first_treated
    return treated_month(spec.estimands, design, first)


def _has_covariates(spec: AnalysisSpec) -> bool:
    """Whether the specification's own model holds more than the crude one."""
    own, crude = (
        {frozenset(term.split(":")) for term in outcome.parsed.term_names}
        for outcome in (spec.outcome, crude_model(spec).outcome)
    )
    return bool(spec.outcome.groups) or own != crude


def _adjusted_for(spec: AnalysisSpec, adjustment: str) -> tuple[str, ...]:
    """Return the covariates and groups that a rung holds or weighs by, the modifier first."""
    found = [] if spec.modifier is None else [spec.modifier.name]
    if adjustment == COVARIATES:
        found += [*spec.outcome.parsed.columns, *(term.group for term in spec.outcome.groups)]
    if adjustment == WEIGHTS and spec.propensity is not None:
        decided = spec.propensity
        found += [*parse_formula(decided.formula).columns]
        found += [term.group for term in parse_group(decided.group)]
    if spec.modifier is not None:
        found = [spec.modifier.name if n == spec.modifier.column else n for n in found]
    own = {spec.treatment.name} if spec.treatment is not None else set()
    return tuple(dict.fromkeys(n for n in found if n not in own | OF_DECISIONS))


def crude_model(spec: AnalysisSpec) -> ModelSpec:
    """Return the outcome model with treatment, and the modifier if there is one, alone.

    Parameters
    ----------
    spec : AnalysisSpec
        With a treatment.

    Returns
    -------
    ModelSpec
        The ladder's hazard and the same priors for what is left; no groups.
    """
    if spec.treatment is None:
        message = "the ladder has a treatment"
        raise AssertionError(message)
    name = spec.treatment.name
    formula = name if spec.modifier is None else f"{name} * {spec.modifier.name}"
    kept = set(parse_formula(formula).term_names)
    gone = {*spec.outcome.parsed.term_names, *spec.outcome.parsed.columns} - kept
    priors = {
        key: prior
        for key, prior in spec.priors.items()
        if key not in gone and key != "group_sd" and not key.startswith("sd_")
    }
    outcome = OutcomeSpec(formula=formula, hazard=spec.outcome.hazard)
    model = ModelSpec(
        treatment=name,
        modifier=spec.modifier,
        outcome=outcome,
        priors=priors,
        prior_base=spec.prior_base,
        scales=spec.scales,
        labels=spec.labels,
    )
    return with_hazard(model, ladder_hazard(spec.ladder))


def _grace_weights(spec: AnalysisSpec) -> GraceWeights:
    """Weights read covariates at time zero, unless the propensity reads some that change later."""
    updated = set() if spec.visits is None else set(spec.visits.updated)
    read = set() if spec.propensity is None else set(parse_formula(spec.propensity.formula).columns)
    return GraceWeights.TIME_VARYING if updated & read else GraceWeights.BASELINE
