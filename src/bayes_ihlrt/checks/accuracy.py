"""Survival predicted for patients whom the model has not seen, and how good the predictions are.

A prediction is made at the patient's entry, from the covariates and the treatment state then, for
the months that follow. Where the treatment starts later, the patient is censored at that moment:
the prediction is for patients as they are, not for what they will be given.

Predictions are cross-validated by patient, in one batch. Under censoring they are judged by Brier
score, AUC and calibration by risk group.

References
----------
Graf E, Schmoor C, Sauerbrei W, Schumacher M. Stat Med 1999;18:2529-2545,
doi 10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5 (Brier score).
Uno H, Cai T, Tian L, Wei LJ. J Am Stat Assoc 2007;102:527-537, doi 10.1198/016214507000000149
(weighted AUC).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.calibration.simulate import linear_predictor
from bayes_ihlrt.checks.leave_out import refit
from bayes_ihlrt.checks.terms import (
    LEVELS,
    by_rows,
    column,
    cut_at,
    event_quantiles,
    event_times_of,
    hazard_terms,
    middle,
    treated_rows,
)
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.estimands.product_limit import kaplan_meier
from bayes_ihlrt.hazards.piecewise import interval_labels
from bayes_ihlrt.names import TIME
from bayes_ihlrt.posterior.fitted import FittedModel

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error.

    Parameters
    ----------
    value, se : float
        Estimate and standard error; the censoring weights count as known.
    """

    value: float
    se: float


def censoring_weights(time: Floats, event: Floats, horizon: float) -> Floats:
    """Return inverse-probability-of-censoring weights at a horizon.

    1 / G(t-) for an event at t up to the horizon, 1 / G(horizon) for those followed beyond it, 0
    for those censored before it; G is the Kaplan-Meier estimate of remaining uncensored.

    Parameters
    ----------
    time, event : ndarray, shape (patients,)
        Months from the origin of the prediction to the event (1) or to censoring (0).
    horizon : float
        Months.

    Returns
    -------
    ndarray, shape (patients,)
        Their mean is about 1.

    Examples
    --------
    >>> censoring_weights(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 0, 1, 1]), 3.5).round(2)
    array([1. , 0. , 1.5, 1.5])
    """
    # At a tie the event comes first: censoring at t removes nobody who has the event at t.
    curve = kaplan_meier(np.zeros(len(time)), time + 1e-9 * (event == 0.0), 1.0 - event)
    steps, remaining = curve[TIME].to_numpy(), curve["survival"].to_numpy()
    before = np.searchsorted(steps, np.minimum(time, horizon), side="left")
    at_horizon = np.searchsorted(steps, horizon, side="right")
    chance = remaining[np.where(time > horizon, at_horizon, np.maximum(before, 1)) - 1]
    known = (time > horizon) | (event == 1.0)
    return np.asarray(known / np.where(chance > 0.0, chance, np.inf))


def brier_score(time: Floats, event: Floats, survival: Floats, horizon: float) -> Estimate:
    """Return the Brier score of predicted survival at a horizon.

    BS(h) = mean over patients of w_i (1[t_i > h] - S_i(h))^2, w_i from `censoring_weights`.

    Parameters
    ----------
    time, event : ndarray, shape (patients,)
        Months to the event (1) or to censoring (0).
    survival : ndarray, shape (patients,)
        Predicted probability of being event-free at the horizon.
    horizon : float
        Months.

    Returns
    -------
    Estimate
        0 is perfect; 0.25 is what a constant 0.5 gives.

    Examples
    --------
    >>> brier_score(np.array([1.0, 5.0]), np.ones(2), np.array([0.2, 0.9]), 2.0).value
    0.025
    """
    terms = censoring_weights(time, event, horizon) * ((time > horizon) - survival) ** 2
    return Estimate(float(terms.mean()), float(terms.std(ddof=1) / np.sqrt(len(terms))))


def dynamic_auc(time: Floats, event: Floats, survival: Floats, horizon: float) -> Estimate:
    """Return the cumulative/dynamic AUC at a horizon.

    The probability that of a patient with the event by the horizon and one without, the former has
    the lower predicted survival; cases weighted by `censoring_weights`, ties counted one half.

    Parameters
    ----------
    time, event : ndarray, shape (patients,)
        Months to the event (1) or to censoring (0).
    survival : ndarray, shape (patients,)
        Predicted probability of being event-free at the horizon.
    horizon : float
        Months.

    Returns
    -------
    Estimate
        NaN where there is no case or no control.

    Examples
    --------
    >>> dynamic_auc(np.array([1.0, 2.0, 9.0, 9.0]), np.ones(4), np.array([0.1, 0.6, 0.5, 0.9]),
    ...             5.0).value
    0.75
    """
    weight = censoring_weights(time, event, horizon)
    case, control = (time <= horizon) & (weight > 0.0), time > horizon
    if not case.any() or not control.any():
        return Estimate(np.nan, np.nan)
    w = weight[case]
    won = survival[case][:, None] < survival[control]
    pairs = won + 0.5 * (survival[case][:, None] == survival[control])
    of_case, of_control = pairs.mean(axis=1), w @ pairs / w.sum()
    auc = float(w @ of_case / w.sum())
    variance = np.sum(w**2 * (of_case - auc) ** 2) / w.sum() ** 2
    variance += np.sum((of_control - auc) ** 2) / len(of_control) ** 2
    return Estimate(auc, float(np.sqrt(variance)))


def observed_by_group(
    time: Floats, event: Floats, group: NDArray[np.intp], horizon: float
) -> tuple[Floats, Floats]:
    """Return Kaplan-Meier survival at a horizon in each group, with Greenwood's standard error.

    Parameters
    ----------
    time, event : ndarray, shape (patients,)
        Months to the event (1) or to censoring (0).
    group : ndarray of int, shape (patients,)
        Numbered from 0.
    horizon : float
        Months.

    Returns
    -------
    survival : ndarray, shape (groups,)
        NaN where nobody is followed to the horizon and somebody is censored before it.
    se : ndarray, shape (groups,)
        Likewise.
    """
    found, error = [], []
    for number in range(int(group.max()) + 1):
        own = group == number
        curve = kaplan_meier(np.zeros(own.sum()), time[own], event[own])
        last = np.searchsorted(curve[TIME].to_numpy(), horizon, side="right") - 1
        survival = curve["survival"].to_numpy()[: last + 1]
        fewer = survival[1:] / np.where(survival[:-1] > 0.0, survival[:-1], 1.0)
        left = curve["at_risk"].to_numpy()[1 : last + 1] * fewer
        terms = np.where(left > 0.0, (1.0 - fewer) / np.where(left > 0.0, left, 1.0), 0.0)
        known = time[own].max() >= horizon or survival[-1] == 0.0
        found.append(survival[-1] if known else np.nan)
        error.append(survival[-1] * np.sqrt(terms.sum()) if known else np.nan)
    return np.array(found), np.array(error)


Ints = NDArray[np.intp]
FOLDS: Final = 10
_DRAWS: Final = 1000
_MIN_SIDE: Final = 10


@dataclass(frozen=True, eq=False)
class Predictions:
    """Cross-validated predictions.

    Parameters
    ----------
    time, event : ndarray, shape (patients,)
        Months from entry to the event (1) or to censoring (0), a later start of treatment included.
    survival : ndarray, shape (patients, horizons)
        Predicted probability of being event-free that many months after entry.
    horizons : tuple of float
        Months after entry.
    deaths, expected : ndarray, shape (patients,)
        Events over the whole follow-up as it was, and their prediction.
    periods : tuple of str
        Names of periods of follow-up with about as many events each.
    by_period : ndarray, shape (2, periods)
        Events in each period, and their prediction from the other patients.
    covariates : mapping of str to ndarray, shape (patients,)
        Values at entry of each column of the model that takes more than two.
    failed : int
        Folds whose posterior is not to be trusted; their patients are NaN.
    """

    time: Floats
    event: Floats
    survival: Floats
    horizons: tuple[float, ...]
    deaths: Floats
    expected: Floats
    periods: tuple[str, ...]
    by_period: Floats
    covariates: Mapping[str, Floats]
    failed: int


def cross_validate(
    fit: FittedModel, horizons: tuple[float, ...], *, folds: int = FOLDS, seed: int
) -> Predictions:
    """Predict every patient from a posterior of the others.

    Parameters
    ----------
    fit : FittedModel
        The model; rows of one history a patient.
    horizons : tuple of float
        Months after entry.
    folds : int
        Parts into which patients are divided.
    seed : int
        Seed of the division and of the posteriors.

    Returns
    -------
    Predictions
        One for each patient.
    """
    rows = fit.person_time
    first = np.flatnonzero(np.diff(rows.patient_index, prepend=-1))
    deaths = np.add.reduceat(column(rows, "event"), first)
    fold = _folds(deaths, folds=folds, seed=seed)
    weights = (fold[None, :] != np.arange(folds)[:, None]).astype(np.float64)
    found = refit(fit.prepared, rows, weights, draws=_DRAWS, seed=seed)
    survival = np.full((len(first), len(horizons)), np.nan)
    expected = np.full(len(first), np.nan)
    cuts = event_quantiles(event_times_of(rows))
    by_period = np.zeros((2, len(cuts) + 1))
    for number in np.flatnonzero(found.trusted):
        values, share = found.member(int(number))
        own = fold == number
        part = _rows_of(rows, np.flatnonzero(own))
        survival[own] = _survival(fit, part, values, share, horizons)
        pieces = cut_at(part, cuts)
        total = share @ hazard_terms(by_rows(fit.prepared, pieces), values).expected
        expected[own] = np.bincount(pieces.patient_index, total)
        period = np.searchsorted(np.asarray(cuts), middle(pieces))
        for place, count in enumerate((column(pieces, "event"), total)):
            by_period[place] += np.bincount(period, count, minlength=len(cuts) + 1)
    time, event = _until_change(fit, first)
    return Predictions(
        time,
        event,
        survival,
        horizons,
        deaths,
        expected,
        tuple(interval_labels(cuts)) if cuts else ("all",),
        by_period,
        _covariates(fit, first),
        failed=int((~found.trusted).sum()),
    )


def _covariates(fit: FittedModel, first: Ints) -> dict[str, Floats]:
    """Columns of the design at entry, products left out, that take more than two values."""
    encoder = fit.prepared.encoder
    design = encoder.design(fit.person_time.columns)[first]
    return {
        name: design[:, j]
        for j, name in enumerate(encoder.columns)
        if ":" not in name and len(np.unique(design[:, j])) > LEVELS
    }


def usable_horizons(fit: FittedModel, wanted: tuple[float, ...]) -> tuple[float, ...]:
    """Return the horizons by which ten patients had the event and beyond which ten are followed.

    Parameters
    ----------
    fit : FittedModel
        The model.
    wanted : tuple of float
        Months after entry.

    Returns
    -------
    tuple of float
        Those at which a prediction can be judged.
    """
    first = np.flatnonzero(np.diff(fit.person_time.patient_index, prepend=-1))
    time, event = _until_change(fit, first)
    return tuple(
        horizon
        for horizon in wanted
        if (event[time <= horizon]).sum() >= _MIN_SIDE and (time > horizon).sum() >= _MIN_SIDE
    )


def _folds(event: Floats, *, folds: int, seed: int) -> Ints:
    """Divide patients at random, events spread evenly."""
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(event)), event))
    fold = np.empty(len(event), dtype=np.intp)
    fold[order] = np.arange(len(event)) % folds
    return fold


def _rows_of(rows: PersonTime, patients: Ints) -> PersonTime:
    mask = np.isin(rows.patient_index, patients)
    return PersonTime({name: v[mask] for name, v in rows.columns.items()}, rows.provenance)


def _survival(
    fit: FittedModel,
    part: PersonTime,
    values: dict[str, Floats],
    share: Floats,
    horizons: tuple[float, ...],
) -> Floats:
    """Predicted survival from entry, shape (patients, horizons)."""
    first = np.flatnonzero(np.diff(part.patient_index, prepend=-1))
    hazard = fit.prepared.hazard
    eta = np.asarray(linear_predictor(by_rows(fit.prepared, part), values))
    risk = np.exp(np.broadcast_to(eta, (len(share), part.n_rows))[:, first])
    theta = {name: values[name] for name in hazard.parameters}
    entry = column(part, "start")[first]
    curves = []
    for horizon in horizons:
        basis = hazard.increment_basis(np, entry, entry + horizon)
        curves.append(share @ np.exp(-risk * hazard.cumulative_hazard(np, basis, theta)))
    return np.stack(curves, axis=1)


def _until_change(fit: FittedModel, first: Ints) -> tuple[Floats, Floats]:
    """Months from entry to the event, to censoring, or to a change of the treatment state."""
    rows = fit.person_time
    treated = treated_rows(fit, rows)
    state = np.zeros(rows.n_rows, bool) if treated is None else treated
    patient = rows.patient_index
    same = state == state[first][patient]
    end = np.where(same, column(rows, "stop"), -np.inf)
    changed = np.full(len(first), np.inf)
    np.minimum.at(changed, patient[~same], column(rows, "start")[~same])
    until = np.minimum(np.maximum.reduceat(end, first), changed)
    event = np.add.reduceat(column(rows, "event") * same, first) * np.isinf(changed)
    return until - column(rows, "start")[first], event
