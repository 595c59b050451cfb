"""The values of the modifier at which a probability of benefit passes a level."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from bayes_ihlrt.estimands.curves import NEVER, Strategy, rmst
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.population import sample_population
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.names import STRATEGY

Floats = NDArray[np.float64]
type Chance = Callable[[Floats], Floats]
LEVELS: Final = (0.5, 0.8, 0.95)
_PARTS: Final = 16
_ROUNDS: Final = 4
_FINER: Final = 7


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
    chance: Chance, values: Floats, levels: Sequence[float] = LEVELS, *, log: bool = False
) -> tuple[Crossing, ...]:
    """Return where a probability passes each level.

    Solved, not read from a grid: the values say where to look, and between two of them on different
    sides of a level the place is narrowed down to a 65,536th of their distance. A probability that
    is a share of draws passes a level in a step.

    Parameters
    ----------
    chance : callable
        From values of the modifier to the probability at each.
    values : ndarray, shape (values,)
        Modifier values at which to look, increasing; more of them are looked at where the
        probability turns just before a level.
    levels : sequence of float
        Levels.
    log : bool
        Divide in the logarithm of the values.

    Returns
    -------
    tuple of Crossing
        For each level every crossing, from the lowest value on, or one that says where the
        probability is instead.

    Examples
    --------
    >>> straight = lambda at: 0.2 + 0.2 * at
    >>> crossings(straight, np.array([1.0, 2.0, 3.0]), [0.5, 0.9])
    (Crossing(level=0.5, at=1.5, above='higher'), Crossing(level=0.9, at=None, above='nowhere'))
    """
    values, found = _with_turns(chance, np.asarray(values, dtype=np.float64))
    scale = np.log(values) if log else values
    brackets = [
        (level, left)
        for level in levels
        for left in np.flatnonzero((found[1:] >= level) != (found[:-1] >= level)).tolist()
    ]
    places = iter(_narrowed(chance, scale, found, brackets, log=log))
    passed = []
    for level in levels:
        over = found >= level
        changes = [left for each, left in brackets if each == level]
        if not changes:
            passed.append(Crossing(float(level), None, "everywhere" if over[0] else "nowhere"))
        for left in changes:
            side = "higher" if over[left + 1] else "lower"
            passed.append(Crossing(float(level), next(places), side))
    return tuple(passed)


def _with_turns(chance: Chance, values: Floats) -> tuple[Floats, Floats]:
    """Values with more of them on both sides of each turn, where a narrow passage may hide."""
    found = chance(values)
    slope = np.sign(np.diff(found))
    moving = np.flatnonzero(slope)
    turning = {
        cell
        for left, right in pairwise(moving.tolist())
        if slope[left] != slope[right]
        for cell in range(left, right + 1)
    }
    cells = np.array(sorted(turning), dtype=np.int64)
    share = np.linspace(0.0, 1.0, _FINER + 2)[1:-1]
    if not len(cells):
        return values, found
    more = (values[cells, None] + share * (values[cells + 1] - values[cells])[:, None]).ravel()
    order = np.argsort(np.concatenate([values, more]), kind="stable")
    return (
        np.concatenate([values, more])[order],
        np.concatenate([found, chance(more)])[order],
    )


def _narrowed(
    chance: Chance,
    scale: Floats,
    found: Floats,
    brackets: Sequence[tuple[float, int]],
    *,
    log: bool,
) -> list[float]:
    """Places at which levels are passed, all narrowed down together: few calls, many values."""
    if not brackets:
        return []
    level = np.array([each for each, _ in brackets])[:, None]
    lefts = np.array([left for _, left in brackets])
    low, high = scale[lefts], scale[lefts + 1]
    over = (found[lefts] >= level[:, 0])[:, None]
    share = np.linspace(0.0, 1.0, _PARTS + 1)
    for _ in range(_ROUNDS):
        points = low[:, None] + share * (high - low)[:, None]
        inner = points[:, 1:-1].ravel()
        chances = chance(np.exp(inner) if log else inner).reshape(len(brackets), -1)
        passed = (chances >= level) != over
        first = np.where(passed.any(axis=1), passed.argmax(axis=1), _PARTS - 1)
        each = np.arange(len(brackets))
        low, high = points[each, first], points[each, first + 1]
    middle = 0.5 * (low + high)
    return [float(place) for place in (np.exp(middle) if log else middle)]


def gain_chance(gains: xr.DataArray, months: float, *, log: bool = False) -> Chance:
    """Return the probability of a gain as a function of the modifier.

    Each draw's gain is a smooth curve over the modifier; between the values at which it was
    computed it is followed by a cubic spline.

    Parameters
    ----------
    gains : xarray.DataArray
        From `gain_by_modifier`, at four values or more.
    months : float
        Gain that matters.
    log : bool
        The curves are smooth in the logarithm of the modifier.

    Returns
    -------
    callable
        From modifier values to the share of draws that gain more than `months`.
    """
    values = gains[gains.dims[-1]].to_numpy().astype(np.float64)
    scale = np.log(values) if log else values
    curves = gains.to_numpy().reshape(-1, len(values))
    spline = CubicSpline(scale, curves, axis=1)

    def chance(at: Floats) -> Floats:
        inside = np.clip(np.log(at) if log else at, scale[0], scale[-1])
        return np.asarray((spline(inside) > months).mean(axis=0), dtype=np.float64)

    return chance


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
