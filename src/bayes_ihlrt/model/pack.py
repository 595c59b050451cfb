"""Pack a graph's data into few arrays: compile time grows with their number, not their size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pymc as pm
from numpy.typing import NDArray
from pytensor.tensor import TensorVariable

ROWS: Final = "rows"
ROW_INDEX: Final = "row_index"
CENTRE_POINTS: Final = "centre_points"
_UNPACKED: Final = frozenset({"weight", "exit_time"})
_POINTS: Final = frozenset(
    {"design_centre", "design_reference", "interval_share", "time_centre", "trend_places"}
)
_GROUP_POINTS: Final = ("_estimate", "_information")

Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Slot:
    """Where one array lies inside a packed one.

    Parameters
    ----------
    array : str
        Name of the packed array.
    first, last : int
        Its positions along the first axis, the last one excluded.
    ndim : int
        Dimensions of the original array: 2 for (rows, fields), 1 for (rows,) or a point.
    """

    array: str
    first: int
    last: int
    ndim: int


def pack(arrays: Arrays) -> tuple[dict[str, NDArray[np.generic]], dict[str, Slot]]:
    """Put row-wise numbers, row-wise indices and centre points into one array each.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        From `graph_arrays`.

    Returns
    -------
    packed : dict of str to ndarray
        ``rows`` of shape (fields, rows), ``row_index`` of shape (indices, rows),
        ``centre_points``, ``weight`` and ``exit_time``.
    slots : dict of str to Slot
        Where each array went.
    """
    parts: dict[str, list[NDArray[np.generic]]] = {ROWS: [], ROW_INDEX: [], CENTRE_POINTS: []}
    slots: dict[str, Slot] = {}
    for name, values in arrays.items():
        if name in _UNPACKED:
            continue
        target = _target(name, values)
        part = values if target == CENTRE_POINTS else np.atleast_2d(values.T)
        first = sum(len(earlier) for earlier in parts[target])
        slots[name] = Slot(target, first, first + len(part), values.ndim)
        parts[target].append(part)
    packed = {target: np.ascontiguousarray(np.concatenate(p)) for target, p in parts.items()}
    return packed | {name: arrays[name] for name in _UNPACKED}, slots


def unpack(slots: Mapping[str, Slot]) -> dict[str, TensorVariable]:
    """Return the graph's arrays as views of the packed data of the model on the stack.

    Parameters
    ----------
    slots : mapping of str to Slot
        From `pack`.

    Returns
    -------
    dict of str to TensorVariable
        By the names that `graph_arrays` gave.
    """
    model = pm.modelcontext(None)
    views = {name: model[name] for name in _UNPACKED}
    for name, slot in slots.items():
        whole = model[slot.array]
        if slot.array == CENTRE_POINTS:
            views[name] = whole[slot.first : slot.last]
        else:
            views[name] = whole[slot.first] if slot.ndim == 1 else whole[slot.first : slot.last].T
    return views


def _target(name: str, values: NDArray[np.generic]) -> str:
    if name in _POINTS or name.endswith(_GROUP_POINTS):
        return CENTRE_POINTS
    return ROW_INDEX if np.issubdtype(values.dtype, np.integer) else ROWS
