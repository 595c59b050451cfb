"""Patients by number: no identifier leaves the cohort unless the user keeps it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.files.cells import read_labels
from bayes_ihlrt.files.table import Table

type Labels = NDArray[np.object_]


def number_patients(table: Table, column: str) -> dict[str, str]:
    """Number the patients of a file, in the order in which they first appear.

    Parameters
    ----------
    table : Table
        Columns as they were given.
    column : str
        The patient's column.

    Returns
    -------
    dict of str to str
        ``"1"``, ``"2"``, ... by identifier; patients who are left out later have one as well.

    Examples
    --------
    >>> number_patients(Table("t", ("id",), {"id": ["b", "a", "b", None]}, 4), "id")
    {'b': '1', 'a': '2'}
    """
    if column not in table.columns:
        return {}
    seen = dict.fromkeys(read_labels(table.columns[column]).tolist())
    seen.pop(None, None)
    return {label: str(number) for number, label in enumerate(seen, start=1)}


def patient_labels(table: Table, column: str) -> Labels:
    """Return what the patient of each row is called: the identifier, or the number given for it.

    Parameters
    ----------
    table : Table
        Columns as they were given, and `numbers` where identifiers are not to be told.
    column : str
        The patient's column.

    Returns
    -------
    ndarray of str, shape (rows,)
        None where missing; ``of row 5`` for a patient who has no number.

    Examples
    --------
    >>> table = Table("t", ("id",), {"id": ["b", "a", None]}, 3, {"b": "1"})
    >>> patient_labels(table, "id").tolist()
    ['1', 'of row 2', None]
    """
    labels = read_labels(table.columns[column])
    if table.numbers is None:
        return labels
    return renamed(labels, table.numbers)


def renamed(labels: Labels, numbers: Mapping[str, str]) -> Labels:
    """Return the numbers of patients in place of their identifiers.

    Parameters
    ----------
    labels : ndarray of str, shape (rows,)
        Identifiers; None where missing.
    numbers : mapping of str to str
        Numbers by identifier.

    Returns
    -------
    ndarray of str, shape (rows,)
        None where missing; ``of row 5`` for a patient who has no number.

    Examples
    --------
    >>> renamed(np.array(["b", "b"], dtype=object), {"b": "7"}).tolist()
    ['7', '7']
    """
    told = (
        None if label is None else numbers.get(label, f"of row {row}")
        for row, label in enumerate(labels.tolist(), start=1)
    )
    return np.array(list(told), dtype=object)


def canonical_labels(*tables: Mapping[str, NDArray[Any]]) -> tuple[Labels, ...]:
    """Return labels that depend on what is known of each patient and on nothing else.

    Cohorts with the same values have the same labels whatever their patients are called and in
    which order they come; patients of whom the same is known are interchangeable.

    Parameters
    ----------
    *tables : mapping of str to ndarray, shape (rows,)
        Columns with ``patient`` and a time, ``start`` or ``time``, by which rows are sorted.

    Returns
    -------
    tuple of ndarray of str, shape (rows,)
        Labels of the rows of each table: ``"1"``, ``"2"``, ... in the order of the values.

    Examples
    --------
    >>> rows = {"patient": np.array(["b", "a"], dtype=object), "start": np.array([4.0, 2.0])}
    >>> canonical_labels(rows)[0].tolist()
    ['2', '1']
    """
    labels = tables[0]["patient"]
    if len(tables) == 1 and len(set(labels.tolist())) == len(labels):
        # One row a patient, of whom there may be a million: the order of rows is that of patients.
        columns = tables[0]
        rank = _row_ranks([columns[name] for name in sorted(columns.keys() - {"patient"})])
        return ((np.argsort(np.argsort(rank, kind="stable")) + 1).astype(str).astype(object),)
    histories: dict[str, list[tuple[int, ...]]] = {}
    for place, columns in enumerate(tables):
        names = sorted(columns.keys() - {"patient"})
        time = next(columns[name] for name in ("start", "time") if name in columns)
        rank = _row_ranks([columns[name] for name in names])
        order = np.lexsort((rank, time))
        for label, number in zip(
            columns["patient"][order].tolist(), rank[order].tolist(), strict=True
        ):
            histories.setdefault(label, [() for _ in tables])[place] += (number,)
    ordered = sorted(histories, key=histories.__getitem__)
    numbers = {label: str(number) for number, label in enumerate(ordered, start=1)}
    return tuple(renamed(columns["patient"], numbers) for columns in tables)


def _row_ranks(columns: list[NDArray[Any]]) -> NDArray[np.intp]:
    """Return a number for each row that equal rows share, in the order of their values."""
    codes = [_codes(values) for values in columns]
    order = np.lexsort(codes[::-1])
    sorted_codes = np.stack(codes)[:, order]
    new = np.append(True, (np.diff(sorted_codes, axis=1) != 0).any(axis=0))
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.cumsum(new)
    return rank


def _codes(values: NDArray[Any]) -> NDArray[np.intp]:
    if values.dtype == object:
        place = {text: code for code, text in enumerate(sorted(set(values.tolist())))}
        return np.fromiter((place[text] for text in values.tolist()), np.intp, len(values))
    return np.unique(values, return_inverse=True)[1]
