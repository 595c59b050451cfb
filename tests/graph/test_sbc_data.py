"""Calibration's data sets and test quantities, against the graph and by themselves; no sampling."""

from types import SimpleNamespace

import numpy as np
import pytest

import graph_cases as cases
from bayes_ihlrt.calibration.bands import uniformity_p_value
from bayes_ihlrt.calibration.quantities import LOG_LIKELIHOOD, SURVIVAL, Quantities
from bayes_ihlrt.calibration.sbc import truth_probabilities
from bayes_ihlrt.calibration.scenario import HAZARDS, Scenario, all_scenarios
from bayes_ihlrt.calibration.simulate import REFERENCE, build_template, linear_predictor, simulate
from bayes_ihlrt.model.graph import build_graph


def scenario(hazard, *, group="intercept + slope", late=True):
    return Scenario(hazard, group, delayed_entry=late, time_varying=True, interaction=True)


def test_every_combination_occurs_once():
    found = all_scenarios()
    assert len({str(one) for one in found}) == len(found) == 6 * 3 * 2**3
    assert len({one.seed(1) for one in found}) == len(found)
    assert scenario("weibull").seed(1) != scenario("weibull").seed(2)


@pytest.mark.parametrize("pair", list(zip(*[iter(all_scenarios())] * 2, strict=True)), ids=str)
def test_entry_alone_leaves_the_graph_as_it_is(pair):
    plain, late = pair
    assert late.without_delay == plain
    one, other = build_template(plain), build_template(late)
    assert one.prepared.priors == other.prepared.priors
    assert one.prepared.hazard == other.prepared.hazard
    for name, values in one.prepared.arrays.data.items():
        np.testing.assert_array_equal(values, other.prepared.arrays.data[name])


def test_planned_rows_follow_one_another_from_entry():
    planned = build_template(scenario("weibull")).planned
    number, start, stop = planned["patient"], planned["start"], planned["stop"]
    first = np.diff(number, prepend=-1) != 0
    assert len(np.unique(number)) == 100
    assert np.all(stop >= start)
    np.testing.assert_array_equal(start[~first], np.maximum(stop[:-1], start[1:])[~first[1:]])
    assert np.sum(start[first] > 0.0) == 50
    assert stop[np.diff(number, append=-1) != 0].min() >= 10.0


@pytest.mark.parametrize("hazard", HAZARDS)
def test_events_are_as_many_as_the_hazard_expects(hazard):
    """Events minus cumulative hazard is a martingale: its mean is zero in each data set."""
    template = build_template(scenario(hazard))
    found = simulate(template, build_graph(template.prepared), replicates=200, seed=4)
    members, own = found.members, template.prepared.hazard
    eta = linear_predictor(template.prepared, found.truth)
    spent = np.zeros(200)
    for place in range(200):
        theta = {name: found.truth[name][place] for name in own.parameters}
        increment = own.cumulative_hazard(np, members["increment_basis"][place], theta)
        spent[place] = members["exposure"][place] @ (np.exp(eta[place]) * increment)
    z = (found.events - spent).sum() / np.sqrt(spent.sum())
    assert abs(z) < 3.5
    assert np.all(members["event"].sum(axis=1) <= 100)
    assert np.all(members["stop"] >= members["start"])
    assert 30 < np.median(found.events) < 80


def test_censoring_is_administrative_and_entry_is_survived():
    template = build_template(scenario("exponential"))
    found = simulate(template, build_graph(template.prepared), replicates=50, seed=5)
    planned, members = template.planned, found.members
    number = planned["patient"]
    end = planned["stop"][np.diff(number, append=-1) != 0]
    entry = planned["start"][np.diff(number, prepend=-1) != 0]
    died = np.stack([np.bincount(number, row) for row in members["event"]])
    assert set(died.ravel()) <= {0.0, 1.0}
    np.testing.assert_array_equal(members["exit_time"] < end, died == 1.0)
    assert np.all(members["exit_time"] > entry)
    after = planned["start"] >= members["exit_time"][:, number]
    assert not members["exposure"][after].any()


@pytest.mark.parametrize("hazard", HAZARDS)
def test_quantities_are_those_of_the_graph(hazard):
    template = build_template(scenario(hazard, late=False))
    evaluator = cases.Evaluator(build_graph(template.prepared))
    likelihood, _, named = evaluator.at(evaluator.point(6))
    quantities = Quantities(template)
    values = {name: named[name][None] for name in quantities.parameters}
    table = quantities.evaluate(values, template.prepared.arrays.data)
    found = dict(zip(quantities.labels, table[0], strict=True))
    assert found[LOG_LIKELIHOOD] == pytest.approx(likelihood.sum(), rel=1e-10)
    for name in ("treated", "treated:nlr", "sd_centre", "sd_centre:treated"):
        assert found[name] == named[name]
    assert found["centre_effect[0]"] == named["centre_effect"][0]
    theta = {name: named[name] for name in template.prepared.hazard.parameters}
    own = template.prepared.hazard
    spent = own.cumulative_hazard(np, own.increment_basis(np, np.zeros(1), np.full(1, 12.0)), theta)
    at_reference = np.exp(named["albi"] * REFERENCE["albi"])
    assert found[SURVIVAL] == pytest.approx(float(np.exp(-at_reference * spent[0])), rel=1e-10)


@pytest.mark.parametrize("values", [5, 40])
def test_place_of_the_truth_is_uniform_however_few_or_tied_the_draws(values):
    """Truth and draws alike, 20 draws of equal weight; with 5 values nearly all are tied."""
    rng = np.random.default_rng(7)
    fake = SimpleNamespace(evaluate=lambda named, data: named["x"])
    places = []
    for member in range(600):
        drawn = rng.integers(values, size=(21, 1)).astype(float)
        truth = SimpleNamespace(truth={"x": {member: drawn[0]}}, members={})
        weights = np.full(20, 0.05)
        places += truth_probabilities(
            fake, {"x": drawn[1:]}, truth, member=member, weights=weights
        ).tolist()
    assert uniformity_p_value(np.array(places)) > 0.01
