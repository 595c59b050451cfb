"""What the priors alone say about survival, beside what was observed."""

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import norm

from bayes_ihlrt.calibration.simulate import draw_parameters, linear_predictor
from bayes_ihlrt.checks.terms import Values, by_rows, column, in_parts, parameter_names
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.estimands.product_limit import kaplan_meier
from bayes_ihlrt.estimands.turnbull import bounds, called, turnbull_of
from bayes_ihlrt.model.graph import build_graph
from bayes_ihlrt.names import STRATEGY, TIME
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.propensity.weights import kish

Floats = NDArray[np.float64]
_DRAWS: Final = 1000
_TIMES: Final = 61
_BAND: Final = (0.005, 0.025, 0.5, 0.975, 0.995)
_NAMES: Final = ("lowest", "low", "middle", "high", "highest")
_STATES: Final = {"untreated throughout": 0.0, "treated from the beginning": 1.0}


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
        99 %) over (strategy, time): averaged over the patients' covariates within each draw, and
        given survival to the time at which the first patient enters. ``km``, the Kaplan-Meier
        estimate of all patients, over time; of events between scans Turnbull's. ``km_low`` and
        ``km_high`` are its Wilson limits (99 %) for as many patients as it is worth: a share of so
        many would have Greenwood's variance; those of Turnbull's are of the least and the most
        that it may be where it is not determined. Months.
    """
    rows = fit.person_time
    start, stop = column(rows, "start"), column(rows, "stop")
    begin = float(start.min())
    times = np.linspace(begin, float(stop.max()), _TIMES)
    drawn = draw_parameters(build_graph(fit.prepared), draws=_DRAWS, seed=seed)
    values = {name: drawn[name] for name in parameter_names(fit.prepared)}
    patients = _first_rows(rows)
    treatment = fit.prepared.spec.treatment
    states = _STATES if treatment is not None else {"all patients": 0.0}
    bands = []
    for state in states.values():
        columns = dict(patients.columns)
        if treatment is not None:
            columns[treatment] = np.full(patients.n_rows, state)
        curves = _curves(fit, values, PersonTime(columns, rows.provenance), begin, times)
        bands.append(np.quantile(curves, _BAND, axis=0))
    stacked = np.stack(bands)
    return (
        _observed(rows, times)
        .assign({name: ((STRATEGY, TIME), stacked[:, i]) for i, name in enumerate(_NAMES)})
        .assign_coords({TIME: times, STRATEGY: list(states)})
    )


def _observed(rows: PersonTime, times: Floats) -> xr.Dataset:
    """Survival without a model: Kaplan-Meier, or of events between scans Turnbull's estimate."""
    start, stop, event, weight = (column(rows, n) for n in ("start", "stop", "event", "weight"))
    if rows.uncertain is not None:
        known = turnbull_of(rows)
        curve = np.interp(times, known[TIME].to_numpy(), known["survival"].to_numpy())
        least, most = bounds(known, times)
        curve, told = np.where(np.isfinite(least), curve, np.nan), {"observed": called(known)}
    else:
        found = kaplan_meier(start, stop, event, weight=weight)
        step = np.searchsorted(found[TIME].to_numpy(), times, side="right") - 1
        curve = least = most = found["survival"].to_numpy()[step]
        told = {}
    worth = _worth(rows, times)
    low, high = _limits(least, worth)[0], _limits(most, worth)[1]
    curves = {"km": curve, "km_low": low, "km_high": high}
    return xr.Dataset({name: (TIME, values) for name, values in curves.items()}, attrs=told)


def _worth(rows: PersonTime, times: Floats) -> Floats:
    """How many patients the observed curve is worth: S (1 - S) / Greenwood's variance.

    Without censoring and late entry it is their number. A curve that has not fallen yet is worth
    the fewest who were followed until then; one that ends at zero what it was worth before.
    Weights count by Kish's number of the patients' mean weights.
    """
    start, stop, event, weight = (column(rows, n) for n in ("start", "stop", "event", "weight"))
    whose, length = rows.patient_index, stop - start
    own = np.bincount(whose, weight * length) / np.bincount(whose, length)
    scaled = weight * float(kish(own)) / own.sum()
    found = kaplan_meier(start, stop, event, weight=scaled)
    survival, at_risk = found["survival"].to_numpy(), found["at_risk"].to_numpy()[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        fell = 1.0 - survival[1:] / survival[:-1]
        share = np.cumsum(fell / (at_risk * (1.0 - fell)))
        worth = (1.0 - survival[1:]) / (survival[1:] * share)
    known = np.flatnonzero(np.isfinite(worth))
    followed = ((start <= times[:, None]) & (stop > times[:, None])) @ scaled
    fewest = np.minimum.accumulate(followed)
    step = np.searchsorted(found[TIME].to_numpy(), times, side="right") - 2
    last = np.searchsorted(known, step, side="right") - 1
    return np.where(last < 0, fewest, np.append(worth[known], np.nan)[last])


def _limits(share: Floats, patients: Floats) -> tuple[Floats, Floats]:
    """Wilson's limits, which say of a curve still at one that it need not be there."""
    square = norm.isf(_BAND[0]) ** 2
    middle = (patients * share + 0.5 * square) / (patients + square)
    spread = np.sqrt(square * (patients * share * (1.0 - share) + 0.25 * square))
    apart = spread / (patients + square)
    return middle - apart, middle + apart


def _first_rows(rows: PersonTime) -> PersonTime:
    first = np.flatnonzero(np.diff(rows.patient_index, prepend=-1))
    return PersonTime({name: v[first] for name, v in rows.columns.items()}, rows.provenance)


def _curves(
    fit: FittedModel, values: Values, patients: PersonTime, begin: float, times: Floats
) -> Floats:
    """Survival given survival to the beginning, averaged over patients, shape (draws, times)."""
    bound, hazard = by_rows(fit.prepared, patients), fit.prepared.hazard
    basis = hazard.increment_basis(np, np.full_like(times, begin), times)
    found = []
    for _, part in in_parts(values, rows=patients.n_rows * len(times)):
        theta = {name: part[name] for name in hazard.parameters}
        spent = hazard.cumulative_hazard(np, basis, theta)
        eta = np.asarray(linear_predictor(bound, part))
        # Flat priors reach predictors that no number can hold the exponential of.
        bounded = np.clip(np.broadcast_to(eta, (len(spent), patients.n_rows)), -600.0, 600.0)
        with np.errstate(over="ignore"):
            lived = np.exp(bounded)[:, :, None] * spent[:, None, :]
        found.append(np.exp(-lived).mean(axis=1))
    return np.concatenate(found)
