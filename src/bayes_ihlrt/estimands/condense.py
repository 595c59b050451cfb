"""Many patients' linear predictors in few values, draw by draw."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_BINS: Final = 200
_CHUNK: Final = 1_000_000


def condense(eta: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Put the linear predictors of many patients into bins, draw by draw.

    An average over patients of a function of the linear predictor alone, such as survival under
    one treatment state, is then one over 200 bins. Each bin stands at its mean, so that the error
    is of second order in its width: below 1e-4 in a survival probability when the predictors of a
    draw lie within 15 of each other.

    Parameters
    ----------
    eta : ndarray, shape (samples, patterns)
        Linear predictors.
    weights : ndarray, shape (patterns,) or (samples, patterns)
        Shares of the patterns.

    Returns
    -------
    eta : ndarray, shape (samples, bins)
        Mean of each bin; as given where there are few patterns.
    weights : ndarray, shape (samples, bins), (samples, patterns) or (1, patterns)
        Share of each bin.
    """
    samples, patterns = eta.shape
    if patterns <= 2 * _BINS:
        return eta, np.atleast_2d(weights)
    means, shares = np.zeros((samples, _BINS)), np.zeros((samples, _BINS))
    rows = max(1, _CHUNK // patterns)
    for top in range(0, samples, rows):
        part = eta[top : top + rows]
        low = part.min(axis=1, keepdims=True)
        width = (part.max(axis=1, keepdims=True) - low) / _BINS
        place = ((part - low) / np.where(width > 0.0, width, 1.0)).astype(np.intp)
        place = np.minimum(place, _BINS - 1) + _BINS * np.arange(len(part))[:, None]
        own = weights if weights.ndim == 1 else weights[top : top + rows]
        share = np.broadcast_to(own, part.shape)
        size = len(part) * _BINS
        mass = np.bincount(place.ravel(), share.ravel(), size)
        total = np.bincount(place.ravel(), (share * part).ravel(), size)
        shares[top : top + rows] = mass.reshape(-1, _BINS)
        means[top : top + rows] = (total / np.where(mass > 0.0, mass, 1.0)).reshape(-1, _BINS)
    return means, shares
