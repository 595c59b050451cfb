"""External controls with weights against psborrow2's Weibull example.

Data and numbers: psborrow2 0.0.5.1, vignette "match_weight_02_application" (Genentech/psborrow2,
Apache-2.0), `outcome_surv_weibull_ph` with `shape_prior = prior_exponential(1)`, `baseline_prior`
and `trt_prior` `prior_normal(0, 1000)`, `borrowing_hierarchical_commensurate` with
`tau_prior = prior_gamma(0.001, 0.001)`, 3 chains of 10,000 draws. The precision integrated out is a
Student t with 0.002 degrees of freedom and scale 1. Weights are those by inverse probability of
treatment, over their largest among external controls, as there.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayes_ihlrt as bi

FILE = Path(__file__).parent / "data" / "psborrow2_weights.csv"
EXPECTED = {"treated": (-0.300, 0.110, 15_789), "log_shape": (0.836, 0.0319, 21_440)}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """Return the fit of the trial with its external controls."""
    folder, every = tmp_path_factory.mktemp("psborrow2"), pd.read_csv(FILE)
    others = every[every["external"] == 1].drop(columns=["treated"])
    others.to_csv(folder / "others.csv", index=False)
    spec = bi.analysis(
        "treated",
        **{"patient": "patient", "time": "time", "event": "event"},
        treatment=bi.indicator("treated", design="fixed"),
        priors={
            "treated": bi.Normal(0.0, 1000.0),
            "log_rate": bi.Normal(0.0, 1000.0),
            "log_shape": {"dist": "Exponential", "lam": 1.0, "on": "exp"},
        },
        external={
            "data": str(folder / "others.csv"),
            "justification": "as in the vignette",
            **{"borrow": "commensurate", "sd": 1.0, "nu": 0.002, "weight_column": "share"},
        },
        sampler={"draws": 2000, "seed": 5},
    )
    return bi.fit(spec, every[every["external"] == 0])


@pytest.mark.slow
@pytest.mark.golden
def test_treatment_and_shape_are_those_of_psborrow2(result):
    found = result.parameters["treated"]
    mean, sd, size = EXPECTED["treated"]
    # Monte Carlo errors of both, and three decimals there.
    error = (found["mcse_mean"] ** 2 + sd**2 / size + 0.0005**2 / 3.0) ** 0.5
    assert abs(found["mean"] - mean) < 3.0 * error
    assert found["sd"] == pytest.approx(sd, abs=0.003)
    shape = result.fit.posterior["log_shape"].to_numpy()
    assert np.exp(shape).mean() == pytest.approx(EXPECTED["log_shape"][0], abs=0.002)
    assert np.exp(shape).std() == pytest.approx(EXPECTED["log_shape"][1], abs=0.001)
