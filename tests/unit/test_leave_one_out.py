"""Leave-one-patient-out is one number, whoever tells it, and missing where it is not defined."""

from dataclasses import replace

import numpy as np
import pytest

from bayes_ihlrt.analysis.parameters import SEVERAL, WEIGHTED, leave_one_out
from bayes_ihlrt.checks import leave_out
from bayes_ihlrt.checks.terms import values_of
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import ConvergenceError
from fabricated import fabricate

EVENTS, MONTHS = np.array([1.0, 1.0, 1.0, 1.0]), np.array([9.0, 7.0, 3.0, 12.0])


def fit_with(log_rate):
    """Return four patients with constant hazards."""
    return fabricate({"family": "exponential"}, {"log_rate": log_rate})


@pytest.fixture
def gamma():
    """Return draws of the exact posterior of a constant hazard without any prior."""
    rate = np.random.default_rng(1).gamma(EVENTS.sum(), 1.0 / MONTHS.sum(), (4, 1000))
    return fit_with(np.log(rate))


def test_copies_of_few_draws_are_told():
    found, failure = leave_one_out(fit_with(np.full((4, 200), -3.0)), seed=1)
    assert (found.elpd, found.note) == (None, f"not computed: {failure.reason}")
    assert "copies of few" in failure.reason


def test_without_a_patient_the_posterior_is_that_of_the_others(gamma):
    """Lomax: p(t) = a b^a / (b + t)^(a + 1) with the events a and the months b of the others."""
    found, patients = leave_one_out(gamma, seed=1)
    shape, rate = EVENTS.sum() - EVENTS, MONTHS.sum() - MONTHS
    exact = np.log(shape) + shape * np.log(rate) - (shape + 1.0) * np.log(rate + MONTHS)
    assert found.note is None
    assert patients.elpd == pytest.approx(exact, abs=0.05)
    assert found.elpd == patients.total == pytest.approx(exact.sum(), abs=0.1)
    given = (EVENTS.sum(), MONTHS.sum())
    within = np.log(given[0]) + given[0] * np.log(given[1])
    within -= (given[0] + 1.0) * np.log(given[1] + MONTHS)
    assert found.p_loo == pytest.approx((within - exact).sum(), abs=0.1)
    assert found.predicts is None


def test_draws_that_are_no_posterior_given_patients_have_none(gamma):
    gamma.tree.attrs["engine"] = "linked-bootstrap"
    assert leave_one_out(gamma, seed=1)[0].note == WEIGHTED
    del gamma.tree.attrs["engine"]
    columns = {**gamma.person_time.columns, "trial": np.arange(5)}
    rows = PersonTime(columns, gamma.person_time.provenance)
    assert leave_one_out(replace(gamma, person_time=rows), seed=1)[0].note == SEVERAL


def test_large_cohorts_are_looked_at_with_fewer_draws(gamma, monkeypatch):
    whole = leave_one_out(gamma, seed=1)[1]
    monkeypatch.setattr(leave_out, "_MOST", 8000)
    found = leave_one_out(gamma, seed=1)[1]
    assert (whole.every, found.every) == (1, 2)
    assert found.weights.shape == (4, 2000)
    assert found.elpd == pytest.approx(whole.elpd, abs=0.1)


def test_what_cannot_be_computed_says_why(gamma, monkeypatch):
    def fails(*_, **__):
        message = "no mode was found"
        raise ConvergenceError(message, "Use tighter priors")

    monkeypatch.setattr(leave_out, "pointwise", fails)
    found, failure = leave_one_out(gamma, seed=1)
    assert (found.elpd, found.note) == (None, "not computed: no mode was found")
    assert failure.part == "leave-one-out"


def test_checks_tell_what_the_fit_told(gamma, monkeypatch):
    """The patients of the fit are not left out again."""
    _, patients = leave_one_out(gamma, seed=1)
    given = (gamma.prepared, values_of(gamma), gamma.person_time)
    assert leave_out.leave_one_out(*given, seed=1)[0].total == patients.total
    monkeypatch.setattr(leave_out, "leave_out_patients", lambda *_, **__: pytest.fail("again"))
    assert leave_out.leave_one_out(*given, seed=1, patients=patients) == (patients, None)
