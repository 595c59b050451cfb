"""Events that are looked for at scans: each happened after one scan and by the next.

A patient is followed until the last scan that tells anything. The event is written at the scan that
found it, and beside it stands the last scan without (`LAST_FREE`), by which the likelihood knows
that it may have happened at any time in between.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.raw import Floats, RawCohort, Role
from bayes_ihlrt.cohort.starts import SAME_TIME, follow_up
from bayes_ihlrt.cohort.time_rules import negative, same_time, told_apart
from bayes_ihlrt.errors import Fault
from bayes_ihlrt.files.messages import LISTED, are, cells, counted, patients, share, shown
from bayes_ihlrt.names import LAST_FREE

type Columns = Mapping[str, NDArray[Any]]

APART: Final = 1.25
"""Ratio of median times between scans beyond which two arms are not looked at alike.

Where both are scanned alike, every 3 months with a standard deviation of 1.5, it is passed in less
than 1 of 100 cohorts of 200 patients and in 1 of 8 of 60; with one of 0.75 in none.
"""
_FEWEST: Final = 5
"""Intervals in an arm below which medians are not compared."""


def check_scans(raw: RawCohort) -> list[Fault]:
    """Return the faults of scans between which an event happened.

    Parameters
    ----------
    raw : RawCohort
        Columns read by role.

    Returns
    -------
    list of Fault
        Scans before time zero, in the wrong order or before entry, patients without a scan after
        it, nobody in whom the event was found; empty where the event is no interval.
    """
    left, right, start = raw.numbers.get(Role.LEFT), raw.numbers.get(Role.RIGHT), raw.start
    faults = [*_negative(raw, Role.LEFT), *_negative(raw, Role.RIGHT)]
    if left is None or right is None or start is None:
        return faults
    same = same_time(raw)
    wrong = np.flatnonzero((left > right + same) & (right >= 0.0))
    if len(wrong):
        spans = ("free at {}, found at {}".format(*told_apart(left[i], right[i])) for i in wrong)
        problem = f"in {share(len(wrong), raw.n_rows, 'patient')} the event was found before the "
        problem += f"last scan without it: {_listed(spans, raw, wrong)}"
        remedy = "Write the last scan without the event that was made before the one that found it"
        faults.append(Fault(raw.where(Role.LEFT, Role.RIGHT), problem, remedy))
    early = np.flatnonzero((right <= start + same) & (right >= 0.0) & ~(left > right + same))
    if len(early):
        spans = ("found at {}, entry {}".format(*_both(right[i], start[i])) for i in early)
        problem = f"in {share(len(early), raw.n_rows, 'patient')} the event was found when or "
        problem += f"before observation began: {_listed(spans, raw, early)}"
        remedy = "Leave these patients out: who has had the event is not at risk of it"
        faults.append(Fault(raw.where(Role.RIGHT, Role.ENTRY), problem, remedy))
    unseen = np.flatnonzero(np.isposinf(right) & (left <= start + same) & (left >= 0.0))
    if len(unseen):
        problem = f"{share(len(unseen), raw.n_rows, 'patient')} {are(len(unseen))} without a scan "
        problem += f"after observation began ({patients(raw.patient, unseen)})"
        remedy = "Give the last scan without the event, or leave them out: nothing is known of them"
        faults.append(Fault(raw.where(Role.LEFT, Role.RIGHT), problem, remedy))
    if np.isposinf(right).all():
        problem = "every cell is empty, so that the event was found in nobody"
        remedy = "Check that this is the column with the scan that found the event"
        faults.append(Fault(raw.where(Role.RIGHT), problem, remedy))
    return faults


def _negative(raw: RawCohort, role: Role) -> list[Fault]:
    remedy = "A scan before time zero tells nothing of what happened after it: leave the cell empty"
    if role is Role.RIGHT:
        remedy = "Leave these patients out: who has had the event is not at risk of it"
    return negative(raw, role, "before time zero", remedy)


def _both(right: float, entry: float) -> tuple[str, ...]:
    return (shown(right), shown(entry)) if right == entry else told_apart(right, entry)


def _listed(spans: Any, raw: RawCohort, rows: NDArray[np.intp]) -> str:
    return cells([span for span, _ in zip(spans, range(LISTED), strict=False)], raw.patient[rows])


def last_free(raw: RawCohort) -> Floats:
    """Return the last scan without the event of those in whom it was found later.

    Parameters
    ----------
    raw : RawCohort
        Columns read by role, without faults.

    Returns
    -------
    ndarray of float, shape (rows,)
        In the unit of the file, no earlier than entry, which a patient reaches without the event;
        infinite where the time is exact or the event was not found.
    """
    left, right, start = raw.numbers[Role.LEFT], raw.numbers[Role.RIGHT], raw.start
    between = np.isfinite(right) & (right - left > same_time(raw))
    return np.where(between, np.maximum(left, 0.0 if start is None else start), np.inf)


def settle_scans(columns: Columns) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """Take treatment out that starts when nothing is known of the event any more.

    A treatment that starts at the scan that found the event, or after a patient's last scan, cannot
    have moved what was found: the patient counts as never treated. Where the time of the event is
    exact, what comes first is asked of `settle_ties`.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        Columns of a `Cohort`, months.

    Returns
    -------
    columns : dict of str to ndarray, shape (rows,)
        The same where the event is no interval.
    notes : tuple of str
        How many patients it concerns, and how wide the intervals are.
    """
    if LAST_FREE not in columns:
        return dict(columns), ()
    free, stop, event = (columns[name] for name in (LAST_FREE, "stop", "event"))
    notes = [_widths(columns)]
    if "treatment_start" not in columns:
        return dict(columns), tuple(notes)
    start = columns["treatment_start"]
    exact = (event == 1.0) & np.isinf(free)
    late = np.isfinite(start) & (start > stop + np.where(exact, SAME_TIME, -SAME_TIME))
    if late.any():
        notes.append(
            f"{counted(int(late.sum()), 'patient was', 'patients were')} treated at the scan that "
            "found the event or after the last scan; they count as not treated within follow-up."
        )
    return {**columns, "treatment_start": np.where(late, np.inf, start)}, tuple(notes)


def _widths(columns: Columns) -> str:
    """How the event is known, by patient."""
    free, stop, event = (columns[name] for name in (LAST_FREE, "stop", "event"))
    between, first = np.isfinite(free), np.isfinite(free) & (free <= columns["start"])
    exact, never = int(((event == 1.0) & ~between).sum()), int((event == 0.0).sum())
    told = f"EVENT BETWEEN SCANS in {int(between.sum())} patients"
    if between.any():
        width = (stop - free)[between]
        told += f", {np.median(width):.3g} months apart in the median (longest {width.max():.3g})"
    told += f"; {int(first.sum())} of them had no scan before it"
    return f"{told}. The time is exact in {exact}, and the event was not found in {never}."


def schedule_notes(columns: Columns, treatment: str | None) -> list[str]:
    """Return how far apart scans are by treatment, and a warning where that differs.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        Columns of a `Cohort`, one row a patient.
    treatment : str or None
        Name of the treatment.

    Returns
    -------
    list of str
        One sentence; empty where the event is no interval, or nobody is treated.
    """
    widths = scan_widths(columns, treatment)
    arms = {name: width for name, width in widths.items() if len(width)}
    if treatment is None or len(arms) < 2:
        return []
    medians = {name: float(np.median(width)) for name, width in arms.items()}
    told = ", ".join(
        f"{medians[name]:.3g} months {name} ({len(width)})" for name, width in arms.items()
    )
    low, high = min(medians.values()), max(medians.values())
    enough = min(map(len, arms.values())) >= _FEWEST
    if high <= APART * low or not enough:
        return [f"Scans around the event were apart, in the median: {told}."]
    return [
        f"SCANS DIFFER BY TREATMENT: around the event they were apart, in the median, {told}. "
        "Whoever is scanned less often is found later: dates of scans would favour that arm. "
        "Intervals do not, as long as scans were not brought forward because of symptoms."
    ]


def scan_widths(columns: Columns, treatment: str | None) -> dict[str, Floats]:
    """Return the months between the scans around the event, by treatment at the earlier scan.

    When the later scan was to be made was known at the earlier one. By treatment at the later one,
    long intervals would be under treatment more often only because more starts lie in them; without
    those that hold the start, the others would be shorter for the same reason.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        Columns of a `Cohort`, one row a patient.
    treatment : str or None
        Name of the treatment.

    Returns
    -------
    dict of str to ndarray
        ``"under treatment"`` and ``"without"``; empty where the event is no interval.

    Examples
    --------
    >>> found = scan_widths({"patient": np.array(["a", "b"]), "start": np.zeros(2),
    ...     "stop": np.array([6.0, 9.0]), "last_free": np.array([3.0, 3.0]),
    ...     "treatment_start": np.array([4.0, 2.0])}, "ihlrt")
    >>> {name: width.tolist() for name, width in found.items()}
    {'under treatment': [6.0], 'without': [3.0]}
    """
    if LAST_FREE not in columns:
        return {}
    known = follow_up(columns, treatment)
    free, stop = columns[LAST_FREE], columns["stop"]
    between = np.isfinite(free)
    treated = known.treated_from[known.row_patient] <= free
    return {
        "under treatment": (stop - free)[between & treated],
        "without": (stop - free)[between & ~treated],
    }
