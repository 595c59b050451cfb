"""Where a noisy probability crosses a threshold."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Floats = NDArray[np.float64]
_NEAR: Final = 9
_CUBIC: Final = 3
_CERTAIN: Final = 2.0
_SLACK: Final = 0.5
"""Steps beyond its bracket that a root fitted to noisy probabilities may lie."""


@dataclass(frozen=True)
class Crossing:
    """Where a probability crosses a threshold.

    Parameters
    ----------
    value : float
        Position on the path.
    error : float
        Monte Carlo standard error of it.
    falling : bool
        Whether the probability falls through the threshold as the position grows.
    """

    value: float
    error: float
    falling: bool


def crossings(
    values: Floats, probabilities: Floats, ess: Floats, threshold: float, *, log: bool
) -> tuple[Crossing, ...]:
    """Return where a probability crosses a threshold.

    Where the probability is on one side of the threshold by two Monte Carlo errors and then on the
    other, a cubic in the position is fitted to the probits of the
    nine nearest, weighted by their Monte Carlo errors, and its root between the two is taken. Where
    noise makes the cubic turn the other way there, a straight line takes its place.

    Parameters
    ----------
    values : ndarray, shape (steps,)
        Positions, increasing; at least nine.
    probabilities : ndarray, shape (steps,)
        Posterior probabilities there.
    ess : ndarray, shape (steps,)
        Effective sample size of each.
    threshold : float
        Probability.
    log : bool
        Work with the logarithm of the positions.

    Returns
    -------
    tuple of Crossing
        In the order of the positions.

    Examples
    --------
    >>> place = np.linspace(0.0, 1.0, 11)
    >>> chance = norm.cdf(2.0 - 2.0 * place)
    >>> found = crossings(place, chance, np.full(11, 4000.0), norm.cdf(1.0), log=False)
    >>> round(found[0].value, 6), found[0].falling
    (0.5, True)
    """
    place = np.log(values) if log else values
    # A share of all or no draws still says that the probability is within one draw of 0 or 1.
    inside = np.clip(probabilities, 0.5 / ess, 1.0 - 0.5 / ess)
    probit = norm.ppf(inside)
    error = np.sqrt(inside * (1.0 - inside) / ess) / norm.pdf(probit)
    height = probit - norm.ppf(threshold)
    # Positions whose side is beyond doubt; noise between two of them makes one crossing, not many.
    certain = np.flatnonzero(np.abs(height) > _CERTAIN * error)
    found = []
    for left, right in pairwise(certain.tolist()):
        if height[left] * height[right] > 0.0:
            continue
        turns = left + np.flatnonzero(np.diff(np.sign(height[left : right + 1])) != 0)
        i = int(turns[len(turns) // 2])
        first = int(np.clip(i - _NEAR // 2 + 1, 0, len(place) - _NEAR))
        near = slice(first, first + _NEAR)
        points = (place[near], height[near], error[near])
        falling = bool(height[left] > 0.0)
        at, spread, slope = _root(points, (place[i], place[i + 1]), degree=_CUBIC)
        if (slope < 0.0) is not falling:
            # Noise bends the cubic against the sides that are beyond doubt; a line has no bends.
            at, spread, _ = _root(points, (place[i], place[i + 1]), degree=1)
        value = float(np.exp(at)) if log else at
        found.append(Crossing(value, spread * value if log else spread, falling))
    return tuple(found)


def _root(
    points: tuple[Floats, Floats, Floats], bracket: tuple[float, float], *, degree: int
) -> tuple[float, float, float]:
    """Root of a weighted polynomial between two positions, its standard error, the slope there."""
    middle, width = float(np.mean(bracket)), float(bracket[1] - bracket[0])
    design = np.vander((points[0] - middle) / width, degree + 1)
    scaled = design / points[2][:, None]
    covariance = np.linalg.inv(scaled.T @ scaled)
    curve = covariance @ (scaled.T @ (points[1] / points[2]))
    roots = np.roots(curve)
    real = roots[np.abs(roots.imag) < 1e-9].real
    inner = real[np.abs(real) <= 0.5 + _SLACK]
    # Noise may move the fitted root out of the bracket: the straight line between the two then.
    left, right = np.polyval(curve, [-0.5, 0.5])
    at = (
        float(inner[np.argmin(np.abs(inner))])
        if len(inner)
        else float(0.5 * (left + right) / (left - right))
    )
    at = float(np.clip(at, -0.5 - _SLACK, 0.5 + _SLACK))
    slope = float(np.polyval(np.polyder(curve), at))
    terms = np.vander([at], degree + 1)[0]
    spread = float(np.sqrt(terms @ covariance @ terms) / max(abs(slope), 1e-12))
    return middle + at * width, spread * width, slope / width
