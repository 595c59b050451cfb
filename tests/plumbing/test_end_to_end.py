"""The main job in earnest: `bayes-ihlrt demo` compiles, samples, prints and writes."""

import json

import numpy as np
import pytest

from bayes_ihlrt.cohort import datasets
from bayes_ihlrt.posterior.store import load

REFERENCE = 3.0
TRUTH = json.loads(datasets.csv_path("ihlrt_synthetic").with_suffix(".json").read_text("utf-8"))


@pytest.fixture(scope="module")
def found(demo_run):
    return json.loads((demo_run.out / "result.json").read_text())


def test_it_ends_well(demo_run):
    assert demo_run.printed.exit_code == 0, demo_run.printed.output
    assert "Convergence passed" in demo_run.printed.stdout
    assert len(list((demo_run.out / "figures").glob("*.png"))) == 8


def test_the_chains_converged(found):
    diagnostics = found["diagnostics"]
    assert diagnostics["converged"]
    assert diagnostics["divergences"] == 0
    # 4,000 draws of an easy posterior: far more than the 400 that the gate asks for.
    assert diagnostics["ess_bulk"] > 800


def test_the_truth_is_within_the_intervals(found):
    """One data set of 51 events: 95 % intervals, which leaving out response hardly moves."""
    truth = TRUTH["log_hazard_ratios"]
    for name in ("ihlrt", "nlr", "ihlrt:nlr", "albi"):
        row = found["parameters"][name]
        assert row["q2.5"] < truth[name] < row["q97.5"], name


def test_summaries_are_those_of_the_written_draws(demo_run, found):
    draws = load(demo_run.out / "posterior.nc")["posterior"]["ihlrt"].to_numpy()
    row = found["parameters"]["ihlrt"]
    np.testing.assert_allclose(row["mean"], draws.mean(), rtol=1e-12)
    np.testing.assert_allclose(row["q97.5"], np.quantile(draws, 0.975), rtol=1e-12)
    ratio = next(
        row
        for row in found["estimands"]
        if (row["estimand"], row["at"]) == ("hazard_ratio", REFERENCE)
    )
    # At the reference the modifier is zero: the hazard ratio is that of the treatment's term.
    np.testing.assert_allclose(ratio["mean"], np.exp(draws).mean(), rtol=1e-12)
    assert ratio["prob_benefit"] == (draws < 0.0).mean()


def test_survival_quantities_hang_together(found):
    rows = {
        (row["estimand"], row["horizon"], row["at"], row["strategy"] or row["contrast"]): row
        for row in found["estimands"]
    }
    for at in (None, 2.0, 3.0, 5.0):
        for horizon in (12.0, 24.0):
            never, treated, difference = (
                rows["survival", horizon, at, name]["mean"]
                for name in ("never", "from month 1.9", "from month 1.9 - never")
            )
            assert difference == pytest.approx(treated - never, abs=1e-12)
            area = rows["rmst", horizon, at, "never"]["mean"]
            # Between the rectangle under the last value of a falling curve and the whole of it.
            assert never * horizon < area < horizon


def test_cross_validation_is_by_patient(found):
    loo = found["loo"]
    assert loo["k_above_0.7"] == 0
    # Some of the 8 parameters are informed by their priors.
    assert 3.0 < loo["p_loo"] < 9.0
    assert loo["se"] > 0.0
