"""What the figures of draws show, as datasets: prior and posterior densities, traces and ranks."""

from typing import Final

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats
from numpy.typing import NDArray

from bayes_ihlrt.analysis.result import FitResult
from bayes_ihlrt.analysis.summaries import flat_draws, result_names

Floats = NDArray[np.float64]
_DENSITY_POINTS: Final = 200
_RANK_BINS: Final = 20


def prior_posterior_data(result: FitResult) -> xr.Dataset:
    """Return the prior and posterior density of every top-level parameter.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    xarray.Dataset
        ``x`` and ``density`` over (source, parameter, point); ``low`` and ``high`` over parameter,
        the range that holds the posterior and the central 95 % of the prior.
    """
    names = [name for name in result_names(result.fit) if name in result.prior]
    posterior = flat_draws(result.fit, tuple(names))
    labels = [str(label) for label in posterior["parameter"].to_numpy()]
    prior = _flat_prior(result.prior, names, len(labels))
    grids, densities = [], []
    for values in (prior, posterior.to_numpy().reshape(-1, len(labels))):
        pairs = [density(values[:, i]) for i in range(len(labels))]
        grids.append([x for x, _ in pairs])
        densities.append([y for _, y in pairs])
    dims = ("source", "parameter", "point")
    low, high = np.quantile(prior, [0.025, 0.975], axis=0)
    return xr.Dataset(
        {
            "x": (dims, np.array(grids)),
            "density": (dims, np.array(densities)),
            "low": ("parameter", np.minimum(low, np.min(grids[1], axis=1))),
            "high": ("parameter", np.maximum(high, np.max(grids[1], axis=1))),
        },
        coords={"source": ["prior", "posterior"], "parameter": labels},
    )


def trace_data(result: FitResult) -> xr.Dataset:
    """Return the draws and the rank histogram of each chain, for every top-level parameter.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    xarray.Dataset
        ``draws`` over (chain, draw, parameter); ``ranks``, the share of each chain's draws by bin
        of their rank among all draws, over (chain, parameter, bin). Uniform when chains agree.
    """
    names = tuple(name for name in result_names(result.fit) if name in result.prior)
    draws = flat_draws(result.fit, names)
    values = draws.to_numpy()
    chains, length, count = values.shape
    ranks = values.reshape(-1, count).argsort(axis=0).argsort(axis=0).reshape(values.shape)
    bins = ranks * _RANK_BINS // (chains * length)
    shares = [
        [np.bincount(bins[c, :, p], minlength=_RANK_BINS) / length for p in range(count)]
        for c in range(chains)
    ]
    return xr.Dataset(
        {"draws": draws, "ranks": (("chain", "parameter", "bin"), np.array(shares))},
        coords={"chain": np.arange(chains), "draw": np.arange(length)},
    )


def _flat_prior(prior: xr.Dataset, names: list[str], count: int) -> Floats:
    parts = [prior[name].to_numpy().reshape(prior.sizes["draw"], -1) for name in names]
    flat = np.concatenate(parts, axis=-1)
    if flat.shape[1] != count:
        message = f"prior and posterior do not match: {flat.shape[1]} and {count} parameters"
        raise AssertionError(message)
    return flat


def density(values: Floats) -> tuple[Floats, Floats]:
    """Return a kernel estimate of the density of draws, between their 0.05 and 99.95 % quantiles.

    Parameters
    ----------
    values : ndarray, shape (draws,)
        Draws.

    Returns
    -------
    x : ndarray, shape (points,)
        Where.
    density : ndarray, shape (points,)
        How dense.
    """
    low, high = np.quantile(values, [0.0005, 0.9995])
    inside = values[(values >= low) & (values <= high)]
    grid, height, _ = array_stats.kde(inside, grid_len=_DENSITY_POINTS)
    return np.asarray(grid), np.asarray(height)
