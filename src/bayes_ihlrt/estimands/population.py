"""Who an estimand averages over: patients, reduced to their distinct covariate patterns."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import Columns, PersonTime
from bayes_ihlrt.errors import Fault, RefusedError, SpecificationError
from bayes_ihlrt.estimands.condense import condense
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.model.encode import group_labels
from bayes_ihlrt.model.patterns import covariate_patterns
from bayes_ihlrt.model.spec import ModelSpec
from bayes_ihlrt.names import DesignKind

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """Log relative hazards of a population's covariate patterns.

    Parameters
    ----------
    untreated, treated : ndarray, shape (samples, patterns)
        Linear predictor (log hazard ratio) without and with treatment. Equal in a model without
        treatment.
    weights : ndarray, shape (patterns,) or (samples, patterns)
        Share of the population in each pattern, the same in every draw or not; sums to 1.
    """

    untreated: Floats
    treated: Floats
    weights: Floats

    @cached_property
    def condensed_untreated(self) -> tuple[Floats, Floats]:
        """The untreated linear predictor in few values a draw, and their shares: `condense`."""
        return condense(self.untreated, self.weights)

    @cached_property
    def condensed_treated(self) -> tuple[Floats, Floats]:
        """The treated linear predictor in few values a draw, and their shares: `condense`."""
        return condense(self.treated, self.weights)

    def weights_of(self, draws: slice) -> Floats:
        """Return the shares in some draws, shape (1, patterns) or (draws, patterns)."""
        return self.weights[None] if self.weights.ndim == 1 else self.weights[draws]


def sample_population(
    fit: FittedModel, *, modifier_at: float | None = None, weights: Floats | None = None
) -> Population:
    """Return the patients of the cohort, each with the covariates of the first row.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    modifier_at : float, optional
        Give every patient this value of the modifier (on the scale of the data).
    weights : ndarray, shape (patients,) or (samples, patients), optional
        What each patient weighs, 0 or more, in every draw or draw by draw: see
        `bayes_ihlrt.estimands.patients`. Equal weights by default.

    Returns
    -------
    Population
        Covariate patterns with their shares.

    Raises
    ------
    SpecificationError
        When the weights are not one a patient.
    RefusedError
        When survival of a strategy does not follow from the model: see `undefined_survival`.

    Examples
    --------
    The cohort, and its patients with a raised alpha-fetoprotein, all with an NLR of 5:

    >>> from bayes_ihlrt.estimands.patients import subgroup_weights
    >>> bool(np.isclose(sample_population(fit).weights.sum(), 1.0))
    True
    >>> chosen = subgroup_weights(fit, "afp_high", "1")
    >>> patients = sample_population(fit, modifier_at=5.0, weights=chosen)
    >>> patients.untreated.shape == (4000, len(patients.weights))
    True
    """
    if reason := undefined_survival(fit):
        remedy = "Read the hazard ratio, or simulate strategies by the g-formula of the ladder"
        raise RefusedError("population", [Fault("survival by strategy", reason, remedy)])
    return population_of(fit, cohort_rows(fit, modifier_at=modifier_at), weights=weights)


def population_of(
    fit: FittedModel, columns: Columns, *, weights: Floats | None = None, seed: int = 0
) -> Population:
    """Return patients with given covariates, untreated and treated.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    columns : mapping of str to ndarray, shape (patients,)
        Covariates on the scale of the data.
    weights : ndarray, shape (patients,) or (samples, patients), optional
        What each patient weighs; equal weights by default.
    seed : int
        Seed of the effects of groups that the cohort does not have.

    Returns
    -------
    Population
        Covariate patterns with their shares.

    Raises
    ------
    SpecificationError
        When the weights are not one a patient, or a category is unknown.
    """
    spec, rows = fit.prepared.spec, dict(columns)
    patients = len(next(iter(rows.values())))
    samples = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    if weights is not None:
        _check_weights(weights, samples=samples, patients=patients)
    has_treatment = spec.treatment is not None and spec.treatment in spec.outcome.parsed.columns
    if has_treatment:
        rows[str(spec.treatment)] = np.zeros(patients)
    pattern, kept = covariate_patterns(spec, rows)
    distinct = {name: values[kept] for name, values in rows.items()}
    untreated = treated = predictor_of(fit, distinct, seed=seed)
    if has_treatment:
        distinct[str(spec.treatment)] = np.ones(len(kept))
        treated = predictor_of(fit, distinct, seed=seed)
    return Population(untreated, treated, _shares(pattern, len(kept), weights))


def _check_weights(weights: Floats, *, samples: int, patients: int) -> None:
    sound = weights.shape in {(patients,), (samples, patients)}
    if sound and np.isfinite(weights).all() and (weights >= 0.0).all():
        if (weights.sum(axis=-1) > 0.0).all():
            return
        problem = "nobody has a weight above 0"
    else:
        problem = (
            f"they are not {patients} numbers of 0 or more, one a patient (or {samples} times "
            f"{patients}, one a draw and patient); found shape {weights.shape}"
        )
    raise SpecificationError(
        "population", [Fault("weights", problem, "Give one weight for each patient")]
    )


def _shares(pattern: NDArray[np.intp], patterns: int, weights: Floats | None) -> Floats:
    if weights is None:
        return np.bincount(pattern) / len(pattern)
    shares = weights / weights.sum(axis=-1, keepdims=True)
    if patterns == len(pattern):
        return shares
    each = [np.bincount(pattern, row, patterns) for row in np.atleast_2d(shares)]
    return np.stack(each) if weights.ndim == 2 else each[0]


def undefined_survival(fit: FittedModel) -> str:
    """Return why survival by strategy does not follow from a model; empty where it does.

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    str
        The reason, for a sentence: covariates change during follow-up and are not modelled, or the
        rows are clones.
    """
    if changing := changing_columns(fit.prepared.spec, fit.person_time):
        verb = "changes" if len(changing) == 1 else "change"
        return (
            f"{', '.join(changing)} {verb} during follow-up, and survival of patients who keep "
            "their first value (nobody ever responds, say) is nobody's survival"
        )
    if fit.person_time.provenance.design is DesignKind.CLONE_CENSOR_WEIGHT:
        return (
            "clones of both strategies are alike until the end of the grace period, so that "
            "survival does not follow from one hazard ratio between them"
        )
    return ""


def changing_columns(spec: ModelSpec, rows: PersonTime) -> tuple[str, ...]:
    """Return the covariates of a model that change in person-time, but for the treatment.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    rows : PersonTime
        Its person-time.

    Returns
    -------
    tuple of str
        Columns of which some patient, within one trial or clone, has several values.
    """
    history = rows.patient_index
    for name in ("trial", "clone"):
        if name in rows.columns:
            _, own = np.unique(rows.columns[name], return_inverse=True)
            history = history * (own.max() + 1) + own
    follows = history[1:] == history[:-1]
    read = [*spec.outcome.parsed.columns, *(term.group for term in spec.outcome.groups)]
    if spec.modifier is not None:
        read = [spec.modifier.column if name == spec.modifier.name else name for name in read]
    return tuple(
        name
        for name in dict.fromkeys(read)
        if name != spec.treatment
        and bool((follows & (rows.columns[name][1:] != rows.columns[name][:-1])).any())
    )


def cohort_rows(
    fit: FittedModel, *, modifier_at: float | None = None
) -> dict[str, NDArray[np.generic]]:
    """Return the first row of each patient.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    modifier_at : float, optional
        Give every patient this value of the modifier (on the scale of the data).

    Returns
    -------
    dict of str to ndarray, shape (patients,)
        The columns of the person-time.
    """
    modifier = fit.prepared.spec.modifier
    first = np.flatnonzero(np.diff(fit.person_time.patient_index, prepend=-1))
    rows = {name: values[first] for name, values in fit.person_time.columns.items()}
    if modifier_at is not None and modifier is not None:
        rows[modifier.column] = np.full(len(first), modifier_at)
    return rows


def predictor_of(fit: FittedModel, columns: Columns, *, seed: int = 0) -> Floats:
    """Return the linear predictor of some patients, with group effects.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    columns : mapping of str to ndarray, shape (patients,)
        Covariates on the scale of the data, and the treatment.
    seed : int
        Seed of the effects of groups that the cohort does not have.

    Returns
    -------
    ndarray, shape (samples, patients)
        Log hazard ratios against the baseline hazard, at most 700 from 0, which a float holds.
    """
    encoder = fit.prepared.encoder
    eta: Floats = fit.coefficients @ encoder.design(columns).T
    for term in encoder.spec.outcome.groups:
        # In place: with many patients each array of this shape is a large part of the memory.
        eta += _group_effect(fit, columns, (term.group, ""), seed=seed)
        if term.slope is not None:
            slope = _group_effect(fit, columns, (term.group, f":{term.slope}"), seed=seed)
            eta += slope * encoder.slope_values(columns, term.slope)
    if fit.reference is not None:
        eta -= fit.reference[:, None]
    return np.clip(eta, -700.0, 700.0, out=eta)


def _group_effect(
    fit: FittedModel, columns: Columns, term: tuple[str, str], *, seed: int
) -> Floats:
    """Each row's group effect, shape (samples, rows); of unknown groups drawn from Normal(0, sd).

    The seed belongs to the term, so that untreated and treated get the same effect.
    """
    group, suffix = term
    effects = fit.draws(f"{group}_effect{suffix}")
    known = fit.prepared.encoder.levels[group]
    labels = group_labels(columns[group])
    unseen = sorted(set(labels) - set(known))
    if unseen:
        rng = np.random.default_rng([seed, *f"{group}{suffix}".encode()])
        sd = fit.draws(f"sd_{group}{suffix}")[:, None]
        effects = np.concatenate([effects, sd * rng.standard_normal((len(sd), len(unseen)))], 1)
    place = {label: number for number, label in enumerate((*known, *unseen))}
    chosen: Floats = effects[:, [place[label] for label in labels]]
    return chosen
