"""Tables as two systems write them: CDISC data sets of times to events, and REDCap's repeated rows.

Both are recognised by their column names. What has one meaning is done and told; the rest is
refused with what to do.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.identifiers import patient_labels
from bayes_ihlrt.cohort.several_starts import BAR
from bayes_ihlrt.errors import DataError, Fault, nearest
from bayes_ihlrt.files.cells import absent, read_labels
from bayes_ihlrt.files.messages import counted, enumerated, patients
from bayes_ihlrt.files.table import Table, kept_rows
from bayes_ihlrt.names import TimeUnit
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.data_file import EventSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec

_PARAMETER, _TIME, _UNIT, _CENSORED = "PARAMCD", "AVAL", "AVALU", "CNSR"
_REPEATED: Final = "redcap_repeat_instrument"

EXPORT_COLUMNS: Final = frozenset({_PARAMETER, _UNIT, _PARAMETER.lower(), _UNIT.lower(), _REPEATED})
"""Columns that are read, as text, in whatever file they occur."""

_UNITS: Final = {
    word: unit
    for unit in TimeUnit
    for word in (unit.value, unit.value.removesuffix("s"), unit.value[0])
} | {"mo": TimeUnit.MONTHS, "mth": TimeUnit.MONTHS, "yr": TimeUnit.YEARS, "wk": TimeUnit.WEEKS}


def settle_export(table: Table, data: DataSpec, treatment: TreatmentSpec | None) -> Table:
    """Take the rows that the analysis is about, and one row a patient of REDCap's repeated ones.

    Parameters
    ----------
    table : Table
        Columns as they were given.
    data : DataSpec
        Meaning of the columns.
    treatment : TreatmentSpec or None
        The treatment.

    Returns
    -------
    Table
        With a note on what was done; the same table where it is no export of these.

    Raises
    ------
    DataError
        The censoring indicator is taken for the event, there are several parameters, the unit of
        time is another one, or repeated rows cannot be merged without doubt.

    Examples
    --------
    >>> data = DataSpec(patient="USUBJID", time="AVAL", event="dead", parameter="OS")
    >>> columns = {"USUBJID": ["1", "1"], "AVAL": [9.0, 5.0], "dead": [1, 1],
    ...            "PARAMCD": ["OS", "PFS"]}
    >>> settle_export(Table("adtte", tuple(columns), columns, 2), data, None).n_rows
    1
    """
    faults = _censoring_as_event(data)
    chosen, found = _one_parameter(table, data)
    faults += [*found, *_other_unit(chosen, data)]
    if faults:
        raise DataError(table.subject, faults)
    return _merged(chosen, data, treatment)


def _censoring_as_event(data: DataSpec) -> list[Fault]:
    column = data.event_column
    codes = data.event.codes if isinstance(data.event, EventSpec) else ("1",)
    if column.upper() != _CENSORED or not any(code.isdigit() and code != "0" for code in codes):
        return []
    return [
        Fault(
            "[data] event",
            f"{column} of a CDISC data set says who was censored: 0 is an event, and 1 or more "
            "a reason for censoring, so that events and censored patients would be exchanged",
            f"Write event = {{ column = '{column}', value = 0 }}",
        )
    ]


def _column(table: Table, name: str) -> str | None:
    return next((found for found in (name, name.lower()) if found in table.columns), None)


def _one_parameter(table: Table, data: DataSpec) -> tuple[Table, list[Fault]]:
    column = _column(table, _PARAMETER)
    if column is None:
        if data.parameter is None:
            return table, []
        problem = f"'{data.parameter}' is asked for, and there is no column {_PARAMETER}"
        return table, [Fault("[data] parameter", problem, "Remove the key")]
    codes = read_labels(table.columns[column])
    known = sorted({code for code in codes.tolist() if code is not None})
    if data.parameter is None:
        if len(known) < 2:
            return table, []
        problem = f"the rows are of several parameters: {enumerated(known, len(known))}"
        remedy = f'Write the one that is meant into [data], for instance parameter = "{known[0]}"'
        return table, [Fault(f"column {column}", problem, remedy)]
    if data.parameter not in known:
        problem = f"no row has the parameter '{data.parameter}'"
        return table, [Fault("[data] parameter", problem, nearest(data.parameter, known))]
    keep = np.array([code == data.parameter for code in codes.tolist()], dtype=bool)
    chosen = kept_rows(table, keep)
    told = f"{chosen.n_rows:,} of {table.n_rows:,} rows have {column} {data.parameter}; the rest "
    return replace(chosen, notes=(*table.notes, f"{told}is not read.")), []


def _other_unit(table: Table, data: DataSpec) -> list[Fault]:
    column = _column(table, _UNIT)
    times = {name.upper() for name in (data.time, data.stop) if name is not None}
    if column is None or _TIME not in times:
        return []
    stated = sorted({str(unit) for unit in read_labels(table.columns[column]) if unit is not None})
    own = data.units.get(data.time or data.stop or "", data.time_unit.value)
    other = [unit for unit in stated if _UNITS.get(unit.lower()) != own]
    if not other:
        return []
    problem = (
        f"it says that times are in {enumerated(other, len(other))}, and [data] time_unit is "
        f"'{own}'"
    )
    words = {_UNITS[unit.lower()] for unit in stated if unit.lower() in _UNITS}
    remedy = "Convert the times, and say in `time_unit` what they are in then"
    if len(stated) == 1 and words:
        remedy = f'Write time_unit = "{next(iter(words)).value}" into [data]'
    return [Fault(f"column {column}", problem, remedy)]


def _merged(table: Table, data: DataSpec, treatment: TreatmentSpec | None) -> Table:
    """Put the starts of repeated rows into the row of their patient."""
    if _REPEATED not in table.columns or data.patient not in table.columns:
        return table
    instrument = read_labels(table.columns[_REPEATED])
    again = ~absent(instrument)
    if not again.any():
        return table
    names = sorted(set(instrument[again].tolist()))
    patient = patient_labels(table, data.patient)
    starts = () if treatment is None else treatment.starts
    faults = _unmergeable(table, data, again, patient=patient, starts=starts)
    if faults:
        raise DataError(table.subject, faults)
    kept = kept_rows(table, ~again)
    columns = dict(kept.columns)
    for column in starts:
        if column in columns:
            cells = read_labels(table.columns[column])
            columns[column] = _joined(cells, patient, order=patient[~again].tolist())
    told = (
        f"{counted(int(again.sum()), 'row', 'rows')} of repeating instruments "
        f"({enumerated(names, len(names))}) merged into the row of their patient"
    )
    return replace(kept, columns=columns, notes=(*table.notes, f"{told}."))


def _unmergeable(
    table: Table,
    data: DataSpec,
    again: NDArray[np.bool_],
    *,
    patient: NDArray[np.object_],
    starts: Iterable[str],
) -> list[Fault]:
    where = f"column {_REPEATED}"
    rows = f"{counted(int(again.sum()), 'row repeats', 'rows repeat')} an instrument of REDCap"
    remedy = (
        "Export the instrument of the treatment into a file of its own, take the first start of "
        "each patient from it, and put that into the row of the patient"
    )
    if not data.one_row_a_patient:
        return [Fault(where, f"{rows}, and the data are intervals from start to stop", remedy)]
    faults = []
    ids = patient.tolist()
    own = [name for name, repeats in zip(ids, again.tolist(), strict=True) if not repeats]
    strangers = np.array([name not in set(own) for name in ids], dtype=bool)
    if strangers.any():
        who = patients(patient, np.flatnonzero(strangers))
        problem = f"{rows}, and there is no row with the baseline of {who}"
        faults.append(Fault(where, problem, "Export the baseline as well"))
    free = {data.patient, *starts, *EXPORT_COLUMNS}
    for name in table.columns.keys() - free:
        filled = np.flatnonzero(~absent(read_labels(table.columns[name])) & again)
        if len(filled):
            where_filled = counted(len(filled), "row that repeats", "rows that repeat")
            problem = (
                f"it is filled in {where_filled} an instrument of REDCap "
                f"({patients(patient, filled)}): which value counts is not known"
            )
            faults.append(Fault(f"column {name}", problem, remedy))
    return sorted(faults, key=lambda fault: fault.where)


def _joined(
    cells: NDArray[np.object_], patient: NDArray[np.object_], *, order: list[Any]
) -> NDArray[np.object_]:
    found: dict[Any, list[str]] = {}
    for who, cell in zip(patient.tolist(), cells.tolist(), strict=True):
        if cell is not None:
            found.setdefault(who, []).append(cell)
    return np.array([BAR.join(found[who]) if who in found else None for who in order], dtype=object)
