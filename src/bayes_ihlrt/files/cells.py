"""Columns as they were given, read as numbers and as text.

Arrow arrays leave by ``to_pylist`` and enter from the CSV reader: `pyarrow.array`, `pyarrow.scalar`
and ``to_numpy`` import pandas, which alone would take longer than `bayes-ihlrt check` may.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MISSING_WORDS: Final = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null")
"""Cells that mean "not known". "None" is not one of them: it is a category, as in ascites."""

LARGEST: Final = 1e15
"""Measurements are below it: squares and cubes of what is larger are no numbers of a computer."""

_WHOLE: Final = r"^([+-]?(?:0|[1-9][0-9]*))\.0+$"
_MISSING: Final = "^(" + "|".join(re.escape(word) for word in MISSING_WORDS) + ")$"
# Python reads "1_000" as a number and "infinity" as infinite; a laboratory writes neither.
_NUMBER: Final = re.compile(r"[+-]?(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?inf", re.IGNORECASE)


_INVISIBLE: Final = r"[\x{00AD}\x{200B}-\x{200F}\x{2060}-\x{2064}\x{FEFF}]"
_BLANKS: Final = r"[\s\p{Z}]+"


class CellKind(StrEnum):
    """What a column holds as it was given."""

    NUMBER = "number"
    TEXT = "text"
    DATE = "date"
    CATEGORY = "category"


@dataclass(frozen=True)
class Cells:
    """One column of a data file.

    Parameters
    ----------
    kind : CellKind
        What the column holds.
    numbers : ndarray of float, shape (rows,)
        Values; NaN where the cell is missing or is not a number.
    text : ndarray of object, shape (rows,)
        The cells without surrounding blanks and invisible characters, with single blanks within and
        letters composed, so that what looks alike is alike; None where missing.
    """

    kind: CellKind
    numbers: NDArray[np.float64]
    text: NDArray[np.object_]

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Whether each cell is empty, shape (rows,)."""
        if self.kind is CellKind.NUMBER:
            return np.isnan(self.numbers)
        return absent(self.text)

    def rows(self, keep: NDArray[np.bool_]) -> "Cells":
        """Return some of the rows."""
        return Cells(
            self.kind, self.numbers[keep], self.text[keep] if len(self.text) else self.text
        )

    @property
    def unreadable(self) -> NDArray[np.bool_]:
        """Whether each cell holds something that is not a number, shape (rows,)."""
        return np.isnan(self.numbers) & ~self.missing


def read_cells(values: object) -> Cells:
    """Read one column, whatever container it comes in.

    Parameters
    ----------
    values : array-like, pyarrow array or Cells
        One-dimensional values; cells that were read already are returned.

    Returns
    -------
    Cells
        The column's kind, numbers and text.

    Examples
    --------
    >>> cells = read_cells(["12", " 3.5 ", "NA", ">24"])
    >>> cells.numbers.tolist(), cells.unreadable.tolist()
    ([12.0, 3.5, nan, nan], [False, False, False, True])
    """
    if isinstance(values, Cells):
        return values
    array = _as_arrow(values)
    if pa.types.is_null(array.type):
        return _numeric(np.full(len(array), np.nan))
    if pa.types.is_boolean(array.type):
        array = pc.cast(array, pa.int8())
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        return _numeric(_as_floats(pc.cast(array, pa.float64(), safe=False)))
    text = _as_text(array)
    if pa.types.is_temporal(array.type):
        return Cells(CellKind.DATE, np.full(len(text), np.nan), text)
    return Cells(CellKind.TEXT, _parsed(array), text)


def read_labels(values: object) -> NDArray[np.object_]:
    """Read a column of identifiers as text, so that 7, 7.0 and "7.0" are the same patient.

    What begins with a zero stays as it is: ``007`` is not 7.

    Parameters
    ----------
    values : array-like or pyarrow array
        One-dimensional identifiers.

    Returns
    -------
    ndarray of str, shape (rows,)
        The identifiers; None where missing.

    Examples
    --------
    >>> read_labels([7.0, None, 8.0]).tolist()
    ['7', None, '8']
    """
    if isinstance(values, Cells):
        if values.kind is CellKind.NUMBER:
            return read_labels(values.numbers)
        return values.text
    array = _as_arrow(values)
    if pa.types.is_floating(array.type) and _whole(array):
        array = pc.cast(array, pa.int64())
    return np.array(_replaced(_trimmed(array)), dtype=object)


def _replaced(text: Any) -> list[Any]:
    """Return texts in which whole numbers have no decimal places."""
    return list(pc.replace_substring_regex(text, _WHOLE, r"\1").to_pylist())


def absent(text: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return where a text is missing.

    Parameters
    ----------
    text : ndarray of object, shape (rows,)
        Texts or None.

    Returns
    -------
    ndarray of bool, shape (rows,)
        True where None.

    Examples
    --------
    >>> absent(np.array(["a", None], dtype=object)).tolist()
    [False, True]
    """
    return np.array([value is None for value in text.tolist()], dtype=bool)


def number_labels(labels: NDArray[np.object_]) -> NDArray[np.intp]:
    """Give each label a number, in the order of first appearance.

    Parameters
    ----------
    labels : ndarray of str, shape (rows,)
        Labels, none missing.

    Returns
    -------
    ndarray of int, shape (rows,)
        0 for the first label, 1 for the next new one, and so on.

    Examples
    --------
    >>> number_labels(np.array(["b", "a", "b"], dtype=object)).tolist()
    [0, 1, 0]
    """
    each = labels.tolist()
    number = {label: code for code, label in enumerate(dict.fromkeys(each))}
    return np.fromiter(map(number.__getitem__, each), dtype=np.intp, count=len(each))


def sorting_rows(*keys: NDArray[Any]) -> NDArray[np.intp]:
    """Return the order that sorts rows by the keys, the first key first.

    Parameters
    ----------
    *keys : ndarray, shape (rows,)
        Numbers or text.

    Returns
    -------
    ndarray of int, shape (rows,)
        Row numbers in sorted order; text sorts by its code points, the same everywhere.

    Examples
    --------
    >>> sorting_rows(np.array(["b", "a"], dtype=object), np.array([0.0, 1.0])).tolist()
    [1, 0]
    """
    return np.lexsort([_rank(key) if key.dtype == object else key for key in reversed(keys)])


def _rank(labels: NDArray[np.object_]) -> NDArray[np.intp]:
    codes = number_labels(labels)
    distinct = list(dict.fromkeys(labels.tolist()))
    rank = np.empty(len(distinct), dtype=np.intp)
    rank[sorted(range(len(distinct)), key=distinct.__getitem__)] = np.arange(len(distinct))
    return rank[codes]


def decimal_commas(text: Sequence[str]) -> bool:
    """Return whether most of the texts are numbers with a decimal comma.

    Parameters
    ----------
    text : sequence of str
        Distinct cells of a column.

    Returns
    -------
    bool
        True if more than half would be numbers with a point in place of the comma.

    Examples
    --------
    >>> decimal_commas(["2,5", "3,1"]), decimal_commas(["male", "female"])
    (True, False)
    """
    return 2 * sum(bool(_NUMBER.fullmatch(cell.replace(",", "."))) for cell in text) > len(text)


def _numeric(numbers: NDArray[np.float64]) -> Cells:
    return Cells(CellKind.NUMBER, numbers, np.empty(0, dtype=object))


def _as_arrow(values: object) -> Any:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return plain_array(values)
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        # A column of mixed Python objects has no Arrow type of its own.
        items = np.asarray(values, dtype=object)
        texts = [None if _is_nothing(item) else str(item) for item in items]
        array = pa.array(texts, type=pa.string())
    return plain_array(array)


def plain_array(array: Any) -> Any:
    """Return an Arrow array without categories, and with text of the usual kind.

    Parameters
    ----------
    array : pyarrow array
        Of any type.

    Returns
    -------
    pyarrow array
        The same values.
    """
    if pa.types.is_dictionary(array.type):
        if str(array.type.value_type) == "string_view":
            array = pc.cast(array, pa.dictionary(array.type.index_type, pa.string()))
        array = pc.cast(array, array.type.value_type)
    return pc.cast(array, pa.string()) if str(array.type) == "string_view" else array


def _is_nothing(item: object) -> bool:
    return item is None or (isinstance(item, float) and math.isnan(item))


def _trimmed(array: Any) -> Any:
    text = pc.cast(array, pa.string())
    if not pc.any(pc.match_substring_regex(text, "[^!-~]")).as_py():
        return _without_missing(text)
    text = pc.utf8_normalize(text, form="NFC")
    text = pc.replace_substring_regex(text, pattern=_INVISIBLE, replacement="")
    text = pc.replace_substring_regex(text, pattern=_BLANKS, replacement=" ")
    return _without_missing(pc.utf8_trim_whitespace(text))


def _without_missing(text: Any) -> Any:
    unknown = pc.match_substring_regex(text, _MISSING)
    return pc.if_else(unknown, pa.nulls(1, pa.string())[0], text)


def _as_text(array: Any) -> NDArray[np.object_]:
    return np.array(_trimmed(array).to_pylist(), dtype=object)


def _as_floats(array: Any) -> NDArray[np.float64]:
    """Return numbers; a missing one is NaN."""
    return np.array(array.to_pylist(), dtype=np.float64)


def _parsed(array: Any) -> NDArray[np.float64]:
    """Return the numbers in a column of text; each distinct text is parsed once."""
    trimmed = _trimmed(array)
    whole = trimmed.combine_chunks() if isinstance(trimmed, pa.ChunkedArray) else trimmed
    encoded = whole.dictionary_encode()
    words = encoded.dictionary.to_pylist()
    values = np.array([float(word) if _NUMBER.fullmatch(word) else np.nan for word in words])
    codes = _as_floats(encoded.indices)
    known = np.isfinite(codes)
    numbers = np.full(len(codes), np.nan)
    numbers[known] = values[codes[known].astype(np.intp)]
    return numbers


def _whole(array: Any) -> bool:
    numbers = _as_floats(array.drop_null())
    exact = np.abs(numbers) < 2.0**53
    return bool(np.all(exact & (numbers == np.round(numbers))))
