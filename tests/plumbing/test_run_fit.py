"""`run_fit` from Python, around a sampler that draws noise."""

import numpy as np
import pytest

import bayes_ihlrt
from bayes_ihlrt.analysis.figures import figure_data
from bayes_ihlrt.analysis.fit import run_fit
from bayes_ihlrt.cohort import datasets
from bayes_ihlrt.cohort.read import SparseEventsWarning
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.spec.read import load_spec, parse_spec

pytestmark = pytest.mark.usefixtures("summarised_once")

FEW = """
schema = 2
name = "few"
[data]
patient = "id"
time = "t"
event = "d"
[outcome]
formula = "x"
[outcome.hazard]
family = "exponential"
"""


def test_a_frame_a_mapping_and_a_name_give_the_same(sampler):
    spec = load_spec("heart")
    named = run_fit(spec, "heart")
    framed = run_fit(spec, datasets.load("heart"))
    mapped = run_fit(spec, dict(datasets.columns("heart")))
    assert framed.parameters == named.parameters == mapped.parameters


def test_the_public_names_are_enough(sampler):
    result = bayes_ihlrt.fit("heart", "heart")
    curve = bayes_ihlrt.estimates(result, "survival", horizon=12)
    assert float(bayes_ihlrt.summary(curve)["mean"]["never"]) == pytest.approx(
        next(
            found.summary["mean"]
            for found in result.estimates
            if (found.estimand, found.strategy, found.horizon, found.at)
            == ("survival", "never", 12.0, None)
        )
    )


def test_stages_are_told_in_order(sampler):
    stages = []
    run_fit(load_spec("heart"), "heart", stage=stages.append)
    assert stages == [
        "building the model",
        "compiling the model",
        "sampling 4 chains of 1000 + 1000 draws",
        "averaging over patients",
        "comparing with the prior",
        "comparing with a flexible baseline",
        "summarising",
    ]


def test_few_events_are_warned_of(sampler):
    rows = {"id": ["a", "b", "c", "d"], "t": [1.0, 2.0, 3.0, 4.0], "d": [1, 0, 0, 0]}
    with pytest.warns(SparseEventsWarning, match="1 events and the model has 2 parameters"):
        result = run_fit(parse_spec(FEW), {**rows, "x": [0.1, 0.4, 0.2, 0.3]})
    assert any("the priors decide much of the result" in note for note in result.notes)


def test_draws_that_disagree_raise(sampler):
    sampler.spread = 1.0
    with pytest.raises(ConvergenceError, match="R-hat"):
        run_fit(load_spec("heart"), "heart")
    result = run_fit(load_spec("heart"), "heart", allow_nonconverged=True)
    assert not result.converged


def test_a_model_reduced_to_sufficient_statistics_has_no_loo(sampler):
    rng = np.random.default_rng(1)
    time = rng.exponential(10.0, 6000)
    columns = {"id": np.arange(6000), "t": time, "d": rng.integers(0, 2, 6000)}
    result = run_fit(parse_spec(FEW), {**columns, "x": rng.integers(0, 2, 6000)})
    assert result.fit.prepared.arrays.unit == "pattern"
    found = result.to_dict()["loo"]
    assert {name for name, value in found.items() if value is None} == {
        "elpd",
        "se",
        "p_loo",
        "k_above_0.7",
        "largest_k",
        "predicts",
    }
    assert "reduced to event counts" in found["note"]


def test_what_figures_show_can_be_had_without_them(sampler):
    result = run_fit(load_spec("primary"), "ihlrt_synthetic")
    assert result.loo.predicts == "a further patient of a known centre, not of a new one"
    found = figure_data(result)
    assert list(found) == [
        "survival",
        "hazard_ratio",
        "gain",
        "forest",
        "prior_posterior",
        "trace",
        "flow",
        "treatment_starts",
    ]
    assert all(data.attrs["synthetic"] for data in found.values())
    survival = found["survival"]
    assert survival["median"].sizes == {"strategy": 2, "time": 81}
    # At time zero nobody has been treated; at 12 months as counted by hand from the file.
    assert survival["at_risk"].sel(risk_time=0.0).to_numpy().tolist() == [80, 0]
    frame = datasets.load("ihlrt_synthetic")
    there = frame[frame.os_months >= 12.0]
    treated = int((there.ihlrt_months < 12.0).sum())
    counted = [len(there) - treated, treated]
    assert survival["at_risk"].sel(risk_time=12.0).to_numpy().tolist() == counted
    assert found["hazard_ratio"].attrs["reference"] == 3.0
    assert found["hazard_ratio"]["patients"].size == 80
    assert np.allclose(found["trace"]["ranks"].sum("bin"), 1.0)
    density = found["prior_posterior"]
    area = np.trapezoid(density["density"], density["x"], axis=-1)
    assert np.allclose(area, 1.0, atol=0.02)
