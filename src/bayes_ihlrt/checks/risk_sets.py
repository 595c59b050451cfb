r"""The posterior beside the data: survival and events of the patients at risk, and residuals.

Replicated event times would need a treatment history and a censoring time beyond what was observed,
and nobody knows them. Between two consecutive starts or stops of rows the set of patients at risk
is fixed, and the model says how many of them will have the event,

    M_k = sum_(i at risk) w_i e^(eta_i) [H0(b_k) - H0(b_(k-1))],

with variance sum w_i^2 e^(eta_i) [..]. Replicated counts from it, over the weight at risk Y_k, make
the replicated curve exp(-sum_k d_k / Y_k), to be compared with Kaplan-Meier; delayed entry,
switches of treatment and weights are honoured because the risk sets are those of the data.

Cox-Snell and martingale residuals are made of the cumulative hazard that a patient has lived
through between entry and exit. Where the model is right, it is a unit exponential variate, censored
like the patient; delayed entry and switches of treatment need no correction, since only time at
risk is counted.
"""

import itertools
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.calibration.simulate import linear_predictor
from bayes_ihlrt.checks.score import Score, score
from bayes_ihlrt.checks.terms import (
    Values,
    by_rows,
    column,
    hazard_columns,
    hazard_terms,
    in_parts,
    strata,
    values_of,
)
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.estimands.product_limit import kaplan_meier
from bayes_ihlrt.names import TIME
from bayes_ihlrt.posterior.fitted import FittedModel

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
REPLICATES: Final = 400
_TIMES: Final = 81
_BAND: Final = (0.025, 0.5, 0.975)


def thinned(values: Values, most: int = REPLICATES) -> dict[str, Floats]:
    """Return evenly spaced draws.

    Parameters
    ----------
    values : mapping of str to ndarray, shape (draws, ...)
        Parameters by name.
    most : int
        Draws to keep.

    Returns
    -------
    dict of str to ndarray
        At most `most` draws.
    """
    total = len(next(iter(values.values())))
    kept = np.unique(np.linspace(0, total - 1, min(most, total)).astype(np.intp))
    return {name: array[kept] for name, array in values.items()}


def survival_check(fit: FittedModel, *, seed: int) -> xr.Dataset:
    """Return predicted and Kaplan-Meier survival by treatment state and stratum of the modifier.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    seed : int
        Seed of the replicated counts.

    Returns
    -------
    xarray.Dataset
        ``low, middle, high`` (central 95 % of replicated curves and their median) and ``km`` over
        (stratum, time), NaN where nobody is at risk; ``events`` and ``patients`` over stratum.
        Time in months. In a stratum that begins late both curves begin where somebody is at risk.
    """
    rows = fit.person_time
    weight = column(rows, "weight")
    stratum, labels = strata(fit, rows)
    times = np.linspace(0.0, float(rows.exit_time.max()), _TIMES)
    values, rng = thinned(values_of(fit)), np.random.default_rng(seed)
    parts = [
        _one_stratum(fit, values, (stratum == number, weight), times, rng)
        for number in range(len(labels))
    ]
    joined = xr.concat(parts, dim="stratum")
    return joined.assign_coords(stratum=list(labels))


def _one_stratum(
    fit: FittedModel,
    values: Values,
    chosen: tuple[Bools, Floats],
    times: Floats,
    rng: np.random.Generator,
) -> xr.Dataset:
    mask, weight = chosen[0] & (chosen[1] > 0.0), chosen[1]
    rows = fit.person_time
    start, stop, event = (column(rows, name)[mask] for name in ("start", "stop", "event"))
    at_risk = np.zeros(len(times), dtype=bool)
    if mask.any():
        at_risk = (times >= start.min()) & (times <= stop.max())
    edges = np.unique(np.concatenate([start, stop]))
    curves = _replicated(fit, values, (mask, weight), edges, rng)
    place = np.searchsorted(edges, times[at_risk], side="right") - 1
    band = np.full((len(_BAND), len(times)), np.nan)
    km = np.full(len(times), np.nan)
    if at_risk.any():
        band[:, at_risk] = np.quantile(curves[:, np.maximum(place, 0)], _BAND, axis=0)
        observed = kaplan_meier(start, stop, event, weight=weight[mask])
        step = np.searchsorted(observed[TIME].to_numpy(), times[at_risk], side="right") - 1
        km[at_risk] = observed["survival"].to_numpy()[step]
    return xr.Dataset(
        {
            **{name: (TIME, band[i]) for i, name in enumerate(("low", "middle", "high"))},
            "km": (TIME, km),
            "events": int(event.sum()),
            "patients": len(np.unique(rows.patient_index[mask])),
        },
        coords={TIME: times},
    )


def _replicated(
    fit: FittedModel,
    values: Values,
    chosen: tuple[Bools, Floats],
    edges: Floats,
    rng: np.random.Generator,
) -> Floats:
    """Replicated survival at the edges, shape (draws, edges)."""
    (mask, weight), rows, hazard = chosen, fit.person_time, fit.prepared.hazard
    if len(edges) < 2:
        return np.ones((len(next(iter(values.values()))), len(edges)))
    eta = np.asarray(linear_predictor(by_rows(fit.prepared, rows), values))
    risk = np.exp(np.broadcast_to(eta, (len(next(iter(values.values()))), rows.n_rows))[:, mask])
    theta = {name: values[name] for name in hazard.parameters}
    spent = hazard.cumulative_hazard(np, hazard.increment_basis(np, edges[:-1], edges[1:]), theta)
    w, start, stop = weight[mask], column(rows, "start")[mask], column(rows, "stop")[mask]
    weight_at_risk, mean, variance = (
        _at_risk(each, start, stop, edges) for each in (w[None], w * risk, np.square(w) * risk)
    )
    mean, variance = mean * spent, variance * spent
    counts = scaled_poisson(mean, variance, rng)
    share = counts / np.where(weight_at_risk > 1e-9, weight_at_risk, np.inf)
    # The product-limit form, as for the observed curve.
    curve = np.cumprod(np.maximum(1.0 - share, 0.0), axis=1)
    return np.concatenate([np.ones((len(curve), 1)), curve], axis=1)


def scaled_poisson(mean: Floats, variance: Floats, rng: np.random.Generator) -> Floats:
    """Draw weighted counts of a given mean and variance: Poisson where all weights are 1.

    Parameters
    ----------
    mean, variance : ndarray
        Sums of w Lambda and of w^2 Lambda.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray
        Multiples of variance / mean.
    """
    scale = np.where(mean > 0.0, variance / np.where(mean > 0.0, mean, 1.0), 1.0)
    return np.asarray(scale * rng.poisson(mean / np.where(scale > 0.0, scale, 1.0)))


def _at_risk(values: Floats, start: Floats, stop: Floats, edges: Floats) -> Floats:
    """Sum of values (..., rows) over the rows at risk between edges, shape (..., edges - 1)."""
    change = np.zeros((*values.shape[:-1], len(edges)))
    entered, left = np.searchsorted(edges, start), np.searchsorted(edges, stop)
    for at, sign in ((entered, 1.0), (left, -1.0)):
        order = np.argsort(at, kind="stable")
        places, first = np.unique(at[order], return_index=True)
        change[..., places] += sign * np.add.reduceat(values[..., order], first, axis=-1)
    total: Floats = np.maximum(np.cumsum(change, axis=-1)[..., :-1], 0.0)
    return total


def hazard_check(fit: FittedModel, *, seed: int) -> xr.Dataset:
    """Return events per month at risk by period, observed and replicated.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    seed : int
        Seed of the replicated counts.

    Returns
    -------
    xarray.Dataset
        ``observed``, ``low, middle, high`` (central 95 % of replicated rates), ``events``,
        ``months`` at risk, ``begin`` and ``end`` over period; rates per month, weighted where the
        rows are.
    """
    found = hazard_columns(fit)
    rows = found.person_time
    weight = column(rows, "weight")
    event = weight * column(rows, "event")
    length = column(rows, "stop") - column(rows, "start")
    bound = by_rows(fit.prepared, rows)
    both = np.concatenate([weight[:, None] * found.values, weight[:, None] ** 2 * found.values], 1)
    sums = np.concatenate(
        [
            hazard_terms(bound, part).expected @ both
            for _, part in in_parts(thinned(values_of(fit), 4 * REPLICATES), rows=rows.n_rows)
        ]
    )
    mean, variance = np.split(sums, 2, axis=1)
    counts = scaled_poisson(mean, variance, np.random.default_rng(seed))
    months = (weight * length) @ found.values
    low, middle, high = np.quantile(counts, _BAND, axis=0) / months
    begin = [column(rows, "start")[each == 1.0].min() for each in found.values.T]
    end = [column(rows, "stop")[each == 1.0].max() for each in found.values.T]
    return xr.Dataset(
        {
            "observed": ("period", event @ found.values / months),
            "low": ("period", low),
            "middle": ("period", middle),
            "high": ("period", high),
            "events": ("period", column(rows, "event") @ found.values),
            "months": ("period", length @ found.values),
            "begin": ("period", np.array(begin)),
            "end": ("period", np.array(end)),
        },
        coords={"period": list(found.labels)},
    )


_EVENTS_A_BIN: Final = 10
_BINS: Final = 5
_GROUPS: Final = 6


def expected_events(fit: FittedModel) -> Floats:
    """Return the expected events of each patient for every draw, shape (draws, patients).

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    ndarray
        Cumulative hazard over the patient's time at risk.
    """
    rows = fit.person_time
    return _by_patient(fit, values_of(fit), rows)


def residual_check(fit: FittedModel) -> xr.Dataset:
    """Return the residuals of each patient and the curves that summarise them.

    Parameters
    ----------
    fit : FittedModel
        The posterior; rows of one history a patient.

    Returns
    -------
    xarray.Dataset
        ``cox_snell`` (posterior mean of the cumulative hazard), ``martingale`` (event less
        cumulative hazard), ``event`` and, with a modifier, ``modifier`` over patient;
        ``cumulative`` (Nelson-Aalen estimate of the residuals' cumulative hazard, to be near the
        diagonal) over ``residual``; ``group_mean, group_low, group_high`` (mean martingale residual
        with 95 % interval) and ``group_modifier`` over group.
    """
    rows = fit.person_time
    first = np.flatnonzero(np.diff(rows.patient_index, prepend=-1))
    event = np.add.reduceat(column(rows, "event"), first)
    lived = expected_events(fit).mean(axis=0)
    curve = kaplan_meier(np.zeros(len(lived)), lived, event)
    steps = curve[TIME].to_numpy()[1:]
    deaths = np.bincount(np.searchsorted(steps, lived[event > 0.0]), minlength=len(steps))
    hazard = np.cumsum(deaths / curve["at_risk"].to_numpy()[1:])
    data = xr.Dataset(
        {
            "cox_snell": ("patient", lived),
            "martingale": ("patient", event - lived),
            "event": ("patient", event),
            "cumulative": ("residual", hazard),
        },
        coords={"residual": steps, "patient": rows.patients},
    )
    modifier = fit.prepared.spec.modifier
    if modifier is None:
        return data
    own = column(rows, modifier.column)[first]
    found = data.assign({"modifier": ("patient", own), **_grouped(own, event - lived, lived)})
    return found.assign_attrs(modifier=fit.prepared.spec.labels.with_unit(modifier.name))


def exponential_score(fit: FittedModel) -> Score:
    """Compare events with exposure by how much hazard patients had lived through.

    In the time scale of the cumulative hazard every patient's hazard is 1, so the events in each
    bin of it should be as many as the exposure in it.

    Parameters
    ----------
    fit : FittedModel
        The posterior; rows of one history a patient.

    Returns
    -------
    Score
        Over up to five bins with equal exposure.
    """
    rows = fit.person_time
    first = np.flatnonzero(np.diff(rows.patient_index, prepend=-1))
    event = np.add.reduceat(column(rows, "event"), first)
    lived = expected_events(fit)
    edges = _edges(lived.mean(axis=0), int(np.clip(event.sum() // _EVENTS_A_BIN, 1, _BINS)))
    exposure = np.stack(
        [
            np.clip(lived - low, 0.0, high - low).sum(axis=1)
            for low, high in itertools.pairwise(edges)
        ],
        axis=1,
    )
    counts = np.stack(
        [((lived > low) & (lived <= high)) @ event for low, high in itertools.pairwise(edges)],
        axis=1,
    )
    labels = tuple(
        f"cumulative hazard {low:.2f}-{high:.2f}" for low, high in itertools.pairwise(edges)
    )
    information = np.diag(exposure.mean(axis=0))
    return score(labels, counts.mean(axis=0), counts - exposure, information)


def _by_patient(fit: FittedModel, values: Values, rows: PersonTime) -> Floats:
    bound = by_rows(fit.prepared, rows)
    first = np.flatnonzero(np.diff(rows.patient_index, prepend=-1))
    return np.concatenate(
        [
            np.add.reduceat(hazard_terms(bound, part).expected, first, axis=1)
            for _, part in in_parts(values, rows=rows.n_rows)
        ]
    )


def _edges(lived: Floats, bins: int) -> Floats:
    """Edges of bins of cumulative hazard in which patients spend equal exposure."""
    ordered = np.sort(lived)
    steps = np.diff(ordered, prepend=0.0) * np.arange(len(ordered), 0, -1)
    spent = np.cumsum(steps) / steps.sum()
    inner = np.interp(np.arange(1, bins) / bins, spent, ordered)
    return np.concatenate([[0.0], inner, [np.inf]])


def _grouped(modifier: Floats, residual: Floats, lived: Floats) -> dict[str, tuple[str, Floats]]:
    """Mean residual by group of the modifier; its variance is the expected events."""
    groups = np.array_split(np.argsort(modifier), min(_GROUPS, max(1, len(modifier) // 5)))
    mean = np.array([residual[g].mean() for g in groups])
    error = np.array([np.sqrt(lived[g].sum()) / len(g) for g in groups])
    return {
        "group_mean": ("group", mean),
        "group_low": ("group", mean - 1.96 * error),
        "group_high": ("group", mean + 1.96 * error),
        "group_modifier": ("group", np.array([np.median(modifier[g]) for g in groups])),
    }
