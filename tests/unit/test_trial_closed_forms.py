"""Closed forms against published numbers and against each other."""

import numpy as np
import pytest

from bayes_ihlrt.trials.closed_forms import (
    average_hazard_ratio,
    conditional_power,
    exact_threshold,
    normal_assurance,
    probability_of_success,
    schoenfeld_events,
    schoenfeld_power,
    sequential_rejection,
)


@pytest.mark.parametrize(
    ("hr", "at_80", "at_90"),
    [(0.5, 65.346, 87.479), (0.6, 120.316, 161.069), (0.7, 246.787, 330.378)],
)
def test_schoenfeld_events(hr, at_80, at_90):
    assert schoenfeld_events(hr, power=0.8, alpha=0.025) == pytest.approx(at_80, abs=5e-4)
    assert schoenfeld_events(hr, power=0.9, alpha=0.025) == pytest.approx(at_90, abs=5e-4)


def test_powers():
    assert schoenfeld_power(0.7, events=100, alpha=0.025) == pytest.approx(0.429916, abs=5e-7)
    assert schoenfeld_power(0.72, events=155, alpha=0.05) == pytest.approx(0.6554, abs=5e-5)
    found = normal_assurance(0.75, log_hr_sd=0.2, events=379, alpha=0.025)
    assert found == pytest.approx(0.649493, abs=5e-7)
    certain = normal_assurance(0.7, log_hr_sd=0.0, events=100, alpha=0.025)
    assert certain == pytest.approx(schoenfeld_power(0.7, events=100, alpha=0.025))


def test_sequential_rejection():
    assert sequential_rejection([1.959964], [100]) == pytest.approx([0.025], abs=1e-6)
    # O'Brien-Fleming bounds of rpact keep 2.5 % over three looks: see tests/golden.
    bounds = [3.47109144, 2.45443230, 2.00403558]
    assert sum(sequential_rejection(bounds, [60, 120, 180])) == pytest.approx(0.025, abs=2e-6)
    threshold = exact_threshold(0.025, [100, 200])
    assert 0.975 < threshold < 0.9875


@pytest.mark.parametrize(("hr0", "known"), [(1.0, 0.067473058), (0.95, 0.07871372)])
def test_conditional_power_is_that_of_rpact(hr0, known):
    """Conditional rejection probabilities in the unit tests of rpact 4 for survival data
    (test-f_analysis_base_survival.R): Wang-Tsiatis .25, information .2, .4, 1, statistic 1.38 at
    the second look after 15 events, tested against a hazard ratio of 1 and of .95."""
    last = 2.0307167
    bounds = [last * t**-0.25 for t in (0.2, 0.4, 1.0)]
    assert sum(sequential_rejection(bounds, [20, 40, 100])) == pytest.approx(0.025, abs=5e-6)
    z = 1.38 - np.log(hr0) * np.sqrt(15) / 2
    found = conditional_power(1.0, z=z, information=0.4, bound=last, more_events=40)
    assert found == pytest.approx(known, abs=1e-6)


@pytest.mark.parametrize(
    ("hr0", "known", "overall"), [(1.0, 0.70906065, 0.71623), (0.95, 0.78366367, 0.78980)]
)
def test_conditional_power_is_that_of_rpact_by_stages(hr0, known, overall):
    """The same design in the unit tests of rpact 4.1, which combined the log-ranks of stages (8 and
    7 events) with the weights of the planned information; 40 more events at 2:1, hazard ratio 2.
    rpact 4.5 uses the log-rank of all events so far, as `conditional_power` is told here."""
    shift = np.log(hr0) / 2.0
    last, events, seen = 2.0307167, np.array([8.0, 15.0]), np.array([1.52, 1.38])
    first = seen[0] - shift * np.sqrt(events[0])
    second = (seen[1] * np.sqrt(15.0) - seen[0] * np.sqrt(8.0)) / np.sqrt(7.0) - shift * np.sqrt(
        7.0
    )
    ahead = {"information": 0.4, "bound": last, "more_events": 40, "treated": 2.0 / 3.0}
    # Below 1 is a benefit here, above 1 there.
    ratio = hr0 / 2.0
    by_stage = np.sqrt(0.2) * (first + second) / np.sqrt(0.4)
    assert conditional_power(ratio, z=by_stage, **ahead) == pytest.approx(known, abs=1e-6)
    whole = seen[1] - shift * np.sqrt(15.0)
    assert conditional_power(ratio, z=whole, **ahead) == pytest.approx(overall, abs=1e-5)


def test_probability_of_success_is_that_of_rbest():
    """Trial A of the vignette on co-data; trial B has 150 deaths and hazard ratio .78."""
    trial = {"events": 162, "final_events": 379, "alpha": 0.025, "prior_events": 1}
    assert probability_of_success(0.83, **trial) == pytest.approx(0.4466, abs=5e-5)
    power = probability_of_success(0.83, **trial, assumed_hr=0.75)
    assert power == pytest.approx(0.7088, abs=5e-5)
    # Without a prior, conditional power is that of the statistic.
    flat = trial | {"prior_events": 0}
    z = -np.log(0.83) * np.sqrt(162) / 2
    one = conditional_power(
        0.75, z=z, information=162 / 379, bound=1.9599640, more_events=379 - 162
    )
    assert probability_of_success(0.83, **flat, assumed_hr=0.75) == pytest.approx(one, abs=1e-6)


def test_the_average_hazard_ratio_weighs_periods():
    constant = average_hazard_ratio(hazard=0.05, hr=[0.7], cuts=[], follow_up=24.0)
    assert constant == pytest.approx(0.7)
    delayed = average_hazard_ratio(hazard=0.05, hr=[1.0, 0.6], cuts=[3.0], follow_up=24.0)
    grid = np.linspace(0.0, 24.0, 200_001)
    rate = np.where(grid < 3.0, 0.05, 0.03)
    alive = np.exp(-np.concatenate([[0.0], np.cumsum(rate[:-1] * np.diff(grid))]))
    events, months = np.trapezoid(alive * rate, grid), np.trapezoid(alive, grid)
    assert delayed == pytest.approx(events / months / 0.05, rel=1e-4)
