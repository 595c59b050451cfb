"""Whether treatment takes away what the modifier does, and at which values it probably helps.

Nobody intervenes on the modifier: these are statements about whom treatment helps more, each with
its prior probability. Crossings are the values of the modifier at which a probability of benefit
passes a level.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from bayes_ihlrt.estimands.contrasts import probability
from bayes_ihlrt.estimands.curves import NEVER, Strategy
from bayes_ihlrt.estimands.draws import Asked, at_value, estimate_draws, gained
from bayes_ihlrt.estimands.interaction import joint_log_hazard, log_hazard_ratio
from bayes_ihlrt.estimands.population import undefined_survival
from bayes_ihlrt.model.predictor import linear_in_modifier
from bayes_ihlrt.names import HORIZON, ModifierTransform, in_months
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.spec.model import ModifierSpec

Floats = NDArray[np.float64]
_NOTHING: Final = 1e-12
"""Log ratios of hazard ratios below this are rounding: the model has no interaction."""
_POINTS: Final = 41
_SAMPLE: Final = ("chain", "draw")
type Weigh = Callable[[FittedModel], Floats | None]


def equally(fit: FittedModel) -> Floats | None:
    """Return None: the patients of a fit weigh the same.

    Parameters
    ----------
    fit : FittedModel
        A fit.

    Returns
    -------
    None
        No weights.
    """
    del fit
    return None


@dataclass(frozen=True)
class Question:
    """What is asked of the interaction.

    Parameters
    ----------
    low, high : float
        Values of the modifier that are compared, on the scale of the data.
    horizon : float
        Months up to which time counts.
    treated : Strategy
        The strategy that treats.
    gain : float
        Months of restricted mean survival that matter.
    irrelevant : tuple of float
        Hazard ratios between which the modifier hardly matters.
    span : tuple of float, optional
        Values of the modifier between which it is asked whether the effect turns; `low` and `high`
        by default.
    weigh : callable
        Returns what each patient of a fit weighs in averages, None for equal weights.
    """

    low: float
    high: float
    horizon: float
    treated: Strategy
    gain: float = 1.0
    irrelevant: tuple[float, float] = (0.8, 1.25)
    span: tuple[float, float] | None = None
    weigh: Weigh = equally


@dataclass(frozen=True)
class Statement:
    """A statement and how probable it is.

    Parameters
    ----------
    name : str
        Short name.
    words : str
        The statement.
    prior : float or None
        Probability before the data: what the prior alone says; None where the prior allows hazards
        that no computer holds.
    posterior : float
        Probability given the data.
    """

    name: str
    words: str
    prior: float | None
    posterior: float | None


def interaction_contrasts(
    fit: FittedModel, question: Question, *, draws: xr.Dataset | None = None
) -> xr.Dataset:
    """Return how much more treatment gains at the high than at the low value of the modifier.

    [S^treated(t) - S^never(t)] at high less the same at low, and likewise for the restricted mean
    survival time: interaction on the scales that count patients and months.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    question : Question
        Values of the modifier, horizon, strategy.
    draws : xarray.Dataset, optional
        What `estimate_draws` gave for these and other values, if it is there already.

    Returns
    -------
    xarray.Dataset
        ``survival`` (probability) and ``rmst`` (months) over ``chain, draw``; above 0 where
        treatment gains more at the high value.

    Examples
    --------
    >>> from bayes_ihlrt.estimands.curves import treated_from
    >>> question = Question(low=2.0, high=5.0, horizon=24.0, treated=treated_from(0))
    >>> gains = interaction_contrasts(fit, question)
    >>> gains["rmst"].dims
    ('chain', 'draw')
    >>> bool((abs(gains["survival"]) <= 2.0).all()), bool((abs(gains["rmst"]) <= 48.0).all())
    (True, True)
    """
    if draws is None:
        asked = Asked((NEVER, question.treated), (question.low, question.high), (question.horizon,))
        draws = estimate_draws(fit, asked, weights=question.weigh(fit))
    at_end = draws[["survival", "rmst"]].sel({HORIZON: question.horizon}, drop=True)
    high, low = (at_value(at_end, value).map(gained) for value in (question.high, question.low))
    found: xr.Dataset = high - low
    return found.drop_vars(_SAMPLE)


def multiplicative_interaction(fit: FittedModel, question: Question) -> xr.DataArray:
    """Return the log ratio of treatment's hazard ratios, per step of the modifier.

    log HR(high end of the step) - log HR(low end): with a modifier that is linear on the log2 scale
    it is the coefficient of the product term. See `modifier_step` for the step.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    question : Question
        Values that make the step where a doubling does not mean the same everywhere.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw``; below 0 where treatment helps more at the higher value.
    """
    begin, end, _ = modifier_step(fit, question)
    return _change(fit, (begin, end), question)


def effect_shape(fit: FittedModel, question: Question) -> xr.Dataset:
    """Return how far the hazard ratio of treatment falls and rises over the modifier.

    Within each draw, over 41 values equally far apart on the scale of the model.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    question : Question
        Its `span` says between which values.

    Returns
    -------
    xarray.Dataset
        ``fall`` and ``rise`` over ``chain, draw``, log hazard ratios of 0 or more: the greatest
        fall from any value of the modifier to a higher one, and the greatest rise. An effect that
        is a straight line has one of them.
    """
    low, high = question.span or (question.low, question.high)
    modifier = fit.prepared.spec.modifier
    log = modifier is not None and modifier.transform is ModifierTransform.LOG2
    values = np.geomspace(low, high, _POINTS) if log else np.linspace(low, high, _POINTS)
    values[[0, -1]] = low, high
    effect = log_hazard_ratio(fit, values, weights=question.weigh(fit)).to_numpy()
    fall = np.maximum.accumulate(effect, axis=-1) - effect
    rise = effect - np.minimum.accumulate(effect, axis=-1)
    dims = ("chain", "draw")
    return xr.Dataset({"fall": (dims, fall.max(axis=-1)), "rise": (dims, rise.max(axis=-1))})


def mitigation_statements(
    fit: FittedModel,
    prior: FittedModel,
    question: Question,
    *,
    contrasts: tuple[xr.Dataset | None, xr.Dataset | None] = (None, None),
) -> tuple[Statement, ...]:
    """Return statements about the interaction with their prior and posterior probability.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    prior : FittedModel
        The same model with draws of its prior.
    question : Question
        What is asked.
    contrasts : tuple of xarray.Dataset
        `interaction_contrasts` of both, where they are there already.

    Returns
    -------
    tuple of Statement
        Treatment lowers the hazard more at the high value than at the low one (left out where the
        model has no interaction); its hazard ratio turns, by a factor that matters either way (only
        where the modifier is not a straight line in the model); among the treated the modifier
        hardly matters; treatment gains that many more months at the high value (left out where
        covariates change during follow-up). Each names the values that it compares, and none
        depends on the modifier's reference.
    """
    _, _, step = modifier_step(fit, question)
    spec, (low, high) = fit.prepared.spec, question.irrelevant
    name = spec.labels.of(None if spec.modifier is None else spec.modifier.name)
    treatment = spec.labels.of(spec.treatment)
    first, last = question.span or (question.low, question.high)
    words = {
        "hazard-ratio-falls": (
            f"{treatment} lowers the hazard more at {name} {question.high:g} than at "
            f"{question.low:g}"
        ),
        "hazard-ratio-turns": (
            f"between {name} {first:.3g} and {last:.3g} the HR of {treatment} both falls and rises "
            f"by a factor {high:g} or more"
        ),
        "modifier-irrelevant-if-treated": (
            f"under {treatment}, HR of {name} {step} between {low:g} and {high:g}"
        ),
        "gains-more-at-high": (
            f"{treatment} gains {in_months(question.gain)} more of {question.horizon:g} at {name} "
            f"{question.high:g} than at {question.low:g}"
        ),
    }
    after = _probabilities(fit, question, contrasts[0])
    before = _probabilities(prior, question, contrasts[1])
    return tuple(Statement(key, words[key], before[key], after[key]) for key in after)


def _probabilities(
    fit: FittedModel, question: Question, contrasts: xr.Dataset | None
) -> dict[str, float | None]:
    begin, end, _ = modifier_step(fit, question)
    strata = joint_log_hazard(fit, [begin, end], weights=question.weigh(fit))
    treated = strata[:, :, 1].to_numpy()
    log_hr = xr.DataArray(treated[..., 1] - treated[..., 0], dims=("chain", "draw"))
    low, high = np.log(question.irrelevant)
    statements = {"modifier-irrelevant-if-treated": (log_hr > low) & (log_hr < high)}
    change = _change(fit, (question.low, question.high), question)
    if bool((abs(change) > _NOTHING).any()):
        own = {"hazard-ratio-falls": change < 0.0}
        if not linear_in_modifier(fit.prepared.spec):
            shape = effect_shape(fit, question)
            own["hazard-ratio-turns"] = (shape["fall"] >= high) & (shape["rise"] >= high)
        statements = {**own, **statements}
    found: dict[str, float | None] = {n: float(probability(s)) for n, s in statements.items()}
    if not undefined_survival(fit):
        if contrasts is None:
            with np.errstate(over="ignore", invalid="ignore"):
                contrasts = interaction_contrasts(fit, question)
        months = contrasts["rmst"]
        sound = bool(np.isfinite(months).all())
        chance = float(probability(months > question.gain))
        found["gains-more-at-high"] = chance if sound else None
    return found


def _change(fit: FittedModel, ends: tuple[float, float], question: Question) -> xr.DataArray:
    """Log hazard ratio of treatment at one value of the modifier less that at another."""
    effect = log_hazard_ratio(fit, ends, weights=question.weigh(fit)).to_numpy()
    return xr.DataArray(effect[..., 1] - effect[..., 0], dims=("chain", "draw"))


def modifier_step(fit: FittedModel, question: Question) -> tuple[float, float, str]:
    """Return the step of the modifier that a hazard ratio refers to.

    Parameters
    ----------
    fit : FittedModel
        The posterior of a model with a modifier.
    question : Question
        Values that make the step where a doubling does not mean the same everywhere: the modifier
        is on another scale than log2, or no straight line on it.

    Returns
    -------
    begin, end : float
        Values on the scale of the data.
    words : str
        ``"per doubling"`` or, for example, ``"58 against 38"``.
    """
    modifier: ModifierSpec | None = fit.prepared.spec.modifier
    doubles = modifier is not None and modifier.transform is ModifierTransform.LOG2
    if modifier is not None and doubles and linear_in_modifier(fit.prepared.spec):
        return modifier.reference, 2.0 * modifier.reference, "per doubling"
    return question.low, question.high, f"{question.high:g} against {question.low:g}"


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
    asked = Asked((NEVER, treated), (), (horizon,), grid=tuple(map(float, at)))
    gains = estimate_draws(fit, asked, weights=weights)["grid_gain"]
    return labels.copy(data=gains.to_numpy())
