"""Text files with one row a line: what stands between columns, where names are, decimal marks.

Text is handed to Arrow as it is wherever its first line holds the names; only what a person laid
out by hand is put in one form first.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from bayes_ihlrt.errors import DataError, Fault
from bayes_ihlrt.files.cells import MISSING_WORDS
from bayes_ihlrt.files.decimals import COMMA, MARK_WORDS, Marks, column_with_points, decimal_marks
from bayes_ihlrt.files.encodings import Text
from bayes_ihlrt.files.messages import enumerated
from bayes_ihlrt.files.rows import (
    SEARCHED,
    Row,
    Tidy,
    filled,
    find_header,
    matches,
    ragged_lines,
    tidied,
)
from bayes_ihlrt.files.table import Table
from bayes_ihlrt.spec.data_file import SEPARATORS, FileForm

_WORDS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SAMPLE: Final = 1 << 20
_DECLARED: Final = re.compile(r'"?sep=([,;|\t])"?\s*\r?\n', re.IGNORECASE)


type _Read = tuple[Mapping[str, Any], int, Marks]


@dataclass(frozen=True)
class Wanted:
    """Columns to read.

    Parameters
    ----------
    names : frozenset of str
        All of them; those that a file does not have are passed over.
    labels : frozenset of str
        Columns of identifiers, which are text whatever they look like.
    numbers : frozenset of str
        Columns that have to hold numbers, whatever labels a file has for their values.
    """

    names: frozenset[str]
    labels: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()


def read_text(found: Text, wanted: Wanted, *, form: FileForm, subject: str) -> Table:
    """Read some columns of the text of a file.

    Parameters
    ----------
    found : Text
        The text.
    wanted : Wanted
        Columns to read.
    form : FileForm
        What the user says of the file.
    subject : str
        Name of the file.

    Returns
    -------
    Table
        The columns, and what was recognised.

    Raises
    ------
    DataError
        The file is empty, its separator, column names or decimal mark cannot be decided, or its
        lines are ragged.
    """
    if not found.text.strip():
        raise DataError(subject, [_empty()])
    separator = _separator(found.text, wanted.names, form=form, subject=subject)
    names, notes, (columns, n_rows, marks) = _below_names(
        found.text, separator, wanted, form=form, subject=subject
    )
    told = [f"{_WORDS[separator]} between columns"] if separator != "," else []
    if marks.used and (separator != "," or marks.mark == COMMA):
        told.append(MARK_WORDS[marks.mark])
    if marks.grouped:
        told.append(f"marks after the thousands in {enumerated(marks.grouped, len(marks.grouped))}")
    told += [found.letters] if found.letters else []
    return Table(
        subject,
        names,
        columns,
        n_rows,
        notes=((f"read with {_listed(told)}",) if told else ()) + notes,
    )


def _below_names(
    text: str, separator: str, wanted: Wanted, *, form: FileForm, subject: str
) -> tuple[tuple[str, ...], tuple[str, ...], _Read]:
    """Return all names, what was left out, and what stands below the names."""
    first = _first(text, separator, form.header_line) or []
    place = find_header(first, wanted=wanted.names, line=form.header_line, subject=subject)
    _check_quotes(text, separator, place, subject=subject)
    plain = _as_it_is(text, separator, first[place], wanted)
    if plain is not None:
        try:
            return plain.names, (), _columns(plain, separator, wanted, form=form, subject=subject)
        except _RaggedError:
            # Blank cells beyond the last name are no fault, and lines are to be told as they are.
            plain = None
    tidy = _by_hand(text, separator, first, place, wanted=wanted, subject=subject)
    content = _Content(tidy.content, tidy.names, tidy.there, ",")
    read = _columns(content, separator, wanted, form=form, subject=subject)
    return tidy.names, tidy.notes, read


def _listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _rows(text: str, separator: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    line = 1
    for cells in reader:
        yield line, cells
        line = reader.line_num + 1


def _first(text: str, separator: str, line: int | None) -> list[Row] | None:
    """Return the first rows, None where quotes are not closed."""
    if line is None:
        # Enough for the rows, and no copy of a large file for every separator that is tried.
        text = text[:_SAMPLE]
    try:
        return list(islice(_rows(text, separator), max(SEARCHED, line or 0)))
    except csv.Error:
        return None


def _separator(text: str, wanted: Collection[str], *, form: FileForm, subject: str) -> str:
    """Return the separator by which most of the columns asked for have a name."""
    tried = {mark: _first(text, mark, form.header_line) for mark in SEPARATORS.values()}
    rows = {mark: found for mark, found in tried.items() if found}
    if not rows:
        raise DataError(subject, [_open_quote()])
    named = {mark: max(matches(c, wanted) for _, c in found) for mark, found in rows.items()}
    most = max(named.values())
    best = [mark for mark, count in named.items() if count == most]
    if form.separator is not None and form.binding:
        if named.get(form.separator, 0) < most:
            raise DataError(subject, [_other_separator(form.separator, best)])
        return form.separator
    if declared := _DECLARED.match(text):
        return declared[1]
    if len(best) > 1:
        # Of one column, or of names that are all misspelt: what divides the first lines alike, and
        # most of them, since decimal commas divide each line but that of the names.
        wide = {mark: n for mark in best if (n := _divided([cells for _, cells in rows[mark]]))}
        widest = [mark for mark, count in wide.items() if count == max(wide.values())]
        best = widest or [mark for mark in best if mark == ","] or best
    if len(best) > 1 and form.separator in best:
        return str(form.separator)
    if len(best) > 1:
        raise DataError(subject, [_two_separators(best)])
    return best[0]


def _divided(rows: Sequence[Sequence[str]]) -> int:
    """Return how many rows have several cells; none unless all have as many, titles apart."""
    widths = [len(cells) for cells in rows if filled(cells) > 1]
    alike = len(set(widths)) == 1 and 2 * len(widths) > len(rows)
    return len(widths) if alike else 0


class _RaggedError(DataError):
    """Lines have more or fewer cells than there are names, blank ones beyond the names included."""


@dataclass(frozen=True)
class _Content:
    """What Arrow is to read: bytes in UTF-8, the names of all columns and of those to read."""

    raw: bytes
    names: tuple[str, ...]
    there: tuple[str, ...]
    separator: str


def _as_it_is(text: str, separator: str, header: Row, wanted: Wanted) -> _Content | None:
    """Return the text for Arrow to read; None where it is not plain lines below the names."""
    line, names = header[0], tuple(header[1])
    # A line of separators, quotes and blanks alone.
    blank = re.compile(rf'^[ \t"{re.escape(separator)}]+\r?$', re.MULTILINE)
    if line > 1 or not names[-1].strip() or blank.search(text):
        return None
    there = tuple(name for name in names if name in wanted.names and names.count(name) == 1)
    return _Content(text.encode(), names, there, separator)


def _by_hand(
    text: str, separator: str, first: list[Row], place: int, *, wanted: Wanted, subject: str
) -> Tidy:
    above = sum(bool(filled(cells)) for _, cells in first[:place])
    rows = islice(_rows(text, separator), place + 1, None)
    try:
        return tidied(rows, first[place], above=above, wanted=wanted.names, subject=subject)
    except csv.Error as error:
        raise DataError(subject, [_open_quote()]) from error


def _check_quotes(text: str, separator: str, place: int, *, subject: str) -> None:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for _ in islice(lines, place + 1):
            pass
    except csv.Error as error:
        raise DataError(subject, [_open_quote()]) from error


def read_tidy(tidy: Tidy, wanted: Wanted, *, form: FileForm, subject: str) -> _Read:
    """Read the columns of rows in one form.

    Parameters
    ----------
    tidy : Tidy
        The rows.
    wanted : Wanted
        Columns to read.
    form : FileForm
        With the decimal mark, if it is stated.
    subject : str
        Name of the file.

    Returns
    -------
    columns : mapping of str to pyarrow.ChunkedArray
        Those that were asked for and are there.
    n_rows : int
        Number of rows.
    marks : Marks
        The decimal mark.

    Raises
    ------
    DataError
        The decimal mark cannot be decided.
    """
    content = _Content(tidy.content, tidy.names, tidy.there, ",")
    return _columns(content, ",", wanted, form=form, subject=subject)


# Arrow takes these for numbers, and a data frame with the same text does not.
_ARROWS_OWN: Final = re.compile(rb"(?i)(?<![a-z0-9])(0x[0-9a-f]|[+-]?infinity)")


def _columns(
    content: _Content, separator: str, wanted: Wanted, *, form: FileForm, subject: str
) -> _Read:
    """Read the columns, and decide the decimal mark by all numbers that have one."""
    read = dict.fromkeys(wanted.labels, pa.string())
    table = _arrow(content, read, subject=subject)
    columns = {name: table.column(name) for name in content.there}
    odd = [name for name, c in columns.items() if _zoned(c.type)]
    if _ARROWS_OWN.search(content.raw):
        odd = [name for name, c in columns.items() if not pa.types.is_string(c.type)]
    if odd:
        as_text = _arrow(content, read | dict.fromkeys(odd, pa.string()), subject=subject)
        columns |= {name: as_text.column(name) for name in odd}
    voting = {name: c for name, c in columns.items() if name not in wanted.labels}
    text = {name: c for name, c in voting.items() if pa.types.is_string(c.type)}
    numbers = [name for name, c in voting.items() if pa.types.is_floating(c.type)]
    if numbers and (separator != "," or form.decimal == COMMA):
        # `1.234` was read as a number by Arrow, and may be 1234.
        as_text = _arrow(content, read | dict.fromkeys(numbers, pa.string()), subject=subject)
        text |= {name: as_text.column(name) for name in numbers}
        numbers = []
    marks = decimal_marks(
        {name: _distinct(column) for name, column in text.items()},
        key=form.decimal if form.binding else None,
        points=bool(numbers),
        commas_between=separator == "," and not (form.binding and form.decimal),
    )
    if marks.faults and form.decimal is not None and not form.binding:
        cells = {name: _distinct(column) for name, column in text.items()}
        marks = decimal_marks(cells, key=form.decimal, points=bool(numbers), commas_between=False)
    if marks.faults:
        raise DataError(subject, marks.faults)
    if marks.mark == COMMA or marks.grouped:
        columns |= {name: column_with_points(c, marks.mark) for name, c in text.items()}
    return columns, table.num_rows, marks


def _zoned(kind: Any) -> bool:
    """Whether Arrow turned local times into another zone's, by which a date may be another."""
    return bool(pa.types.is_timestamp(kind)) and kind.tz is not None


def _distinct(column: Any) -> list[str]:
    found = pc.unique(column).to_pylist()
    return [cell for cell in found if cell is not None and cell.strip() not in MISSING_WORDS]


def _arrow(content: _Content, types: Mapping[str, Any], *, subject: str) -> Any:
    ragged: list[tuple[int, int]] = []

    def note(row: Any) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    try:
        table = pacsv.read_csv(
            pa.BufferReader(content.raw),
            # Line numbers of ragged lines are known to a single thread only.
            read_options=pacsv.ReadOptions(use_threads=False),
            parse_options=pacsv.ParseOptions(
                delimiter=content.separator, newlines_in_values=True, invalid_row_handler=note
            ),
            convert_options=pacsv.ConvertOptions(
                include_columns=content.there,
                column_types=types,
                null_values=list(MISSING_WORDS),
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            raise DataError(subject, [_empty()]) from error
        raise DataError(subject, [_unreadable(str(error))]) from error
    if ragged:
        raise _RaggedError(subject, [ragged_lines(ragged, len(content.names))])
    return table


def _empty() -> Fault:
    remedy = "Export the table again as CSV, with the column names in the first line"
    return Fault("the file", "it is empty", remedy)


def _open_quote() -> Fault:
    return Fault(
        "the first line",
        "a double quote in it is not closed, or stands within a name",
        "Put both quotes around a whole column name, or remove them",
    )


def _key(separator: str) -> str:
    return next(f'separator = "{key}"' for key, mark in SEPARATORS.items() if mark == separator)


def _other_separator(stated: str, best: list[str]) -> Fault:
    found = " or ".join(_WORDS[mark] for mark in best)
    return Fault(
        "the file",
        f"its column names are divided by {found}, and [data] states {_key(stated)}",
        f"Write {_key(best[0])}, or remove the key",
    )


def _two_separators(best: list[str]) -> Fault:
    words = " and by ".join(_WORDS[mark] for mark in best)
    keys = " or ".join(_key(mark) for mark in best)
    return Fault("the file", f"its lines can be divided by {words}", f"Write {keys} into [data]")


def _unreadable(reason: str) -> Fault:
    return Fault("the file", f"it cannot be read as CSV ({reason})", "Export it again as CSV")
