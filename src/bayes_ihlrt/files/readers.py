"""One reader for every kind of data file: what it is shows in its first bytes, not in its name.

What was recognised is told in the table's notes. What is not read is named, with what to do.
"""

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from bayes_ihlrt.errors import DataError, Fault
from bayes_ihlrt.files.delimited import Wanted, read_text
from bayes_ihlrt.files.encodings import decoded
from bayes_ihlrt.files.foreign import read_parquet, read_statistics, read_workbook
from bayes_ihlrt.files.table import Table, with_rows
from bayes_ihlrt.spec.data_file import FileForm

_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"
LARGEST: Final = 4 << 30
"""Bytes to which an archive may unpack."""

_SAS: Final = bytes(12) + bytes.fromhex("c2ea8160b31411cfbd92080009c7318c181f1011")
_OLD_STATA: Final = re.compile(rb"[\x69-\x73][\x01\x02]\x01\x00")
_STATISTICS: Final[Mapping[str, Callable[[bytes], bool]]] = {
    "sas7bdat": lambda raw: raw.startswith(_SAS),
    "xpt": lambda raw: re.match(rb"HEADER RECORD\*{7}(LIBRARY|LIBV8 )", raw) is not None,
    "dta": lambda raw: raw.startswith(b"<stata_dta>") or _OLD_STATA.match(raw) is not None,
    "sav": lambda raw: raw.startswith((b"$FL2", b"$FL3")),
}

_SAVE_CSV: Final = "Open it in the program that wrote it and save the table as .xlsx or CSV"
_IN_R: Final = "In R: `write.csv(readRDS('file.rds'), 'file.csv', row.names = FALSE, na = '')`"
_UNPACK: Final = "Unpack it, and give the data file that is in it"
_OTHERS: Final = (
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ\0", "an xz archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", _UNPACK),
    (b"7z\xbc\xaf", "a 7z archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"%PDF", "a PDF document", "Ask for the table itself, as .xlsx or CSV"),
    (b"{\\rtf", "a text document (RTF)", "Copy its table into a spreadsheet and save that"),
    (b"SQLite format 3", "a SQLite database", "Export the table as CSV"),
    (b"\x89HDF", "an HDF5 file", "Export the table as CSV or .parquet"),
    (b"ARROW1", "an Arrow file", "In Python: `pyarrow.parquet.write_table` of what it holds"),
    (b"FEA1", "a Feather file", "In Python: `pandas.read_feather(...).to_parquet(...)`"),
    (b"RDX", "an R workspace (.RData)", _IN_R.replace("readRDS('file.rds')", "name_of_the_table")),
    (b"RDA", "an R workspace (.RData)", _IN_R.replace("readRDS('file.rds')", "name_of_the_table")),
    (b"X\n\0\0\0", "an R data file (.rds)", _IN_R),
    (b"ASCII SPSS PORT FILE", "an SPSS portable file", "Save it as .sav in SPSS"),
)
_WEB_PAGE: Final = re.compile(
    rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body|table|meta)", re.I
)
_XML: Final = re.compile(rb"(\xef\xbb\xbf)?\s*<\?xml", re.I)


def read_file(path: Path, wanted: Wanted, *, form: FileForm) -> Table:
    """Read some columns of a data file of any kind that is read.

    Parameters
    ----------
    path : Path
        Text with separators (also in gzip), .xlsx, .parquet, SAS (.sas7bdat, .xpt), Stata (.dta) or
        SPSS (.sav).
    wanted : Wanted
        Columns to read; those that the file does not have are passed over.
    form : FileForm
        What the user says of the file.

    Returns
    -------
    Table
        The columns, with `notes` on how they were read.

    Raises
    ------
    DataError
        The file cannot be opened, is of a kind that is not read, or can be read in two ways.
    MissingExtraError
        What reads this kind of file is not installed.
    """
    subject = path.name
    try:
        raw = path.read_bytes()
        packed = raw.startswith(_GZIP)
        if packed:
            raw = _unpacked(raw, subject)
    except OSError as error:
        raise DataError(subject, [_not_opened(error)]) from error
    try:
        table = _read(raw, wanted, form=form, subject=subject)
    except MemoryError as error:
        raise DataError(subject, [_too_large(len(raw))]) from error
    notes = tuple(f"{subject}: {note}." for note in table.notes)
    return with_rows(replace(table, notes=notes))


def read_everything(path: Path) -> Table:
    """Read all columns of a data file of which nothing is known yet.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Table
        Every column that has a name of its own.

    Raises
    ------
    DataError
        As `read_file`.
    """
    return read_file(path, Wanted(_Every()), form=FileForm())


class _Every(frozenset[str]):
    """Every name, none of which is known: a file is read once."""

    def __contains__(self, name: object) -> bool:
        return True


def _read(raw: bytes, wanted: Wanted, *, form: FileForm, subject: str) -> Table:
    for kind, recognised in _STATISTICS.items():
        if recognised(raw):
            _check_form(form, ("encoding",), subject=subject)
            return read_statistics(raw, kind, wanted, encoding=form.encoding, subject=subject)
    if raw.startswith(b"PAR1"):
        _check_form(form, (), subject=subject)
        return read_parquet(raw, wanted, subject=subject)
    if raw.startswith(_ZIP):
        _check_workbook(raw, subject)
        _check_form(form, ("sheet", "header_line", "decimal"), subject=subject)
        return read_workbook(raw, wanted, form=form, subject=subject)
    if (other := _other_kind(raw)) is not None:
        raise DataError(subject, [other])
    _check_form(form, ("separator", "decimal", "encoding", "header_line"), subject=subject)
    return read_text(decoded(raw, form, subject=subject), wanted, form=form, subject=subject)


def _unpacked(raw: bytes, subject: str) -> bytes:
    try:
        with gzip.open(io.BytesIO(raw)) as archive:
            content = archive.read(LARGEST + 1)
    except MemoryError as error:
        raise DataError(subject, [_too_large(None)]) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        fault = Fault("the file", f"its gzip archive is damaged ({error})", "Copy it again")
        raise DataError(subject, [fault]) from error
    if len(content) > LARGEST:
        fault = Fault("the file", "it unpacks to more than 4 GiB", "Give the table alone")
        raise DataError(subject, [fault])
    return content


def _too_large(size: int | None) -> Fault:
    told = "what it unpacks to" if size is None else f"with its {size:,} bytes it"
    remedy = "Give a table of the columns that are read, or a machine with more memory"
    return Fault("the file", f"{told} does not fit into memory", remedy)


def _check_form(form: FileForm, allowed: Collection[str], *, subject: str) -> None:
    """Refuse keys that say nothing about a file of this kind."""
    keys = ("separator", "decimal", "encoding", "sheet", "header_line")
    stated = [key for key in keys if getattr(form, key) is not None and form.binding]
    loose = [key for key in stated if key not in allowed]
    if loose:
        faults = [
            Fault(f"[data] {key}", "a file of this kind has none", f"Remove `{key}`")
            for key in loose
        ]
        raise DataError(subject, faults)


def _check_workbook(raw: bytes, subject: str) -> None:
    """Raise unless a zip archive is a workbook of Excel."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, RuntimeError) as error:
        fault = Fault("the file", "it is a damaged spreadsheet or zip archive", "Copy it again")
        raise DataError(subject, [fault]) from error
    if "xl/workbook.xml" in names:
        return
    what, remedy = "a zip archive", _UNPACK
    if "xl/workbook.bin" in names:
        what, remedy = "a binary workbook (.xlsb)", "Save it as .xlsx"
    elif "content.xml" in names:
        what, remedy = "a document of LibreOffice (.ods)", "Save it as .xlsx"
    elif "word/document.xml" in names:
        what, remedy = "a text document (.docx)", "Copy its table into a spreadsheet and save that"
    elif any(name.startswith("Index/") for name in names):
        what, remedy = "a document of Numbers", "Export it as .xlsx"
    raise DataError(subject, [Fault("the file", f"it is {what}", remedy)])


def _other_kind(raw: bytes) -> Fault | None:
    if raw.startswith(b"\xd0\xcf\x11\xe0"):
        if "EncryptedPackage".encode("utf-16-le") in raw:
            remedy = "Save a copy without the password, where the data may lie open"
            return Fault("the file", "it is a workbook protected by a password", remedy)
        return Fault(
            "the file",
            "it is a workbook of an old Excel (.xls), in which cells with errors cannot be told "
            "from empty ones",
            "Open it in the spreadsheet program and save it as .xlsx",
        )
    for magic, what, remedy in _OTHERS:
        if raw.startswith(magic):
            return Fault("the file", f"it is {what}", remedy)
    if _WEB_PAGE.match(raw):
        what = "it is a web page, whatever its name ends in"
        return Fault("the file", what, "Open it in the spreadsheet program and save it as .xlsx")
    if _XML.match(raw):
        return Fault("the file", "it is XML", _SAVE_CSV)
    return None


def _not_opened(error: OSError) -> Fault:
    reason = (error.strerror or type(error).__name__).lower()
    return Fault(
        "the file",
        f"it cannot be opened ({reason})",
        "Check the path, which is to be that of a data file",
    )
