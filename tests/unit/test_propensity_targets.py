"""Balancing weights against their formulas, and what they are for: equal arms in a population."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_ihlrt.errors import DataError, SpecificationError
from bayes_ihlrt.names import EstimandTarget
from bayes_ihlrt.propensity.weights import balancing_weight, effective_sample_size, normalise

E = np.array([0.05, 0.3, 0.5, 0.8])


def entropy(e):
    return -(e * np.log(e) + (1 - e) * np.log(1 - e))


FORMULAS = {
    "ate": (lambda e: 1 / e, lambda e: 1 / (1 - e)),
    "att": (np.ones_like, lambda e: e / (1 - e)),
    "ato": (lambda e: 1 - e, lambda e: e),
    "atm": (lambda e: np.minimum(e, 1 - e) / e, lambda e: np.minimum(e, 1 - e) / (1 - e)),
    "entropy": (lambda e: entropy(e) / e, lambda e: entropy(e) / (1 - e)),
}
# How strongly each target counts a patient of propensity e.
TILT = {
    "ate": np.ones_like,
    "att": lambda e: e,
    "ato": lambda e: e * (1 - e),
    "atm": lambda e: np.minimum(e, 1 - e),
    "entropy": entropy,
}


@pytest.mark.parametrize("target", EstimandTarget)
def test_weights_are_those_of_the_formula(target):
    treated, control = FORMULAS[target]
    np.testing.assert_allclose(balancing_weight(target, E, 1), treated(E), rtol=1e-12)
    np.testing.assert_allclose(balancing_weight(target, E, 0), control(E), rtol=1e-12)


def test_stabilised_weights():
    share = 0.25
    found = balancing_weight(EstimandTarget.ATE, E, [1, 1, 0, 0], share=share)
    np.testing.assert_allclose(found, [share / 0.05, share / 0.3, 0.75 / 0.5, 0.75 / 0.2])


@given(
    counts=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=2, max_size=6),
    target=st.sampled_from(EstimandTarget),
)
def test_arms_become_the_population_of_the_target(counts, target):
    """With the true propensity of each stratum both arms get the target's mean of anything."""
    treated = np.concatenate([np.repeat([1.0, 0.0], pair) for pair in counts])
    stratum = np.repeat(np.arange(len(counts)), [sum(pair) for pair in counts])
    chance = np.array([one / (one + none) for one, none in counts])
    x = np.random.default_rng(0).normal(size=len(counts))
    weights = balancing_weight(target, chance[stratum], treated)
    expected = np.average(x[stratum], weights=TILT[target](chance)[stratum])
    for arm in (0.0, 1.0):
        inside = treated == arm
        assert np.average(x[stratum][inside], weights=weights[inside]) == pytest.approx(expected)


def test_draws_and_decisions_broadcast():
    draws = np.stack([E, 1 - E])
    weights = balancing_weight(EstimandTarget.ATO, draws, [1, 0, 1, 0])
    np.testing.assert_allclose(weights[1], [0.05, 0.7, 0.5, 0.2])


@pytest.mark.parametrize("target", [EstimandTarget.ATO, EstimandTarget.ATM])
def test_bounded_targets_survive_certain_treatment(target):
    weights = balancing_weight(target, [0.0, 0.0, 1.0, 1.0], [0, 1, 0, 1])
    assert weights.tolist() == [0.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize("target", [EstimandTarget.ATE, EstimandTarget.ATT])
def test_infinite_weights_are_refused(target):
    with pytest.raises(DataError, match=r"row 1.*probability 0.*'ato'"):
        balancing_weight(target, [0.5, 1.0], [1, 0])


@pytest.mark.parametrize(
    ("chance", "treated", "found"),
    [
        ([1.2, 0.5], [1, 0], "propensity: found 1.2"),
        ([np.nan, 0.5], [1, 0], "propensity: found nan"),
        ([0.4, 0.5], [1, 2], "treated: found 2"),
    ],
)
def test_what_is_no_probability_is_refused(chance, treated, found):
    with pytest.raises(DataError, match=found):
        balancing_weight(EstimandTarget.ATO, chance, treated)


def test_share_belongs_to_everybody():
    with pytest.raises(SpecificationError, match="target 'ato', which has no stabilised form"):
        balancing_weight(EstimandTarget.ATO, E, 1, share=0.3)


def test_normalised_weights_sum_to_the_patients():
    weights = np.array([[1.0, 2.0, 3.0], [0.5, 0.5, 0.0]])
    np.testing.assert_allclose(normalise(weights, 80).sum(axis=1), [80.0, 80.0])
    with pytest.raises(DataError, match="nothing to scale"):
        normalise([0.0, 0.0], 2)


@given(st.lists(st.floats(0.01, 100.0), min_size=2, max_size=20), st.floats(0.1, 10.0))
def test_effective_sample_size_is_between_one_and_the_sample(weights, scale):
    treated = np.ones(len(weights))
    size = effective_sample_size(weights, treated)
    assert 1.0 - 1e-9 <= size.treated <= len(weights) + 1e-9
    assert size.control == 0.0
    scaled = effective_sample_size(np.asarray(weights) * scale, treated)
    assert scaled.treated == pytest.approx(size.treated)
