"""Decimal marks of a text file: which one it uses, and refusal where two readings are possible.

A number with one mark before three digits, such as ``1,234``, is 1.234 or 1234. What decides is
another number of the file, which has one reading only, or the user; never a guess.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow.compute as pc

from bayes_ihlrt.errors import Fault

POINT, COMMA = ".", ","
MARK_WORDS: Final = {POINT: "decimal points", COMMA: "decimal commas"}

_PLAIN: Final = r"[+-]?(?:\d+(?:MARK\d*)?|MARK\d+)(?:[eE][+-]?\d+)?"
_GROUPED: Final = r"[+-]?[1-9]\d{0,2}(?:GROUP\d{3})+(?:MARK\d+)?"
# Before a number stands a limit of detection; several numbers of one cell have a bar between them.
_CELL: Final = r"^\s*(?:[<>≤≥]=?)?\s*(?:ONE)(?:\s*\|\s*(?:ONE))*\s*$"


def _cell(mark: str, *, grouped: bool) -> str:
    group = COMMA if mark == POINT else POINT
    one = f"{_PLAIN}|{_GROUPED}" if grouped else _PLAIN
    one = one.replace("MARK", re.escape(mark)).replace("GROUP", re.escape(group))
    return _CELL.replace("ONE", one)


_NUMBERS: Final = {mark: re.compile(_cell(mark, grouped=True)) for mark in MARK_WORDS}
_UNGROUPED: Final = {mark: re.compile(_cell(mark, grouped=False)) for mark in MARK_WORDS}
_SURE_GROUPS: Final = re.compile(r"\d\.\d{3}\.\d{3}|\d,\d{3},\d{3}|\d\.\d{3},|\d,\d{3}\.")


def is_number(text: str, mark: str) -> bool:
    """Return whether a cell is a number, perhaps with thousands marks or a limit of detection.

    Parameters
    ----------
    text : str
        The cell.
    mark : str
        The decimal mark.

    Returns
    -------
    bool
        Numbers with a bar between them count as well.

    Examples
    --------
    >>> is_number("1.234,5", ","), is_number("<2,0", ","), is_number("1.234,5", ".")
    (True, True, False)
    """
    return _NUMBERS[mark].match(text) is not None


def with_point(text: str, mark: str) -> str:
    """Return a number with a decimal point and without thousands marks; other text as it is.

    Parameters
    ----------
    text : str
        A cell.
    mark : str
        The decimal mark.

    Returns
    -------
    str
        The cell.

    Examples
    --------
    >>> with_point("1.234,5", ","), with_point("grade 1,5", ",")
    ('1234.5', 'grade 1,5')
    """
    if not is_number(text, mark):
        return text
    return text.replace(COMMA if mark == POINT else POINT, "").replace(mark, POINT)


def column_with_points(column: Any, mark: str) -> Any:
    """Return an Arrow column of text with `with_point` of each cell.

    Parameters
    ----------
    column : pyarrow array of str
        The column.
    mark : str
        The decimal mark.

    Returns
    -------
    pyarrow array of str
        Of the same length.
    """
    plain = pc.replace_substring(column, COMMA if mark == POINT else POINT, "")
    numbers = pc.match_substring_regex(column, _cell(mark, grouped=True))
    return pc.if_else(numbers, pc.replace_substring(plain, mark, POINT), column)


@dataclass(frozen=True)
class Marks:
    """What is known of the decimal mark of a file.

    Parameters
    ----------
    mark : str
        Decimal mark to read it by.
    used : bool
        Whether any number has a mark.
    grouped : tuple of str
        Columns in which thousands have a mark.
    faults : tuple of Fault
        Columns whose numbers have two readings, or marks that contradict each other.
    """

    mark: str = POINT
    used: bool = False
    grouped: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class _Column:
    """Marks of one column: example cells of each kind, and whether thousands certainly have one."""

    only: Mapping[str, str]
    unclear: Mapping[str, str]
    groups: bool

    def doubtful(self, mark: str | None) -> str | None:
        """Return a cell with two readings: where `mark` is known, one that would have thousands."""
        if mark is None:
            return next(iter(self.unclear.values()), None)
        return None if self.groups else self.unclear.get(COMMA if mark == POINT else POINT)


def decimal_marks(
    columns: Mapping[str, Sequence[str]], *, key: str | None, points: bool, commas_between: bool
) -> Marks:
    """Find the decimal mark that every number of a file agrees with.

    Parameters
    ----------
    columns : mapping of str to sequence of str
        Distinct cells of the columns that may hold numbers.
    key : str or None
        The mark that the user states.
    points : bool
        Whether other columns of the file certainly have decimal points.
    commas_between : bool
        Whether commas stand between columns: ``1.234`` then has a decimal point.

    Returns
    -------
    Marks
        The mark, or faults where two readings are possible.

    Examples
    --------
    >>> decimal_marks({"x": ["1,5"]}, key=None, points=False, commas_between=False).mark
    ','
    >>> found = decimal_marks({"x": ["1,234"]}, key=None, points=False, commas_between=False)
    >>> found.faults[0].problem
    "'1,234' could be 1.234 (a decimal comma) or 1234 (a comma after the thousands)"
    """
    judged = {
        name: _judged(cells, commas_between=commas_between) for name, cells in columns.items()
    }
    judged = {name: found for name, found in judged.items() if found.only or found.unclear}
    if key is not None:
        grouped = [name for name in judged if _has_groups(columns[name], key)]
        # Under a decimal point what has a comma is not a number to anybody, and is told later.
        against = [
            _against(name, found.only[POINT])
            for name, found in judged.items()
            if key == COMMA and POINT in found.only
        ]
        return Marks(key, bool(judged) or points, tuple(grouped), tuple(against))
    marks = {mark for found in judged.values() for mark in found.only}
    marks |= {POINT} if points else set()
    if len(marks) > 1:
        return Marks(faults=(_contradiction(judged, points=points),))
    if not judged:
        return Marks(used=points)
    mark = next(iter(marks), None)
    doubtful = {name: found.doubtful(mark) for name, found in judged.items()}
    faults = [_unclear(name, cell) for name, cell in doubtful.items() if cell is not None]
    if faults:
        return Marks(faults=tuple(faults))
    sure = str(mark)
    grouped = [name for name in judged if _has_groups(columns[name], sure)]
    return Marks(sure, used=True, grouped=tuple(grouped))


def _judged(cells: Sequence[str], *, commas_between: bool) -> _Column:
    """Sort the cells of a column by the marks under which they are numbers."""
    only: dict[str, str] = {}
    unclear: dict[str, str] = {}
    groups, numbers = False, 0
    for cell in [part for several in cells for part in several.split("|")]:
        fitting = [mark for mark in MARK_WORDS if is_number(cell, mark)]
        numbers += bool(fitting)
        if not fitting or (COMMA not in cell and POINT not in cell):
            continue
        groups = groups or _SURE_GROUPS.search(cell) is not None
        if len(fitting) == 1:
            only.setdefault(fitting[0], cell)
        elif commas_between and COMMA not in cell:
            only.setdefault(POINT, cell)
        else:
            unclear.setdefault(COMMA if COMMA in cell else POINT, cell)
    if 2 * numbers < len(cells):
        return _Column({}, {}, groups=False)
    return _Column(only, unclear, groups)


def _has_groups(cells: Sequence[str], mark: str) -> bool:
    return any(is_number(cell, mark) and not _UNGROUPED[mark].match(cell) for cell in cells)


def _unclear(name: str, doubtful: str) -> Fault:
    cell = doubtful.strip()
    mark = COMMA if COMMA in cell else POINT
    other = POINT if mark == COMMA else COMMA
    word = "comma" if mark == COMMA else "point"
    problem = (
        f"'{cell}' could be {with_point(cell, mark)} (a decimal {word}) or "
        f"{with_point(cell, other)} (a {word} after the thousands)"
    )
    remedy = (
        f'Write decimal = "{mark}" into [data] for the first reading, decimal = "{other}" for '
        "the second"
    )
    return Fault(f"column {name}", problem, remedy)


def _against(name: str, cell: str) -> Fault:
    return Fault(
        f"column {name}",
        f"'{cell}' has a decimal point, and [data] states decimal = \",\"",
        "Write all numbers with decimal commas, or remove the key",
    )


def _contradiction(judged: Mapping[str, _Column], *, points: bool) -> Fault:
    told = []
    for mark, words in MARK_WORDS.items():
        found = [
            f"'{c.only[mark]}' in column {name}" for name, c in judged.items() if mark in c.only
        ]
        if found:
            told.append(f"{words} ({', '.join(found[:3])})")
        elif mark == POINT and points:
            told.append(f"{words} (in other columns)")
    return Fault(
        "the file",
        f"its numbers have {' and '.join(told)}",
        "Write decimal points instead of decimal commas, or state the mark that is meant by "
        "`decimal` in [data]: numbers with the other one are then told",
    )
