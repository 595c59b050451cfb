"""Survival and remaining time of those who are event-free at a month."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.estimands.curves import Strategy, survival
from bayes_ihlrt.estimands.population import Population, sample_population
from bayes_ihlrt.estimands.quadrature import increasing, pieces, quadrature
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.names import TIME

Floats = NDArray[np.float64]


def conditional_survival(
    fit: FittedModel,
    times: Sequence[float] | Floats,
    strategies: Sequence[Strategy],
    *,
    alive_at: float,
    modifier_at: float | None = None,
    population: Population | None = None,
) -> xr.DataArray:
    """Return survival to each month given that one is event-free at a month, S^a(t) / S^a(s).

    Different patients are event-free at month s under different strategies, so that a difference
    between strategies that part before s mixes the effect of treatment with selection. Compare
    strategies that are the same until s, such as never and from month s.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    times : sequence of float, shape (times,)
        Months since time zero, `alive_at` or later.
    strategies : sequence of Strategy
        What to compare.
    alive_at : float
        Month s.
    modifier_at : float, optional
        Set everybody's modifier to this value.
    population : Population, optional
        Who is averaged over at month 0, made by `sample_population` beforehand, instead of
        `modifier_at`.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw, strategy, time``.

    Raises
    ------
    SpecificationError
        When a month lies before `alive_at`, or that before 0.

    Examples
    --------
    Of those who are alive and untreated at month 6, treated from then on or never:

    >>> from bayes_ihlrt.estimands.curves import NEVER, treated_from
    >>> strategies = [NEVER, treated_from(6)]
    >>> alive = conditional_survival(fit, [6.0, 18.0], strategies, alive_at=6.0)
    >>> alive.dims
    ('chain', 'draw', 'strategy', 'time')
    >>> bool((alive.sel(time=6.0) == 1.0).all()), bool((alive.sel(time=18.0) < 1.0).all())
    (True, True)
    """
    grid = np.asarray(times, dtype=np.float64)
    increasing("times", alive_at, float(grid.min(initial=np.inf)), equal=True)
    patients = population or sample_population(fit, modifier_at=modifier_at)
    curve = survival(fit, [alive_at, *grid], strategies, population=patients)
    return curve.isel({TIME: slice(1, None)}) / curve.isel({TIME: 0}, drop=True)


def residual_life(
    fit: FittedModel,
    horizon: float,
    strategies: Sequence[Strategy],
    *,
    alive_at: float,
    modifier_at: float | None = None,
    population: Population | None = None,
) -> xr.DataArray:
    """Return expected event-free months until a horizon given that one is event-free at a month.

    The integral of S^a(t) / S^a(s) from s to the horizon. What `conditional_survival` says of
    comparisons holds here too.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    horizon : float
        Month since time zero up to which time counts.
    strategies : sequence of Strategy
        What to compare.
    alive_at : float
        Month s.
    modifier_at : float, optional
        Set everybody's modifier to this value.
    population : Population, optional
        Who is averaged over at month 0, made by `sample_population` beforehand, instead of
        `modifier_at`.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw, strategy``; months, at most ``horizon - alive_at``.

    Raises
    ------
    SpecificationError
        When the horizon does not lie after `alive_at`, or that before 0.

    Examples
    --------
    >>> from bayes_ihlrt.estimands.curves import NEVER, treated_from
    >>> months = residual_life(fit, 24.0, [NEVER, treated_from(6)], alive_at=6.0)
    >>> months.dims
    ('chain', 'draw', 'strategy')
    >>> bool((months < 18.0).all())
    True
    """
    increasing("horizon", alive_at, horizon)
    starts = [strategy.start for strategy in strategies]
    nodes, weights = quadrature(pieces(fit, starts, alive_at, horizon))
    curve = conditional_survival(
        fit,
        nodes,
        strategies,
        alive_at=alive_at,
        population=population or sample_population(fit, modifier_at=modifier_at),
    )
    return (curve * xr.DataArray(weights, dims=TIME)).sum(TIME, skipna=False)
