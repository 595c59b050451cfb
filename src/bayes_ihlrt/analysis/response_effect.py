"""What treatment does to the hazard of response in the ladder's g-formula: stated, or by a rule."""

from typing import Final, NamedTuple

import numpy as np

from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.data.listing import counted
from bayes_ihlrt.data.starts import SAME_TIME, follow_up
from bayes_ihlrt.designs.rows import floats
from bayes_ihlrt.names import ResponseEffect

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
