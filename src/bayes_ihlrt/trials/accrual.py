"""When patients arrive, on arrays."""

import jax
import jax.numpy as jnp
import numpy as np

from bayes_ihlrt.trials.conduct import AccrualSpec, Pattern


def arrivals(key: jax.Array, accrual: AccrualSpec, count: int) -> jax.Array:
    """Invert the cumulative rate at the points of a process of rate 1."""
    if accrual.pattern is Pattern.POISSON:
        units = jnp.cumsum(jax.random.exponential(key, (count,)))
    else:
        units = jnp.arange(count) + 0.5
    return invert_accrual(accrual, units)


def invert_accrual(
    accrual: AccrualSpec, units: jax.Array, *, after: jax.Array | float = 0.0
) -> jax.Array:
    """Return the months at which the expected number of arrivals since `after` reaches `units`.

    Parameters
    ----------
    accrual : AccrualSpec
        Rates, patients per month.
    units : array, shape (N,)
        Expected arrivals.
    after : array, scalar
        Month from which they are counted.

    Returns
    -------
    array, shape (N,)
        Months since the trial opened.
    """
    edges = np.concatenate([[0.0], accrual.cuts])
    reached = np.concatenate([[0.0], np.cumsum(np.diff(edges) * accrual.rates[:-1])])
    rates = jnp.asarray(accrual.rates)
    begun = jnp.searchsorted(jnp.asarray(edges), jnp.asarray(after), side="right") - 1
    units = units + jnp.asarray(reached)[begun] + (after - jnp.asarray(edges)[begun]) * rates[begun]
    period = jnp.searchsorted(jnp.asarray(reached), units, side="right") - 1
    return jnp.asarray(edges)[period] + (units - jnp.asarray(reached)[period]) / rates[period]
