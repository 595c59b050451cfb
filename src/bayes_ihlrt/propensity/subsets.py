"""Subsets of rows in which balance is looked at, and covariates as the columns that it is told of.

Balance over everybody does not imply balance where the effect is read: a covariate may be out of
balance one way at a low value of the modifier and the other way at a high one.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.errors import DataError, Fault, nearest

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Subsets = Mapping[str, Mask]


def levels_of(name: str, values: NDArray[np.generic]) -> dict[str, Mask]:
    """Return one subset for each level of a column, e.g. each trial or centre.

    Parameters
    ----------
    name : str
        The column's name, for the labels.
    values : ndarray, shape (rows,)
        Numbers or text.

    Returns
    -------
    dict of str to ndarray of bool, shape (rows,)
        By label, in the order of the levels.

    Examples
    --------
    >>> list(levels_of("trial", np.array([0.0, 1.0, 0.0])))
    ['trial 0', 'trial 1']
    """
    levels = sorted(set(values.tolist()))
    return {f"{name} {_word(level)}": np.asarray(values == level) for level in levels}


def intervals_of(
    name: str, values: NDArray[np.generic], *, cuts: Sequence[float] | None = None
) -> dict[str, Mask]:
    """Return one subset for each interval of a number, e.g. thirds of the modifier.

    Parameters
    ----------
    name : str
        The column's name, for the labels.
    values : ndarray, shape (rows,)
        Numbers on the scale of the data.
    cuts : sequence of float, optional
        Where one interval ends and the next begins; a value on a cut belongs to the upper one.
        Thirds of the rows by default.

    Returns
    -------
    dict of str to ndarray of bool, shape (rows,)
        By label, from low to high; intervals without rows are left out.

    Raises
    ------
    DataError
        When cuts do not increase.

    Examples
    --------
    >>> list(intervals_of("nlr", np.array([1.0, 2.0, 3.0, 8.0]), cuts=[2.0, 5.0]))
    ['nlr < 2', 'nlr 2 to 5', 'nlr >= 5']
    """
    numbers = np.asarray(values, dtype=np.float64)
    inner = np.quantile(numbers, (1 / 3, 2 / 3)).tolist() if cuts is None else list(cuts)
    if cuts is not None and any(later <= earlier for earlier, later in pairwise(inner)):
        found = Fault(f"cuts of {name}", f"found {inner}", "List them in increasing order")
        raise DataError("strata", [found])
    inner = list(dict.fromkeys(inner))
    index = np.searchsorted(inner, numbers, side="right")
    middle = [f"{name} {low:.3g} to {high:.3g}" for low, high in pairwise(inner)]
    labels = [f"{name} < {inner[0]:.3g}", *middle, f"{name} >= {inner[-1]:.3g}"]
    subsets = {label: np.asarray(index == number) for number, label in enumerate(labels)}
    return {label: mask for label, mask in subsets.items() if mask.any()}


def covariate_columns(rows: Columns, names: Sequence[str]) -> dict[str, Floats]:
    """Return covariates as numbers: text becomes one 0/1 column for each level.

    Parameters
    ----------
    rows : mapping of str to ndarray, shape (rows,)
        Covariates.
    names : sequence of str
        Those that balance is told of.

    Returns
    -------
    dict of str to ndarray, shape (rows,)
        A column of two levels is told once, by the second.

    Raises
    ------
    DataError
        When a covariate is missing.

    Examples
    --------
    >>> rows = {"albi": np.array([-2.5, -1.9]), "sex": np.array(["f", "m"], dtype=object)}
    >>> {name: values.tolist() for name, values in covariate_columns(rows, ["albi", "sex"]).items()}
    {'albi': [-2.5, -1.9], 'sex: m': [0.0, 1.0]}
    """
    missing = [
        Fault("balance", f"no column '{n}'", nearest(n, rows)) for n in names if n not in rows
    ]
    if missing:
        raise DataError("balance", missing)
    columns: dict[str, Floats] = {}
    for name in names:
        values = rows[name]
        if values.dtype.kind not in "OUS":
            columns[name] = np.asarray(values, dtype=np.float64)
            continue
        levels = sorted(set(values.tolist()))
        for level in levels[1:] if len(levels) == 2 else levels:
            columns[f"{name}: {level}"] = np.asarray(values == level, dtype=np.float64)
    return columns


def _word(level: object) -> str:
    return f"{level:g}" if isinstance(level, (int, float)) else str(level)
