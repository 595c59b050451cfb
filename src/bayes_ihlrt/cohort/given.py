"""Columns as a file gives them: without codes for what is not known, within their limits."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.identifiers import patient_labels
from bayes_ihlrt.errors import Fault, nearest
from bayes_ihlrt.files.cells import CellKind, Cells, absent, read_cells, read_labels
from bayes_ihlrt.files.messages import counted, enumerated
from bayes_ihlrt.files.table import Table, duplicated
from bayes_ihlrt.spec.data import DataSpec

type Floats = NDArray[np.float64]
type Labels = NDArray[np.object_]

_LIMIT: Final = re.compile(r"([<>≤≥])=?\s*(\d+(?:[.,]\d+)?|[.,]\d+)", re.ASCII)
_THOUSANDS: Final = re.compile(r"\d{1,3}(,\d{3})+")

BELOW_LIMIT: Final = (
    "Say in [data] what stands for a value below the limit of detection: below_limit = 'half', "
    "'limit' or 'limit/sqrt2'"
)
"""Remedy for cells such as ``<2.0``."""


@dataclass(frozen=True)
class Limit:
    """A value of which it is known only on which side of a limit it lies."""

    below: bool
    value: float


def limit_of(cell: str | None) -> Limit | None:
    """Return the limit of detection that a cell tells; None where it tells none.

    Parameters
    ----------
    cell : str or None
        For example ``<2.0`` or ``>= 1000``; a decimal comma is read, one of thousands is not.

    Returns
    -------
    Limit or None
        Side and limit.

    Examples
    --------
    >>> limit_of("< 2,5"), limit_of("2.5"), limit_of(">1,000")
    (Limit(below=True, value=2.5), None, None)
    """
    found = None if cell is None else _LIMIT.fullmatch(cell)
    if found is None or _THOUSANDS.fullmatch(found[2]):
        return None
    return Limit(found[1] in "<≤", float(found[2].replace(",", ".")))


@dataclass
class Given:
    """Columns of a file by the rules of `[data]`, with the faults found and what was done.

    Parameters
    ----------
    table : Table
        Columns as they were given.
    data : DataSpec
        Codes, short names and limits.
    faults : list of Fault
        What could not be understood.
    notes : list of str
        What was done.
    recoded : Counter
        Cells with a code, by column, meaning and code.
    limited : Counter
        Cells beyond a limit of detection, by column.
    """

    table: Table
    data: DataSpec
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    recoded: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    limited: Counter[str] = field(default_factory=Counter)

    @cached_property
    def patient(self) -> Labels:
        """Patient of each row, shape (rows,)."""
        name = self.source(self.data.patient)
        if name not in self.table.columns:
            return np.full(self.table.n_rows, "?", dtype=object)
        labels = patient_labels(self.table, name)
        labels[absent(labels)] = "?"
        return labels

    def source(self, name: str) -> str:
        """Return the file's name of a column."""
        return self.data.aliases.get(name, name)

    def raw(self, name: str, purpose: str) -> Any:
        """Return a column, or None with a fault where the file has none or two of it."""
        source = self.source(name)
        if source in self.table.columns:
            return self.table.columns[source]
        twice = duplicated(self.table.names)
        fault = None
        if source in twice:
            problem = f"needed as {purpose}, and {twice[source]} columns have this name"
            fault = Fault(f"column {source}", problem, "Rename all but one of them")
        elif source not in self.table.names:
            problem = f"needed as {purpose}, and there is no such column"
            fault = Fault(f"column {source}", problem, nearest(source, self.table.names))
        if fault is not None and fault not in self.faults:
            self.faults.append(fault)
        return None

    def codes(self, name: str) -> tuple[str, ...]:
        """Return the codes for "not known" in a column."""
        missing = self.data.missing
        if isinstance(missing, Mapping):
            names = dict.fromkeys((name, self.source(name)))
            return tuple(code for each in names for code in missing.get(each, ()))
        return missing

    def cells(self, name: str, raw: Any) -> Cells:
        """Return cells of which those with a code for "not known" are missing."""
        return self.without(name, read_cells(raw), self.codes(name), "not known")

    def labels(self, name: str, raw: Any) -> Cells:
        """Return cells as text, whatever they look like, less the codes for "not known"."""
        text = read_labels(raw)
        found = Cells(CellKind.TEXT, np.full(len(text), np.nan), text)
        return self.without(name, found, self.codes(name), "not known")

    def without(self, name: str, found: Cells, codes: tuple[str, ...], meaning: str) -> Cells:
        """Return cells of which those with a code are missing, and count them."""
        coded = coded_cells(found, codes)
        if not coded.any():
            return found
        values = (
            [f"{value:.15g}" for value in found.numbers[coded]]
            if found.kind is CellKind.NUMBER
            else [str(_as_code(cell, codes)) for cell in found.text[coded].tolist()]
        )
        source = self.source(name)
        self.recoded.update((source, meaning, value) for value in values)
        numbers, text = found.numbers.copy(), found.text.copy()
        numbers[coded] = np.nan
        if len(text):
            text[coded] = None
        return Cells(found.kind, numbers, text)

    def told(self) -> tuple[str, ...]:
        """Return what was done, a line for each rule and column."""
        by_column: dict[tuple[str, str], list[str]] = {}
        for (source, meaning, value), count in self.recoded.items():
            by_column.setdefault((source, meaning), []).append(f"'{value}' ({count})")
        notes = [
            f"{source}: read as {meaning}: {enumerated(iter(found), len(found))}"
            for (source, meaning), found in by_column.items()
        ]
        rule = self.data.below_limit
        share_ = {None: "", "half": "half the limit", "limit": "the limit"}.get(rule, "limit/sqrt2")
        notes += [
            f"{source}: {counted(count, 'value', 'values')} beyond a limit of detection; {share_} "
            "stands for what lies below, the limit for what lies above"
            for source, count in self.limited.items()
        ]
        seen = {code for _, meaning, code in self.recoded}
        missing = self.data.missing
        lists = missing.values() if isinstance(missing, Mapping) else (missing,)
        stated = [*dict.fromkeys(code for codes in lists for code in codes), *self.data.never]
        unused = [f"'{code}'" for code in dict.fromkeys(stated) if not _among(code, seen)]
        if unused:
            notes.append(f"no cell that is read is one of the stated codes {', '.join(unused)}")
        return (*self.notes, *notes)


def within_limits(given: Given, name: str, found: Cells) -> Cells:
    """Return numbers for values beyond a limit of detection, in a column of numbers.

    Parameters
    ----------
    given : Given
        The file; cells beyond a limit are counted in it.
    name : str
        Name of the column.
    found : Cells
        Its cells.

    Returns
    -------
    Cells
        The same cells without a rule, or in a column of words.
    """
    rule = given.data.below_limit
    if found.kind is not CellKind.TEXT or rule is None:
        return found
    beyond = {
        row: limit
        for row in np.flatnonzero(found.unreadable).tolist()
        if (limit := limit_of(found.text[row])) is not None
    }
    if not beyond or not numbers_with_limits(found):
        return found
    numbers, text = found.numbers.copy(), found.text.copy()
    for row, limit in beyond.items():
        numbers[row] = limit.value * (rule.share if limit.below else 1.0)
        text[row] = f"{numbers[row]:.17g}"
    given.limited[given.source(name)] += len(beyond)
    return Cells(found.kind, numbers, text)


def numbers_with_limits(found: Cells) -> bool:
    """Return whether a column holds numbers of which some lie beyond a limit, not categories.

    Parameters
    ----------
    found : Cells
        A column of text.

    Returns
    -------
    bool
        Numbers are at least as many as limits and of three values or more, and both are most of
        the cells: ``<65`` and ``>=65`` are categories, and so are 0, 1 and ``>=2``.

    Examples
    --------
    >>> numbers_with_limits(read_cells(["<2.0", "5", "7.5", "9"]))
    True
    >>> numbers_with_limits(read_cells(["<65", ">=65", "<65"]))
    False
    """
    if found.kind is not CellKind.TEXT:
        return False
    plain = found.numbers[np.isfinite(found.numbers)]
    limits = sum(limit_of(cell) is not None for cell in found.text[found.unreadable].tolist())
    most = 2 * (len(plain) + limits) >= int((~found.missing).sum())
    return bool(limits and most and len(plain) >= limits and len(np.unique(plain)) > 2)


def coded_cells(found: Cells, codes: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return which cells are one of the codes.

    Parameters
    ----------
    found : Cells
        A column.
    codes : tuple of str
        Codes; in a column of numbers 999 and 999.0 are one, and a day is one at any hour.

    Returns
    -------
    ndarray of bool, shape (rows,)
        True for codes.

    Examples
    --------
    >>> coded_cells(read_cells([1.0, 999.0]), ("999", "n.d.")).tolist()
    [False, True]
    >>> coded_cells(read_cells(["1900-01-01 00:00:00"]), ("1900-01-01",)).tolist()
    [True]
    """
    if not codes:
        return np.zeros(len(found.numbers), dtype=bool)
    if found.kind is CellKind.NUMBER:
        numbers = [float(code) for code in codes if is_number(code)]
        coded: NDArray[np.bool_] = np.isin(found.numbers, numbers)
        return coded
    cells = [_as_code(cell, codes) for cell in found.text.tolist()]
    same: NDArray[np.bool_] = np.array([cell in codes for cell in cells], dtype=bool)
    return same | np.isin(found.numbers, [float(code) for code in codes if is_number(code)])


_CLOCK: Final = re.compile(r"[ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$")


def _as_code(cell: str | None, codes: tuple[str, ...]) -> str | None:
    """A cell as the code that it is: exports write the day 1900-01-01 with a clock at times."""
    if cell is None or not codes or cell in codes:
        return cell
    day = _CLOCK.sub("", cell)
    return day if day in codes else cell


_FEW: Final = 12


def few(values: Collection[str]) -> bool:
    """Return whether values are few enough to be categories, which may be listed."""
    return len(values) <= _FEW


def values_found(values: Collection[str]) -> str:
    """Return the values of a column in words; their number only where they may be identifiers.

    Parameters
    ----------
    values : collection of str
        Distinct cells.

    Returns
    -------
    str
        At most twelve are listed.

    Examples
    --------
    >>> values_found(["f", "m"]), values_found([str(i) for i in range(80)])
    ("'f', 'm'", '80 different values')
    """
    if not few(values):
        return f"{len(values)} different values"
    return enumerated((f"'{value}'" for value in values), len(values)) or "nothing"


def _among(code: str, seen: set[str]) -> bool:
    same = {float(each) for each in seen if is_number(each)}
    return code in seen or (is_number(code) and float(code) in same)


def is_number(text: str) -> bool:
    """Return whether a code is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
