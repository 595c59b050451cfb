"""Linked Bayesian bootstrap: uncertainty of a weighted analysis, weights included.

A draw gives every patient one weight from n Dirichlet(1, ..., 1). With it the propensity model is
fitted, the rows' weights (or the covariates made of the propensity) follow, and with both the
outcome model is fitted: the modes, priors included. All rows, clones and trials of a patient share
the patient's weight.

Reweighting patients moves a mode only as far as the data determine it: of a coefficient about which
they say nothing every draw would have the prior's mode, as if it were known. So each draw also
draws the priors' locations, mu ~ Normal(mu, sigma) (or Student t). For a normal likelihood and
normal priors the modes then are draws from the posterior itself.

And reweighting shows too little of what hangs on a few patients: each draw is moved by a normal
variate with the covariance that leaving patients out shows beside it (`jackknife`).

References
----------
Stephens DA, Nobre WS, Moodie EEM, Schmidt AM. Causal inference under mis-specification: adjustment
based on the propensity score. Bayesian Anal 2023;18:639-694, doi 10.1214/22-BA1322.
Bardsley JM, Solonen A, Haario H, Laine M. Randomize-then-optimize. SIAM J Sci Comput
2014;36:A1895-1910, doi 10.1137/140964023 (randomised locations).
"""

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.inference.batch_result import DRAW, MEMBER
from bayes_ihlrt.inference.jackknife import GROUPS, unseen_spread
from bayes_ihlrt.inference.weighted_fit import WeightedFit, weighted_fit
from bayes_ihlrt.inference.weighted_models import Models
from bayes_ihlrt.inference.weighting import WeightedAnalysis
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
        When more than one draw in a hundred has no mode, or there is none without some patients.
    """
    models = Models(analysis)
    once = models.at_once()
    rng = np.random.default_rng(seed)
    unseen = unseen_spread(models, once.starts, rng, groups=min(GROUPS, draws))
    patients = len(analysis.patients)
    parts: list[xr.Dataset] = []
    failed = 0
    for turn in models.turns(draws):
        patient = rng.dirichlet(np.ones(patients), size=len(turn)) * patients
        found, lost = models.draws(patient, once.starts, unseen, rng)
        failed += lost
        parts.append(found)
    posterior = xr.concat(parts, dim=MEMBER).drop_vars(MEMBER).rename({MEMBER: DRAW})
    return weighted_fit(
        analysis,
        posterior,
        row_weights=once.row_weights,
        uncertainty=PropensityUncertainty.LINKED_BOOTSTRAP,
        about={"failed": failed},
    )
