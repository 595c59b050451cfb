"""Cox-Snell and martingale residuals.

The cumulative hazard that a patient has lived through between entry and exit is, where the model
is right, a unit exponential variate, censored like the patient; delayed entry and switches of
treatment need no correction, since only time at risk is counted.
"""

import itertools
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.checks.hazard_terms import (
    Values,
    by_rows,
    column,
    hazard_terms,
    in_parts,
    values_of,
)
from bayes_ihlrt.checks.score import Score, score
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.estimands.product_limit import kaplan_meier
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.names import TIME

Floats = NDArray[np.float64]
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
    return found.assign_attrs(modifier=modifier.name)


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
