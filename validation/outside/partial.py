"""Cox's partial likelihood of one treatment that starts during follow-up, outside the package.

The baseline is left open, so that no shape of it can be wrong. Deaths have times of their own.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def cox(months: Floats, death: NDArray[np.bool_], start: Floats) -> tuple[float, float]:
    """Return the log hazard ratio of treatment and its standard error, by Newton's method.

    `start` is the month of treatment, infinite for never; who is treated at the very moment of a
    death is not yet treated.
    """
    at = months[death]
    treated = start[death] < at
    there = months >= at[:, None]
    exposed = (there & (start < at[:, None])).sum(axis=1)
    others = there.sum(axis=1) - exposed
    log_hr, information = 0.0, 1.0
    for _ in range(25):
        share = exposed * np.exp(log_hr) / (others + exposed * np.exp(log_hr))
        information = float((share * (1.0 - share)).sum())
        step = float((treated - share).sum()) / information
        log_hr += step
        if abs(step) < 1e-10:
            break
    else:
        raise ArithmeticError("the partial likelihood has no maximum")
    return log_hr, information**-0.5
