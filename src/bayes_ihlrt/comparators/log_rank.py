"""The log-rank test of two arms, within strata where there are some."""

import jax
import jax.numpy as jnp

type Followed = tuple[jax.Array, jax.Array, jax.Array]
"""Months of follow-up, 1 where the event was seen, 1 where the patient is in the trial."""


def log_rank(
    followed: Followed,
    treated: jax.Array,
    *,
    stratum: jax.Array | None = None,
    levels: int = 1,
) -> jax.Array:
    r"""Return the log-rank statistic, negative where the treated have fewer events than expected.

    .. math:: z = \frac{\sum_j (d_{1j} - d_j n_{1j} / n_j)}
              {\sqrt{\sum_j d_j \frac{n_{1j} n_{0j}}{n_j^2} \frac{n_j - d_j}{n_j - 1}}}

    over the event times j, with d events among n at risk, index 1 for the treated; events at the
    same time are counted together. With strata both sums go over strata too.

    Parameters
    ----------
    followed : tuple of array, each of shape (N,)
        Months, events and who counts.
    treated : array, shape (N,)
        1 in the treated arm.
    stratum : array of int, shape (N,), optional
        Stratum of each patient, from 0.
    levels : int
        Number of strata.

    Returns
    -------
    array, scalar
        Standard normal without an effect; NaN without an event.

    References
    ----------
    Mantel N. Cancer Chemother Rep 1966;50:163-170. Peto R, Peto J. J R Stat Soc A
    1972;135:185-207, doi 10.2307/2344317.

    Examples
    --------
    >>> import numpy as np
    >>> months = np.array([3.0, 5.0, 7.0, 2.0, 4.0, 6.0])
    >>> arm = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    >>> round(float(log_rank((months, np.ones(6), np.ones(6)), arm)), 4)
    -0.6963
    """
    months, event, there = followed
    observed, spread = jnp.asarray(0.0), jnp.asarray(0.0)
    for level in range(levels):
        inside = there if stratum is None else there * (stratum == level)
        excess, variance = _sums(months, event * inside, inside, treated)
        observed, spread = observed + excess, spread + variance
    return jnp.where(
        spread > 0.0, observed / jnp.sqrt(jnp.where(spread > 0.0, spread, 1.0)), jnp.nan
    )


def _sums(
    months: jax.Array, event: jax.Array, there: jax.Array, treated: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Observed less expected events among the treated, and its variance."""
    order = jnp.argsort(months)
    time, event, there, treated = (values[order] for values in (months, event, there, treated))
    first = jnp.searchsorted(time, time, side="left")
    after = jnp.searchsorted(time, time, side="right")
    at_risk = _from(there)[first]
    of_treated = _from(there * treated)[first]
    events = jnp.concatenate([jnp.zeros(1), jnp.cumsum(event)])
    together = events[after] - events[first]
    share = of_treated / jnp.maximum(at_risk, 1.0)
    # An event that nobody else was at risk of has no variance.
    rest = (at_risk - together) / jnp.maximum(at_risk - 1.0, 1.0)
    return (event * (treated - share)).sum(), (event * share * (1.0 - share) * rest).sum()


def _from(values: jax.Array) -> jax.Array:
    """Sum from each place on."""
    return jnp.cumsum(values[::-1])[::-1]
