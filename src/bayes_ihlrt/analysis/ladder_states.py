"""The states of the ladder's g-formula: no response, response, treatment from each, the event."""

from typing import Final

from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.estimands.transition_spec import StatesSpec, SwitchSpec, TransitionSpec
from bayes_ihlrt.model.formula import without_terms
from bayes_ihlrt.model.parameters import ANCHOR
from bayes_ihlrt.model.prior_domains import DEVIATION_NAME
from bayes_ihlrt.names import Dist, HazardFamily, ResponseEffect
from bayes_ihlrt.priors import AnyPrior, Prior

_LAST_RESPONSE_CUT: Final = 6.0
OF_DECISIONS: Final = frozenset({"time", "number"})
"""Names of a propensity that are of the decision and of no patient."""

ON_RESPONSE: Final = Prior(dist=Dist.NORMAL, mu=0.0, sigma=1.0)
"""What treatment does to response: a hazard ratio between 1/7 and 7. It is wider than the prior of
treatment on the event, since what it shrinks away is the path through response."""

_SHAPES: Final = frozenset({*ANCHOR.values(), DEVIATION_NAME, "log_shape", "slope", "smoothing_sd"})
"""Parameters of the baseline hazard, which mean another thing in another family."""


def ladder_states(spec: AnalysisSpec, effect: ResponseEffect = ResponseEffect.ONE) -> StatesSpec:
    """Return the hazards between the states of the ladder's g-formula.

    The event has the formula, the groups and the priors of ``[outcome]``, but for priors of the
    baseline's own parameters where the family is another. Treatment starts as ``[propensity]`` says
    it is decided, time apart, which the baseline holds. Response has the same covariates as far as
    they do not change, and treatment: what changes the hazard of the event may do so by way of
    response. Priors of both are the package's: those of ``[propensity]`` speak of odds.
    Without ``[propensity]`` the covariates and groups of ``[outcome]`` stand in for it. Each hazard
    is cut at quantiles of its own times unless ``cuts`` says otherwise, of which response, an early
    event, has those up to month 6.

    Parameters
    ----------
    spec : AnalysisSpec
        With a treatment, and with `response` in ``[ladder]``.
    effect : ResponseEffect
        What treatment does to the hazard of response.

    Returns
    -------
    StatesSpec
        Piecewise constant hazards.
    """
    ladder, treatment, outcome = spec.ladder, spec.treatment, spec.outcome
    if treatment is None or ladder.response is None:
        message = "the states have a treatment and a response"
        raise AssertionError(message)
    cuts = ladder.cuts
    early = tuple(cut for cut in cuts or () if cut <= _LAST_RESPONSE_CUT)
    own, changing = {treatment.name}, _changing(spec)
    decided, group = outcome.formula, " + ".join(f"(1 | {term.group})" for term in outcome.groups)
    if spec.propensity is not None:
        own |= OF_DECISIONS
        decided, group = spec.propensity.formula, spec.propensity.group
    return StatesSpec(
        cuts=cuts,
        event=TransitionSpec(formula=outcome.formula, group=outcome.group, priors=_priors(spec)),
        initiation=TransitionSpec(formula=without_terms(decided, own), group=group),
        response=SwitchSpec(
            switch=ladder.response,
            formula=_with_treatment(without_terms(decided, own | changing), spec, effect),
            group=group,
            cuts=ladder.response_cuts or early or (cuts and cuts[:1]),
            priors={} if effect is ResponseEffect.NONE else {treatment.name: ON_RESPONSE},
        ),
        modifier=spec.modifier,
        scales=spec.scales,
    )


def _with_treatment(formula: str, spec: AnalysisSpec, effect: ResponseEffect) -> str:
    """Return the formula of response with what treatment does to it."""
    if spec.treatment is None or effect is ResponseEffect.NONE:
        return formula
    added = spec.treatment.name
    if effect is ResponseEffect.BY_MODIFIER and spec.modifier is not None:
        added = f"{added} * {spec.modifier.name}"
    return " + ".join(part for part in (added, formula) if part)


def _changing(spec: AnalysisSpec) -> set[str]:
    """Return by which names formulas read what changes during follow-up.

    In the outcome's formula measurements stay, to be refused unless they have a baseline value.
    """
    if spec.visits is None:
        return set()
    if spec.propensity is None:
        return set(spec.visits.switches)
    updated = {*spec.visits.updated, *(f"{name}_age" for name in spec.visits.covariates)}
    modifier = spec.modifier
    return updated | {modifier.name} if modifier and modifier.column in updated else updated


def _priors(spec: AnalysisSpec) -> dict[str, AnyPrior]:
    if spec.outcome.hazard.family is HazardFamily.PIECEWISE:
        return {name: prior for name, prior in spec.priors.items() if name != DEVIATION_NAME}
    return {name: prior for name, prior in spec.priors.items() if name not in _SHAPES}
