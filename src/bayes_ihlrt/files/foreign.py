"""Files of other programs: workbooks of Excel, Parquet, and data sets of SAS, Stata and SPSS."""

import datetime as dt
import io
import re
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from bayes_ihlrt.errors import DataError, Fault, MissingExtraError, nearest
from bayes_ihlrt.files.decimals import COMMA, MARK_WORDS, with_point
from bayes_ihlrt.files.delimited import Wanted, read_tidy
from bayes_ihlrt.files.messages import LISTED, counted, enumerated, shown
from bayes_ihlrt.files.rows import SEARCHED, Row, filled, find_header, matches, tidied
from bayes_ihlrt.files.table import Table, check_readable
from bayes_ihlrt.spec.data_file import FileForm

_EXTRA: Final = "files"
_PROGRAMS: Final = {"sas7bdat": "SAS", "xpt": "SAS", "dta": "Stata", "sav": "SPSS"}
# Written by a program that stored the formula alone: such a cell looks empty. Where the result is
# an empty text, the cell says that it holds text.
_UNCALCULATED: Final = re.compile(
    rb'<c (?![^>]*t="str")[^>]*><f[^>]*?(/>|>[^<]*</f>)(<v></v>|<v ?/>)?</c>'
)
# What openpyxl makes of attributes and elements that are not those of a workbook.
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
LARGEST_PART: Final = 16 << 20
"""Bytes to which a part of a workbook may unpack that describes it and holds no cells."""
_DESCRIBES: Final = re.compile(
    r".*\.rels|\[Content_Types\]\.xml|docProps/.*|xl/(theme/.*|workbook\.xml|styles\.xml)"
)
# Parsers of XML run out of stack where elements stand in each other by the million.
_NESTED: Final = re.compile(rb"(?:<[A-Za-z][^<>]*+(?<!/)>[^<]*+){32}")
_SHEETS: Final = "xl/worksheets/"
_WHOLE: Final = 1e15
"""Below this every whole number is a float."""


def _need(module: str, needed_for: str) -> None:
    if find_spec(module) is None:
        raise MissingExtraError(_EXTRA, needed_for)


def read_parquet(raw: bytes, wanted: Wanted, *, subject: str) -> Table:
    """Read some columns of a Parquet file.

    Parameters
    ----------
    raw : bytes
        The file.
    wanted : Wanted
        Columns to read.
    subject : str
        Name of the file.

    Returns
    -------
    Table
        The columns, with their types.

    Raises
    ------
    DataError
        The file is damaged, or cells hold more than a value.
    """
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pa.BufferReader(raw))
        names = tuple(file.schema_arrow.names)
        there = [name for name in names if name in wanted.names and names.count(name) == 1]
        found = file.read(columns=there)
    except (pa.ArrowException, OSError) as error:
        fault = Fault("the file", f"it is a damaged Parquet file ({error})", "Write it again")
        raise DataError(subject, [fault]) from error
    columns = {name: found.column(name) for name in there}
    check_readable(columns, subject)
    return Table(subject, names, columns, found.num_rows)


def read_statistics(
    raw: bytes, kind: str, wanted: Wanted, *, encoding: str | None, subject: str
) -> Table:
    """Read some columns of a data set of SAS, Stata or SPSS.

    Values that the program holds to be missing are missing. Labels of values are taken for
    categories: where a column may hold text, and every value of it has a label.

    Parameters
    ----------
    raw : bytes
        The file.
    kind : str
        ``sas7bdat``, ``xpt``, ``dta`` or ``sav``.
    wanted : Wanted
        Columns to read.
    encoding : str or None
        Encoding of text, where the user states it.
    subject : str
        Name of the file.

    Returns
    -------
    Table
        The columns, and which of them are read by their labels.

    Raises
    ------
    DataError
        The file is damaged.
    MissingExtraError
        The extra ``files`` is not installed.
    """
    program = _PROGRAMS[kind]
    _need("pyreadstat", f"a data set of {program} (.{kind})")
    import pyreadstat

    readers: dict[str, Any] = {
        "sas7bdat": pyreadstat.read_sas7bdat,
        "xpt": pyreadstat.read_xport,
        "dta": pyreadstat.read_dta,
        "sav": pyreadstat.read_sav,
    }
    read = readers[kind]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"data.{kind}"
        path.write_bytes(raw)
        try:
            _, about = read(str(path), metadataonly=True, encoding=encoding)
            names = tuple(about.column_names)
            there = [name for name in names if name in wanted.names and names.count(name) == 1]
            # Without columns to read, all would be.
            columns, about = read(
                str(path), usecols=there or names[:1], encoding=encoding, output_format="dict"
            )
        except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, UnicodeDecodeError) as error:
            raise DataError(subject, [_damaged(program, error)]) from error
    n_rows = len(next(iter(columns.values()), ()))
    kept: dict[str, Any] = {name: list(columns[name]) for name in there}
    notes = []
    for name in there:
        kept[name], told = _by_labels(
            name,
            kept[name],
            about.variable_value_labels.get(name, {}),
            text=name not in wanted.numbers,
        )
        notes += told
    return Table(subject, names, kept, n_rows, notes=tuple(notes))


def _damaged(program: str, error: Exception) -> Fault:
    return Fault(
        "the file",
        f"it cannot be read as a data set of {program} ({error})",
        "Write it again; where the letters are at fault, state their `encoding` in [data]",
    )


def _by_labels(
    name: str, values: list[Any], labels: Mapping[Any, str], *, text: bool
) -> tuple[list[Any], list[str]]:
    """Return the labels of values where they are categories, and what is told of it."""
    seen = dict.fromkeys(value for value in values if value is not None and value == value)  # noqa: PLR0124
    labelled = [value for value in seen if value in labels]
    if not labelled:
        return values, []
    pairs = [f"{_plain(value)} = '{labels[value]}'" for value in labelled]
    listed = enumerated(pairs, len(pairs))
    if text and len(labelled) == len(seen):
        known = [labels.get(value) for value in values]
        return known, [f"column {name} is read by the labels of its values ({listed})"]
    return values, [f"column {name} is read as numbers, though it has labels ({listed})"]


def _plain(value: object) -> str:
    return shown(value) if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class _Sheet:
    """Cells of a sheet as text, and where cells hold an error, by line and column."""

    name: str
    rows: Sequence[Row]
    errors: Mapping[tuple[int, int], str]


def read_workbook(raw: bytes, wanted: Wanted, *, form: FileForm, subject: str) -> Table:
    """Read some columns of a workbook of Excel.

    Parameters
    ----------
    raw : bytes
        The file.
    wanted : Wanted
        Columns to read.
    form : FileForm
        With the sheet and the line of the column names, if they are stated.
    subject : str
        Name of the file.

    Returns
    -------
    Table
        The columns, and what was left out.

    Raises
    ------
    DataError
        Which sheet it is cannot be decided, cells hold errors or formulas without a result.
    MissingExtraError
        The extra ``files`` is not installed.
    """
    _need("openpyxl", "a workbook of Excel (.xlsx)")
    sheets = _sheets(raw, form, subject=subject)
    sheet = _chosen(sheets, wanted, form, subject=subject)
    first = sheet.rows[: max(SEARCHED, form.header_line or 0)]
    place = find_header(first, wanted=wanted.names, line=form.header_line, subject=subject)
    header = first[place]
    _check_cells(sheet, header, wanted, subject=subject)
    above = sum(bool(filled(cells)) for _, cells in first[:place])
    tidy = tidied(
        sheet.rows[place + 1 :], header, above=above, wanted=wanted.names, subject=subject
    )
    # Numbers have points by now, whatever the mark in cells of text was.
    known = replace(form, decimal=None if form.decimal == COMMA else form.decimal)
    columns, n_rows, marks = read_tidy(tidy, wanted, form=known, subject=subject)
    notes = tidy.notes
    if marks.mark == COMMA or marks.grouped:
        notes = (f"numbers in cells of text are read with {MARK_WORDS[marks.mark]}", *notes)
    if len(sheets) > 1:
        notes = (f"sheet '{sheet.name}' of {len(sheets)} is read", *notes)
    return Table(subject, tidy.names, columns, n_rows, notes=notes)


def _sheets(raw: bytes, form: FileForm, *, subject: str) -> list[_Sheet]:
    """Return the sheets that have cells; hidden ones only where one is asked for by its name."""
    try:
        # Warnings of openpyxl are about styles and links; a date out of range is a cell with an
        # error, which is told.
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            uncalculated, found = _read_sheets(raw, form, subject=subject)
    except _DAMAGED as error:
        fault = Fault("the file", f"it is a damaged workbook ({error})", "Save it again")
        raise DataError(subject, [fault]) from error
    if uncalculated:
        raise DataError(subject, [_not_calculated()])
    found = [sheet for sheet in found if sheet.rows]
    if not found:
        raise DataError(subject, [Fault("the file", "its sheets are empty", "Give the data")])
    return found


def _read_sheets(raw: bytes, form: FileForm, *, subject: str) -> tuple[bool, list[_Sheet]]:
    """Return whether formulas have no result, and the sheets as text."""
    import openpyxl

    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for part in archive.infolist():
            if _DESCRIBES.fullmatch(part.filename) and part.file_size > LARGEST_PART:
                problem = f"its part {part.filename} unpacks to {part.file_size:,} bytes"
                fault = Fault("the file", problem, f"Allowed: {LARGEST_PART:,}; save it again")
                raise DataError(subject, [fault])
        uncalculated = False
        for name in archive.namelist():
            content = archive.read(name) if name.endswith((".xml", ".rels")) else b""
            if _NESTED.search(content):
                problem = f"its part {name} is nested too deeply"
                raise DataError(subject, [Fault("the file", problem, "Save it again")])
            uncalculated |= name.startswith(_SHEETS) and bool(_UNCALCULATED.search(content))
    book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
    if form.sheet is not None and form.sheet not in book.sheetnames:
        where = f"there is no sheet '{form.sheet}'"
        fault = Fault("[data] sheet", where, nearest(form.sheet, book.sheetnames))
        raise DataError(subject, [fault])
    chosen = [
        sheet
        for sheet in book.worksheets
        if sheet.title == form.sheet or (form.sheet is None and sheet.sheet_state == "visible")
    ]
    return uncalculated, [_as_text(sheet, form.decimal) for sheet in chosen]


def _as_text(sheet: Any, decimal: str | None) -> _Sheet:
    # What a workbook says of its own size is sometimes wrong, and rows would be lost.
    sheet.reset_dimensions()
    rows: list[Row] = []
    errors = {}
    for line, row in enumerate(sheet.iter_rows(), start=1):
        for column, cell in enumerate(row):
            if cell.data_type == "e":
                errors[line, column] = str(cell.value)
        rows.append((line, [_text(cell.value, decimal) for cell in row]))
    width = max((len(cells) for _, cells in rows if filled(cells)), default=0)
    padded = [(line, [*cells[:width], *[""] * (width - len(cells))]) for line, cells in rows]
    return _Sheet(sheet.title, padded if width else [], errors)


def _text(value: Any, decimal: str | None) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < _WHOLE:
            return str(int(value))
        case str():
            return value if decimal is None else with_point(value, decimal)
        case dt.datetime() if value.time() == dt.time():
            return value.date().isoformat()
        case dt.datetime():
            return value.isoformat(" ")
    return repr(value) if isinstance(value, float) else str(value)


def _chosen(sheets: Sequence[_Sheet], wanted: Wanted, form: FileForm, *, subject: str) -> _Sheet:
    named = [
        max((matches(cells, wanted.names) for _, cells in sheet.rows[:SEARCHED]), default=0)
        for sheet in sheets
    ]
    best = [sheet for sheet, count in zip(sheets, named, strict=True) if count == max(named)]
    if len(best) == 1 or (form.header_line is not None and len(sheets) == 1):
        return best[0]
    names = ", ".join(f"'{sheet.name}'" for sheet in best)
    fault = Fault(
        "the sheets",
        f"{names} have {counted(max(named), 'column', 'columns')} that the analysis reads, each "
        "as many as the others",
        f"Write the one that is meant into [data], for instance sheet = '{best[0].name}'; give a "
        "table of visits a file of its own",
    )
    raise DataError(subject, [fault])


def _check_cells(sheet: _Sheet, header: Row, wanted: Wanted, *, subject: str) -> None:
    """Raise where a cell that is read holds an error: it is not a missing value."""
    from openpyxl.utils import get_column_letter

    found: dict[str, list[str]] = {}
    for (line, column), error in sheet.errors.items():
        name = header[1][column] if column < len(header[1]) else ""
        if line > header[0] and name in wanted.names:
            place = f"{error} in cell {get_column_letter(column + 1)}{line}"
            found.setdefault(name, []).append(place)
    faults = [
        Fault(
            f"column {name}",
            f"{counted(len(places), 'cell holds an error', 'cells hold errors')} of the "
            f"spreadsheet: {enumerated(places[:LISTED], len(places))}",
            "Correct the formula, or empty the cell if the value is not known",
        )
        for name, places in found.items()
    ]
    if faults:
        raise DataError(subject, faults)


def _not_calculated() -> Fault:
    return Fault(
        "the file",
        "it holds formulas whose results were not stored, which cannot be told from empty cells",
        "Open it in the spreadsheet program, let it calculate, and save it",
    )
