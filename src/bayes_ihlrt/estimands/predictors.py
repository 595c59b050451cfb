"""Linear predictors of many patients in many draws: as an array, or made when they are asked for.

Two hundred thousand patients in 4,000 draws are 6.4 GB. What is read of them, averages inside each
draw, needs a few draws at a time, and few values of the predictor in each.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FURTHEST: Final = 700.0
"""Log hazard ratio that a float's exponential holds."""
_BINS: Final = 200
_CHUNK: Final = 1_000_000
HELD: Final = 25_000_000
"""Draws x patients that are held as one array: 200 MB."""


@dataclass(frozen=True, eq=False)
class Predictors:
    """Linear predictors that are computed for the draws that are asked for.

    Parameters
    ----------
    shape : tuple of int
        Draws and patients.
    make : callable
        From a slice of draws to the predictors in them, shape (draws, patients).
    moved : tuple of Predictors and ndarray, optional
        Others from which these differ by one number in each draw, and that number, shape (draws,).

    Examples
    --------
    >>> eta = Predictors((4, 2), lambda draws: np.arange(8.0).reshape(4, 2)[draws])
    >>> eta[1:3].tolist(), eta.shape
    ([[2.0, 3.0], [4.0, 5.0]], (4, 2))
    """

    shape: tuple[int, int]
    make: Callable[[slice], Floats]
    moved: tuple["Predictors", Floats] | None = None
    condensed: list[tuple[Floats, tuple[Floats, Floats]]] = field(default_factory=list, repr=False)

    def __getitem__(self, draws: slice) -> Floats:
        """Return the predictors in some draws."""
        return self.make(draws)


def predictors(shape: tuple[int, int], make: Callable[[slice], Floats]) -> Floats | Predictors:
    """Return predictors as an array where memory has room for several, else as they are needed.

    Parameters
    ----------
    shape : tuple of int
        Draws and patients.
    make : callable
        From a slice of draws to the predictors in them.

    Returns
    -------
    ndarray or Predictors
        Both have a shape and give the predictors of a slice of draws.

    Examples
    --------
    >>> predictors((4, 2), lambda draws: np.ones((4, 2))[draws]).shape
    (4, 2)
    """
    if shape[0] * shape[1] <= HELD:
        return make(slice(None))
    return Predictors(shape, make)


@dataclass(frozen=True, eq=False)
class Seen:
    """Predictors of the same patients under other values of a covariate.

    Everybody's modifier set to 3 and to 5 moves all predictors of a draw by one number, so that
    their bins are those of the first, moved.

    Parameters
    ----------
    kept : list
        Design matrix, groups and predictors of what was computed before.
    """

    kept: list[tuple[Floats, tuple[NDArray[np.generic], ...], Predictors]] = field(
        default_factory=list
    )

    def related(
        self,
        eta: Predictors,
        design: Floats,
        groups: tuple[NDArray[np.generic], ...],
        coefficients: Floats,
    ) -> Predictors:
        """Return predictors with those that they are moved from, where there are any.

        Parameters
        ----------
        eta : Predictors
            New ones.
        design : ndarray, shape (patients, covariates)
            Their design matrix.
        groups : tuple of ndarray, each of shape (patients,)
            What the effects of groups are read by.
        coefficients : ndarray, shape (draws, covariates)
            Draws.

        Returns
        -------
        Predictors
            The same values.
        """
        for other, others, known in self.kept:
            if other.shape != design.shape or not all(map(np.array_equal, groups, others)):
                continue
            apart = design - other
            if (np.ptp(apart, axis=0) <= _ALIKE * np.abs(apart).max(initial=1.0)).all():
                return replace(eta, moved=(known, coefficients @ apart[0]))
        if len(self.kept) < _FEW:
            self.kept.append((design, groups, eta))
        return eta


_ALIKE: Final = 1e-12
_FEW: Final = 4
"""Design matrices that are held to compare with."""


def condense(eta: Floats | Predictors, weights: Floats | Predictors) -> tuple[Floats, Floats]:
    """Put the linear predictors of many patients into bins, draw by draw.

    An average over patients of a function of the linear predictor alone, such as survival under
    one treatment state, is then one over 200 bins. Each bin stands at its mean, so that the error
    is of second order in its width: below 1e-4 in a survival probability when the predictors of a
    draw lie within 15 of each other.

    Parameters
    ----------
    eta : ndarray or Predictors, shape (samples, patterns)
        Linear predictors.
    weights : ndarray or Predictors, shape (patterns,) or (samples, patterns)
        Shares of the patterns.

    Returns
    -------
    eta : ndarray, shape (samples, bins)
        Mean of each bin; as given where there are few patterns.
    weights : ndarray, shape (samples, bins), (samples, patterns) or (1, patterns)
        Share of each bin.
    """
    if eta.shape[1] <= 2 * _BINS:
        whole = eta if isinstance(eta, np.ndarray) else eta[:]
        return whole, np.atleast_2d(weights[:])
    if isinstance(eta, Predictors) and isinstance(weights, np.ndarray):
        return _condensed_once(eta, weights)
    return _binned(eta, weights)


def _condensed_once(eta: Predictors, weights: Floats) -> tuple[Floats, Floats]:
    """Bins of predictors that differ from others by one number a draw are theirs, moved."""
    if eta.moved is not None:
        other, shift = eta.moved
        means, shares = _condensed_once(other, weights)
        moved = means + shift[:, None]
        if max(np.abs(means).max(), np.abs(moved).max()) < FURTHEST:
            return moved, shares
        return _binned(eta, weights)
    for known, found in eta.condensed:
        if np.array_equal(known, weights):
            return found
    eta.condensed.append((weights, _binned(eta, weights)))
    return eta.condensed[-1][1]


def _binned(eta: Floats | Predictors, weights: Floats | Predictors) -> tuple[Floats, Floats]:
    samples, patterns = eta.shape
    means, shares = np.zeros((samples, _BINS)), np.zeros((samples, _BINS))
    rows = max(1, _CHUNK // patterns)
    for top in range(0, samples, rows):
        part = eta[top : top + rows]
        low = part.min(axis=1, keepdims=True)
        width = (part.max(axis=1, keepdims=True) - low) / _BINS
        # Draws that are no number stay none: all of theirs goes into the first bin.
        places = np.nan_to_num((part - low) / np.where(width > 0.0, width, 1.0))
        place = places.astype(np.intp)
        place = np.minimum(place, _BINS - 1) + _BINS * np.arange(len(part))[:, None]
        own = weights[:] if len(weights.shape) == 1 else weights[top : top + rows]
        share = np.broadcast_to(own, part.shape)
        size = len(part) * _BINS
        mass = np.bincount(place.ravel(), share.ravel(), size)
        total = np.bincount(place.ravel(), (share * part).ravel(), size)
        shares[top : top + rows] = mass.reshape(-1, _BINS)
        means[top : top + rows] = (total / np.where(mass > 0.0, mass, 1.0)).reshape(-1, _BINS)
    return means, shares
