"""Who an estimand averages over: patients, reduced to their distinct covariate patterns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.model.patterns import covariate_patterns

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """Log relative hazards of a population's covariate patterns.

    Parameters
    ----------
    untreated, treated : ndarray, shape (samples, patterns)
        Linear predictor (log hazard ratio) without and with treatment. Equal in a model without
        treatment.
    weights : ndarray, shape (patterns,)
        Share of the population in each pattern; sums to 1.
    """

    untreated: Floats
    treated: Floats
    weights: Floats


def sample_population(fit: FittedModel, *, modifier_at: float | None = None) -> Population:
    """Return the patients of the cohort, each with the covariates of the first row.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    modifier_at : float, optional
        Give every patient this value of the modifier (on the scale of the data).

    Returns
    -------
    Population
        Covariate patterns with their shares.
    """
    spec = fit.prepared.spec
    first = np.flatnonzero(np.diff(fit.person_time.patient_index, prepend=-1))
    rows = {name: values[first] for name, values in fit.person_time.columns.items()}
    if modifier_at is not None and spec.modifier is not None:
        rows[spec.modifier.column] = np.full(len(first), modifier_at)
    has_treatment = spec.treatment is not None and spec.treatment in rows
    if has_treatment:
        rows[str(spec.treatment)] = np.zeros(len(first))
    pattern, kept = covariate_patterns(spec, rows)
    distinct = {name: values[kept] for name, values in rows.items()}
    untreated = _linear_predictor(fit, distinct)
    if has_treatment:
        distinct[str(spec.treatment)] = np.ones(len(kept))
    treated = _linear_predictor(fit, distinct)
    return Population(untreated, treated, np.bincount(pattern) / len(first))


def _linear_predictor(fit: FittedModel, columns: Columns) -> Floats:
    encoder = fit.prepared.encoder
    eta = fit.coefficients @ encoder.design(columns).T
    for term in encoder.spec.outcome.groups:
        level = encoder.group_index(columns, term.group)
        eta = eta + fit.draws(f"{term.group}_effect")[:, level]
        if term.slope is not None:
            slope = fit.draws(f"{term.group}_effect:{term.slope}")[:, level]
            eta = eta + slope * encoder.slope_values(columns, term.slope)
    return eta
