"""When each patient's treatment and follow-up start and end, from a cohort's columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.cells import number_labels

type Floats = NDArray[np.float64]

SAME_TIME = 1e-9
"""Months within which two times are the same: 30 x (1 / 30.4375) is not quite 30 / 30.4375."""


@dataclass(frozen=True)
class FollowUp:
    """Follow-up of each patient.

    Parameters
    ----------
    row_patient : ndarray of int, shape (rows,)
        Number of each row's patient, by first appearance.
    patients : ndarray of str, shape (patients,)
        Identifiers.
    entry, end : ndarray of float, shape (patients,)
        First start and last stop, months.
    treated_from : ndarray of float, shape (patients,)
        First time under treatment, months; infinite for never, and without a treatment.
    """

    row_patient: NDArray[np.intp]
    patients: NDArray[np.object_]
    entry: Floats
    end: Floats
    treated_from: Floats


def follow_up(columns: Mapping[str, NDArray[Any]], treatment: str | None = None) -> FollowUp:
    """Return the follow-up of each patient of a cohort.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        Columns of a `Cohort`.
    treatment : str, optional
        Name of the treatment; its start is read from ``treatment_start``, or else from the first
        row in which its own column is 1.

    Returns
    -------
    FollowUp
        Patients in the order of the cohort.

    Examples
    --------
    >>> found = follow_up(
    ...     {"patient": np.array(["a", "a", "b"], dtype=object), "start": np.array([0.0, 2.0, 0.0]),
    ...      "stop": np.array([2.0, 5.0, 4.0]), "ihlrt": np.array([0.0, 1.0, 0.0])}, "ihlrt")
    >>> found.treated_from.tolist(), found.end.tolist()
    ([2.0, inf], [5.0, 4.0])
    """
    code = number_labels(columns["patient"])
    _, first = np.unique(code, return_index=True)
    n = len(first)
    entry, end, treated = np.full(n, np.inf), np.full(n, -np.inf), np.full(n, np.inf)
    start = columns["start"].astype(np.float64)
    np.minimum.at(entry, code, start)
    np.maximum.at(end, code, columns["stop"].astype(np.float64))
    if "treatment_start" in columns:
        treated = columns["treatment_start"][first].astype(np.float64)
    elif treatment is not None:
        given = columns[treatment].astype(np.float64) == 1.0
        np.minimum.at(treated, code[given], start[given])
    return FollowUp(code, columns["patient"][first].astype(object), entry, end, treated)


def by_patient_and_time(patient: NDArray[np.intp], time: Floats) -> NDArray[np.complex128]:
    """Return keys that sort by patient, then by time.

    NumPy compares complex numbers by their real part first, so that one `searchsorted` finds the
    last value by a time for every patient at once, without rounding either number.

    Parameters
    ----------
    patient : ndarray of int
        Patient numbers.
    time : ndarray of float
        Months.

    Returns
    -------
    ndarray of complex
        For `numpy.searchsorted`.

    Examples
    --------
    >>> keys = by_patient_and_time(np.array([0, 0, 1]), np.array([0.0, 3.0, 0.0]))
    >>> int(np.searchsorted(keys, by_patient_and_time(np.array([0]), np.array([2.0]))[0]))
    1
    """
    keys = np.empty(np.broadcast_shapes(np.shape(patient), np.shape(time)), dtype=np.complex128)
    keys.real, keys.imag = patient, time
    return keys
