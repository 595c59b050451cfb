"""What reweighting patients does not show of an estimate's variance: the jackknife tells.

A patient whom an estimate follows closely, as it follows those of large weight, is fitted well for
that reason: the estimate scatters more over cohorts than under random weights of this one, which
see such a patient's pull only while the patient is there. Leaving patients out shows it. With
theta(w) the mode under patient weights w, priors as stated, for G groups of patients:

    J = (G - 1) / G sum_g d_g d_g',        d_g = theta(without g) - theta(1)
    I = c sum_g psi_g psi_g',              psi_g = d theta / dw along group g

J is the jackknife's covariance. I, the infinitesimal jackknife's, is that of draws under
n Dirichlet(1, ..., 1) to first order: c = n / (n + 1) where each patient is a group, and by
G / (G - 1) to n / (n - 1) larger where groups are, since a sum over few groups is too small. In
linear regression d_g is psi_g / (1 - leverage), so that J - I is not negative. Where data say
nothing both are zero, and the draws keep their prior.

References
----------
Efron B, Stein C. The jackknife estimate of variance. Ann Stat 1981;9:586-96,
doi 10.1214/aos/1176345462.
MacKinnon JG, White H. Some heteroskedasticity-consistent covariance matrix estimators with improved
finite sample properties. J Econom 1985;29:305-25, doi 10.1016/0304-4076(85)90158-7.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.inference.weighted_models import Models, Starts

Floats = NDArray[np.float64]

GROUPS: Final = 200
"""Groups at most; of fewer patients each is one. J - I is a small part of a variance, and a tenth
of it, the error that 200 groups have, a smaller one."""
_STEP: Final = 0.02
"""Relative change of a group's weight for derivatives: psi_g / (1 - 0.02 leverage) is found."""
_REMEDY: Final = (
    "State tighter priors, use fewer terms in the formulas, or choose a design that uses more "
    "patients"
)


def unseen_spread(
    models: Models, starts: Starts, rng: np.random.Generator, *, groups: int = GROUPS
) -> Floats:
    """Return a root of the covariance that the jackknife has and reweighting has not.

    Parameters
    ----------
    models : Models
        The models of the analysis.
    starts : Starts
        Modes with every patient counted once.
    rng : numpy.random.Generator
        Puts patients into groups where there are more than `groups`.
    groups : int
        Groups at most.

    Returns
    -------
    ndarray, shape (dims, dims)
        R with R R' the part of J - I that is not negative, unconstrained coordinates of the
        outcome model; zero in those of scales.

    Raises
    ------
    ConvergenceError
        Without some patients there is no mode.
    """
    patients = models.analysis.patients
    n = len(patients)
    count = min(n, groups)
    group = rng.permutation(n) % count if n > count else np.arange(n)
    of_group = (group == np.arange(count)[:, None]).astype(np.float64)
    without, nudged = (_modes(models, starts, 1.0 + change * of_group) for change in (-1.0, -_STEP))
    missing = np.isnan(without + nudged).any(axis=1)
    if missing.any():
        named = ", ".join(map(str, patients[of_group[missing][0] > 0.0][:5].tolist()))
        problem = f"the estimate hangs on few patients: without {named} it has no posterior mode"
        raise ConvergenceError(problem, _REMEDY)
    left_out = without - starts.outcome
    slope = (nudged - starts.outcome) / _STEP
    share = (n - 1) / (n + 1) * count / (count - 1)
    excess = (count - 1) / count * left_out.T @ left_out - share * slope.T @ slope
    values, vectors = np.linalg.eigh(excess)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _modes(models: Models, starts: Starts, weight: Floats) -> Floats:
    """Return the outcome modes under patient weights, scaled to add up to the patients."""
    weight = weight * (weight.shape[1] / weight.sum(axis=1, keepdims=True))
    positions = np.full((len(weight), len(starts.outcome)), np.nan)
    for turn in models.turns(len(weight)):
        own = weight[turn.start : turn.stop]
        found, good = models.propensities(own, starts, None)
        places = turn.start + np.flatnonzero(good)
        positions[places] = models.outcome_modes(found, own[good], starts).positions
    return positions
