"""Visits of patients during follow-up: values by time, frozen, with every fault of them at once."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.identifiers import patient_labels
from bayes_ihlrt.cohort.meaning import TimeZero, understood_visits
from bayes_ihlrt.cohort.sources import source_columns
from bayes_ihlrt.cohort.starts import SAME_TIME, Floats, FollowUp, follow_up
from bayes_ihlrt.errors import DataError, Fault
from bayes_ihlrt.files.cells import (
    LARGEST,
    CellKind,
    Cells,
    absent,
    number_labels,
    read_cells,
    sorting_rows,
)
from bayes_ihlrt.files.delimited import Wanted
from bayes_ihlrt.files.messages import LISTED, are, cells, counted, patients, share, shown
from bayes_ihlrt.files.readers import read_file
from bayes_ihlrt.files.table import Table, read_frame, table_faults
from bayes_ihlrt.names import StartRule
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import VisitsSpec

if TYPE_CHECKING:
    from bayes_ihlrt.files.table import Frame


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


def _plain(table: Table, spec: VisitsSpec, data: DataSpec, zero: TimeZero | None) -> Table:
    needed = visit_columns(data, spec)
    plain, faults = understood_visits(table, data, spec, needed=needed, zero=zero)
    if faults:
        raise DataError(table.subject, faults)
    return plain


def unreadable(column: str, found: Cells, patient: NDArray[np.object_]) -> list[Fault]:
    """Return the fault of cells that are not numbers, infinite or too large.

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
    huge = np.abs(found.numbers) >= LARGEST
    wrong = np.flatnonzero(found.unreadable | huge)
    if not len(wrong):
        return []
    kind = found.kind is CellKind.NUMBER
    texts = (shown(found.numbers[i]) if kind else f"'{found.text[i]}'" for i in wrong[:LISTED])
    finite = np.isfinite(found.numbers[huge]).any()
    what = f"a number below {LARGEST:g}" if finite else "a finite number"
    problem = (
        f"{share(len(wrong), len(patient), 'value')} {are(len(wrong))} not {what}: "
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


type Columns = Mapping[str, NDArray[Any]]

_OWN = ("patient", "time", "eligible")


def _no_visits() -> Columns:
    return {"patient": np.empty(0, dtype=object), "time": np.empty(0), "eligible": np.empty(0)}


@dataclass(frozen=True, eq=False)
class Visits:
    """When patients were seen and what was measured; months.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (visits,)
        ``patient``, ``time`` (months), ``eligible`` (1 where the patient could be treated) and
        covariates (NaN = not measured), sorted by patient as in the cohort, then by time.
    switches : mapping of str to str
        Covariates that are 0 before and 1 from the time in a column of the cohort on.
    every : float, optional
        Months between decisions on treatment; None where it is decided at the visits.
    starts : StartRule
        Which visit a start of treatment belongs to.
    notes : tuple of str
        How the file was read.

    Examples
    --------
    >>> spec = VisitsSpec(time="month", covariates=["nlr"])
    >>> data = DataSpec(patient="id", time="os", event="death")
    >>> cohort = {"patient": np.array(["a"], dtype=object), "start": np.zeros(1),
    ...           "stop": np.array([9.0]), "event": np.ones(1)}
    >>> frame = {"id": ["a", "a"], "month": [0.0, 3.0], "nlr": [2.5, None]}
    >>> Visits.from_frame(frame, spec, data=data, cohort=cohort)
    Visits(2 visits; measured: nlr; switching: none)
    """

    columns: Columns = field(default_factory=_no_visits)
    switches: Mapping[str, str] = field(default_factory=dict)
    every: float | None = None
    starts: StartRule = StartRule.AUTO
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Copy the columns and make them read-only."""
        frozen = {}
        for name, values in self.columns.items():
            array = np.array(values, dtype=object if name == "patient" else np.float64)
            array.flags.writeable = False
            frozen[name] = array
        if not set(_OWN) <= frozen.keys() or len({a.shape for a in frozen.values()}) != 1:
            message = f"visits have columns {', '.join(_OWN)} of one length; found {list(frozen)}"
            raise ValueError(message)
        object.__setattr__(self, "columns", MappingProxyType(frozen))
        object.__setattr__(self, "switches", MappingProxyType(dict(self.switches)))

    def moved(self, given: Mapping[str, float], to: Mapping[str, float]) -> "Visits":
        """Return the visits with those of some patients at one time moved to another.

        Parameters
        ----------
        given, to : mapping of str to float
            Months by patient, before and after.

        Returns
        -------
        Visits
            What was decided at a visit stays decided at it.
        """
        if not to or not len(self.columns["time"]):
            return self
        who, time = self.columns["patient"].tolist(), self.columns["time"].copy()
        for row, label in enumerate(who):
            if label in to and abs(time[row] - given[label]) <= SAME_TIME:
                time[row] = to[label]
        order = np.lexsort((time, number_labels(self.columns["patient"])))
        columns = {**self.columns, "time": time}
        return replace(self, columns={name: values[order] for name, values in columns.items()})

    def __reduce__(self) -> tuple[type["Visits"], tuple[Any, ...]]:
        """Pickle plain mappings: a read-only view cannot be pickled itself."""
        plain = (dict(self.columns), dict(self.switches))
        return Visits, (*plain, self.every, self.starts, self.notes)

    def __repr__(self) -> str:
        """Tell the size of the table and not its columns."""
        measured = ", ".join(self.measured) or "none"
        switching = ", ".join(self.switches) or "none"
        count = len(self.columns["patient"])
        return f"Visits({count} visits; measured: {measured}; switching: {switching})"

    @classmethod
    def from_frame(
        cls,
        frame: "Frame",
        spec: VisitsSpec,
        *,
        data: DataSpec,
        cohort: Columns,
        treatment: str | None = None,
        dropped: Collection[str] = (),
        numbers: Mapping[str, str] | None = None,
        zero: TimeZero | None = None,
    ) -> "Visits":
        """Check a data frame, or a mapping of arrays, with one row a visit.

        Parameters
        ----------
        frame : DataFrame of pandas or polars, pyarrow.Table, or mapping of str to array-like
            One row a visit, times in the unit of the data.
        spec : VisitsSpec
            Meaning of the columns.
        data : DataSpec
            The patient's column and the time unit.
        cohort : mapping of str to ndarray, shape (rows,)
            Columns of the cohort, times in months.
        treatment : str, optional
            Name of the treatment, for values that are masked after its start.
        dropped : collection of str
            Patients who were left out of the cohort: their visits are passed over.
        numbers : mapping of str to str, optional
            What the cohort calls its patients, by their identifiers in `frame`.
        zero : TimeZero, optional
            Each patient's time zero, where times may be dates.

        Returns
        -------
        Visits
            Times in months.

        Raises
        ------
        DataError
            With every fault of the visits: unknown patients; times that are missing, out of
            order, before entry or after the end of follow-up; values that are not numbers.
        """
        wanted = source_columns(data, visit_columns(data, spec), with_origin=False)
        table = read_frame(frame, wanted=wanted, subject="visits")
        table = _plain(replace(table, numbers=numbers), spec, data, zero)
        known = follow_up(cohort, treatment)
        columns = read_visits(table, spec, data=data, known=known, dropped=dropped)
        return cls(columns, spec.switches, spec.every, spec.starts, table.notes)

    def relabelled(self, patient: NDArray[np.object_]) -> "Visits":
        """Return the same visits with other names for the patients.

        Parameters
        ----------
        patient : ndarray of str, shape (visits,)
            Patient of each visit.

        Returns
        -------
        Visits
            Sorted as before.
        """
        return replace(self, columns={**self.columns, "patient": patient})

    @property
    def measured(self) -> tuple[str, ...]:
        """Names of the covariates measured at visits."""
        return tuple(name for name in self.columns if name not in _OWN)

    @property
    def updated(self) -> tuple[str, ...]:
        """Names of all covariates that change during follow-up."""
        return (*self.measured, *self.switches)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what was measured, when, and of the rules of decisions."""
        digest = hashlib.sha256()
        rules = (sorted(self.switches.items()), self.every, self.starts.value)
        digest.update(repr(rules).encode())
        order = sorting_rows(self.columns["patient"], self.columns["time"])
        for name in sorted(self.columns):
            values = self.columns[name][order]
            digest.update(f"{name}\0{len(values)}\0".encode())
            if values.dtype == object:
                digest.update("\0".join(values.tolist()).encode())
            else:
                # NaN has many bit patterns; measured or not is what counts.
                known = np.where(np.isnan(values), 0.0, values) + 0.0
                digest.update(np.isnan(values).tobytes() + known.astype("<f8").tobytes())
        return digest.hexdigest()


def load_visits(
    path: str | Path,
    spec: VisitsSpec,
    *,
    data: DataSpec,
    cohort: Columns,
    treatment: str | None = None,
    dropped: Collection[str] = (),
    numbers: Mapping[str, str] | None = None,
    zero: TimeZero | None = None,
) -> Visits:
    """Read and check a file with one row a visit.

    Parameters
    ----------
    path : str or Path
        The file.
    spec : VisitsSpec
        Meaning of its columns.
    data : DataSpec
        The patient's column and the time unit.
    cohort : mapping of str to ndarray, shape (rows,)
        Columns of the cohort, times in months.
    treatment : str, optional
        Name of the treatment, for values that are masked after its start.
    dropped : collection of str
        Patients who were left out of the cohort: their visits are passed over.
    numbers : mapping of str to str, optional
        What the cohort calls its patients, by their identifiers in the file.
    zero : TimeZero, optional
        Each patient's time zero, where times may be dates.

    Returns
    -------
    Visits
        Times in months.

    Raises
    ------
    DataError
        The file cannot be read, or with every fault of the visits.
    """
    sources = frozenset(source_columns(data, visit_columns(data, spec), with_origin=False))
    labels = frozenset({data.aliases.get(data.patient, data.patient)})
    wanted = Wanted(sources, labels=labels, numbers=sources)
    table = read_file(Path(path), wanted, form=data.form.of_another_file)
    table = _plain(replace(table, numbers=numbers), spec, data, zero)
    known = follow_up(cohort, treatment)
    columns = read_visits(table, spec, data=data, known=known, dropped=dropped)
    return Visits(columns, spec.switches, spec.every, spec.starts, table.notes)
