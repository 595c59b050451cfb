r"""The population from time zero of a cohort whose patients enter late.

Who enters late has lived until then. Patients who are like those that entered, but died before, are
counted by those that stand for them: with entry at :math:`e_i`, patient i stands for
:math:`1 / S_i(e_i)` patients diagnosed, in each draw by that draw's survival.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.estimands.population import cohort_rows, predictor_of
from bayes_ihlrt.inference.fitted import FittedModel

Floats = NDArray[np.float64]
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
    # Draws of a wide prior spend infinite hazard: of whom nobody is alive, all weigh the same.
    lost = np.minimum(np.exp(predictor_of(fit, rows)) * spent, _MOST)
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
