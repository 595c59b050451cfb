"""Simulated trials whose truth is drawn from their priors are calibrated, and a fault is seen."""

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from validation.write_trial_sbc import DESIGNS, TRIALS, compared, simulated

from bayes_ihlrt.calibration.bands import holm

pytestmark = pytest.mark.slow
LEVEL = 0.05


@pytest.fixture(scope="module", params=DESIGNS)
def trials(request):
    return request.param, simulated(request.param, TRIALS)


def smallest(name, table):
    """Return the smallest adjusted p value of each kind of test."""
    found = compared(name, table)
    kinds = {one.kind for one in found}
    return {
        kind: min(holm({str(n): one.p for n, one in enumerate(found) if one.kind == kind}).values())
        for kind in kinds
    }


def test_truth_lies_in_the_posterior_as_if_drawn_from_it(trials):
    assert min(smallest(*trials).values()) > LEVEL


@pytest.mark.parametrize("factor", [0.85, 1.2])
def test_a_posterior_of_another_width_is_seen(trials, factor):
    name, table = trials
    assert smallest(name, {**table, "sd": factor * table["sd"]})["share below"] < LEVEL


def test_probabilities_that_favour_benefit_are_seen(trials):
    """By a tenth of a posterior standard deviation."""
    name, table = trials
    moved = ndtr(ndtri(np.clip(table["probability"], 1e-12, 1.0 - 1e-12)) + 0.1)
    assert smallest(name, {**table, "probability": moved})["true or not"] < LEVEL
