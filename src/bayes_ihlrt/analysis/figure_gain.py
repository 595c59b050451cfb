"""What the figures of gain and of subgroups show, as datasets."""

import numpy as np
import xarray as xr

from bayes_ihlrt.analysis.estimates import strategies
from bayes_ihlrt.analysis.figure_draws import density
from bayes_ihlrt.analysis.populations import weigher
from bayes_ihlrt.analysis.result import FitResult
from bayes_ihlrt.estimands.curves import rmst
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.population import sample_population
from bayes_ihlrt.estimands.subgroups import crude_rate_ratios, subgroup_log_hazard_ratio
from bayes_ihlrt.estimands.summary import chance_above, probability, summarise
from bayes_ihlrt.names import STRATEGY

_SAMPLE = ("chain", "draw")


def gain_data(result: FitResult) -> xr.Dataset:
    """Return the posterior density of the months gained, and how probable each decision region is.

    Restricted mean survival under treatment less that under never, up to the last horizon, for the
    cohort's own modifier values and with everybody's modifier set to each value.

    Parameters
    ----------
    result : FitResult
        A fitted analysis with a treatment.

    Returns
    -------
    xarray.Dataset
        ``x`` (months) and ``density`` over (setting, point); ``probability`` over (setting,
        region), regions being ``harm`` (below 0), ``gain too small`` (0 to `gain`) and ``gain``.
        Attributes ``gain`` and ``horizon`` (months) and the strategy ``treated``.
    """
    spec, fit = result.spec, result.fit
    horizon, gain = max(spec.estimands.horizons), spec.estimands.gain
    weights, compared = weigher(spec, result.propensity)(fit), strategies(spec)
    name = "" if spec.modifier is None else spec.modifier.name
    grids, heights, chances, settings = [], [], [], []
    for at in (None, *spec.estimands.at):
        patients = sample_population(fit, modifier_at=at, weights=weights)
        months = rmst(fit, horizon, compared, population=patients)
        gained = months.isel({STRATEGY: 1}, drop=True) - months.isel({STRATEGY: 0}, drop=True)
        x, height = density(gained.to_numpy().ravel())
        grids.append(x)
        heights.append(height)
        below = [float(probability(gained < edge)) for edge in (0.0, gain)]
        chances.append([below[0], below[1] - below[0], 1.0 - below[1]])
        settings.append(spec.population.words if at is None else f"{name} {at:g}")
    return xr.Dataset(
        {
            "x": (("setting", "point"), np.array(grids)),
            "density": (("setting", "point"), np.array(heights)),
            "probability": (("setting", "region"), np.array(chances)),
        },
        coords={"setting": settings, "region": ["harm", "gain too small", "gain"]},
        attrs={"gain": gain, "horizon": horizon, "treated": compared[-1].name},
    )


def subgroup_data(result: FitResult) -> xr.Dataset:
    """Return the hazard ratio in each subgroup, shrunken and by itself.

    Parameters
    ----------
    result : FitResult
        A fitted analysis with a treatment and subgroups.

    Returns
    -------
    xarray.Dataset
        ``median, q2.5, q97.5, prob_benefit`` of the model's hazard ratio, and the last before the
        data, ``prior_prob_benefit`` (NaN where it is not known); ``ratio, low, high`` of the crude
        rate ratio, ``patients``, ``events_treated``, ``events_untreated``, all over ``subgroup``,
        NaN where nobody of the population is in it. Attribute ``overall``, the hazard ratio over
        the population.
    """
    columns = result.spec.estimands.subgroups
    weights = weigher(result.spec, result.propensity)(result.fit)
    log_hr = subgroup_log_hazard_ratio(result.fit, columns, weights=weights)
    found = summarise(xr.apply_ufunc(np.exp, log_hr))[["median", "q2.5", "q97.5"]]
    overall = summarise(xr.apply_ufunc(np.exp, log_hazard_ratio(result.fit, weights=weights)))[
        "median"
    ]
    crude = crude_rate_ratios(result.fit, columns)
    chance = probability(log_hr < 0.0).where(log_hr.notnull().all(_SAMPLE))
    before = _subgroups_before(result, chance)
    return (
        found.assign(prob_benefit=chance, prior_prob_benefit=before)
        .merge(crude)
        .assign_attrs(overall=float(overall))
    )


def _subgroups_before(result: FitResult, after: xr.DataArray) -> xr.DataArray:
    """Prior probability that treatment lowers the hazard, where there is a posterior one."""
    if result.before is None:
        return xr.full_like(after, np.nan)
    weights = weigher(result.spec, result.propensity)(result.before)
    columns = result.spec.estimands.subgroups
    draws = subgroup_log_hazard_ratio(result.before, columns, weights=weights).to_numpy()
    return after.copy(data=chance_above(np.zeros_like(draws), draws).mean(axis=(0, 1))).where(
        after.notnull()
    )
