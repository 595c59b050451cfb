"""M-splines: areas, weights, knots and behaviour beyond the last knot."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import BSpline

from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.hazards.mspline import MSpline
from hazard_cases import increment, log_hazard, typical_theta

KNOTS = (0.0, 2.5, 9.0, 20.0, 48.0)
every_degree = pytest.mark.parametrize("degree", [1, 2, 3, 4])


def integral(function, lower, upper):
    """Return an integral, taken from knot to knot because the spline is a polynomial between."""
    edges = [lower, *(knot for knot in KNOTS if lower < knot < upper), upper]
    return sum(quad(function, *pair)[0] for pair in pairwise(edges))


@every_degree
def test_every_spline_integrates_to_one(degree):
    hazard = MSpline(KNOTS, degree)
    for number in range(hazard.shapes["log_weights"][0]):
        area = integral(
            lambda t, m=number: hazard.log_hazard_basis(np, np.array([t]))[0, m], 0.0, 48.0
        )
        assert area == pytest.approx(1.0, abs=1e-10)


@every_degree
def test_splines_are_scipys(degree):
    hazard = MSpline(KNOTS, degree)
    full = np.array((0.0,) * degree + KNOTS + (48.0,) * degree)
    t = np.linspace(0.0, 48.0, 97)
    scipys = BSpline.design_matrix(t, full, degree).toarray()
    areas = (full[degree + 1 :] - full[: -degree - 1]) / (degree + 1)
    np.testing.assert_allclose(hazard.log_hazard_basis(np, t), scipys / areas, atol=1e-13)


@every_degree
def test_cumulative_hazard_is_the_integral(degree):
    hazard = MSpline(KNOTS, degree)
    theta = typical_theta(hazard, np.random.default_rng(1))
    for start, stop in [(0.0, 1.0), (1.0, 10.0), (9.0, 48.0), (30.0, 70.0), (50.0, 51.0)]:
        wanted = integral(
            lambda t: np.exp(log_hazard(hazard, np.array([t]), theta)[0]), start, stop
        )
        found = increment(hazard, np.array([start]), np.array([stop]), theta)[0]
        assert found == pytest.approx(wanted, rel=1e-11)


def test_the_scale_is_the_cumulative_hazard_at_the_last_knot():
    hazard = MSpline(KNOTS)
    theta = typical_theta(hazard, np.random.default_rng(2), (4,))
    total = increment(hazard, np.zeros(1), np.array([48.0]), theta)[:, 0]
    np.testing.assert_allclose(total, np.exp(theta["log_scale"]), rtol=1e-13)


def test_the_level_of_the_log_weights_does_not_matter():
    hazard = MSpline(KNOTS)
    theta = typical_theta(hazard, np.random.default_rng(3))
    moved = theta | {"log_weights": theta["log_weights"] + 900.0}
    t = np.array([0.0, 5.0, 60.0])
    np.testing.assert_allclose(
        log_hazard(hazard, t, moved), log_hazard(hazard, t, theta), rtol=1e-12
    )


@every_degree
@pytest.mark.parametrize("knots", [KNOTS, (0.0, 600.0), (0.0, 1e-3, 1.0)])
def test_constant_weights_give_a_constant_hazard(degree, knots):
    hazard = MSpline(knots, degree)
    weights = hazard.constant_weights()
    assert weights.sum() == pytest.approx(1.0, abs=1e-14)
    theta = {"log_scale": np.log(1.5), "log_weights": np.log(weights)}
    t = np.linspace(0.0, 2.0 * knots[-1], 101)
    np.testing.assert_allclose(np.exp(log_hazard(hazard, t, theta)), 1.5 / knots[-1], rtol=1e-12)


def test_the_hazard_stays_beyond_the_last_knot():
    hazard = MSpline(KNOTS)
    theta = typical_theta(hazard, np.random.default_rng(4))
    at_end, later, much_later = log_hazard(hazard, np.array([48.0, 48.1, 600.0]), theta)
    assert at_end == later == much_later


def test_weights_that_underflow_leave_finite_logarithms():
    hazard = MSpline(KNOTS)
    log_weights = np.zeros(hazard.shapes["log_weights"])
    log_weights[-1] = -5000.0
    theta = {"log_scale": 0.0, "log_weights": log_weights}
    assert np.all(np.isfinite(log_hazard(hazard, np.array([1.0, 48.0, 60.0]), theta)))
    times = hazard.time_at(np, np.zeros(2), np.array([0.5, 1.5]), theta)
    assert times[0] < 48.0
    assert times[1] == np.inf


def test_knots_stand_at_quantiles_of_the_event_times():
    times = np.random.default_rng(5).exponential(12.0, size=200)
    hazard = MSpline.from_event_times(times, 3)
    np.testing.assert_allclose(
        hazard.knots, [0.0, *np.quantile(times, [0.25, 0.5, 0.75]), times.max()]
    )
    assert hazard.shapes["log_weights"] == (7,)
    assert MSpline.from_event_times(times, 0).knots == (0.0, times.max())


@pytest.mark.parametrize(
    ("times", "n_knots", "messages"),
    [
        ([], 2, ["there is no event"]),
        ([3.0, 0.0, np.nan], -1, ["2 of 3 event times", "the first being 0", "found -1"]),
        ([3.0, 3.0, 3.0, 9.0], 3, ["coincide", "only 2 different times"]),
    ],
)
def test_event_times_that_give_no_knots_are_refused(times, n_knots, messages):
    with pytest.raises(SpecificationError) as caught:
        MSpline.from_event_times(times, n_knots)
    for message in messages:
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("knots", "degree", "messages"),
    [
        ((3.0, 12.0), 3, ["found (3, 12)", "Give 0 first"]),
        ((), 3, ["Give 0 first"]),
        ((0.0,), 3, ["Give 0 first"]),
        ((0.0, 12.0, 6.0), 0, ["6 follows 12", "found 0", "piecewise"]),
        ((0.0, np.inf), 3, ["found inf"]),
    ],
)
def test_bad_knots_are_refused_with_every_fault(knots, degree, messages):
    with pytest.raises(SpecificationError) as caught:
        MSpline(knots, degree)
    for message in messages:
        assert message in str(caught.value)
