"""Event times that the observed variable draws follow its own density."""

import numpy as np
import pymc as pm
import pytest
from scipy import stats

import graph_cases as cases
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import BayesIhlrtError
from bayes_ihlrt.model import arrays
from bayes_ihlrt.model.graph import build_graph, build_model, prepare
from bayes_ihlrt.model.likelihood import event_times

PATIENTS = 4000
ENTRY, SWITCH = 1.5, 4.0


def switchers():
    """Return patients who enter late, start treatment at month 4 and are followed for a while."""
    patient = np.repeat(np.arange(PATIENTS), 2)
    end = np.random.default_rng(5).uniform(5.0, 9.0, size=PATIENTS)[patient]
    late = np.arange(2 * PATIENTS) % 2 == 1
    columns = {
        "patient": np.array([f"patient {number}" for number in patient], dtype=object),
        "start": np.where(late, SWITCH, ENTRY),
        "stop": np.where(late, end, SWITCH),
        "event": np.where(late, patient % 2, 0).astype(float),
        "weight": np.ones(2 * PATIENTS),
        "treated": late.astype(float),
        "nlr": np.random.default_rng(2).lognormal(1.0, 0.5, size=PATIENTS)[patient],
        "albi": np.random.default_rng(3).normal(-2.4, 0.5, size=PATIENTS)[patient],
    }
    return PersonTime(columns, cases.provenance())


@pytest.mark.parametrize("hazard", cases.HAZARDS)
def test_times_follow_the_hazard_of_the_rows(hazard):
    """Cumulative hazards since entry at the drawn times are standard exponential."""
    rows = switchers()
    prepared = prepare(cases.specification(hazard), rows)
    evaluator = cases.Evaluator(build_graph(prepared))
    _, _, named = evaluator.at(evaluator.point(3))
    # With a falling Gompertz hazard some would never have the event.
    named["slope"] = np.array(0.05)
    data = prepared.arrays.data
    theta = {name: named[name] for name in prepared.hazard.parameters}
    increment = prepared.hazard.cumulative_hazard(np, data["increment_basis"], theta)
    eta = data["design"] @ np.array([named[name] for name in prepared.encoder.columns])
    target = np.random.default_rng(4).exponential(size=PATIENTS)
    times = event_times(
        prepared.hazard, theta, target, rows=(data["start"], increment, eta, data["row_unit"])
    )
    spent = spent_hazard(times, eta, prepared, named)
    np.testing.assert_allclose(spent, target, rtol=1e-7, atol=1e-12)
    assert times.min() > ENTRY
    assert stats.kstest(-np.expm1(-spent), "uniform").pvalue > 0.01
    assert 0.02 < np.mean(times < SWITCH) < 0.98


def spent_hazard(times, eta, prepared, named):
    """Integrate the hazard, written apart, from entry to each time; treated from month 4 on."""
    _, cumulative = cases.baseline(prepared.spec, prepared.hazard, named)
    before = cumulative(np.minimum(times, SWITCH)) - cumulative(np.full(PATIENTS, ENTRY))
    after = cumulative(np.maximum(times, SWITCH)) - cumulative(np.full(PATIENTS, SWITCH))
    return np.exp(eta[::2]) * before + np.exp(eta[1::2]) * after


def test_gaps_between_rows_are_not_at_risk():
    rows = (np.array([0.0, 5.0]), np.array([0.1, 0.1]), np.zeros(2), np.array([0, 0]))
    prepared = prepare(cases.specification("exponential"), cases.person_time())
    rate = {"log_rate": np.log(0.1)}
    times = event_times(prepared.hazard, rate, np.array([0.15]), rows=rows)
    np.testing.assert_allclose(times, 5.5)


def test_model_draws_survival_times():
    """Through PyMC: parameters fixed, patients alike, the drawn times are Weibull from entry on."""
    rows = switchers()
    model = build_model(cases.specification("weibull", formula="treated"), rows)
    with model:
        fixed = {"treated": -0.7, "log_shape": np.log(1.3), "log_rate_centred": -0.5}
        drawn = pm.draw(pm.do(model, fixed)["time"], draws=2, random_seed=1)
    assert drawn.shape == (2, PATIENTS)
    assert np.any(drawn[0] != drawn[1])
    centre = pm.draw(pm.do(model, fixed)["log_rate"], random_seed=1)
    spent = np.exp(centre) * np.minimum(drawn, SWITCH) ** 1.3 - np.exp(centre) * ENTRY**1.3
    added = np.maximum(drawn, SWITCH) ** 1.3 - SWITCH**1.3
    spent += np.exp(centre - 0.7) * added
    assert drawn.min() > ENTRY
    assert stats.kstest(-np.expm1(-spent.ravel()), "uniform").pvalue > 0.01


def test_sufficient_statistics_have_no_patients_to_draw(monkeypatch):
    monkeypatch.setattr(arrays, "AGGREGATE_ABOVE", 100)
    rows = cases.person_time(patients=300, levels=2)
    model = build_model(cases.specification("independent"), rows)
    with pytest.raises(BayesIhlrtError, match="reduced to sufficient statistics"):
        pm.draw(model["time"], random_seed=1)
