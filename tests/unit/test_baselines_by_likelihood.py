"""Every baseline under flat priors agrees with maximum likelihood made outside the package."""

import pytest
from validation.examination import item_05

NOT_SMOOTHED = {"exponential", "Weibull", "Gompertz", "piecewise, independent"}
"""Without a prior on their shape their modes are the maxima, to the optimisers' tolerance."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name == "M-spline" else [])
        for name in item_05.BASELINES
    ],
)
def test_the_mode_is_the_maximum(name):
    mode, best = item_05.family_estimates(name)
    assert mode == pytest.approx(best, abs=0.001 if name in NOT_SMOOTHED else item_05.APART)


def test_a_prior_moves_the_mode(monkeypatch):
    narrow = {"dist": "Normal", "mu": 0.0, "sigma": 0.1}
    monkeypatch.setattr(item_05, "_WIDE", narrow)
    mode, best = item_05.family_estimates("Weibull")
    assert abs(mode - best) > item_05.APART
