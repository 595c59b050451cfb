"""Contrasts between groups; loads nothing slow."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def orthonormal_basis(levels: int) -> NDArray[np.float64]:
    """Return an orthonormal basis whose first vector is constant.

    Parameters
    ----------
    levels : int
        Number of groups.

    Returns
    -------
    ndarray, shape (levels, levels)
        Columns are the basis vectors (Helmert contrasts after the first).

    Examples
    --------
    >>> basis = orthonormal_basis(4)
    >>> bool(np.allclose(basis.T @ basis, np.eye(4)))
    True
    """
    basis = np.zeros((levels, levels))
    basis[:, 0] = 1.0 / np.sqrt(levels)
    for k in range(1, levels):
        basis[:k, k] = 1.0 / np.sqrt(k * (k + 1))
        basis[k, k] = -k / np.sqrt(k * (k + 1))
    return basis


def crude_contrasts(
    index: NDArray[np.int64], event: Floats, months: Floats, *, levels: int
) -> tuple[Floats, Floats]:
    """Return crude differences between groups in log rate.

    They choose sampling coordinates only; the model does not depend on them.

    Parameters
    ----------
    index : ndarray, shape (rows,)
        Group of each row.
    event, months : ndarray, shape (rows,)
        Events and time at risk.
    levels : int
        Number of groups.

    Returns
    -------
    estimate : ndarray, shape (levels - 1,)
        With half an event added to observed and expected, so that it is finite.
    information : ndarray, shape (levels - 1,)
        One over the sampling variance of the estimate.

    Examples
    --------
    >>> events, months = np.array([20.0, 20.0]), np.array([500.0, 500.0])
    >>> estimate, information = crude_contrasts(np.arange(2), events, months, levels=2)
    >>> estimate.round(6).tolist(), information.round(6).tolist()
    ([0.0], [20.5])
    """
    observed = np.bincount(index, event, minlength=levels) + 0.5
    at_risk = np.bincount(index, months, minlength=levels)
    expected = at_risk * event.sum() / months.sum() + 0.5
    contrasts = orthonormal_basis(levels)[:, 1:]
    return contrasts.T @ np.log(observed / expected), np.square(contrasts).T @ observed
