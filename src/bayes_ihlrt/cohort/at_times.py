"""Covariates of patients at a time: the last value known by then, and how old it is."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import SAME_TIME, Floats, by_patient_and_time, follow_up
from bayes_ihlrt.names import CAUSE

_NO_COVARIATE: Final = frozenset({"patient", "start", "stop", "event", "treatment_start", CAUSE})


def covariate_names(cohort: Cohort, *, without: Collection[str] = ()) -> tuple[str, ...]:
    """Return the covariates that a cohort and its visits hold.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    without : collection of str
        Columns to leave out, such as the treatment.

    Returns
    -------
    tuple of str
        ``centre`` among them; without times of switching.
    """
    visits = cohort.visits
    out = _NO_COVARIATE | set(without)
    if visits is not None:
        out |= set(visits.switches.values()) - set(visits.updated)
    names = [name for name in cohort.columns if name not in out]
    return tuple(dict.fromkeys([*names, *(visits.updated if visits is not None else ())]))


def visits_of(cohort: Cohort) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the visits of a cohort's patients in the order of the cohort.

    Parameters
    ----------
    cohort : Cohort
        A cohort, perhaps a part of the one whose visits it carries, or in another order.

    Returns
    -------
    row : ndarray of int, shape (visits,)
        Rows of the table of visits, sorted by patient and time.
    patient : ndarray of int, shape (visits,)
        Number of each one's patient, by first appearance in the cohort.
    """
    if cohort.visits is None:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    patients = follow_up(cohort.columns).patients.tolist()
    number = {who: index for index, who in enumerate(patients)}
    labels = cohort.visits.columns["patient"].tolist()
    who = np.array([number.get(label, -1) for label in labels], dtype=np.intp)
    order = np.lexsort((cohort.visits.columns["time"], who))
    row = order[who[order] >= 0]
    return row, who[row]


def covariates_at(
    cohort: Cohort,
    patient: NDArray[np.intp],
    time: Floats,
    *,
    names: Sequence[str] | None = None,
) -> dict[str, NDArray[Any]]:
    """Return covariates of patients as they were known at a time.

    A covariate measured at visits has the value of the last visit by that time (a visit at the
    time itself counts) at which it was measured, and in ``<name>_age`` the months since; before
    the first, that of the column of the same name in the data file, measured at time zero. A
    covariate that switches is 1 from its time on. Any other has the value of the patient's row at
    that time. Nothing later than the time is read.

    Parameters
    ----------
    cohort : Cohort
        The cohort, perhaps with visits.
    patient : ndarray of int, shape (n,)
        Numbers of patients, by first appearance in the cohort.
    time : ndarray of float, shape (n,)
        Months.
    names : sequence of str, optional
        Covariates; all of them if left out.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        Values, NaN where none was known by then, and ages in months.

    Examples
    --------
    >>> from bayes_ihlrt.spec.data import DataSpec
    >>> from bayes_ihlrt.spec.treatment import VisitsSpec
    >>> cohort = Cohort.from_frame(
    ...     {"id": ["a", "b"], "os": [9.0, 4.0], "death": [1, 0], "nlr": [2.5, 3.0]},
    ...     DataSpec(patient="id", time="os", event="death"), covariates=["nlr"],
    ...     visits=VisitsSpec(time="month", covariates=["nlr"]),
    ...     visit_rows={"id": ["a"], "month": [3.0], "nlr": [4.0]})
    >>> found = covariates_at(cohort, np.zeros(2, dtype=int), np.array([2.0, 5.0]))
    >>> found["nlr"].tolist(), found["nlr_age"].tolist()
    ([2.5, 4.0], [2.0, 2.0])
    """
    visits, columns = cohort.visits, cohort.columns
    code = follow_up(columns).row_patient
    row = _last_by(code, columns["start"], patient, time)
    first = np.searchsorted(code, patient)
    row = np.maximum(row, first)
    found: dict[str, NDArray[Any]] = {}
    for name in covariate_names(cohort) if names is None else names:
        if visits is not None and name in visits.switches:
            at = columns[visits.switches[name]][row]
            found[name] = (at <= time + SAME_TIME).astype(np.float64)
            continue
        if visits is None or name not in visits.measured:
            found[name] = columns[name][row]
            continue
        value, since = _measured(cohort, name, patient, time)
        if name in columns:
            # The first row's value is that of time zero, also where a patient came later.
            origin = np.where(row == first, 0.0, columns["start"][row])
            newer = np.isnan(value) | (origin > since)
            value = np.where(newer, columns[name][row].astype(np.float64), value)
            since = np.where(newer, origin, since)
        found[name] = value
        found[f"{name}_age"] = time - since
    return found


def _measured(
    cohort: Cohort, name: str, patient: NDArray[np.intp], time: Floats
) -> tuple[Floats, Floats]:
    """Return the last measured value by a time, and when that was; NaN for none."""
    if cohort.visits is None:
        message = f"'{name}' is measured at visits, and the cohort has none"
        raise AssertionError(message)
    visits = cohort.visits.columns
    row, who = visits_of(cohort)
    known = ~np.isnan(visits[name][row])
    values, times = visits[name][row][known], visits["time"][row][known]
    last = _last_by(who[known], times, patient, time)
    some = last >= 0
    none = np.full(len(patient), np.nan)
    if not some.any():
        return none, none.copy()
    return np.where(some, values[last], none), np.where(some, times[last], none)


def _last_by(
    code: NDArray[np.intp], start: Floats, patient: NDArray[np.intp], time: Floats
) -> NDArray[np.intp]:
    """Return each patient's last row that begins by a time, -1 where there is none."""
    keys = by_patient_and_time(code, start)
    last = np.searchsorted(keys, by_patient_and_time(patient, time + SAME_TIME), side="right") - 1
    if not len(code):
        return np.full(len(patient), -1, dtype=np.intp)
    return np.where((last >= 0) & (code[last] == patient), last, -1)
