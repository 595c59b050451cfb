"""Sums over patients in blocks of rounded sizes are the sums that the formula says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes_ihlrt.estimands.sums import draws_at_a_time, exponential_sums

SIZES = st.tuples(
    st.integers(1, 130),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 40),
    st.integers(0, 20),
)


@settings(max_examples=25)
@given(SIZES, st.integers(0, 2**32 - 1))
def test_they_are_those_of_the_formula(sizes, seed):
    draws, sums, causes, patients, times = sizes
    rng = np.random.default_rng(seed)
    mass = rng.random((draws, sums, patients))
    ratio = np.exp(rng.normal(size=(draws, causes, patients)))
    lost = rng.random((draws, patients))
    hazard = np.cumsum(rng.random((draws, causes, times)), axis=-1)
    found = exponential_sums(mass, ratio, lost, hazard)
    spent = lost[..., None] + np.einsum("dcv,dct->dvt", ratio, hazard)
    assert found.shape == (draws, sums, times)
    np.testing.assert_allclose(found, mass @ np.exp(-spent), rtol=1e-12)


def test_nobody_survives_an_infinite_hazard_and_everybody_none():
    one = np.ones((1, 1, 3))
    hazard = np.array([[[0.0, np.inf]]])
    assert exponential_sums(one, one, np.zeros((1, 3)), hazard).tolist() == [[[3.0, 0.0]]]


@pytest.mark.parametrize(("patients", "samples"), [(1, 1), (78, 4_000), (256, 100), (10**6, 4_000)])
def test_blocks_are_of_sizes_that_programs_are_shared_by(patients, samples):
    found = draws_at_a_time(patients, samples)
    assert found % 64 == 0
    assert 0 < found < samples + 64
