"""Numbers, words and yes/no entries of a container, with a fault for each that cannot be read."""

from enum import StrEnum
from numbers import Real

import numpy as np

from bayes_ihlrt.clinical.containers import FloatArray, TextArray, items_of, place
from bayes_ihlrt.errors import Fault, nearest


def read_numbers(name: str, values: object) -> tuple[FloatArray, list[Fault]]:
    """Read a container of numbers; missing becomes NaN, and so does what is at fault.

    Parameters
    ----------
    name : str
        Name used in faults.
    values : object
        A number, an array or a Series.

    Returns
    -------
    numbers : ndarray of float
        Same shape as `values`.
    faults : list of Fault
        One for each entry that is not a number.

    Examples
    --------
    >>> numbers, faults = read_numbers("albumin", ["3,8", None, 4.1])
    >>> numbers.tolist(), str(faults[0])
    ([nan, nan, 4.1], "albumin[0]: found '3,8', not a number. Give a number, or leave it empty.")
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiu":
        return values.astype(np.float64), []
    items = items_of(values)
    faults = []
    numbers = np.full(items.shape, np.nan)
    for index, item in enumerate(items.flat):
        if item is None:
            continue
        if isinstance(item, bool) or not isinstance(item, Real):
            remedy = "Give a number, or leave it empty"
            faults.append(
                Fault(place(name, values, index), f"found {item!r}, not a number", remedy)
            )
        else:
            numbers.flat[index] = float(item)
    return numbers, faults


def read_words(
    name: str, values: object, *, allowed: type[StrEnum]
) -> tuple[TextArray, list[Fault]]:
    """Read a container of words from a closed set; missing becomes None.

    Parameters
    ----------
    name : str
        Name used in faults.
    values : object
        A word, an array or a Series of words.
    allowed : type of StrEnum
        The closed set.

    Returns
    -------
    words : ndarray of object
        Same shape as `values`.
    faults : list of Fault
        One for each entry outside the set.
    """
    items = items_of(values)
    faults = [
        Fault(
            place(name, values, index),
            f"found {item!r}, which is not one of its words",
            nearest(str(item), allowed),
        )
        for index, item in enumerate(items.flat)
        if item is not None and item not in list(allowed)
    ]
    return items, faults


def read_flags(name: str, values: object) -> tuple[FloatArray, list[Fault]]:
    """Read a container of yes and no as 1 and 0; missing becomes NaN.

    Parameters
    ----------
    name : str
        Name used in faults.
    values : object
        A bool, an array or a Series of bools (or of 0 and 1).

    Returns
    -------
    flags : ndarray of float
        Same shape as `values`.
    faults : list of Fault
        One for each entry that is neither.

    Examples
    --------
    >>> read_flags("new_lesion", [True, False, None])[0].tolist()
    [1.0, 0.0, nan]
    """
    items = items_of(values)
    flags = np.full(items.shape, np.nan)
    faults = []
    for index, item in enumerate(items.flat):
        if item in (True, False):
            flags.flat[index] = float(item)
        elif item is not None:
            problem = f"found {item!r}, neither yes nor no"
            remedy = "Give true or false (1 or 0), or leave it empty"
            faults.append(Fault(place(name, values, index), problem, remedy))
    return flags, faults
