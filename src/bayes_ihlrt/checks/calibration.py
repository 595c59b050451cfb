"""Whether cross-validated predictions are as high as they should be."""

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from bayes_ihlrt.checks.accuracy import Predictions, brier_score, dynamic_auc, observed_by_group
from bayes_ihlrt.checks.score import MIN_EXPECTED

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
_GROUPS: Final = 5
_EVENTS_A_GROUP: Final = 8


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


def calibration_p(found: Predictions) -> dict[str, float]:
    """Return chi-square p of events against cross-validated expected events, by what divides them.

    Over the whole follow-up as it was, so that no censoring weights are needed: by group of
    predicted risk, by period of follow-up, and by low, middle and high values of each covariate
    (quarter, half, quarter). The model fits totals nearly freely, which makes the tests
    conservative.

    Parameters
    ----------
    found : Predictions
        From `cross_validate`.

    Returns
    -------
    dict of str to float
        Small where predictions are off.
    """
    good = np.isfinite(found.expected)
    deaths, expected = found.deaths[good], found.expected[good]
    count = int(np.clip(deaths.sum() // _EVENTS_A_GROUP, 1, _GROUPS))
    groups = {"predicted risk": _by_rank(found.survival[good].mean(axis=1), count)}
    for name, values in found.covariates.items():
        edges = np.quantile(values[good], (0.25, 0.75))
        groups[name] = np.searchsorted(edges, values[good], side="left")
    tables = {
        name: np.stack([np.bincount(group, each) for each in (deaths, expected)])
        for name, group in groups.items()
    }
    tables["period"] = found.by_period
    return {name: _chi_square(*table) for name, table in tables.items()}


def _chi_square(observed: Floats, expected: Floats) -> float:
    """Chi-square p; groups in which fewer than three events are expected are left out."""
    kept = expected >= MIN_EXPECTED
    if not kept.any():
        return 1.0
    statistic = float(np.sum((observed - expected)[kept] ** 2 / expected[kept]))
    return float(stats.chi2.sf(statistic, int(kept.sum())))


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
