"""Estimands of made-up draws against closed forms, and Kaplan-Meier against counting by hand."""

import arviz_stats
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.estimands.averaging import quadrature
from bayes_ihlrt.estimands.contrasts import diagnostics, probability, summarise
from bayes_ihlrt.estimands.curves import (
    NEVER,
    median_survival,
    restricted_means,
    rmst,
    survival,
    treated_from,
)
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.population import sample_population
from bayes_ihlrt.estimands.predictors import condense
from bayes_ihlrt.estimands.product_limit import kaplan_meier
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.posterior.fitted import FittedModel
from fabricated import (
    ALBI,
    CENTRE,
    CHAINS,
    CUTS,
    DRAWS,
    NLR,
    RNG,
    TIMES,
    effects,
    fabricate,
    normal,
    weibull,
)


@pytest.mark.parametrize(
    ("shape", "median", "error"),
    [(0.5, 1.0, 1e-10), (1.3, 15.0, 1e-10), (2.5, 1.0, 5e-6), (4.0, 1.0, 5e-4)],
)
def test_restricted_means_to_two_horizons_are_as_exact_as_is_said(shape, median, error):
    """The area under a Weibull is an incomplete gamma function."""
    rate = np.log(2.0) / median**shape
    draws = {"log_rate": np.full((2, 3), np.log(rate)), "log_shape": np.full((2, 3), np.log(shape))}
    fit = fabricate({"family": "weibull"}, draws)
    found = restricted_means(fit, [24.0, 60.0], [NEVER], population=sample_population(fit))
    scale = special.gamma(1.0 + 1.0 / shape) * rate ** (-1.0 / shape)
    exact = [scale * special.gammainc(1.0 / shape, rate * month**shape) for month in (24.0, 60.0)]
    np.testing.assert_allclose(found[0, 0, 0], exact, rtol=error)


def test_exponential_without_covariates():
    fit = fabricate({"family": "exponential"}, {"log_rate": normal(-3.0)})
    rate = np.exp(fit.posterior["log_rate"].to_numpy())
    found = survival(fit, TIMES, [NEVER])
    assert found.dims == ("chain", "draw", "strategy", "time")
    assert found.shape == (CHAINS, DRAWS, 1, len(TIMES))
    np.testing.assert_allclose(found[:, :, 0], np.exp(-rate[..., None] * TIMES), rtol=1e-12)
    area = rmst(fit, 24.0, [NEVER])[:, :, 0]
    np.testing.assert_allclose(area, -np.expm1(-24.0 * rate) / rate, rtol=1e-10)
    median = median_survival(fit, [NEVER])[:, :, 0]
    np.testing.assert_allclose(median, np.log(2.0) / rate, rtol=1e-10)


@pytest.mark.parametrize("shape", [0.4, 0.8, 1.0, 1.7, 2.6])
def test_weibull_area_is_an_incomplete_gamma_function(shape):
    """The area under exp(-b t^k) up to L is gamma(1/k, b L^k) / (k b^(1/k)): 1e-8 relative."""
    fit = fabricate({"family": "weibull"}, weibull(shape))
    rate = np.exp(fit.posterior["log_rate"].to_numpy())
    horizon, power = 36.0, 1.0 / shape
    lower = special.gammainc(power, rate * horizon**shape) * special.gamma(power)
    found = rmst(fit, horizon, [NEVER])[:, :, 0]
    np.testing.assert_allclose(found, lower / (shape * rate**power), rtol=1e-8)


def test_survival_is_averaged_over_patients_within_each_draw():
    fit = fabricate({"family": "weibull"}, weibull(1.3, **effects()), "ihlrt * nlr")
    draws = fit.posterior
    found = survival(fit, TIMES, [NEVER, treated_from(0)])
    assert found["strategy"].to_numpy().tolist() == ["never", "from month 0"]
    for chain, draw in np.ndindex(CHAINS, DRAWS):
        one = {name: float(draws[name][chain, draw]) for name in draws}
        z = np.log2(NLR / 3.0)
        for arm, state in enumerate((0.0, 1.0)):
            eta = state * (one["ihlrt"] + one["ihlrt:nlr"] * z) + one["nlr"] * z
            hazard = np.exp(one["log_rate"] + eta)[:, None] * TIMES**1.3
            expected = np.exp(-hazard).mean(axis=0)
            np.testing.assert_allclose(found[chain, draw, arm], expected, rtol=1e-12)


def test_switching_follows_both_hazards():
    """Treated from month 5: piecewise constant hazards with cuts at 3 and 8, by hand."""
    draws = {"log_hazard": normal(-2.5, width=(3,)), "ihlrt": normal(-0.7)}
    hazard = {"family": "piecewise", "cuts": CUTS, "smoothing": "independent"}
    fit = fabricate(hazard, draws, "ihlrt")
    rate = np.exp(draws["log_hazard"])
    ratio = np.exp(draws["ihlrt"])
    first, second, last = (rate[..., j] for j in range(3))
    strategy = treated_from(5)
    found = survival(fit, [2.0, 5.0, 7.0, 10.0], [strategy])[:, :, 0]
    until_5 = 3 * first + 2 * second
    expected = [
        2 * first,
        until_5,
        until_5 + 2 * ratio * second,
        until_5 + 3 * ratio * second + 2 * ratio * last,
    ]
    np.testing.assert_allclose(found, np.exp(-np.stack(expected, axis=-1)), rtol=1e-12)
    pieces = [(3, first), (2, second), (3, ratio * second), (4, ratio * last)]
    alive, area = np.ones((CHAINS, DRAWS)), np.zeros((CHAINS, DRAWS))
    for months, level in pieces:
        area += alive * -np.expm1(-months * level) / level
        alive = alive * np.exp(-months * level)
    np.testing.assert_allclose(rmst(fit, 12.0, [strategy])[:, :, 0], area, rtol=1e-8)


def test_before_the_switch_strategies_agree():
    fit = fabricate({"family": "weibull"}, weibull(1.3, **effects()), "ihlrt * nlr")
    found = survival(fit, [0.0, 3.0, 6.0], [NEVER, treated_from(3), treated_from(0)])
    np.testing.assert_array_equal(found[..., 1, :2], found[..., 0, :2])
    assert np.all(found[..., 1, 2] != found[..., 0, 2])
    assert treated_from(3).name == "from month 3"


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0])
def test_median_of_a_weibull(shape):
    """The root is found, not interpolated: rounding error."""
    fit = fabricate({"family": "weibull"}, weibull(shape, ihlrt=normal(-0.5)), "ihlrt")
    rate = np.exp(fit.posterior["log_rate"])
    found = median_survival(fit, [NEVER, treated_from(0)])
    treated = rate * np.exp(fit.posterior["ihlrt"])
    for arm, level in enumerate((rate, treated)):
        expected = (np.log(2.0) / level) ** (1.0 / shape)
        np.testing.assert_allclose(found[..., arm], expected, rtol=1e-10)


def test_median_that_is_not_reached_is_infinite():
    log_rate = np.full((CHAINS, DRAWS), -3.0)
    log_rate[0, 0] = -20.0
    fit = fabricate({"family": "exponential"}, {"log_rate": log_rate})
    found = median_survival(fit, [NEVER])[..., 0]
    assert np.isinf(found[0, 0])
    np.testing.assert_allclose(found[1], np.log(2.0) * np.exp(3.0), rtol=1e-10)


def test_log_hazard_ratio_at_modifier_values():
    fit = fabricate({"family": "weibull"}, weibull(1.3, **effects()), "ihlrt * nlr")
    found = log_hazard_ratio(fit, [1.5, 3.0, 12.0])
    assert found.dims == ("chain", "draw", "nlr")
    assert found["nlr"].to_numpy().tolist() == [1.5, 3.0, 12.0]
    main, change = fit.posterior["ihlrt"].to_numpy(), fit.posterior["ihlrt:nlr"].to_numpy()
    for position, doublings in enumerate((-1.0, 0.0, 2.0)):
        np.testing.assert_allclose(found[..., position], main + change * doublings, atol=1e-13)
    average = main + change * np.log2(NLR / 3.0).mean()
    np.testing.assert_allclose(log_hazard_ratio(fit), average, atol=1e-13)


def test_setting_the_modifier_for_everybody():
    fit = fabricate({"family": "weibull"}, weibull(1.3, **effects()), "ihlrt * nlr")
    rate, effect = np.exp(fit.posterior["log_rate"]), fit.posterior["nlr"]
    found = survival(fit, [6.0], [NEVER], modifier_at=6.0)[..., 0, 0]
    np.testing.assert_allclose(found, np.exp(-rate * np.exp(effect) * 6.0**1.3), rtol=1e-12)


@pytest.mark.parametrize(("slope", "values"), [("ihlrt", None), ("albi", ALBI), ("nlr", NLR)])
def test_group_effects_and_their_slopes(slope, values):
    draws = weibull(1.0, ihlrt=normal(-0.5), centre_effect=normal(0.0, width=(2,)))
    draws[f"centre_effect:{slope}"] = normal(0.0, width=(2,))
    fit = fabricate({"family": "weibull"}, draws, "ihlrt", f"(1 + {slope} | centre)")
    found = survival(fit, [6.0], [NEVER, treated_from(0)])[..., 0]
    x = np.log2(NLR / 3.0) if slope == "nlr" else values
    for arm, state in enumerate((0.0, 1.0)):
        covariate = np.full(4, state) if x is None else x
        eta = draws["centre_effect"][..., CENTRE]
        eta = eta + draws[f"centre_effect:{slope}"][..., CENTRE] * covariate
        eta = eta + (draws["log_rate"] + state * draws["ihlrt"])[..., None]
        np.testing.assert_allclose(found[..., arm], np.exp(-6.0 * np.exp(eta)).mean(axis=-1))


def test_hazard_ratio_averages_the_slopes_of_groups():
    draws = weibull(1.0, ihlrt=normal(-0.5), centre_effect=normal(0.0, width=(2,)))
    draws["centre_effect:ihlrt"] = normal(0.0, width=(2,))
    fit = fabricate({"family": "weibull"}, draws, "ihlrt", "(1 + ihlrt | centre)")
    expected = draws["ihlrt"] + draws["centre_effect:ihlrt"][..., CENTRE].mean(axis=-1)
    np.testing.assert_allclose(log_hazard_ratio(fit), expected, atol=1e-13)


def test_hazard_ratio_needs_a_treatment_and_a_modifier():
    fit = fabricate({"family": "exponential"}, {"log_rate": normal(-3.0)})
    bare = fit.prepared.spec.model_copy(update={"treatment": None})
    other = FittedModel(prepare(bare, fit.person_time), fit.person_time, fit.tree, fit.convergence)
    with pytest.raises(SpecificationError, match="it has no treatment"):
        log_hazard_ratio(other)
    bare = fit.prepared.spec.model_copy(update={"modifier": None})
    other = FittedModel(prepare(bare, fit.person_time), fit.person_time, fit.tree, fit.convergence)
    with pytest.raises(SpecificationError, match="it has no modifier"):
        log_hazard_ratio(other, [3.0])


@given(st.lists(st.floats(0.1, 50.0), min_size=1, max_size=3, unique=True), st.integers(0, 20))
def test_quadrature_is_exact_for_polynomials(widths, degree):
    edges = np.concatenate([[0.0], np.cumsum(widths)])
    nodes, weights = quadrature(tuple(edges))
    expected = edges[-1] ** (degree + 1) / (degree + 1)
    assert (weights * nodes**degree).sum() == pytest.approx(expected, rel=1e-11)


def test_summary_of_draws():
    values = RNG.normal(size=(4, 250, 2))
    draws = xr.DataArray(values, dims=("chain", "draw", "strategy"))
    found = summarise(draws)
    flat = values.reshape(-1, 2)
    np.testing.assert_allclose(found["mean"], flat.mean(axis=0))
    np.testing.assert_allclose(found["sd"], flat.std(axis=0, ddof=1))
    for name, level in (("q2.5", 0.025), ("median", 0.5), ("q97.5", 0.975)):
        np.testing.assert_allclose(found[name], np.quantile(flat, level, axis=0))
    np.testing.assert_allclose(probability(draws < 0.0), (flat < 0.0).mean(axis=0))


def test_summary_of_draws_that_are_not_all_finite():
    values = np.arange(1.0, 101.0).reshape(2, 50, 1)
    values[1, -10:] = np.inf
    found = summarise(xr.DataArray(values, dims=("chain", "draw", "strategy")))
    assert np.isnan(found["mean"].item())
    assert np.isnan(found["sd"].item())
    assert found["median"].item() == pytest.approx(50.5)
    assert np.isinf(found["q97.5"].item())


def test_diagnostics_are_those_of_arviz():
    draws = xr.Dataset({"ihlrt": (("chain", "draw"), RNG.normal(size=(4, 500)))})
    found = diagnostics(draws)["ihlrt"]
    assert found["diagnostic"].to_numpy().tolist() == ["r_hat", "ess_bulk", "ess_tail", "mcse_mean"]
    assert float(found[0]) == pytest.approx(float(arviz_stats.rhat(draws)["ihlrt"]))
    assert 1000 < float(found[1]) < 3500


def test_kaplan_meier_by_hand():
    stop = np.array([1.0, 2.0, 2.0, 3.0, 4.0, 5.0])
    event = np.array([1.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    found = kaplan_meier(np.zeros(6), stop, event)
    expected = [1.0, 5 / 6, 5 / 6 * 4 / 5, 5 / 6 * 4 / 5 * 2 / 3, 0.0]
    assert found["time"].to_numpy().tolist() == [0.0, 1.0, 2.0, 3.0, 5.0]
    np.testing.assert_allclose(found["survival"], expected)
    assert found["at_risk"].to_numpy().tolist() == [6.0, 6.0, 5.0, 3.0, 1.0]


TENTHS = st.integers(0, 60).map(lambda tenth: tenth / 10.0)


@given(
    st.lists(
        st.tuples(TENTHS, TENTHS, st.sampled_from([0.0, 1.0]), st.sampled_from([0.5, 1.0, 2.0])),
        min_size=1,
        max_size=12,
    )
)
def test_kaplan_meier_with_delayed_entry_and_weights(rows):
    """A product over distinct event times, of weights counted row by row."""
    start, length, event, weight = (np.array(column) for column in zip(*rows, strict=True))
    stop = start + length + 0.05
    found = kaplan_meier(start, stop, event, weight=weight)
    times, curve, risk = [0.0], [1.0], [weight[start == 0.0].sum()]
    for time in sorted({t for t, d in zip(stop, event, strict=True) if d}):
        at_risk = sum(w for a, b, w in zip(start, stop, weight, strict=True) if a < time <= b)
        died = sum(w for b, d, w in zip(stop, event, weight, strict=True) if b == time and d)
        times.append(time)
        curve.append(curve[-1] * (1.0 - died / at_risk))
        risk.append(at_risk)
    assert found["time"].to_numpy().tolist() == times
    np.testing.assert_allclose(found["survival"], curve, atol=1e-12)
    np.testing.assert_allclose(found["at_risk"], risk)


@pytest.mark.parametrize("spread", [0.0, 0.3, 1.2])
def test_many_patients_in_bins_average_as_they_do_one_by_one(spread):
    """The error of 200 bins is bounded by width^2 / 24 times the curvature of S, below 0.3."""
    rng = np.random.default_rng(4)
    eta = rng.normal(size=(3, 1)) + spread * rng.normal(size=(3, 5000))
    weights = rng.dirichlet(np.ones(5000))
    means, shares = condense(eta, weights)
    assert means.shape == shares.shape == (3, 200)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose((shares * means).sum(axis=1), eta @ weights, atol=1e-12)
    bound = (np.ptp(eta, axis=1).max() / 200) ** 2 / 24 * 0.3
    for hazard in (0.01, 0.5, 3.0):
        exact = np.exp(-hazard * np.exp(eta)) @ weights
        binned = (shares * np.exp(-hazard * np.exp(means))).sum(axis=1)
        np.testing.assert_allclose(binned, exact, rtol=0, atol=bound + 1e-12)


def test_few_patients_are_left_as_they_are():
    eta, weights = RNG.normal(size=(2, 400)), np.full(400, 1 / 400)
    means, shares = condense(eta, weights)
    assert means is eta
    np.testing.assert_array_equal(shares, weights[None])
