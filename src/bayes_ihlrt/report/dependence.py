"""Whether the effect depends on the modifier, in sentences that name the values they compare."""

import math

from bayes_ihlrt.analysis.interaction_result import InteractionResult
from bayes_ihlrt.analysis.prior_words import beside_prior
from bayes_ihlrt.analysis.result import FitResult
from bayes_ihlrt.analysis.summaries import unit_of
from bayes_ihlrt.estimands.summary import probability
from bayes_ihlrt.model.modifier_form import linear_in_modifier, simple_interaction
from bayes_ihlrt.report.numbers import SETTLED, chance_words


def dependence_sentences(result: FitResult) -> list[str]:
    """Return whether the effect of treatment depends on the modifier.

    By the product's coefficient where it tells all of it; elsewhere by comparing two values of the
    modifier, and by saying whether the effect turns between them.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    list of str
        None without a treatment, a modifier or an interaction of them.
    """
    modifier, treatment = result.spec.modifier, result.spec.treatment
    if modifier is None or treatment is None:
        return []
    name = simple_interaction(result.spec.model)
    if name is not None and name in result.fit.posterior:
        return [_by_coefficient(result, name, modifier.name)]
    found = result.interaction
    if found is None or found.multiplicative["prob_below_1"] is None:
        return []
    turns = next((s for s in found.statements if s.name == "hazard-ratio-turns"), None)
    told = [_by_comparison(result, found, modifier.name)]
    if turns is not None and turns.posterior is not None:
        told = [_shape(result, found, turns.posterior, turns.prior), *told]
    if not linear_in_modifier(result.spec.model):
        told.append(
            f"The coefficients of {modifier.name} have no meaning one by one: read the hazard "
            f"ratio at the values named, or its curve."
        )
    return told


def _by_coefficient(result: FitResult, name: str, modifier: str) -> str:
    lower = float(probability(result.fit.posterior[name] < 0.0))
    middle, low, high = (_exp(result.parameters[name][key]) for key in ("median", "q2.5", "q97.5"))
    factor = (
        f"{middle:.2f} (95 % interval {low:.2f} to {high:.2f}) {unit_of(name, result.spec)} of "
        f"{modifier}"
    )
    if max(lower, 1.0 - lower) < SETTLED or not result.comparable:
        return (
            f"Whether the effect depends on {modifier} is not settled: the hazard ratio "
            f"changes by a factor {factor}."
        )
    way = "better" if lower > 0.5 else "worse"
    before = float(probability(result.prior[name] < 0.0)) if name in result.prior else None
    return (
        f"The effect is probably {way} at higher {modifier} ({result.draws_name} probability "
        f"{_chances(lower, before)}): the hazard ratio changes by a factor {factor}."
    )


def _by_comparison(result: FitResult, found: InteractionResult, modifier: str) -> str:
    """Two values of the modifier, whatever lies between them."""
    ratio, lower = found.multiplicative, float(found.multiplicative["prob_below_1"])
    middle, low, high = (ratio[key] or math.nan for key in ("median", "q2.5", "q97.5"))
    numbers = f"{middle:.2f} (95 % interval {low:.2f} to {high:.2f})"
    of_step = found.step.startswith("per")
    factor = f"{numbers} {found.step} of {modifier}" if of_step else f"{numbers} between them"
    high_value, low_value = f"{found.question.high:g}", f"{found.question.low:g}"
    if max(lower, 1.0 - lower) < SETTLED or not result.comparable:
        return (
            f"Whether the effect at {modifier} {high_value} differs from that at {low_value} is "
            f"not settled: the hazard ratio changes by a factor {factor}."
        )
    way = "better" if lower > 0.5 else "worse"
    return (
        f"The effect is probably {way} at {modifier} {high_value} than at {low_value} "
        f"({result.draws_name} probability {_chances(lower, ratio['prior_prob_below_1'])}): the "
        f"hazard ratio changes by a factor {factor}."
    )


def _shape(result: FitResult, found: InteractionResult, chance: float, before: float | None) -> str:
    """Whether the effect runs one way over the modifier."""
    modifier = "" if result.spec.modifier is None else result.spec.modifier.name
    drawn = result.draws_name
    low, high = found.question.span or (found.question.low, found.question.high)
    inside = found.curve.sel(value=slice(low, high))
    best = inside.isel(value=int(inside["median"].to_numpy().argmin()))
    place = f"between {modifier} {low:.3g} and {high:.3g}"
    lowest = f"its median is lowest, {float(best['median']):.2f}, at {float(best['value']):.3g}"
    factor = f"{found.question.irrelevant[1]:g}"
    told = beside_prior(chance_words(chance), before)
    if chance >= SETTLED and result.comparable:
        return (
            f"The effect does not run one way {place}: its hazard ratio both falls and rises by a "
            f"factor {factor} or more ({drawn} probability {told}); {lowest}."
        )
    if chance > 1.0 - SETTLED or not result.comparable:
        return (
            f"Whether the effect runs one way {place} is not settled: its hazard ratio both falls "
            f"and rises by a factor {factor} or more with {drawn} probability "
            f"{told}; {lowest}."
        )
    return (
        f"The effect probably runs one way {place}: its hazard ratio both falls and rises by a "
        f"factor {factor} or more with {drawn} probability {told} only."
    )


def _chances(lower: float, before: float | None) -> str:
    """The likelier side's probability, with what it was before the data."""
    if before is not None and lower <= 0.5:
        before = 1.0 - before
    return beside_prior(chance_words(max(lower, 1.0 - lower)), before)


def _exp(value: float | None) -> float:
    return math.nan if value is None else math.exp(value)
