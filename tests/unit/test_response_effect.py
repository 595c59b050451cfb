"""Treatment acts on the hazard of response in the ladder's g-formula: by rule, or as stated."""

import numpy as np
import pytest
from validation.outside import response

from bayes_ihlrt.analysis.check import read_cohort
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.ladder.fit import fit_rung
from bayes_ihlrt.ladder.rungs import measured_and_read, plan_rungs
from bayes_ihlrt.ladder.states import (
    Responses,
    count_responses,
    ladder_states,
    response_effect,
    response_effect_note,
)
from bayes_ihlrt.multistate.courses import strategy_contrasts
from bayes_ihlrt.multistate.occupation import state_occupation
from bayes_ihlrt.multistate.states import UNTREATED, from_month
from bayes_ihlrt.names import ResponseEffect
from bayes_ihlrt.spec.ladder import LadderSpec
from bayes_ihlrt.spec.read import load_spec, parse_spec
from bayes_ihlrt.spec.states import StatesSpec, SwitchSpec, Transition, TransitionSpec
from bayes_ihlrt.spec.treatment import VisitsSpec
from states_cases import fabricate, toy_cohort

SWITCH = """
schema = 2
name = "switch"
[data]
patient = "id"
time = "os"
event = "death"
[treatment]
name = "trt"
start = "trt"
[visits]
every = 2.0
switches = { prog = "prog" }
[outcome]
formula = "trt + prog"
[propensity]
formula = "prog + time"
[priors]
trt = { dist = "Normal", mu = 0.0, sigma = 10.0 }
prog = { dist = "Normal", mu = 0.0, sigma = 10.0 }
baseline = { median_survival = 19.2, upper = 1900.0 }
[ladder]
grace = 4.0
horizon = 24.0
draws = 500
response = "prog"
"""
MANY = Responses(20, 20, 50)
NONE, ONE, BY_MODIFIER = ResponseEffect.NONE, ResponseEffect.ONE, ResponseEffect.BY_MODIFIER


def packaged(**changes):
    spec = load_spec("ladder")
    own = {key: changes.pop(key) for key in list(changes) if key in LadderSpec.model_fields}
    return spec.model_copy(update={"ladder": spec.ladder.model_copy(update=own), **changes})


@pytest.mark.parametrize(
    ("stated", "found", "effect"),
    [
        (None, MANY, BY_MODIFIER),
        (None, Responses(19, 90, 50), ONE),
        (None, Responses(90, 19, 50), ONE),
        (None, Responses(0, 90, 1), ONE),
        (None, Responses(0, 90, 0), NONE),
        (NONE, MANY, NONE),
        (ONE, MANY, ONE),
        (BY_MODIFIER, Responses(1, 1, 1), BY_MODIFIER),
    ],
)
def test_the_rule_and_what_is_stated(stated, found, effect):
    assert response_effect(packaged(treatment_on_response=stated), found) is effect


def test_without_a_modifier_or_with_one_that_changes_it_is_one_ratio():
    assert response_effect(packaged(modifier=None), MANY) is ONE
    visits = VisitsSpec(
        switches={"response": "response_months"}, file="v.csv", time="month", covariates=("nlr",)
    )
    assert response_effect(packaged(visits=visits), MANY) is ONE


def test_formulas():
    spec = packaged()
    assert ladder_states(spec).response.formula == "ihlrt + nlr + albi + afp_high"
    assert ladder_states(spec, BY_MODIFIER).response.formula == (
        "ihlrt * nlr + nlr + albi + afp_high"
    )
    assert ladder_states(spec, NONE).response.formula == "nlr + albi + afp_high"
    bare = packaged(propensity=spec.propensity.model_copy(update={"formula": "response"}))
    assert ladder_states(bare).response.formula == "ihlrt"


def test_responses_are_counted_by_what_came_first():
    # a and d respond before or with treatment, b without any; c is treated and never responds.
    found = count_responses(toy_cohort(), "ihlrt", "response")
    assert found == Responses(treated=0, untreated=3, at_risk=1)
    later = toy_cohort(response_months=np.array([6.0, 4.0, np.inf, 2.5, np.inf, np.inf]))
    assert count_responses(later, "ihlrt", "response") == Responses(2, 1, 3)
    assert count_responses(later, "ihlrt", "progress") == Responses(0, 0, 0)


def test_nobody_treated_before_response_is_told_and_estimated_without():
    always_after = toy_cohort(treatment_start=np.array([5.0, np.inf, np.inf, 2.0, np.inf, np.inf]))
    plan = plan_rungs(packaged(), always_after)[-1]
    assert "ihlrt" not in plan.states.response.formula
    (note,) = plan.notes
    assert note.startswith("RESPONSE UNAFFECTED: nobody is treated before 'response'")


@pytest.mark.parametrize(
    ("stated", "found", "words"),
    [
        (None, MANY, ""),
        (None, Responses(4, 90, 30), "FEW RESPONSES under treatment: 4 responses 'response' tell"),
        (NONE, MANY, "RESPONSE UNAFFECTED: treatment_on_response = 'none' says"),
    ],
)
def test_notes(stated, found, words):
    note = response_effect_note(packaged(treatment_on_response=stated), found)
    assert note.startswith(words)
    assert bool(note) == bool(words)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'response = "response"',
            'response = "response"\ntreatment_on_response = "some"',
            "[ladder] treatment_on_response",
        ),
        ('response = "response"', 'treatment_on_response = "one"', "or leave it out"),
    ],
)
def test_faults(old, new, message):
    text = load_spec("ladder").to_toml()
    assert old in text
    with pytest.raises(SpecificationError) as raised:
        parse_spec(text.replace(old, new))
    (fault,) = raised.value.faults
    assert message in str(fault)


def test_by_modifier_needs_a_modifier_that_stays():
    text = f'{SWITCH}treatment_on_response = "by-modifier"'
    with pytest.raises(SpecificationError) as raised:
        parse_spec(text)
    assert (
        "[ladder] treatment_on_response: 'by-modifier' was found, and there is no [modifier]"
        in (str(raised.value))
    )


def acting_through_response():
    """Return a fit: hazard .1, .2 after response; response .1, halved by treatment."""
    states = StatesSpec(
        cuts=(6.0,),
        event=TransitionSpec(formula="ihlrt + response"),
        response=SwitchSpec(switch="response", formula="ihlrt"),
    )
    later = toy_cohort(response_months=np.array([6.0, 4.0, np.inf, 2.5, np.inf, np.inf]))
    draws = {
        kind: {"log_hazard": np.full((4, 2), np.log(level))}
        for kind, level in (
            (Transition.RESPONSE, 0.1),
            (Transition.INITIATION, 0.2),
            (Transition.EVENT, 0.1),
        )
    }
    draws[Transition.EVENT] |= {"ihlrt": np.zeros(4), "response": np.full(4, np.log(2.0))}
    draws[Transition.RESPONSE] |= {"ihlrt": np.full(4, np.log(0.5))}
    return fabricate(later, states, draws, chains=1)


def lived(rate, horizon):
    """Return the months lived of a horizon: hazard .1 before response, at a rate, and .2 after."""
    first = (1.0 - np.exp(-(0.1 + rate) * horizon)) / (0.1 + rate)
    after = rate / (0.2 - 0.1 - rate) if rate != 0.1 else 0.0
    second = after * (first - (1.0 - np.exp(-0.2 * horizon)) / 0.2)
    if rate == 0.1:
        second = rate * (first / 0.2 - horizon * np.exp(-0.2 * horizon) / 0.2)
    return first + second


def test_cutting_the_path_through_response_by_closed_form():
    fit = acting_through_response()
    strategies, horizon = [from_month(0.0), UNTREATED], 24.0

    def gained(**cut):
        found = strategy_contrasts(state_occupation(fit, [horizon], strategies, **cut))
        return float(found["rmst"].mean())

    assert gained() == pytest.approx(lived(0.05, horizon) - lived(0.1, horizon), abs=1e-9)
    assert gained(unaffected=[Transition.RESPONSE]) == pytest.approx(0.0, abs=1e-12)


def test_a_transition_that_there_is_not_cannot_be_cut():
    with pytest.raises(SpecificationError, match="there is no transition 'progression'"):
        state_occupation(
            acting_through_response(), [1.0], [UNTREATED], unaffected=[Transition.PROGRESSION]
        )


MEASURED = VisitsSpec(
    switches={"response": "response_months"}, file="v.csv", time="month", covariates=("nlr", "crp")
)


def test_a_confounder_that_changes_at_visits_has_a_line_and_a_reason():
    """Neither a rung that ignores it nor silence; `crp` is read by nobody."""
    *_, plan = plan_rungs(packaged(visits=MEASURED, response=None), toy_cohort())
    assert (plan.rung, plan.states) == ("g-formula", None)
    with pytest.raises(SpecificationError, match="nlr changes at visits, and the course under"):
        fit_rung(packaged(), toy_cohort(), plan, horizon=24.0)
    *_, last = plan_rungs(packaged(response=None), toy_cohort())
    assert last.rung != "g-formula"


def test_a_confounder_held_at_its_first_value_is_told():
    *_, plan = plan_rungs(packaged(visits=MEASURED), toy_cohort())
    assert any(note.startswith("HELD AT TIME ZERO: nlr, measured") for note in plan.notes)


def test_the_age_of_a_measurement_is_a_measurement():
    spec = packaged(visits=MEASURED)
    aged = spec.propensity.model_copy(update={"formula": "crp_age + response"})
    assert measured_and_read(packaged(visits=MEASURED, propensity=aged)) == ("nlr", "crp")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["treatment delays a harmful switch", "treatment brings a switch that harms"]
)
def test_months_through_the_switch_against_lives_made_elsewhere(name):
    """One cohort of 2,000; through the switch its spread between cohorts is .03 months."""
    mechanism = response.MECHANISMS[name]
    spec = parse_spec(SWITCH)
    cohort = read_cohort(spec, response.cohort(2000, 1, mechanism))
    found = fit_rung(spec, cohort, plan_rungs(spec, cohort)[-1], horizon=24.0)
    truth = response.truth(mechanism, patients=200_000)
    assert found.by_response.through["mean"] == pytest.approx(truth.total - truth.given, abs=0.15)
    assert found.rmst_difference["q2.5"] < truth.total < found.rmst_difference["q97.5"]
    whole = found.by_response.through["mean"] + found.by_response.given["mean"]
    assert whole == pytest.approx(found.rmst_difference["mean"], abs=1e-9)
