"""Tests without a model: against SciPy's log-rank, and areas under Kaplan-Meier curves by hand."""

import jax
import numpy as np
import pytest
from scipy.stats import CensoredData, logrank

from bayes_ihlrt.comparators.log_rank import log_rank
from bayes_ihlrt.comparators.restricted_mean import restricted_mean
from bayes_ihlrt.comparators.statistics import compared
from bayes_ihlrt.spec.rules import ComparatorSpec


@pytest.fixture(autouse=True)
def double():
    jax.config.update("jax_enable_x64", val=True)


def trial(seed, *, ties):
    rng = np.random.default_rng(seed)
    event, censoring = rng.exponential(10.0, 60), rng.uniform(5.0, 30.0, 60)
    if ties:
        event, censoring = np.ceil(event), np.ceil(censoring)
    arm, there = rng.integers(0, 2, 60) * 1.0, (rng.random(60) < 0.9) * 1.0
    return np.minimum(event, censoring), (event <= censoring) * 1.0, there, arm


def censored(months, event, chosen):
    return CensoredData(
        uncensored=months[chosen & (event == 1)], right=months[chosen & (event == 0)]
    )


@pytest.mark.parametrize("seed", range(4))
def test_log_rank_is_that_of_scipy_with_and_without_ties(seed):
    months, event, there, arm = trial(seed, ties=bool(seed % 2))
    groups = [censored(months, event, (there == 1) & (arm == side)) for side in (1, 0)]
    found = float(log_rank((months, event, there), arm))
    assert found == pytest.approx(logrank(*groups).statistic, abs=1e-12)


def test_strata_add_up_before_they_are_divided():
    months, event, there, arm = trial(5, ties=True)
    stratum = np.arange(60) % 3
    sums = np.zeros(2)
    for level in range(3):
        inside = there * (stratum == level)
        for time in np.unique(months[(event == 1) & (inside == 1)]):
            risk = (months >= time) * inside
            dead = (months == time) * event * inside
            n, n1, d = risk.sum(), (risk * arm).sum(), dead.sum()
            sums[0] += (dead * arm).sum() - d * n1 / n
            sums[1] += d * n1 * (n - n1) * (n - d) / (n**2 * max(n - 1, 1))
    found = float(log_rank((months, event, there), arm, stratum=stratum, levels=3))
    assert found == pytest.approx(sums[0] / np.sqrt(sums[1]), abs=1e-12)
    assert found != pytest.approx(float(log_rank((months, event, there), arm)), abs=1e-3)


def area(months, event, horizon):
    """Return the area under a Kaplan-Meier curve and Greenwood's variance, step by step."""
    times = [time for time in np.unique(months[event == 1]) if time <= horizon]
    edges = [0.0, *times, horizon]
    alive, steps = [1.0], []
    for time in times:
        n, d = (months >= time).sum(), ((months == time) & (event == 1)).sum()
        alive.append(alive[-1] * (1.0 - d / n))
        steps.append((n, d))
    pieces = np.array(alive) * np.diff(edges)
    left = [pieces[k + 1 :].sum() for k in range(len(times))]
    spread = sum(a**2 * d / (n * (n - d)) for a, (n, d) in zip(left, steps, strict=True) if n > d)
    return pieces.sum(), spread


@pytest.mark.parametrize("seed", range(4))
def test_restricted_means_are_areas_with_greenwoods_error(seed):
    months, event, there, arm = trial(seed, ties=bool(seed % 2))
    chosen = [(there == 1) & (arm == side) for side in (1, 0)]
    means = [area(months[one], event[one], 4.5) for one in chosen]
    found = restricted_mean((months, event, there), arm, horizon=4.5)
    assert float(found[0]) == pytest.approx(means[0][0] - means[1][0], abs=1e-12)
    assert float(found[1]) == pytest.approx(np.sqrt(means[0][1] + means[1][1]), abs=1e-12)


def test_what_has_no_answer_is_no_number():
    months, arm = np.array([3.0, 5.0, 2.0, 4.0]), np.array([1.0, 1.0, 0.0, 0.0])
    nobody, everybody = np.zeros(4), np.ones(4)
    assert np.isnan(float(log_rank((months, nobody, everybody), arm)))
    assert np.isnan(float(restricted_mean((months, nobody, everybody), arm, horizon=6.0)[0]))
    assert float(restricted_mean((months, everybody, everybody), arm, horizon=6.0)[0]) == 1.0


def test_statistics_are_large_where_treatment_helps():
    tests = (
        ComparatorSpec(test="log-rank"),
        ComparatorSpec(test="log-rank", stratified=True),
        ComparatorSpec(test="rmst", horizon=6.0),
    )
    months, arm = np.r_[np.full(20, 9.0), np.arange(1.0, 21.0) / 4], np.repeat([1.0, 0.0], 20)
    followed = tuple(each[None, None] for each in (months, np.ones(40), np.ones(40)))
    stratum = (np.arange(40) % 2)[None, None]
    found = np.asarray(compared(tests, 2)(followed, arm[None, None], stratum))
    assert found.shape == (1, 1, 3)
    assert (found > 3.0).all()
