"""Sums of weights over time, against the patients who are naturally at risk.

A weighted design stands for everybody under one strategy. If its weights are right, those still
followed at time t carry the weight of those whom they stand for; what is missing or too much shows
a misspecified model of treatment, whatever the balance of covariates.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.names import STRATEGY, TIME

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FollowedRows:
    """Rows of follow-up with their weights.

    Parameters
    ----------
    start, stop : ndarray, shape (rows,)
        Months.
    weight : ndarray, shape (rows,)
        Weights; ones for the natural follow-up.
    """

    start: Floats
    stop: Floats
    weight: Floats

    def sums(self, times: Floats) -> Floats:
        """Return the weight under follow-up just after each time.

        Parameters
        ----------
        times : ndarray, shape (times,)
            Months.

        Returns
        -------
        ndarray, shape (times,)
            Sum over rows with start <= t < stop.
        """
        entered = _cumulative(self.start, self.weight, times)
        return entered - _cumulative(self.stop, self.weight, times)


def weight_sum_data(
    strategies: Mapping[str, FollowedRows], natural: FollowedRows, *, times: Floats
) -> xr.Dataset:
    """Return the sum of weights over time under each strategy, beside those naturally at risk.

    Parameters
    ----------
    strategies : mapping of str to FollowedRows
        Weighted rows of each strategy, e.g. of the clones "within 3 months" and "never".
    natural : FollowedRows
        Rows of all patients whom the strategies stand for, before anybody was censored for
        leaving a strategy.
    times : ndarray, shape (times,)
        Months.

    Returns
    -------
    xarray.Dataset
        ``weight_sum`` and ``unweighted`` (strategy, time); ``at_risk`` (time); ``ratio``
        (strategy, time), the sum over those at risk, 1 where the weights are right.

    Examples
    --------
    >>> ones = np.ones(2)
    >>> natural = FollowedRows(np.zeros(2), np.array([4.0, 8.0]), ones)
    >>> kept = FollowedRows(np.zeros(2), np.array([2.0, 8.0]), np.array([1.0, 1.0]))
    >>> data = weight_sum_data({"never": kept}, natural, times=np.array([1.0, 3.0]))
    >>> data["ratio"].sel(strategy="never").values.tolist()
    [1.0, 0.5]
    """
    at_risk = natural.sums(times)
    sums = np.stack([rows.sums(times) for rows in strategies.values()])
    plain = [
        FollowedRows(rows.start, rows.stop, np.ones(len(rows.start))).sums(times)
        for rows in strategies.values()
    ]
    empty = np.full(sums.shape, np.nan)
    dims = (STRATEGY, TIME)
    return xr.Dataset(
        {
            "weight_sum": (dims, sums),
            "unweighted": (dims, np.stack(plain)),
            "at_risk": (TIME, at_risk),
            "ratio": (dims, np.divide(sums, at_risk, out=empty, where=at_risk > 0.5)),
        },
        coords={STRATEGY: list(strategies), TIME: times},
    )


def _cumulative(at: Floats, weight: Floats, times: Floats) -> Floats:
    """Sum of the weights of what happened at or before each time."""
    order = np.argsort(at, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(weight[order])])
    return np.asarray(total[np.searchsorted(at[order], times, side="right")], dtype=np.float64)
