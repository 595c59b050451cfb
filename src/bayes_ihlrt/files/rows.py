"""Rows of cells as a person laid them out: titles, column names, data, and blank rows between."""

import csv
import io
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bayes_ihlrt.errors import DataError, Fault
from bayes_ihlrt.files.messages import counted, enumerated

type Row = tuple[int, Sequence[str]]
"""Line in which a row begins, from 1, and its cells."""

SEARCHED: Final = 60
"""Rows among which the column names are looked for."""

_NUMBER: Final = re.compile(r"\s*[+-]?\d+([.,]\d+)?\s*")


def matches(cells: Sequence[str], wanted: Collection[str]) -> int:
    """Return how many of the columns asked for a row names.

    Parameters
    ----------
    cells : sequence of str
        The row.
    wanted : collection of str
        The columns.

    Returns
    -------
    int
        Each counts once.

    Examples
    --------
    >>> matches(["id", "age", "id"], {"id", "death"})
    1
    """
    return len(set(cells) & set(wanted))


def filled(cells: Sequence[str]) -> int:
    """Return how many cells of a row are not blank.

    Parameters
    ----------
    cells : sequence of str
        The row.

    Returns
    -------
    int
        Their number.

    Examples
    --------
    >>> filled(["id", " ", ""])
    1
    """
    return sum(bool(cell.strip()) for cell in cells)


def find_header(
    first: Sequence[Row], *, wanted: Collection[str], line: int | None, subject: str
) -> int:
    """Return which of the first rows holds the column names.

    Parameters
    ----------
    first : sequence of (int, sequence of str)
        The first rows.
    wanted : collection of str
        The columns asked for.
    line : int or None
        The line that the user states.
    subject : str
        Name of the file.

    Returns
    -------
    int
        Place among `first`: the row that names most of the columns asked for; the first with more
        than one cell where none names two.

    Raises
    ------
    DataError
        Two rows name as many, no row begins in the line that is stated, what stands above the
        names looks like data, or there are blank rows alone.

    Examples
    --------
    >>> rows = [(1, ["Cohort of 2022"]), (2, []), (3, ["id", "death"]), (4, ["P1", "1"])]
    >>> find_header(rows, wanted=["id", "death"], line=None, subject="cohort.csv")
    2
    """
    if line is not None:
        place = next((i for i, (number, _) in enumerate(first) if number == line), None)
        if place is None or not filled(first[place][1]):
            fault = Fault(
                f"line {line}",
                "[data] header_line says that it holds the column names, and no row with cells "
                "begins there",
                "Count from 1 for the first line, empty lines included",
            )
            raise DataError(subject, [fault])
        return place
    found = [matches(cells, wanted) for _, cells in first]
    most = max(found, default=0)
    if most < 2:
        # Every analysis reads more; one match may be a value of the data.
        wide = (i for i, (_, cells) in enumerate(first) if filled(cells) > 1)
        some = (i for i, (_, cells) in enumerate(first) if filled(cells))
        place = next(wide, next(some, None))
        if place is None:
            problem = f"the first {counted(len(first), 'row is', 'rows are')} blank"
            remedy = "Remove blank rows, or write the line of the names as header_line into [data]"
            raise DataError(subject, [Fault("the column names", problem, remedy)])
        return place
    places = [i for i, count in enumerate(found) if count == most]
    if len(places) > 1:
        lines = ", ".join(str(first[i][0]) for i in places)
        fault = Fault(
            "the column names",
            f"lines {lines} name {counted(most, 'column', 'columns')} that the analysis reads, "
            "each as many as the others",
            f"Write header_line = {first[places[0]][0]} into [data] if the names are in that line",
        )
        raise DataError(subject, [fault])
    _check_above(first[: places[0]], first[places[0]], subject=subject)
    return places[0]


def _check_above(above: Sequence[Row], header: Row, *, subject: str) -> None:
    for number, cells in above:
        if (
            filled(cells) > 1
            and filled(cells) >= filled(header[1])
            and any(_NUMBER.fullmatch(cell) for cell in cells)
        ):
            fault = Fault(
                f"line {number}",
                f"it stands above the column names, which are in line {header[0]}, and looks like "
                "data: it has as many cells, and numbers",
                f"Move it below the names, or write header_line = {header[0]} into [data] to leave "
                "out what stands above",
            )
            raise DataError(subject, [fault])


@dataclass(frozen=True)
class Tidy:
    """Rows below the column names, in one form.

    Parameters
    ----------
    names : tuple of str
        Column names.
    content : bytes
        The columns asked for, separated by commas, in UTF-8, with their names.
    there : tuple of str
        Names of these columns.
    notes : tuple of str
        What was left out.
    """

    names: tuple[str, ...]
    content: bytes
    there: tuple[str, ...]
    notes: tuple[str, ...]


def tidied(
    rows: Iterable[Row],
    header: Row,
    *,
    above: int,
    wanted: Collection[str],
    subject: str,
) -> Tidy:
    """Return rows without blank ones and without blank columns at their end.

    Parameters
    ----------
    rows : iterable of (int, sequence of str)
        Rows below the column names.
    header : (int, sequence of str)
        The column names.
    above : int
        Number of rows above it that are not blank.
    wanted : collection of str
        Columns to keep.
    subject : str
        Name of the file.

    Returns
    -------
    Tidy
        The columns, and what was left out.

    Raises
    ------
    DataError
        Rows have more or fewer cells than there are names.
    """
    names = _without_blank_end(header[1])
    width = len(names)
    kept = [i for i, name in enumerate(names) if name in wanted and names.count(name) == 1]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([names[i] for i in kept])
    ragged: list[tuple[int, int]] = []
    blank, after, widest = 0, 0, len(header[1])
    for line, cells in rows:
        if not filled(cells):
            after += 1
            continue
        # Blank rows below the last one are how spreadsheets end, and nothing is left out.
        blank, after = blank + after, 0
        if len(cells) < width or filled(cells[width:]):
            ragged.append((line, len(cells)))
            continue
        widest = max(widest, len(cells))
        writer.writerow([cells[i] for i in kept])
    if ragged:
        raise DataError(subject, [ragged_lines(ragged, width)])
    notes = _left_out(header[0], above=above, blank=blank, columns=widest - width)
    there = tuple(names[i] for i in kept)
    return Tidy(names, text.getvalue().encode(), there, notes)


def _left_out(line: int, *, above: int, blank: int, columns: int) -> tuple[str, ...]:
    notes = []
    if line > 1:
        what = f", {counted(above, 'line', 'lines')} above them left out" if above else ""
        notes.append(f"the column names are in line {line}{what}")
    if blank:
        notes.append(f"{counted(blank, 'blank row', 'blank rows')} between the data left out")
    if columns:
        more = counted(columns, "blank column", "blank columns")
        notes.append(f"{more} at the end left out")
    return tuple(notes)


def _without_blank_end(cells: Sequence[str]) -> tuple[str, ...]:
    names = list(cells)
    while names and not names[-1].strip():
        names.pop()
    return tuple(names)


def ragged_lines(lines: Sequence[tuple[int, int]], expected: int) -> Fault:
    """Return the fault of rows with more or fewer cells than there are column names.

    Parameters
    ----------
    lines : sequence of (int, int)
        Line and number of cells of each such row.
    expected : int
        Number of column names.

    Returns
    -------
    Fault
        What to do about it.
    """
    several = len(lines) > 1
    found = (f"line {line} ({cells} cells)" for line, cells in lines)
    return Fault(
        "the file",
        f"{len(lines)} line{'s do' if several else ' does'} not have {expected} cells like the "
        f"first line: {enumerated(found, len(lines))}",
        "Put text that contains a comma between double quotes, and fill up short lines "
        "with empty cells",
    )
