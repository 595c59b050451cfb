"""What each patient of the cohort weighs in an average: who an estimand speaks of.

Weights of several kinds multiply: the treated (`treated_weights`) of a subgroup
(`subgroup_weights`), resampled (`bootstrap_weights`).
"""

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.estimands.population import cohort_rows
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.model.encode import group_labels

Floats = NDArray[np.float64]


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
