"""The states of the ladder's g-formula, and what treatment does to the hazard of response there.

The states are no response, response, treatment from each, and the event. The effect on response is
stated, or follows from a rule.
"""

from typing import Final, NamedTuple

import numpy as np

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import SAME_TIME, follow_up
from bayes_ihlrt.designs.person_time import floats
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.hazards.piecewise import DEVIATION_NAME
from bayes_ihlrt.hazards.registry import FAMILIES
from bayes_ihlrt.names import Dist, ResponseEffect
from bayes_ihlrt.priors import AnyPrior, Prior
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.formula import without_terms
from bayes_ihlrt.spec.states import StatesSpec, SwitchSpec, TransitionSpec

_LAST_RESPONSE_CUT: Final = 6.0
OF_DECISIONS: Final = frozenset({"time", "number"})
"""Names of a propensity that are of the decision and of no patient."""

ON_RESPONSE: Final = Prior(dist=Dist.NORMAL, mu=0.0, sigma=1.0)
"""What treatment does to response: a hazard ratio between 1/7 and 7. It is wider than the prior of
treatment on the event, since what it shrinks away is the path through response."""


def ladder_states(spec: AnalysisSpec, effect: ResponseEffect = ResponseEffect.ONE) -> StatesSpec:
    """Return the hazards between the states of the ladder's g-formula.

    The event has the formula, the groups and the priors of ``[outcome]``, but for priors of the
    baseline's own parameters where the family is another. Treatment starts as ``[propensity]`` says
    it is decided, time apart, which the baseline holds. Response has the same covariates as far as
    they do not change, and treatment: what changes the hazard of the event may do so by way of
    response. Priors of both are the package's: those of ``[propensity]`` speak of odds.
    Without ``[propensity]`` the covariates and groups of ``[outcome]`` stand in for it. Each hazard
    is cut at quantiles of its own times unless ``cuts`` says otherwise, of which response, an early
    event, has those up to month 6.

    Parameters
    ----------
    spec : AnalysisSpec
        With a treatment, and with `response` in ``[ladder]``.
    effect : ResponseEffect
        What treatment does to the hazard of response.

    Returns
    -------
    StatesSpec
        Piecewise constant hazards.
    """
    ladder, treatment, outcome = spec.ladder, spec.treatment, spec.outcome
    if treatment is None or ladder.response is None:
        message = "the states have a treatment and a response"
        raise AssertionError(message)
    cuts = ladder.cuts
    early = tuple(cut for cut in cuts or () if cut <= _LAST_RESPONSE_CUT)
    own, changing = {treatment.name}, _changing(spec)
    decided, group = outcome.formula, " + ".join(f"(1 | {term.group})" for term in outcome.groups)
    if spec.propensity is not None:
        own |= OF_DECISIONS
        decided, group = spec.propensity.formula, spec.propensity.group
    return StatesSpec(
        cuts=cuts,
        event=TransitionSpec(formula=outcome.formula, group=outcome.group, priors=_priors(spec)),
        initiation=TransitionSpec(formula=without_terms(decided, own), group=group),
        response=SwitchSpec(
            switch=ladder.response,
            formula=_with_treatment(without_terms(decided, own | changing), spec, effect),
            group=group,
            cuts=ladder.response_cuts or early or (cuts and cuts[:1]),
            priors={} if effect is ResponseEffect.NONE else {treatment.name: ON_RESPONSE},
        ),
        modifier=spec.modifier,
        scales=spec.scales,
    )


def _with_treatment(formula: str, spec: AnalysisSpec, effect: ResponseEffect) -> str:
    """Return the formula of response with what treatment does to it."""
    if spec.treatment is None or effect is ResponseEffect.NONE:
        return formula
    added = spec.treatment.name
    if effect is ResponseEffect.BY_MODIFIER and spec.modifier is not None:
        added = f"{added} * {spec.modifier.name}"
    return " + ".join(part for part in (added, formula) if part)


def _changing(spec: AnalysisSpec) -> set[str]:
    """Return by which names formulas read what changes during follow-up.

    In the outcome's formula measurements stay, to be refused unless they have a baseline value.
    """
    if spec.visits is None:
        return set()
    if spec.propensity is None:
        return set(spec.visits.switches)
    updated = {*spec.visits.updated, *(f"{name}_age" for name in spec.visits.covariates)}
    modifier = spec.modifier
    return updated | {modifier.name} if modifier and modifier.column in updated else updated


def _priors(spec: AnalysisSpec) -> dict[str, AnyPrior]:
    if spec.outcome.hazard.family == "piecewise":
        return {name: prior for name, prior in spec.priors.items() if name != DEVIATION_NAME}
    # Parameters of the baseline hazard mean another thing in another family.
    shapes = {name for family in FAMILIES.values() for name in family.words}
    return {name: prior for name, prior in spec.priors.items() if name not in shapes}


ENOUGH: Final = 20
"""Responses in each arm from which on the effect on response may change with the modifier: ten for
each of its two coefficients."""


_FEW: Final = 5
"""Responses under treatment below which the prior has the larger say."""


class Responses(NamedTuple):
    """How many patients respond during follow-up, and who could.

    Parameters
    ----------
    treated, untreated : int
        Patients who responded under treatment and without it.
    at_risk : int
        Patients treated before any response, whose response would show what treatment does to it.
    """

    treated: int
    untreated: int
    at_risk: int


def count_responses(cohort: Cohort, treatment: str, response: str) -> Responses:
    """Count responses under treatment and without it.

    Parameters
    ----------
    cohort : Cohort
        With the times of response.
    treatment : str
        The treatment's name.
    response : str
        Which switch is response.

    Returns
    -------
    Responses
        All zero where the cohort has no such switch. A response in the moment of treatment is
        untreated: it is what treatment was decided on.
    """
    if cohort.visits is None or response not in cohort.visits.switches:
        return Responses(0, 0, 0)
    known = follow_up(cohort.columns, treatment)
    _, first = np.unique(known.row_patient, return_index=True)
    time = floats(cohort.columns[cohort.visits.switches[response]][first])
    responds = (time > known.entry + SAME_TIME) & (time <= known.end + SAME_TIME)
    after = time > known.treated_from + SAME_TIME
    before_end = known.treated_from < known.end - SAME_TIME
    at_risk = before_end & (after | ~np.isfinite(time))
    return Responses(
        int((responds & after).sum()), int((responds & ~after).sum()), int(at_risk.sum())
    )


def response_effect(spec: AnalysisSpec, found: Responses) -> ResponseEffect:
    """Return what treatment does to the hazard of response: stated, or by the rule.

    By the rule it changes with the modifier where at least `ENOUGH` patients responded in each arm
    and the modifier is no measurement that changes. Where nobody is treated before response there
    is nothing to estimate it from.

    Parameters
    ----------
    spec : AnalysisSpec
        With a ladder.
    found : Responses
        From `count_responses`.

    Returns
    -------
    ResponseEffect
        For `ladder_states`.
    """
    if spec.ladder.treatment_on_response is not None:
        return spec.ladder.treatment_on_response
    if not found.at_risk:
        return ResponseEffect.NONE
    modifier = spec.modifier
    fixed = modifier is not None and (
        spec.visits is None or modifier.column not in spec.visits.updated
    )
    many = min(found.treated, found.untreated) >= ENOUGH
    return ResponseEffect.BY_MODIFIER if fixed and many else ResponseEffect.ONE


def response_effect_note(spec: AnalysisSpec, found: Responses) -> str:
    """Return what a reader has to know of the effect on response, in a sentence; empty if nothing.

    Parameters
    ----------
    spec : AnalysisSpec
        With a ladder.
    found : Responses
        From `count_responses`.

    Returns
    -------
    str
        That treatment does not act on response by statement, that nothing is known of it, or that
        few responses tell it.
    """
    name = spec.ladder.response
    if spec.ladder.treatment_on_response is ResponseEffect.NONE:
        return (
            f"RESPONSE UNAFFECTED: treatment_on_response = 'none' says that treatment does not "
            f"change '{name}', so that no month is gained through it."
        )
    if not found.at_risk:
        return (
            f"RESPONSE UNAFFECTED: nobody is treated before '{name}', so that these data cannot "
            "tell what treatment does to it; no month is gained through it in this rung."
        )
    if found.treated < _FEW:
        responses = counted(found.treated, "response", "responses")
        return (
            f"FEW RESPONSES under treatment: {responses} '{name}' tell what treatment does to it, "
            "so that months gained through it are largely what the prior makes of them."
        )
    return ""
