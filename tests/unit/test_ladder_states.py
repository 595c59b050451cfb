"""The g-formula of the bias ladder: which hazards it has, and what is said of a wrong response."""

import pytest

from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.ladder.rungs import plan_rungs
from bayes_ihlrt.ladder.states import ladder_states
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.ladder import LadderSpec
from bayes_ihlrt.spec.model import OutcomeSpec
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.spec.read import load_spec, parse_spec
from states_cases import toy_cohort


def ladder(**changes):
    """Return the packaged ladder with some keys changed."""
    spec = load_spec("ladder")
    own = {key: changes.pop(key) for key in list(changes) if key in LadderSpec.model_fields}
    changes["ladder"] = spec.ladder.model_copy(update=own)
    return spec.model_copy(update=changes)


def changed(old, new):
    """Return the packaged ladder's text with one line changed."""
    text = load_spec("ladder").to_toml()
    assert old in text
    return text.replace(old, new)


def test_formulas_come_from_the_outcome_and_the_propensity():
    states = ladder_states(ladder())
    assert states.event.formula == "ihlrt * nlr + albi + afp_high + response"
    assert states.initiation.formula == "nlr + response + albi + afp_high"
    assert states.response.formula == "ihlrt + nlr + albi + afp_high"
    assert (states.response.switch, states.modifier.name) == ("response", "nlr")


def test_without_a_propensity_the_outcome_stands_in():
    outcome = OutcomeSpec(
        formula="ihlrt * nlr + bs(albi, df=3) + response:albi", group="(1 + ihlrt | centre)"
    )
    states = ladder_states(ladder(propensity=None, outcome=outcome))
    assert states.event.group == "(1 + ihlrt | centre)"
    assert states.initiation.formula == "nlr + bs(albi, df=3) + response:albi"
    assert states.response.formula == "ihlrt + nlr + bs(albi, df=3)"
    assert states.initiation.group == states.response.group == "(1 | centre)"


def test_what_changes_and_the_clock_of_decisions_are_left_out():
    formula = "nlr * response + albi + nlr_age + bs(time, df=3) + number"
    visits = load_spec("ladder").visits.model_copy(
        update={"file": "v.csv", "time": "month", "covariates": ("nlr",)}
    )
    spec = ladder(propensity=PropensitySpec(formula=formula), visits=visits)
    states = ladder_states(spec)
    assert states.initiation.formula == "nlr + response + nlr:response + albi + nlr_age"
    assert states.response.formula == "ihlrt + albi"


@pytest.mark.parametrize(
    ("given", "cuts", "response"),
    [
        ({}, None, None),
        ({"cuts": (2.0, 8.0)}, (2.0, 8.0), (2.0,)),
        ({"cuts": (12.0, 24.0)}, (12.0, 24.0), (12.0,)),
        ({"cuts": (2.0, 8.0), "response_cuts": (4.0,)}, (2.0, 8.0), (4.0,)),
    ],
)
def test_cuts(given, cuts, response):
    states = ladder_states(ladder(**given))
    assert (states.cuts, states.response.cuts) == (cuts, response)


def test_priors_of_another_shape_are_left_out_and_the_level_stays():
    shape = {"log_shape": {"dist": "Normal", "mu": 0.0, "sigma": 0.1}}
    text = load_spec("ladder").to_dict()
    text["priors"] |= shape
    priors = ladder_states(AnalysisSpec.model_validate(text)).event.priors
    assert set(priors) == {"ihlrt", "nlr", "ihlrt:nlr", "albi", "baseline"}


def test_the_rung_is_the_last_and_asked_for():
    cohort = toy_cohort()
    plans = plan_rungs(ladder(), cohort)
    assert (plans[-1].rung, plans[-1].adjustment) == ("g-formula", "covariates")
    assert [plan.states is None for plan in plans] == [True] * (len(plans) - 1) + [False]
    without = plan_rungs(ladder(response=None), cohort)
    assert [plan.rung for plan in without] == [plan.rung for plan in plans[:-1]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'response = "response"',
            'response = "respons"',
            "[ladder] response: 'respons' is not among the switches. Did you mean 'response'? "
            "Allowed: response.",
        ),
        (
            'response = "response"',
            "cuts = [3.0]",
            "[ladder]: `cuts` is of the g-formula's hazards. Name the switch that is response in "
            "`response`, or leave the cuts out.",
        ),
        (
            'response = "response"',
            'response = "response"\nresponse_cuts = [6.0, 3.0]',
            "[ladder] response_cuts: cuts must increase. Found [6.0, 3.0].",
        ),
        (
            "draws = 2000\nnull",
            "draws = 399\nnull",
            "[ladder] draws: 399 is out of range. It must be at least 400.",
        ),
    ],
)
def test_faults(old, new, message):
    with pytest.raises(SpecificationError) as raised:
        parse_spec(changed(old, new))
    assert [str(fault) for fault in raised.value.faults] == [message]


def test_a_response_without_switches():
    text = load_spec("ladder").to_dict()
    text["visits"] = {"every": 1.5}
    with pytest.raises(ValueError, match=r"it names 'response', and \[visits\] has no switches"):
        AnalysisSpec.model_validate(text)
