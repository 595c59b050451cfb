"""Permuted blocks, on arrays."""

from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.trials.conduct import ArmsSpec

Floats = NDArray[np.float64]


def randomise(key: jax.Array, modifier: jax.Array, arms: ArmsSpec) -> jax.Array:
    """Assign arms in permuted blocks, within strata where the design has them.

    Parameters
    ----------
    key : array
        Random key.
    modifier : array, shape (N,)
        Value of the modifier, which makes the strata.
    arms : ArmsSpec
        Allocation.

    Returns
    -------
    array, shape (N,)
        1 in the treated arm.
    """
    arrangements = jnp.asarray(_arrangements(arms))
    count = len(modifier)
    blocks = -(-count // arms.block)
    high = jnp.zeros(count, int)
    if arms.stratify_at is not None:
        high = (modifier >= arms.stratify_at).astype(int)
    position = jnp.where(high == 1, jnp.cumsum(high), jnp.cumsum(1 - high)) - 1
    uniform = jax.random.uniform(key, (blocks, 2))
    picked = jnp.minimum((uniform * len(arrangements)).astype(int), len(arrangements) - 1)
    block = picked[position // arms.block, high]
    return arrangements[block, position % arms.block]


def _arrangements(arms: ArmsSpec) -> Floats:
    """Every order of a block, each once, shape (orders, block)."""
    units = arms.block // (arms.control + arms.treated)
    places = combinations(range(arms.block), units * arms.treated)
    return np.asarray(
        [[float(place in chosen) for place in range(arms.block)] for chosen in places]
    )
