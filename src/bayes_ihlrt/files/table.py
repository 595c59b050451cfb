"""A data file or data frame before it is understood: names and columns, as they were given."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bayes_ihlrt.errors import DataError, Fault, nearest
from bayes_ihlrt.files.cells import Cells, plain_array

if TYPE_CHECKING:
    from typing import Protocol

    import pandas as pd
    from numpy.typing import ArrayLike

    class ArrowStream(Protocol):
        """A table that Arrow can take over, such as a data frame of polars."""

        def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

    type Frame = pd.DataFrame | ArrowStream | pa.Table | Mapping[str, ArrayLike]


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
        How the file was read and its cells understood, where that was not plain.
    date_order : str or None
        Order of day and month, where the file's dates tell it.
    """

    subject: str
    names: tuple[str, ...]
    columns: Mapping[str, Any]
    n_rows: int
    numbers: Mapping[str, str] | None = None
    notes: tuple[str, ...] = ()
    date_order: str | None = None


def read_frame(frame: "Frame", *, wanted: Collection[str], subject: str) -> Table:
    """Take some columns of a data frame or of a mapping of arrays.

    Parameters
    ----------
    frame : DataFrame of pandas or polars, pyarrow.Table, or mapping of str to array-like
        Columns of one length. Any table that Arrow can take over is taken like one of polars.
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
        There are no rows, it is no table, or columns are not of one length and one dimension.

    Examples
    --------
    >>> read_frame({"id": [1, 2], "os": [3.0, 4.0]}, wanted=["os"], subject="frame").columns
    {'os': [3.0, 4.0]}
    """
    names, columns = _named(frame, subject)
    columns = {name: values for name, values in columns.items() if name in wanted}
    shapes = {name: np.shape(values) for name, values in columns.items()}
    flat = {name: shape[0] for name, shape in shapes.items() if len(shape) == 1}
    if len(flat) < len(shapes) or len(set(flat.values())) > 1:
        raise DataError(subject, [_uneven(shapes)])
    check_readable(columns, subject)
    return with_rows(Table(subject, names, columns, next(iter(flat.values()), 0)))


def check_readable(columns: Mapping[str, Any], subject: str) -> None:
    """Raise where cells are no numbers, words or dates.

    Parameters
    ----------
    columns : mapping of str to array-like
        Columns by name.
    subject : str
        What to call the data in messages.

    Raises
    ------
    DataError
        With every such column.
    """
    nested = [name for name, values in columns.items() if not _readable(values)]
    if nested:
        problem = "its cells hold lists, records, intervals or bytes"
        remedy = "Give one number, word or date a cell"
        raise DataError(subject, [Fault(f"column {name}", problem, remedy) for name in nested])


def _readable(values: Any) -> bool:
    """Whether cells are numbers, words or dates; of plain Python objects Arrow tells it."""
    kind = getattr(values, "type", None)
    if kind is None and getattr(getattr(values, "dtype", None), "kind", "O") != "O":
        return True
    try:
        kind = pa.array(values, from_pandas=True).type if kind is None else kind
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # Mixed objects become text, cell by cell.
        return True
    except (pa.ArrowNotImplementedError, TypeError):
        return False
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    binary |= pa.types.is_fixed_size_binary(kind)
    return not (binary or pa.types.is_nested(kind) or pa.types.is_duration(kind))


def _named(frame: Any, subject: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the names of all columns, and those whose name occurs once."""
    if isinstance(frame, Mapping):
        return tuple(map(str, frame)), {str(name): values for name, values in frame.items()}
    if not isinstance(frame, pa.Table) and not hasattr(frame, "iloc"):
        if not hasattr(frame, "__arrow_c_stream__"):
            raise DataError(subject, [_no_frame(frame)])
        frame = pa.table(frame)
    arrow = isinstance(frame, pa.Table)
    names = tuple(map(str, frame.column_names if arrow else frame.columns))
    once = [i for i, name in enumerate(names) if names.count(name) == 1]
    if arrow:
        return names, {names[i]: plain_array(frame.column(i)) for i in once}
    return names, {names[i]: frame.iloc[:, i] for i in once}


def with_rows(table: Table) -> Table:
    """Return a table that has rows.

    Parameters
    ----------
    table : Table
        The table.

    Returns
    -------
    Table
        The same.

    Raises
    ------
    DataError
        There are columns that were asked for and no rows.
    """
    # Where no column is the one asked for, the names are at fault and not the rows.
    if table.columns and table.n_rows == 0:
        raise DataError(table.subject, [_no_rows()])
    return table


def kept_rows(table: Table, keep: NDArray[np.bool_]) -> Table:
    """Return some rows of a table.

    Parameters
    ----------
    table : Table
        The table.
    keep : ndarray of bool, shape (rows,)
        Which rows.

    Returns
    -------
    Table
        These rows, in their order.

    Examples
    --------
    >>> kept_rows(Table("t", ("id",), {"id": ["a", "b"]}, 2), np.array([False, True])).n_rows
    1
    """
    columns = {name: _rows(values, keep) for name, values in table.columns.items()}
    return replace(table, columns=columns, n_rows=int(keep.sum()))


def _rows(values: object, keep: NDArray[np.bool_]) -> Any:
    if isinstance(values, Cells):
        return values.rows(keep)
    if isinstance(values, pa.Array | pa.ChunkedArray):
        # Not by `pyarrow.array`, which imports pandas.
        bits = pa.py_buffer(np.packbits(keep, bitorder="little"))
        return values.filter(pa.Array.from_buffers(pa.bool_(), len(keep), [None, bits]))
    return np.asarray(values, dtype=object)[keep]


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


def _no_frame(frame: object) -> Fault:
    lazy = " (collect it first)" if hasattr(frame, "collect") else ""
    return Fault(
        "the data",
        f"they are a {type(frame).__name__}{lazy}",
        "Give a data frame of pandas or polars, a pyarrow.Table, or a mapping of columns",
    )


def _no_rows() -> Fault:
    return Fault(
        "the data",
        "there are column names and no rows",
        "Give one row a patient, or several rows a patient with `start` and `stop`",
    )


def _uneven(shapes: Mapping[str, tuple[int, ...]]) -> Fault:
    sizes = {name: " x ".join(map(str, shape)) or "1" for name, shape in shapes.items()}
    found = ", ".join(f"{name} ({size} values)" for name, size in sizes.items())
    problem = f"they are not all of one length: {found}"
    return Fault("the columns", problem, "Give every column one value a row")
