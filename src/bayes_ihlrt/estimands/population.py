r"""Who an estimand averages over, and what each patient weighs in the average.

Patients are reduced to their distinct covariate patterns, and the linear predictors of many to few
values, draw by draw. The patients are those of a cohort, or others.

Who enters late has lived until then. Patients who are like those that entered, but died before, are
counted by those that stand for them: with entry at :math:`e_i`, patient i stands for
:math:`1 / S_i(e_i)` patients diagnosed, in each draw by that draw's survival.

Weights of several kinds multiply: the treated (`treated_weights`) of a subgroup
(`subgroup_weights`), resampled (`bootstrap_weights`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import Columns, PersonTime
from bayes_ihlrt.errors import Fault, RefusedError, SpecificationError, nearest
from bayes_ihlrt.estimands.predictors import FURTHEST, Predictors, Seen, condense, predictors
from bayes_ihlrt.model.encode import covariate_patterns, group_labels
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.spec.model import ModelSpec

Floats = NDArray[np.float64]
_ROWS: Final = 200_000
"""Rows that are encoded at once."""


@dataclass(frozen=True)
class Population:
    """Log relative hazards of a population's covariate patterns.

    Parameters
    ----------
    untreated, treated : ndarray or Predictors, shape (samples, patterns)
        Linear predictor (log hazard ratio) without and with treatment. Equal in a model without
        treatment.
    weights : ndarray, shape (patterns,) or (samples, patterns)
        Share of the population in each pattern, the same in every draw or not; sums to 1.
    stretches : dict
        By month from which everybody is treated: the fit and its stretches, once they were made.
    """

    untreated: Floats | Predictors
    treated: Floats | Predictors
    weights: Floats
    stretches: dict[float, tuple[FittedModel, Any]] = field(default_factory=dict, repr=False)

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
        `bayes_ihlrt.estimands.population`. Equal weights by default.

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

    >>> from bayes_ihlrt.estimands.population import subgroup_weights
    >>> bool(np.isclose(sample_population(fit).weights.sum(), 1.0))
    True
    >>> chosen = subgroup_weights(fit, "afp_high", "1")
    >>> patients = sample_population(fit, modifier_at=5.0, weights=chosen)
    >>> patients.untreated.shape == (4000, len(patients.weights))
    True
    """
    return next(populations_at(fit, [modifier_at], weights=weights))


def populations_at(
    fit: FittedModel,
    values: Iterable[float | None],
    *,
    weights: Floats | None = None,
    among: Sequence[FittedModel] = (),
) -> Iterator[Population]:
    """Give the patients of the cohort each of several values of the modifier.

    As `sample_population` one by one, but their rows are encoded together: making a design matrix
    takes much longer than the matrix does.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    values : iterable of float or None
        Values of the modifier (on the scale of the data); None for the patients' own.
    weights : ndarray, shape (patients,) or (samples, patients), optional
        What each patient weighs; equal weights by default.
    among : sequence of FittedModel
        Hazards of the same patients, this one included: pattern k is then of the same patients
        under each.

    Returns
    -------
    iterator of Population
        One for each value, made when it is asked for.

    Raises
    ------
    SpecificationError
        When the weights are not one a patient.
    RefusedError
        When survival of a strategy does not follow from the model: see `undefined_survival`.
    """
    if reason := undefined_survival(fit):
        remedy = "Read the hazard ratio, or simulate strategies by the g-formula of the ladder"
        raise RefusedError("population", [Fault("survival by strategy", reason, remedy)])
    asked = [cohort_rows(fit, modifier_at=value) for value in values]
    at_once, seen = max(1, _ROWS // (2 * len(fit.person_time.patients))), Seen()
    for first in range(0, len(asked), at_once):
        part = asked[first : first + at_once]
        yield from _populations(fit, part, weights, seed=0, among=among, seen=seen)


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
    return next(_populations(fit, [columns], weights, seed=seed))


def _populations(
    fit: FittedModel,
    asked: Sequence[Columns],
    weights: Floats | None,
    *,
    seed: int,
    among: Sequence[FittedModel] = (),
    seen: Seen | None = None,
) -> Iterator[Population]:
    """Return each group of patients, the rows of all of them, in both states, encoded at once."""
    spec = fit.prepared.spec
    patients = len(next(iter(asked[0].values())))
    samples = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    if weights is not None:
        _check_weights(weights, samples=samples, patients=patients)
    has_treatment = _reads_treatment(fit)
    states, patterns = [], []
    for columns in asked:
        rows = _untreated(fit, columns)
        pattern, kept = _patterns(among or (fit,), columns)
        patterns.append(pattern)
        states.append({name: values[kept] for name, values in rows.items()})
        if has_treatment:
            states.append({**states[-1], str(spec.treatment): np.ones(len(kept))})
    stacked = {name: np.concatenate([each[name] for each in states]) for name in states[0]}
    ends = np.cumsum([len(next(iter(each.values()))) for each in states])
    designs = np.split(fit.prepared.encoder.design(stacked), ends[:-1])
    found = (
        _in_draws(fit, each, design, seed=seed, seen=seen)
        for each, design in zip(states, designs, strict=True)
    )
    for pattern in patterns:
        untreated = next(found)
        treated = next(found) if has_treatment else untreated
        yield Population(untreated, treated, _shares(pattern, untreated.shape[1], weights))


def _reads_treatment(fit: FittedModel) -> bool:
    spec = fit.prepared.spec
    return spec.treatment is not None and spec.treatment in spec.outcome.parsed.columns


def _untreated(fit: FittedModel, columns: Columns) -> dict[str, NDArray[np.generic]]:
    """The patients without treatment, where the model reads it."""
    rows = dict(columns)
    if _reads_treatment(fit):
        rows[str(fit.prepared.spec.treatment)] = np.zeros(len(next(iter(rows.values()))))
    return rows


def _patterns(
    fits: Sequence[FittedModel], columns: Columns
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Patterns that any of the hazards tells apart, and a patient of each."""
    found = [covariate_patterns(fit.prepared.spec, _untreated(fit, columns)) for fit in fits]
    if len(found) == 1:
        return found[0]
    own = np.stack([pattern for pattern, _ in found], axis=1)
    _, kept, pattern = np.unique(own, axis=0, return_index=True, return_inverse=True)
    return pattern.ravel(), kept


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
        Log hazard ratios against the baseline hazard, at most 700 from 0, which a float holds; NaN
        in draws whose baseline is beyond that, too.
    """
    return _predictor(fit, columns, fit.prepared.encoder.design(columns), seed=seed)(slice(None))


def _in_draws(
    fit: FittedModel, columns: Columns, design: Floats, *, seed: int, seen: Seen | None
) -> Floats | Predictors:
    coefficients, terms = fit.coefficients, fit.prepared.spec.outcome.groups
    make = _predictor(fit, columns, design, seed=seed)
    eta = predictors((len(coefficients), len(design)), make)
    if seen is None or not isinstance(eta, Predictors):
        return eta
    read = [name for term in terms for name in (term.group, term.slope) if name is not None]
    groups = tuple(np.asarray(columns[name]) for name in read)
    return seen.related(eta, design, groups, coefficients)


def _predictor(
    fit: FittedModel, columns: Columns, design: Floats, *, seed: int
) -> Callable[[slice], Floats]:
    """Return what makes the linear predictors in some draws."""
    encoder, coefficients = fit.prepared.encoder, fit.coefficients
    effects: list[tuple[Floats, NDArray[np.intp], Floats | None]] = []
    for term in encoder.spec.outcome.groups:
        effects.append((*_group_effect(fit, columns, (term.group, ""), seed=seed), None))
        if term.slope is not None:
            slope = _group_effect(fit, columns, (term.group, f":{term.slope}"), seed=seed)
            effects.append((*slope, encoder.slope_values(columns, term.slope)))

    def make(draws: slice) -> Floats:
        eta: Floats = coefficients[draws] @ design.T
        for values, place, slopes in effects:
            # In place: with many patients each array of this shape is a large part of the memory.
            part = values[draws][:, place]
            eta += part if slopes is None else part * slopes
        if fit.reference is not None:
            eta -= fit.reference[draws, None]
        return _held(fit, eta, draws)

    return make


def _held(fit: FittedModel, eta: Floats, draws: slice) -> Floats:
    """Hold log hazard ratios within what a float holds; of draws whose baseline is not, nothing."""
    if max(eta.max(initial=0.0), -eta.min(initial=0.0)) <= FURTHEST:
        return eta
    level = fit.baseline[fit.prepared.hazard.level][draws]
    beyond = np.abs(level.reshape(len(level), -1)).max(axis=1) > FURTHEST
    np.clip(eta, -FURTHEST, FURTHEST, out=eta)
    # Both are out of reach, and their sum, the hazard, need not be: it is not known here.
    eta[beyond] = np.nan
    return eta


def _group_effect(
    fit: FittedModel, columns: Columns, term: tuple[str, str], *, seed: int
) -> tuple[Floats, NDArray[np.intp]]:
    """Effects, shape (samples, groups), and each row's group; unknown ones from Normal(0, sd).

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
    return effects, np.array([place[label] for label in labels], dtype=np.intp)


_MOST: Final = 1e300


def time_zero_weights(fit: FittedModel) -> Floats:
    """Return how many patients at time zero each patient of the cohort stands for.

    1 / S(entry) with the patient's own covariates, group and treatment at entry; relative to the
    largest of the draw. Equal where everybody enters at time zero. Patients of whose kind nobody
    lived to enter are in no average.

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    ndarray, shape (samples, patients)
        What each patient weighs, above 0 and at most 1.

    References
    ----------
    Horvitz DG, Thompson DJ. J Am Stat Assoc 1952;47:663-685, doi 10.1080/01621459.1952.10483446.

    Examples
    --------
    Where everybody enters at time zero all weigh the same:

    >>> bool((time_zero_weights(fit) == 1.0).all())
    True
    """
    rows = cohort_rows(fit)
    entry = rows["start"].astype(np.float64)
    hazard, theta = fit.prepared.hazard, fit.baseline
    basis = hazard.increment_basis(np, np.zeros_like(entry), entry)
    spent = hazard.cumulative_hazard(np, basis, theta)
    # Draws of a wide prior spend infinite hazard: of whom nobody is alive, all weigh the same. What
    # is averaged in draws that are no number is none either.
    lost = np.nan_to_num(np.minimum(np.exp(predictor_of(fit, rows)) * spent, _MOST))
    return np.asarray(np.exp(lost - lost.max(axis=1, keepdims=True)), dtype=np.float64)


def effective_share(weights: Floats) -> float:
    """Return the share of patients that weights leave, the median over draws.

    Parameters
    ----------
    weights : ndarray, shape (samples, patients)
        From `time_zero_weights`.

    Returns
    -------
    float
        (sum w)^2 / sum w^2 over the number of patients, between 0 and 1.

    Examples
    --------
    >>> effective_share(np.array([[1.0, 1.0, 0.0, 0.0]]))
    0.5
    """
    effective = np.square(weights.sum(axis=1)) / np.square(weights).sum(axis=1)
    return float(np.median(effective) / weights.shape[1])


def external_population(
    fit: FittedModel,
    columns: Columns,
    *,
    modifier_at: float | None = None,
    weights: Floats | None = None,
    seed: int = 0,
) -> Population:
    """Return other patients than those of the cohort, for example of another register.

    The effect of a group, such as a centre, that the cohort does not have is drawn from the
    distribution of groups, Normal(0, sd), in each draw: nothing else is known of it.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    columns : mapping of str to ndarray, shape (patients,)
        Every covariate that the model reads, on the scale of the data; without the treatment.
    modifier_at : float, optional
        Give every patient this value of the modifier.
    weights : ndarray, shape (patients,) or (samples, patients), optional
        What each patient weighs; equal weights by default.
    seed : int
        Seed of the effects of unknown groups.

    Returns
    -------
    Population
        Covariate patterns with their shares.

    Raises
    ------
    SpecificationError
        When a column is missing, a category is unknown, or the weights are not one a patient.

    Examples
    --------
    Three patients of a centre that the cohort does not have:

    >>> from bayes_ihlrt.estimands.curves import NEVER, survival
    >>> register = {"nlr": np.array([2.0, 3.0, 6.0]), "albi": np.array([-2.8, -2.2, -1.6]),
    ...     "afp_high": np.array([0.0, 0.0, 1.0]), "centre": np.repeat("elsewhere", 3)}
    >>> population = external_population(fit, register, seed=1)
    >>> population.weights.round(3).tolist()
    [0.333, 0.333, 0.333]
    >>> survival(fit, [12.0], [NEVER], population=population).dims
    ('chain', 'draw', 'strategy', 'time')
    """
    rows = {name: np.asarray(values) for name, values in columns.items()}
    spec = fit.prepared.spec
    read = [*spec.outcome.parsed.columns, *(term.group for term in spec.outcome.groups)]
    if spec.modifier is not None:
        read = [spec.modifier.column if name == spec.modifier.name else name for name in read]
    known = {*rows, spec.treatment}
    if modifier_at is not None and spec.modifier is not None and rows:
        rows[spec.modifier.column] = np.full(len(next(iter(rows.values()))), modifier_at)
        known.add(spec.modifier.column)
    faults = [
        Fault(f"column {name}", "the population lacks it", nearest(name, set(rows)))
        for name in dict.fromkeys(read)
        if name not in known
    ]
    if faults:
        raise SpecificationError("external population", faults)
    return population_of(fit, rows, weights=weights, seed=seed)


def bootstrap_weights(fit: FittedModel, *, seed: int) -> Floats:
    """Return Dirichlet(1, ..., 1) weights of the patients, others in each draw.

    An average over the patients as they are speaks of these patients. With these weights it speaks
    of the population that they are a sample of: its covariates are uncertain too, and intervals
    get wider.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    seed : int
        Seed of the weights.

    Returns
    -------
    ndarray, shape (samples, patients)
        Each draw's weights sum to 1.

    References
    ----------
    Rubin DB. The Bayesian bootstrap. Ann Stat 1981;9:130-134, doi 10.1214/aos/1176345338.

    Examples
    --------
    >>> weights = bootstrap_weights(fit, seed=1)
    >>> weights.shape
    (4000, 80)
    >>> bool(np.allclose(weights.sum(axis=1), 1.0))
    True
    """
    patients = len(cohort_rows(fit)["patient"])
    samples = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    weights = np.random.default_rng(seed).standard_exponential((samples, patients))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def treated_weights(fit: FittedModel) -> Floats:
    """Return 1 for patients who were ever treated and 0 for others (ATT).

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    ndarray, shape (patients,)
        What each patient weighs.

    Raises
    ------
    SpecificationError
        When there is no treatment, or nobody was treated.

    Examples
    --------
    >>> weights = treated_weights(fit)
    >>> weights.shape
    (80,)
    >>> int(weights.sum())
    20
    """
    treatment, rows = fit.prepared.spec.treatment, fit.person_time
    if treatment is None or treatment not in rows.columns:
        fault = Fault("population", "the model has no treatment", "Average over the sample")
        raise SpecificationError("the treated", [fault])
    treated = rows.columns[treatment].astype(np.float64) == 1.0
    found = (np.bincount(rows.patient_index, treated) > 0.0).astype(np.float64)
    if not found.any():
        fault = Fault("population", "nobody was treated", "Average over the sample")
        raise SpecificationError("the treated", [fault])
    return found


def overlap_weights(propensity: Floats) -> Floats:
    """Return e (1 - e): those count most who might as well have been treated as not (ATO).

    Parameters
    ----------
    propensity : ndarray, shape (patients,) or (samples, patients)
        Probability of treatment of each patient, in one or in each draw of the propensity model.

    Returns
    -------
    ndarray
        Of the same shape.

    Raises
    ------
    SpecificationError
        When a propensity is not between 0 and 1.

    References
    ----------
    Li F, Morgan KL, Zaslavsky AM. J Am Stat Assoc 2018;113:390-400,
    doi 10.1080/01621459.2016.1260466.

    Examples
    --------
    >>> overlap_weights(np.array([0.1, 0.5, 0.9])).round(2).tolist()
    [0.09, 0.25, 0.09]
    """
    if not ((propensity >= 0.0) & (propensity <= 1.0)).all():
        problem = f"found {np.nanmin(propensity):g} to {np.nanmax(propensity):g}"
        fault = Fault("propensity", problem, "Give probabilities between 0 and 1")
        raise SpecificationError("overlap population", [fault])
    return propensity * (1.0 - propensity)


def subgroup_weights(fit: FittedModel, column: str, level: str) -> Floats:
    """Return 1 for the patients of a subgroup and 0 for others.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    column : str
        A column of the person-time, e.g. ``"afp_high"``; the patient's first row counts.
    level : str
        Its value, as text: ``"1"``.

    Returns
    -------
    ndarray, shape (patients,)
        What each patient weighs.

    Raises
    ------
    SpecificationError
        When there is no such column or level.

    Examples
    --------
    >>> high, low = (subgroup_weights(fit, "afp_high", level) for level in ("1", "0"))
    >>> high.shape, bool((high + low == 1.0).all())
    ((80,), True)
    """
    labels = subgroup_labels(fit, column)
    if level not in set(labels):
        remedy = f"Allowed: {', '.join(sorted(set(labels)))}"
        fault = Fault(f"column {column}", f"nobody has the value '{level}'", remedy)
        raise SpecificationError("subgroup", [fault])
    return np.asarray(labels == level, dtype=np.float64)


def subgroup_labels(fit: FittedModel, column: str) -> NDArray[np.object_]:
    """Return each patient's value of a column, as text.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    column : str
        A column of the person-time; the patient's first row counts.

    Returns
    -------
    ndarray of str, shape (patients,)
        Labels.

    Raises
    ------
    SpecificationError
        When there is no such column.
    """
    rows = cohort_rows(fit)
    if column not in rows:
        fault = Fault("subgroup", f"there is no column '{column}'", nearest(column, set(rows)))
        raise SpecificationError("subgroup", [fault])
    return group_labels(rows[column])
