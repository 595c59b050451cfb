"""Linked Bayesian bootstrap: uncertainty of a weighted analysis, weights included.

A draw gives every patient one weight from n Dirichlet(1, ..., 1). With it the propensity model is
fitted, the rows' weights (or the covariates made of the propensity) follow, and with both the
outcome model is fitted: the modes, priors included. All rows, clones and trials of a patient share
the patient's weight.

Reweighting patients moves a mode only as far as the data determine it: of a coefficient about which
they say nothing every draw would have the prior's mode, as if it were known. So each draw also
draws the priors' locations, mu ~ Normal(mu, sigma) (or Student t). For a normal likelihood and
normal priors the modes then are draws from the posterior itself.

Reweighting shows too little of what hangs on a few patients. So the draws are moved at random to
have at least the covariance that halving each patient's weight shows (`half_weights`), as far as
that exceeds what chance shows (`widening`).

References
----------
Stephens DA, Nobre WS, Moodie EEM, Schmidt AM. Causal inference under mis-specification: adjustment
based on the propensity score. Bayesian Anal 2023;18:639-694, doi 10.1214/22-BA1322.
Bardsley JM, Solonen A, Haario H, Laine M. Randomize-then-optimize. SIAM J Sci Comput
2014;36:A1895-1910, doi 10.1137/140964023 (randomised locations).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.inference.batch_result import DRAW, MEMBER
from bayes_ihlrt.inference.half_weights import GROUPS, half_weight_covariance
from bayes_ihlrt.inference.shared_modes import NO_MODE
from bayes_ihlrt.inference.weighted_fit import WeightedFit, weighted_fit
from bayes_ihlrt.inference.weighted_models import Models
from bayes_ihlrt.inference.weighting import WeightedAnalysis
from bayes_ihlrt.inference.widening import degrees_of_freedom, widened
from bayes_ihlrt.names import PropensityUncertainty

Floats = NDArray[np.float64]
DRAWS: Final = 2000


def linked_bootstrap(
    analysis: WeightedAnalysis, *, draws: int = DRAWS, seed: int = 0
) -> WeightedFit:
    """Draw the outcome model's parameters by the linked Bayesian bootstrap.

    Group and smoothing scales stay at their posterior median given the weights of the data.

    Parameters
    ----------
    analysis : WeightedAnalysis
        Person-time, decisions and models.
    draws : int
        Number of draws.
    seed : int
        The same seed gives the same draws.

    Returns
    -------
    WeightedFit
        With posterior of dimensions ``chain`` (one), ``draw``.

    Raises
    ------
    ConvergenceError
        When more than one draw in a hundred has no mode, or there is none at half the weight of
        a patient.
    """
    models = Models(analysis)
    once = models.at_once()
    rng = np.random.default_rng(seed)
    least = half_weight_covariance(models, once.starts, rng)
    patients = len(analysis.patients)
    parts = [
        models.draws(rng.dirichlet(np.ones(patients), len(turn)) * patients, once.starts, rng)
        for turn in models.turns(draws)
    ]
    modes = np.concatenate(parts)
    if not len(modes):
        raise ConvergenceError(NO_MODE)
    known = degrees_of_freedom(patients, groups=GROUPS)
    found = models.outcome.parameters(widened(modes, least, rng, freedom=known))
    return weighted_fit(
        analysis,
        found.drop_vars(MEMBER).rename({MEMBER: DRAW}),
        row_weights=once.row_weights,
        uncertainty=PropensityUncertainty.LINKED_BOOTSTRAP,
        about={"failed": draws - len(modes)},
    )
