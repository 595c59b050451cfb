"""Draws widened to a covariance that they should have, no further than chance leaves to see.

A covariance H is compared with the covariance C of D draws. C is known to chance only, and so is H
where patients were put into groups. Where both estimate the same, some directions show an excess of
H all the same, and adding it makes every interval too wide: by 2 to 5 % of a standard deviation
with 400 draws or groups of ten patients. With R the square root of C,

    R^-1 H R^-1 - I

has eigenvalues that are compared with those of matrices that differ by chance alone (Wishart with
D - 1 degrees of freedom, and with those of H). From the largest down, an eigenvalue above 95 % of
the largest that chance gives in the directions left is an excess, corrected for what chance adds to
a large eigenvalue. The others are reduced by what chance gives in their rank, so that an excess
alike in all directions stays.

References
----------
Donoho DL, Gavish M, Johnstone IM. Optimal shrinkage of eigenvalues in the spiked covariance model.
Ann Stat 2018;46:1742-78, doi 10.1214/17-AOS1601.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BY_CHANCE: Final = 100
"""Pairs of matrices that differ by chance alone."""
_CERTAIN: Final = 0.95
_RIDGE: Final = 1e-6
"""Share of H that is added to C, which has no inverse where draws do not differ."""


def degrees_of_freedom(patients: int, *, groups: int) -> float:
    """Return how well H is known, as degrees of freedom of a covariance.

    Parameters
    ----------
    patients : int
        Patients.
    groups : int
        Groups at most that they were put into at random.

    Returns
    -------
    float
        Infinite where each patient is a group.

    Examples
    --------
    >>> degrees_of_freedom(80, groups=200), degrees_of_freedom(2000, groups=1000)
    (inf, 2000.0)
    """
    if patients <= groups:
        return float("inf")
    # Of sums over m patients, products of two patients are the noise: 1 - 1 / m of the variance.
    return groups / (1.0 - groups / patients)


def widened(
    draws: Floats,
    covariance: Floats,
    rng: np.random.Generator,
    *,
    freedom: float = float("inf"),
) -> Floats:
    """Return draws moved at random so that their covariance is at least another.

    Parameters
    ----------
    draws : ndarray, shape (draws, dims)
        Draws with covariance C.
    covariance : ndarray, shape (dims, dims)
        Their least covariance H; zero where nothing is asked.
    rng : numpy.random.Generator
        Draws the moves, normal with the excess of H over C.
    freedom : float
        How well H is known: infinite where it is no estimate.

    Returns
    -------
    ndarray, shape (draws, dims)
        Equal to `draws` where H adds nothing.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> draws = rng.normal(0.0, [1.0, 3.0], size=(100_000, 2))
    >>> widened(draws, np.diag([4.0, 4.0]), rng).std(axis=0).round(1).tolist()
    [2.0, 3.0]
    """
    asked = np.flatnonzero(np.diagonal(covariance) > 0.0)
    if not len(asked):
        return draws
    known = np.cov(draws[:, asked], rowvar=False, ddof=0).reshape(len(asked), len(asked))
    values, directions = _excess(covariance[np.ix_(asked, asked)], known)
    root = directions * np.sqrt(_beyond_chance(values, len(draws), freedom))
    moves = np.zeros_like(draws)
    moves[:, asked] = rng.standard_normal((len(draws), len(asked))) @ root.T
    return np.asarray(draws + moves)


def _excess(wanted: Floats, known: Floats) -> tuple[Floats, Floats]:
    """Return the eigenvalues of R^-1 H R^-1 - I, increasing, and R times its eigenvectors."""
    spread, axes = np.linalg.eigh(known + _RIDGE * wanted)
    spread = np.maximum(spread, np.finfo(np.float64).tiny)
    inverse = axes / np.sqrt(spread)
    turned = inverse.T @ wanted @ inverse
    values, vectors = np.linalg.eigh(turned - np.eye(len(turned)))
    return values, axes * np.sqrt(spread) @ vectors


def _beyond_chance(values: Floats, draws: int, freedom: float) -> Floats:
    """Return what is left of increasing eigenvalues when chance is taken out."""
    found = np.zeros(len(values))
    left = len(values)
    while left:
        chance = _by_chance(draws, left, freedom)
        if values[left - 1] <= np.quantile(chance[:, -1], _CERTAIN):
            found[:left] = np.maximum(values[:left] - chance.mean(axis=0), 0.0)
            break
        ratio = (left - 1) * (1.0 / draws + 1.0 / freedom)
        found[left - 1] = _without_bias(float(values[left - 1]), ratio)
        left -= 1
    return found


def _without_bias(value: float, ratio: float) -> float:
    """Return the excess whose estimate is `value`; `ratio` is of dimensions to draws."""
    half = value + 2.0 - ratio
    return (half + float(np.sqrt(max(half**2 - 4.0 * (1.0 + value), 0.0)))) / 2.0 - 1.0


def _by_chance(draws: int, dims: int, freedom: float) -> Floats:
    """Return eigenvalues where both matrices estimate the same, shape (pairs, dims)."""
    rng = np.random.default_rng([draws, dims])
    found = np.empty((_BY_CHANCE, dims))
    for number in range(_BY_CHANCE):
        wanted = np.eye(dims)
        if np.isfinite(freedom):
            wanted = _wishart(int(freedom), dims, rng) / int(freedom)
        found[number] = _excess(wanted, _wishart(draws - 1, dims, rng) / draws)[0]
    return found


def _wishart(freedom: int, dims: int, rng: np.random.Generator) -> Floats:
    """Return a Wishart matrix by its Bartlett decomposition."""
    if freedom < dims:
        rows = rng.standard_normal((freedom, dims))
        return np.asarray(rows.T @ rows)
    lower = np.tril(rng.standard_normal((dims, dims)), -1)
    lower += np.diag(np.sqrt(rng.chisquare(freedom - np.arange(dims))))
    return np.asarray(lower @ lower.T)
