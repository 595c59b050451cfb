"""One calculation for a number, an array or a pandas Series: what it is given and gives back."""

import math
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault

if TYPE_CHECKING:
    import pandas as pd


type FloatArray = NDArray[np.float64]
type TextArray = NDArray[np.object_]
type Series = "pd.Series[Any]"


def is_series(values: object) -> TypeGuard[Series]:
    """Return whether `values` is a pandas Series, without importing pandas.

    Parameters
    ----------
    values : object
        Anything.

    Returns
    -------
    bool
        True for a Series.

    Examples
    --------
    >>> is_series([1.0, 2.0])
    False
    """
    # A Series can only exist where pandas is loaded, and loading it costs more than a check may.
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(values, pandas.Series)


def place(name: str, values: object, index: int) -> str:
    """Return words for the place of one value.

    Parameters
    ----------
    name : str
        Name of the quantity or column.
    values : object
        The container as it was given.
    index : int
        Place in the flattened container.

    Returns
    -------
    str
        ``name`` for a number, ``name[2]`` in an array, ``name, row P07`` in a Series.

    Examples
    --------
    >>> place("albumin", np.array([3.8, 38.0]), 1)
    'albumin[1]'
    """
    if is_series(values):
        return f"{name}, row {values.index[index]}"
    shape = np.shape(cast("Any", values))
    if shape == ():
        return name
    return f"{name}[{', '.join(str(i) for i in np.unravel_index(index, shape))}]"


def items_of(values: object) -> TextArray:
    """Return the values as an object array in which what is missing is None.

    Parameters
    ----------
    values : object
        A scalar, an array or a Series.

    Returns
    -------
    ndarray of object
        Same shape as `values`.

    Examples
    --------
    >>> items_of(np.array([1.5, np.nan])).tolist()
    [1.5, None]
    """
    if is_series(values):
        items = np.array(values.to_numpy(dtype=object), dtype=object)
        items[values.isna().to_numpy()] = None
        return items
    items = np.array(values, dtype=object)
    missing = [isinstance(item, float | np.floating) and math.isnan(item) for item in items.flat]
    items[np.reshape(missing, items.shape)] = None
    return items


def check_alignment(given: Mapping[str, object]) -> list[Fault]:
    """Find inputs of one calculation that are not of the same kind, shape and index as the first.

    Parameters
    ----------
    given : mapping of str to object
        Inputs by name.

    Returns
    -------
    list of Fault
        One for each input that cannot be paired with the first, value by value.

    Examples
    --------
    >>> print(check_alignment({"bilirubin": [0.8, 1.0], "albumin": 4.0})[0])  # doctest: +ELLIPSIS
    albumin: is a number, and bilirubin is an array of 2. Give one value of each for every ...
    """
    (reference, first), *others = given.items()
    faults = []
    for name, values in others:
        if _kind(values) != _kind(first):
            problem = f"is {_kind(values)}, and {reference} is {_kind(first)}"
        elif is_series(values) and is_series(first) and not values.index.equals(first.index):
            problem = f"has another index than {reference}"
        else:
            continue
        remedy = "Give one value of each for every patient, in the same order and container"
        faults.append(Fault(name, problem, remedy))
    return faults


def _kind(values: object) -> str:
    shape = np.shape(cast("Any", values))
    if shape == ():
        return "a number"
    size = " x ".join(str(length) for length in shape)
    return f"a Series of {size}" if is_series(values) else f"an array of {size}"


def put_numbers[V: (float, FloatArray, Series)](like: V, numbers: FloatArray) -> V:
    """Return numbers in the container of an input.

    Parameters
    ----------
    like : float, ndarray or Series
        The input whose container is wanted.
    numbers : ndarray of float
        The result, same shape as `like`.

    Returns
    -------
    float, ndarray or Series
        A Python float for a number; a Series keeps its index.

    Examples
    --------
    >>> put_numbers(1.0, np.array(-2.6))
    -2.6
    """
    return cast("V", _put(like, numbers))


def put_labels(like: object, labels: TextArray) -> object:
    """Return labels in the container of an input; None where missing.

    Parameters
    ----------
    like : object
        The input whose container is wanted.
    labels : ndarray of object
        The result, same shape as `like`.

    Returns
    -------
    str, None, ndarray of object or Series
        A Python str or None for a number; a Series keeps its index.

    Examples
    --------
    >>> put_labels(-2.3, np.array("2a", dtype=object))
    '2a'
    """
    return _put(like, labels)


def _put(like: object, result: NDArray[Any]) -> object:
    if is_series(like):
        # dtype is stated because pandas would turn None among texts into NaN.
        return type(like)(result, index=like.index, dtype=result.dtype)
    return result.item() if result.ndim == 0 else result


def label_intervals(
    values: FloatArray, upper: tuple[float, ...], labels: tuple[str, ...]
) -> TextArray:
    """Label values by intervals that are closed on the right; NaN becomes None.

    Parameters
    ----------
    values : ndarray of float
        Values to label.
    upper : tuple of float
        Increasing upper limits of every interval but the last.
    labels : tuple of str
        One label for each interval, one more than there are limits.

    Returns
    -------
    ndarray of object
        Same shape as `values`.

    Examples
    --------
    >>> label_intervals(np.array([1.0, 1.1, np.nan]), (1.0,), ("low", "high")).tolist()
    ['low', 'high', None]
    """
    names = np.array([*labels, None], dtype=object)
    interval = np.searchsorted(upper, values, side="left")
    return np.asarray(names[np.where(np.isnan(values), len(labels), interval)], dtype=object)
