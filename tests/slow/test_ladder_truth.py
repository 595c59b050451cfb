"""Rungs of the ladder find the truth that they target, and the naive ones do not."""

from dataclasses import replace

import pytest

from bayes_ihlrt.synthetic.simulate import true_estimands
from bayes_ihlrt.synthetic.truth import CohortTruth
from ladder_truth import LARGE, SCENARIOS, fitted
from ladder_truth_report import closed_form
from true_contrasts import Scenario, from_zero, targets

pytestmark = pytest.mark.slow


def test_naive_contrast_is_biased_as_its_closed_form_says():
    """Within three Monte Carlo standard errors; 0.3846 without any effect of treatment."""
    for ratio, expected in ((1.0, 0.05 / 0.13), (0.6, 0.03 / 0.11)):
        closed, error, mcse = closed_form(0.05, 0.03, ratio)
        assert closed == pytest.approx(expected)
        assert abs(error) < 3.0 * mcse


def test_targets_agree_with_the_package_s_true_estimands():
    """Lives of `true_contrasts` have the restricted means of another route to them."""
    truth = CohortTruth(centre_sd=0.0)
    found = from_zero(Scenario("default", truth), 100_000, 1).contrast()
    rows = true_estimands(truth, horizons=[24.0], at=[], starts=[0.0], n=100_000, seed=2)
    (row,) = (
        r for r in rows if (r.quantity, r.strategy, r.reference) == ("rmst", "from-0", "never")
    )
    # Both means have the same Monte Carlo error.
    assert abs(found["rmst"] - row.value) < 3.0 * 2.0**0.5 * row.mcse


def test_no_effect_means_no_contrast():
    """Under no effect every target is zero, whatever the design."""
    none = SCENARIOS["no-effect"]
    for scenario in (none, replace(none, at_visits=True)):
        for rung, values in targets(scenario, n=6000).items():
            assert all(abs(value) < 1e-6 for value in values.values()), rung


# At the last decisions hardly anybody starts.
@pytest.mark.filterwarnings("ignore::bayes_ihlrt.propensity.model.SeparationWarning")
def test_rungs_in_a_large_cohort():
    """One cohort of 20,000, where log hazard ratios have standard errors of about 0.03."""
    scenario = SCENARIOS["strong-visits"]
    truth = targets(scenario)
    found = fitted(scenario, 1000, LARGE)
    error = {rung: found[rung]["log_hr"][0] - truth[rung]["log_hr"] for rung in found}
    assert error["ever-never none"] < -0.4
    assert error["landmark-3 none"] < -0.15
    assert error["split none"] < -0.15
    assert found.keys() == truth.keys()
    for rung in found.keys() - scenario.fails:
        assert abs(error[rung]) < 0.1, rung
