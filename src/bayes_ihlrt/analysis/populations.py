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
from bayes_ihlrt.names import EstimandTarget

Floats = NDArray[np.float64]


def weigher(spec: AnalysisSpec, propensity: PropensityResult | None) -> Weigh:
    """Return what gives each patient of a fit a weight, by the population of the analysis.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    propensity : PropensityResult or None
        Propensities, for the populations that they make: ``ato``, ``atm``, ``entropy``.

    Returns
    -------
    callable
        From a fit to weights; None for equal ones.
    """
    match spec.population:
        case PopulationKind.SAMPLE:
            return equally
        case PopulationKind.BOOTSTRAP:
            return partial(bootstrap_weights, seed=spec.sampler.seed)
        case PopulationKind.TIME_ZERO:
            return time_zero_weights
        case PopulationKind.ATT:
            return treated_weights
        case PopulationKind.ATO | PopulationKind.ATM | PopulationKind.ENTROPY as kind:
            return partial(_open, target=EstimandTarget(kind.value), propensity=propensity)


def _open(
    fit: FittedModel, *, target: EstimandTarget, propensity: PropensityResult | None
) -> Floats:
    del fit
    if propensity is None:
        message = f"a population '{target}' is checked with its propensity"
        raise AssertionError(message)
    return propensity.patient_weights[target]
