"""Events between scans recover their truth: bias and coverage over 300 cohorts."""

import pytest
from validation.write_intervals import COHORTS, FIRST_SEED, STATED, bias, coverage, one_cohort

from bayes_ihlrt.sensitivity.scans import SHARES


@pytest.mark.slow
def test_bias_and_coverage():
    """Bias within 3 Monte Carlo standard errors, coverage of 91 to 98 %; dates of scans flatter."""
    found = [one_cohort(FIRST_SEED + number) for number in range(COHORTS)]
    for estimand in found[0].truth:
        _, error, mcse = bias(found, STATED, estimand)
        assert abs(error) < 3.0 * mcse, estimand
        assert 0.91 <= coverage(found, STATED, estimand) <= 0.98, estimand
    at_scan = next(name for name, share in SHARES.items() if share == 1.0)
    _, error, mcse = bias(found, at_scan, "log hazard ratio at NLR 3")
    assert error < -5.0 * mcse
