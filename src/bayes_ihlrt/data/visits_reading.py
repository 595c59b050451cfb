"""Rules on visits: every fault of them at once."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.data.cells import CellKind, Cells, absent, read_cells
from bayes_ihlrt.data.identifiers import patient_labels
from bayes_ihlrt.data.listing import LISTED, are, cells, counted, patients, share, shown
from bayes_ihlrt.data.schema import DataSpec
from bayes_ihlrt.data.starts import SAME_TIME, Floats, FollowUp
from bayes_ihlrt.data.table import Table, table_faults
from bayes_ihlrt.data.visits_spec import VisitsSpec
from bayes_ihlrt.errors import DataError, Fault

_UNKNOWN = -1


def visit_columns(data: DataSpec, spec: VisitsSpec) -> dict[str, str]:
    """Return the columns that a table of visits must have, with what each is needed as.

    Parameters
    ----------
    data : DataSpec
        Names the patient's column.
    spec : VisitsSpec
        Names the others.

    Returns
    -------
    dict of str to str
        For example ``{"id": "[data] patient", "month": "[visits] time"}``.
    """
    named = {data.patient: "[data] patient"}
    for key, column in (("time", spec.time), ("eligible", spec.eligible)):
        if column is not None:
            named[column] = f"[visits] {key}"
    return named | dict.fromkeys(spec.covariates, "[visits] covariates")


def read_visits(
    table: Table,
    spec: VisitsSpec,
    *,
    data: DataSpec,
    known: FollowUp,
    dropped: Collection[str] = (),
) -> dict[str, NDArray[Any]]:
    """Check a table of visits and return its columns, sorted by patient and time.

    Parameters
    ----------
    table : Table
        Columns as they were given.
    spec : VisitsSpec
        Meaning of the columns.
    data : DataSpec
        The patient's column and the time unit.
    known : FollowUp
        Patients of the cohort; times in months.
    dropped : collection of str
        Patients who were left out of the cohort: their visits are passed over.

    Returns
    -------
    dict of str to ndarray, shape (visits,)
        ``patient``, ``time`` (months), ``eligible`` (all 1 without such a column) and covariates;
        NaN where a covariate was not measured, or lies in the window in which it is masked.

    Raises
    ------
    DataError
        With every fault that was found.
    """
    faults = table_faults(table, visit_columns(data, spec))
    if faults:
        raise DataError(table.subject, faults)
    patient = patient_labels(table, data.patient)
    number = {name: index for index, name in enumerate(known.patients.tolist())}
    who = np.array([number.get(label, _UNKNOWN) for label in patient.tolist()], dtype=np.intp)
    passed = np.array([label in dropped for label in patient.tolist()], dtype=bool)
    rows = _Rows(table, patient, who, known, data, [])
    rows.check_patients(passed)
    time = rows.numbers(str(spec.time), complete="Write the time of every visit")
    rows.check_times(str(spec.time), time)
    found: dict[str, NDArray[Any]] = {"patient": patient, "time": time * data.time_unit.months}
    found["eligible"] = np.ones(len(who)) if spec.eligible is None else rows.flags(spec.eligible)
    for name in spec.covariates:
        found[name] = rows.numbers(name)
    if rows.faults:
        raise DataError(table.subject, rows.faults)
    order = np.lexsort((time, who))
    order = order[~passed[order]]
    return _masked({name: values[order] for name, values in found.items()}, spec, known, who[order])


def unreadable(column: str, found: Cells, patient: NDArray[np.object_]) -> list[Fault]:
    """Return the fault of cells that are not numbers, or are infinite.

    Parameters
    ----------
    column : str
        Name of the column.
    found : Cells
        The column.
    patient : ndarray of str, shape (rows,)
        Patient of each row.

    Returns
    -------
    list of Fault
        One fault, or none.
    """
    wrong = np.flatnonzero(found.unreadable | np.isinf(found.numbers))
    if not len(wrong):
        return []
    kind = found.kind is CellKind.NUMBER
    texts = (shown(found.numbers[i]) if kind else f"'{found.text[i]}'" for i in wrong[:LISTED])
    problem = (
        f"{share(len(wrong), len(patient), 'value')} {are(len(wrong))} not a finite number: "
        f"{cells(texts, patient[wrong])}"
    )
    remedy = "Write plain numbers, and leave a cell empty if the value is not known"
    return [Fault(f"column {column}", problem, remedy)]


@dataclass(frozen=True)
class _Rows:
    """Reads columns of a table of visits, and notes what is wrong with them."""

    table: Table
    patient: NDArray[np.object_]
    who: NDArray[np.intp]
    known: FollowUp
    data: DataSpec
    faults: list[Fault]

    def note(self, column: str, rows: NDArray[np.intp], problem: str, *, remedy: str) -> None:
        if len(rows):
            self.faults.append(Fault(f"column {column}", problem, remedy))

    def numbers(self, column: str, *, complete: str | None = None) -> Floats:
        found = read_cells(self.table.columns[column])
        self.faults.extend(unreadable(column, found, self.patient))
        missing = np.flatnonzero(found.missing)
        if complete is not None or len(missing) == len(self.who):
            many = f"{share(len(missing), len(self.who), 'value')} {are(len(missing))} missing"
            if len(missing) < len(self.who):
                many += f" ({patients(self.patient, missing)})"
            self.note(column, missing, many, remedy=complete or "Check that it was exported")
        return np.where(np.isfinite(found.numbers), found.numbers, np.nan)

    def flags(self, column: str) -> Floats:
        values = self.numbers(column, complete="Write 1 (could be treated) or 0 at every visit")
        wrong = np.flatnonzero((values != 0) & (values != 1) & ~np.isnan(values))
        found = cells(map(shown, values[wrong[:LISTED]]), self.patient[wrong])
        problem = f"{counted(len(wrong), 'value is', 'values are')} neither 0 nor 1: {found}"
        self.note(column, wrong, problem, remedy="Write 1 where the patient could be treated")
        return values

    def check_patients(self, passed: NDArray[np.bool_]) -> None:
        unnamed = absent(self.patient)
        rows = np.flatnonzero(unnamed)
        problem = f"{counted(len(rows), 'visit has', 'visits have')} no patient identifier"
        self.note(self.data.patient, rows, problem, remedy="Give every visit its patient")
        rows = np.flatnonzero((self.who == _UNKNOWN) & ~passed & ~unnamed)
        who = f"{counted(len(rows), 'visit belongs', 'visits belong')} to nobody in the data file"
        problem = f"{who} ({patients(self.patient, rows)})" if len(rows) else who
        remedy = "Correct the identifiers, or leave these visits out of the file"
        self.note(self.data.patient, rows, problem, remedy=remedy)

    def check_times(self, column: str, time: Floats) -> None:
        """Visits increase in time and lie within follow-up."""
        ours = np.flatnonzero(self.who != _UNKNOWN)
        order = ours[np.argsort(self.who[ours], kind="stable")]
        same = np.diff(self.who[order]) == 0
        step = np.diff(time[order])
        for words, wrong, remedy in (
            ("earlier than the visit before", step < 0, "Sort the visits of a patient by time"),
            ("at the same time as the visit before", step == 0, "Put both into one row"),
        ):
            rows = order[1:][same & wrong]
            found = cells(map(shown, time[rows[:LISTED]]), self.patient[rows])
            problem = f"{counted(len(rows), 'visit is', 'visits are')} {words}: {found}"
            self.note(column, rows, problem, remedy=remedy)
        months = time[ours] * self.data.time_unit.months
        entry, end = self.known.entry[self.who[ours]], self.known.end[self.who[ours]]
        for words, limit, wrong in (
            ("before the patient came under observation", entry, months < entry - SAME_TIME),
            ("after the end of follow-up", end, months > end + SAME_TIME),
        ):
            rows, bound = ours[wrong], limit[wrong] / self.data.time_unit.months
            named = (
                f"{shown(t)}, limit {shown(b)}"
                for t, b in zip(time[rows][:LISTED], bound[:LISTED], strict=True)
            )
            problem = (
                f"{counted(len(rows), 'visit is', 'visits are')} {words}: "
                f"{cells(named, self.patient[rows])}"
            )
            remedy = "Correct the times, or leave these visits out; time zero is that of follow-up"
            self.note(column, rows, problem, remedy=remedy)


def _masked(
    columns: dict[str, NDArray[Any]], spec: VisitsSpec, known: FollowUp, who: NDArray[np.intp]
) -> dict[str, NDArray[Any]]:
    """Take out values measured while treatment itself moves them."""
    since = columns["time"] - known.treated_from[who]
    for name, window in spec.masked.items():
        hidden = (since > SAME_TIME) & (since < window - SAME_TIME)
        columns[name] = np.where(hidden, np.nan, columns[name])
    return columns
