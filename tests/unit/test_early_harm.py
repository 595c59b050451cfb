"""What a proportional model can show of early harm, which sequential trials are compared with."""

import numpy as np
import pytest
from validation.examination import item_08
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


def test_spacings_are_compared_with_the_limit_and_the_closest_by_pairs(monkeypatch):
    """Cohorts that scatter by 0.1 around -1.67; half a month apart 0.02 more, each alike."""
    around = dict(zip(item_08.SEEDS, np.linspace(-0.17, 0.17, len(item_08.SEEDS)), strict=True))
    nudge = {seed: 0.001 * place for place, seed in enumerate(item_08.PAIRED)}
    monkeypatch.setattr(
        item_08,
        "gained",
        lambda seed, every: -1.67 + around[seed] + (every == 0.5) * (0.02 + nudge.get(seed, 0.0)),
    )
    monkeypatch.setattr(item_08, "of_the_file", lambda every: -1.6 + 0.05 * every)
    monkeypatch.setattr(item_08, "_nulls", lambda: [-0.1, 0.1, 0.05, -0.05])
    wide, close = item_08.found(3.0), item_08.found(0.5)
    assert wide[0] == pytest.approx(-1.67)
    assert close[0] == pytest.approx(-1.67 + 0.021)
    assert wide[1] == pytest.approx(np.std([*around.values()], ddof=1) / 6.0)
    assert close[1] == pytest.approx(np.hypot(wide[1], 0.001 / 3**0.5))
    verdicts = [row.verdict for row in item_08.rows()]
    assert verdicts == ["within 3 MCSE"] * 3 + ["apart by 0.12", "within 3 MCSE"]
    told = item_08.words()
    assert "-1.67 (0.02) at 1.5" in told
    assert "all within 3 errors of -1.67" in told
