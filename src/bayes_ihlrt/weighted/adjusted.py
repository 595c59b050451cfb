"""One entry to analyses that the propensity adjusts: weights, covariate or strata, and trimming."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from bayes_ihlrt.designs.decisions import Emulation
from bayes_ihlrt.errors import Fault, RefusedError
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.names import Adjustment, DesignKind, PropensityUncertainty
from bayes_ihlrt.propensity.overlap import trimmed
from bayes_ihlrt.propensity.point import propensity
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.weighted.analysis import WeightedAnalysis, prepare_weighted
from bayes_ihlrt.weighted.bootstrap import DRAWS, linked_bootstrap
from bayes_ihlrt.weighted.fit import WeightedFit
from bayes_ihlrt.weighted.models import propensity_mode
from bayes_ihlrt.weighted.plug_in import cut_posterior, plugin_posterior
from bayes_ihlrt.weighted.sandwich import refuse_groups, sandwich_posterior
from bayes_ihlrt.weighted.scores import score_columns, with_columns, with_terms

_SCORED: Final = frozenset({Adjustment.COVARIATE, Adjustment.STRATA})
_DRAWN: Final[Mapping[PropensityUncertainty, Callable[..., WeightedFit]]] = {
    PropensityUncertainty.LINKED_BOOTSTRAP: linked_bootstrap,
    PropensityUncertainty.CUT: cut_posterior,
    PropensityUncertainty.SANDWICH: sandwich_posterior,
    PropensityUncertainty.PLUGIN: plugin_posterior,
}


def fit_propensity_adjusted(
    emulation: Emulation,
    model: ModelSpec,
    spec: PropensitySpec,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> WeightedFit:
    """Fit an outcome model that the propensity adjusts, as the specification says.

    Parameters
    ----------
    emulation : Emulation
        Person-time and decisions.
    model : ModelSpec
        The outcome model; terms of the propensity are added where `spec` asks for them.
    spec : PropensitySpec
        The model of treatment; `adjust`, `uncertainty`, `estimand` and `trim`.
    draws : int
        Number of draws.
    seed : int
        The same seed gives the same draws.

    Returns
    -------
    WeightedFit
        The verdict on its draws says what the intervals include.

    Raises
    ------
    SpecificationError
        When formulas, options and data do not fit together.
    RefusedError
        When the combination would mislead.
    ConvergenceError
        When the draws are not to be trusted.
    """
    analysis = prepare_adjusted(emulation, model, spec)
    return _DRAWN[spec.uncertainty](analysis, draws=draws, seed=seed)


def prepare_adjusted(
    emulation: Emulation, model: ModelSpec, spec: PropensitySpec
) -> WeightedAnalysis:
    """Bind outcome and propensity models to a design's person-time, trimmed and adjusted.

    Under ``covariate`` and ``strata`` rows weigh the same; they weigh less than 1 where a patient
    has several trials. Under ``none`` they do too, and nothing is adjusted.

    Parameters
    ----------
    emulation : Emulation
        Person-time and decisions.
    model : ModelSpec
        The outcome model.
    spec : PropensitySpec
        The model of treatment and what is done with it.

    Returns
    -------
    WeightedAnalysis
        For `linked_bootstrap` and its relatives.

    Raises
    ------
    SpecificationError
        When formulas, options and data do not fit together.
    RefusedError
        When the combination would mislead.
    """
    _check(emulation, spec)
    analysis = replace(prepare_weighted(emulation, model, spec), adjust=spec.adjust)
    if spec.uncertainty is PropensityUncertainty.SANDWICH:
        refuse_groups(analysis)
    if spec.trim is None and spec.adjust not in _SCORED:
        return analysis
    logit = propensity_mode(analysis.initiation)
    if spec.trim is not None:
        emulation = trimmed(emulation, propensity(logit), spec.trim)
    if spec.adjust not in _SCORED:
        outcome = prepare(model, emulation.person_time, reduce=False)
        return replace(analysis, emulation=emulation, outcome=outcome)
    decision = emulation.person_time.columns["decision"].astype(np.intp)
    scores = score_columns(spec.adjust, logit, decision)
    rows = with_columns(emulation.person_time, scores)
    outcome = prepare(with_terms(model, scores.names), rows, reduce=False)
    places = tuple(outcome.encoder.columns.index(name) for name in scores.names)
    return replace(
        analysis,
        emulation=replace(emulation, person_time=rows),
        outcome=outcome,
        scores=replace(scores, places=places),
    )


def _check(emulation: Emulation, spec: PropensitySpec) -> None:
    """Refuse what would mislead."""
    story = emulation.person_time.provenance
    clones = story.design is DesignKind.CLONE_CENSOR_WEIGHT
    faults = []
    if spec.adjust in _SCORED and clones:
        problem = (
            f"'{spec.adjust.value}' holds the propensity of the treatment received, and a clone "
            "follows both strategies"
        )
        remedy = "Use adjust 'weights', or design 'landmark'"
        faults.append(Fault("adjust", problem, remedy))
    elif spec.adjust in _SCORED and story.censored:
        problem = (
            f"'{spec.adjust.value}' cannot make up for {story.censored:,} follow-ups of controls "
            "that end when they are treated, which what happens after the decision decides"
        )
        remedy = "Use adjust 'weights', or crossover = 'ignore' in [treatment]"
        faults.append(Fault("adjust", problem, remedy))
    if spec.trim is not None and clones:
        problem = (
            "clones follow their strategies from time zero in the whole cohort, and leaving out "
            "patients by later decisions would select them by what happened in between"
        )
        remedy = "Leave it out, or use design 'landmark' or 'sequential'"
        faults.append(Fault("trim", problem, remedy))
    if faults:
        raise RefusedError("[propensity]", faults)
