"""Priors in the terms of a reader, probabilities before the data, and conflicts told."""

import numpy as np
import pytest

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.analysis.prior import prior_conflict, prior_draws, prior_fit
from bayes_ihlrt.analysis.prior_words import beside_prior, prior_sentence
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.estimands.contrasts import chance_above
from bayes_ihlrt.estimands.turnbull import until_treatment
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.prior_sets import prior_set_names
from bayes_ihlrt.spec.treatment import TreatmentSpec
from fabricated import fabricate

TABLES = {
    "name": "test",
    "data": {"patient": "id", "time": "months", "event": "death"},
    "treatment": {"name": "trt", "start": "start"},
    "modifier": {"name": "nlr", "column": "nlr", "reference": 3.0},
    "outcome": {"formula": "trt * nlr"},
}


def cohort(median=4.9, patients=100):
    """Return patients who live for exponential times; half start treatment in month 1."""
    rng = np.random.default_rng(1)
    months = np.minimum(rng.exponential(median / np.log(2.0), patients), 60.0)
    start = np.where((rng.random(patients) < 0.5) & (months > 1.0), 1.0, np.nan)
    return {
        "id": [f"p{number}" for number in range(patients)],
        "months": months,
        "death": (months < 60.0).astype(float),
        "start": start,
        "nlr": rng.lognormal(1.0, 0.5, patients),
    }


def checked(priors, data=None):
    spec = AnalysisSpec.model_validate({**TABLES, "priors": priors})
    return check_analysis(spec, cohort() if data is None else data)


def said(priors):
    found = checked(priors)
    return prior_sentence(found.spec, found.priors)


def test_defaults_are_told_as_hazard_ratio_and_survival():
    assert said({}) == (
        "Priors, before the data: hazard ratio of trt 1.00 (95 % 0.38 to 2.66; P(below 1) 0.50) "
        "[package default]; its change with nlr 1.00 (95 % 0.61 to 1.63; P(below 1) 0.50) "
        "[package default]; untreated survival at month 50: 50% (95 % 0% to 96%) [package default]."
    )


def test_stated_priors_are_told_with_where_they_come_from():
    (name,) = prior_set_names()
    told = said({"base": name, "trt": {"dist": "Normal", "mu": 0.0, "sigma": 10.0}})
    assert "hazard ratio of trt all but flat [specification]" in told
    assert f"untreated median survival 19.2 months (95 % 6.1 to 60) [set {name}]" in told


def test_what_is_no_normal_prior_is_told_as_it_is():
    assert "StudentT(nu 3, mu 0, sigma 1)" in said(
        {"trt": {"dist": "StudentT", "nu": 3.0, "mu": 0.0, "sigma": 1.0}}
    )


def before(found):
    prepared = prepare(found.spec.model, found.person_time)
    prior = prior_draws(prepared, seed=1, draws=1000)
    return prior, prepared


@pytest.mark.parametrize("sigma", [0.5, 100.0])
def test_a_prior_that_favours_nobody_has_probability_one_half(sigma):
    """Exactly: draws are mirrored, and ties under a flat prior are shared out."""
    prior, _ = before(checked({"trt": {"dist": "Normal", "mu": 0.0, "sigma": sigma}}))
    effect = prior["trt"].to_numpy() + 1.3 * prior["trt:nlr"].to_numpy()
    assert chance_above(np.zeros_like(effect), effect).mean() == 0.5


@pytest.fixture(scope="module")
def conflict():
    """Return a function from priors and data to what is told of their conflict."""

    def told(priors, data=None):
        from dataclasses import replace

        import xarray as xr

        from bayes_ihlrt.posterior.fitted import FittedModel

        found = checked(priors, data)
        prior, prepared = before(found)
        tree = xr.DataTree.from_dict({"posterior": prior})
        fit = FittedModel(prepared, found.person_time, tree, None)
        fit = prior_fit(replace(fit), prior, seed=1)
        return prior_conflict(fit, found.person_time, "trt")

    return told


NARROW = {"baseline": {"median_survival": 19.2, "upper": 30.0}}


def test_observed_survival_outside_the_priors_is_told(conflict):
    told = conflict(NARROW)
    assert told.startswith("Observed survival without treatment is ")
    assert "outside the 95 % that the priors expected" in told


def test_nothing_is_told_where_the_prior_expected_it(conflict):
    assert conflict({}) is None
    assert conflict(NARROW, cohort(median=19.2)) is None


def test_few_untreated_events_say_nothing(conflict):
    data = cohort(patients=40)
    data["death"] = np.where(np.arange(40) < 4, data["death"], 0.0)
    assert conflict(NARROW, data) is None


TREATED = TreatmentSpec(name="ihlrt", start="ihlrt")


def between_scans(rng, median=3.0, patients=200, apart=4.0, treated=False):
    """Rows of patients of whom an exponential event is found at scans, the first at random."""
    event = rng.exponential(median / np.log(2.0), patients)
    start = rng.exponential(6.0, patients) if treated else np.full(patients, np.inf)
    found, free = rng.uniform(0.0, apart, patients), np.zeros(patients)
    while (late := found < event).any():
        free[late] = found[late]
        found[late] += apart
    columns = {
        "patient": np.array([f"p{number}" for number in range(patients)], dtype=object),
        "start": np.zeros(patients),
        "stop": found,
        "event": np.ones(patients),
        "last_free": free,
        "treatment_start": np.where(start < found, start, np.inf),
        "nlr": np.full(patients, 3.0),
    }
    return person_time(Cohort(columns), TREATED)


@pytest.mark.parametrize("treated", [False, True])
def test_what_lies_between_scans_is_not_held_for_its_date(treated):
    """Kaplan-Meier at the scans disagrees with the truth in every one of these cohorts."""
    rng = np.random.default_rng(1)
    log_rate = np.log(np.log(2.0) / 3.0) + rng.normal(0.0, 0.3, (4, 500))
    prior = fabricate({"family": "exponential"}, {"log_rate": log_rate})
    for _ in range(5):
        assert prior_conflict(prior, between_scans(rng, treated=treated), "ihlrt") is None
    told = prior_conflict(prior, between_scans(rng, median=12.0), "ihlrt")
    assert "(Turnbull, treated person-time censored at treatment)" in told


def test_of_an_interval_that_holds_the_start_both_sides_are_read():
    frame = {"id": ["a", "b", "c"], "free": [2.0, 1.0, 6.0], "found": [5.0, 3.0, None],
             "ihlrt": [3.0, 4.0, 4.0]}  # fmt: skip
    data = DataSpec(patient="id", event={"left": "free", "right": "found"})
    rows = person_time(Cohort.from_frame(frame, data, TREATED), TREATED)
    later, earlier = until_treatment(rows, "ihlrt")
    for number, expected in enumerate(([0.0] * 3, [2.0, 1.0, 4.0])):
        np.testing.assert_array_equal(later[number], expected)
        np.testing.assert_array_equal(earlier[number], expected)
    np.testing.assert_array_equal(later[2], [np.inf, 3.0, np.inf])
    np.testing.assert_array_equal(earlier[2], [3.0, 3.0, np.inf])


def test_a_prior_probability_stands_beside():
    assert beside_prior("0.93", 0.5) == "0.93, prior 0.50"
    assert beside_prior("0.93", None) == "0.93"
