"""When each patient's treatment and follow-up start and end, from a cohort's columns.

Here alone it is settled what comes first where treatment starts exactly at the end of follow-up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.files.cells import number_labels
from bayes_ihlrt.names import DAYS_PER_MONTH, TimeUnit
from bayes_ihlrt.spec.treatment import TreatmentSpec

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


def first_treated(
    columns: Mapping[str, NDArray[Any]], treatment: TreatmentSpec | None
) -> float | None:
    """Return the earliest month at which a patient under observation was treated.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        Columns of a `Cohort`.
    treatment : TreatmentSpec or None
        The treatment.

    Returns
    -------
    float or None
        Months: of who enters treated, the entry; None where nobody was treated.

    Examples
    --------
    >>> columns = {"patient": np.array(["a", "b"]), "start": np.zeros(2),
    ...            "stop": np.array([9.0, 4.0]), "treatment_start": np.array([2.0, np.inf])}
    >>> first_treated(columns, TreatmentSpec(name="ihlrt", start="ihlrt_months"))
    2.0
    """
    known = follow_up(columns, None if treatment is None else treatment.name)
    treated = known.treated_from < known.end - SAME_TIME
    if not treated.any():
        return None
    return float(np.maximum(known.treated_from, known.entry)[treated].min())


_STEPS: Final = (1.0, 0.1, 0.01, 0.001)


def resolution(times: Floats, unit: TimeUnit) -> float:
    """Return the step in which times are recorded.

    Parameters
    ----------
    times : ndarray
        In the unit of the file; what is not finite is passed over.
    unit : TimeUnit
        That unit.

    Returns
    -------
    float
        In that unit: the largest of 1, 0.1, 0.01 and 0.001 of which every time is a multiple, and
        no less than a day unless the unit is days.

    Examples
    --------
    >>> resolution(np.array([3.0, 12.0]), TimeUnit.MONTHS)
    1.0
    >>> round(resolution(np.array([3.29, 12.45]), TimeUnit.MONTHS) * 30.4375, 6)
    1.0
    """
    known = times[np.isfinite(times)]
    least = 0.0 if unit is TimeUnit.DAYS else 1.0 / DAYS_PER_MONTH / unit.months
    for step in _STEPS:
        places = known / step
        if np.all(np.abs(places - np.round(places)) < 1e-4):
            return max(step, least)
    return max(_STEPS[-1], least)


@dataclass(frozen=True)
class SettledTies:
    """A cohort's columns in which no treatment starts exactly at the end of follow-up.

    Parameters
    ----------
    columns : dict of str to ndarray, shape (rows,)
        Columns of a `Cohort`.
    ties : dict of str to float
        Month in which the treatment of these patients starts as it was given, by patient.
    moved : dict of str to float
        Month to which it was moved; empty where the end of follow-up comes first.
    """

    columns: dict[str, NDArray[Any]]
    ties: dict[str, float]
    moved: dict[str, float]


def settle_ties(
    columns: Mapping[str, NDArray[Any]], treatment: TreatmentSpec | None, unit: TimeUnit
) -> SettledTies:
    """Settle what comes first where treatment starts exactly at the end of follow-up.

    Where treatment comes first, its start is moved to half a step of the recorded times earlier
    (`resolution`), so that what ends follow-up counts as treated. Otherwise the patient counts as
    never treated. In rows with a 0/1 column the tie is a last row of no length.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        Columns of a `Cohort`, months, sorted by patient and time.
    treatment : TreatmentSpec or None
        The treatment, which says what comes first.
    unit : TimeUnit
        Unit of the data file.

    Returns
    -------
    SettledTies
        The columns, and whose treatment it was.

    References
    ----------
    Crowley J, Hu M. J Am Stat Assoc 1977;72:27-36, doi 10.1080/01621459.1977.10479903 (a patient
    who died on the day of transplantation counts as transplanted half a day before).

    Examples
    --------
    >>> given = {"patient": np.array(["a"], dtype=object), "start": np.zeros(1),
    ...          "stop": np.array([3.0]), "event": np.ones(1), "treatment_start": np.array([3.0])}
    >>> settle_ties(given, TreatmentSpec(name="ihlrt", start="t"), TimeUnit.MONTHS).moved
    {'a': 2.5}
    """
    if treatment is None:
        return SettledTies(dict(columns), {}, {})
    known = follow_up(columns, treatment.name)
    tied = np.abs(known.treated_from - known.end) <= SAME_TIME
    if not tied.any():
        return SettledTies(dict(columns), {}, {})
    start, stop = columns["start"].astype(np.float64), columns["stop"].astype(np.float64)
    length = stop - start > SAME_TIME
    last = np.full(len(tied), -np.inf)
    np.maximum.at(last, known.row_patient[length], start[length])
    times = np.concatenate([start, stop, known.treated_from])
    half = resolution(times / unit.months, unit) * unit.months / 2.0
    # A start stays within the patient's last row, however short that is.
    earlier = np.maximum(known.end - half, (last + known.end) / 2.0)
    to = np.where(tied, earlier if treatment.treats_ties else known.end, known.treated_from)
    whose = [str(known.patients[who]) for who in np.flatnonzero(tied)]
    ties = dict(zip(whose, known.end[tied].tolist(), strict=True))
    moved = dict(zip(whose, to[tied].tolist(), strict=True)) if treatment.treats_ties else {}
    if "treatment_start" in columns:
        settled = {**columns, "treatment_start": to[known.row_patient]}
    else:
        settled = _in_rows(columns, length, to[known.row_patient], treats=treatment.treats_ties)
    return SettledTies(settled, ties, moved)


def _in_rows(
    columns: Mapping[str, NDArray[Any]], length: NDArray[np.bool_], to: Floats, *, treats: bool
) -> dict[str, NDArray[Any]]:
    """Give rows of no length the end of the row before, or take them out."""
    point = np.flatnonzero(~length)
    settled = {name: values.copy() for name, values in columns.items()}
    if treats:
        settled["stop"][point - 1] = to[point]
        settled["start"][point] = to[point]
        return settled
    settled["event"][point - 1] = settled["event"][point]
    return {name: values[length] for name, values in settled.items()}


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
