"""Events between scans recover their truth: bias and coverage over 300 cohorts."""

import pytest
from validation.known_truth import LEAST, MOST, bias, coverage, run
from validation.write_intervals import (
    PAGE,
    SEEDS,
    STATED,
    one_cohort,
    page,
)

from bayes_ihlrt.sensitivity.scans import SHARES


@pytest.mark.slow
def test_bias_and_coverage():
    """Bias within 3 Monte Carlo standard errors, coverage of 91 to 98 %; dates of scans flatter."""
    cohorts = run(one_cohort, SEEDS)
    found = [each[STATED] for each in cohorts]
    for estimand in found[0].truth:
        _, error, mcse = bias(found, estimand)
        assert abs(error) < 3.0 * mcse, estimand
        assert LEAST <= coverage(found, estimand) <= MOST, estimand
    at_scan = next(name for name, share in SHARES.items() if share == 1.0)
    _, error, mcse = bias([each[at_scan] for each in cohorts], "log hazard ratio at NLR 3")
    assert error < -5.0 * mcse
    assert page(cohorts) == PAGE.read_text("utf-8")
