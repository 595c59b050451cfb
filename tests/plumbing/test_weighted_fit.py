"""`fit` with weights: what is compared, told, and left out."""

import json

import pytest
import tomli_w

from bayes_ihlrt.analysis.figures import figure_data
from bayes_ihlrt.analysis.fit import run_fit
from bayes_ihlrt.report.words import summary_sentences
from bayes_ihlrt.spec.read import load_spec, parse_spec


def weighted(formula, propensity, **treatment):
    """Fit the cohort of the ladder under a design that weights, with few draws."""
    spec = load_spec("ladder").to_dict()
    spec["sampler"] = {"draws": 125, "chains": 4, "seed": 1}
    spec["outcome"]["formula"] = formula
    spec["treatment"] |= treatment
    spec["propensity"] |= propensity
    return run_fit(parse_spec(tomli_w.dumps(spec)), "ihlrt_synthetic")


def test_sequential_trials_are_balanced_over_all_and_within_each():
    result = weighted("ihlrt * nlr + albi", {}, design="sequential")
    found = json.loads(json.dumps(result.to_dict(), allow_nan=False))["propensity"]
    assert found["target"] == "ato"
    assert found["ess_treated"] <= 20.0
    sizes = {(size["subset"], size["arm"]): size for size in found["sizes_by_trial"]}
    starts = [size["rows"] for (name, arm), size in sizes.items() if arm == "treated"]
    trials = [name for name, arm in sizes if arm == "treated" and name != "all"]
    assert sum(sizes[name, "treated"]["rows"] for name in trials) == sizes["all", "treated"]["rows"]
    assert min(starts) > 0
    assert {row["subset"] for row in found["balance_by_trial"]} == {"all", *trials}
    assert "Weighted by the probability of treatment" in summary_sentences(result)[-1]


@pytest.mark.slow
def test_clones_tell_a_hazard_ratio_and_months_by_weighted_survival():
    result = weighted(
        *("ihlrt * nlr + albi", {"estimand": "ate"}),
        design="clone-censor-weight",
        grace=6.0,
        grace_weights="time-varying",
    )
    assert result.propensity.by_trial is None
    told = " ".join(summary_sentences(result))
    assert "within month 6" in told
    assert "against never in 24 months, by weighted survival of everybody's clones" in told
    found = json.loads(json.dumps(result.to_dict(), allow_nan=False))["propensity"]["strategies"]
    assert found["gained"]["q2.5"] < found["gained"]["q97.5"]
    months = {name: summary["mean"] for name, summary in found["months"].items()}
    assert months["within month 6"] - months["never"] == pytest.approx(found["gained"]["mean"])
    assert "survival" not in figure_data(result)
    assert "weight_sums" in figure_data(result)
