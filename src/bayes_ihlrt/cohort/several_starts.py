"""Several treatments of a patient: the first is the start, whichever way they are written.

They come in one cell with bars between (``281|400|434``), in several columns, or in several rows
(which `exports` puts into one cell). Values are converted first, one array a treatment, and then
`first_start` takes the smallest.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bayes_ihlrt.files.cells import Cells
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.files.table import Table
from bayes_ihlrt.spec.treatment import TreatmentSpec

BAR: Final = "|"


def separate_starts(values: Any) -> list[Any]:
    """Return a column of times as one column a treatment.

    Parameters
    ----------
    values : array-like or pyarrow array, shape (rows,)
        Cells with one time, none, or several with bars between.

    Returns
    -------
    list of array-like, shape (rows,)
        The column itself where no cell has a bar; else the first of each row, the second and so on,
        as text, None where a row has fewer.

    Examples
    --------
    >>> [part.tolist() for part in separate_starts(["281|400", "75", None])]
    [['281', '75', None], ['400', None, None]]
    """
    if not _with_bars(values):
        return [values]
    split = [cell.split(BAR) if isinstance(cell, str) else [cell] for cell in _cells(values)]
    return [
        np.array([parts[i] if i < len(parts) else None for parts in split], dtype=object)
        for i in range(max(map(len, split)))
    ]


def first_start(starts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return when each row's first treatment began.

    Parameters
    ----------
    starts : sequence of ndarray of float, shape (rows,)
        Times of each treatment, converted; infinite where there was none, NaN where at fault.

    Returns
    -------
    ndarray of float, shape (rows,)
        The smallest; NaN where any is NaN, infinite where there was none at all.

    Examples
    --------
    >>> first_start([np.array([5.0, np.inf]), np.array([3.0, np.inf])]).tolist()
    [3.0, inf]
    """
    return np.asarray(np.minimum.reduce(list(starts)), dtype=np.float64)


def start_notes(table: Table, treatment: TreatmentSpec | None) -> tuple[str, ...]:
    """Return that the first of several treatments counts, where there are several.

    Parameters
    ----------
    table : Table
        The data.
    treatment : TreatmentSpec or None
        The treatment.

    Returns
    -------
    tuple of str
        One sentence for the columns, one for cells with several times.

    Examples
    --------
    >>> table = Table("t", ("tace",), {"tace": ["281|400", None]}, 2)
    >>> start_notes(table, TreatmentSpec(name="tace", start="tace"))
    ('column tace: 1 cell holds several times; the smallest is the start of treatment.',)
    """
    if treatment is None:
        return ()
    notes = []
    if len(treatment.starts) > 1:
        columns = ", ".join(treatment.starts)
        notes.append(f"Treatment starts at the smallest time of the columns {columns}.")
    for column in treatment.starts:
        if column in table.columns and (count := len(_with_bars(table.columns[column]))):
            cells = counted(count, "cell holds", "cells hold")
            told = (
                f"column {column}: {cells} several times; the smallest is the start of treatment."
            )
            notes.append(told)
    return tuple(notes)


def _cells(values: Any) -> list[Any]:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return list(values.to_pylist())
    return list(np.asarray(values, dtype=object).tolist())


def _with_bars(values: Any) -> list[str]:
    if isinstance(values, Cells):
        values = values.text
    if isinstance(values, pa.Array | pa.ChunkedArray) and not _text(values.type):
        return []
    return [cell for cell in _cells(values) if isinstance(cell, str) and BAR in cell]


def _text(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind)) or str(kind) == (
        "string_view"
    )
