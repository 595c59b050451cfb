"""Outcome posteriors given propensities: at their mode (plug-in), or at draws of theirs (cut).

In the cut posterior the propensities come from their own posterior, which the outcome does not
inform, with an outcome posterior for each. Pooled over their draws the variance is that within, on
average, and that between:  V = E[V] + V[E].

Intervals of the plug-in take the propensities as known and weighted person-time as if it had been
observed: they do not have the coverage that they claim, and the draws say so (`UNCALIBRATED`).

References
----------
Plummer M. Cuts in Bayesian graphical models. Stat Comput 2015;25:37-43,
doi 10.1007/s11222-014-9503-z.
Zigler CM, Watts K, Yeh RW, et al. Model feedback in Bayesian propensity score estimation.
Biometrics 2013;69:263-73, doi 10.1111/j.1541-0420.2012.01830.x.
"""

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.compiled import CompiledModel
from bayes_ihlrt.batch.importance import resample
from bayes_ihlrt.batch.result import DRAW, MEMBER, WEIGHT, BatchPosterior
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.names import PropensityUncertainty
from bayes_ihlrt.propensity.model import PreparedPropensity
from bayes_ihlrt.weighted.analysis import Parameters, WeightedAnalysis
from bayes_ihlrt.weighted.bootstrap import DRAWS
from bayes_ihlrt.weighted.fit import WeightedFit, weighted_fit
from bayes_ihlrt.weighted.models import NO_MODE, NO_PROPENSITY, Models, Propensities

UNCALIBRATED: Final = "uncalibrated"
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


Floats = NDArray[np.float64]

PROPENSITIES: Final = 200
"""Draws of the propensities; the variance between them is then known within 10 %."""
_WEIGHED_EACH: Final = 500
"""Draws of each outcome posterior that are weighed."""


def cut_posterior(analysis: WeightedAnalysis, *, draws: int = DRAWS, seed: int = 0) -> WeightedFit:
    """Draw the outcome model's parameters from the cut posterior.

    Parameters
    ----------
    analysis : WeightedAnalysis
        Person-time, decisions and models.
    draws : int
        Number of draws, pooled over at most `PROPENSITIES` draws of the propensities.
    seed : int
        The same seed gives the same draws.

    Returns
    -------
    WeightedFit
        With posterior of dimensions ``chain`` (one), ``draw``.

    Raises
    ------
    ConvergenceError
        When the posterior of the propensities, or more than one in a hundred of the outcome
        posteriors, is not to be trusted.
    """
    models = Models(analysis)
    once = models.at_once()
    seeds = np.random.SeedSequence(seed).generate_state(3).tolist()
    count = min(draws, PROPENSITIES)
    first, k_hat = _draws_of(models.initiation, analysis.initiation, count=count, seed=seeds[0])
    second = None
    if models.grace is not None and analysis.grace is not None:
        second, other = _draws_of(models.grace, analysis.grace, count=count, seed=seeds[1])
        k_hat = max(k_hat, other)
    patient = np.ones((count, len(analysis.patients)))
    members = models.members(Propensities(first, second), patient)
    found = models.outcome.engine.posteriors(
        models.outcome.members(members),
        draws=_WEIGHED_EACH,
        seed=seeds[2],
        start=once.starts.outcome,
    )
    if len(found.failed) == count:
        raise ConvergenceError(NO_MODE)
    return weighted_fit(
        analysis,
        equal_draws(found, draws=draws, seed=seeds[2]),
        row_weights=once.row_weights,
        uncertainty=PropensityUncertainty.CUT,
        about={
            "members": count,
            "bad": len(found.flagged),
            "failed": len(found.failed),
            "k_hat": k_hat,
        },
    )


def _draws_of(
    shared: CompiledModel, model: PreparedPropensity, *, count: int, seed: int
) -> tuple[Parameters, float]:
    """Return posterior draws of a model of treatment, and their Pareto k-hat."""
    own = {"weight": np.ones((1, len(model.patients)))}
    found = shared.engine.posteriors(shared.members(own), draws=max(count, WEIGHED), seed=seed)
    if len(found.failed):
        raise ConvergenceError(NO_PROPENSITY)
    drawn = equal_draws(found, draws=count, seed=seed)
    table = {str(name): values.to_numpy() for name, values in drawn.items()}
    return table, float(found.diagnostics["k_hat"][0])
