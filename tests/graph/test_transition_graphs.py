"""The likelihood of a transition's rows, written out by hand."""

import numpy as np

import graph_cases as cases
from bayes_ihlrt.model.graph import build_model
from bayes_ihlrt.multistate.rows import transitions
from bayes_ihlrt.spec.states import StatesSpec, Transition
from states_cases import IHLRT, toy_cohort


def test_a_start_with_the_response_has_the_hazard_in_response():
    """Patient d responds and is treated at month 2: a row of no length carries the event."""
    spec = StatesSpec(
        cuts=(4.0,),
        event={},
        initiation={"formula": "response"},
        response={"switch": "response"},
    )
    rows = transitions(toy_cohort(), IHLRT, response="response").rows[Transition.INITIATION]
    model = build_model(spec.model_of(Transition.INITIATION, treatment="ihlrt"), rows)
    evaluator = cases.Evaluator(model)
    found, _, named = evaluator.at(evaluator.point(3))
    early, late = named["log_hazard"]
    ratio = named["response"]
    rate, later = np.exp(early), np.exp(late)
    expected = {
        "a": late + ratio - (2.0 + 2.0 * np.exp(ratio)) * rate - np.exp(ratio) * later,
        "b": -4.0 * rate - 4.0 * np.exp(ratio) * later,
        "c": early - 3.0 * rate,
        "d": early + ratio - 2.0 * rate,
        "e": -4.0 * rate - 5.0 * later,
        "f": -4.0 * rate - 1.0 * later,
    }
    np.testing.assert_allclose(found, [expected[who] for who in rows.patients], rtol=1e-10)
