"""One table, whatever it is written as: HTML, Word, LaTeX or CSV."""

from collections.abc import Callable, Mapping
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
