"""Tables of records as they come: columns are the keys, numbers have three digits."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from bayes_ihlrt.report.table_model import MISSING, Column, Record, Table, text

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
