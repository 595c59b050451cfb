"""What halving patients' weights shows of an estimate's variance.

An estimate follows a patient closely who weighs much. Random weights see the pull of such patients
while they are there, and draws under them scatter less than estimates do from cohort to cohort.
With theta(w) the mode under patient weights w (scaled to add up to the patients, priors as stated)
and patients in G groups,

    d_g = 2 (theta(1 - 1_g / 2) - theta(1)),    H = sum_g d_g d_g'

theta(1 - 1_g / 2) is the mode with half the weight of group g. In unweighted regression, with
influence psi_i and leverage h_i of a patient, d_i is psi_i / (1 - h_i / 2) and H to first order in
leverage the variance estimate HC2, the sum of psi_i psi_i' / (1 - h_i). For the log rate of few
events H is close to the posterior variance trigamma(events): 1.92 against 1.64 for one event, 0.66
against 0.64 for two. Leaving patients out altogether, as the jackknife does, is wider and has no
bound there. Where one patient weighs as much as all others H is still too small.

References
----------
MacKinnon JG, White H. Some heteroskedasticity-consistent covariance matrix estimators with improved
finite sample properties. J Econom 1985;29:305-25, doi 10.1016/0304-4076(85)90158-7.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.inference.weighted_models import Models, Starts

Floats = NDArray[np.float64]

GROUPS: Final = 1000
"""Groups at most; of fewer patients each is one. Groups of several make H noisy and too large."""
_NAMED: Final = 5
_REMEDY: Final = (
    "State tighter priors, use fewer terms in the formulas, or choose a design that uses more "
    "patients"
)


def half_weight_covariance(
    models: Models, starts: Starts, rng: np.random.Generator, *, groups: int = GROUPS
) -> Floats:
    """Return H: what the modes at half the weight of each patient tell of their covariance.

    Strata of the propensity stay as they are at the mode, of which the modes are no smooth
    function; H then takes the propensity as known.

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
        Of the outcome model's unconstrained coordinates; zero in those of scales.

    Raises
    ------
    ConvergenceError
        At half the weight of some patients there is no mode.
    """
    patients = models.analysis.patients
    count = min(len(patients), groups)
    group = np.arange(len(patients))
    if count < len(patients):
        group = rng.permutation(len(patients)) % count
    of_group = group == np.arange(count)[:, None]
    halved = _modes(models, starts, 1.0 - 0.5 * of_group)
    missing = np.isnan(halved).any(axis=1)
    if missing.any():
        whom = patients[of_group[missing].any(axis=0)].tolist()
        named = ", ".join(map(str, whom[:_NAMED])) + (" ..." if len(whom) > _NAMED else "")
        problem = (
            f"the model could not be fitted at half the weight of {named}: its result may hang on "
            "them"
        )
        raise ConvergenceError(problem, _REMEDY)
    shift = 2.0 * (halved - starts.outcome)
    return np.asarray(shift.T @ shift)


def _modes(models: Models, starts: Starts, weight: Floats) -> Floats:
    """Return the outcome modes under patient weights, scaled to add up to the patients."""
    weight = weight * (weight.shape[1] / weight.sum(axis=1, keepdims=True))
    positions = np.full((len(weight), len(starts.outcome)), np.nan)
    for turn in models.turns(len(weight)):
        own = weight[turn.start : turn.stop]
        found, good = models.propensities(own, starts, None)
        places = turn.start + np.flatnonzero(good)
        positions[places] = models.outcome_modes(found, own[good], starts)
    return positions
