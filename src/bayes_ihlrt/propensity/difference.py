"""The standardised mean difference of covariates between two arms."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def standardised_difference(matrix: Floats, arm: NDArray[np.bool_], weight: Floats) -> Floats:
    """Return weighted means of the treated less the others' over the unweighted spread in the arms.

    Parameters
    ----------
    matrix : ndarray, shape (rows, covariates)
        Covariates.
    arm : ndarray of bool, shape (rows,)
        Who is treated.
    weight : ndarray, shape (rows,)
        Weights, not negative.

    Returns
    -------
    ndarray, shape (covariates,)
        NaN where an arm has fewer than two rows or no weight, infinite where a covariate is
        constant in both arms and differs.

    Examples
    --------
    >>> one = np.array([[2.0], [4.0], [6.0], [2.0]])
    >>> treated = np.array([True, True, False, False])
    >>> standardised_difference(one, treated, np.array([1.0, 1.0, 0.5, 1.5])).tolist()
    [0.0]
    """
    counts = arm.sum(), (~arm).sum()
    totals = weight[arm].sum(), weight[~arm].sum()
    if min(counts) < 2 or min(totals) <= 0.0:
        return np.full(matrix.shape[1], np.nan)
    means = [
        weight[side] @ matrix[side] / total for side, total in zip((arm, ~arm), totals, strict=True)
    ]
    spread = np.sqrt((matrix[arm].var(axis=0, ddof=1) + matrix[~arm].var(axis=0, ddof=1)) / 2.0)
    gap = means[0] - means[1]
    # A covariate that is constant in both arms is balanced if it is the same in both.
    constant = np.where(np.isclose(gap, 0.0, atol=1e-12), 0.0, np.copysign(np.inf, gap))
    return np.divide(gap, spread, out=constant, where=spread > 0.0)
