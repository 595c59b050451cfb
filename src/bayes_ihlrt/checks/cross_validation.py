"""Predictions for patients whom the model has not seen: cross-validation by patient, in one batch.

A prediction is made at the patient's entry, from the covariates and the treatment state then, for
the months that follow. Where the treatment starts later, the patient is censored at that moment:
the prediction is for patients as they are, not for what they will be given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.checks.columns import LEVELS, event_quantiles, event_times_of, treated_rows
from bayes_ihlrt.checks.generator import linear_predictor
from bayes_ihlrt.checks.hazard_terms import by_rows, column, cut_at, hazard_terms, middle
from bayes_ihlrt.checks.refits import refit
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.model.build import interval_labels

Floats = NDArray[np.float64]
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
