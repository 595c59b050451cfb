"""What a rung of the bias ladder reads from its draws."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.analysis.ladder_rung import Summary
from bayes_ihlrt.analysis.propensity_description import patient_weights
from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.estimands.curves import NEVER, rmst, treated_from
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.patients import treated_weights
from bayes_ihlrt.estimands.population import sample_population
from bayes_ihlrt.estimands.summary import summarise
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.inference.weighted_fit import WeightedFit
from bayes_ihlrt.names import STRATEGY, EstimandTarget

Floats = NDArray[np.float64]


def modifier_values(spec: AnalysisSpec) -> tuple[float, ...]:
    """Return the values of the modifier at which an effect is read.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.

    Returns
    -------
    tuple of float
        Empty without a modifier.
    """
    return () if spec.modifier is None else spec.estimands.at


def hazard_ratios_at(
    spec: AnalysisSpec, fit: FittedModel, weights: Floats | None = None
) -> dict[float, Summary]:
    """Return the log hazard ratio of treatment at values of the modifier.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    fit : FittedModel
        Draws.
    weights : ndarray, shape (patients,), optional
        What each patient weighs; equal weights by default.

    Returns
    -------
    dict of float to dict
        Summaries by value.
    """
    at = modifier_values(spec)
    if not at:
        return {}
    values = log_hazard_ratio(fit, at, weights=weights)
    return {value: summary_of(values[..., number]) for number, value in enumerate(at)}


def months_gained(
    fit: FittedModel, horizon: float, weights: Floats | None, modifier_at: float | None = None
) -> Summary:
    """Return restricted mean time treated less untreated.

    Parameters
    ----------
    fit : FittedModel
        Draws.
    horizon : float
        Months.
    weights : ndarray, shape (patients,), or None
        What each patient weighs; None for equal weights.
    modifier_at : float, optional
        Set everybody's modifier to this value.

    Returns
    -------
    dict of str to float
        Months.
    """
    always = treated_from(0.0)
    patients = sample_population(fit, modifier_at=modifier_at, weights=weights)
    months = rmst(fit, horizon, [always, NEVER], population=patients)
    gain = months.sel({STRATEGY: always.name}) - months.sel({STRATEGY: NEVER.name})
    return summary_of(gain)


def summary_of(draws: xr.DataArray) -> Summary:
    """Return the summary of draws as plain numbers.

    Parameters
    ----------
    draws : xarray.DataArray
        Dimensions ``chain, draw``.

    Returns
    -------
    dict of str to float
        ``mean, sd, median, q2.5, q97.5``.
    """
    return {str(name): float(value) for name, value in summarise(draws).items()}


def target_weights(found: WeightedFit, chance: Floats) -> Floats | None:
    """Return what each patient weighs in the population that a rung's weights stand for.

    Parameters
    ----------
    found : WeightedFit
        The rung.
    chance : ndarray, shape (decisions,)
        Probability of treatment.

    Returns
    -------
    ndarray, shape (patients,), or None
        None where it is everybody.
    """
    match found.analysis.target:
        case EstimandTarget.ATE:
            return None
        case EstimandTarget.ATT:
            return treated_weights(found.fit)
        case target:
            return patient_weights(found.analysis, chance)[target]
