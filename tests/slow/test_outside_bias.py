"""Designs find truth that is made outside the package: small cohorts of one page's rows."""

import pytest
from validation.bias import modifier

pytestmark = pytest.mark.slow
FAR = 4.0


def test_effect_over_the_modifier_is_that_of_the_simulators():
    """Ten cohorts of 2,000: log hazard ratios by NLR, straight and bent."""
    found = modifier.rows(cohorts=10, patients=2000)
    assert len(found) == 7
    assert [row for row in found if abs(row.z) > FAR] == []
