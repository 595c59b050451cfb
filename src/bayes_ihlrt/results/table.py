"""Tables, whatever they are written as (HTML, Word, LaTeX, CSV), their numbers as text, a console.

On the console the names that users give are text and nothing else.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, override

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from bayes_ihlrt.escaping import printable


class PlainConsole(Console):
    """A console without markup, emoji codes or highlighting, which tells control characters.

    ``[red]`` in the name of a level is those five letters, and what would command the terminal is
    shown by its number.

    Parameters
    ----------
    **options
        Of `rich.console.Console`.
    """

    def __init__(self, **options: Any) -> None:
        plain = {"highlight": False, "markup": False, "emoji": False}
        # In a notebook rich would show what is printed and leave its file empty.
        super().__init__(**{**plain, "force_jupyter": False, **options})

    @override
    def render_str(self, text: str, **options: Any) -> Text:
        """Return a cell's or heading's text, of a width that counts what is told."""
        return super().render_str(printable(text, keep="\n"), **options)

    @override
    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render anything; a segment that is no command of the console's own is told."""
        yield from _without_trailing_blanks(_told(super().render(renderable, options)))


def _told(segments: Iterable[Segment]) -> Iterator[Segment]:
    for segment in segments:
        if segment.control:
            yield segment
        else:
            yield segment._replace(text=printable(segment.text, keep="\n"))


def _without_trailing_blanks(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Hold blanks back until something follows them on their line."""
    held: list[Segment] = []
    for segment in segments:
        if segment.control:
            yield from (*held, segment)
            held = []
            continue
        for piece in _PIECES.findall(segment.text):
            words, end = piece.rstrip(" \n"), "\n" if piece.endswith("\n") else ""
            if words:
                yield from held
            if words or end:
                held = []
                yield segment._replace(text=words + end)
            if blanks := piece[len(words) : len(piece) - len(end)] if not end else "":
                held.append(segment._replace(text=blanks))
    yield from held


_PIECES: Final = re.compile(r"[^\n]*\n|[^\n]+")


def interval(
    low: float | None, high: float | None, *, digits: int, missing: str = "not reached"
) -> str:
    """Return an interval in words.

    Parameters
    ----------
    low, high : float or None
        Its ends; None where infinite or not defined.
    digits : int
        Decimals.
    missing : str
        What to say for None.

    Returns
    -------
    str
        For example ``"0.35 to 1.03"``.

    Examples
    --------
    >>> interval(0.354, 1.031, digits=2), interval(12.0, None, digits=1)
    ('0.35 to 1.03', '12.0 to not reached')
    >>> interval(None, None, digits=1)
    'not reached'
    """
    if low is None and high is None:
        return missing
    return f"{number(low, digits, missing=missing)} to {number(high, digits, missing=missing)}"


def number(value: float | None, digits: int, *, missing: str = "not reached") -> str:
    """Return a number with fixed decimals and without a negative zero.

    Parameters
    ----------
    value : float or None
        None where infinite or not defined.
    digits : int
        Decimals.
    missing : str
        What to say for None.

    Returns
    -------
    str
        The number, or `missing`.

    Examples
    --------
    >>> number(-0.004, 2), number(None, 1)
    ('0.00', 'not reached')
    """
    return missing if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def chance_words(probability: float) -> str:
    """Return a probability in two digits, never as certainty.

    Parameters
    ----------
    probability : float
        Between 0 and 1.

    Returns
    -------
    str
        For example ``"0.93"``.

    Examples
    --------
    >>> chance_words(0.93), chance_words(1.0)
    ('0.93', 'above 0.99')
    """
    if probability > 0.995:
        return "above 0.99"
    return "below 0.01" if probability < 0.005 else f"{probability:.2f}"


def own_values(population: str) -> str:
    """Return what is said in the place of a value of the modifier where patients keep their own.

    Parameters
    ----------
    population : str
        Who is averaged over.

    Returns
    -------
    str
        For a column of values.
    """
    return "cohort's own" if population in {"sample", "bootstrap"} else "their own"


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
    folded : bool
        Whether the report shows it only when it is asked for, as it does with long ones.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    records: tuple[Record, ...]
    note: str = ""
    tidy: tuple[Record, ...] = ()
    interactive: bool = False
    folded: bool = False

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


_SUMMARY: Final = frozenset({"mean", "sd", "median", "q2.5", "q97.5"})


def plain_table(
    name: str,
    title: str,
    records: Iterable[Record],
    *,
    note: str = "",
    interactive: bool = False,
    first: Sequence[str] = (),
    hidden: Collection[str] = (),
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
    first : sequence of str
        Values that are read first, where records have them.
    hidden : collection of str
        Values that only the CSV file holds, being text that no table has room for.

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
    known = dict.fromkeys(key for record in flat for key in record)
    keys = [*(key for key in first if key in known), *(key for key in known if key not in first)]
    full = tuple({key: record.get(key) for key in keys} for record in flat)
    columns = tuple(
        _plain_column(key, [record[key] for record in full])
        for key in keys
        if key.partition(": ")[0] not in hidden
    )
    return Table(name, title, columns, full, note, interactive=interactive)


def missing_tables(name: str, found: Mapping[str, Any]) -> tuple[Table, ...]:
    """Return what a result lacks, as a table.

    Parameters
    ----------
    name : str
        Of the command.
    found : mapping
        Content of ``result.json`` or ``checks.json``.

    Returns
    -------
    tuple of Table
        One, with reason and remedy of every part that could not be computed, or none.

    Examples
    --------
    >>> lost = {"part": "split, none", "reason": "no mode", "remedy": "Use tighter priors"}
    >>> [table.title for table in missing_tables("ladder", {"failed": [lost]})]
    ['What is missing, why, and what to do']
    """
    failed = found["failed"]
    title = "What is missing, why, and what to do"
    return (plain_table(f"{name}-missing", title, failed),) if failed else ()


def facts_table(name: str, title: str, found: Record) -> Table:
    """Return a table of single values by name.

    Parameters
    ----------
    name : str
        Unique in a report.
    title : str
        What it shows.
    found : mapping
        Plain values, or mappings of such; lists of records are left out.

    Returns
    -------
    Table
        One value a row.

    Examples
    --------
    >>> facts_table("t", "T", {"e_value": {"median": 2.1459}}).rows
    (('e value: median', '2.15'),)
    >>> facts_table("t", "T", {"reri": {"median": 0.25, "q2.5": -0.6, "q97.5": 1.1}}).rows
    (('reri', '0.25 (-0.6 to 1.1)'),)
    """
    value = Column("Value", lambda record: significant(record["value"]), "value", numeric=False)
    tidy = [{"item": key, "value": single} for key, single in flattened(found).items()]
    rows = [
        {"item": key.replace("_", " "), "value": told}
        for key, told in flattened(_with_intervals(found)).items()
    ]
    return Table(name, title, (text("Item", "item"), value), tuple(rows), tidy=tuple(tidy))


def _with_intervals(found: Record) -> dict[str, Any]:
    """Put every summary within a record into one text, median and 95 % interval."""
    told: dict[str, Any] = {}
    for key, value in found.items():
        if isinstance(value, Mapping) and {"median", "q2.5", "q97.5"} <= value.keys():
            middle, low, high = (significant(value[name]) for name in ("median", "q2.5", "q97.5"))
            told[key] = middle if middle == MISSING else f"{middle} ({low} to {high})"
            rest = {k: v for k, v in value.items() if k not in _SUMMARY}
            told |= flattened(rest, within=key)
        else:
            told[key] = _with_intervals(value) if isinstance(value, Mapping) else value
    return told


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
    # Without a value of the modifier a row speaks of the cohort as it is.
    missing = "" if key == "at" else MISSING

    def show(record: Record) -> str:
        return significant(record[key], missing=missing)

    return Column(key.replace("_", " "), show, key, numeric)
