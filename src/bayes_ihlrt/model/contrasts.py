"""Contrasts between groups; loads nothing slow."""

import numpy as np
from numpy.typing import NDArray


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
