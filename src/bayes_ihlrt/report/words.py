"""What a result says, in sentences that claim no more than it shows.

Those on whether the effect depends on the modifier name the values that they compare.
"""

import math
from typing import Final

from bayes_ihlrt.analysis.estimates import Estimate
from bayes_ihlrt.analysis.fit import FitResult
from bayes_ihlrt.analysis.interaction import InteractionResult
from bayes_ihlrt.analysis.parameters import unit_of
from bayes_ihlrt.analysis.prior_words import beside_prior
from bayes_ihlrt.estimands.contrasts import probability
from bayes_ihlrt.estimands.population import undefined_survival
from bayes_ihlrt.model.predictor import linear_in_modifier, simple_interaction
from bayes_ihlrt.names import Adjustment, DesignKind
from bayes_ihlrt.report.effects import flexible_sentences
from bayes_ihlrt.results.table import chance_words, interval, number
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.verdicts import Decision, decide


def modifier_label(spec: AnalysisSpec) -> str:
    """Return what the modifier is called; empty without one.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.

    Returns
    -------
    str
        Its label, else its name.
    """
    return spec.labels.of(None if spec.modifier is None else spec.modifier.name)


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
    name, called = simple_interaction(result.spec.model), result.spec.labels.of(modifier.name)
    if name is not None and name in result.fit.posterior:
        return [_by_coefficient(result, name, called)]
    found = result.interaction
    if found is None or found.multiplicative["prob_below_1"] is None:
        return []
    turns = next((s for s in found.statements if s.name == "hazard-ratio-turns"), None)
    told = [_by_comparison(result, found, called)]
    if turns is not None and turns.posterior is not None:
        told = [_shape(result, found, turns.posterior, turns.prior), *told]
    if not linear_in_modifier(result.spec.model):
        told.append(
            f"The coefficients of {called} have no meaning one by one: read the hazard "
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
    if decide(lower) is Decision.OPEN or not result.comparable:
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
    if decide(lower) is Decision.OPEN or not result.comparable:
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
    modifier = modifier_label(result.spec)
    drawn = result.draws_name
    low, high = found.question.span or (found.question.low, found.question.high)
    inside = found.curve.sel(value=slice(low, high))
    best = inside.isel(value=int(inside["median"].to_numpy().argmin()))
    place = f"between {modifier} {low:.3g} and {high:.3g}"
    lowest = f"its median is lowest, {float(best['median']):.2f}, at {float(best['value']):.3g}"
    factor = f"{found.question.irrelevant[1]:g}"
    told = beside_prior(chance_words(chance), before)
    if decide(chance) is Decision.YES and result.comparable:
        return (
            f"The effect does not run one way {place}: its hazard ratio both falls and rises by a "
            f"factor {factor} or more ({drawn} probability {told}); {lowest}."
        )
    if decide(chance) is Decision.OPEN or not result.comparable:
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


def summary_sentences(result: FitResult) -> tuple[str, ...]:
    """Return the main result in plain words.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    tuple of str
        Effect at the reference, effect on survival time, dependence on the modifier, and what was
        adjusted for. Only a warning where the draws did not converge or the design is biased.

    Examples
    --------
    >>> any("event-free" in sentence for sentence in summary_sentences(result))
    True
    """
    if not result.converged:
        return ("The draws did NOT converge: nothing is said of the effect.",)
    if result.checked.person_time.provenance.design is DesignKind.EVER_NEVER:
        return (
            "The design ever-never counts time before treatment as treated: nothing is said of "
            "the effect.",
        )
    if result.spec.treatment is None:
        return _prognostic(result)
    first, second = _effect(result), flexible_sentences(result.baseline)
    effect = (*second, first) if result.baseline and result.baseline.differs else (first, *second)
    rest = (*dependence_sentences(result), adjustment_sentence(result))
    told = (*effect, *survival_time(result), *rest)
    arms = None if result.propensity is None else result.propensity.comparability
    return told if arms is None or not arms.conclusion else (arms.conclusion, *told)


def says_something(result: FitResult) -> bool:
    """Return whether anything may be said of the effect: converged, and no immortal time.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    bool
        False where `summary_sentences` only warns.
    """
    design = result.checked.person_time.provenance.design
    return result.converged and design is not DesignKind.EVER_NEVER


def headline(result: FitResult) -> str:
    """Return what was fitted, in one line.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    str
        Name, patients, events, person-months.
    """
    rows = result.checked.person_time
    length = rows.columns["stop"].astype(float) - rows.columns["start"].astype(float)
    label = " (SYNTHETIC DATA)" if result.synthetic else ""
    return (
        f"{result.spec.name}{label}: {len(rows.patients):,} patients, {rows.events:,} events, "
        f"{float(length.sum()):,.0f} person-months; {result.spec.outcome.hazard.family} "
        f"hazard, {result.spec.labels.formula(result.spec.outcome.formula) or 'no covariates'}"
    )


def convergence_sentence(result: FitResult) -> str:
    """Return whether the draws can be trusted, with the numbers that say so.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    str
        One sentence.
    """
    verdict = result.fit.convergence.verdict
    if not result.comparable:
        verdict += " That treated and untreated cannot be compared, it does not show."
    return verdict


def loo_sentence(result: FitResult) -> str:
    """Return leave-one-patient-out cross-validation in one sentence.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    str
        One sentence.
    """
    loo = result.loo
    if loo.elpd is None or loo.se is None or loo.p_loo is None:
        return f"Leave-one-patient-out cross-validation: {loo.note}."
    checked = loo.note or "all Pareto k below 0.7"
    return (
        f"Leave-one-patient-out cross-validation: elpd {loo.elpd:.1f} (standard error "
        f"{loo.se:.1f}), effective parameters {loo.p_loo:.1f}; {checked}."
        + (f" Left out is {loo.predicts}." if loo.predicts else "")
    )


def _effect(result: FitResult) -> str:
    modifier, treatment = result.spec.modifier, result.spec.treatment
    reference = None if modifier is None else modifier.reference
    found = find_contrast(result, "hazard_ratio", None, reference)
    name = "treatment" if treatment is None else result.spec.labels.of(treatment.name)
    place = "" if modifier is None else f" at {modifier_label(result.spec)} {modifier.reference:g}"
    chance, prior = found.prob_benefit or 0.0, found.prior_prob_benefit
    other = None if prior is None else 1.0 - prior
    numbers = f"hazard ratio {numbers_of(found, 2)}"
    drawn = result.draws_name
    if not result.comparable:
        return (
            f"The weighted analysis gives for {name}{place} a {numbers}, {drawn} probability of "
            f"benefit {chance_words(chance)}: not an answer, see above."
        )
    decision = decide(chance)
    if decision is Decision.YES:
        return (
            f"{name} probably lowers the hazard{place} ({drawn} probability "
            f"{beside_prior(chance_words(chance), prior)}): {numbers}."
        )
    if decision is Decision.NO:
        return (
            f"{name} probably RAISES the hazard{place} ({drawn} probability "
            f"{beside_prior(chance_words(1.0 - chance), other)}): {numbers}."
        )
    return (
        f"These data do not settle whether {name} lowers the hazard{place}: {numbers}, {drawn} "
        f"probability of benefit {beside_prior(chance_words(chance), prior)}."
    )


def survival_time(result: FitResult) -> list[str]:
    """Return what treatment does to event-free time up to the last horizon.

    Parameters
    ----------
    result : FitResult
        A fitted analysis with a treatment.

    Returns
    -------
    list of str
        One sentence; why there is none where survival is not defined.
    """
    horizon = max(result.spec.estimands.horizons)
    who = result.spec.population.words
    found = find_contrast(result, "rmst", horizon, None)
    strategy = (found.contrast or "").partition(" - ")[0]
    chance = found.prob_benefit
    if found.summary["median"] is None:
        told = None if result.propensity is None else result.propensity.strategies
        if told is not None:
            return [told.sentence]
        reason = undefined_survival(result.fit)
        return [f"Survival by strategy is not reported: {reason} (see `bayes-ihlrt ladder`)."]
    if chance is None:
        return [
            f"Treatment {strategy} and never are the same within {horizon:g} months: there is no "
            "difference to estimate."
        ]
    low, high = found.summary["q2.5"], found.summary["q97.5"]
    middle, limits = found.summary["median"] or 0.0, interval(low, high, digits=1)
    decision = decide(chance)
    if decision is Decision.OPEN or not result.comparable:
        return [
            f"These data do not settle whether event-free time within {horizon:g} months is "
            f"longer with treatment {strategy} than with never: estimated difference "
            f"{number(middle, 1)} months (95 % interval {limits}), averaged over {who}."
        ]
    more = "more" if decision is Decision.YES else "FEWER"
    return [
        f"Treatment {strategy} probably gives {abs(middle):.1f} {more} event-free months within "
        f"{horizon:g} months than never (95 % interval of the difference {limits}), averaged over "
        f"{who}."
    ]


_USE: Final = {
    Adjustment.WEIGHTS: "Weighted by",
    Adjustment.COVARIATE: "Adjusted for a smooth function of",
    Adjustment.STRATA: "Adjusted for fifths of",
}


def adjustment_sentence(result: FitResult) -> str:
    """Return what was adjusted for, and what that leaves open.

    Parameters
    ----------
    result : FitResult
        A fitted analysis with a treatment.

    Returns
    -------
    str
        Two sentences.
    """
    treatment, modifier = result.spec.treatment, result.spec.modifier
    own = {part.name for part in (treatment, modifier) if part is not None}
    others = [name for name in result.spec.outcome.parsed.columns if name not in own]
    named = [*([] if modifier is None else [modifier.name]), *others]
    groups = [term.group for term in result.spec.outcome.groups]
    labels = result.spec.labels
    by = ", ".join(labels.of(name) for name in [*named, *groups]) or "nothing"
    if result.propensity is not None and result.propensity.spec.adjust is not Adjustment.NONE:
        decided = labels.formula(result.propensity.spec.formula) or "nothing"
        return (
            f"{_USE[result.propensity.spec.adjust]} the probability of treatment given {decided}; "
            f"the outcome model also holds {by}. What else led to treatment, and was not measured, "
            "may explain part of this."
        )
    return (
        f"Adjusted for {by}. Unless treatment was randomised, whatever else led to it may explain "
        "part of this."
    )


def _prognostic(result: FitResult) -> tuple[str, ...]:
    modifier = result.spec.modifier
    if modifier is None or modifier.name not in result.fit.posterior:
        return ("There is no treatment in this analysis.",)
    higher = float(probability(result.fit.posterior[modifier.name] > 0.0))
    summary, called = result.parameters[modifier.name], result.spec.labels.of(modifier.name)
    middle, low, high = (_exp(summary[key]) for key in ("median", "q2.5", "q97.5"))
    numbers = (
        f"hazard ratio {middle:.2f} (95 % interval {low:.2f} to {high:.2f}) "
        f"{unit_of(modifier.name, result.spec)} of {called}"
    )
    if decide(higher) is Decision.OPEN:
        told = f"These data do not settle whether {called} is prognostic: {numbers}"
    else:
        way = "higher" if higher > 0.5 else "lower"
        drawn = result.prior[modifier.name]
        before = float(probability(drawn > 0.0 if higher > 0.5 else drawn < 0.0))
        told = (
            f"The hazard is probably {way} at higher {called} ({result.draws_name} "
            f"probability {beside_prior(chance_words(max(higher, 1.0 - higher)), before)}): "
            f"{numbers}"
        )
    return (f"{told}.", "There is no treatment in this analysis: these are associations.")


def find_contrast(
    result: FitResult, estimand: str, horizon: float | None, at: float | None
) -> Estimate:
    """The contrast of one estimand."""
    return next(
        estimate
        for estimate in result.estimates
        if (estimate.estimand, estimate.horizon, estimate.at) == (estimand, horizon, at)
        and estimate.contrast is not None
    )


def numbers_of(found: Estimate, digits: int) -> str:
    """Return an estimate with its interval.

    Parameters
    ----------
    found : Estimate
        The estimate.
    digits : int
        Decimals.

    Returns
    -------
    str
        For example ``"0.61 (95 % interval 0.36 to 1.04)"``.
    """
    low, high = found.summary["q2.5"], found.summary["q97.5"]
    middle = number(found.summary["median"], digits)
    return f"{middle} (95 % interval {interval(low, high, digits=digits)})"


def verdict_words(chance: float) -> str:
    """Return whether treatment helps, in a few words.

    Parameters
    ----------
    chance : float
        Probability that it does.

    Returns
    -------
    str
        A sentence.

    Examples
    --------
    >>> verdict_words(0.97), verdict_words(0.6)
    ('Probably yes (probability 0.97).', 'These data do not settle it (probability 0.60).')
    """
    match decide(chance):
        case Decision.YES:
            return f"Probably yes (probability {chance_words(chance)})."
        case Decision.NO:
            return f"Probably no: it does harm (probability {chance_words(1.0 - chance)})."
        case Decision.OPEN:
            return f"These data do not settle it (probability {chance_words(chance)})."
