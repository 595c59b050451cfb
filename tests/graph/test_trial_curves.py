"""Curves of success over sample size and over the cut-off of enrolment, against known answers."""

import numpy as np
import pytest

import trial_cases as cases
from bayes_ihlrt.trials.closed_forms import schoenfeld_power
from bayes_ihlrt.trials.figures import plan_figures
from bayes_ihlrt.trials.plan import plan_dict, run_plan

TRIALS = 1_024
LOOK = [{"events": 100, "efficacy": [cases.SUCCESS]}]


@pytest.fixture(scope="module")
def sizes():
    curve = {"over": "patients", "values": [55, 110]}
    return run_plan(cases.plan(design=cases.content(looks=LOOK), curves=[curve]), TRIALS)


def test_power_over_sample_size_is_that_of_schoenfeld(sizes):
    for found, events in zip(sizes.curves[0].success["hr 0.6"], (50, 100), strict=True):
        known = schoenfeld_power(0.6, events=events, alpha=0.025)
        error = np.sqrt(known * (1.0 - known) / TRIALS)
        assert abs(found.estimate - known) < 3.0 * error


def test_the_plans_own_size_is_the_plan(sizes):
    curve = sizes.curves[0]
    for scenario in ("no effect", "hr 0.6"):
        own = sizes.cell("small", scenario).found
        assert curve.found[scenario][1].success == own.success


def test_a_curve_is_written_and_drawn(sizes):
    told = plan_dict(sizes)["curves"][0]
    assert (told["over"], told["label"]) == ("patients", "Maximum sample size, patients")
    rows = [(row["scenario"], row["value"]) for row in told["results"]]
    assert rows == [("no effect", 55), ("no effect", 110), ("hr 0.6", 55), ("hr 0.6", 110)]
    kind, data = plan_figures(sizes)["curve_1"]
    assert kind == "trial_curves"
    assert data["x"].to_numpy().tolist() == [55.0, 110.0]


@pytest.mark.slow
def test_a_higher_cut_off_finds_an_effect_at_high_nlr():
    """Hazard ratio 1 at NLR 3 and 0.5 a doubling, tested over those who are enrolled."""
    rule = {"quantity": "rmst", "horizon": 24.0, "above": 0.0, "more_than": 0.975}
    design = cases.by_modifier(looks=[{"events": 100, "efficacy": [rule]}])
    truth = cases.scenario("high", hr=[1.0], interaction_hr=0.5)
    plan = cases.plan(
        design=design.model_dump(mode="json", exclude_none=True),
        scenarios=[truth.model_dump(mode="json", exclude_none=True)],
        curves=[{"over": "enrol-from", "values": [1.0, 5.0]}],
    )
    all_comers, high = run_plan(plan, 1_024).curves[0].success["high"]
    assert all_comers.high < high.low
