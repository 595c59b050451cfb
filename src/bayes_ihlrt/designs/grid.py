"""Times at which treatment is decided, for each patient."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.data.listing import counted, patients
from bayes_ihlrt.data.starts import SAME_TIME, FollowUp, by_patient_and_time
from bayes_ihlrt.data.values import visits_of
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.names import StartRule

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Grid:
    """Decision times while patients are followed up, treated or not.

    Parameters
    ----------
    patient, number : ndarray of int, shape (points,)
        Patient number (sorted), and number of the time within the patient's.
    time, until : ndarray of float, shape (points,)
        Months; `until` is the next time, or the end of follow-up.
    last : ndarray of bool, shape (points,)
        Whether no other time follows.
    eligible : ndarray of bool, shape (points,)
        Whether the patient could be treated.
    rule : StartRule
        ``at-visit`` or ``between-visits``.
    """

    patient: Ints
    number: Ints
    time: Floats
    until: Floats
    last: NDArray[np.bool_]
    eligible: NDArray[np.bool_]
    rule: StartRule


def decision_grid(
    cohort: Cohort, known: FollowUp, months: Sequence[float] | None, *, extra: float | None = None
) -> Grid:
    """Return the times at which treatment is decided.

    Parameters
    ----------
    cohort : Cohort
        The cohort, with visits unless months are given.
    known : FollowUp
        Its patients.
    months : sequence of float or None
        The same times for every patient.
    extra : float, optional
        One more time, under the rule ``between-visits``.

    Returns
    -------
    Grid
        Sorted by patient and time.

    Raises
    ------
    SpecificationError
        There are no decision times, or it is not clear which visit starts belong to.
    """
    visits = cohort.visits
    if months is None and visits is not None and visits.every is not None:
        months = np.arange(0.0, float(known.end.max()), visits.every).tolist()
    if months is not None:
        patient, time = _same_for_all(known, np.asarray(months, dtype=np.float64))
    elif visits is not None and len(visits.columns["time"]):
        patient, time = _visits(cohort, known)
    else:
        remedy = "Add `every` (months between decisions) to [visits], or a `file` of visits"
        fault = Fault("decisions", "it is not known when treatment is decided", remedy)
        raise SpecificationError("[visits]", [fault])
    rule = StartRule.AUTO if visits is None else visits.starts
    rule = _resolved(rule, known, patient, time)
    if extra is not None and rule is StartRule.BETWEEN_VISITS:
        patient, time = _with_extra(known, patient, time, extra)
    return _grid(cohort, known, patient, time, rule=rule)


def under_observation(
    cohort: Cohort, known: FollowUp, patient: Ints, time: Floats
) -> NDArray[np.bool_]:
    """Return whether patients are followed up just after a time.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    known : FollowUp
        Its patients.
    patient : ndarray of int, shape (n,)
        Patient numbers.
    time : ndarray of float, shape (n,)
        Months.

    Returns
    -------
    ndarray of bool, shape (n,)
        False in gaps between rows and from the end of follow-up on.
    """
    keys = by_patient_and_time(known.row_patient, cohort.columns["start"])
    row = np.searchsorted(keys, by_patient_and_time(patient, time + SAME_TIME), side="right") - 1
    own: NDArray[np.bool_] = (row >= 0) & (known.row_patient[row] == patient)
    return own & (cohort.columns["stop"][row] > time + SAME_TIME)


def _same_for_all(known: FollowUp, months: Floats) -> tuple[Ints, Floats]:
    n = len(known.patients)
    patient = np.repeat(np.arange(n), len(months))
    time = np.tile(np.sort(months), n)
    inside = (time >= known.entry[patient] - SAME_TIME) & (time < known.end[patient] - SAME_TIME)
    return patient[inside], time[inside]


def _visits(cohort: Cohort, known: FollowUp) -> tuple[Ints, Floats]:
    row, who = visits_of(cohort)
    time = np.empty(0) if cohort.visits is None else cohort.visits.columns["time"][row]
    keep = time < known.end[who] - SAME_TIME
    return who[keep], time[keep]


def _with_extra(known: FollowUp, patient: Ints, time: Floats, extra: float) -> tuple[Ints, Floats]:
    there = np.zeros(len(known.patients), dtype=bool)
    there[patient[np.abs(time - extra) <= SAME_TIME]] = True
    entered = (known.entry <= extra) & (known.end > extra + SAME_TIME)
    more = np.flatnonzero(entered & ~there)
    patient = np.concatenate([patient, more])
    time = np.concatenate([time, np.full(len(more), extra)])
    order = np.lexsort((time, patient))
    return patient[order], time[order]


def _resolved(rule: StartRule, known: FollowUp, patient: Ints, time: Floats) -> StartRule:
    """Find out which visit starts of treatment belong to, or refuse to guess."""
    treated = np.flatnonzero(known.treated_from < known.end - SAME_TIME)
    gap = np.abs(time - known.treated_from[patient])
    nearest = np.full(len(known.patients), np.inf)
    np.minimum.at(nearest, patient, gap)
    off = treated[nearest[treated] > SAME_TIME]
    if rule is StartRule.BETWEEN_VISITS:
        return rule
    if not len(off):
        return StartRule.AT_VISIT
    if rule is StartRule.AT_VISIT:
        started = counted(len(off), "patient starts", "patients start")
        problem = f"{started} treatment at no visit ({patients(known.patients, off)})"
        remedy = "Set starts = 'between-visits', or correct the times"
        raise SpecificationError("[visits]", [Fault("starts", problem, remedy)])
    first = np.full(len(known.patients), np.inf)
    np.minimum.at(first, patient, time)
    at_first = treated[np.abs(known.treated_from - first)[treated] <= SAME_TIME]
    if len(at_first):
        problem = (
            f"{counted(len(at_first), 'patient starts', 'patients start')} treatment exactly at "
            f"the first visit, and {len(off):,} between visits: which visit do starts belong to?"
        )
        remedy = (
            "Set starts = 'between-visits' (treatment follows the visit; those treated at the "
            "first are left out), or move the starts to the visits and set starts = 'at-visit'"
        )
        raise SpecificationError("[visits]", [Fault("starts", problem, remedy)])
    return StartRule.BETWEEN_VISITS


def _grid(cohort: Cohort, known: FollowUp, patient: Ints, time: Floats, *, rule: StartRule) -> Grid:
    head = np.diff(patient, prepend=-1) != 0
    last = np.append(head[1:], True)
    position = np.arange(len(patient))
    number = position - np.maximum.accumulate(np.where(head, position, 0))
    following = np.append(time[1:], 0.0)
    until = np.where(last, known.end[patient], following)
    return Grid(patient, number, time, until, last, _eligible(cohort, patient, time), rule)


def _eligible(cohort: Cohort, patient: Ints, time: Floats) -> NDArray[np.bool_]:
    """Return eligibility at the last visit by a time; before the first nobody is known to be."""
    if cohort.visits is None or cohort.visits.columns["eligible"].all():
        return np.ones(len(patient), dtype=bool)
    seen, who = visits_of(cohort)
    columns = cohort.visits.columns
    keys = by_patient_and_time(who, columns["time"][seen])
    row = np.searchsorted(keys, by_patient_and_time(patient, time + SAME_TIME), side="right") - 1
    own: NDArray[np.bool_] = (row >= 0) & (who[row] == patient)
    eligible: NDArray[np.bool_] = columns["eligible"][seen][row] == 1.0
    return own & eligible
