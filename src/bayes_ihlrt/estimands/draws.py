"""Draws of the estimands of an analysis in one labelled Dataset, from which all else is read.

Nothing is reduced here: tables, figures, sentences and studies take their summaries of the same
draws.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.estimands.contrasts import contrast
from bayes_ihlrt.estimands.curves import (
    Strategy,
    restricted_means,
    rmst,
    survival,
    survival_quantile,
)
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.population import Population, populations_at, undefined_survival
from bayes_ihlrt.names import GRID, HORIZON, SHARE, STRATEGY, TIME, VALUE
from bayes_ihlrt.posterior.fitted import FittedModel

Floats = NDArray[np.float64]
_SAMPLE = ("chain", "draw")


@dataclass(frozen=True)
class Asked:
    """What is read from a posterior.

    Parameters
    ----------
    strategies : tuple of Strategy
        Treatment strategies; the first is what the others are compared with.
    values : tuple of float or None
        Values of the effect modifier that everybody is given; None for the patients' own.
    horizons : tuple of float
        Months at which survival, and up to which restricted mean survival, is read.
    shares : tuple of float
        Shares of the population by which the months are told that such a share has the event in.
    grid : tuple of float
        Values of the modifier along which the hazard ratio and the months gained up to the latest
        horizon are followed.
    """

    strategies: tuple[Strategy, ...]
    values: tuple[float | None, ...] = (None,)
    horizons: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()
    grid: tuple[float, ...] = ()


def estimate_draws(fit: FittedModel, asked: Asked, *, weights: Floats | None = None) -> xr.Dataset:
    """Return draws of every estimand that is asked for.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    asked : Asked
        Strategies, values of the modifier, horizons, shares.
    weights : ndarray, shape (patients,) or (samples, patients), optional
        What each patient weighs in averages; equal weights by default.

    Returns
    -------
    xarray.Dataset
        Over ``chain, draw`` and the modifier's ``value`` (NaN for the patients' own, see
        `at_value`): ``log_hazard_ratio`` (of a model with treatment); over ``strategy`` as well
        ``survival`` and ``rmst`` (months) by ``horizon``, and ``quantile`` (months) by ``share``.
        Over ``grid``: ``grid_log_hazard_ratio`` and ``grid_gain`` (months). All but hazard ratios
        are NaN where survival by strategy does not follow from the model.

    Examples
    --------
    >>> from bayes_ihlrt.estimands.curves import NEVER, treated_from
    >>> asked = Asked((NEVER, treated_from(0)), values=(None, 2.0, 5.0), horizons=(12.0, 24.0))
    >>> found = estimate_draws(fit, asked)
    >>> found["rmst"].dims
    ('chain', 'draw', 'value', 'strategy', 'horizon')
    >>> bool(abs(contrast(at_value(found, 5.0)["rmst"])).max() <= 24.0)
    True
    """
    posterior = fit.posterior.sizes
    draws: dict[str, tuple[tuple[str, ...], Floats]] = {}
    if fit.prepared.spec.treatment is not None:
        draws |= _log_hazard_ratios(fit, asked, weights)
    draws |= _of_survival(fit, asked, weights)
    coords: dict[str, object] = {name: np.arange(posterior[name]) for name in _SAMPLE}
    if asked.values:
        coords[VALUE] = [np.nan if value is None else value for value in asked.values]
    coords |= {
        name: list(labels)
        for name, labels in (
            (STRATEGY, [strategy.name for strategy in asked.strategies]),
            (HORIZON, asked.horizons),
            (SHARE, asked.shares),
            (GRID, asked.grid),
        )
        if len(labels)
    }
    return xr.Dataset(draws, coords=coords)


def at_value(draws: xr.Dataset, value: float | None) -> xr.Dataset:
    """Return what is told of one value of the modifier.

    Parameters
    ----------
    draws : xarray.Dataset
        From `estimate_draws`.
    value : float or None
        One of its values; None for the patients' own.

    Returns
    -------
    xarray.Dataset
        Without the dimension ``value``.

    Raises
    ------
    KeyError
        The draws were not asked for this value.
    """
    known = draws[VALUE].to_numpy()
    places = np.flatnonzero(np.isnan(known) if value is None else known == value)
    if not len(places):
        raise KeyError(value)
    return draws.isel({VALUE: int(places[0])}, drop=True)


def gained(draws: xr.DataArray) -> xr.DataArray:
    """Return what the last strategy has more than the first, in each draw.

    Parameters
    ----------
    draws : xarray.DataArray
        Survival or months of two strategies.

    Returns
    -------
    xarray.DataArray
        Without the dimension ``strategy``.
    """
    first = str(draws[STRATEGY][0].item())
    return contrast(draws, reference=first).isel({STRATEGY: -1}, drop=True)


type _Draws = Mapping[str, tuple[tuple[str, ...], Floats]]


def _log_hazard_ratios(fit: FittedModel, asked: Asked, weights: Floats | None) -> _Draws:
    """Own values and given ones, and those of the grid, encoded together."""
    given = [value for value in asked.values if value is not None]
    columns: list[Floats] = []
    if many := [*given, *asked.grid]:
        at = log_hazard_ratio(fit, many, weights=weights).to_numpy()
        columns = list(np.moveaxis(at, -1, 0))
    by_value: dict[float | None, Floats] = dict(zip(given, columns, strict=False))
    if None in asked.values:
        by_value[None] = log_hazard_ratio(fit, weights=weights).to_numpy()
    found: dict[str, tuple[tuple[str, ...], Floats]] = {}
    if asked.values:
        told = np.stack([by_value[value] for value in asked.values], axis=-1)
        found["log_hazard_ratio"] = ((*_SAMPLE, VALUE), told)
    if asked.grid:
        along = np.stack(columns[len(given) :], axis=-1)
        found["grid_log_hazard_ratio"] = ((*_SAMPLE, GRID), along)
    return found


def _of_survival(fit: FittedModel, asked: Asked, weights: Floats | None) -> _Draws:
    shape = (*(fit.posterior.sizes[name] for name in _SAMPLE), len(asked.values))
    shape = (*shape, len(asked.strategies))
    dims = (*_SAMPLE, VALUE, STRATEGY)
    found: dict[str, tuple[tuple[str, ...], Floats]] = {}
    if asked.horizons:
        for name in ("survival", "rmst"):
            found[name] = ((*dims, HORIZON), np.full((*shape, len(asked.horizons)), np.nan))
    if asked.shares:
        found["quantile"] = ((*dims, SHARE), np.full((*shape, len(asked.shares)), np.nan))
    if asked.grid:
        found["grid_gain"] = ((*_SAMPLE, GRID), np.full((*shape[:2], len(asked.grid)), np.nan))
    if not found or undefined_survival(fit):
        return found
    people = populations_at(fit, (*asked.values, *asked.grid), weights=weights)
    for place in range(len(asked.values)):
        for name, number, values in _of_people(fit, asked, next(people)):
            ordered = values.transpose(*_SAMPLE, STRATEGY).to_numpy()
            found[name][1][:, :, place, :, number] = ordered
    for place, patients in enumerate(people):
        months = rmst(fit, max(asked.horizons), asked.strategies, population=patients)
        found["grid_gain"][1][:, :, place] = gained(months).to_numpy()
    return found


def _of_people(
    fit: FittedModel, asked: Asked, patients: Population
) -> Iterator[tuple[str, int, xr.DataArray]]:
    """Each estimand of one population, with its place among horizons or shares."""
    if asked.horizons:
        alive = survival(fit, asked.horizons, asked.strategies, population=patients)
        months = restricted_means(fit, asked.horizons, asked.strategies, population=patients)
        for number in range(len(asked.horizons)):
            yield "survival", number, alive.isel({TIME: number}, drop=True)
            yield "rmst", number, months.isel({TIME: number}, drop=True)
    for number, share in enumerate(asked.shares):
        quantile = survival_quantile(fit, share, asked.strategies, population=patients)
        yield "quantile", number, quantile
