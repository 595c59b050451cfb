"""Shares and means of simulated trials with their Monte Carlo error."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from bayes_ihlrt.priors import Z_975

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimated:
    """A number that was found by simulation.

    Parameters
    ----------
    estimate : float
        The mean over trials.
    mcse : float
        Its Monte Carlo standard error.
    low, high : float
        95 % interval of the Monte Carlo error: Wilson's for a share.
    """

    estimate: float
    mcse: float
    low: float
    high: float


def share(hits: NDArray[np.bool_]) -> Estimated:
    """Return a share of trials with its Wilson interval.

    Parameters
    ----------
    hits : ndarray of bool, shape (trials,)
        Whether it happened.

    Returns
    -------
    Estimated
        The standard error is 0 where it always or never happened; the interval is not.

    Examples
    --------
    >>> found = share(np.arange(1000) < 25)
    >>> round(found.estimate, 4), round(found.mcse, 4), round(found.low, 4), round(found.high, 4)
    (0.025, 0.0049, 0.017, 0.0366)
    """
    n, count = len(hits), int(np.count_nonzero(hits))
    p = count / n
    limits = binomtest(count, n).proportion_ci(0.95, method="wilson")
    return Estimated(p, float(np.sqrt(p * (1 - p) / n)), float(limits.low), float(limits.high))


def average(values: Floats) -> Estimated | None:
    """Return a mean over trials with its Monte Carlo standard error; None without two values.

    Parameters
    ----------
    values : ndarray, shape (trials,)
        NaN where a trial has none.

    Returns
    -------
    Estimated or None
        Mean, standard error and the interval of 1.96 standard errors.
    """
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return None
    mean, error = float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known)))
    return Estimated(mean, error, mean - Z_975 * error, mean + Z_975 * error)
