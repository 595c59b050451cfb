"""Predictions for patients whom the model has not seen: cross-validation by patient, in one batch.

A prediction is made at the patient's entry, from the covariates and the treatment state then, for
the months that follow. Where the treatment starts later, the patient is censored at that moment:
the prediction is for patients as they are, not for what they will be given.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from bayes_ihlrt.checks.accuracy import brier_score, dynamic_auc, observed_by_group
from bayes_ihlrt.checks.columns import treated_rows
from bayes_ihlrt.checks.generator import linear_predictor
from bayes_ihlrt.checks.hazard_terms import by_rows, column, hazard_terms
from bayes_ihlrt.checks.refits import refit
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.inference.fitted import FittedModel

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
FOLDS: Final = 10
_DRAWS: Final = 1000
_GROUPS: Final = 5
_EVENTS_A_GROUP: Final = 8
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
    failed : int
        Folds whose posterior is not to be trusted; their patients are NaN.
    """

    time: Floats
    event: Floats
    survival: Floats
    horizons: tuple[float, ...]
    deaths: Floats
    expected: Floats
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
    for number in np.flatnonzero(found.trusted):
        values, share = found.member(int(number))
        own = fold == number
        part = _rows_of(rows, np.flatnonzero(own))
        survival[own] = _survival(fit, part, values, share, horizons)
        total = share @ hazard_terms(by_rows(fit.prepared, part), values).expected
        expected[own] = np.bincount(part.patient_index, total)
    time, event = _until_change(fit, first)
    failed = int((~found.trusted).sum())
    return Predictions(time, event, survival, horizons, deaths, expected, failed)


def calibration_data(found: Predictions) -> xr.Dataset:
    """Return predicted and observed survival by group of predicted risk, Brier score and AUC.

    Parameters
    ----------
    found : Predictions
        From `cross_validate`.

    Returns
    -------
    xarray.Dataset
        ``predicted``, ``observed``, ``low``, ``high`` over (horizon, group), groups by predicted
        survival with about equal numbers of patients; ``brier``, ``brier_se``, ``brier_null`` (of
        the Kaplan-Meier estimate without covariates), ``auc``, ``auc_se`` over horizon.
    """
    good = np.isfinite(found.expected)
    time, event = found.time[good], found.event[good]
    count = int(np.clip(event.sum() // _EVENTS_A_GROUP, 1, _GROUPS))
    columns: dict[str, list[Floats | float]] = {
        name: []
        for name in (
            *("predicted", "observed", "low", "high"),
            *("brier", "brier_se", "brier_null", "auc", "auc_se"),
        )
    }
    for j, horizon in enumerate(found.horizons):
        survival = found.survival[good, j]
        group = _by_rank(survival, count)
        observed, se = observed_by_group(time, event, group, horizon)
        whole = observed_by_group(time, event, np.zeros(len(time), np.intp), horizon)[0]
        brier = brier_score(time, event, survival, horizon)
        auc = dynamic_auc(time, event, survival, horizon)
        null = brier_score(time, event, np.full(len(time), whole[0]), horizon)
        predicted = np.array([survival[group == g].mean() for g in range(count)])
        band = _log_minus_log(observed, se)
        numbers = (brier.value, brier.se, null.value, auc.value, auc.se)
        row: tuple[Floats | float, ...] = (predicted, observed, *band, *numbers)
        for name, value in zip(columns, row, strict=True):
            columns[name].append(value)
    dims = {2: ("horizon", "group"), 1: ("horizon",)}
    arrays = {name: np.array(values) for name, values in columns.items()}
    return xr.Dataset(
        {name: (dims[array.ndim], array) for name, array in arrays.items()},
        coords={"horizon": list(found.horizons)},
    )


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


def calibration_p(found: Predictions) -> tuple[float, int]:
    """Return chi-square p of events against cross-validated expected events by group of risk.

    Over the whole follow-up as it was, so that no censoring weights are needed. The model fits the
    total nearly freely, which makes the test conservative.

    Parameters
    ----------
    found : Predictions
        From `cross_validate`.

    Returns
    -------
    p : float
        Small where predictions are off.
    groups : int
        Degrees of freedom.
    """
    good = np.isfinite(found.expected)
    count = int(np.clip(found.deaths[good].sum() // _EVENTS_A_GROUP, 1, _GROUPS))
    group = _by_rank(found.survival[good].mean(axis=1), count)
    observed = np.bincount(group, found.deaths[good], minlength=count)
    expected = np.bincount(group, found.expected[good], minlength=count)
    statistic = float(np.sum((observed - expected) ** 2 / expected))
    return float(stats.chi2.sf(statistic, count)), count


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


def _by_rank(survival: Floats, groups: int) -> Ints:
    """Number groups of about equal size, the lowest survival first."""
    rank = np.argsort(np.argsort(survival, kind="stable"), kind="stable")
    return (rank * groups // len(survival)).astype(np.intp)


def _log_minus_log(survival: Floats, se: Floats) -> tuple[Floats, Floats]:
    """Central 95 % interval of a Kaplan-Meier estimate on the log(-log) scale."""
    inside = (survival > 0.0) & (survival < 1.0)
    s = np.where(inside, survival, 0.5)
    spread = 1.96 * se / (s * -np.log(s))
    low, high = s ** np.exp(spread), s ** np.exp(-spread)
    return np.where(inside, low, survival), np.where(inside, high, survival)
