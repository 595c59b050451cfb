"""How far two weighted samples lie apart: cumulative Jensen-Shannon distance.

References
----------
Nguyen H-V, Vreeken J. Non-parametric Jensen-Shannon divergence. ECML PKDD 2015,
doi 10.1007/978-3-319-23525-7_11. Kallioinen N, Paananen T, Bürkner P-C, Vehtari A. Stat Comput
2024;34:57, doi 10.1007/s11222-023-10366-5.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def cumulative_js_distance(
    values: Floats, weights: Floats, others: Floats, other_weights: Floats
) -> float:
    """Return the cumulative Jensen-Shannon distance of two weighted samples.

    With distribution functions P and Q and M = (P + Q) / 2, the symmetric divergence is

        CJS = int P log2(P / M) + Q log2(Q / M) dx,

    in which the terms that make each of its halves non-negative cancel. It is divided by its upper
    bound, int P + Q dx; the distance is the root. The larger of the values for x and for -x is
    taken: near the upper end of the range P and Q are both near 1 and count for little.

    Parameters
    ----------
    values : ndarray, shape (draws,)
        A sample.
    weights : ndarray, shape (draws,)
        Its non-negative weights; their scale does not matter.
    others : ndarray, shape (draws,)
        The other sample; its length may differ.
    other_weights : ndarray, shape (draws,)
        Its weights.

    Returns
    -------
    float
        Between 0 (the same distribution) and 1.

    Examples
    --------
    >>> x, equal = np.linspace(-1.0, 1.0, 11), np.ones(11)
    >>> cumulative_js_distance(x, equal, x, equal)
    0.0
    """
    forward = _distance(values, weights, others, other_weights)
    return max(forward, _distance(-values, weights, -others, other_weights))


def _distance(values: Floats, weights: Floats, others: Floats, other_weights: Floats) -> float:
    grid = np.sort(np.concatenate([values, others]))
    width = np.diff(grid)
    p, q = (_distribution(v, w, grid[:-1]) for v, w in ((values, weights), (others, other_weights)))
    middle = 0.5 * (p + q)
    bound = float(width @ (p + q))
    if bound <= 0.0:
        return 0.0
    divergence = float(width @ (_entropy(p, middle) + _entropy(q, middle)))
    return float(np.sqrt(max(divergence / bound, 0.0)))


def _distribution(values: Floats, weights: Floats, grid: Floats) -> Floats:
    order = np.argsort(values)
    mass = np.concatenate([[0.0], np.cumsum(weights[order])])
    found = mass[np.searchsorted(values[order], grid, side="right")] / mass[-1]
    return np.asarray(found)


def _entropy(p: Floats, middle: Floats) -> Floats:
    positive = p > 0.0
    ratio = np.divide(p, middle, out=np.ones_like(p), where=positive)
    return np.asarray(p * np.log2(ratio))
