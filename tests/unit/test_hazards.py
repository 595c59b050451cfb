"""Hazards in NumPy: closed forms, identities, inversion, batches and refusals."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.hazards import registry
from bayes_ihlrt.hazards.exponential import Exponential
from bayes_ihlrt.hazards.gompertz import Gompertz
from bayes_ihlrt.hazards.numerics import LOG_ZERO, log_ratio_floored
from bayes_ihlrt.hazards.piecewise import Piecewise
from bayes_ihlrt.hazards.weibull import Weibull
from hazard_cases import FAMILIES, increment, log_hazard, typical_theta

every_family = pytest.mark.parametrize("hazard", FAMILIES, ids=lambda hazard: hazard.name)

# Rounding only: exp(log_rate + shape * log t) carries the rounding error of its exponent, here
# below 10, so about 1e-15.
ROUNDING = 1e-13


def test_a_start_that_is_nearly_zero_is_zero():
    """A subnormal number of months must overflow nowhere: warnings are errors here."""
    found = log_ratio_floored(np, np.array([5e-324, 1e-300, 0.0, 1.0]), np.full(4, 1440.0))
    np.testing.assert_allclose(found, [LOG_ZERO] * 3 + [-np.log(1440.0)])


def test_the_vocabulary_has_one_hazard_each():
    assert {hazard.name for hazard in FAMILIES} == set(registry.FAMILIES)


@every_family
def test_parameters_and_shapes_agree(hazard):
    assert tuple(hazard.shapes) == hazard.parameters
    assert hazard.proportional_hazards


@pytest.mark.parametrize(
    ("hazard", "theta", "reference"),
    [
        (Exponential(), {"log_rate": -3.0}, stats.expon(scale=np.exp(3.0))),
        (
            Weibull(),
            {"log_rate": -3.0, "log_shape": 0.4},
            stats.weibull_min(np.exp(0.4), scale=np.exp(3.0 * np.exp(-0.4))),
        ),
        (
            Gompertz(),
            {"log_rate": -3.0, "slope": 0.04},
            stats.gompertz(np.exp(-3.0) / 0.04, scale=1 / 0.04),
        ),
    ],
    ids=["exponential", "weibull", "gompertz"],
)
def test_matches_scipy(hazard, theta, reference):
    t = np.array([1e-3, 0.5, 3.0, 24.0, 60.0])
    np.testing.assert_allclose(
        increment(hazard, np.zeros(5), t, theta), -reference.logsf(t), rtol=1e-12
    )
    np.testing.assert_allclose(
        log_hazard(hazard, t, theta), reference.logpdf(t) - reference.logsf(t), rtol=1e-12
    )
    np.testing.assert_allclose(
        hazard.time_at(np, np.zeros(3), -np.log([0.9, 0.5, 0.1]), theta),
        reference.isf([0.9, 0.5, 0.1]),
        rtol=1e-12,
    )


def test_piecewise_by_hand():
    hazard = Piecewise((3.0, 12.0))
    theta = {"log_hazard": np.log([0.1, 0.2, 0.05])}
    start, stop = np.array([0.0, 1.0, 2.0, 13.0]), np.array([3.0, 2.0, 14.0, 15.0])
    np.testing.assert_allclose(
        increment(hazard, start, stop, theta), [0.3, 0.1, 0.1 + 1.8 + 0.1, 0.1], rtol=ROUNDING
    )
    at_cuts = np.array([0.0, 3.0, np.nextafter(3.0, 4.0), 12.0, 12.1])
    np.testing.assert_allclose(
        np.exp(log_hazard(hazard, at_cuts, theta)), [0.1, 0.1, 0.2, 0.2, 0.05], rtol=ROUNDING
    )


def test_piecewise_bases_add_over_patients():
    hazard = Piecewise((3.0, 12.0, 24.0))
    rng = np.random.default_rng(1)
    theta = typical_theta(hazard, rng)
    t = rng.exponential(15.0, size=50)
    exposure = hazard.increment_basis(np, np.zeros(50), t).sum(axis=0, keepdims=True)
    share = hazard.log_hazard_basis(np, t).mean(axis=0, keepdims=True)
    np.testing.assert_allclose(
        hazard.cumulative_hazard(np, exposure, theta),
        [increment(hazard, np.zeros(50), t, theta).sum()],
        rtol=ROUNDING,
    )
    np.testing.assert_allclose(
        hazard.log_hazard(np, share, theta), [log_hazard(hazard, t, theta).mean()], rtol=ROUNDING
    )


@every_family
def test_hazard_is_the_slope_of_the_cumulative_hazard(hazard):
    theta = typical_theta(hazard, np.random.default_rng(2), (3,))
    t = np.array([0.5, 2.0, 6.0, 11.0, 30.0, 59.0, 200.0])
    half = 1e-4 * t
    slope = increment(hazard, t - half, t + half, theta) / (2 * half)
    # A central difference over 1e-4 of t is wrong by about (1e-4)^2 / 6 times (t^2 h'' / h).
    np.testing.assert_allclose(slope, np.exp(log_hazard(hazard, t, theta)), rtol=2e-7)


@every_family
@settings(max_examples=60)
@given(
    start=st.one_of(st.just(0.0), st.floats(1e-3, 300.0)),
    lengths=st.tuples(*[st.one_of(st.floats(1e-9, 1e-3), st.floats(1e-3, 150.0))] * 2),
    seed=st.integers(0, 2**16),
)
def test_cumulative_hazard_adds_over_intervals(hazard, start, lengths, seed):
    theta = typical_theta(hazard, np.random.default_rng(seed))
    middle = start + lengths[0]
    stop = middle + lengths[1]
    first, second, whole = increment(
        hazard, np.array([start, middle, start]), np.array([middle, stop, stop]), theta
    )
    np.testing.assert_allclose(first + second, whole, rtol=1e-12, atol=0.0)
    assert first > 0
    assert second > 0


@pytest.mark.parametrize("length", [1e-9, 1e-4, 1.0, 500.0])
@pytest.mark.parametrize("start", [1e-3, 1.0, 100.0])
@pytest.mark.parametrize("log_shape", [-4.0, -0.3, 0.0, 4.0])
def test_weibull_keeps_its_digits_on_short_intervals(start, length, log_shape):
    stop = start + length
    with localcontext(prec=60):
        k = Decimal(log_shape).exp()
        exact = float(Decimal(-3).exp() * (Decimal(stop) ** k - Decimal(start) ** k))
    theta = {"log_rate": -3.0, "log_shape": log_shape}
    found = increment(Weibull(), np.array([start]), np.array([stop]), theta)[0]
    # exp of an exponent as large as exp(4) * log(600) = 349 is rounded by 349 machine epsilons.
    assert found == pytest.approx(exact, rel=349 * np.finfo(float).eps * 2)


@pytest.mark.parametrize("length", [1e-9, 1e-4, 1.0, 500.0])
@pytest.mark.parametrize("slope", [-1.0, -0.2, -1e-6, -1e-15, 1e-15, 1e-6, 0.0999, 0.1001, 1.0])
def test_gompertz_keeps_its_digits_near_slope_zero(length, slope):
    start, stop = 2.0, 2.0 + length
    with localcontext(prec=60):
        b = Decimal(slope)
        exact = float(Decimal(-3).exp() * ((b * Decimal(stop)).exp() - (b * 2).exp()) / b)
    theta = {"log_rate": -3.0, "slope": slope}
    found = increment(Gompertz(), np.array([start]), np.array([stop]), theta)[0]
    assert found == pytest.approx(exact, rel=ROUNDING)


def test_gompertz_without_slope_is_exponential():
    t = np.array([0.0, 1e-3, 7.0, 600.0])
    np.testing.assert_allclose(
        increment(Gompertz(), np.zeros(4), t, {"log_rate": -2.0, "slope": 0.0}),
        increment(Exponential(), np.zeros(4), t, {"log_rate": -2.0}),
        rtol=ROUNDING,
    )


@every_family
def test_empty_rows_add_nothing(hazard):
    theta = typical_theta(hazard, np.random.default_rng(3), (2,))
    t = np.array([0.0, 1e-3, 4.0, 12.0, 600.0])
    assert np.all(increment(hazard, t, t, theta) == 0.0)


@every_family
@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
def test_batches_are_the_single_results_stacked(hazard, batch):
    theta = typical_theta(hazard, np.random.default_rng(4), batch)
    start, stop = np.array([0.0, 2.0, 5.0]), np.array([3.0, 14.0, 80.0])
    whole = (
        increment(hazard, start, stop, theta),
        log_hazard(hazard, stop, theta),
        hazard.time_at(np, start, stop / 20.0, theta),
    )
    for place in np.ndindex(batch):
        one = {name: value[place] for name, value in theta.items()}
        alone = (
            increment(hazard, start, stop, one),
            log_hazard(hazard, stop, one),
            hazard.time_at(np, start, stop / 20.0, one),
        )
        for together, single in zip(whole, alone, strict=True):
            assert together.shape == (*batch, 3)
            np.testing.assert_allclose(together[place], single, rtol=ROUNDING)


@every_family
def test_time_at_inverts_the_cumulative_hazard(hazard):
    rng = np.random.default_rng(5)
    theta = typical_theta(hazard, rng, (6,))
    start = rng.choice([0.0, 1e-3, 3.0, 20.0, 75.0], size=40)
    target = rng.exponential(size=(6, 40))
    times = hazard.time_at(np, start, target, theta)
    assert np.all(times >= start)
    for row in range(6):
        one = {name: value[row] for name, value in theta.items()}
        reached = np.isfinite(times[row])
        spent = increment(hazard, start[reached], times[row][reached], one)
        # A time of 75 months is held to 1e-14; shorter waits lose digits in proportion.
        np.testing.assert_allclose(spent, target[row][reached], rtol=1e-9, atol=1e-11)
    assert np.isfinite(times).mean() > 0.8


@every_family
def test_time_at_its_edges(hazard):
    theta = typical_theta(hazard, np.random.default_rng(6))
    start = np.array([0.0, 5.0, 70.0])
    # A cumulative hazard near 1 is held to 1e-16, so a time to 1e-16 over the hazard per month.
    np.testing.assert_allclose(
        hazard.time_at(np, start, np.zeros(3), theta), start, rtol=0.0, atol=1e-12
    )
    assert np.all(hazard.time_at(np, start, np.full(3, np.inf), theta) == np.inf)


@every_family
def test_time_at_never_goes_back(hazard):
    theta = typical_theta(hazard, np.random.default_rng(8), (10,))
    start = np.linspace(0.0, 100.0, 501)
    assert np.all(hazard.time_at(np, start, np.full(501, 1e-18), theta) >= start)


def test_a_falling_gompertz_hazard_may_never_be_spent():
    theta = {"log_rate": np.log(0.05), "slope": -0.1}
    limit = 0.05 / 0.1
    times = Gompertz().time_at(np, np.zeros(2), np.array([limit - 1e-3, limit + 1e-3]), theta)
    assert times[0] == pytest.approx(-np.log(1e-3 / limit) / 0.1)
    assert times[1] == np.inf


@every_family
def test_event_times_follow_the_survival_curve(hazard):
    rng = np.random.default_rng(7)
    theta = typical_theta(hazard, rng)
    times = hazard.time_at(np, np.zeros(4000), rng.exponential(size=4000), theta)
    probability = -np.expm1(-increment(hazard, np.zeros(4000), np.minimum(times, 1e6), theta))
    assert stats.kstest(probability[np.isfinite(times)], "uniform").pvalue > 1e-3


@pytest.mark.parametrize(
    ("cuts", "messages"),
    [
        ((), ["no cut point was given"]),
        ((0.0, 3.0), ["found 0, which is not a time after 0"]),
        ((3.0, 3.0), ["3 follows 3"]),
        (
            (12.0, 6.0, np.nan, -1.0),
            ["6 follows 12", "found nan", "found -1", "List the times in increasing order"],
        ),
        ((6.0, np.inf), ["found inf"]),
    ],
)
def test_piecewise_lists_every_fault_of_its_cuts(cuts, messages):
    with pytest.raises(SpecificationError) as caught:
        Piecewise(cuts)
    for message in messages:
        assert message in str(caught.value)


def test_piecewise_is_a_value():
    assert Piecewise([3, 12]) == Piecewise((3.0, 12.0))
    assert hash(Piecewise([3, 12])) == hash(Piecewise((3.0, 12.0)))
