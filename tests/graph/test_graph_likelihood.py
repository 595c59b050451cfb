"""The graph's log-likelihood is the survival likelihood, written here a second time."""

import numpy as np
import pytest

import graph_cases as cases
from bayes_ihlrt.model import arrays
from bayes_ihlrt.model.graph import build_graph, prepare

SLOPES = "(1 + treated | centre)"


def assert_likelihood(spec, rows, groups, *, points=3):
    prepared = prepare(spec, rows)
    evaluator = cases.Evaluator(build_graph(prepared))
    for seed in range(points):
        found, _, named = evaluator.at(evaluator.point(seed))
        expected = cases.log_likelihood(rows.columns, named, spec, prepared.hazard, groups=groups)
        assert found.shape == rows.patients.shape
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("hazard", cases.HAZARDS)
@pytest.mark.parametrize(("group", "terms"), [("", []), (SLOPES, [("centre", "treated")])])
def test_log_likelihood_of_ragged_weighted_rows(hazard, group, terms):
    assert_likelihood(cases.specification(hazard, group), cases.person_time(), terms)


@pytest.mark.parametrize("geometry", ["centred", "non-centred"])
def test_geometry_of_groups_does_not_change_the_likelihood(geometry):
    spec = cases.specification("weibull", "(1 | centre)", parametrisation=geometry)
    assert_likelihood(spec, cases.person_time(), [("centre", None)], points=1)


def test_slope_of_the_modifier_is_on_the_scale_of_the_formula():
    spec = cases.specification("weibull", "(1 + nlr | centre)")
    assert_likelihood(spec, cases.person_time(), [("centre", "nlr")], points=1)


@pytest.mark.parametrize(
    ("hazard", "group"),
    [("exponential", ""), ("exponential", SLOPES), ("random walk", SLOPES), ("independent", "")],
)
def test_sufficient_statistics_are_the_same_model(monkeypatch, hazard, group):
    """At one and the same coordinates: likelihood, prior and parameters are equal."""
    spec = cases.specification(hazard, group)
    rows = cases.person_time(patients=300, levels=2)
    by_row = prepare(spec, rows)
    monkeypatch.setattr(arrays, "AGGREGATE_ABOVE", 100)
    added_up = prepare(spec, rows)
    assert (by_row.arrays.unit, added_up.arrays.unit) == ("patient", "pattern")
    assert len(added_up.arrays.data["event"]) <= 2 * 2 * 2 * 3
    one, other = (cases.Evaluator(build_graph(form)) for form in (by_row, added_up))
    for seed in range(3):
        point = one.point(seed)
        likelihood, prior, named = one.at(point)
        short_likelihood, short_prior, short_named = other.at(point)
        assert short_likelihood.sum() == pytest.approx(likelihood.sum(), rel=1e-10)
        assert short_prior == pytest.approx(prior, rel=1e-10)
        for name, value in named.items():
            np.testing.assert_allclose(short_named[name], value, rtol=1e-10, atol=1e-12)


def test_patterns_tell_slopes_of_groups_apart(monkeypatch):
    """A column that enters through a group's slope alone is a covariate like any other."""
    spec = cases.specification("independent", SLOPES, formula="albi")
    rows = cases.person_time(patients=300, levels=2)
    by_row = cases.Evaluator(build_graph(prepare(spec, rows)))
    monkeypatch.setattr(arrays, "AGGREGATE_ABOVE", 100)
    added_up = cases.Evaluator(build_graph(prepare(spec, rows)))
    point = by_row.point(1)
    assert added_up.at(point)[0].sum() == pytest.approx(by_row.at(point)[0].sum(), rel=1e-10)


@pytest.mark.parametrize("hazard", ["weibull", "gompertz", "mspline"])
def test_other_hazards_keep_their_rows(monkeypatch, hazard):
    monkeypatch.setattr(arrays, "AGGREGATE_ABOVE", 100)
    prepared = prepare(cases.specification(hazard), cases.person_time(patients=300, levels=2))
    assert prepared.arrays.unit == "patient"


def test_many_covariate_patterns_keep_their_rows(monkeypatch):
    monkeypatch.setattr(arrays, "AGGREGATE_ABOVE", 100)
    prepared = prepare(cases.specification("independent"), cases.person_time(patients=100))
    assert prepared.arrays.unit == "patient"
