"""How offending cells are told: value and patient, a limited number of them, then a count."""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

LISTED: Final = 10
"""Cells that one fault names before it says "and N more"."""

LISTED_PATIENTS: Final = 20
"""Patients that one fault names where their names are all it has to say."""

_LONGEST: Final = 200
"""Letters of a part of a list."""


def shown(value: float) -> str:
    """Return a number as a person would write it.

    Parameters
    ----------
    value : float
        Any number.

    Returns
    -------
    str
        Up to ten significant digits, no trailing zeros.

    Examples
    --------
    >>> shown(38.0), shown(0.25)
    ('38', '0.25')
    """
    return f"{value:.10g}"


def enumerated(items: Iterable[str], total: int, *, limit: int = LISTED) -> str:
    """Return the items in a row, and how many more there are.

    Parameters
    ----------
    items : iterable of str
        The items to name; at most `limit` of them are.
    total : int
        Number of items there are.
    limit : int
        How many to name.

    Returns
    -------
    str
        For example ``"P1, P2 and 5 more"``.

    Examples
    --------
    >>> enumerated(["P1", "P2"], 7)
    'P1, P2 and 5 more'
    """
    named = [_short(item, _LONGEST) for item, _ in zip(items, range(limit), strict=False)]
    more = total - len(named)
    return ", ".join(named) + (f" and {more:,} more" if more else "")


def patients(labels: NDArray[np.object_], rows: NDArray[np.intp]) -> str:
    """Return the patients to whom the rows belong, each once, in the order of the file.

    Parameters
    ----------
    labels : ndarray of str, shape (rows,)
        Patient of each row of the file.
    rows : ndarray of int
        Offending rows.

    Returns
    -------
    str
        For example ``"patient P1"`` or ``"patients P1, P2"``.

    Examples
    --------
    >>> patients(np.array(["P1", "P1", "P2"], dtype=object), np.array([0, 1, 2]))
    'patients P1, P2'
    """
    who = list(dict.fromkeys(labels[rows].tolist()))
    return (
        f"patient{'s' if len(who) > 1 else ''} {enumerated(who, len(who), limit=LISTED_PATIENTS)}"
    )


def cells(values: Iterable[str], labels: NDArray[np.object_]) -> str:
    """Return values with their patients.

    Parameters
    ----------
    values : iterable of str
        Offending values as they are to be shown; only the first `LISTED` are needed.
    labels : ndarray of str
        Patient of every offending value, in the same order.

    Returns
    -------
    str
        For example ``"-3 (patient P1), 0 (patient P7)"``.

    Examples
    --------
    >>> cells(["-3", "0"], np.array(["P1", "P7"], dtype=object))
    '-3 (patient P1), 0 (patient P7)'
    """
    named = zip(values, labels.tolist(), strict=False)
    told = (
        f"{_short(value, _LONGEST // 2)} (patient {_short(str(label), _LONGEST // 4)})"
        for value, label in named
    )
    return enumerated(told, len(labels))


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def share(count: int, total: int, noun: str) -> str:
    """Return how many of how many.

    Parameters
    ----------
    count, total : int
        The offenders and all there are.
    noun : str
        What is counted, in the singular.

    Returns
    -------
    str
        For example ``"1 of 80 values"``, ``"all 80 values"``, ``"the only value"``.

    Examples
    --------
    >>> share(3, 80, "value"), share(80, 80, "row")
    ('3 of 80 values', 'all 80 rows')
    """
    if count == total:
        return f"the only {noun}" if total == 1 else f"all {total:,} {noun}s"
    return f"{count:,} of {total:,} {noun}s"


def are(count: int) -> str:
    """Return "is" for one and "are" for several.

    Parameters
    ----------
    count : int
        How many there are.

    Returns
    -------
    str
        The verb.

    Examples
    --------
    >>> are(1), are(2)
    ('is', 'are')
    """
    return "is" if count == 1 else "are"


def counted(count: int, one: str, several: str) -> str:
    """Return a count with the words that agree with it.

    Parameters
    ----------
    count : int
        How many there are.
    one, several : str
        Words for one and for several.

    Returns
    -------
    str
        For example ``"1 patient has"`` or ``"2 patients have"``.

    Examples
    --------
    >>> counted(2, "patient has", "patients have")
    '2 patients have'
    """
    return f"{count:,} {one if count == 1 else several}"
