"""Round times for the axes of figures."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def round_times(end: float) -> Floats:
    """Return times in months at which to count patients: multiples of 1, 3, 6, 12, 24 or 60.

    Parameters
    ----------
    end : float
        Last month of follow-up.

    Returns
    -------
    ndarray
        From zero; seven times at most.

    Examples
    --------
    >>> round_times(45.6).tolist()
    [0.0, 12.0, 24.0, 36.0]
    """
    step = next((s for s in (1.0, 3.0, 6.0, 12.0, 24.0, 60.0) if end / s <= 6.0), end / 6.0)
    return np.arange(0.0, end, step)
