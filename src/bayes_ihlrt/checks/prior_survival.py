"""What the priors alone say about survival, beside what was observed."""

from dataclasses import replace
from typing import Final

import numpy as np
import xarray as xr

from bayes_ihlrt.checks.generator import draw_parameters
from bayes_ihlrt.checks.hazard_terms import column, parameter_names
from bayes_ihlrt.estimands.curves import NEVER, survival, treated_from
from bayes_ihlrt.estimands.product_limit import kaplan_meier
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.model.build import build_graph
from bayes_ihlrt.names import STRATEGY, TIME

_DRAWS: Final = 1000
_TIMES: Final = 61
_BAND: Final = (0.005, 0.025, 0.5, 0.975, 0.995)
_NAMES: Final = ("lowest", "low", "middle", "high", "highest")


def prior_survival(fit: FittedModel, *, seed: int) -> xr.Dataset:
    """Return survival of the cohort's patients as the priors have it.

    Parameters
    ----------
    fit : FittedModel
        The model.
    seed : int
        Seed of the draws.

    Returns
    -------
    xarray.Dataset
        ``low, middle, high`` (central 95 % of draws and median) and ``lowest, highest`` (central
        99 %) over (strategy, time): averaged over the patients' covariates within each draw,
        untreated throughout and, with a treatment, treated from time zero. ``km``, the
        Kaplan-Meier estimate of all patients, over time. Months.
    """
    rows = fit.person_time
    prior = _prior_fit(fit, seed=seed)
    times = np.linspace(0.0, float(rows.exit_time.max()), _TIMES)
    treated = [] if fit.prepared.spec.treatment is None else [treated_from(0.0)]
    curves = survival(prior, times, [NEVER, *treated])
    quantiles = curves.quantile(list(_BAND), ("chain", "draw"))
    start, stop, event, weight = (
        column(rows, name) for name in ("start", "stop", "event", "weight")
    )
    observed = kaplan_meier(start, stop, event, weight=weight)
    step = np.searchsorted(observed[TIME].to_numpy(), times, side="right") - 1
    bands = {name: quantiles.isel(quantile=i, drop=True) for i, name in enumerate(_NAMES)}
    data = xr.Dataset(bands).assign(km=(TIME, observed["survival"].to_numpy()[step]))
    labels = ["untreated throughout", "treated from time zero"][: data.sizes[STRATEGY]]
    return data.assign_coords({STRATEGY: labels if treated else ["all patients"]})


def _prior_fit(fit: FittedModel, *, seed: int) -> FittedModel:
    """The model with draws of its prior in the place of its posterior."""
    values = draw_parameters(build_graph(fit.prepared), draws=_DRAWS, seed=seed)
    arrays = {
        name: (
            ("chain", "draw", *(f"{name}_{axis}" for axis in range(values[name].ndim - 1))),
            values[name][None],
        )
        for name in parameter_names(fit.prepared)
    }
    return replace(fit, tree=xr.DataTree.from_dict({"posterior": xr.Dataset(arrays)}))
