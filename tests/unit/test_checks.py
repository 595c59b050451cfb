"""Kernels of the model checks against closed forms and second routes; nothing is fitted."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import integrate, stats

from bayes_ihlrt.checks.accuracy import (
    brier_score,
    censoring_weights,
    dynamic_auc,
    observed_by_group,
)
from bayes_ihlrt.checks.families import stacking_weights, with_hazard
from bayes_ihlrt.checks.pointwise import log_group_integral
from bayes_ihlrt.checks.result import Status, Verdict
from bayes_ihlrt.checks.risk_sets import _at_risk, scaled_poisson, thinned
from bayes_ihlrt.checks.score import ALPHA, score
from bayes_ihlrt.checks.terms import event_quantiles, hazard_columns
from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.spec.model import HazardSpec, ModelSpec


# The error of 25 nodes grows with the spread: measured 1.7e-14, 2.6e-9 and 1.4e-5.
@pytest.mark.parametrize(("sd", "error"), [(0.05, 1e-10), (0.5, 1e-10), (1.0, 1e-8), (2.0, 5e-5)])
@pytest.mark.parametrize(("events", "expected"), [(0, 0.3), (1, 0.001), (7, 4.0), (60, 25.0)])
def test_the_group_integral_is_the_integral(events, expected, sd, error):
    def inside(u):
        return np.exp(events * u - expected * np.exp(u)) * stats.norm.pdf(u, 0.0, sd)

    mode = np.log((events + 0.1) / expected)
    edges = sorted({-12.0 * sd, 12.0 * sd, *np.clip([mode, 0.0], -12.0 * sd, 12.0 * sd)})
    parts = [
        integrate.quad(inside, low, high, epsabs=0.0, epsrel=1e-11, limit=400)[0]
        for low, high in itertools.pairwise(edges)
    ]
    found = log_group_integral(events, expected, sd)
    assert found == pytest.approx(np.log(sum(parts)), abs=error)


def test_a_group_without_spread_is_a_point():
    assert log_group_integral(3.0, 2.0, 1e-6) == pytest.approx(-2.0, abs=1e-6)


def test_the_group_integral_takes_arrays():
    found = log_group_integral(np.arange(3.0)[:, None], np.ones(4), 0.4)
    assert found.shape == (3, 4)
    assert found[2, 0] == pytest.approx(float(log_group_integral(2.0, 1.0, 0.4)))


def test_the_score_of_a_poisson_rate_with_a_flat_prior():
    """Two periods of equal exposure, one rate: the classical score test of equal rates."""
    early, late, months = 30.0, 12.0, 100.0
    rng = np.random.default_rng(1)
    # Under the flat prior on the log rate its posterior is Gamma(events, months).
    rate = rng.gamma(early + late, 1.0 / (2.0 * months), 400_000)
    residuals = np.stack([early - rate * months, late - rate * months], axis=1)
    pooled = (early + late) / 2.0
    found = score(("early", "late"), np.array([early, late]), residuals, np.diag([pooled] * 2))
    classical = (early - late) ** 2 / (early + late)
    assert found.df == 1
    # The share of variance left is 1 - 0 in this direction, estimated from the draws.
    assert found.statistic == pytest.approx(classical, rel=0.01)
    assert found.p == pytest.approx(stats.chi2.sf(classical, 1), rel=0.05)


def test_the_score_is_calibrated_over_the_prior():
    """Poisson counts with a Gamma prior that two columns share: exact law of total variance."""
    rng = np.random.default_rng(2)
    shape, rate, months = 40.0, 2.0, np.array([1.0, 0.5])
    statistics = []
    for _ in range(2000):
        truth = rng.gamma(shape, 1.0 / rate)
        counts = rng.poisson(truth * months)
        posterior = rng.gamma(shape + counts.sum(), 1.0 / (rate + months.sum()), 1000)
        residuals = counts - posterior[:, None] * months
        expected = posterior.mean() * months
        found = score(("a", "b"), counts * 1.0, residuals, np.diag(expected))
        statistics.append((found.statistic, found.df))
    values, dfs = np.array(statistics).T
    assert set(dfs) == {2.0}
    # Mean 2 and standard deviation 2 of chi-square: Monte Carlo error 2 / sqrt(2000), times 4.
    assert values.mean() == pytest.approx(2.0, abs=4 * 2.0 / np.sqrt(2000))
    flags = (values > stats.chi2.isf(ALPHA, 2)).mean()
    assert flags < ALPHA + 4 * np.sqrt(ALPHA / 2000)


def test_columns_with_nothing_to_expect_are_left_out():
    observed = np.array([20.0, 0.0])
    residuals = np.tile([[10.0, -0.1]], (5, 1))
    found = score(("seen", "empty"), observed, residuals, np.diag([10.0, 0.1]))
    assert found.df == 1
    assert found.statistic == pytest.approx(10.0)
    assert found.worst.startswith("seen")


def test_a_score_that_the_model_has_fitted_cannot_tell():
    residuals = np.random.default_rng(3).normal(0.0, 5.0, (4000, 1))
    found = score(("total",), np.array([25.0]), residuals, np.array([[25.0]]))
    assert found.df == 0
    verdict = found.verdict("hazard", finding="", nothing="")
    assert verdict.status is Status.CANNOT_TELL
    assert verdict.to_dict()["numbers"]["p"] is None


@pytest.mark.parametrize(
    ("excess", "information", "status"),
    [(20.0, 30.0, Status.FLAG), (0.0, 30.0, Status.NO_FLAG), (0.0, 4.0, Status.CANNOT_TELL)],
)
def test_verdicts_of_a_score(excess, information, status):
    residuals = np.full((3, 1), excess)
    found = score(("x",), np.array([40.0]), residuals, np.array([[information]]))
    assert found.verdict("c", finding="Wrong", nothing="Right").status is status


def test_the_power_of_a_score_is_that_of_the_normal():
    found = score(("x",), np.array([40.0]), np.zeros((3, 1)), np.array([[30.0]]))
    shift, bound = np.log(2.0) * np.sqrt(30.0), stats.norm.isf(ALPHA / 2.0)
    power = stats.norm.sf(bound - shift) + stats.norm.cdf(-bound - shift)
    assert found.power == pytest.approx(power, rel=1e-6)


def test_without_censoring_the_brier_score_is_the_mean_square():
    rng = np.random.default_rng(4)
    time, survival = rng.exponential(10.0, 50), rng.random(50)
    found = brier_score(time, np.ones(50), survival, 8.0)
    assert found.value == pytest.approx(np.mean(((time > 8.0) - survival) ** 2), rel=1e-12)


def test_censoring_weights_make_up_for_the_censored():
    """In expectation: events by the horizon and those beyond it, weighted, are everybody."""
    rng = np.random.default_rng(5)
    count, horizon = 4000, 8.0
    event_time, censored = rng.exponential(10.0, count), rng.exponential(15.0, count)
    time, event = np.minimum(event_time, censored), (event_time <= censored) * 1.0
    weight = censoring_weights(time, event, horizon)
    truth = stats.expon.sf(horizon, scale=10.0)
    # Standard error of the weighted share of survivors, with its weights as they are.
    se = np.sqrt(np.mean(weight**2 * (time > horizon)) / count)
    assert np.mean(weight * (time > horizon)) == pytest.approx(truth, abs=4 * se)


def test_the_share_of_survivors_by_weights_is_kaplan_meier():
    """Without ties between events and censoring the two are the same number."""
    rng = np.random.default_rng(6)
    event_time, censored = rng.exponential(10.0, 200), rng.exponential(15.0, 200)
    time, event = np.minimum(event_time, censored), (event_time <= censored) * 1.0
    share = np.mean(censoring_weights(time, event, 6.0) * (time > 6.0))
    survival, _ = observed_by_group(time, event, np.zeros(200, np.intp), 6.0)
    assert share == pytest.approx(survival[0], rel=1e-9)


def test_an_event_at_the_time_of_a_censoring_comes_first():
    time, event = np.array([2.0, 2.0, 5.0]), np.array([1.0, 0.0, 1.0])
    assert censoring_weights(time, event, 4.0).tolist() == pytest.approx([1.0, 0.0, 2.0])


def test_the_auc_without_censoring_counts_pairs():
    rng = np.random.default_rng(7)
    time, survival = rng.exponential(10.0, 60), rng.random(60).round(1)
    case, control = survival[time <= 8.0], survival[time > 8.0]
    pairs = (case[:, None] < control) + 0.5 * (case[:, None] == control)
    found = dynamic_auc(time, np.ones(60), survival, 8.0)
    assert found.value == pytest.approx(pairs.mean(), rel=1e-12)
    assert 0.0 < found.se < 0.2


def test_no_auc_without_cases():
    found = dynamic_auc(np.array([5.0, 6.0]), np.ones(2), np.array([0.5, 0.6]), 1.0)
    assert np.isnan(found.value)


def test_survival_beyond_the_follow_up_of_a_group_is_unknown():
    time, event = np.array([1.0, 2.0, 9.0]), np.array([1.0, 0.0, 1.0])
    group = np.array([0, 0, 1])
    survival, se = observed_by_group(time, event, group, 5.0)
    assert np.isnan(survival[0])
    assert survival[1] == 1.0
    assert se[1] == 0.0


def test_stacking_finds_the_mixture():
    """Data from a mixture of two known densities: the weights are those of the mixture."""
    rng = np.random.default_rng(8)
    first = rng.random(20_000) < 0.3
    y = np.where(first, rng.normal(-2.0, 1.0, 20_000), rng.normal(2.0, 1.0, 20_000))
    density = np.stack([stats.norm.logpdf(y, -2.0), stats.norm.logpdf(y, 2.0)])
    # Standard error of a share of 0.3 in 20,000, times 4; the groups overlap little.
    assert stacking_weights(density)[0] == pytest.approx(0.3, abs=4 * 0.0035)


def test_stacking_leaves_out_a_model_that_is_worse_everywhere():
    density = np.log(np.array([[0.5, 0.6, 0.4], [0.1, 0.2, 0.1]]))
    assert stacking_weights(density).tolist() == pytest.approx([1.0, 0.0], abs=1e-6)


@pytest.mark.parametrize("patients", [80, 2000])
def test_stacking_of_models_that_are_nearly_alike_is_at_its_maximum(patients):
    """The score is concave: what its gradient at the weights leaves to gain bounds what they lack.

    2,000 steps of expectation-maximisation left 0.46 of 2,000 patients, and weights 0.5 away;
    a tolerance of 1e-6 leaves up to 0.28.
    """
    rng = np.random.default_rng(5)
    shared = rng.normal(-3.0, 1.0, patients)
    for spread in (0.02, 0.1, 0.4):
        terms = shared + rng.normal(0.0, spread, (4, patients))
        weights = stacking_weights(terms)
        assert weights.sum() == pytest.approx(1.0)
        density = np.exp(terms)
        left = (density / (weights @ density)).sum(axis=1).max() - patients
        assert left < 0.005


def test_stacking_of_one_model_and_of_densities_near_nothing():
    assert stacking_weights(np.array([[-3.0, -2.0]])).tolist() == [1.0]
    low = np.array([[-2000.0, -1000.0], [-2001.0, -1000.0]])
    assert stacking_weights(low).tolist() == pytest.approx([1.0, 0.0], abs=1e-6)


def test_another_hazard_keeps_the_priors_that_it_can_have():
    spec = ModelSpec.model_validate(
        {
            "outcome": {"formula": "albi"},
            "priors": {
                "albi": {"dist": "Normal", "mu": 0.0, "sigma": 1.0},
                "log_shape": {"dist": "Normal", "mu": 0.0, "sigma": 0.2},
                "baseline": {"median_survival": 10.0, "upper": 40.0},
            },
        }
    )
    found = with_hazard(spec, HazardSpec(family="exponential"))
    assert set(found.priors) == {"albi", "baseline"}


def test_cut_points_hold_ten_events_each():
    times = np.random.default_rng(9).exponential(12.0, 47)
    cuts = event_quantiles(times, most=6)
    counts = np.histogram(times, [0.0, *cuts, np.inf])[0]
    assert len(cuts) == 3
    assert counts.min() >= 10
    assert event_quantiles(times[:15]) == ()


def test_the_weight_at_risk_is_counted_between_edges():
    start, stop = np.array([0.0, 2.0, 0.0]), np.array([3.0, 5.0, 2.0])
    edges = np.unique(np.concatenate([start, stop]))
    weight = np.array([[1.0, 10.0, 100.0]])
    assert edges.tolist() == [0.0, 2.0, 3.0, 5.0]
    assert _at_risk(weight, start, stop, edges).tolist() == [[101.0, 11.0, 10.0]]


def test_weighted_counts_have_mean_and_variance():
    rng = np.random.default_rng(10)
    counts = scaled_poisson(np.full(100_000, 6.0), np.full(100_000, 9.0), rng)
    # Four standard errors of the mean and of the variance (nearly normal, kurtosis 1 / 4).
    assert counts.mean() == pytest.approx(6.0, abs=4 * 3.0 / np.sqrt(1e5))
    assert counts.var() == pytest.approx(9.0, abs=4 * 9.0 * np.sqrt(2.25 / 1e5))
    assert scaled_poisson(np.zeros(3), np.zeros(3), rng).tolist() == [0.0, 0.0, 0.0]


def test_thinned_draws_are_spread_over_all():
    found = thinned({"a": np.arange(1000.0)}, most=5)["a"]
    assert found[0] == 0.0
    assert found[-1] == 999.0
    assert len(found) == 5


def test_a_verdict_as_plain_data():
    found = Verdict("c", Status.FLAG, "Why.", {"p": 0.001, "worst": "x", "power": np.nan, "df": 2})
    assert found.to_dict() == {
        "check": "c",
        "verdict": "flag",
        "reason": "Why.",
        "numbers": {"p": 0.001, "worst": "x", "power": None, "df": 2},
        "failed": None,
    }


def test_exposure_falls_into_the_period_that_it_was_spent_in():
    """Times that differ from a cut by rounding alone stay on their side of it."""
    stop = np.repeat(np.arange(1, 11) / 10.0, 5)
    stop = np.where(np.arange(50) % 2, stop * (1.0 + 2e-16), stop)
    rows = {
        "patient": np.array([f"p{n:02d}" for n in range(50)], dtype=object),
        "start": np.zeros(50),
        "stop": stop,
        "event": np.ones(50),
        "weight": np.ones(50),
    }
    person_time = PersonTime(rows, Provenance(DesignKind.FIXED, {}, 0.0, {}, {}))
    found = hazard_columns(SimpleNamespace(person_time=person_time))
    pieces = found.person_time
    cuts = event_quantiles(stop)
    assert len(cuts) == 4
    length = pieces.columns["stop"] - pieces.columns["start"]
    edges = np.array([0.0, *cuts, 2.0])
    spent = [np.clip(stop - low, 0.0, high - low).sum() for low, high in itertools.pairwise(edges)]
    assert length @ found.values == pytest.approx(spent, rel=1e-9)
    assert float((pieces.columns["event"] @ found.values).sum()) == 50.0


def test_a_cohort_with_few_events_has_one_period():
    rows = {
        "patient": np.array(["a", "b"], dtype=object),
        "start": np.zeros(2),
        "stop": np.array([3.0, 5.0]),
        "event": np.ones(2),
        "weight": np.ones(2),
    }
    person_time = PersonTime(rows, Provenance(DesignKind.FIXED, {}, 0.0, {}, {}))
    found = hazard_columns(SimpleNamespace(person_time=person_time))
    assert found.labels == ("all",)
    assert found.values.tolist() == [[1.0], [1.0]]
