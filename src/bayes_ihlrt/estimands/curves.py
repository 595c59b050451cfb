"""Standardised survival, restricted mean survival and medians under treatment strategies.

Every quantity is averaged over patients inside each draw, S^a(t) = sum_i w_i S_i^a(t), and keeps
its ``chain`` and ``draw`` dimensions; `summarise` reduces them last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.estimands.averaging import averaged, time_to_level
from bayes_ihlrt.estimands.population import Population, sample_population
from bayes_ihlrt.estimands.quadrature import pieces, quadrature
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.names import STRATEGY, TIME

Floats = NDArray[np.float64]
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

    Examples
    --------
    >>> treated_from(3).name
    'from month 3'
    """
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
    curves = [averaged(fit, patients, grid, strategy.start) for strategy in strategies]
    return labelled(fit, np.stack(curves, axis=1), strategies).assign_coords({TIME: grid})


def rmst(
    fit: FittedModel,
    horizon: float,
    strategies: Sequence[Strategy],
    *,
    modifier_at: float | None = None,
    population: Population | None = None,
) -> xr.DataArray:
    """Return the restricted mean survival time, the area under S^a up to the horizon.

    Gauss-Legendre quadrature with 32 nodes between the points where the hazard may jump; near
    zero time is cubed so that hazards with a shape below 1 are integrated as accurately.

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
    nodes, weights = quadrature(pieces(fit, [each.start for each in strategies], 0.0, horizon))
    patients = population or sample_population(fit, modifier_at=modifier_at)
    curve = survival(fit, nodes, strategies, population=patients)
    return (curve * xr.DataArray(weights, dims=TIME)).sum(TIME, skipna=False)


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
