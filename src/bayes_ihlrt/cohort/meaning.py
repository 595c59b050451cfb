"""From the cells of a hospital's file to plain columns: what `[data]` says that they mean.

Short names are found, codes become missing, dates become times since time zero, an event is told by
its value, values beyond a limit of detection become numbers, and scores and categories are
computed. Columns that no such rule concerns are left as they are. What was done is told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.dates import looks_like_dates, proven_order, read_dates
from bayes_ihlrt.cohort.derived import computed_column
from bayes_ihlrt.cohort.events import told_events
from bayes_ihlrt.cohort.given import Given, coded_cells, within_limits
from bayes_ihlrt.cohort.identifiers import patient_labels
from bayes_ihlrt.cohort.several_starts import separate_starts
from bayes_ihlrt.errors import Fault, nearest
from bayes_ihlrt.files.cells import CellKind, Cells, number_labels, read_cells
from bayes_ihlrt.files.messages import are, enumerated, patients, share, shown
from bayes_ihlrt.files.table import Table
from bayes_ihlrt.names import DAYS_PER_MONTH, TimeUnit
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.data_file import DateOrder, EventSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec

type Floats = NDArray[np.float64]

_PATIENT, _CENTRE, _TIME, _START, _EVENT = "patient", "centre", "time", "start", "event"
_NOTHING: Final = np.empty(0, dtype=object)


@dataclass(frozen=True)
class TimeZero:
    """When the follow-up of each patient begins, by the calendar.

    Parameters
    ----------
    days : mapping of str to float
        Day number, by patient.
    order : str or None
        Order of day and month in the data file, where its dates prove one.
    """

    days: Mapping[str, float]
    order: str | None


def understood(
    table: Table,
    data: DataSpec,
    *,
    needed: Mapping[str, str],
    treatment: TreatmentSpec | None,
    visits: VisitsSpec | None = None,
) -> tuple[Table, list[Fault]]:
    """Return a table of plain columns under the names of the analysis.

    Parameters
    ----------
    table : Table
        Columns as they were given: `source_columns`.
    data : DataSpec
        Meaning of the columns.
    needed : mapping of str to str
        Columns of the analysis, with what each is needed as.
    treatment : TreatmentSpec or None
        The treatment.
    visits : VisitsSpec or None
        Names the columns with times of switching.

    Returns
    -------
    table : Table
        With the columns of `needed`; times are numbers in `time_unit`, and the date of time zero a
        day number. Columns at fault are left out.
    faults : list of Fault
        What could not be understood.
    """
    kinds = {data.patient: _PATIENT, data.event_column: _EVENT}
    times = ("time", "start", "stop", "entry", "left", "right")
    kinds |= {column: _TIME for role, column in data.roles.items() if role in times}
    if data.interval is not None:
        # An empty cell says that the event was never found, so that no code may say 'not known'.
        kinds[data.interval.right] = _START
    if data.centre is not None:
        kinds[data.centre] = _CENTRE
    if visits is not None:
        kinds |= dict.fromkeys(visits.switches.values(), _START)
    if treatment is not None:
        kinds |= dict.fromkeys(treatment.starts, _START)
    return _Meaning(Given(table, data), kinds).table(needed)


def understood_visits(
    table: Table,
    data: DataSpec,
    spec: VisitsSpec,
    *,
    needed: Mapping[str, str],
    zero: TimeZero | None,
) -> tuple[Table, list[Fault]]:
    """Return a table of visits with plain columns; dates count from each patient's time zero.

    Parameters
    ----------
    table : Table
        Visits as they were given.
    data : DataSpec
        Meaning of the columns.
    spec : VisitsSpec
        Meaning of the columns of visits.
    needed : mapping of str to str
        Columns of the analysis, with what each is needed as.
    zero : TimeZero or None
        Each patient's time zero; None where times are no dates.

    Returns
    -------
    table : Table
        With the columns of `needed`.
    faults : list of Fault
        What could not be understood.
    """
    days = None
    source = data.aliases.get(data.patient, data.patient)
    if zero is not None and source in table.columns:
        labels = patient_labels(table, source).tolist()
        days = np.array([zero.days.get(label, np.nan) for label in labels])
    kinds = {data.patient: _PATIENT} | ({} if spec.time is None else {spec.time: _TIME})
    given = Given(replace(table, date_order=None if zero is None else zero.order), data)
    return _Meaning(given, kinds, days).table(needed)


def time_zero(table: Table, data: DataSpec) -> TimeZero | None:
    """Return each patient's time zero.

    Parameters
    ----------
    table : Table
        The data file, understood.
    data : DataSpec
        Meaning of the columns.

    Returns
    -------
    TimeZero or None
        None where times are no dates.
    """
    if data.origin is None or data.origin not in table.columns:
        return None
    days = read_cells(table.columns[data.origin]).numbers.tolist()
    known = dict(zip(patient_labels(table, data.patient).tolist(), days, strict=True))
    return TimeZero(known, table.date_order)


@dataclass
class _Meaning:
    """Makes the columns of an analysis from those of a file."""

    given: Given
    kinds: Mapping[str, str]
    zero: Floats | None = None
    order: DateOrder | None = None
    dated: dict[str, tuple[str, Cells]] = field(default_factory=dict)
    """Columns of dates by what messages call them, with the name of each; several are of one
    column where its cells hold several times."""

    def table(self, needed: Mapping[str, str]) -> tuple[Table, list[Fault]]:
        given = self.given
        columns = dict(given.table.columns)
        for name, purpose in needed.items():
            found = self._column(name, purpose)
            columns.pop(name, None)
            if found is not None:
                columns[name] = found
        for name, since in self._since_zero(columns).items():
            columns.pop(name, None)
            if since is not None:
                columns[name] = since
        # A column that is at fault here is not also said not to be there.
        before = given.table.names
        names = (*before, *(name for name in needed if self._made(name) and name not in before))
        notes = (*given.table.notes, *given.told())
        made = replace(given.table, columns=columns, names=names, notes=notes)
        return replace(made, date_order=self.order), given.faults

    def _made(self, name: str) -> bool:
        return name in self.given.data.derived or name in self.given.data.aliases

    def _of_treatment(self, name: str) -> bool:
        interval = self.given.data.interval
        return interval is None or name != interval.right

    def _column(self, name: str, purpose: str) -> Any:
        """One column of the analysis; None where it is at fault, or is not there."""
        given, data = self.given, self.given.data
        if name in data.derived:
            return computed_column(given, name)
        source = given.source(name)
        if source != name and name in given.table.names:
            problem = f"`aliases` gives this name to '{source}', and the file has such a column"
            remedy = "Choose another short name, or remove the line"
            given.faults.append(Fault(f"column {name}", problem, remedy))
            return None
        if source == name and source not in given.table.columns:
            return None
        raw = given.raw(name, purpose)
        return raw if raw is None else self._understood(name, raw, self.kinds.get(name))

    def _understood(self, name: str, raw: Any, kind: str | None) -> Any:
        given, data = self.given, self.given.data
        if kind == _PATIENT:
            return raw
        if kind in {_TIME, _START}:
            return self._time(name, raw, starts=kind == _START)
        if kind == _EVENT and isinstance(data.event, EventSpec):
            return told_events(given, name, raw, data.event)
        if kind == _CENTRE:
            return given.labels(name, raw) if given.codes(name) else raw
        if not given.codes(name) and data.below_limit is None:
            return raw
        found = within_limits(given, name, given.cells(name, raw))
        return found if given.codes(name) or found.kind is CellKind.TEXT else raw

    def _time(self, name: str, raw: Any, *, starts: bool) -> Any:
        """Times as numbers; dates are kept until all of them can be read in one order."""
        given, data, source = self.given, self.given.data, self.given.source(name)
        both = {data.units[each] for each in (name, source) if each in data.units}
        if len(both) > 1:
            problem = f"`units` gives it two units: {' and '.join(sorted(both))}"
            given.faults.append(Fault(f"column {source}", problem, "Keep one of the two lines"))
            return None
        unit = next(iter(both), None)
        never = data.never if starts else ()
        if data.origin is None and not (given.codes(name) or never) and unit is None:
            return raw
        if unit is not None and unit not in list(TimeUnit):
            problem = f"'{unit}' is not a unit of time"
            fault = Fault(f"[data] units, {source}", problem, nearest(unit, tuple(TimeUnit)))
            given.faults.append(fault)
            return None
        per = 1.0 if unit is None else TimeUnit(unit).months / data.time_unit.months
        parts = separate_starts(raw) if starts else [raw]
        if len(parts) == 1:
            return self._one_time(name, source, read_cells(raw), starts=starts, per=per)
        made = [
            self._one_time(name, f"{source}, time {i}", read_cells(part), starts=True, per=per)
            for i, part in enumerate(parts, 1)
        ]
        whole = [part for part in made if part is not None]
        return None if len(whole) < len(made) else _first(whole)

    def _one_time(
        self, name: str, label: str, cells: Cells, *, starts: bool, per: float
    ) -> Cells | None:
        """One time a row; where they are dates, no time yet."""
        given, data = self.given, self.given.data
        found = given.without(name, cells, data.never if starts else (), "never")
        declared = name in data.units or given.source(name) in data.units
        codes = given.codes(name)
        unknown = np.flatnonzero(coded_cells(found, codes) & starts)
        if len(unknown):
            problem = f"{share(len(unknown), len(found.missing), 'value')} {are(len(unknown))} a "
            problem += f"code for 'not known' ({patients(given.patient, unknown)}), and an empty "
            problem += "cell means 'never'"
            happened = "treated" if self._of_treatment(name) else "found with the event"
            remedy = f"Name the code in [data] never if these were never {happened}; otherwise "
            remedy += "leave these patients out of the data"
            given.faults.append(Fault(f"column {label}", problem, remedy))
            return None
        found = given.without(name, found, codes, "not known")
        dates = found.kind is CellKind.DATE or looks_like_dates(found)
        if dates and (self.zero is not None or data.origin is not None):
            self.dated[label] = (name, found)
            return Cells(CellKind.NUMBER, np.full(len(found.missing), np.nan), _NOTHING)
        dated = self.zero is not None or data.origin is not None
        plain = found.numbers[np.isfinite(found.numbers)]
        if dated and len(plain) and not declared:
            seen = enumerated(map(shown, plain[:3]), min(len(plain), 3))
            problem = f"{share(len(plain), len(found.missing), 'value')} {are(len(plain))} plain "
            problem += f"numbers ({seen}), and times are dates by [data] origin"
            remedy = "Write dates as yyyy-mm-dd; if these are times since time zero, say in what "
            remedy += f'unit: units = {{ "{given.source(name)}" = "months" }}'
            given.faults.append(Fault(f"column {label}", problem, remedy))
            return None
        return Cells(found.kind, found.numbers * per, found.text)

    def _since_zero(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns of dates as times since time zero, once every column was looked at."""
        given, data, zero = self.given, self.given.data, self.zero
        if data.origin is None or (zero is not None and not self.dated):
            return {}
        dated = {label: found for label, (_, found) in self.dated.items()}
        origin = given.source(data.origin)
        if zero is None:
            raw = given.raw(data.origin, "[data] origin")
            if raw is None:
                return self._withheld()
            dated[origin] = given.cells(data.origin, raw)
        stated = data.date_order
        if stated is None and given.table.date_order is not None:
            stated = DateOrder(given.table.date_order)
        days, faults, notes = read_dates(dated, stated, patient=given.patient)
        self.order = proven_order(dated) if stated is None else stated
        given.faults += faults
        given.notes += notes
        made: dict[str, Any] = {}
        if zero is None:
            zero = days[origin]
            if self._origin_at_fault(origin, dated[origin], zero, faults):
                return self._withheld()
            made[data.origin] = Cells(CellKind.NUMBER, zero, _NOTHING)
        wrong = {fault.where for fault in faults}
        per_unit = data.time_unit.months * DAYS_PER_MONTH
        for label, (name, _) in self.dated.items():
            if f"column {label}" in wrong:
                made[name] = None
            elif made.get(name, columns[name]) is not None:
                since = Cells(CellKind.NUMBER, (days[label] - zero) / per_unit, _NOTHING)
                made[name] = _first([made.get(name, columns[name]), since])
        return made

    def _withheld(self) -> dict[str, Any]:
        """Columns of dates that cannot be times, for a fault that is told."""
        return dict.fromkeys(name for name, _ in self.dated.values())

    def _origin_at_fault(
        self, source: str, found: Cells, zero: Floats, faults: list[Fault]
    ) -> bool:
        rows, labels = np.flatnonzero(found.missing), self.given.patient
        if len(rows):
            problem = f"{share(len(rows), len(zero), 'value')} {are(len(rows))} missing "
            problem += f"({patients(labels, rows)}), so that time zero is not known"
            remedy = "Complete the dates from the records, or leave these patients out of the data"
            self.given.faults.append(Fault(f"column {source}", problem, remedy))
        number = number_labels(labels)
        first = np.full(int(number.max(initial=-1)) + 1, np.inf)
        np.fmin.at(first, number, zero)
        differ = np.flatnonzero(np.isfinite(zero) & (zero != first[number]))
        if len(differ):
            problem = f"rows of one patient differ ({patients(labels, differ)})"
            remedy = "Repeat the date of time zero in every row of the patient"
            self.given.faults.append(Fault(f"column {source}", problem, remedy))
        known = any(fault.where == f"column {source}" for fault in faults)
        return known or bool(len(rows)) or bool(len(differ))


def _first(parts: Sequence[Cells]) -> Cells:
    """The first of several times of each row; what cannot be read is told as it is."""
    unread = [part for part in parts if part.unreadable.any()]
    if unread:
        return unread[0]
    numbers = np.fmin.reduce([part.numbers for part in parts])
    return Cells(CellKind.NUMBER, numbers, _NOTHING)
