"""Standardised survival under treatment strategies, and every quantity that is read from it.

Survival is averaged over patients inside each draw, S^a(t) = sum_i w_i S_i^a(t). Restricted means,
medians, hazard, risk, lost time, and survival and remaining time of those who are event-free at a
month are functions of it. All keep the dimensions ``chain, draw, strategy``; `summarise` reduces
draws last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.estimands.averaging import averaged, increasing, pieces, quadrature, time_to_level
from bayes_ihlrt.estimands.population import Population, sample_population
from bayes_ihlrt.hazards.mspline import MSpline
from bayes_ihlrt.hazards.piecewise import Piecewise
from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.names import STRATEGY, TIME
from bayes_ihlrt.posterior.fitted import FittedModel

Floats = NDArray[np.float64]
_MANY: Final = 32
_SOME: Final = 20
_FEW: Final = 12
LAST_MONTH: Final = 600.0
"""Months beyond which a quantile of survival counts as not reached."""


@dataclass(frozen=True)
class Strategy:
    """A treatment strategy.

    Parameters
    ----------
    name : str
        Label in results.
    start : float
        Month from which the patient is treated; infinite for never.
    """

    name: str
    start: float


NEVER: Final = Strategy("never", np.inf)


def treated_from(month: float) -> Strategy:
    """Return the strategy "treat from this month on, if still at risk".

    Parameters
    ----------
    month : float
        Start of treatment, months since time zero.

    Returns
    -------
    Strategy
        Named ``"from month <m>"``.

    Raises
    ------
    SpecificationError
        The month is no number, or before 0.

    Examples
    --------
    >>> treated_from(3).name
    'from month 3'
    """
    try:
        possible = bool(0.0 <= month < np.inf)
    except TypeError:
        possible = False
    if not possible:
        fault = Fault("month", f"it is {month!r}", "Give a month, 0 or later")
        raise SpecificationError("treated_from", [fault])
    return Strategy(f"from month {month:g}", float(month))


def survival(
    fit: FittedModel,
    times: Sequence[float] | Floats,
    strategies: Sequence[Strategy],
    *,
    modifier_at: float | None = None,
    population: Population | None = None,
) -> xr.DataArray:
    """Return standardised survival S^a(t).

    S^a(t) = sum_i w_i exp(-H_i^a(t)), where the hazard switches to the treated one at the
    strategy's start.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    times : sequence of float, shape (times,)
        Months since time zero.
    strategies : sequence of Strategy
        What to compare.
    modifier_at : float, optional
        Set everybody's modifier to this value; the cohort's own values otherwise.
    population : Population, optional
        Who is averaged over, made by `sample_population` beforehand, instead of `modifier_at`.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw, strategy, time``; probabilities.

    Examples
    --------
    >>> survival(fit, [12.0], [NEVER, treated_from(0)]).dims
    ('chain', 'draw', 'strategy', 'time')
    """
    grid = np.asarray(times, dtype=np.float64)
    patients = population or sample_population(fit, modifier_at=modifier_at)
    curves = averaged(fit, patients, grid, [strategy.start for strategy in strategies])
    return labelled(fit, curves, strategies).assign_coords({TIME: grid})


def rmst(
    fit: FittedModel,
    horizon: float,
    strategies: Sequence[Strategy],
    *,
    modifier_at: float | None = None,
    population: Population | None = None,
) -> xr.DataArray:
    """Return the restricted mean survival time, the area under S^a up to the horizon.

    See `restricted_means`, which takes several horizons at once.

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

    References
    ----------
    Royston P, Parmar MKB. BMC Med Res Methodol 2013;13:152, doi 10.1186/1471-2288-13-152.

    Examples
    --------
    >>> bool((rmst(fit, 24.0, [NEVER]) < 24.0).all())
    True
    """
    patients = population or sample_population(fit, modifier_at=modifier_at)
    means = restricted_means(fit, [horizon], strategies, population=patients)
    return means.isel({TIME: 0}, drop=True)


def restricted_means(
    fit: FittedModel,
    horizons: Sequence[float],
    strategies: Sequence[Strategy],
    *,
    population: Population,
) -> xr.DataArray:
    """Return the restricted mean survival time up to several horizons, from one set of curves.

    Gauss-Legendre quadrature between the points where the hazard may jump and the horizons: 32
    nodes in the first piece and in each of a spline, 12 where a piece has a constant hazard, 20 in
    later pieces of others. The relative error is below 1e-10 where survival falls over the pieces,
    as in draws of a posterior; where all of it falls in a small part of a long first piece, as in
    the most extreme draws of a prior, it grows: with a median of 1 month and horizons of 24 and 60
    months it is 5e-6 at a Weibull shape of 2.5 and 5e-4 at 4. Near zero time is cubed so that
    hazards with a shape below 1 are integrated as accurately.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    horizons : sequence of float
        Months.
    strategies : sequence of Strategy
        What to compare.
    population : Population
        Who is averaged over.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw, strategy, time``, the times being the horizons; months.

    Examples
    --------
    >>> everybody = sample_population(fit)
    >>> months = restricted_means(fit, [12.0, 24.0], [NEVER], population=everybody)
    >>> months.dims
    ('chain', 'draw', 'strategy', 'time')
    >>> bool((abs(months.isel(time=1) - rmst(fit, 24.0, [NEVER])) < 1e-9).all())
    True
    """
    starts = [each.start for each in strategies]
    edges = pieces(fit, [*starts, *horizons], 0.0, max(horizons))
    first, later = _nodes(fit.prepared.hazard)
    nodes, weights = quadrature(edges, first=first, later=later)
    curve = averaged(fit, population, nodes, starts)
    until = [int(np.searchsorted(nodes, horizon)) for horizon in horizons]
    areas = np.stack([curve[..., :last] @ weights[:last] for last in until], axis=-1)
    return labelled(fit, areas, strategies).assign_coords({TIME: list(horizons)})


def _nodes(hazard: Hazard) -> tuple[int, int]:
    """Nodes of the first piece and of each other: fewer where survival bends less within one."""
    if isinstance(hazard, Piecewise):
        return _FEW, _FEW
    return _MANY, _MANY if isinstance(hazard, MSpline) else _SOME


def median_survival(
    fit: FittedModel,
    strategies: Sequence[Strategy],
    *,
    modifier_at: float | None = None,
    population: Population | None = None,
) -> xr.DataArray:
    """Return the median of the standardised survival curve.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    strategies : sequence of Strategy
        What to compare.
    modifier_at : float, optional
        Set everybody's modifier to this value.
    population : Population, optional
        Who is averaged over, made by `sample_population` beforehand, instead of `modifier_at`.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw, strategy``; months, infinite where S stays above one half
        through month 600. Medians beyond the cohort's follow-up are extrapolated by the model.

    Examples
    --------
    >>> median_survival(fit, [NEVER]).dims
    ('chain', 'draw', 'strategy')
    """
    return survival_quantile(fit, 0.5, strategies, modifier_at=modifier_at, population=population)


def survival_quantile(
    fit: FittedModel,
    share: float,
    strategies: Sequence[Strategy],
    *,
    modifier_at: float | None = None,
    population: Population | None = None,
) -> xr.DataArray:
    """Return the month by which a share of the population has had the event.

    The solution t of S^a(t) = 1 - share, to rounding error.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    share : float
        Between 0 and 1: 0.25 for the first quartile of survival, 0.5 for the median.
    strategies : sequence of Strategy
        What to compare.
    modifier_at : float, optional
        Set everybody's modifier to this value.
    population : Population, optional
        Who is averaged over, made by `sample_population` beforehand, instead of `modifier_at`.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw, strategy``; months, infinite where S stays above 1 - share
        through month 600.

    Raises
    ------
    SpecificationError
        When the share is not between 0 and 1.

    Examples
    --------
    >>> first_quarter = survival_quantile(fit, 0.25, [NEVER])
    >>> first_quarter.dims
    ('chain', 'draw', 'strategy')
    >>> bool((first_quarter < median_survival(fit, [NEVER])).all())
    True
    """
    if not 0.0 < share < 1.0:
        fault = Fault("share", f"it must lie between 0 and 1; found {share:g}", "Give 0.5, say")
        raise SpecificationError("survival quantile", [fault])
    patients = population or sample_population(fit, modifier_at=modifier_at)
    months = np.stack(
        [time_to_level(fit, patients, each.start, level=1.0 - share) for each in strategies], 1
    )
    return labelled(fit, np.where(months <= LAST_MONTH, months, np.inf), strategies)


def labelled(fit: FittedModel, values: Floats, strategies: Sequence[Strategy]) -> xr.DataArray:
    """Return draws of several strategies with their dimensions.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    values : ndarray, shape (samples, strategies) or (samples, strategies, times)
        Draws with chain and draw joined.
    strategies : sequence of Strategy
        What was compared.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw, strategy`` and ``time``.
    """
    chains, draws = fit.posterior.sizes["chain"], fit.posterior.sizes["draw"]
    return xr.DataArray(
        values.reshape(chains, draws, *values.shape[1:]),
        dims=("chain", "draw", STRATEGY, TIME)[: values.ndim + 1],
        coords={STRATEGY: [strategy.name for strategy in strategies]},
    )


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
    starts = [strategy.start for strategy in strategies]
    deaths = averaged(fit, patients, grid, starts, deaths=True)
    found = level[:, None] * deaths / averaged(fit, patients, grid, starts)
    return labelled(fit, found, strategies).assign_coords({TIME: grid})


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
