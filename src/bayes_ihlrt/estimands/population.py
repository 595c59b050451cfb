"""Who an estimand averages over: patients, reduced to their distinct covariate patterns."""

from collections.abc import Mapping
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
    terms = spec.outcome.groups
    index = {term.group: encoder.group_index(rows, term.group) for term in terms}
    arms = []
    for state in (0.0, 1.0):
        if spec.treatment is not None and spec.treatment in rows:
            rows[spec.treatment] = np.full(len(first), state)
        slopes = {t.group: encoder.slope_values(rows, t.slope) for t in terms if t.slope}
        arms.append(_Arm(encoder.design(rows), index, slopes))
    labels = np.column_stack([column for arm in arms for column in arm.columns])
    _, kept, counts = np.unique(labels, axis=0, return_index=True, return_counts=True)
    untreated, treated = (_linear_predictor(fit, arm, kept) for arm in arms)
    return Population(untreated, treated, counts / counts.sum())


@dataclass(frozen=True)
class _Arm:
    """What the linear predictor reads of the patients under one treatment state."""

    design: Floats
    index: Mapping[str, NDArray[np.int64]]
    slopes: Mapping[str, Floats]

    @property
    def columns(self) -> tuple[NDArray[np.generic], ...]:
        return (self.design, *self.index.values(), *self.slopes.values())


def _linear_predictor(fit: FittedModel, arm: _Arm, kept: NDArray[np.intp]) -> Floats:
    eta = fit.coefficients @ arm.design[kept].T
    for term in fit.prepared.spec.outcome.groups:
        level = arm.index[term.group][kept]
        eta = eta + fit.draws(f"{term.group}_effect")[:, level]
        if term.slope is not None:
            slope = fit.draws(f"{term.group}_effect:{term.slope}")[:, level]
            eta = eta + slope * arm.slopes[term.group][kept]
    return eta
