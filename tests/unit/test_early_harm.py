"""What a proportional model can show of early harm, which sequential trials are compared with."""

import numpy as np
import pytest
from validation.outside import early


@pytest.mark.parametrize("factor", [1.0, 3.0, 6.0])
def test_the_limit_by_quadrature_is_that_of_simulated_trials(factor):
    """Two routes; the error of simulated ones is that of eight of them."""
    exact = early.limit(early.left_at_starts, factor=factor)
    trials = np.array([early.proportional(50_000, seed, factor=factor) for seed in range(8)])
    error = trials.std(axis=0, ddof=1) / np.sqrt(len(trials))
    assert np.all(np.abs(trials.mean(axis=0) - exact) < 4.0 * error)


def test_the_limit_where_hazards_are_proportional_is_the_truth():
    log_hr, months = early.limit(early.from_time_zero, factor=1.0)
    assert log_hr == pytest.approx(0.0, abs=1e-6)
    assert months == pytest.approx(0.0, abs=1e-5)


def test_the_harm_is_seen_the_more_the_shorter_the_follow_up():
    months = [early.limit(np.ones_like, until=until)[1] for until in (24.0, 28.0, 48.0)]
    assert early.true_months() < months[0] < months[1] < months[2] < 0.0
    assert months == pytest.approx([-1.65, -1.51, -1.18], abs=0.01)
