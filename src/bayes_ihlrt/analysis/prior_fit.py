"""A model as it was before the data: what reads draws of the posterior reads the prior's."""

from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.model.parameters import ANCHOR


def prior_fit(fit: FittedModel, prior: xr.Dataset, *, seed: int) -> FittedModel:
    """Return a fit whose draws are those of the prior, group effects drawn from their scale.

    Its baseline is that of the average patient: under a wide prior both terms of a log hazard leave
    what a float holds, and their sum does not.

    Parameters
    ----------
    fit : FittedModel
        The posterior; its specification, covariates and patients are kept.
    prior : xarray.Dataset
        Draws of the top-level parameters, from `prior_draws`.
    seed : int
        Seed of the group effects.

    Returns
    -------
    FittedModel
        For estimands under the prior. Its convergence is that of `fit` and says nothing of the
        prior's draws, which are independent.
    """
    rng = np.random.default_rng(seed)
    drawn = dict(prior.data_vars)
    for term in fit.prepared.spec.outcome.groups:
        levels = len(fit.prepared.encoder.levels[term.group])
        for suffix in ("", *([] if term.slope is None else [f":{term.slope}"])):
            scale = prior[f"sd_{term.group}{suffix}"]
            noise = rng.standard_normal((*scale.shape, levels))
            effect = xr.DataArray(noise, dims=("chain", "draw", term.group)) * scale
            drawn[f"{term.group}_effect{suffix}"] = effect
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(drawn)})
    reference = replace(fit, tree=tree).coefficients @ _reference(fit)
    anchor = ANCHOR[fit.prepared.spec.outcome.hazard.family]
    shift = xr.DataArray(reference.reshape(prior[anchor].shape[:2]), dims=("chain", "draw"))
    drawn[anchor] = prior[anchor] + shift
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(drawn)})
    return replace(fit, tree=tree, reference=reference)


def _reference(fit: FittedModel) -> NDArray[np.float64]:
    """Return the untreated average patient, shape (covariates,)."""
    return fit.prepared.arrays.data["design_reference"].astype(np.float64)
