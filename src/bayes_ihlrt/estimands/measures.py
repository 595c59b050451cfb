"""Quantities read from standardised survival: hazard, risk, lost time.

All of them are functions of S^a(t) = sum_i w_i S_i^a(t), averaged over patients inside each draw,
and keep the dimensions ``chain, draw, strategy``.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.estimands.averaging import averaged
from bayes_ihlrt.estimands.curves import Strategy, labelled, rmst, survival
from bayes_ihlrt.estimands.population import Population, sample_population
from bayes_ihlrt.estimands.quadrature import increasing
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.names import TIME

Floats = NDArray[np.float64]


def hazard(
    fit: FittedModel,
    times: Sequence[float] | Floats,
    strategies: Sequence[Strategy],
    *,
    modifier_at: float | None = None,
    population: Population | None = None,
) -> xr.DataArray:
    """Return the hazard of the population, per month.

    h^a(t) = h0(t) sum_i w_i exp(eta_i) S_i^a(t) / S^a(t): those with a high hazard have left, so
    that it is not the hazard of an average patient, and its ratio between strategies changes over
    time even where hazards are proportional.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    times : sequence of float, shape (times,)
        Months since time zero, above 0.
    strategies : sequence of Strategy
        What to compare. In the month of a switch it is the hazard before it.
    modifier_at : float, optional
        Set everybody's modifier to this value.
    population : Population, optional
        Who is averaged over, made by `sample_population` beforehand, instead of `modifier_at`.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw, strategy, time``; events per person-month.

    Examples
    --------
    >>> from bayes_ihlrt.estimands.curves import NEVER, treated_from
    >>> per_month = hazard(fit, [6.0, 12.0], [NEVER, treated_from(0)])
    >>> per_month.dims
    ('chain', 'draw', 'strategy', 'time')
    >>> bool((per_month > 0.0).all())
    True
    """
    grid = np.asarray(times, dtype=np.float64)
    family, patients = fit.prepared.hazard, population or _patients(fit, modifier_at)
    level = np.exp(family.log_hazard(np, family.log_hazard_basis(np, grid), fit.baseline))
    found = []
    for strategy in strategies:
        deaths = averaged(fit, patients, grid, strategy.start, deaths=True)
        found.append(level * deaths / averaged(fit, patients, grid, strategy.start))
    return labelled(fit, np.stack(found, axis=1), strategies).assign_coords({TIME: grid})


def cumulative_hazard(
    fit: FittedModel,
    times: Sequence[float] | Floats,
    strategies: Sequence[Strategy],
    *,
    modifier_at: float | None = None,
    population: Population | None = None,
) -> xr.DataArray:
    """Return the cumulative hazard of the population, -log S^a(t).

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    times : sequence of float, shape (times,)
        Months since time zero.
    strategies : sequence of Strategy
        What to compare.
    modifier_at : float, optional
        Set everybody's modifier to this value.
    population : Population, optional
        Who is averaged over, made by `sample_population` beforehand, instead of `modifier_at`.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw, strategy, time``.

    Examples
    --------
    >>> from bayes_ihlrt.estimands.curves import NEVER
    >>> spent = cumulative_hazard(fit, [12.0, 24.0], [NEVER])
    >>> bool((abs(np.exp(-spent) - survival(fit, [12.0, 24.0], [NEVER])) < 1e-12).all())
    True
    """
    patients = population or _patients(fit, modifier_at)
    alive = survival(fit, times, strategies, population=patients)
    spent: xr.DataArray = -xr.apply_ufunc(np.log, alive)
    return spent


def event_probability(
    fit: FittedModel,
    times: Sequence[float] | Floats,
    strategies: Sequence[Strategy],
    *,
    modifier_at: float | None = None,
    population: Population | None = None,
) -> xr.DataArray:
    """Return the probability of the event by each month, 1 - S^a(t).

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    times : sequence of float, shape (times,)
        Months since time zero.
    strategies : sequence of Strategy
        What to compare.
    modifier_at : float, optional
        Set everybody's modifier to this value.
    population : Population, optional
        Who is averaged over, made by `sample_population` beforehand, instead of `modifier_at`.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw, strategy, time``.

    Examples
    --------
    >>> from bayes_ihlrt.estimands.curves import NEVER
    >>> by_month = event_probability(fit, [0.0, 12.0, 24.0], [NEVER])
    >>> by_month.dims
    ('chain', 'draw', 'strategy', 'time')
    >>> bool((by_month.diff("time") > 0.0).all()), bool((by_month < 1.0).all())
    (True, True)
    """
    patients = population or _patients(fit, modifier_at)
    return 1.0 - survival(fit, times, strategies, population=patients)


def interval_event_probability(
    fit: FittedModel,
    interval: tuple[float, float],
    strategies: Sequence[Strategy],
    *,
    modifier_at: float | None = None,
    population: Population | None = None,
) -> xr.DataArray:
    """Return the probability that the event falls into an interval, S^a(low) - S^a(high).

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    interval : tuple of float
        Its ends in months, 0 or more, increasing.
    strategies : sequence of Strategy
        What to compare.
    modifier_at : float, optional
        Set everybody's modifier to this value.
    population : Population, optional
        Who is averaged over, made by `sample_population` beforehand, instead of `modifier_at`.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw, strategy``.

    Raises
    ------
    SpecificationError
        When the interval is empty or begins before month 0.

    Examples
    --------
    >>> from bayes_ihlrt.estimands.curves import NEVER
    >>> second_year = interval_event_probability(fit, (12.0, 24.0), [NEVER])
    >>> second_year.dims
    ('chain', 'draw', 'strategy')
    >>> by_month = event_probability(fit, [12.0, 24.0], [NEVER])
    >>> bool((abs(by_month.diff("time").squeeze("time") - second_year) < 1e-12).all())
    True
    """
    low, high = increasing("interval", *interval)
    patients = population or _patients(fit, modifier_at)
    alive = survival(fit, [low, high], strategies, population=patients)
    return alive.isel({TIME: 0}, drop=True) - alive.isel({TIME: 1}, drop=True)


def time_lost(
    fit: FittedModel,
    horizon: float,
    strategies: Sequence[Strategy],
    *,
    modifier_at: float | None = None,
    population: Population | None = None,
) -> xr.DataArray:
    """Return the restricted mean time lost, the horizon less the restricted mean survival time.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    horizon : float
        Months.
    strategies : sequence of Strategy
        What to compare.
    modifier_at : float, optional
        Set everybody's modifier to this value.
    population : Population, optional
        Who is averaged over, made by `sample_population` beforehand, instead of `modifier_at`.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw, strategy``; months.

    Examples
    --------
    >>> from bayes_ihlrt.estimands.curves import NEVER
    >>> lost, lived = time_lost(fit, 24.0, [NEVER]), rmst(fit, 24.0, [NEVER])
    >>> bool((abs(lost + lived - 24.0) < 1e-9).all())
    True
    """
    patients = population or _patients(fit, modifier_at)
    return horizon - rmst(fit, horizon, strategies, population=patients)


def _patients(fit: FittedModel, modifier_at: float | None) -> Population:
    return sample_population(fit, modifier_at=modifier_at)
