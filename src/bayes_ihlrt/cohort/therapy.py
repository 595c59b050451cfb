"""Rules on treatment: when it starts, and what its 0/1 column may say."""

import numpy as np

from bayes_ihlrt.cohort.raw import RawCohort, Role, Rows
from bayes_ihlrt.cohort.time_rules import same_time, told_apart
from bayes_ihlrt.errors import Fault
from bayes_ihlrt.files.messages import LISTED, are, cells, counted, patients, share, shown
from bayes_ihlrt.names import DesignKind


def check_treatment(raw: RawCohort, rows: Rows | None) -> list[Fault]:
    """Return the faults of the treatment's start or of its 0/1 column.

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
    faults = [*_nobody_treated(raw), *_negative_start(raw), *_codes(raw), *_ever_treated(raw)]
    if rows is not None:
        faults += [*_two_starts(raw, rows), *_before_entry(raw, rows), *_after_end(raw, rows)]
        faults += [*_switched_back(raw, rows), *_not_fixed(raw, rows)]
    return faults


def _nobody_treated(raw: RawCohort) -> list[Fault]:
    start = raw.numbers.get(Role.TREATMENT_START)
    if start is None or not np.isposinf(start).all():
        return []
    problem = "every cell is empty, so that no patient was ever treated"
    remedy = "Check that this is the column with the time of first treatment"
    return [Fault(raw.where(Role.TREATMENT_START), problem, remedy)]


def _negative_start(raw: RawCohort) -> list[Fault]:
    start = raw.numbers.get(Role.TREATMENT_START)
    if start is None or not (start < 0).any():
        return []
    found = np.flatnonzero(start < 0)
    problem = (
        f"{share(len(found), raw.n_rows, 'value')} {are(len(found))} before time zero: "
        f"{cells(map(shown, start[found[:LISTED]]), raw.patient[found])}"
    )
    remedy = (
        "Write 0 for treatment given at time zero; leave out patients treated before it, or count "
        "only the treatment after it"
    )
    return [Fault(raw.where(Role.TREATMENT_START), problem, remedy)]


def _codes(raw: RawCohort) -> list[Fault]:
    treated = raw.numbers.get(Role.TREATMENT)
    if treated is None:
        return []
    found = np.flatnonzero((treated != 0) & (treated != 1) & ~np.isnan(treated))
    if len(found):
        many = share(len(found), raw.n_rows, "value")
        values = cells(map(shown, treated[found[:LISTED]]), raw.patient[found])
        problem = f"{many} {are(len(found))} neither 0 nor 1: {values}"
        remedy = "Write 1 in rows under treatment and 0 in all others"
        return [Fault(raw.where(Role.TREATMENT), problem, remedy)]
    if not np.isnan(treated).any() and len(np.unique(treated)) == 1:
        problem = f"every value is {shown(treated[0])}, so that there is nothing to compare"
        remedy = "Check that this is the treatment's column, with 1 in rows under treatment"
        return [Fault(raw.where(Role.TREATMENT), problem, remedy)]
    return []


def _ever_treated(raw: RawCohort) -> list[Fault]:
    """Refuse a 0/1 column a patient where treatment starts later: it says nothing of when."""
    treatment = raw.treatment
    if treatment is None or treatment.column is None or not raw.data.one_row_a_patient:
        return []
    if treatment.design is DesignKind.FIXED:
        return []
    problem = (
        f"it holds one 0/1 value a patient, and design = '{treatment.design.value}' needs to know "
        f"when treatment started: to count the months before it as treated would be immortal time"
    )
    remedy = (
        "Name the time of first treatment in `start`; if treatment was settled at time zero, set "
        "design = 'fixed'"
    )
    return [Fault(raw.where(Role.TREATMENT), problem, remedy)]


def _two_starts(raw: RawCohort, rows: Rows) -> list[Fault]:
    start = raw.numbers.get(Role.TREATMENT_START)
    if start is None:
        return []
    first = start[rows.first[rows.patient]]
    with np.errstate(invalid="ignore"):
        alike = np.abs(start - first) <= same_time(raw)
    found = rows.once(rows.changed(start) & ~alike & ~np.isnan(start) & ~np.isnan(first))
    if not len(found):
        return []
    named = (f"{_when(first[i])} and {_when(start[i])}" for i in found[:LISTED])
    who = counted(len(found), "patient has", "patients have")
    problem = f"{who} more than one start of treatment: {cells(named, raw.patient[found])}"
    remedy = "Repeat the time of first treatment in every row of the patient, or leave all empty"
    return [Fault(raw.where(Role.TREATMENT_START), problem, remedy)]


def _before_entry(raw: RawCohort, rows: Rows) -> list[Fault]:
    start, begin = raw.numbers.get(Role.TREATMENT_START), raw.start
    if start is None or begin is None:
        return []
    entry = rows.smallest(begin)[rows.patient]
    found = rows.once((start >= 0) & (start < entry - same_time(raw)))
    if not len(found):
        return []
    named = (
        "treated at {}, entry at {}".format(*told_apart(start[i], entry[i])) for i in found[:LISTED]
    )
    problem = (
        f"{counted(len(found), 'patient was', 'patients were')} treated before "
        f"entry: {cells(named, raw.patient[found])}"
    )
    remedy = (
        "Correct the times; leave out patients treated before they came under observation, since "
        "those who died in between are not in the data"
    )
    return [Fault(raw.where(Role.TREATMENT_START), problem, remedy)]


def _after_end(raw: RawCohort, rows: Rows) -> list[Fault]:
    start = raw.numbers.get(Role.TREATMENT_START)
    # After a patient's last scan nothing is known of the event: `settle_scans` tells of them.
    if start is None or raw.stop is None or raw.data.interval is not None:
        return []
    end = rows.largest(raw.stop)[rows.patient]
    found = rows.once((start > end + same_time(raw)) & np.isfinite(start))
    if not len(found):
        return []
    named = (
        "treated at {}, end at {}".format(*told_apart(start[i], end[i])) for i in found[:LISTED]
    )
    problem = (
        f"{counted(len(found), 'patient was', 'patients were')} treated after the "
        f"end of follow-up: {cells(named, raw.patient[found])}"
    )
    remedy = "Correct the times; for a patient not treated during follow-up leave the cell empty"
    return [Fault(raw.where(Role.TREATMENT_START), problem, remedy)]


def _switched_back(raw: RawCohort, rows: Rows) -> list[Fault]:
    treated = raw.numbers.get(Role.TREATMENT)
    if treated is None or raw.start is None:
        return []
    before, after = rows.order[:-1][rows.same], rows.order[1:][rows.same]
    found = after[(treated[before] == 1) & (treated[after] == 0)]
    if not len(found):
        return []
    named = (f"0 from {shown(raw.start[i])}" for i in found[:LISTED])
    problem = (
        f"{counted(len(found), 'row goes', 'rows go')} back from 1 to 0: "
        f"{cells(named, raw.patient[found])}"
    )
    remedy = "A patient counts as treated from the first treatment on: write 1 in every later row"
    return [Fault(raw.where(Role.TREATMENT), problem, remedy)]


def _not_fixed(raw: RawCohort, rows: Rows) -> list[Fault]:
    treated = raw.numbers.get(Role.TREATMENT)
    if treated is None or raw.treatment is None or raw.treatment.design is not DesignKind.FIXED:
        return []
    found = rows.once(rows.changed(treated) & ~np.isnan(treated))
    if not len(found):
        return []
    problem = (
        f"{counted(len(found), 'patient changes', 'patients change')} treatment during "
        f"follow-up, with design = 'fixed' ({patients(raw.patient, found)})"
    )
    remedy = "Set design = 'split', which takes the rows as they are"
    return [Fault(raw.where(Role.TREATMENT), problem, remedy)]


def _when(time: float) -> str:
    return "never" if np.isinf(time) else shown(time)
