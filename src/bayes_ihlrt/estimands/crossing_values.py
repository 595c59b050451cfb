"""The values of the modifier at which a probability of benefit passes a level."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.estimands.curves import NEVER, Strategy, rmst
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.population import sample_population
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.names import STRATEGY

Floats = NDArray[np.float64]
LEVELS: Final = (0.5, 0.8, 0.95)


@dataclass(frozen=True)
class Crossing:
    """Where a probability passes a level, or that it does not.

    Parameters
    ----------
    level : float
        The level.
    at : float or None
        Value of the modifier; None where the level is not passed between the values looked at.
    above : str
        Where the probability is above the level: ``"higher"`` or ``"lower"`` values than `at`;
        without a crossing ``"everywhere"`` or ``"nowhere"``.
    """

    level: float
    at: float | None
    above: str


def crossings(
    values: Floats, chance: Floats, levels: Sequence[float] = LEVELS, *, log: bool = False
) -> tuple[Crossing, ...]:
    """Return where a probability passes each level.

    Linear interpolation between neighbouring values.

    Parameters
    ----------
    values : ndarray, shape (values,)
        Modifier values, increasing.
    chance : ndarray, shape (values,)
        Probability at each.
    levels : sequence of float
        Levels.
    log : bool
        Interpolate in the logarithm of the values.

    Returns
    -------
    tuple of Crossing
        For each level every crossing, from the lowest value on, or one that says where the
        probability is instead.

    Examples
    --------
    >>> crossings(np.array([1.0, 2.0, 3.0]), np.array([0.4, 0.6, 0.7]), [0.5, 0.8])
    (Crossing(level=0.5, at=1.5, above='higher'), Crossing(level=0.8, at=None, above='nowhere'))
    """
    scale = np.log(values) if log else values
    found = []
    for level in levels:
        over = chance >= level
        changes = np.flatnonzero(over[1:] != over[:-1])
        if not len(changes):
            found.append(Crossing(float(level), None, "everywhere" if over[0] else "nowhere"))
        for left in changes.tolist():
            part = (level - chance[left]) / (chance[left + 1] - chance[left])
            at = scale[left] + part * (scale[left + 1] - scale[left])
            place = float(np.exp(at) if log else at)
            found.append(Crossing(float(level), place, "higher" if over[left + 1] else "lower"))
    return tuple(found)


def gain_by_modifier(
    fit: FittedModel,
    at: Sequence[float] | Floats,
    horizon: float,
    treated: Strategy,
    *,
    weights: Floats | None = None,
) -> xr.DataArray:
    """Return the months gained by treatment when everybody has a value of the modifier.

    RMST under treatment less RMST under never, averaged over the cohort's other covariates inside
    each draw.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    at : sequence of float
        Modifier values on the scale of the data.
    horizon : float
        Months up to which time counts.
    treated : Strategy
        The strategy that treats.
    weights : ndarray, shape (patients,) or (samples, patients), optional
        What each patient weighs; equal weights by default.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw`` and the modifier's name; months, above 0 where treatment gains.

    Raises
    ------
    SpecificationError
        When the model has no treatment or no modifier.
    """
    # Also tells when the model has no treatment or no modifier.
    labels = log_hazard_ratio(fit, at)
    gains = []
    for value in labels[labels.dims[-1]].to_numpy():
        patients = sample_population(fit, modifier_at=float(value), weights=weights)
        months = rmst(fit, horizon, [NEVER, treated], population=patients)
        gains.append(months.isel({STRATEGY: 1}, drop=True) - months.isel({STRATEGY: 0}, drop=True))
    return labels.copy(data=np.stack([gain.to_numpy() for gain in gains], axis=-1))
