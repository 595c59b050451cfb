"""The posterior at one set of propensities, those of their mode.

Its intervals take the propensities as known and weighted person-time as if it had been observed:
they do not have the coverage that they claim, and the draws say so (`UNCALIBRATED`).
"""

from typing import Final

import numpy as np
import xarray as xr

from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.inference.batch_result import DRAW, MEMBER, WEIGHT, BatchPosterior
from bayes_ihlrt.inference.bootstrap import DRAWS
from bayes_ihlrt.inference.importance import resample
from bayes_ihlrt.inference.shared_modes import NO_MODE
from bayes_ihlrt.inference.weighted_fit import WeightedFit, weighted_fit
from bayes_ihlrt.inference.weighted_gate import UNCALIBRATED
from bayes_ihlrt.inference.weighted_models import Models
from bayes_ihlrt.inference.weighting import WeightedAnalysis
from bayes_ihlrt.names import PropensityUncertainty

WEIGHED: Final = 1000
"""Fewest draws that are weighed, so that the weights can be judged."""


def plugin_posterior(
    analysis: WeightedAnalysis, *, draws: int = DRAWS, seed: int = 0
) -> WeightedFit:
    """Draw from the posterior of the outcome model at the mode of the propensities.

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
        With posterior of dimensions ``chain`` (one), ``draw``; the attribute ``calibration`` of
        its tree and the verdict on its draws say that they are uncalibrated.

    Raises
    ------
    ConvergenceError
        When there is no mode, or the importance weights are not to be trusted.
    """
    models = Models(analysis)
    once = models.at_once()
    found = models.outcome.engine.posteriors(
        models.outcome.members(once.members),
        draws=max(draws, WEIGHED),
        seed=seed,
        start=once.starts.outcome,
    )
    if len(found.failed):
        raise ConvergenceError(NO_MODE)
    return weighted_fit(
        analysis,
        equal_draws(found, draws=draws, seed=seed),
        row_weights=once.row_weights,
        uncertainty=PropensityUncertainty.PLUGIN,
        about={
            "calibration": UNCALIBRATED,
            "k_hat": float(found.diagnostics["k_hat"][0]),
            "ess": float(found.diagnostics["ess"][0]),
        },
    )


def equal_draws(found: BatchPosterior, *, draws: int, seed: int) -> xr.Dataset:
    """Return draws of equal weight, the members' one after another in turn.

    Parameters
    ----------
    found : BatchPosterior
        Weighted draws of each member.
    draws : int
        Draws wanted, of all members together.
    seed : int
        Of the choice.

    Returns
    -------
    xarray.Dataset
        Dimensions ``draw, ...``: the first draw of every member, then the second, and so on.
    """
    table = found.draws.transpose(MEMBER, DRAW, ...)
    weights = table[WEIGHT].to_numpy()
    members = len(weights)
    picked = resample(weights, draws=-(-draws // members), seed=seed)
    who = np.arange(members)[:, None]
    arrays = {}
    for name, values in table.drop_vars(WEIGHT).items():
        chosen = values.to_numpy()[who, picked].swapaxes(0, 1)
        flat = chosen.reshape(-1, *chosen.shape[2:])[:draws]
        arrays[str(name)] = ((DRAW, *map(str, values.dims[2:])), flat)
    coords = {name: at for name, at in table.coords.items() if name not in {MEMBER, DRAW}}
    return xr.Dataset(arrays, coords=coords)
