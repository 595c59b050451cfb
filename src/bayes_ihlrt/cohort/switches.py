"""When covariates switch from 0 to 1: columns of the data file with a time for each patient."""

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.identifiers import patient_labels
from bayes_ihlrt.cohort.starts import SAME_TIME, Floats, FollowUp
from bayes_ihlrt.cohort.visits import unreadable
from bayes_ihlrt.errors import DataError, Fault
from bayes_ihlrt.files.cells import read_cells
from bayes_ihlrt.files.messages import LISTED, cells, counted, patients, shown
from bayes_ihlrt.files.table import Table, table_faults
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import VisitsSpec


def switch_columns(visits: VisitsSpec | None) -> tuple[str, ...]:
    """Return the columns of the data file that hold times of switching.

    Parameters
    ----------
    visits : VisitsSpec or None
        The visits.

    Returns
    -------
    tuple of str
        Without repetition.
    """
    return () if visits is None else tuple(dict.fromkeys(visits.switches.values()))


def read_switches(
    table: Table, spec: VisitsSpec, *, data: DataSpec, known: FollowUp
) -> dict[str, Floats]:
    """Check the times at which covariates switch from 0 to 1.

    Parameters
    ----------
    table : Table
        The data file.
    spec : VisitsSpec
        Names the columns in `switches`.
    data : DataSpec
        The patient's column and the time unit.
    known : FollowUp
        Patients of the cohort.

    Returns
    -------
    dict of str to ndarray, shape (patients,)
        Months by column of the data file; infinite for never.

    Raises
    ------
    DataError
        With every fault that was found.
    """
    asked = {column: f"[visits] switches, {name}" for name, column in spec.switches.items()}
    faults = table_faults(table, asked)
    patient = patient_labels(table, data.patient)
    number = {name: index for index, name in enumerate(known.patients.tolist())}
    who = np.array([number[label] for label in patient.tolist()], dtype=np.intp)
    times: dict[str, Floats] = {}
    for column in asked:
        if column in table.columns:
            found = read_cells(table.columns[column])
            faults += unreadable(column, found, patient)
            months = np.where(np.isnan(found.numbers), np.inf, found.numbers)
            months = months * data.time_unit.months
            times[column] = np.full(len(known.patients), np.inf)
            np.minimum.at(times[column], who, months)
            faults += _switch_faults(column, months, known, who)
    if faults:
        raise DataError(table.subject, faults)
    return times


def _switch_faults(
    column: str, months: Floats, known: FollowUp, who: NDArray[np.intp]
) -> list[Fault]:
    first = np.full(len(known.patients), np.inf)
    np.minimum.at(first, who, months)
    where, faults = f"column {column}", []
    if np.isposinf(months).all():
        problem = "every cell is empty, so that nobody ever switches"
        faults.append(Fault(where, problem, "Check that this is the column with the times"))
    for words, wrong, remedy in (
        ("before time zero", first < 0.0, "Write 0 for what was so at time zero"),
        (
            "after the end of follow-up",
            np.isfinite(first) & (first > known.end + SAME_TIME),
            "Correct the times; where it did not happen during follow-up leave the cell empty",
        ),
    ):
        rows = np.flatnonzero(wrong)
        if len(rows):
            times = (f"{shown(t)} months" for t in first[rows][:LISTED])
            named = cells(times, known.patients[rows])
            what = f"{counted(len(rows), 'time is', 'times are')} {words}: {named}"
            faults.append(Fault(where, what, remedy))
    with np.errstate(invalid="ignore"):
        alike = (months == first[who]) | (np.abs(months - first[who]) <= SAME_TIME)
    rows = np.unique(who[~alike])
    if len(rows):
        problem = f"rows of one patient differ ({patients(known.patients, rows)})"
        faults.append(Fault(where, problem, "Repeat the time in every row of the patient"))
    return faults
