"""Is a sample uniform? The largest deviation of its ECDF, with exact simultaneous bands.

At a point z the number of N uniform values below z is Binomial(N, z). The pointwise level of a
count x is 2 min{P(X <= x), P(X >= x)}, at most 1, and the statistic is its smallest value over a
grid of points. The counts along the grid are a Markov chain,

    X_j - X_(j-1) | X_(j-1) ~ Binomial(N - X_(j-1), (z_j - z_(j-1)) / (1 - z_(j-1))),

so that the probability of staying within any band follows by recursion, without simulation.

References
----------
Säilynoja T, Bürkner P-C, Vehtari A. Graphical test for discrete uniformity and its applications in
goodness-of-fit evaluation and multiple sample comparison. Stat Comput 2022;32:32,
doi 10.1007/s11222-022-10090-6.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaln
from scipy.stats import binom

Floats = NDArray[np.float64]
GRID: Final = 100
"""Intervals into which the bands divide (0, 1)."""

_SMALLEST: Final = 1e-15


def grid_points() -> Floats:
    """Return the inner points of the grid, shape (GRID - 1,)."""
    return np.arange(1, GRID) / GRID


def ecdf_counts(values: Floats) -> NDArray[np.int64]:
    """Return how many values lie at or below each grid point.

    Parameters
    ----------
    values : ndarray, shape (N,)
        Between 0 and 1.

    Returns
    -------
    ndarray of int, shape (GRID - 1,)
        Increasing.
    """
    return np.searchsorted(np.sort(values), grid_points(), side="right").astype(np.int64)


def uniformity_p_value(values: Floats) -> float:
    """Return the probability of a larger ECDF deviation under uniformity.

    Parameters
    ----------
    values : ndarray, shape (N,)
        Between 0 and 1.

    Returns
    -------
    float
        Exact for values on a continuous scale, simultaneous over the grid.

    Examples
    --------
    >>> even = (np.arange(200) + 0.5) / 200
    >>> round(uniformity_p_value(even), 3), uniformity_p_value(even**2) < 1e-6
    (1.0, True)
    """
    counts, points, total = ecdf_counts(values), grid_points(), len(values)
    below, above = binom.cdf(counts, total, points), binom.sf(counts - 1, total, points)
    level = float(np.min(np.minimum(2.0 * np.minimum(below, above), 1.0)))
    return 1.0 - _inside(total, level)


def simultaneous_band(total: int, *, probability: float) -> tuple[Floats, Floats]:
    """Return the band within which the whole ECDF of a uniform sample stays.

    Parameters
    ----------
    total : int
        Size N of the sample.
    probability : float
        Of staying within; met at least.

    Returns
    -------
    lower : ndarray, shape (GRID - 1,)
        Smallest ECDF minus grid point that lies within.
    upper : ndarray, shape (GRID - 1,)
        Largest one.
    """
    low, high = _limits(total, _pointwise_level(total, probability))
    return low / total - grid_points(), high / total - grid_points()


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjust p values for the number of tests.

    Parameters
    ----------
    p_values : mapping of str to float
        By test.

    Returns
    -------
    dict of str to float
        Rejecting where an adjusted value is below a level keeps the probability of any false
        alarm below that level, whatever the dependence between tests.

    References
    ----------
    Holm S. Scand J Statist 1979;6:65-70.

    Examples
    --------
    >>> {name: round(p, 2) for name, p in holm({"a": 0.01, "b": 0.5, "c": 0.02}).items()}
    {'a': 0.03, 'b': 0.5, 'c': 0.04}
    """
    adjusted, largest = {}, 0.0
    for place, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


def _pointwise_level(total: int, probability: float) -> float:
    def excess(log_level: float) -> float:
        return _inside(total, float(np.exp(log_level))) - probability

    # The probability is a step function: come from the side of the wider band.
    return float(np.exp(brentq(excess, np.log(1e-12), np.log(0.5), xtol=1e-6) - 1e-5))


def _limits(total: int, level: float) -> tuple[Floats, Floats]:
    """Return the smallest and largest counts whose pointwise level is above `level`."""
    points = grid_points()
    low = np.asarray(binom.ppf(level / 2.0, total, points), dtype=np.float64)
    high = np.asarray(binom.isf(level / 2.0, total, points), dtype=np.float64)
    # A quantile whose level is `level` itself lies outside; rounding may put it on either side.
    just = level * (1.0 + 1e-12) / 2.0
    low += binom.cdf(low, total, points) <= just
    high -= binom.sf(high - 1.0, total, points) <= just
    return low, high


def _inside(total: int, level: float) -> float:
    """Return the probability that every pointwise level is above `level`."""
    if level >= 1.0:
        return 0.0
    if level < _SMALLEST:
        return 1.0
    low, high = (limit.astype(np.int64) for limit in _limits(total, level))
    if np.any(low > high):
        return 0.0
    points = grid_points()
    steps = np.diff(points, prepend=0.0) / (1.0 - np.concatenate([[0.0], points[:-1]]))
    log_factorial = gammaln(np.arange(total + 1) + 1.0)
    counts, mass = np.zeros(1, dtype=np.int64), np.ones(1)
    for first, last, step in zip(low, high, steps, strict=True):
        after = np.arange(first, last + 1)
        gained = after[None, :] - counts[:, None]
        left = total - counts[:, None]
        possible = (gained >= 0) & (gained <= left)
        x = np.where(possible, gained, 0)
        log_mass = log_factorial[left] - log_factorial[x] - log_factorial[left - x]
        log_mass = log_mass + x * np.log(step) + (left - x) * np.log1p(-step)
        mass = mass @ np.where(possible, np.exp(log_mass), 0.0)
        counts = after
    return float(min(mass.sum(), 1.0))
