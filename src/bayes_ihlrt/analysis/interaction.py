"""What a result says of the interaction: measures, statements with their prior, crossings."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.analysis.estimates import compared_values, observed_values, strategies
from bayes_ihlrt.estimands.contrasts import chance_above, finite_or_none, probability, summarise
from bayes_ihlrt.estimands.interaction import (
    additive_interaction,
    joint_log_hazard,
    log_hazard_ratio,
)
from bayes_ihlrt.estimands.mitigation import (
    Chance,
    Crossing,
    Question,
    Statement,
    Weigh,
    crossings,
    gain_chance,
    interaction_contrasts,
    mitigation_statements,
    modifier_step,
    multiplicative_interaction,
)
from bayes_ihlrt.estimands.population import undefined_survival
from bayes_ihlrt.names import GRID, ModifierTransform
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.verdicts import SETTLED

Floats = NDArray[np.float64]
type Summary = dict[str, float | None]
_SPAN: Final = (0.05, 0.95)
"""Quantiles of the cohort between which it is asked whether the effect turns."""


@dataclass(frozen=True, eq=False)
class InteractionResult:
    """Whether the effect of treatment depends on the modifier.

    Parameters
    ----------
    question : Question
        Values of the modifier that were compared, horizon, gain that matters.
    step : str
        Step of the modifier that `multiplicative` refers to.
    multiplicative : dict
        Summary of the ratio of hazard ratios per step; ``prob_below_1``.
    additive : dict
        ``reference`` stratum, ``prob_reference``, and summaries of ``reri``, ``ap``, ``synergy``;
        ``prob_reri_above_0``, None for a ``reason`` where the reference is not certain.
    contrasts : dict
        Summaries of the interaction in ``survival`` and ``rmst``; ``prob_above_0``. None, like
        ``prob_gain``, where covariates change during follow-up.
    statements : tuple of Statement
        Statements with prior and posterior probability; with ``hazard-ratio-turns`` where the
        modifier is not a straight line in the model.
    curve : xarray.Dataset
        Over the modifier's ``value``: ``median, q2.5, q97.5`` of the hazard ratio, ``prob_benefit``
        (hazard ratio below 1) and ``prob_gain`` (more than that many months gained), and both
        before the data, ``prior_prob_benefit`` and ``prior_prob_gain`` (ties count half). NaN
        where not defined.
    crossings : dict of str to tuple of Crossing
        Where ``prob_benefit`` and ``prob_gain`` pass the levels.
    """

    question: Question
    step: str
    multiplicative: dict[str, Any]
    additive: dict[str, Any]
    contrasts: dict[str, dict[str, Any] | None]
    statements: tuple[Statement, ...]
    curve: xr.Dataset
    crossings: dict[str, tuple[Crossing, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return the part of ``result.json``: what is not defined is None, never absent."""
        values = self.curve["value"].to_numpy()
        return {
            "low": self.question.low,
            "high": self.question.high,
            "horizon": self.question.horizon,
            "gain": self.question.gain,
            "multiplicative": {"step": self.step, **self.multiplicative},
            "additive": self.additive,
            "contrasts": self.contrasts,
            "statements": [vars(statement) for statement in self.statements],
            "searched": [float(values[0]), float(values[-1])],
            "crossings": [
                {"probability": name, **vars(crossing)}
                for name, found in self.crossings.items()
                for crossing in found
            ],
        }


def describe_interaction(
    fit: FittedModel,
    prior: FittedModel,
    spec: AnalysisSpec,
    weigh: Weigh,
    *,
    draws: tuple[xr.Dataset, xr.Dataset],
) -> InteractionResult | None:
    """Return what a posterior says of the interaction of treatment and modifier.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    prior : FittedModel
        The same model with draws of its prior: `prior_fit`.
    spec : AnalysisSpec
        Values of the modifier, horizons, gain and levels.
    weigh : callable
        From a fit to the weights of its patients.
    draws : tuple of xarray.Dataset
        Estimates of the posterior and of the prior: `analysis.estimates.draws_of`.

    Returns
    -------
    InteractionResult or None
        None without a treatment, a modifier, or more than one value of it.
    """
    modifier = spec.modifier
    question = _question(fit, spec, weigh)
    if modifier is None or question is None:
        return None
    log = modifier.transform is ModifierTransform.LOG2
    after, before = draws
    curve, chances = _curve(fit, after, question, log=log)
    curve = curve.assign(_chances_before(before, question))
    contrasts: tuple[xr.Dataset | None, xr.Dataset | None] = (None, None)
    if not undefined_survival(fit):
        contrasts = _gains(fit, question, after), _gains(prior, question, None)
    statements = mitigation_statements(fit, prior, question, contrasts=contrasts)
    return InteractionResult(
        question=question,
        step=modifier_step(fit, question)[2],
        multiplicative=_multiplicative(fit, question, statements),
        additive=_additive(fit, question, prior),
        contrasts=_contrasts(*contrasts),
        statements=statements,
        curve=curve,
        crossings={
            name: crossings(chance, curve["value"].to_numpy(), spec.estimands.levels, log=log)
            for name, chance in chances.items()
        },
    )


def _question(fit: FittedModel, spec: AnalysisSpec, weigh: Weigh) -> Question | None:
    if spec.treatment is None or spec.modifier is None:
        return None
    observed = observed_values(fit)
    low, high = compared_values(spec, observed)
    if not low < high:
        return None
    middle = np.quantile(observed, _SPAN)
    return Question(
        low=low,
        high=high,
        horizon=max(spec.estimands.horizons),
        treated=strategies(spec)[-1],
        gain=spec.estimands.gain,
        span=(min(low, float(middle[0])), max(high, float(middle[1]))),
        weigh=weigh,
    )


def _gains(fit: FittedModel, question: Question, draws: xr.Dataset | None) -> xr.Dataset:
    with np.errstate(over="ignore", invalid="ignore"):
        return interaction_contrasts(fit, question, draws=draws)


def _curve(
    fit: FittedModel, draws: xr.Dataset, question: Question, *, log: bool
) -> tuple[xr.Dataset, dict[str, Chance]]:
    """Hazard ratio and chances over the modifier; and the chances at any other value."""
    weights = question.weigh(fit)

    def benefit(at: Floats) -> Floats:
        found = log_hazard_ratio(fit, at, weights=weights)
        return np.asarray(probability(found < 0.0).to_numpy(), dtype=np.float64)

    along = draws[["grid_log_hazard_ratio", "grid_gain"]].rename({GRID: "value"})
    ratios, gain = along["grid_log_hazard_ratio"], along["grid_gain"]
    found = summarise(xr.apply_ufunc(np.exp, ratios))[["median", "q2.5", "q97.5"]]
    found = found.assign(prob_benefit=probability(ratios < 0.0))
    if undefined_survival(fit):
        nothing = xr.full_like(found["prob_benefit"], np.nan)
        return found.assign(prob_gain=nothing), {"prob_benefit": benefit}
    found = found.assign(prob_gain=probability(gain > question.gain))
    chances = {"prob_benefit": benefit, "prob_gain": gain_chance(gain, question.gain, log=log)}
    return found, chances


def _chances_before(draws: xr.Dataset, question: Question) -> dict[str, tuple[str, Floats]]:
    """What the curve's probabilities were before the data; NaN where hazards leave every float."""
    log_hr, months = (draws[f"grid_{name}"].to_numpy() for name in ("log_hazard_ratio", "gain"))
    benefit = chance_above(np.zeros_like(log_hr), log_hr).mean(axis=(0, 1))
    chance = chance_above(months, np.full_like(months, question.gain)).mean(axis=(0, 1))
    gain = np.where(np.isfinite(months).all(axis=(0, 1)), chance, np.nan)
    return {"prior_prob_benefit": ("value", benefit), "prior_prob_gain": ("value", gain)}


def _multiplicative(
    fit: FittedModel, question: Question, statements: tuple[Statement, ...]
) -> dict[str, Any]:
    ratio = xr.apply_ufunc(np.exp, multiplicative_interaction(fit, question))
    falls = [(s.posterior, s.prior) for s in statements if s.name == "hazard-ratio-falls"]
    after, before = falls[0] if falls else (None, None)
    return {**_summary(ratio), "prob_below_1": after, "prior_prob_below_1": before}


def _contrasts(
    after: xr.Dataset | None, before: xr.Dataset | None
) -> dict[str, dict[str, Any] | None]:
    if after is None or before is None:
        return {"survival": None, "rmst": None}
    return {
        str(name): {
            **_summary(draws),
            "prob_above_0": float(probability(draws > 0.0)),
            "prior_prob_above_0": _above_zero(before[name]),
        }
        for name, draws in after.items()
    }


def _above_zero(draws: xr.DataArray) -> float:
    values = draws.to_numpy()
    return float(chance_above(values, np.zeros_like(values)).mean())


def _additive(fit: FittedModel, question: Question, prior: FittedModel) -> dict[str, Any]:
    pair = [question.low, question.high]
    strata = joint_log_hazard(fit, pair, weights=question.weigh(fit))
    found = additive_interaction(strata)
    before = additive_interaction(joint_log_hazard(prior, pair, weights=question.weigh(prior)))
    chance = found.attrs["prob_reference"]
    certain = chance >= SETTLED
    return {
        "reference": found.attrs["reference"],
        "prob_reference": chance,
        **{name: _summary(found[name]) for name in ("reri", "ap", "synergy")},
        "prob_reri_above_0": float(probability(found["reri"] > 0.0)) if certain else None,
        "prior_prob_reri_above_0": _above_zero(before["reri"]) if certain else None,
        "reason": None
        if certain
        else "the stratum with the lowest hazard, on which the sign of the measures depends, is "
        f"known with probability {chance:.2f} only (needed: {SETTLED:g})",
    }


def _summary(draws: xr.DataArray) -> Summary:
    return {str(name): finite_or_none(value) for name, value in summarise(draws).items()}
