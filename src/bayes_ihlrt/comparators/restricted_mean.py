"""The test of two arms' restricted mean survival by areas under Kaplan-Meier curves."""

import jax
import jax.numpy as jnp

from bayes_ihlrt.comparators.log_rank import Followed


def restricted_mean(
    followed: Followed, treated: jax.Array, *, horizon: float
) -> tuple[jax.Array, jax.Array]:
    r"""Return the difference in restricted mean survival, treated minus control, and its error.

    .. math:: \hat\mu = \int_0^\tau \hat S(t) dt, \qquad
              \widehat{var}(\hat\mu) = \sum_{t_j \le \tau}
              \Big(\int_{t_j}^\tau \hat S(t) dt\Big)^2 \frac{d_j}{n_j (n_j - d_j)}

    Parameters
    ----------
    followed : tuple of array, each of shape (N,)
        Months, events and who counts.
    treated : array, shape (N,)
        1 in the treated arm.
    horizon : float
        Months.

    Returns
    -------
    difference : array, scalar
        Months; NaN where an arm was not followed to the horizon and somebody was left alive.
    error : array, scalar
        Its standard error (Greenwood).

    References
    ----------
    Royston P, Parmar MKB. Stat Med 2011;30:2409-2421, doi 10.1002/sim.4274. Uno H et al. J Clin
    Oncol 2014;32:2380-2385, doi 10.1200/JCO.2014.55.2208.

    Examples
    --------
    >>> import numpy as np
    >>> months = np.array([3.0, 5.0, 12.0, 2.0, 4.0, 12.0])
    >>> event, arm = np.array([1, 1, 0, 1, 1, 0.0]), np.array([1, 1, 1, 0, 0, 0.0])
    >>> found = restricted_mean((months, event, np.ones(6)), arm, horizon=10.0)
    >>> [round(float(value), 4) for value in found]
    [0.6667, 2.5963]
    """
    months, event, there = followed
    each = [
        _of_arm((months, event, there * (treated == arm)), horizon=horizon) for arm in (1.0, 0.0)
    ]
    return each[0][0] - each[1][0], jnp.sqrt(each[0][1] + each[1][1])


def _of_arm(followed: Followed, *, horizon: float) -> tuple[jax.Array, jax.Array]:
    """Area under the Kaplan-Meier curve of one arm, and its variance."""
    # Those of the other arm come first and count for nothing.
    months, event, there = followed
    months = jnp.where(there > 0.0, months, 0.0)
    order = jnp.lexsort((-event * there, months))
    time, event, there = (values[order] for values in (months, event * there, there))
    first = jnp.searchsorted(time, time, side="left")
    at_risk = jnp.cumsum(there[::-1])[::-1]
    # One factor an event, those at the same time in any order: (n - 1) / n, (n - 2) / (n - 1).
    alive = jnp.cumprod(jnp.where(event > 0.0, 1.0 - 1.0 / jnp.maximum(at_risk, 1.0), 1.0))
    ends = jnp.minimum(jnp.append(time[1:], horizon), horizon)
    begins = jnp.minimum(time, horizon)
    pieces = alive * jnp.maximum(ends - begins, 0.0)
    area = begins[0] + pieces.sum()
    left = jnp.cumsum(pieces[::-1])[::-1]
    counts = jnp.concatenate([jnp.zeros(1), jnp.cumsum(event)])
    after = jnp.searchsorted(time, time, side="right")
    together, risk = counts[after] - counts[first], at_risk[first]
    last = left[after - 1]
    hazard = jnp.where(risk > together, 1.0 / (risk * jnp.maximum(risk - together, 1.0)), 0.0)
    inside = (event > 0.0) & (time <= horizon)
    variance = (jnp.where(inside, 1.0, 0.0) * last**2 * hazard).sum()
    reaches = (time[-1] >= horizon) | (alive[-1] == 0.0)
    return jnp.where(reaches, area, jnp.nan), variance
