"""Who the estimands of an analysis average over."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.analysis.estimand_spec import PopulationKind
from bayes_ihlrt.analysis.propensity_result import PropensityResult
from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.estimands.mitigation import Weigh, equally
from bayes_ihlrt.estimands.patients import bootstrap_weights, treated_weights
from bayes_ihlrt.estimands.time_zero import time_zero_weights
from bayes_ihlrt.inference.fitted import FittedModel

Floats = NDArray[np.float64]


def weigher(spec: AnalysisSpec, propensity: PropensityResult | None) -> Weigh:
    """Return what gives each patient of a fit a weight, as ``[estimands] population`` says.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    propensity : PropensityResult or None
        Propensities, for the population ``ato``.

    Returns
    -------
    callable
        From a fit to weights; None for equal ones.
    """
    match spec.estimands.population:
        case PopulationKind.SAMPLE:
            return equally
        case PopulationKind.BOOTSTRAP:
            return partial(bootstrap_weights, seed=spec.sampler.seed)
        case PopulationKind.TIME_ZERO:
            return time_zero_weights
        case PopulationKind.ATT:
            return treated_weights
        case PopulationKind.ATO:
            return partial(_overlap, propensity=propensity)


def _overlap(fit: FittedModel, *, propensity: PropensityResult | None) -> Floats:
    del fit
    if propensity is None:
        message = "a population 'ato' is checked with its propensity"
        raise AssertionError(message)
    return propensity.patient_overlap
