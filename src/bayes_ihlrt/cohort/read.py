"""From a table as it was given to columns that can be analysed, or every fault at once.

Columns are first read by role into a raw cohort: which cells are missing, not numbers or infinite.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.dates import looks_like_dates
from bayes_ihlrt.cohort.events import ended_by
from bayes_ihlrt.cohort.given import BELOW_LIMIT, limit_of, numbers_with_limits
from bayes_ihlrt.cohort.identifiers import patient_labels
from bayes_ihlrt.cohort.intervals import check_scans
from bayes_ihlrt.cohort.raw import Floats, Labels, RawCohort, Role, Rows, group_rows, named_columns
from bayes_ihlrt.cohort.rules import (
    STRICT,
    Allowed,
    check_constants,
    check_events,
    check_measurements,
    check_names,
    check_rows,
)
from bayes_ihlrt.cohort.several_starts import first_start, separate_starts
from bayes_ihlrt.cohort.sources import requested_columns
from bayes_ihlrt.cohort.therapy import check_treatment
from bayes_ihlrt.cohort.time_rules import (
    check_overlaps,
    check_time_unit,
    check_times,
    same_time,
)
from bayes_ihlrt.errors import DataError, Fault
from bayes_ihlrt.files.cells import (
    LARGEST,
    CellKind,
    Cells,
    absent,
    decimal_commas,
    read_cells,
    read_labels,
)
from bayes_ihlrt.files.messages import LISTED, are, cells, enumerated, patients, share, shown
from bayes_ihlrt.files.table import Table, table_faults
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec

_EMPTY: Final = {Role.TREATMENT_START: np.inf, Role.RIGHT: np.inf, Role.LEFT: 0.0}
"""What an empty cell says: never, or that there was no scan before."""
_FOLLOW_UP: Final = frozenset({Role.TIME, Role.START, Role.STOP, Role.ENTRY, *_EMPTY})

_IF_MISSING: Final[Mapping[Role, str]] = {
    Role.PATIENT: "Give every row the identifier of its patient",
    Role.TIME: "Complete the follow-up from the records, or leave these patients out of the data",
    Role.START: "Complete the rows from the records, or leave these patients out of the data",
    Role.STOP: "Complete the rows from the records, or leave these patients out of the data",
    Role.ENTRY: "Write 0 for a patient who was under observation from time zero",
    Role.EVENT: "Write 1 (event) or 0 (censored), or leave these patients out of the data",
    Role.CENTRE: "Fill in the centre, or write a category such as 'unknown'",
    Role.TREATMENT: "Write 1 in rows under treatment and 0 in all others",
    Role.COVARIATE: "Set drop_missing = true in [data] to leave these patients out (complete "
    "cases), or fill the gaps by imputation beforehand; nothing is left out or filled in silently",
}


def read_raw(
    table: Table,
    data: DataSpec,
    *,
    treatment: TreatmentSpec | None,
    covariates: Sequence[str],
) -> tuple[RawCohort, list[Fault]]:
    """Read the columns of a table by role.

    Parameters
    ----------
    table : Table
        Columns as they were given.
    data : DataSpec
        Meaning of the columns.
    treatment : TreatmentSpec or None
        The treatment.
    covariates : sequence of str
        Columns to keep under their own names.

    Returns
    -------
    raw : RawCohort
        What could be read.
    faults : list of Fault
        Cells that are missing, are not numbers or are infinite.
    """
    named = named_columns(data, treatment)
    columns = table.columns
    patient, unnamed = _patients(table, data.patient)
    reader = _Reader(patient, data.time_unit.value, [])
    if data.patient in columns:
        reader.note_unidentified(data.patient, unnamed)
    raw = RawCohort(
        data=data,
        treatment=treatment,
        patient=patient,
        identified=not unnamed.any(),
        numbers={
            role: reader.role(role, {column: columns[column] for column in given})
            for role, given in named.items()
            if role not in {Role.PATIENT, Role.CENTRE} and columns.keys() >= set(given)
        },
        centre=reader.centre(data.centre, columns),
        covariates={
            name: reader.covariate(name, columns[name], numeric=name in data.units)
            for name in covariates
            if name in columns
        },
        laboratory={
            name: reader.laboratory(name, columns[name], used=name in covariates)
            for name in data.units
            if name in columns
        },
    )
    return raw, reader.faults


def _patients(table: Table, column: str) -> tuple[Labels, NDArray[np.bool_]]:
    """Return the patient of each row, and where the row itself has to stand in for one."""
    labels = np.full(table.n_rows, None, dtype=object)
    if column in table.columns:
        labels = patient_labels(table, column)
    unnamed = absent(labels)
    rows = np.flatnonzero(unnamed)
    labels[rows] = [f"of data row {row + 1}" for row in rows]
    return labels, unnamed


@dataclass(frozen=True)
class _Reader:
    """Reads columns, and notes the cells that cannot be used."""

    patient: Labels
    time_unit: str
    faults: list[Fault]

    def role(self, role: Role, columns: Mapping[str, object]) -> Floats:
        """Read the column of a role; of several treatments the first counts."""
        if role is not Role.TREATMENT_START:
            ((column, values),) = columns.items()
            return self.numbers(role, column, values)
        return first_start(
            [
                self.numbers(role, column, part)
                for column, values in columns.items()
                for part in separate_starts(values)
            ]
        )

    def numbers(self, role: Role, column: str, values: object) -> Floats:
        found = read_cells(values)
        numbers = found.numbers.copy()
        if role in _EMPTY:
            numbers[found.missing] = _EMPTY[role]
        else:
            self._note_missing(role, column, found.missing)
        self._note_unreadable(role, column, found)
        may = np.isinf(_EMPTY.get(role, 0.0))
        infinite = np.isneginf(numbers) if may else np.isinf(numbers)
        if role is Role.COVARIATE:
            infinite = np.abs(numbers) >= LARGEST
        self._note_infinite(role, column, numbers, infinite=infinite)
        numbers[infinite] = np.nan
        return numbers

    def centre(self, column: str | None, columns: Mapping[str, object]) -> Labels | None:
        if column is None or column not in columns:
            return None
        labels = read_labels(columns[column])
        self._note_missing(Role.CENTRE, column, absent(labels))
        return labels

    def covariate(self, column: str, values: object, *, numeric: bool) -> Floats | Labels:
        found = read_cells(values)
        if found.kind is CellKind.TEXT and looks_like_dates(found):
            found = Cells(CellKind.DATE, found.numbers, found.text)
        category = found.kind is CellKind.CATEGORY
        plain = found.kind is CellKind.TEXT and not _meant_as_numbers(found)
        if numeric or not (category or plain):
            return self.numbers(Role.COVARIATE, column, found)
        self._note_missing(Role.COVARIATE, column, found.missing)
        return found.text

    def laboratory(self, column: str, values: object, *, used: bool) -> Floats:
        found = read_cells(values)
        if not used:
            self._note_unreadable(Role.COVARIATE, column, found)
        return found.numbers

    def note_unidentified(self, column: str, unnamed: NDArray[np.bool_]) -> None:
        rows = np.flatnonzero(unnamed)
        if len(rows):
            found = enumerated((str(row + 1) for row in rows), len(rows))
            problem = (
                f"{share(len(rows), len(unnamed), 'row')} {'has' if len(rows) == 1 else 'have'} no "
                f"patient identifier (data row{'' if len(rows) == 1 else 's'} {found})"
            )
            self.faults.append(Fault(f"column {column}", problem, _IF_MISSING[Role.PATIENT]))

    def _note_missing(self, role: Role, column: str, missing: NDArray[np.bool_]) -> None:
        count = int(missing.sum())
        if count:
            problem = f"{share(count, len(missing), 'value')} {are(count)} missing"
            remedy = "Check that the column was exported, or leave it out"
            if count < len(missing):
                problem += f" ({patients(self.patient, np.flatnonzero(missing))})"
                remedy = _IF_MISSING[role]
            self.faults.append(Fault(f"column {column}", problem, remedy))

    def _note_infinite(
        self, role: Role, column: str, numbers: Floats, *, infinite: NDArray[np.bool_]
    ) -> None:
        rows = np.flatnonzero(infinite)
        if len(rows):
            remedy = "Write a finite number, or leave the cell empty if the value is not known"
            if role is Role.TREATMENT_START:
                remedy = "Leave the cell empty for a patient who was never treated"
            what = "infinite"
            if np.isfinite(numbers[rows]).any():
                what = "too large"
                remedy = f"Allowed: numbers below {LARGEST:g}; leave cells empty if not known"
            found = cells([shown(x) for x in numbers[rows[:LISTED]]], self.patient[rows])
            problem = f"{share(len(rows), len(numbers), 'value')} {are(len(rows))} {what}: {found}"
            self.faults.append(Fault(f"column {column}", problem, remedy))

    def _note_unreadable(self, role: Role, column: str, found: Cells) -> None:
        rows = np.flatnonzero(found.unreadable)
        if not len(rows):
            return
        date = found.kind is CellKind.DATE
        texts = (f"'{text}'" for text in found.text[rows[:LISTED]])
        what = "calendar dates" if date else "not numbers"
        if len(rows) == 1:
            what = "a calendar date" if date else "not a number"
        problem = (
            f"{share(len(rows), len(found.numbers), 'value')} {are(len(rows))} {what}: "
            f"{cells(texts, self.patient[rows])}"
        )
        comma = decimal_commas(found.text[rows[:LISTED]].tolist())
        remedy = self._readable(role, date=date, comma=comma)
        beyond = [limit_of(cell) is not None for cell in found.text[rows].tolist()]
        if role is Role.COVARIATE and all(beyond):
            remedy = f"{BELOW_LIMIT}; or correct the cells"
        self.faults.append(Fault(f"column {column}", problem, remedy))

    def _readable(self, role: Role, *, date: bool, comma: bool) -> str:
        if comma:
            return "Write decimal points instead of decimal commas"
        if role is Role.EVENT:
            return "Write 1 if the event happened and 0 if the patient was censored"
        if role is Role.TREATMENT:
            return "Write 1 in rows under treatment and 0 in all others"
        if role in _FOLLOW_UP and date:
            return (
                "Name the column with the date of time zero: origin = '...' in [data]; times are "
                "then counted from it"
            )
        if role in _FOLLOW_UP:
            never = ", and leave the cell empty for a patient who was never treated"
            return f"Write the {self.time_unit} since time zero as a plain number" + (
                never if role is Role.TREATMENT_START else ""
            )
        if date:
            return "Give a number instead, such as the years since a fixed date"
        return (
            "Write plain numbers and leave a cell empty if the value is not known; "
            "if these are categories, write all of them as text, e.g. 'stage 1'"
        )


def _meant_as_numbers(found: Cells) -> bool:
    """Return whether a column of text is one of numbers in which some are badly written."""
    unreadable = found.unreadable
    limits = [limit_of(cell) is not None for cell in found.text[unreadable].tolist()]
    if any(limits):
        return numbers_with_limits(found)
    if 2 * int(unreadable.sum()) < int(np.sum(~found.missing)):
        return True
    return decimal_commas(list(dict.fromkeys(found.text[unreadable].tolist())))


class SparseEventsWarning(UserWarning):
    """There are fewer events than parameters: the priors decide much of the result."""


def warn_if_sparse(events: int, parameters: int) -> None:
    """Warn if there are fewer events than parameters.

    Parameters
    ----------
    events : int
        Number of events in the data.
    parameters : int
        Number of parameters of the model.

    Warns
    -----
    SparseEventsWarning
        If `events` < `parameters`.

    Examples
    --------
    >>> warn_if_sparse(97, 6)
    """
    if events < parameters:
        warnings.warn(
            f"The data hold {events} events and the model has {parameters} parameters: the priors "
            f"decide much of the result. Use a smaller formula, and report the prior sensitivity.",
            SparseEventsWarning,
            stacklevel=2,
        )


def validated_columns(
    table: Table,
    data: DataSpec,
    *,
    treatment: TreatmentSpec | None,
    covariates: Sequence[str],
    understood: Sequence[Fault] = (),
    allowed: Allowed = STRICT,
) -> dict[str, NDArray[Any]]:
    """Check a table and return the cohort's columns, times in months.

    Parameters
    ----------
    table : Table
        Columns as they were given.
    data : DataSpec
        Meaning of the columns.
    treatment : TreatmentSpec or None
        The treatment.
    covariates : sequence of str
        Columns to keep under their own names.
    understood : sequence of Fault
        What was found in making the columns plain; told together with the rest.
    allowed : Allowed
        What these data may have that a cohort by itself may not.

    Returns
    -------
    dict of str to ndarray, shape (rows,)
        Columns of a `Cohort`; patients in the order of the file, their rows in the order of time.

    Raises
    ------
    DataError
        With every fault that was found.
    """
    asked = requested_columns(data, treatment=treatment, covariates=covariates)
    faults = [*understood, *table_faults(table, asked)]
    unusable = check_names(data, treatment=treatment, covariates=covariates)
    usable = [name for name in covariates if name not in unusable]
    raw, unread = read_raw(table, data, treatment=treatment, covariates=usable)
    raw = raw.with_newcomers() if allowed.newcomers else raw
    rows = group_rows(raw.patient, raw.start) if raw.identified and raw.start is not None else None
    faults += [*unusable.values(), *unread]
    faults += check_times(raw, rows) + check_time_unit(raw) + check_events(raw) + check_scans(raw)
    among_rows = [] if rows is None else check_overlaps(raw, rows) + check_rows(raw, rows)
    # Where patients are repeated it is not known which row the treatment belongs to.
    repeated = data.one_row_a_patient and bool(among_rows)
    faults += among_rows + check_treatment(raw, None if repeated else rows)
    faults += check_constants(raw, allowed.constants) + check_measurements(raw)
    if faults:
        raise DataError(table.subject, faults)
    return _in_months(raw, rows)


def _in_months(raw: RawCohort, rows: Rows | None) -> dict[str, NDArray[Any]]:
    if rows is None or raw.start is None or raw.stop is None:
        message = "a cohort without faults has patients and follow-up"
        raise AssertionError(message)
    months = raw.data.time_unit.months
    start = raw.start.copy()
    # Rows that touch but for rounding share one time.
    before, after = rows.order[:-1][rows.same], rows.order[1:][rows.same]
    touching = np.abs(start[after] - raw.stop[before]) <= same_time(raw)
    start[after[touching]] = raw.stop[before[touching]]
    columns: dict[str, NDArray[Any]] = {
        "patient": raw.patient,
        "start": start * months,
        "stop": raw.stop * months,
        **ended_by(raw, rows),
    }
    if raw.treatment is not None and Role.TREATMENT in raw.numbers:
        columns[raw.treatment.name] = raw.numbers[Role.TREATMENT]
    elif raw.treatment is not None:
        columns["treatment_start"] = raw.numbers[Role.TREATMENT_START] * months
    if raw.centre is not None:
        columns["centre"] = raw.centre
    columns |= {name: values for name, values in raw.covariates.items() if name not in columns}
    return {name: values[rows.order] for name, values in columns.items()}
