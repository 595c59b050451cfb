"""What halving patients' weights shows, against closed forms and a second route.

Weighted exponential times: the log rate of an arm is l = log sum s w d - log sum s w t under
patient weights s, so that every mode is known.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import polygamma

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import emulate
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.weighted import bootstrap
from bayes_ihlrt.weighted import models as weighted_models
from bayes_ihlrt.weighted.adjusted import prepare_adjusted
from bayes_ihlrt.weighted.analysis import prepare_weighted
from bayes_ihlrt.weighted.bootstrap import (
    degrees_of_freedom,
    half_weight_covariance,
    linked_bootstrap,
    widened,
)
from bayes_ihlrt.weighted.models import Models
from weighted_cases import (
    ARM,
    DATA,
    EXPONENTIAL,
    WIDE,
    by_arm,
    confounded,
    exponential,
    given,
    sequential,
    with_given_weights,
)

PATIENTS = 60
CONSTANT = PropensitySpec(formula="")


@pytest.fixture(scope="module")
def analysis():
    emulation = confounded(PATIENTS)
    return with_given_weights(prepare_weighted(emulation, EXPONENTIAL, CONSTANT))


def log_hazard_ratio(emulation, weight):
    """Return the estimate under weights of the rows, shape (..., rows)."""
    months, event, _, arm = by_arm(emulation)
    untreated, treated = (
        np.log(weight[..., part] @ event[part]) - np.log(weight[..., part] @ months[part])
        for part in (~arm, arm)
    )
    return treated - untreated


def covariance(analysis, **options):
    """Return H of the log hazard ratio, as the package finds it."""
    models = Models(analysis)
    starts = models.at_once().starts
    found = half_weight_covariance(models, starts, np.random.default_rng(1), **options)
    place = models.outcome.engine.density.names.index("arm")
    return found[place, place]


def from_estimates(whole, halved):
    return float(np.sum(np.square(2.0 * (halved - whole))))


@pytest.mark.parametrize("groups", [pytest.param(PATIENTS, marks=pytest.mark.slow), 30])
def test_it_is_that_of_the_closed_form(analysis, groups):
    group = np.arange(PATIENTS)
    if groups < PATIENTS:
        group = np.random.default_rng(1).permutation(PATIENTS) % groups
    patient = 1.0 - 0.5 * (group == np.arange(groups)[:, None])
    row = given(PATIENTS)
    expected = from_estimates(
        log_hazard_ratio(analysis.emulation, row),
        log_hazard_ratio(analysis.emulation, patient * row),
    )
    # Modes are exact to 1e-4 standard deviations, of which 60 differences are taken.
    assert covariance(analysis, groups=groups) == pytest.approx(expected, rel=1e-3)


def logistic(x, treated, weight):
    """Return the probabilities of treatment at the maximum of a weighted likelihood."""
    design = np.stack([np.ones_like(x), x], axis=1)
    found = np.zeros(2)
    for _ in range(50):
        chance = 1.0 / (1.0 + np.exp(-design @ found))
        information = design.T @ (design * (weight * chance * (1.0 - chance))[:, None])
        found += np.linalg.solve(information, design.T @ (weight * (treated - chance)))
    return 1.0 / (1.0 + np.exp(-design @ found))


def test_the_propensity_is_found_anew_without_half_of_a_patient():
    emulation = confounded(PATIENTS)
    flat = {"default": WIDE, "intercept": WIDE}
    spec = PropensitySpec(formula="x", estimand="att", priors=flat)
    x = emulation.decisions.columns["x"].astype(float)
    treated = emulation.decisions.initiated

    def estimate(patient):
        odds = logistic(x, treated, patient)
        weight = np.where(treated == 1.0, 1.0, odds / (1.0 - odds))
        return log_hazard_ratio(emulation, patient * weight)

    halved = [estimate(patient) for patient in 1.0 - 0.5 * np.eye(PATIENTS)]
    expected = from_estimates(estimate(np.ones(PATIENTS)), np.array(halved))
    held = [
        log_hazard_ratio(emulation, patient * np.where(treated == 1.0, 1.0, odds / (1.0 - odds)))
        for odds in [logistic(x, treated, np.ones(PATIENTS))]
        for patient in [np.ones(PATIENTS), *(1.0 - 0.5 * np.eye(PATIENTS))]
    ]
    assert abs(from_estimates(held[0], np.array(held[1:])) / expected - 1.0) > 0.05
    found = covariance(prepare_weighted(emulation, EXPONENTIAL, spec))
    assert found == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("events", "expected"), [(1, 1.92), (2, 0.66), (3, 0.40)])
def test_of_few_events_it_is_close_to_the_posterior_variance_of_a_log_rate(events, expected):
    """Half of one of d events: d (2 log(1 - 1 / 2d))^2, against trigamma(d), flat prior."""
    assert events * np.square(2.0 * np.log1p(-0.5 / events)) == pytest.approx(expected, abs=0.005)
    assert expected == pytest.approx(polygamma(1, events), rel=0.2 if events == 1 else 0.03)
    columns = {
        "id": [f"p{number}" for number in range(40)],
        "months": np.ones(40),
        "death": np.where(np.arange(40) < 20, 1.0, np.arange(40) < 20 + events),
        "arm": np.repeat([0.0, 1.0], 20),
    }
    emulation = emulate(Cohort.from_frame(columns, DATA, ARM), ARM)
    found = covariance(prepare_weighted(emulation, EXPONENTIAL, CONSTANT))
    halved = log_hazard_ratio(emulation, 1.0 - 0.5 * np.eye(40))
    whole = log_hazard_ratio(emulation, np.ones(40))
    # The prior has a ten-thousandth of one event's precision, at each of two levels.
    assert found == pytest.approx(from_estimates(whole, halved), rel=2e-3)


def test_draws_have_at_least_that_covariance(analysis, monkeypatch):
    wanted = 2.0 * covariance(analysis)
    own = half_weight_covariance
    monkeypatch.setattr(bootstrap, "half_weight_covariance", lambda *given: 2.0 * own(*given))
    found = linked_bootstrap(analysis, draws=4000, seed=1).fit.draws("arm")
    monkeypatch.setattr(bootstrap, "half_weight_covariance", lambda *given: 0.0 * own(*given))
    unmoved = linked_bootstrap(analysis, draws=4000, seed=1).fit.draws("arm")
    assert wanted > 1.5 * unmoved.var()
    # Monte Carlo error of a variance from 4,000 draws: 2.2 %.
    assert found.var() == pytest.approx(wanted, rel=0.1)
    assert (found - unmoved).var() == pytest.approx(wanted - unmoved.var(), rel=0.1)


def test_draws_that_are_wide_enough_stay_as_they_are():
    rng = np.random.default_rng(2)
    draws = rng.standard_normal((500, 3)) * [1.0, 2.0, 0.0]
    np.testing.assert_array_equal(widened(draws, np.diag([0.5, 1.0, 0.0]), rng), draws)


def test_draws_are_widened_along_correlations_whatever_the_units():
    rng = np.random.default_rng(3)
    draws = rng.standard_normal((50_000, 2))
    wanted = np.array([[2.0, 1.5], [1.5, 3.0]])
    units = np.array([1.0, 1000.0])
    found = widened(draws * units, wanted * np.outer(units, units), rng) / units
    # Monte Carlo error of the larger variance: 3 sqrt(2 / 50,000) = 0.019.
    np.testing.assert_allclose(np.cov(found, rowvar=False), wanted, atol=0.08)


@pytest.mark.parametrize(("dims", "count"), [(3, 400), (6, 400), (6, 2000), (12, 400)])
def test_chance_alone_widens_little(dims, count):
    """Draws that have the wanted covariance already: before, 2 to 4 % were added."""
    rng = np.random.default_rng(4)
    added = []
    for _ in range(20):
        draws = rng.standard_normal((count, dims))
        added.append(widened(draws, np.eye(dims), rng).std(axis=0) / draws.std(axis=0) - 1.0)
    # Deviations in the variance of all directions together, positive ones only, leave
    # sqrt(2 / (dims draws)) / sqrt(2 pi) / 2: 0.8 % at worst here; chance moves draws both ways.
    assert -0.005 < np.mean(added) < 0.015


@pytest.mark.parametrize("excess", [0.1, 0.3])
def test_an_excess_alike_in_all_directions_stays(excess):
    rng = np.random.default_rng(5)
    ratio = []
    for _ in range(20):
        draws = rng.standard_normal((1000, 5))
        wanted = np.eye(5) * (1.0 + excess)
        ratio.append(widened(draws, wanted, rng).var(axis=0) / draws.var(axis=0))
    # 100 variances of 1,000 draws, of which the moves are a part: 4.5 % each.
    assert np.mean(ratio) == pytest.approx(1.0 + excess, abs=0.03)


@pytest.mark.parametrize("freedom", [float("inf"), 1000.0])
def test_an_excess_in_one_direction_stays(freedom):
    """As of a treated arm that few patients decide, whatever the number of other parameters."""
    rng = np.random.default_rng(6)
    wanted, ratio = np.eye(6), []
    wanted[0, 0] = 1.6
    for _ in range(20):
        draws = rng.standard_normal((2000, 6))
        estimate = wanted
        if np.isfinite(freedom):
            rows = rng.standard_normal((int(freedom), 6)) * np.sqrt(np.diagonal(wanted))
            estimate = rows.T @ rows / freedom
        ratio.append((widened(draws, estimate, rng, freedom=freedom).var(axis=0))[0])
    assert np.mean(ratio) == pytest.approx(1.6, rel=0.05)


def test_draws_that_do_not_differ_get_the_covariance_asked():
    rng = np.random.default_rng(7)
    draws = np.zeros((2000, 2))
    found = widened(draws, np.diag([4.0, 9.0]), rng)
    np.testing.assert_allclose(found.std(axis=0), [2.0, 3.0], rtol=0.05)


def test_freedom_of_groups_is_that_of_products_of_two_patients():
    rng = np.random.default_rng(8)
    influence = rng.standard_normal(600)
    sizes = []
    for _ in range(300):
        group = rng.permutation(600) % 100
        sizes.append(np.square(np.bincount(group, influence)).sum())
    noise = np.var(sizes) / np.mean(sizes) ** 2
    # Variance of a variance from 300 partitions: 8 %.
    assert noise == pytest.approx(2.0 / degrees_of_freedom(600, groups=100), rel=0.3)


def test_a_decision_at_which_one_patient_is_left_untreated_is_no_fault():
    """Without that patient everybody would start, and the stabilising share would be one."""
    emulation = sequential(seed=11)
    decisions = emulation.decisions
    number = decisions.columns["number"].astype(int)
    left = np.bincount(number) - np.bincount(number, decisions.initiated)
    assert 1.0 in left[np.bincount(number) > 1]
    spec = PropensitySpec(formula="response")
    found = linked_bootstrap(
        prepare_weighted(emulation, exponential("ihlrt"), spec), draws=200, seed=1
    )
    assert found.failed == 0


@pytest.mark.slow
def test_strata_stay_as_they_are_at_the_mode():
    spec = PropensitySpec(formula="x", adjust="strata")
    scored = prepare_adjusted(confounded(100), EXPONENTIAL, spec)
    assert scored.scores is not None
    assert covariance(scored) == pytest.approx(covariance(replace(scored, scores=None)), rel=1e-6)


def test_patients_without_half_of_whom_there_is_no_fit_are_named(analysis, monkeypatch):
    own = Models.outcome_modes

    def lost(models, found, patient, starts):
        positions = own(models, found, patient, starts)
        positions[3:5] = np.nan
        return positions

    monkeypatch.setattr(Models, "outcome_modes", lost)
    told = r"could not be fitted at half the weight of p0003, p0004: .* State tighter priors"
    with pytest.raises(ConvergenceError, match=told):
        linked_bootstrap(analysis, draws=100)


def test_a_model_without_a_mode_is_refused(analysis, monkeypatch):
    def nowhere(shared, members):
        return np.full(len(shared.engine.density.names), np.nan if "event" in members else 0.0)

    monkeypatch.setattr(weighted_models, "centre", nowhere)
    with pytest.raises(ConvergenceError, match="the outcome model has no posterior mode"):
        linked_bootstrap(analysis, draws=100)
