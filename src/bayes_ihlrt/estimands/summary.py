"""The only place where draws are reduced."""

from typing import Final

import arviz_stats
import numpy as np
import xarray as xr
from numpy.typing import NDArray

_SAMPLE: Final = ("chain", "draw")


def summarise(draws: xr.DataArray) -> xr.Dataset:
    """Return mean, sd, median and central 95 % interval over draws.

    Parameters
    ----------
    draws : xarray.DataArray
        Dimensions ``chain, draw, ...``.

    Returns
    -------
    xarray.Dataset
        ``mean, sd, median, q2.5, q97.5`` over the remaining dimensions. Mean and sd are NaN
        where a draw is infinite (a median survival that is not reached), and quantiles next to
        infinite draws are order statistics.

    Examples
    --------
    >>> log_hr = xr.DataArray([[-0.4, -0.2], [-0.3, 0.1]], dims=("chain", "draw"))
    >>> {name: round(float(value), 2) for name, value in summarise(log_hr).items()}
    {'mean': -0.2, 'sd': 0.22, 'median': -0.25, 'q2.5': -0.39, 'q97.5': 0.08}
    """
    finite = xr.apply_ufunc(np.isfinite, draws).all(_SAMPLE)
    low, middle, high = (_quantile(draws, q) for q in (0.025, 0.5, 0.975))
    return xr.Dataset(
        {
            "mean": draws.where(finite).mean(_SAMPLE),
            "sd": draws.where(finite).std(_SAMPLE, ddof=1),
            "median": middle,
            "q2.5": low,
            "q97.5": high,
        }
    )


def _quantile(draws: xr.DataArray, q: float) -> xr.DataArray:
    with np.errstate(invalid="ignore"):
        between = draws.quantile(q, _SAMPLE, skipna=False)
    # Between two infinite draws there is nothing to interpolate.
    if not bool(np.isfinite(between).all()):
        step = draws.quantile(q, _SAMPLE, skipna=False, method="inverted_cdf")
        between = between.where(np.isfinite(between), step)
    return between.drop_vars("quantile")


def probability(statement: xr.DataArray) -> xr.DataArray:
    """Return the posterior probability of a statement about each draw.

    Parameters
    ----------
    statement : xarray.DataArray of bool
        Dimensions ``chain, draw, ...``, e.g. ``hazard_ratio < 1``.

    Returns
    -------
    xarray.DataArray
        Over the remaining dimensions.

    Examples
    --------
    >>> log_hr = xr.DataArray([[-0.4, -0.2], [-0.3, 0.1]], dims=("chain", "draw"))
    >>> float(probability(log_hr < 0.0))
    0.75
    """
    return statement.mean(_SAMPLE)


def chance_above(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 where the left is above the right, one half where they are equal, else 0.

    Under a wide prior survival is often 0 or 1 with and without treatment, which is no benefit
    and no harm.

    Parameters
    ----------
    left, right : ndarray
        Draws, of one shape.

    Returns
    -------
    ndarray
        Its mean is a probability of which ties are shared out.
    """
    return np.asarray(0.5 * ((left > right) + 1.0 * (left >= right)))


def diagnostics(draws: xr.Dataset) -> xr.Dataset:
    """Return R-hat, bulk and tail effective sample size and Monte Carlo error of means.

    Parameters
    ----------
    draws : xarray.Dataset
        Posterior draws.

    Returns
    -------
    xarray.Dataset
        Each variable with a leading ``diagnostic`` dimension:
        ``r_hat, ess_bulk, ess_tail, mcse_mean``.
    """
    parts = {
        "r_hat": arviz_stats.rhat(draws),
        "ess_bulk": arviz_stats.ess(draws, method="bulk"),
        "ess_tail": arviz_stats.ess(draws, method="tail"),
        "mcse_mean": arviz_stats.mcse(draws, method="mean"),
    }
    table: xr.Dataset = xr.concat(parts.values(), dim=xr.Variable("diagnostic", list(parts)))
    return table
