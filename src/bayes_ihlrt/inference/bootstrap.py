"""Linked Bayesian bootstrap: uncertainty of a weighted analysis, weights included.

A draw gives every patient one weight from n Dirichlet(1, ..., 1). With it the propensity model is
fitted, the rows' weights (or the covariates made of the propensity) follow, and with both the
outcome model is fitted: the modes, priors included. All rows, clones and trials of a patient share
the patient's weight.

Reweighting patients moves a mode only as far as the data determine it: of a coefficient about which
they say nothing every draw would have the prior's mode, as if it were known. So each draw also
draws the priors' locations, mu ~ Normal(mu, sigma) (or Student t). For a normal likelihood and
normal priors the modes then are draws from the posterior itself.

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
from bayes_ihlrt.inference.weighted_fit import WeightedFit, weighted_fit
from bayes_ihlrt.inference.weighted_models import Models
from bayes_ihlrt.inference.weighting import WeightedAnalysis
from bayes_ihlrt.names import PropensityUncertainty

Floats = NDArray[np.float64]
DRAWS: Final = 2000
_AT_ONCE: Final = 20_000_000
"""Numbers by draw and row that are held at a time."""


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
        When more than one draw in a hundred has no mode.
    """
    models = Models(analysis)
    once = models.at_once()
    rng = np.random.default_rng(seed)
    patients = len(analysis.patients)
    width = 1 + (0 if analysis.scores is None else len(analysis.outcome.encoder.columns))
    size = max(1, min(draws, _AT_ONCE // (width * analysis.emulation.person_time.n_rows)))
    parts: list[xr.Dataset] = []
    failed = 0
    for first in range(0, draws, size):
        count = min(size, draws - first)
        patient = rng.dirichlet(np.ones(patients), size=count) * patients
        found, lost = models.modes(patient, once.starts, rng)
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
