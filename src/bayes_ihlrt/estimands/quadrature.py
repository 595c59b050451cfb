"""Areas under survival curves, between the months at which a hazard may jump."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.inference.fitted import FittedModel

Floats = NDArray[np.float64]
_NODES: Final = 32


def pieces(
    fit: FittedModel, starts: Sequence[float], begin: float, end: float
) -> tuple[float, ...]:
    """Return months between which no strategy's hazard jumps.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    starts : sequence of float
        Months in which strategies switch to treatment.
    begin, end : float
        First and last month.

    Returns
    -------
    tuple of float
        Increasing, from `begin` to `end`.
    """
    cuts = getattr(fit.prepared.hazard, "cuts", ())
    inner = sorted({cut for cut in (*cuts, *starts) if begin < cut < end})
    return (begin, *inner, end)


def quadrature(edges: Sequence[float]) -> tuple[Floats, Floats]:
    """Return nodes and weights that integrate a survival curve over consecutive intervals.

    Parameters
    ----------
    edges : sequence of float
        Increasing, 0 or more.

    Returns
    -------
    nodes : ndarray, shape (32 x intervals,)
        Where to evaluate a function f.
    weights : ndarray, shape (32 x intervals,)
        The integral of f is ``(weights * f(nodes)).sum()``.

    Examples
    --------
    >>> nodes, weights = quadrature((0.0, 2.0))
    >>> round(float((weights * nodes**2).sum()), 10)
    2.6666666667
    """
    x, w = np.polynomial.legendre.leggauss(_NODES)
    unit, share = (x + 1.0) / 2.0, w / 2.0
    nodes, weights = [], []
    for low, high in pairwise(edges):
        width = high - low
        if low == 0.0:
            nodes.append(width * unit**3)
            weights.append(width * share * 3.0 * unit**2)
        else:
            nodes.append(low + width * unit)
            weights.append(width * share)
    return np.concatenate(nodes), np.concatenate(weights)


def increasing(what: str, low: float, high: float, *, equal: bool = False) -> tuple[float, float]:
    """Return two months, or raise when they do not increase.

    Parameters
    ----------
    what : str
        What they are, for the message.
    low, high : float
        Months.
    equal : bool
        Whether they may be the same.

    Returns
    -------
    tuple of float
        Low and high.

    Raises
    ------
    SpecificationError
        When they are negative or do not increase.

    Examples
    --------
    >>> increasing("interval", 0.0, 12.0)
    (0.0, 12.0)
    """
    if not (0.0 <= low < high or (equal and 0.0 <= low == high)):
        problem = f"found {low:g} and then {high:g}"
        fault = Fault(what, problem, "Give months that are 0 or more and increase")
        raise SpecificationError("estimand", [fault])
    return low, high
