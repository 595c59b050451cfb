"""One table, whatever it is written as: HTML, Word, LaTeX or CSV."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bayes_ihlrt.report.numbers import interval, number

type Record = Mapping[str, Any]

MISSING: Final = "not defined"


@dataclass(frozen=True)
class Column:
    """A column as it is read.

    Parameters
    ----------
    label : str
        Its heading, with the unit where there is one.
    show : callable
        From a record to the text of its cell.
    key : str
        Value of the record that the column is sorted by.
    numeric : bool
        Whether cells are numbers, which stand right and sort by size.
    """

    label: str
    show: Callable[[Record], str]
    key: str
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """A table: records as plain values, and columns that put them into words.

    Parameters
    ----------
    name : str
        Unique in a report; names its file and its anchor.
    title : str
        What it shows, in one line.
    columns : tuple of Column
        What is read, in this order; the first heads the rows.
    records : tuple of mapping
        Plain values, one record a row.
    note : str
        What to know when reading it.
    tidy : tuple of mapping
        What goes into the CSV file, one observation a row; the records where left out.
    interactive : bool
        Whether the report lets the reader sort and filter it.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    records: tuple[Record, ...]
    note: str = ""
    tidy: tuple[Record, ...] = ()
    interactive: bool = False

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """Cells as text, shape (records, columns)."""
        return tuple(tuple(c.show(record) for c in self.columns) for record in self.records)

    @property
    def observations(self) -> tuple[Record, ...]:
        """What the CSV file holds."""
        return self.tidy or self.records


def text(label: str, key: str, *, missing: str = "") -> Column:
    """Return a column of words.

    Parameters
    ----------
    label : str
        Heading.
    key : str
        Value of the record.
    missing : str
        What to say for None.

    Returns
    -------
    Column
        The column.
    """

    def show(record: Record) -> str:
        value = record[key]
        return missing if value is None else str(value)

    return Column(label, show, key, numeric=False)


def count(label: str, key: str, *, missing: str = MISSING) -> Column:
    """Return a column of whole numbers, with separators of thousands.

    Parameters
    ----------
    label : str
        Heading.
    key : str
        Value of the record.
    missing : str
        What to say for None.

    Returns
    -------
    Column
        The column.
    """

    def show(record: Record) -> str:
        value = record[key]
        return missing if value is None else f"{value:,.0f}"

    return Column(label, show, key)


def figure(label: str, key: str, digits: int, *, missing: str = MISSING) -> Column:
    """Return a column of numbers with fixed decimals.

    Parameters
    ----------
    label : str
        Heading.
    key : str
        Value of the record.
    digits : int
        Decimals.
    missing : str
        What to say for None.

    Returns
    -------
    Column
        The column.
    """
    return Column(label, lambda record: number(record[key], digits, missing=missing), key)


def estimate(
    label: str,
    digits: int,
    *,
    middle: str = "median",
    ends: tuple[str, str] = ("q2.5", "q97.5"),
    missing: str = MISSING,
) -> Column:
    """Return a column of estimates with their intervals.

    Parameters
    ----------
    label : str
        Heading, which says what the interval is.
    digits : int
        Decimals.
    middle : str
        Value of the record that holds the estimate.
    ends : tuple of str
        Values that hold the ends of the interval.
    missing : str
        What to say where there is no estimate.

    Returns
    -------
    Column
        The column.
    """

    def show(record: Record) -> str:
        low, high = (record[end] for end in ends)
        if record[middle] is None and low is None and high is None:
            return missing
        told = number(record[middle], digits, missing=missing)
        return f"{told} ({interval(low, high, digits=digits, missing=missing)})"

    return Column(label, show, middle)


def plain_table(
    name: str, title: str, records: Iterable[Record], *, note: str = "", interactive: bool = False
) -> Table:
    """Return a table of records whose columns are those that the records have.

    Parameters
    ----------
    name : str
        Unique in a report.
    title : str
        What it shows.
    records : iterable of mapping
        Values that are text, numbers, or mappings of such, which are flattened.
    note : str
        What to know when reading it.
    interactive : bool
        Whether the reader may sort and filter it.

    Returns
    -------
    Table
        Numbers with three significant digits.

    Examples
    --------
    >>> table = plain_table("t", "T", [{"bias": {"estimate": 0.01234, "mcse": 0.002}}])
    >>> [column.label for column in table.columns], table.rows
    (['bias: estimate', 'bias: mcse'], (('0.0123', '0.002'),))
    """
    flat = [flattened(record) for record in records]
    keys = list(dict.fromkeys(key for record in flat for key in record))
    full = tuple({key: record.get(key) for key in keys} for record in flat)
    columns = tuple(_plain_column(key, [record[key] for record in full]) for key in keys)
    return Table(name, title, columns, full, note, interactive=interactive)


def flattened(record: Record, *, within: str = "") -> dict[str, Any]:
    """Return a record with one level: what lies deeper is named like ``"bias: mcse"``.

    Parameters
    ----------
    record : mapping
        Plain values.
    within : str
        Name of what the record lies in.

    Returns
    -------
    dict
        Lists of plain values are joined into text; lists of records are left out, being tables
        of their own.
    """
    found: dict[str, Any] = {}
    for key, value in record.items():
        name = f"{within}: {key}" if within else key
        if isinstance(value, Mapping):
            found |= flattened(value, within=name)
        elif not isinstance(value, str) and isinstance(value, Sequence):
            if not any(isinstance(part, Mapping) for part in value):
                found[name] = ", ".join(significant(part) for part in value)
        else:
            found[name] = value
    return found


def significant(value: object, *, missing: str = MISSING) -> str:
    """Return a value as text: a number with three significant digits, anything else as it is.

    Parameters
    ----------
    value : object
        Text, number, truth value or None.
    missing : str
        What to say for None.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> [significant(value) for value in (0.012345, 12345, True, None)]
    ['0.0123', '12,345', 'yes', 'not defined']
    """
    if value is None:
        return missing
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


def _plain_column(key: str, values: Sequence[object]) -> Column:
    known = [value for value in values if value is not None]
    numeric = bool(known) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in known
    )
    return Column(key.replace("_", " "), lambda record: significant(record[key]), key, numeric)
