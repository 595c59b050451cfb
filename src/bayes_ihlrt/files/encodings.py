"""The letters of a text file: bytes to text, by an encoding that is stated, marked or told."""

import codecs
import re
from dataclasses import dataclass
from typing import Final

from bayes_ihlrt.errors import DataError, Fault
from bayes_ihlrt.spec.data_file import FileForm

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_WESTERN: Final = "windows-1252"
# A western word has few accents in a row; one in Cyrillic, Greek or Chinese letters has many.
_FOREIGN: Final = re.compile(rb"[\x80-\xff]{4}")
_LETTERS: Final = 8
"""Distinct letters that a note shows."""


@dataclass(frozen=True)
class Text:
    """The text of a file.

    Parameters
    ----------
    text : str
        Without byte order mark.
    letters : str or None
        How the letters were read, for a note; None for UTF-8.
    """

    text: str
    letters: str | None = None


def decoded(raw: bytes, form: FileForm, *, subject: str) -> Text:
    """Return the text that bytes stand for.

    Parameters
    ----------
    raw : bytes
        The file.
    form : FileForm
        With the encoding, if it is stated.
    subject : str
        Name of the file.

    Returns
    -------
    Text
        The text, and what is to be told of its letters.

    Raises
    ------
    DataError
        The bytes are no text, or no text in the encoding that is stated, or which encoding it is
        cannot be recognised.

    Examples
    --------
    >>> decoded("Köln".encode("windows-1252"), FileForm(), subject="cohort.csv").letters
    'Windows-1252 letters (ö)'
    """
    marked = next((found for found in _MARKS if raw.startswith(found[0])), None)
    if form.encoding is not None and form.binding:
        return _stated(raw, form.encoding, marked=marked and marked[2], subject=subject)
    try:
        if marked is not None:
            text = raw.decode(marked[1])
            return Text(text, None if marked[2] == "UTF-8" else f"{marked[2]} letters")
        wide = _without_mark(raw)
        text = raw.decode(wide or "utf-8")
    except UnicodeDecodeError as error:
        if marked is not None or b"\0" in raw:
            raise DataError(subject, [_no_text()]) from error
        return _western(raw, form, subject=subject)
    if "\0" in text:
        raise DataError(subject, [_no_text()])
    return Text(text, None if wide is None else "UTF-16 letters")


def _without_mark(raw: bytes) -> str | None:
    """Return the kind of UTF-16 whose every second byte is zero, as in western text."""
    start = raw[: 2 * (min(len(raw), 4096) // 2)]
    zeros = start[::2].count(0), start[1::2].count(0)
    few = len(start) // 20
    if zeros[1] > len(start) // 4 and zeros[0] <= few:
        return "utf-16-le"
    return "utf-16-be" if zeros[0] > len(start) // 4 and zeros[1] <= few else None


def _stated(raw: bytes, encoding: str, *, marked: str | None, subject: str) -> Text:
    name = codecs.lookup(encoding).name
    if marked is not None and not name.startswith(marked.lower()):
        problem = f"it begins with the mark of {marked}, and [data] encoding is '{encoding}'"
        remedy = "Remove `encoding` from [data], or give the file that is meant"
        raise DataError(subject, [Fault("the file", problem, remedy)])
    try:
        if name.startswith(("utf-16", "utf-32")) and b"\0" not in raw:
            # Digits have zero bytes there; without any, other text becomes rare letters.
            raise UnicodeDecodeError(name, raw, 0, 1, "no zero bytes")
        text = raw.decode("utf-8-sig" if name == "utf-8" else name)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        problem = f"line {line} is no text in the encoding '{encoding}', which [data] states"
        remedy = "State the encoding that the program which wrote the file used, or remove the key"
        raise DataError(subject, [Fault("the file", problem, remedy)]) from error
    if "\0" in text:
        raise DataError(subject, [_no_text()])
    return Text(text, None if name.startswith("utf-8") else f"'{encoding}' letters")


def _western(raw: bytes, form: FileForm, *, subject: str) -> Text:
    if form.encoding is not None:
        return _stated(raw, form.encoding, marked=None, subject=subject)
    try:
        text = raw.decode(_WESTERN)
    except UnicodeDecodeError:
        text = ""
    if not text or _FOREIGN.search(raw):
        raise DataError(subject, [_unrecognised()])
    seen = dict.fromkeys(letter for letter in text if letter > "\x7f")
    shown = ", ".join(list(seen)[:_LETTERS]) + (" ..." if len(seen) > _LETTERS else "")
    return Text(text, f"Windows-1252 letters ({shown})")


def _no_text() -> Fault:
    return Fault(
        "the file",
        "it is neither text nor a kind of file that is read",
        "Export it as CSV, .xlsx, .parquet, .sas7bdat, .xpt, .dta or .sav",
    )


def _unrecognised() -> Fault:
    return Fault(
        "the file",
        "its text is not encoded in UTF-8, and the letters are not those of Windows-1252 either",
        "Save it as 'CSV UTF-8', or state its encoding in [data], for instance "
        "encoding = 'windows-1251' or 'mac-roman'",
    )
