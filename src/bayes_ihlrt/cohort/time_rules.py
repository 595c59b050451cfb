"""Rules on times: of no length, negative, backwards, beyond human life, overlapping.

Times that are the same apart from rounding are the same.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.raw import Floats, RawCohort, Role, Rows
from bayes_ihlrt.cohort.starts import SAME_TIME, resolution
from bayes_ihlrt.errors import Fault
from bayes_ihlrt.files.messages import LISTED, are, cells, counted, share, shown
from bayes_ihlrt.names import DAYS_PER_MONTH, TimeUnit

LONGEST_MONTHS: Final = 1440.0
"""No patient is followed for 120 years: longer times are in another unit."""

LONGEST_MEDIAN_MONTHS: Final = 600.0
"""No cohort is followed for 50 years in the median."""


def same_time(raw: RawCohort) -> float:
    """Return how far apart two times are the same, in the unit of the file."""
    return SAME_TIME / raw.data.time_unit.months


def check_times(raw: RawCohort, rows: Rows | None) -> list[Fault]:
    """Return the faults of single times: zero, negative, backwards.

    Parameters
    ----------
    raw : RawCohort
        Columns read by role.
    rows : Rows or None
        Rows by patient and time; None where patients are not identified.

    Returns
    -------
    list of Fault
        Those that were found.
    """
    if raw.data.one_row_a_patient:
        return [*_not_positive(raw), *_begun_before(raw, Role.ENTRY), *_entry_after_exit(raw)]
    return [*_begun_before(raw, Role.START), *_backwards(raw, rows)]


def check_time_unit(raw: RawCohort) -> list[Fault]:
    """Return the fault of patients who are followed for too long for the declared unit.

    Parameters
    ----------
    raw : RawCohort
        Columns read by role.

    Returns
    -------
    list of Fault
        One fault, or none. Where entry is late, as on the scale of age, it is the time under
        observation that counts.
    """
    followed = _under_observation(raw)
    if not len(followed):
        return []
    unit = raw.data.time_unit
    for what, months, limit in (
        ("longest", float(followed.max()) * unit.months, LONGEST_MONTHS),
        ("median", float(np.median(followed)) * unit.months, LONGEST_MEDIAN_MONTHS),
    ):
        if months > limit:
            length = months / unit.months
            shorter = [u.value for u in TimeUnit if length * u.months <= limit]
            remedy = f"Check the column: its {what} value is beyond human life"
            origin = raw.data.origin
            if origin is not None:
                remedy = f"If {origin} is a date of birth, name the start of therapy in `origin`; "
                remedy += "with age as the time scale, name the first date under observation in "
                remedy += "`entry` too"
            elif shorter:
                remedy = f"If the times are in {' or '.join(shorter)}, say so in `time_unit`"
            problem = (
                f"the {what} follow-up is {shown(length)} {unit.value}, that is "
                f"{months / 12:,.0f} years"
            )
            return [Fault(raw.where(Role.TIME, Role.STOP), problem, remedy)]
    return []


def _under_observation(raw: RawCohort) -> Floats:
    """Return how long each patient was followed, in the unit of the file, where it is known."""
    if raw.start is None or raw.stop is None:
        return np.empty(0)
    _, who = np.unique(raw.patient.astype(str), return_inverse=True)
    first, last = np.full(who.max() + 1, np.inf), np.full(who.max() + 1, -np.inf)
    np.fmin.at(first, who, raw.start)
    np.fmax.at(last, who, raw.stop)
    length: Floats = last - first
    return np.asarray(length[np.isfinite(length)])


def tied_rows(raw: RawCohort, rows: Rows | None) -> NDArray[np.bool_]:
    """Return which rows of no length say that treatment starts as follow-up ends.

    Parameters
    ----------
    raw : RawCohort
        Columns read by role.
    rows : Rows or None
        Rows by patient and time.

    Returns
    -------
    ndarray of bool, shape (rows,)
        The last row of a patient, where treatment is 1 for the first time, touching the one before.
    """
    tied = np.zeros(raw.n_rows, dtype=bool)
    treated = raw.numbers.get(Role.TREATMENT)
    if rows is None or treated is None or raw.start is None or raw.stop is None:
        return tied
    same, length = same_time(raw), raw.stop - raw.start
    before, after = rows.order[:-1][rows.same], rows.order[1:][rows.same]
    point = (np.abs(length[after]) <= same) & (length[before] > same)
    touching = np.abs(raw.start[after] - raw.stop[before]) <= same
    last = np.append(~rows.same, True)[1:][rows.same]
    starts = (treated[before] == 0) & (treated[after] == 1)
    tied[after[point & touching & last & starts]] = True
    return tied


def _not_positive(raw: RawCohort) -> list[Fault]:
    time = raw.numbers.get(Role.TIME)
    if time is None or not (time <= 0).any():
        return []
    found = np.flatnonzero(time <= 0)
    problem = (
        f"{share(len(found), raw.n_rows, 'value')} {are(len(found))} zero or negative: "
        f"{cells(map(shown, time[found[:LISTED]]), raw.patient[found])}"
    )
    remedy = "Follow-up must be longer than 0: correct the times"
    if (time == 0).any():
        remedy += f"; {_instead_of_zero(time[time > 0], raw.data.time_unit)}"
    return [Fault(raw.where(Role.TIME), problem, remedy)]


def _instead_of_zero(times: Floats, unit: TimeUnit) -> str:
    """Say what to write for 0: half of the step in which the times are recorded."""
    step = resolution(times, unit)
    half = f"{step / 2.0:.2g} {unit.value}"
    if abs(step * unit.months * DAYS_PER_MONTH - 1.0) < 1e-6:
        return f"for follow-up that ended on the first day write half a day ({half})"
    if step == 1.0:
        return (
            f"as every time is a whole number of {unit.value}, 0 stands for less than one: write "
            f"half of one ({half})"
        )
    return f"for 0 write half of the step in which times are recorded ({half})"


def _begun_before(raw: RawCohort, role: Role) -> list[Fault]:
    remedy = "Observation cannot begin before time zero: write 0 or the later time"
    return negative(raw, role, "negative", remedy)


def negative(raw: RawCohort, role: Role, what: str, remedy: str) -> list[Fault]:
    """Tell the patients whose times lie before time zero.

    Parameters
    ----------
    raw : RawCohort
        The cohort as it was read.
    role : Role
        Of the column of times, which need not be there.
    what : str
        What they are called.
    remedy : str
        What to do.

    Returns
    -------
    list of Fault
        One, or none.
    """
    times = raw.numbers.get(role)
    if times is None or not (times < 0).any():
        return []
    found = np.flatnonzero(times < 0)
    problem = (
        f"{share(len(found), raw.n_rows, 'value')} {are(len(found))} {what}: "
        f"{cells(map(shown, times[found[:LISTED]]), raw.patient[found])}"
    )
    return [Fault(raw.where(role), problem, remedy)]


def _entry_after_exit(raw: RawCohort) -> list[Fault]:
    entry, time = raw.numbers.get(Role.ENTRY), raw.numbers.get(Role.TIME)
    if entry is None or time is None:
        return []
    found = np.flatnonzero((entry >= time - same_time(raw)) & (time > 0))
    if not len(found):
        return []
    named = ("entry {}, end {}".format(*told_apart(entry[i], time[i])) for i in found[:LISTED])
    verb = "enters" if len(found) == 1 else "enter"
    problem = (
        f"{share(len(found), raw.n_rows, 'patient')} {verb} at or after the end of follow-up: "
        f"{cells(named, raw.patient[found])}"
    )
    remedy = "Correct the times, or leave out patients who were never under observation"
    return [Fault(raw.where(Role.ENTRY, Role.TIME), problem, remedy)]


def _backwards(raw: RawCohort, rows: Rows | None) -> list[Fault]:
    if raw.start is None or raw.stop is None:
        return []
    wrong = raw.start >= raw.stop - same_time(raw)
    found = np.flatnonzero(wrong & ~tied_rows(raw, rows))
    if not len(found):
        return []
    verb = "does not end" if len(found) == 1 else "do not end"
    problem = (
        f"{share(len(found), raw.n_rows, 'row')} {verb} later than it starts: "
        f"{_spans(raw.start, raw.stop, found, raw)}"
    )
    remedy = (
        "Every row must end after it starts: correct the times; a row of no length may be dropped "
        "where it has no event, else the event belongs to the row before"
    )
    return [Fault(raw.where(Role.START, Role.STOP), problem, remedy)]


def check_overlaps(raw: RawCohort, rows: Rows) -> list[Fault]:
    """Return the fault of rows that share time with the patient's row before.

    Parameters
    ----------
    raw : RawCohort
        Columns read by role.
    rows : Rows
        Rows by patient and time.

    Returns
    -------
    list of Fault
        One fault, or none; rows that overlap by no more than rounding touch.
    """
    if raw.data.one_row_a_patient or raw.start is None or raw.stop is None:
        return []
    before, after = rows.order[:-1][rows.same], rows.order[1:][rows.same]
    overlap = raw.start[after] < raw.stop[before] - same_time(raw)
    before, after = before[overlap], after[overlap]
    if not len(after):
        return []
    named = (
        "{} to {} and {} to {}".format(
            *told_apart(raw.start[b], raw.stop[b], raw.start[a], raw.stop[a])
        )
        for b, a in zip(before[:LISTED], after[:LISTED], strict=True)
    )
    problem = (
        f"{counted(len(after), 'row starts', 'rows start')} before the patient's "
        f"earlier row has ended: {cells(named, raw.patient[after])}"
    )
    remedy = (
        "Correct the times so that no two rows of a patient share time; gaps between rows are "
        "allowed"
    )
    return [Fault(raw.where(Role.START, Role.STOP), problem, remedy)]


def _spans(start: Floats, stop: Floats, found: NDArray[np.intp], raw: RawCohort) -> str:
    return cells((_span(start, stop, i) for i in found[:LISTED]), raw.patient[found])


def _span(start: Floats, stop: Floats, row: int) -> str:
    return " to ".join(told_apart(start[row], stop[row]))


def told_apart(*times: float) -> tuple[str, ...]:
    """Return times as a person would write them, in full where different ones would look alike.

    Parameters
    ----------
    *times : float
        Any numbers.

    Returns
    -------
    tuple of str
        One each.

    Examples
    --------
    >>> told_apart(3.1, 12.0), told_apart(3.1, 3.0999999999)
    (('3.1', '12'), ('3.1', '3.0999999999'))
    """
    found = tuple(shown(time) for time in times)
    if len(set(found)) == len({float(time) for time in times}):
        return found
    return tuple(repr(float(time)).removesuffix(".0") for time in times)
