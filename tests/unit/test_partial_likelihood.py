"""Cox's partial likelihood of the examination, by a second route."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from validation.examination import item_05_coverage
from validation.examination.item_05_coverage import Found, held
from validation.outside.baseline import cohort
from validation.outside.partial import cox


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_is_the_maximum_with_the_curvature_there(seed):
    frame = cohort(80, seed)
    months, death = frame["months"].to_numpy(), frame["death"].to_numpy().astype(bool)
    start = frame["treated_months"].fillna(np.inf).to_numpy()

    def loss(log_hr):
        total = 0.0
        for who in np.flatnonzero(death):
            there = np.flatnonzero(months >= months[who])
            effect = log_hr * (start < months[who])
            total += np.log(np.exp(effect[there]).sum()) - effect[who]
        return total

    found = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded", options={"xatol": 1e-9})
    step = 1e-3
    curvature = (loss(found.x + step) - 2.0 * loss(found.x) + loss(found.x - step)) / step**2
    log_hr, error = cox(months, death, start)
    # The curvature by differences is off by step^2 / 12 of the fourth derivative.
    assert log_hr == pytest.approx(found.x, abs=1e-6)
    assert error == pytest.approx(curvature**-0.5, rel=1e-5)


def test_shortfall_of_location_and_of_width_are_told_apart():
    """1.96 sds hold 95 % of normal estimates, 83 % if they are moved by 1 sd (closed form)."""
    z = np.random.default_rng(1).normal(size=(200_000, 1))
    error = 4.0 * np.sqrt(0.83 * 0.17 / len(z))
    moved = Found(np.hstack([z + 1.0, np.ones_like(z)]), np.empty((0, 2)))
    assert moved.covered == pytest.approx(0.8300, abs=error)
    assert moved.centred == pytest.approx(0.9500, abs=error)
    assert moved.spread == pytest.approx(1.0, abs=0.01)
    narrow = Found(np.hstack([z, np.full_like(z, 0.8)]), np.empty((0, 2)))
    assert narrow.covered == held(narrow.flat)
    assert narrow.centred == pytest.approx(narrow.covered, abs=error)
    assert narrow.covered == pytest.approx(0.8831, abs=error)
    assert narrow.spread == pytest.approx(1.25, abs=0.01)


@pytest.mark.parametrize(
    ("short", "verdict"), [(0.0, "none below 92%"), (0.25, "in 3 of 3 still below")]
)
def test_the_paragraph_says_what_the_cohorts_show(monkeypatch, short, verdict):
    """Standard deviations a quarter too small hold the truth in 86 %."""
    rng = np.random.default_rng(3)

    def measured(shape, rate, seeds):
        z = rng.normal(size=(20_000, 1))
        both = np.hstack([0.15 * z, np.full_like(z, 0.15 * (1.0 - short))])
        return Found(both, np.hstack([0.15 * z, np.full_like(z, 0.15)]))

    monkeypatch.setattr(item_05_coverage, "measured", measured)
    assert verdict in item_05_coverage.words()
    told = {row.verdict for row in item_05_coverage.rows()}
    assert told == ({"outside"} if short else {"within"})
