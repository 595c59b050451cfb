"""Fingerprints: whether two results were computed from the same values, on every platform."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.data.cells import sorting_rows
from bayes_ihlrt.data.identifiers import canonical_labels
from bayes_ihlrt.data.visits import Visits


def digest(
    columns: Mapping[str, NDArray[Any]], *, names: Iterable[str], also: Iterable[str] = ()
) -> str:
    """Return the SHA-256 of columns, whatever the order of rows and columns.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        With ``patient`` and ``start``, by which rows are sorted.
    names : iterable of str
        Columns that count.
    also : iterable of str
        Further text that counts, in this order.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    order = sorting_rows(columns["patient"], columns["start"])
    found = hashlib.sha256()
    for name in sorted(names):
        values = columns[name][order]
        found.update(f"{name}\0{len(values)}\0".encode())
        if values.dtype == object:
            found.update("\0".join(values.tolist()).encode())
        else:
            # Adding 0.0 makes -0.0 and 0.0, which are the same time, the same bytes.
            found.update((values + 0.0).astype("<f8").tobytes())
    for text in also:
        found.update(text.encode())
    return found.hexdigest()


def follow_up_fingerprint(columns: Mapping[str, NDArray[np.generic]]) -> str:
    """Return the SHA-256 of who was followed, for how long, and with what event.

    Analyses of one cohort that read different covariates have different fingerprints and the same
    one here. Rows that do not begin or end follow-up do not count, nor does what patients are
    called.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        Of a cohort: ``patient``, ``start``, ``stop`` (months), ``event``.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    order = sorting_rows(columns["patient"], columns["start"])
    patient = columns["patient"][order]
    first = np.append(True, patient[1:] != patient[:-1])
    last = np.append(first[1:], True)
    whole: dict[str, NDArray[Any]] = {
        "patient": patient[first].astype(object),
        "start": columns["start"][order][first],
        "stop": columns["stop"][order][last],
        "event": columns["event"][order][last],
    }
    (labels,) = canonical_labels(whole)
    return digest({**whole, "patient": labels}, names=whole)


def cohort_fingerprint(columns: Mapping[str, NDArray[Any]], visits: Visits | None) -> str:
    """Return the SHA-256 of all that is known of the patients of a cohort.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        Of a cohort.
    visits : Visits or None
        Its visits.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    if visits is None:
        (labels,) = canonical_labels(columns)
        return digest({**columns, "patient": labels}, names=columns)
    labels, seen = canonical_labels(columns, visits.columns)
    also = visits.relabelled(seen).fingerprint
    return digest({**columns, "patient": labels}, names=columns, also=(also,))
