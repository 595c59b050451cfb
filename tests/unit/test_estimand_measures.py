"""Hazards, quantiles, conditional survival, populations and contrasts against closed forms."""

import pickle
from dataclasses import fields

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, optimize, stats

from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.estimands.contrasts import contrast, number_needed_to_treat
from bayes_ihlrt.estimands.curves import (
    NEVER,
    conditional_survival,
    cumulative_hazard,
    event_probability,
    hazard,
    interval_event_probability,
    median_survival,
    residual_life,
    rmst,
    survival,
    survival_quantile,
    time_lost,
    treated_from,
)
from bayes_ihlrt.estimands.population import (
    Population,
    bootstrap_weights,
    external_population,
    overlap_weights,
    sample_population,
    subgroup_weights,
    treated_weights,
)
from fabricated import CHAINS, CUTS, DRAWS, effects, fabricate, normal, weibull

STRATEGIES = [NEVER, treated_from(5), treated_from(0)]


@pytest.fixture(scope="module")
def weibull_fit():
    """Four patients with three covariate patterns."""
    return fabricate({"family": "weibull"}, weibull(1.3, **effects()), "ihlrt * nlr")


@pytest.fixture(scope="module")
def stepped_fit():
    """A piecewise constant hazard with cuts at 3 and 8 months."""
    draws = {"log_hazard": normal(-2.5, width=(3,)), "ihlrt": normal(-0.7)}
    family = {"family": "piecewise", "cuts": CUTS, "smoothing": "independent"}
    return fabricate(family, draws, "ihlrt")


def curve_of(fit, strategy, chain, draw):
    """Return S(t) of one draw as a function, written out patient by patient."""
    one = {name: float(fit.posterior[name][chain, draw]) for name in fit.posterior}
    z = np.log2(np.array([1.5, 3.0, 3.0, 6.0]) / 3.0)
    untreated = np.exp(one["log_rate"] + one["nlr"] * z)
    treated = untreated * np.exp(one["ihlrt"] + one["ihlrt:nlr"] * z)
    shape = np.exp(one["log_shape"])

    def alive(t):
        first = min(t, strategy.start) ** shape
        return np.exp(-untreated * first - treated * (t**shape - first)).mean()

    return alive


@pytest.mark.parametrize("number", range(3))
def test_quantiles_of_a_mixture_are_its_roots(weibull_fit, number):
    strategy = STRATEGIES[number]
    for share in (0.01, 0.25, 0.5, 0.9):
        found = survival_quantile(weibull_fit, share, [strategy])
        for chain, draw in np.ndindex(CHAINS, DRAWS):
            alive = curve_of(weibull_fit, strategy, chain, draw)
            root = optimize.brentq(lambda t, s=alive: s(t) - 1.0 + share, 1e-9, 590.0, xtol=1e-12)  # noqa: B023
            assert float(found[chain, draw, 0]) == pytest.approx(root, rel=1e-8)


def test_median_of_a_piecewise_hazard(stepped_fit):
    """H(t) = log 2 on the right interval, treated from month 5: by hand."""
    rate, ratio = (np.exp(stepped_fit.posterior[name]) for name in ("log_hazard", "ihlrt"))
    found = median_survival(stepped_fit, [treated_from(5)])
    for chain, draw in np.ndindex(CHAINS, DRAWS):
        first, second, last = rate[chain, draw].to_numpy()
        q = float(ratio[chain, draw])
        pieces = [(3.0, first), (2.0, second), (3.0, q * second), (np.inf, q * last)]
        left, month = np.log(2.0), 0.0
        for length, level in pieces:
            step = min(length, left / level)
            month, left = month + step, left - step * level
            if left <= 1e-14:
                break
        assert float(found[chain, draw, 0]) == pytest.approx(month, rel=1e-8)


def test_quantile_needs_a_share(weibull_fit):
    with pytest.raises(SpecificationError, match="between 0 and 1; found 1"):
        survival_quantile(weibull_fit, 1.0, [NEVER])


@pytest.mark.parametrize("number", range(3))
def test_hazard_is_the_slope_of_the_cumulative_hazard(weibull_fit, number):
    """Central differences of -log S, error of order h^2."""
    times, step = np.array([0.7, 4.0, 5.5, 11.0]), 1e-4
    strategy = [STRATEGIES[number]]
    found = hazard(weibull_fit, times, strategy)
    above, below = (cumulative_hazard(weibull_fit, times + h, strategy) for h in (step, -step))
    np.testing.assert_allclose(found, (above.values - below.values) / (2 * step), rtol=1e-6)


def test_hazard_of_a_piecewise_model_is_its_level(stepped_fit):
    found = hazard(stepped_fit, [1.0, 4.0, 6.0, 9.0], [treated_from(5)])[:, :, 0]
    rate, ratio = (
        np.exp(stepped_fit.posterior[name].to_numpy()) for name in ("log_hazard", "ihlrt")
    )
    expected = [rate[..., 0], rate[..., 1], ratio * rate[..., 1], ratio * rate[..., 2]]
    np.testing.assert_allclose(found, np.stack(expected, axis=-1), rtol=1e-10)


def test_event_probabilities(weibull_fit):
    alive = survival(weibull_fit, [6.0, 18.0], STRATEGIES)
    np.testing.assert_allclose(
        event_probability(weibull_fit, [6.0], STRATEGIES), 1 - alive[..., :1]
    )
    between = interval_event_probability(weibull_fit, (6.0, 18.0), STRATEGIES)
    np.testing.assert_allclose(between, alive[..., 0] - alive[..., 1])
    with pytest.raises(SpecificationError, match="found 6 and then 6"):
        interval_event_probability(weibull_fit, (6.0, 6.0), STRATEGIES)


def test_exponential_forgets_how_long_it_has_lasted():
    fit = fabricate({"family": "exponential"}, {"log_rate": normal(-3.0)})
    rate = np.exp(fit.posterior["log_rate"].to_numpy())
    later = conditional_survival(fit, [9.0, 30.0], [NEVER], alive_at=9.0)[:, :, 0]
    np.testing.assert_allclose(later, np.exp(-rate[..., None] * [0.0, 21.0]), rtol=1e-10)
    left = residual_life(fit, 33.0, [NEVER], alive_at=9.0)[:, :, 0]
    np.testing.assert_allclose(left, -np.expm1(-24.0 * rate) / rate, rtol=1e-10)
    np.testing.assert_allclose(
        time_lost(fit, 24.0, [NEVER]), 24.0 - rmst(fit, 24.0, [NEVER]), rtol=1e-12
    )


def test_residual_life_is_an_integral(weibull_fit):
    found = residual_life(weibull_fit, 20.0, [treated_from(5)], alive_at=2.0)
    alive = curve_of(weibull_fit, treated_from(5), 0, 0)
    area = integrate.quad(alive, 2.0, 20.0, points=[5.0], epsabs=1e-12, epsrel=1e-12)[0]
    assert float(found[0, 0, 0]) == pytest.approx(area / alive(2.0), rel=1e-8)
    with pytest.raises(SpecificationError, match="increase"):
        residual_life(weibull_fit, 20.0, [NEVER], alive_at=20.0)


def test_marginal_hazard_ratio_drifts_away_from_the_conditional_one():
    """A conditional hazard ratio of .5 is none in the population: .500, .546, .598, .672.

    U ~ Bernoulli(.5) with hazard ratio 4, baseline hazard .03 a month; months 0, 6, 12 and 24.
    """
    fit = fabricate({"family": "exponential"}, {"log_rate": np.full((CHAINS, DRAWS), np.log(0.03))})
    samples = CHAINS * DRAWS
    untreated = np.tile(np.log([1.0, 4.0]), (samples, 1))
    patients = Population(untreated, untreated + np.log(0.5), np.array([0.5, 0.5]))
    strategies = [NEVER, treated_from(0)]
    found = hazard(fit, [0.0, 6.0, 12.0, 24.0], strategies, population=patients)
    ratio = contrast(found, "ratio")[0, 0, 0].to_numpy()
    assert ratio.round(3).tolist() == [0.5, 0.546, 0.598, 0.672]


def test_many_patients_who_switch_average_as_they_do_one_by_one():
    """Bins of the second stretch weigh what is left at the switch; the bound is of the bins."""
    fit = fabricate({"family": "exponential"}, {"log_rate": np.full((CHAINS, DRAWS), -3.0)})
    rng = np.random.default_rng(3)
    eta = rng.normal(size=(CHAINS * DRAWS, 3000))
    treated = eta - 0.5 + 0.3 * rng.normal(size=3000)
    weights = rng.dirichlet(np.ones(3000), CHAINS * DRAWS)
    found = survival(
        fit, [4.0, 7.0, 40.0], [treated_from(5)], population=Population(eta, treated, weights)
    )
    rate = np.exp(-3.0)
    for column, (before, after) in enumerate([(4.0, 0.0), (5.0, 2.0), (5.0, 35.0)]):
        each = np.exp(-rate * (before * np.exp(eta) + after * np.exp(treated)))
        expected = (weights * each).sum(axis=1).reshape(CHAINS, DRAWS)
        np.testing.assert_allclose(found[:, :, 0, column], expected, atol=1e-4)


def test_weights_choose_who_is_averaged_over(weibull_fit):
    """Patient d alone, by three names: a weight, a subgroup, everybody's modifier at 6."""
    only = sample_population(weibull_fit, weights=np.array([0.0, 0.0, 0.0, 2.0]))
    found = survival(weibull_fit, [6.0], [NEVER], population=only)
    same = survival(weibull_fit, [6.0], [NEVER], modifier_at=6.0)
    np.testing.assert_allclose(found, same, rtol=1e-12)
    by_name = subgroup_weights(weibull_fit, "albi", "-1.5")
    assert by_name.tolist() == [0.0, 0.0, 0.0, 1.0]
    assert treated_weights(weibull_fit).tolist() == [1.0, 0.0, 0.0, 1.0]
    for weights, message in (
        (np.ones(3), "one a patient"),
        (np.zeros(4), "nobody has a weight above 0"),
        (np.array([1.0, -1.0, 1.0, 1.0]), "0 or more"),
    ):
        with pytest.raises(SpecificationError, match=message):
            sample_population(weibull_fit, weights=weights)
    with pytest.raises(SpecificationError, match="nobody has the value '9'"):
        subgroup_weights(weibull_fit, "albi", "9")


def test_bootstrap_weights_are_a_dirichlet(weibull_fit):
    """Marginally Beta(1, n - 1); a draw's average is that of its own weights."""
    weights = bootstrap_weights(weibull_fit, seed=1)
    assert weights.shape == (CHAINS * DRAWS, 4)
    many = np.concatenate([bootstrap_weights(weibull_fit, seed=s)[:, 0] for s in range(400)])
    assert stats.kstest(many, stats.beta(1, 3).cdf).pvalue > 1e-3
    found = survival(
        weibull_fit, [6.0], [NEVER], population=sample_population(weibull_fit, weights=weights)
    )
    one = {name: weibull_fit.posterior[name].to_numpy().ravel() for name in ("log_rate", "nlr")}
    z = np.log2(np.array([1.5, 3.0, 3.0, 6.0]) / 3.0)
    rate = np.exp(one["log_rate"][:, None] + one["nlr"][:, None] * z)
    expected = (weights * np.exp(-rate * 6.0**1.3)).sum(axis=1)
    np.testing.assert_allclose(found.to_numpy().ravel(), expected, rtol=1e-12)
    with pytest.raises(SpecificationError, match="between 0 and 1"):
        overlap_weights(np.array([1.2]))


def test_external_patients_and_a_centre_that_nobody_knows():
    draws = weibull(1.0, ihlrt=normal(-0.5), centre_effect=normal(0.0, width=(2,)))
    draws["sd_centre"] = np.full((CHAINS, DRAWS), 0.4)
    fit = fabricate({"family": "weibull"}, draws, "ihlrt", "(1 | centre)")
    known = external_population(fit, {"centre": np.array(["c1", "c1"], dtype=object)})
    np.testing.assert_allclose(
        survival(fit, [6.0], [NEVER], population=known)[..., 0, 0],
        np.exp(-6.0 * np.exp(draws["log_rate"] + draws["centre_effect"][..., 1])),
        rtol=1e-12,
    )
    columns = {"centre": np.array(["new", "other"] * 500, dtype=object)}
    drawn = np.concatenate(
        [external_population(fit, columns, seed=seed).untreated for seed in range(200)]
    )
    assert np.isclose(drawn.std(), 0.4, rtol=0.1)
    one = external_population(fit, columns, seed=1)
    effect = fit.draws("ihlrt")[:, None]
    np.testing.assert_allclose(one.treated - one.untreated, np.tile(effect, (1, 2)), atol=1e-12)
    with pytest.raises(SpecificationError, match="the population lacks it"):
        external_population(fit, {"albi": np.zeros(3)})


def test_contrasts(weibull_fit):
    alive = survival(weibull_fit, [12.0], [NEVER, treated_from(0)])
    never, treated = alive[:, :, 0, 0].to_numpy(), alive[:, :, 1, 0].to_numpy()
    for how, expected in (
        ("difference", treated - never),
        ("ratio", treated / never),
        ("log-ratio", np.log(treated / never)),
        (lambda a, b: (1 - a) / (1 - b), (1 - treated) / (1 - never)),
    ):
        found = contrast(alive, how)
        assert found["strategy"].to_numpy().tolist() == ["from month 0"]
        np.testing.assert_allclose(found[:, :, 0, 0], expected, rtol=1e-12)
    with pytest.raises(SpecificationError, match="there is no contrast 'diff'"):
        contrast(alive, "diff")
    with pytest.raises(SpecificationError, match="found 'no' against never"):
        contrast(alive, reference="no")


def test_number_needed_to_treat_runs_through_infinity():
    gain = np.linspace(-0.05, 0.25, 301).reshape(1, -1)
    found = number_needed_to_treat(xr.DataArray(gain, dims=("chain", "draw")))
    assert float(found["nnt"]) == pytest.approx(10.0)
    assert bool(found["through_infinity"])
    assert float(found["nnt_low"]) == pytest.approx(1 / (0.25 - 0.3 * 0.025))
    assert float(found["nnt_high"]) == pytest.approx(1 / (-0.05 + 0.3 * 0.025))
    assert float(found["prob_benefit"]) == pytest.approx(250 / 301)


def test_what_is_remembered_belongs_to_one_fit_and_is_not_pickled():
    family = {"family": "exponential"}
    low, high = (
        fabricate(family, {"log_rate": np.full((CHAINS, DRAWS), rate)}) for rate in (-4.0, -2.0)
    )
    eta = np.zeros((CHAINS * DRAWS, 1))
    patients = Population(eta, eta, np.ones(1))
    for fit, rate in ((low, -4.0), (high, -2.0), (low, -4.0)):
        found = survival(fit, [4.0, 9.0], [treated_from(3)], population=patients)
        expected = np.exp(-np.exp(rate) * np.array([4.0, 9.0]))
        np.testing.assert_allclose(found[0, 0, 0], expected, rtol=1e-12)
    assert low.spent
    assert set(vars(pickle.loads(pickle.dumps(low)))) == {each.name for each in fields(low)}
