"""Does treatment take away what the modifier does? Statements with their prior probability.

Nobody intervenes on the modifier: these are statements about whom treatment helps more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.estimands.curves import NEVER, Strategy, rmst, survival
from bayes_ihlrt.estimands.interaction import joint_log_hazard, log_hazard_ratio
from bayes_ihlrt.estimands.population import sample_population, undefined_survival
from bayes_ihlrt.estimands.summary import probability
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.model.modifier_form import linear_in_modifier
from bayes_ihlrt.model.spec import ModifierSpec
from bayes_ihlrt.names import STRATEGY, TIME, ModifierTransform

Floats = NDArray[np.float64]
_NOTHING: Final = 1e-12
"""Log ratios of hazard ratios below this are rounding: the model has no interaction."""
_POINTS: Final = 41
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


def interaction_contrasts(fit: FittedModel, question: Question) -> xr.Dataset:
    """Return how much more treatment gains at the high than at the low value of the modifier.

    [S^treated(t) - S^never(t)] at high less the same at low, and likewise for the restricted mean
    survival time: interaction on the scales that count patients and months.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    question : Question
        Values of the modifier, horizon, strategy.

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
    found: dict[str, list[xr.DataArray]] = {"survival": [], "rmst": []}
    strategies, weights = [NEVER, question.treated], question.weigh(fit)
    for value in (question.low, question.high):
        patients = sample_population(fit, modifier_at=value, weights=weights)
        alive = survival(fit, [question.horizon], strategies, population=patients)
        months = rmst(fit, question.horizon, strategies, population=patients)
        for name, draws in (("survival", alive.isel({TIME: 0}, drop=True)), ("rmst", months)):
            gain = draws.isel({STRATEGY: 1}, drop=True) - draws.isel({STRATEGY: 0}, drop=True)
            found[name].append(gain)
    return xr.Dataset({name: high - low for name, (low, high) in found.items()})


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
    fit: FittedModel, prior: FittedModel, question: Question
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
    name = "" if fit.prepared.spec.modifier is None else fit.prepared.spec.modifier.name
    treatment, (low, high) = fit.prepared.spec.treatment, question.irrelevant
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
            f"{treatment} gains {question.gain:g} more month(s) of {question.horizon:g} at {name} "
            f"{question.high:g} than at {question.low:g}"
        ),
    }
    before, after = (_probabilities(each, question) for each in (prior, fit))
    return tuple(Statement(key, words[key], before[key], after[key]) for key in after)


def _probabilities(fit: FittedModel, question: Question) -> dict[str, float | None]:
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
        with np.errstate(over="ignore", invalid="ignore"):
            months = interaction_contrasts(fit, question)["rmst"]
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
