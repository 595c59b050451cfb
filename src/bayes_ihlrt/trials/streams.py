"""Counter-based random streams: a trial's numbers depend on the seed and its number alone.

Whatever else runs beside it, on however many workers, trial 4711 is trial 4711. Patient i of a
trial takes the i-th number of each stream, so designs that differ in size, looks or effects see the
same patients (common random numbers).
"""

from enum import IntEnum

import jax


class Stream(IntEnum):
    """What a stream of random numbers is for."""

    ARRIVAL = 0
    MODIFIER = 1
    BLOCKS = 2
    SURVIVAL = 3
    DROPOUT = 4
    START = 5
    EVER = 6
    FUTURE = 7
    COVARIATES = 16
    CENTRES = 17
    EXTERNAL = 18


def trial_key(seed: int | jax.Array, trial: jax.Array) -> jax.Array:
    """Return the random key of one trial.

    Parameters
    ----------
    seed : int or array
        The plan's seed.
    trial : array, scalar int
        Number of the trial.

    Returns
    -------
    array
        JAX key.
    """
    return jax.random.fold_in(jax.random.key(seed), trial)


def stream(key: jax.Array, which: Stream) -> jax.Array:
    """Return the key of one stream of a trial."""
    return jax.random.fold_in(key, int(which))
