"""Propensities, stabilised weights and weighted survival against Hernan and Robins, What If.

Chapter 17 (survival analysis): smoking cessation and death within 120 months in the NHEFS cohort,
1,629 patients. Everything is fitted by the graph of treatment initiation: cessation first, then the
monthly hazard of death, whose patient weights are those of cessation. Tolerances are half a unit
of the last digit published, and 2 % more for the optimiser.
"""

import numpy as np
import pytest
from causaldata import nhefs

from bayes_ihlrt.names import EstimandTarget
from bayes_ihlrt.propensity.graph import build_propensity, logit_propensity
from bayes_ihlrt.propensity.model import prepare_propensity
from bayes_ihlrt.propensity.point import propensity
from bayes_ihlrt.propensity.weights import balancing_weight
from bayes_ihlrt.spec.propensity import PropensitySpec
from maximum_likelihood import maximise_graph

pytestmark = pytest.mark.golden

MONTHS = 120
CESSATION = PropensitySpec(
    formula="sex + race + poly(age, 2) + education + poly(smokeintensity, 2) + poly(smokeyrs, 2)"
    " + exercise + active + poly(wt71, 2)"
)
DEATH = PropensitySpec(formula="qsmk * poly(month, 2)")
NUMBERS = ("age", "smokeintensity", "smokeyrs", "wt71")
CATEGORIES = ("sex", "race", "education", "exercise", "active")


@pytest.fixture(scope="module")
def cohort():
    frame = nhefs.load_pandas().data
    columns = {name: frame[name].to_numpy(float) for name in (*NUMBERS, "qsmk", "death")}
    columns |= {name: frame[name].astype(str).to_numpy(object) for name in CATEGORIES}
    columns["patient"] = frame["seqn"].astype(int).astype(str).to_numpy(object)
    died = 12 * (frame["yrdth"] - 83) + frame["modth"]
    columns["months"] = died.where(frame["death"] == 1, MONTHS).to_numpy(float)
    return columns


@pytest.fixture(scope="module")
def weights(cohort):
    rows = {**cohort, "initiated": cohort["qsmk"]}
    prepared = prepare_propensity(CESSATION, rows, None)
    best = maximise_graph(build_propensity(prepared))
    chance = propensity(logit_propensity(prepared, best.parameters))
    return balancing_weight(EstimandTarget.ATE, chance, cohort["qsmk"], share=cohort["qsmk"].mean())


def survival(cohort, weights, *, alike_once=False):
    """Return S(120) without and with cessation, from the weighted monthly hazard.

    Months that are alike in all that the model sees may stand as one that weighs their sum.
    """
    months = cohort["months"].astype(int)
    who = np.repeat(np.arange(len(months)), months)
    month = np.concatenate([np.arange(count) for count in months]).astype(float)
    died = (month == months[who] - 1) & (cohort["death"][who] == 1)
    rows = {"patient": cohort["patient"][who], "initiated": died.astype(float)}
    rows |= {"qsmk": cohort["qsmk"][who], "month": month}
    if alike_once:
        seen = np.stack([rows[name] for name in ("initiated", "qsmk", "month")], axis=1)
        alike, which = np.unique(seen, axis=0, return_inverse=True)
        weights = np.bincount(which.ravel(), weights=weights[who])
        rows = dict(zip(("initiated", "qsmk", "month"), alike.T, strict=True))
        rows["patient"] = np.arange(len(alike)).astype(str).astype(object)
    prepared = prepare_propensity(DEATH, rows, None)
    model = build_propensity(prepared)
    model["weight"].set_value(weights)
    best = maximise_graph(model, mode="JAX")
    curves = []
    for arm in (0.0, 1.0):
        ahead = {"qsmk": np.full(MONTHS, arm), "month": np.arange(float(MONTHS))}
        hazard = propensity(logit_propensity(prepared, best.parameters, rows=ahead))
        curves.append(np.prod(1.0 - hazard))
    return curves


def test_stabilised_weights(weights):
    found = (weights.min(), weights.mean(), weights.max())
    np.testing.assert_allclose(found, (0.3312, 0.9991, 4.2054), rtol=0.0, atol=5.1e-5)


def test_unadjusted_survival(cohort):
    found = survival(cohort, np.ones(len(cohort["patient"])), alike_once=True)
    np.testing.assert_allclose(found, (0.8201, 0.7618), rtol=0.0, atol=5.1e-5)


def test_weighted_survival(cohort, weights):
    found = survival(cohort, weights)
    np.testing.assert_allclose(found, (0.80465, 0.80667), rtol=0.0, atol=5.1e-6)
