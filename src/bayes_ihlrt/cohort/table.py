"""A data file or data frame before it is understood: names and columns, as they were given."""

import csv
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from bayes_ihlrt.cohort.cells import MISSING_WORDS
from bayes_ihlrt.cohort.messages import enumerated
from bayes_ihlrt.errors import DataError, Fault, nearest

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike


_SPREADSHEETS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_CHUNK: Final = 1 << 20
_OTHER_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True)
class Table:
    """Columns of a file or frame, not yet checked.

    Parameters
    ----------
    subject : str
        What is being read, for messages.
    names : tuple of str
        Every column name, in order; a name may occur twice.
    columns : mapping of str to array-like
        The columns that were asked for and are there.
    n_rows : int
        Number of rows.
    numbers : mapping of str to str or None
        What patients are called instead of their identifiers; see `identifiers.patient_labels`.
    notes : tuple of str
        What was recognised and done in reading it.
    """

    subject: str
    names: tuple[str, ...]
    columns: Mapping[str, Any]
    n_rows: int
    numbers: Mapping[str, str] | None = None
    notes: tuple[str, ...] = ()


def read_csv(path: Path, *, wanted: Collection[str], labels: Collection[str]) -> Table:
    """Read some columns of a CSV file.

    Parameters
    ----------
    path : Path
        A comma-separated file in UTF-8 with the column names in its first line.
    wanted : collection of str
        Columns to read; those that the file does not have are passed over.
    labels : collection of str
        Columns that are read as text whatever they look like, so that ``007`` stays ``007``.

    Returns
    -------
    Table
        The columns.

    Raises
    ------
    DataError
        The file is missing, empty, not UTF-8, not separated by commas, or has ragged lines.
    """
    names = _header(path)
    there = [name for name in names if name in wanted and names.count(name) == 1]
    ragged: list[tuple[int, int]] = []

    def note(row: Any) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    try:
        table = pacsv.read_csv(
            path,
            # Line numbers of ragged lines are known to a single thread only.
            read_options=pacsv.ReadOptions(use_threads=False),
            parse_options=pacsv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
            convert_options=pacsv.ConvertOptions(
                include_columns=there,
                column_types=dict.fromkeys(labels, pa.string()),
                null_values=list(MISSING_WORDS),
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            raise DataError(path.name, [_no_rows()]) from error
        raise DataError(path.name, [_unreadable(str(error))]) from error
    if ragged:
        raise DataError(path.name, [_ragged(ragged, len(names))])
    columns = {name: table.column(name) for name in there}
    return _with_rows(Table(path.name, names, columns, table.num_rows))


def read_frame(
    frame: "pd.DataFrame | Mapping[str, ArrayLike]", *, wanted: Collection[str], subject: str
) -> Table:
    """Take some columns of a data frame or of a mapping of arrays.

    Parameters
    ----------
    frame : DataFrame or mapping of str to array-like
        Columns of one length.
    wanted : collection of str
        Columns to take; those that are not there are passed over.
    subject : str
        What to call the data in messages.

    Returns
    -------
    Table
        The columns.

    Raises
    ------
    DataError
        There are no rows, or columns are not of one length and one dimension.
    """
    if isinstance(frame, Mapping):
        names = tuple(str(name) for name in frame)
        columns = {str(name): values for name, values in frame.items()}
    else:
        names = tuple(str(name) for name in frame.columns)
        once = [i for i, name in enumerate(names) if names.count(name) == 1]
        columns = {names[i]: frame.iloc[:, i] for i in once}
    columns = {name: values for name, values in columns.items() if name in wanted}
    shapes = {name: np.shape(values) for name, values in columns.items()}
    flat = {name: shape[0] for name, shape in shapes.items() if len(shape) == 1}
    if len(flat) < len(shapes) or len(set(flat.values())) > 1:
        raise DataError(subject, [_uneven(shapes)])
    return _with_rows(Table(subject, names, columns, next(iter(flat.values()), 0)))


def _with_rows(table: Table) -> Table:
    # Where no column is the one asked for, the names are at fault and not the rows.
    if table.columns and table.n_rows == 0:
        raise DataError(table.subject, [_no_rows()])
    return table


def _header(path: Path) -> tuple[str, ...]:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        if magic.startswith(_SPREADSHEETS):
            raise DataError(path.name, [_spreadsheet()])
        with path.open(encoding="utf-8", newline="") as text:
            # All of it: the reader of the rows tells a wrong letter in a ragged line by a crash.
            while text.read(_CHUNK):
                pass
        with path.open(encoding="utf-8-sig", newline="") as lines:
            names = tuple(next((row for row in csv.reader(lines, strict=True) if row), ()))
    except OSError as error:
        raise DataError(path.name, [_not_opened(error)]) from error
    except UnicodeDecodeError as error:
        raise DataError(path.name, [_unreadable("invalid UTF8")]) from error
    except csv.Error as error:
        raise DataError(path.name, [_open_quote()]) from error
    if not names:
        raise DataError(path.name, [_empty()])
    for separator, word in _OTHER_SEPARATORS.items():
        if len(names) == 1 and separator in names[0]:
            raise DataError(path.name, [_separated(word)])
    return names


def duplicated(names: tuple[str, ...]) -> dict[str, int]:
    """Return the names that occur more than once, with their number.

    Parameters
    ----------
    names : tuple of str
        Column names.

    Returns
    -------
    dict of str to int
        How often each repeated name occurs.

    Examples
    --------
    >>> duplicated(("id", "nlr", "nlr"))
    {'nlr': 2}
    """
    return {name: count for name, count in Counter(names).items() if count > 1}


def table_faults(table: Table, asked: Mapping[str, str]) -> list[Fault]:
    """Return the faults of columns that are not there, or there twice.

    Parameters
    ----------
    table : Table
        The table.
    asked : mapping of str to str
        Columns, with what each is needed as.

    Returns
    -------
    list of Fault
        One for each column.
    """
    twice = duplicated(table.names)
    faults = []
    for column, field in asked.items():
        if column in twice:
            problem = f"needed as {field}, and {twice[column]} columns have this name"
            faults.append(Fault(f"column {column}", problem, "Rename all but one of them"))
        elif column not in table.names:
            problem = f"needed as {field}, and there is no such column"
            faults.append(Fault(f"column {column}", problem, nearest(column, table.names)))
    return faults


def _not_opened(error: OSError) -> Fault:
    reason = (error.strerror or type(error).__name__).lower()
    return Fault(
        "the file",
        f"it cannot be opened ({reason})",
        "Check the path; `--data` and `load_cohort` take a CSV file",
    )


def _empty() -> Fault:
    remedy = "Export the table again as CSV, with the column names in the first line"
    return Fault("the file", "it is empty", remedy)


def _no_rows() -> Fault:
    return Fault(
        "the data",
        "there are column names and no rows",
        "Give one row a patient, or several rows a patient with `start` and `stop`",
    )


def _spreadsheet() -> Fault:
    return Fault(
        "the file",
        "it is a spreadsheet, not a CSV file",
        "Open it in the spreadsheet program and save it as 'CSV UTF-8 (comma delimited)'",
    )


def _open_quote() -> Fault:
    return Fault(
        "the first line",
        "a double quote in it is not closed, or stands within a name",
        "Put both quotes around a whole column name, or remove them",
    )


def _separated(word: str) -> Fault:
    return Fault(
        "the first line",
        f"its column names are separated by {word}",
        "Save the file with commas between the columns and points in decimal numbers",
    )


def _ragged(lines: list[tuple[int, int]], expected: int) -> Fault:
    several = len(lines) > 1
    found = (f"line {line} ({cells} cells)" for line, cells in lines)
    return Fault(
        "the file",
        f"{len(lines)} line{'s do' if several else ' does'} not have {expected} cells like the "
        f"first line: {enumerated(found, len(lines))}",
        "Put text that contains a comma between double quotes, and fill up short lines "
        "with empty cells",
    )


def _unreadable(reason: str) -> Fault:
    if "UTF8" in reason.replace("-", "").upper():
        return Fault(
            "the file",
            "its text is not encoded in UTF-8",
            "Save it as 'CSV UTF-8' in the spreadsheet program",
        )
    return Fault("the file", f"it cannot be read as CSV ({reason})", "Export it again as CSV")


def _uneven(shapes: Mapping[str, tuple[int, ...]]) -> Fault:
    sizes = {name: " x ".join(map(str, shape)) or "1" for name, shape in shapes.items()}
    found = ", ".join(f"{name} ({size} values)" for name, size in sizes.items())
    problem = f"they are not all of one length: {found}"
    return Fault("the columns", problem, "Give every column one value a row")
