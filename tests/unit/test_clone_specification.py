"""Specifications of clones: what nobody wrote is no fault, and check finds what fit would."""

import itertools

import pytest

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.names import EstimandTarget
from bayes_ihlrt.propensity.clock import CLOCK, at_one_moment, without_clock
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.spec.read import parse_spec

CLONES = """
schema = 2
name = "ccw"
[data]
patient = "id"
time = "os"
event = "death"
[treatment]
name = "trt"
start = "tace"
design = "clone-censor-weight"
grace = 6.0
[visits]
every = 1.0
[propensity]
formula = "FORMULA"
STATED
[outcome]
formula = "trt"
"""
COHORT = {
    "id": list(range(1, 13)),
    "os": [4, 12, 9, 6, 15, 7, 11, 8, 14, 10, 13, 16],
    "death": [1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1],
    "tace": [None, 2, 3, None, 1, None, 4, None, 5, None, None, 3],
    "albi": [-2.1, -2.6, -2.4, -1.9, -2.8, -2.2, -2.5, -1.7, -2.3, -2.0, -2.45, -2.75],
}


def clones(formula="albi", stated=""):
    return parse_spec(CLONES.replace("FORMULA", formula).replace("STATED", stated))


def test_the_population_of_clones_is_everybody_unless_another_is_written():
    assert clones().propensity.estimand is EstimandTarget.ATE
    assert parse_spec(clones().to_toml()) == clones()
    with pytest.raises(SpecificationError, match=r"\[propensity\] estimand: 'ato' was found"):
        clones(stated='estimand = "ato"')
    other = CLONES.replace("FORMULA", "albi").replace("STATED", "")
    sequential = parse_spec(
        other.replace("clone-censor-weight", "sequential").replace("grace", "#")
    )
    assert sequential.propensity.estimand is EstimandTarget.ATO


@pytest.mark.parametrize("given", list(itertools.product([False, True], repeat=4)))
def test_faults_between_tables_do_not_hang_on_which_are_written(given):
    """Defaults of tables that are not in the file hold too: pydantic stays inside."""
    tables = ("[sampler]", "[estimands]", "[ladder]", "[sensitivity]")
    text = "\n".join(name for name, there in zip(tables, given, strict=True) if there)
    wrong = CLONES.replace("FORMULA", "albi").replace("STATED", 'estimand = "att"') + text
    with pytest.raises(SpecificationError) as raised:
        parse_spec(wrong)
    assert [fault.where for fault in raised.value.faults] == ["[propensity] estimand"]


@pytest.mark.parametrize(
    "formula", ["albi + time", "albi * time", "albi + bs(time, df=3)", "albi + number"]
)
def test_check_binds_the_model_at_time_zero_without_the_clock(formula):
    few = "acknowledge_poor_overlap = true"
    found = check_analysis(clones(formula, few), COHORT).propensity
    assert any("it is left out of that model" in note for note in found.notes)


def test_a_covariate_that_tells_nothing_at_time_zero_is_told_by_check():
    """What `fit` would refuse: here nobody's `albi` differs among those at risk at month 6."""
    constant = COHORT | {"albi": [-2.1, *[-2.5] * 2, -1.9, *[-2.5] * 8]}
    with pytest.raises(SpecificationError, match="time zero, where albi is the same for everybody"):
        check_analysis(clones(), constant)


def test_priors_of_dropped_terms_are_dropped():
    prior = {"dist": "Normal", "mu": 0.0, "sigma": 1.0}
    names = ("albi", "time", "bs(time, df=3)", "bs(time, df=3)[2]", "albi:time", "intercept")
    spec = PropensitySpec(
        formula="albi * time + bs(time, df=3)", priors=dict.fromkeys(names, prior)
    )
    left = without_clock(spec, frozenset(CLOCK))
    assert (left.formula, set(left.priors)) == ("albi", {"albi", "intercept"})
    assert without_clock(left, frozenset(CLOCK)) is left


def test_with_delayed_entry_the_clock_stays():
    import numpy as np

    spec = PropensitySpec(formula="albi + time")
    columns = {"time": np.array([0.0, 2.0]), "number": np.array([0, 0])}
    assert at_one_moment(spec, columns) is spec
