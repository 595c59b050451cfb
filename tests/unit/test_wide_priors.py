"""Draws of a wide prior leave what a float holds; what is averaged over them stays a number."""

import warnings

import numpy as np
import pytest
from validation.outside import baseline

from bayes_ihlrt.analysis.fit import run_fit
from bayes_ihlrt.estimands.predictors import condense
from bayes_ihlrt.spec.read import parse_spec

SPECIFICATION = """
schema = 2
name = "wide"
[data]
patient = "id"
time = "months"
event = "death"
entry = "entry"
[treatment]
name = "ihlrt"
column = "ihlrt"
design = "fixed"
[outcome]
formula = "ihlrt + age"
[outcome.hazard]
family = "{family}"
[priors]
ihlrt = {{ dist = "Normal", mu = 0.0, sigma = 30.0 }}
age = {{ dist = "Normal", mu = 0.0, sigma = 30.0 }}
[sampler]
engine = "laplace"
draws = 1000
[estimands]
horizons = [24.0]
population = "time-zero"
"""


SLOW = [pytest.param(each, marks=pytest.mark.slow) for each in ("gompertz", "piecewise")]
FAMILIES = ("weibull", *SLOW)


@pytest.mark.parametrize("family", FAMILIES)
def test_probabilities_before_the_data_are_numbers(family):
    frame = baseline.cohort(120, 5, shape="constant")
    rng = np.random.default_rng(1)
    frame["ihlrt"] = np.arange(len(frame)) % 2
    frame["age"] = rng.normal(60.0, 10.0, len(frame))
    frame["entry"] = np.where(rng.random(len(frame)) < 0.5, 0.0, frame["months"] / 3.0)
    spec = parse_spec(SPECIFICATION.format(family=family))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        result = run_fit(spec, frame)
    told = [row.prior_prob_benefit for row in result.estimates if row.prob_benefit is not None]
    assert len(told) >= 4
    # Nobody alive with and without treatment is no gain: below a half, and not far.
    assert all(0.3 < chance < 0.7 for chance in told)


@pytest.mark.parametrize("patterns", [40, 4000])
def test_a_draw_that_is_no_number_spoils_no_other(patterns):
    eta = np.random.default_rng(3).normal(size=(5, patterns))
    sound, _ = condense(eta.copy(), np.full(patterns, 1.0 / patterns))
    eta[2] = np.nan
    found, shares = condense(eta, np.full(patterns, 1.0 / patterns))
    others = [0, 1, 3, 4]
    assert np.array_equal(found[others], sound[others])
    assert np.isnan((found * shares).sum(axis=1)).tolist() == [False, False, True, False, False]
