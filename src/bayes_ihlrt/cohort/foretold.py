"""Covariates that know the outcome, and categories of which the data tell nothing.

Where whoever has the event has the highest (or the lowest) value of a covariate among all at risk,
every time, the likelihood rises without end as its coefficient grows: its hazard ratio is what the
prior makes of it.

References
----------
Bryson MC, Johnson ME. The incidence of monotone likelihood in the Cox model. Technometrics
1981;23:381-383, doi 10.1080/00401706.1981.10487683.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import SAME_TIME, FollowUp
from bayes_ihlrt.files.messages import counted, enumerated, shown

type Floats = NDArray[np.float64]

_FEWEST_EVENTS = 3


def predictor_notes(cohort: Cohort, known: FollowUp, *, covariates: Sequence[str]) -> list[str]:
    """Return which covariates foretell the outcome, and which categories have no event.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    known : FollowUp
        Its patients' follow-up.
    covariates : sequence of str
        Columns that the analysis reads.

    Returns
    -------
    list of str
        One sentence a covariate; empty for fewer than three events, where little else is told.
    """
    event = cohort.columns["event"] == 1.0
    if event.sum() < _FEWEST_EVENTS:
        return []
    notes: list[str] = []
    for name in covariates:
        if name not in cohort.columns:
            continue
        values = cohort.columns[name]
        if values.dtype == object:
            notes += _empty_levels(cohort, name, values)
        elif (found := _foretells(cohort, known, name, values.astype(np.float64))) is not None:
            notes.append(found)
    return notes


def _foretells(cohort: Cohort, known: FollowUp, name: str, values: Floats) -> str | None:
    if not np.isfinite(values).all():
        return None
    levels = np.unique(values)
    if len(levels) == 2:
        # Time-varying or not: what counts is in which rows events are.
        told = _binary(cohort, known, name, values, (float(levels[0]), float(levels[1])))
        if told is not None:
            return told
    _, first = np.unique(known.row_patient, return_index=True)
    own = values[first]
    if (values != own[known.row_patient]).any():
        return None
    died = np.zeros(len(own), dtype=bool)
    died[known.row_patient[cohort.columns["event"] == 1.0]] = True
    if len(levels) >= _FEWEST_EVENTS and len(own) >= 8 and _follows(own, known.end - known.entry):
        return (
            f"KNOWS THE OUTCOME: {name} goes with the length of follow-up, patient by patient, as "
            "only what is counted afterwards does. Leave out what was not known at time zero."
        )
    for word, signed in (("highest", own), ("lowest", -own)):
        if _first_to_go(signed, known.end, died):
            return (
                f"SEPARATION: whoever has the event has the {word} {name} of all patients at risk, "
                "every time: its hazard ratio is the prior's. Check that it was known at time "
                "zero, or leave it out."
            )
    return None


def _binary(
    cohort: Cohort, known: FollowUp, name: str, values: Floats, levels: tuple[float, float]
) -> str | None:
    n = len(known.patients)
    died, has = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    died[known.row_patient[cohort.columns["event"] == 1.0]] = True
    has[known.row_patient[values == levels[1]]] = True
    for level, same in ((levels[1], has == died), (levels[0], has != died)):
        if same.all():
            return (
                f"KNOWS THE OUTCOME: {name} is {shown(level)} exactly where the event happened: "
                "its hazard ratio is the prior's. Leave out what was not known at time zero."
            )
    silent = [level for level in levels if not _events(cohort, values == level)]
    return (
        _without_event(cohort, name, [(shown(v), values == v) for v in silent]) if silent else None
    )


def _empty_levels(cohort: Cohort, name: str, labels: NDArray[np.object_]) -> list[str]:
    silent = [
        (f"'{label}'", labels == label)
        for label in dict.fromkeys(labels.tolist())
        if not _events(cohort, labels == label)
    ]
    return [_without_event(cohort, name, silent)] if silent else []


def _events(cohort: Cohort, rows: NDArray[np.bool_]) -> bool:
    return bool((cohort.columns["event"][rows] == 1.0).any())


def _without_event(cohort: Cohort, name: str, levels: list[tuple[str, NDArray[np.bool_]]]) -> str:
    months = cohort.columns["stop"] - cohort.columns["start"]
    who = cohort.columns["patient"]
    told = [
        f"{level} ({counted(len(set(who[own].tolist())), 'patient', 'patients')}, "
        f"{float(months[own].sum()):,.1f} person-months)"
        for level, own in levels
    ]
    return (
        f"NO EVENT where {name} is {enumerated(told, len(told))}: how far its hazard ratio lies "
        "from 1 is the prior's answer. Merge it with another category, or report the prior."
    )


def _follows(values: Floats, length: Floats) -> bool:
    """Whether ranks of values and of follow-up are the same, or opposite, but for a fiftieth."""
    ranks = [
        np.unique(each, return_inverse=True)[1].astype(np.float64) for each in (values, length)
    ]
    if min(np.ptp(each) for each in ranks) == 0.0:
        return False
    centred = [each - each.mean() for each in ranks]
    size = float(np.linalg.norm(centred[0]) * np.linalg.norm(centred[1]))
    return abs(float(centred[0] @ centred[1])) > 0.98 * size


def _first_to_go(values: Floats, end: Floats, died: NDArray[np.bool_]) -> bool:
    """Whether whoever has the event has the highest value among all who are followed as long."""
    order = np.argsort(-end, kind="stable")
    highest = np.maximum.accumulate(values[order])
    # Of patients who leave at one time all are still at risk then.
    last = np.searchsorted(-end[order], -end[order] + SAME_TIME, side="right") - 1
    return bool(np.all(values[order][died[order]] >= highest[last][died[order]]))
