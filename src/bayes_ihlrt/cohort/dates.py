"""Calendar dates as files write them, read as day numbers; what may be read in two ways is refused.

The order of day and month is decided by cells that allow one order only, over all columns of a
file; dates with points are written day first wherever they are in use.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault
from bayes_ihlrt.files.cells import CellKind, Cells
from bayes_ihlrt.files.messages import LISTED, are, cells, share, shown
from bayes_ihlrt.spec.data_file import DateOrder

type Floats = NDArray[np.float64]
type Labels = NDArray[np.object_]

_CLOCK: Final = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z| ?[+-]\d{2}:?\d{2})?)?"
_YEAR_FIRST: Final = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})" + _CLOCK, re.ASCII)
_NUMBERS: Final = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})" + _CLOCK, re.ASCII)
_DAY_NAME: Final = re.compile(r"(\d{1,2})[-. /]*([^\W\d_]{3,9})[-. /,]*(\d{4})" + _CLOCK)
_NAME_DAY: Final = re.compile(r"([^\W\d_]{3,9})\.? *(\d{1,2}),? +(\d{4})")
_COMPACT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_SHORT_YEAR: Final = re.compile(
    r"\d{1,2}([-/. ]+\d{1,2}[-/. ]+|[-/. ]*[^\W\d_]{3,9}[-/. ]*)\d{2}", re.ASCII
)
_MONTHS: Final = (
    ("jan", "gen"),
    ("feb", "fev", "fév"),
    ("mar", "mär", "mrz"),
    ("apr", "avr"),
    ("may", "mai", "mag"),
    ("jun", "juin", "giu"),
    ("jul", "juil", "lug"),
    ("aug", "aoû", "aou", "ago"),
    ("sep", "set"),
    ("oct", "okt", "ott"),
    ("nov",),
    ("dec", "dez", "déc", "dic"),
)
"""How the months begin in English, German, French and Italian."""
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_SERIAL: Final = (20_000.0, 80_000.0)
"""Day numbers by which spreadsheets store the dates from 1954 to 2119."""


@dataclass(frozen=True)
class _Parsed:
    """A column's cells: day numbers in either order, and what they are."""

    day_first: Floats
    month_first: Floats
    dots: NDArray[np.bool_]
    short: NDArray[np.bool_]

    @property
    def dotted(self) -> bool:
        """Whether all dates in numbers are written with points."""
        written = np.isfinite(self.day_first) | np.isfinite(self.month_first)
        written &= ~(self.day_first == self.month_first)
        return bool(written.any() and self.dots[written].all())

    @property
    def ambiguous(self) -> NDArray[np.bool_]:
        both: NDArray[np.bool_] = np.isfinite(self.day_first) & np.isfinite(self.month_first)
        differ: NDArray[np.bool_] = self.day_first != self.month_first
        return both & differ

    def allows(self, order: DateOrder) -> NDArray[np.bool_]:
        """Cells that only this order can read."""
        first, other = self.day_first, self.month_first
        if order is DateOrder.MONTH_FIRST:
            first, other = other, first
        only: NDArray[np.bool_] = np.isfinite(first) & np.isnan(other)
        return only

    def in_order(self, order: DateOrder) -> Floats:
        return self.day_first if order is DateOrder.DAY_FIRST else self.month_first


def looks_like_dates(found: Cells) -> bool:
    """Return whether most of a column's cells are calendar dates.

    Parameters
    ----------
    found : Cells
        The column.

    Returns
    -------
    bool
        True for dates in any order, with two-digit years too, and for day numbers ``yyyymmdd``.

    Examples
    --------
    >>> from bayes_ihlrt.files.cells import read_cells
    >>> looks_like_dates(read_cells(["17.10.2022", None])), looks_like_dates(read_cells(["2.5"]))
    (True, False)
    """
    if found.missing.all():
        return False
    parsed = _parsed(found)
    dated = np.isfinite(parsed.day_first) | np.isfinite(parsed.month_first) | parsed.short
    return bool(2 * dated.sum() > (~found.missing).sum())


def proven_order(columns: Mapping[str, Cells]) -> DateOrder | None:
    """Return the order of day and month that dates without points prove.

    Parameters
    ----------
    columns : mapping of str to Cells
        Columns of dates.

    Returns
    -------
    DateOrder or None
        None where they prove none, or both.

    Examples
    --------
    >>> from bayes_ihlrt.files.cells import read_cells
    >>> proven_order({"start": read_cells(["25/03/2021"])}).value
    'day-month-year'
    """
    found = _proofs({n: _parsed(c) for n, c in columns.items()}, columns)[False]
    return next(iter(found)) if len(found) == 1 else None


def read_dates(
    columns: Mapping[str, Cells], order: DateOrder | None, *, patient: Labels
) -> tuple[dict[str, Floats], list[Fault], list[str]]:
    """Read columns of calendar dates.

    Parameters
    ----------
    columns : mapping of str to Cells, each of shape (rows,)
        Columns of dates.
    order : DateOrder or None
        Order of day and month, where the user states it.
    patient : ndarray of str, shape (rows,)
        Patient of each row, for messages.

    Returns
    -------
    days : dict of str to ndarray, shape (rows,)
        Days, counted as Python's ordinals; NaN where missing or at fault.
    faults : list of Fault
        Cells that are no dates, and dates that may be read in two ways.
    notes : list of str
        How the order of day and month was recognised.

    Examples
    --------
    >>> from bayes_ihlrt.files.cells import read_cells
    >>> who = np.array(["a", "b"], dtype=object)
    >>> days, faults, notes = read_dates(
    ...     {"start": read_cells(["25/03/2021", "04/03/2021"])}, None, patient=who)
    >>> float(days["start"][0] - days["start"][1]), notes
    (21.0, ['dates are read as day-month-year: a date of start allows no other order'])
    """
    parsed = {name: _parsed(found) for name, found in columns.items()}
    orders, faults, notes = _orders(parsed, columns, order)
    days = {}
    for name, found in columns.items():
        read = parsed[name].in_order(orders[name])
        faults += _unreadable(name, found, read, parsed[name], patient, orders[name])
        days[name] = read
    return days, faults, notes


def _parsed(found: Cells) -> _Parsed:
    n = len(found.missing)
    text = found.text
    if found.kind is CellKind.NUMBER:
        whole = np.isfinite(found.numbers) & (found.numbers == np.round(found.numbers))
        text = np.full(n, None, dtype=object)
        text[whole] = [f"{value:.0f}" for value in found.numbers[whole]]
    # Many patients share a date: each is read once.
    each = text.tolist()
    number = {cell: code for code, cell in enumerate(dict.fromkeys(each))}
    known = [(np.nan, np.nan, False, False) if cell is None else _read(cell) for cell in number]
    code = np.fromiter(map(number.__getitem__, each), dtype=np.intp, count=n)
    rows = np.array(known, dtype=np.float64).reshape(len(number), 4)[code]
    return _Parsed(rows[:, 0], rows[:, 1], rows[:, 2] == 1.0, rows[:, 3] == 1.0)


def _read(cell: str) -> tuple[float, float, bool, bool]:
    """Day number with the day first, with the month first, whether with dots, or a short year."""
    if match := _YEAR_FIRST.fullmatch(cell):
        day = _ordinal(match[1], match[3], match[4])
        return day, day, False, False
    if match := _NUMBERS.fullmatch(cell):
        first, second, year = match[1], match[3], match[4]
        dots = match[2] == "."
        return _ordinal(year, second, first), _ordinal(year, first, second), dots, False
    if match := _DAY_NAME.fullmatch(cell):
        day = _named(match[3], match[2], match[1])
        return day, day, False, False
    if match := _NAME_DAY.fullmatch(cell):
        day = _named(match[3], match[1], match[2])
        return day, day, False, False
    if match := _COMPACT.fullmatch(cell):
        day = _ordinal(match[1], match[2], match[3])
        return day, day, False, False
    return np.nan, np.nan, False, _SHORT_YEAR.fullmatch(cell) is not None


def _named(year: str, month: str, day: str) -> float:
    name = month.lower()
    found = [number for number, begins in enumerate(_MONTHS, 1) if name.startswith(begins)]
    return _ordinal(year, str(found[0]), day) if found else np.nan


def _ordinal(year: str, month: str, day: str) -> float:
    # 1 January 1900 stands for "not known" in many systems, as years outside the range do.
    if not _FIRST_YEAR <= int(year) <= _LAST_YEAR or (int(year), int(month), int(day)) == (
        _FIRST_YEAR,
        1,
        1,
    ):
        return np.nan
    try:
        return float(date(int(year), int(month), int(day)).toordinal())
    except ValueError:
        return np.nan


type _Proof = dict[DateOrder, tuple[str, str]]
"""By order: a column, and a cell of it that allows no other."""


def _orders(
    parsed: Mapping[str, _Parsed], columns: Mapping[str, Cells], stated: DateOrder | None
) -> tuple[dict[str, DateOrder], list[Fault], list[str]]:
    """Order of each column, those that cannot be known, and how it was recognised."""
    if stated is not None:
        return dict.fromkeys(parsed, stated), [], []
    proofs = _proofs(parsed, columns)
    orders, faults, notes = {}, [], []
    for name, each in parsed.items():
        proof, unsure = proofs[each.dotted], np.flatnonzero(each.ambiguous)
        orders[name] = next(iter(proof), DateOrder.DAY_FIRST)
        if len(proof) > 1 and (len(unsure) or any(name == column for column, _ in proof.values())):
            faults.append(_both_orders(name, proof))
        elif not proof and not each.dotted and len(unsure):
            faults.append(_two_readings(name, columns[name], each, unsure))
    for dots, proof in proofs.items():
        doubtful = any(each.ambiguous.any() for each in parsed.values() if each.dotted is dots)
        if len(proof) == 1 and doubtful:
            # Without the cell: results tell notes, and a date is a patient's.
            ((order, (name, _)),) = proof.items()
            notes.append(f"dates are read as {order}: a date of {name} allows no other order")
        elif not proof and dots and doubtful:
            notes.append("dates with points are read as day.month.year")
    return orders, faults, notes


def _proofs(parsed: Mapping[str, _Parsed], columns: Mapping[str, Cells]) -> dict[bool, _Proof]:
    """What proves an order among dates without points, and among those with."""
    found: dict[bool, _Proof] = {False: {}, True: {}}
    for name, each in parsed.items():
        for order in DateOrder:
            rows = np.flatnonzero(each.allows(order))
            if len(rows):
                cell = str(columns[name].text[rows[0]])
                found[each.dotted].setdefault(order, (name, cell))
    return found


def _both_orders(name: str, proof: _Proof) -> Fault:
    found = " and ".join(f"'{cell}' ({column})" for column, cell in proof.values())
    problem = f"day and month are in no single order in this file: {found}"
    remedy = "Write all dates as yyyy-mm-dd, or correct those in the other order"
    return Fault(f"column {name}", problem, remedy)


def _two_readings(name: str, found: Cells, parsed: _Parsed, unsure: NDArray[np.intp]) -> Fault:
    row = unsure[0]
    first, second = (
        date.fromordinal(int(days[row])).isoformat()
        for days in (parsed.day_first, parsed.month_first)
    )
    problem = (
        f"'{found.text[row]}' is {first} if the day comes first and {second} if the month does, "
        "and no date in the file settles it"
    )
    remedy = "Add to [data] the line date_order = 'day-month-year' or 'month-day-year'"
    return Fault(f"column {name}", problem, remedy)


def _unreadable(
    name: str, found: Cells, days: Floats, parsed: _Parsed, patient: Labels, order: DateOrder
) -> list[Fault]:
    rows = np.flatnonzero(np.isnan(days) & ~found.missing)
    if not len(rows):
        return []
    if found.kind is CellKind.NUMBER:
        texts = [shown(value) for value in found.numbers[rows[:LISTED]]]
        low, high = _SERIAL
        serial = bool(((found.numbers[rows] > low) & (found.numbers[rows] < high)).all())
    else:
        texts, serial = [f"'{found.text[row]}'" for row in rows[:LISTED]], False
    problem = f"{share(len(rows), len(days), 'value')} {are(len(rows))} no calendar date"
    problem += f": {cells(texts, patient[rows])}"
    remedy = f"Write dates as yyyy-mm-dd, from year {_FIRST_YEAR} on, and leave what is not known "
    remedy += "empty (or name its code in [data] missing or never)"
    if serial:
        remedy = "They may be the day numbers of a spreadsheet: format the column as dates there, "
        remedy += "and export it again"
    elif parsed.short[rows].any():
        remedy = "Write the year with four digits: 21 may be 1921 or 2021"
    elif np.isfinite(parsed.day_first[rows]).any() or np.isfinite(parsed.month_first[rows]).any():
        other = next(each for each in DateOrder if each is not order)
        remedy = f"They are dates as {other} only, and the others are read as {order}: correct "
        remedy += "them, or write all dates as yyyy-mm-dd"
    return [Fault(f"column {name}", problem, remedy)]
