"""Who an estimand averages over: patients, reduced to their distinct covariate patterns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.inference.fitted import FittedModel

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
    encoder, spec = fit.prepared.encoder, fit.prepared.spec
    first = np.flatnonzero(np.diff(fit.person_time.patient_index, prepend=-1))
    rows = {name: values[first] for name, values in fit.person_time.columns.items()}
    if modifier_at is not None and spec.modifier is not None:
        rows[spec.modifier.column] = np.full(len(first), modifier_at)
    groups = [term.group for term in spec.outcome.groups]
    index = {group: encoder.group_index(rows, group) for group in groups}
    arms = []
    for state in (0.0, 1.0):
        if spec.treatment is not None and spec.treatment in rows:
            rows[spec.treatment] = np.full(len(first), state)
        arms.append(encoder.design(rows))
    labels = np.column_stack([*arms, *(index[group] for group in groups)])
    _, kept, counts = np.unique(labels, axis=0, return_index=True, return_counts=True)
    untreated, treated = (
        _linear_predictor(fit, arm[kept], {group: index[group][kept] for group in groups}, state)
        for arm, state in zip(arms, (0.0, 1.0), strict=True)
    )
    return Population(untreated, treated, counts / counts.sum())


def _linear_predictor(
    fit: FittedModel, design: Floats, index: dict[str, NDArray[np.int64]], state: float
) -> Floats:
    eta = fit.coefficients @ design.T
    treatment = fit.prepared.spec.treatment
    for term in fit.prepared.spec.outcome.groups:
        eta = eta + fit.draws(f"{term.group}_effect")[:, index[term.group]]
        if term.slope is not None and term.slope == treatment:
            slope = fit.draws(f"{term.group}_effect:{term.slope}")[:, index[term.group]]
            eta = eta + state * slope
    return eta
