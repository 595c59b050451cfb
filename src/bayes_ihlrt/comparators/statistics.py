"""Every test that a design asks for, on each look of many simulated trials."""

from collections.abc import Callable
from functools import lru_cache

import jax
import jax.numpy as jnp

from bayes_ihlrt.comparators.log_rank import Followed, log_rank
from bayes_ihlrt.comparators.restricted_mean import restricted_mean
from bayes_ihlrt.spec.rules import ComparatorSpec, ComparatorTest

type Compared = Callable[[Followed, jax.Array, jax.Array], jax.Array]
"""Follow-up, arm and stratum, leading axes (trials, stages), to (trials, stages, tests)."""


@lru_cache(maxsize=32)
def compared(tests: tuple[ComparatorSpec, ...], levels: int) -> Compared:
    """Return the function from follow-up to the statistics of tests.

    Parameters
    ----------
    tests : tuple of ComparatorSpec
        What is asked for.
    levels : int
        Number of strata of the randomisation.

    Returns
    -------
    callable
        Standard normal deviates without an effect, large where treatment helps; NaN where a test
        has no answer (no event, or follow-up that ends before the horizon).
    """

    def one(followed: Followed, arm: jax.Array, stratum: jax.Array) -> jax.Array:
        return jnp.stack([_statistic(test, followed, arm, stratum, levels) for test in tests])

    found: Compared = jax.jit(jax.vmap(jax.vmap(one)))
    return found


def _statistic(
    test: ComparatorSpec, followed: Followed, arm: jax.Array, stratum: jax.Array, levels: int
) -> jax.Array:
    if test.test is ComparatorTest.RMST:
        gain, error = restricted_mean(followed, arm, horizon=test.horizon or 0.0)
        return jnp.where(error > 0.0, gain / jnp.where(error > 0.0, error, 1.0), jnp.nan)
    if test.stratified:
        return -log_rank(followed, arm, stratum=stratum, levels=levels)
    return -log_rank(followed, arm)
