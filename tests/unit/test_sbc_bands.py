"""The uniformity test of calibration: closed forms, its own level, another program's band."""

import numpy as np
import pytest
from arviz_stats.ecdf_utils import get_pointwise_confidence_band, simulate_confidence_bands

from bayes_ihlrt.calibration.bands import (
    ecdf_counts,
    grid_points,
    holm,
    simultaneous_band,
    uniformity_p_value,
)


@pytest.mark.parametrize("edge", [0.005, 0.025, 0.105])
def test_one_value_has_the_p_value_of_its_distance_from_the_nearer_end(edge):
    """With N = 1 the extreme counts are those next to the ends: p = 2 x (grid point beyond)."""
    expected = 2.0 * np.ceil(100.0 * edge) / 100.0
    assert uniformity_p_value(np.array([edge])) == pytest.approx(expected)
    assert uniformity_p_value(np.array([1.0 - edge])) == pytest.approx(expected)


@pytest.mark.parametrize("total", [30, 400])
def test_p_values_of_uniform_samples_are_uniform(total):
    rng = np.random.default_rng(1)
    found = np.array([uniformity_p_value(rng.uniform(size=total)) for _ in range(400)])
    for level in (0.05, 0.2, 0.5):
        # Three and a half standard errors; the counts are discrete, hence a little more.
        allowed = 3.5 * np.sqrt(level * (1.0 - level) / len(found)) + 0.01
        assert abs(np.mean(found <= level) - level) < allowed


def test_bands_hold_the_whole_ecdf_with_their_probability():
    low, high = simultaneous_band(200, probability=0.9)
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(4000):
        difference = ecdf_counts(rng.uniform(size=200)) / 200 - grid_points()
        inside += np.all((difference >= low - 1e-12) & (difference <= high + 1e-12))
    # Two and a half standard errors below; discreteness can only add.
    assert 0.9 - 0.012 < inside / 4000 < 0.93


def test_bands_are_those_that_arviz_simulates():
    rng, points = np.random.default_rng(3), grid_points()
    level = simulate_confidence_bands(1000, 1, points, 0.95, 4000, rng)
    low, high = get_pointwise_confidence_band(level, 1000, points)
    ours = simultaneous_band(1000, probability=0.95)
    # One or two counts of 1,000: the simulated level has a Monte Carlo error.
    np.testing.assert_allclose(ours, [low - points, high - points], atol=0.0021)


def test_deviations_of_every_kind_are_seen():
    even = (np.arange(500) + 0.5) / 500
    assert uniformity_p_value(even) == pytest.approx(1.0)
    too_wide, too_narrow = np.sin(np.pi * even / 2.0) ** 2, np.sqrt(even * 0.5 + 0.1)
    for skewed in (even**1.5, 1.0 - even**1.5, too_wide, too_narrow, even * 0.8 + 0.2):
        assert uniformity_p_value(skewed) < 1e-6


def test_holm_never_orders_tests_differently():
    raw = dict(zip("abcd", [0.04, 0.001, 0.3, 0.03], strict=True))
    adjusted = holm(raw)
    assert list(adjusted) == list(raw)
    assert adjusted == pytest.approx({"a": 0.09, "b": 0.004, "c": 0.3, "d": 0.09})
