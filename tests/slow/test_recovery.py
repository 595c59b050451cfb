"""Posterior intervals cover the truth of simulated cohorts as often as they say."""

import pytest

from recovery import COHORTS, by_chains, recover

pytestmark = pytest.mark.slow


def test_intervals_cover_the_truth():
    """Of 200 intervals of 90 %, 80 to 98 % cover; no coefficient is biased beyond chance.

    Chance alone leaves that range once in 100,000 with 200 cohorts, and once in 70 with 50.
    """
    found = recover(by_chains())
    assert len(found.not_converged) <= 0.04 * COHORTS
    for name, truth in found.truth.items():
        assert 0.80 <= found.coverage(name) <= 0.98, name
        error = found.mean[name].mean() - truth
        # Four standard errors, of a bias that seven coefficients could show.
        assert abs(error) < 4.0 * found.mean[name].std(ddof=1) / COHORTS**0.5, name
