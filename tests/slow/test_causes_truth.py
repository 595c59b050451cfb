"""Incidence and months lost by cause recover their truth: bias and coverage over 400 cohorts."""

import pytest
from validation.known_truth import LEAST, MOST, bias, coverage, run
from validation.write_causes import PAGE, SEEDS, one_cohort, raised


@pytest.mark.slow
def test_bias_and_coverage():
    """Bias within 3 Monte Carlo standard errors, 95 % intervals covering 91 to 98 %."""
    found = run(one_cohort, SEEDS)
    for name in found[0].truth:
        _, error, mcse = bias(found, name)
        if "Kaplan-Meier" in name:
            assert error > 10.0 * mcse, name
            continue
        assert abs(error) < 3.0 * mcse, name
        assert LEAST <= coverage(found, name) <= MOST, name
    assert raised(found) in PAGE.read_text("utf-8")
