"""Strategies against a reference inside each draw, and the only place where draws are reduced."""

import math
from collections.abc import Callable
from enum import StrEnum
from typing import Final

import arviz_stats
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.estimands.curves import NEVER
from bayes_ihlrt.names import STRATEGY

_SAMPLE: Final = ("chain", "draw")
_SHARES: Final = (0.025, 0.5, 0.975)


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
    # Through NumPy: xarray takes ten times as long for a quantity as its numbers do.
    ordered = draws.transpose(*_SAMPLE, ...)
    values = np.asarray(ordered.to_numpy(), dtype=np.float64)
    values = values.reshape(-1, *values.shape[2:])
    with np.errstate(invalid="ignore"):
        between = np.quantile(values, _SHARES, axis=0)
        mean, sd = values.mean(axis=0), values.std(axis=0, ddof=1)
    # Between two infinite draws there is nothing to interpolate.
    if not np.isfinite(between).all():
        step = np.quantile(values, _SHARES, axis=0, method="inverted_cdf")
        between = np.where(np.isfinite(between), between, step)
    finite = np.isfinite(values).all(axis=0)
    low, middle, high = between
    found = {
        "mean": np.where(finite, mean, np.nan),
        "sd": np.where(finite, sd, np.nan),
        "median": middle,
        "q2.5": low,
        "q97.5": high,
    }
    one = ordered.isel(dict.fromkeys(_SAMPLE, 0), drop=True)
    return xr.Dataset({name: one.copy(data=numbers) for name, numbers in found.items()})


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


type Comparison = Callable[[xr.DataArray, xr.DataArray], xr.DataArray]


class Contrast(StrEnum):
    """How a strategy is compared with the reference."""

    DIFFERENCE = "difference"
    RATIO = "ratio"
    LOG_RATIO = "log-ratio"


_COMPARE: Final[dict[Contrast, Comparison]] = {
    Contrast.DIFFERENCE: lambda strategy, reference: strategy - reference,
    Contrast.RATIO: lambda strategy, reference: strategy / reference,
    Contrast.LOG_RATIO: lambda strategy, reference: xr.apply_ufunc(np.log, strategy / reference),
}


def contrast(
    draws: xr.DataArray,
    how: str | Comparison = Contrast.DIFFERENCE,
    *,
    reference: str = NEVER.name,
) -> xr.DataArray:
    """Compare strategies with a reference inside each draw.

    Parameters
    ----------
    draws : xarray.DataArray
        Dimensions ``chain, draw, strategy, ...``, from any estimand.
    how : str or callable
        ``"difference"``, ``"ratio"``, ``"log-ratio"``, or a function of a strategy's draws and the
        reference's.
    reference : str
        Name of the strategy that the others are compared with.

    Returns
    -------
    xarray.DataArray
        As `draws`, for the other strategies.

    Raises
    ------
    SpecificationError
        When the reference is not among the strategies, is the only one, or `how` is unknown.

    Examples
    --------
    >>> draws = xr.DataArray(
    ...     [[[0.4, 0.5]]], dims=("chain", "draw", "strategy"),
    ...     coords={"strategy": ["never", "from month 0"]})
    >>> contrast(draws, "ratio").round(3).values.ravel().tolist()
    [1.25]
    >>> contrast(draws, lambda a, b: (1 - a) / (1 - b)).round(3).values.ravel().tolist()
    [0.833]
    """
    names = [str(name) for name in draws[STRATEGY].to_numpy()]
    others = [name for name in names if name != reference]
    faults = []
    if reference not in names or not others:
        problem = f"found '{reference}' against {', '.join(names)}"
        remedy = f"Name one of at least two strategies. {nearest(reference, names)}"
        faults.append(Fault("reference", problem, remedy))
    if isinstance(how, str) and how not in set(Contrast):
        faults.append(Fault("how", f"there is no contrast '{how}'", nearest(how, set(Contrast))))
    if faults:
        raise SpecificationError("contrast", faults)
    compare = _COMPARE[Contrast(how)] if isinstance(how, str) else how
    base = draws.sel({STRATEGY: reference}, drop=True)
    return compare(draws.sel({STRATEGY: others}), base)


def number_needed_to_treat(difference: xr.DataArray) -> xr.Dataset:
    """Return how many have to be treated for one more to be event-free at a month.

    NNT = 1 / difference in survival. Where the interval of the difference holds 0, that of the NNT
    runs through infinity: from ``nnt_low`` to benefit in infinitely many, and on to harm in one of
    ``-nnt_high``. So the difference is summarised and its limits are inverted: means and quantiles
    of draws of 1 / difference have no meaning.

    Parameters
    ----------
    difference : xarray.DataArray
        Draws of S^a(t) - S^never(t), dimensions ``chain, draw, ...``.

    Returns
    -------
    xarray.Dataset
        ``nnt`` at the median difference, ``nnt_low`` and ``nnt_high`` at the upper and the lower
        95 % limit of the difference (negative: number needed to harm), ``through_infinity``, and
        ``prob_benefit``.

    References
    ----------
    Altman DG. Confidence intervals for the number needed to treat. BMJ 1998;317:1309-1312,
    doi 10.1136/bmj.317.7168.1309.

    Examples
    --------
    >>> draws = xr.DataArray(np.full((1, 50), 0.125), dims=("chain", "draw"))
    >>> float(number_needed_to_treat(draws)["nnt"])
    8.0
    """
    found = summarise(difference)
    with np.errstate(divide="ignore"):
        return xr.Dataset(
            {
                "nnt": 1.0 / found["median"],
                "nnt_low": 1.0 / found["q97.5"],
                "nnt_high": 1.0 / found["q2.5"],
                "through_infinity": (found["q2.5"] < 0.0) & (found["q97.5"] > 0.0),
                "prob_benefit": probability(difference > 0.0),
            }
        )


def finite_or_none(value: object) -> float | None:
    """Return a number, or None where it is infinite or not a number."""
    number = float(value)  # type: ignore[arg-type]
    return number if math.isfinite(number) else None
