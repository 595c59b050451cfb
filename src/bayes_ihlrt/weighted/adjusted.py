"""One entry to analyses that the propensity adjusts: weights, covariate or strata, and trimming."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from bayes_ihlrt.designs.decisions import Emulation
from bayes_ihlrt.names import PropensityUncertainty
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.weighted.analysis import WeightedAnalysis, prepare_weighted
from bayes_ihlrt.weighted.bootstrap import DRAWS, linked_bootstrap
from bayes_ihlrt.weighted.bound import bind_outcome, needs_propensities, refuse_misleading
from bayes_ihlrt.weighted.fit import WeightedFit
from bayes_ihlrt.weighted.models import propensity_mode
from bayes_ihlrt.weighted.plug_in import cut_posterior, plugin_posterior
from bayes_ihlrt.weighted.sandwich import sandwich_posterior

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
    refuse_misleading(emulation, model, spec)
    analysis = replace(prepare_weighted(emulation, model, spec), adjust=spec.adjust)
    if not needs_propensities(spec):
        return analysis
    bound = bind_outcome(emulation, model, spec, lambda: propensity_mode(analysis.initiation))
    return replace(analysis, emulation=bound.emulation, outcome=bound.outcome, scores=bound.scores)
