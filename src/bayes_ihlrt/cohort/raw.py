"""A cohort as it was written: columns by role, in the user's names and time unit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.files.cells import number_labels
from bayes_ihlrt.names import DAYS_PER_MONTH
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec

type Floats = NDArray[np.float64]
type Labels = NDArray[np.object_]


class Role(StrEnum):
    """What a column is for."""

    PATIENT = "patient"
    TIME = "time"
    START = "start"
    STOP = "stop"
    ENTRY = "entry"
    EVENT = "event"
    LEFT = "left"
    RIGHT = "right"
    CENTRE = "centre"
    TREATMENT_START = "treatment_start"
    TREATMENT = "treatment"
    COVARIATE = "covariate"


@dataclass(frozen=True)
class RawCohort:
    """Columns read by role; what is missing or at fault is NaN.

    Parameters
    ----------
    data : DataSpec
        Meaning of the columns.
    treatment : TreatmentSpec or None
        The treatment, if there is one.
    patient : ndarray of str, shape (rows,)
        Patient of each row; ``of data row 5`` stands in where the identifier is missing.
    identified : bool
        Whether every row has an identifier.
    numbers : mapping of Role to ndarray, shape (rows,)
        Numeric columns that could be read; `treatment_start` is inf for never treated.
    centre : ndarray of str or None
        Centre of each row, None where missing.
    covariates : mapping of str to ndarray, shape (rows,)
        Numbers or text under the columns' own names.
    laboratory : mapping of str to ndarray, shape (rows,)
        Columns with a declared unit.
    """

    data: DataSpec
    treatment: TreatmentSpec | None
    patient: Labels
    identified: bool
    numbers: Mapping[Role, Floats]
    centre: Labels | None
    covariates: Mapping[str, Floats | Labels]
    laboratory: Mapping[str, Floats]

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.patient)

    @property
    def start(self) -> Floats | None:
        """Where each row's interval begins, in the file's unit; None if it cannot be known."""
        if self.data.one_row_a_patient and self.data.entry is None:
            return np.zeros(self.n_rows)
        return self.numbers.get(Role.ENTRY if self.data.one_row_a_patient else Role.START)

    @property
    def stop(self) -> Floats | None:
        """Where each row's interval ends, in the file's unit; None if it cannot be known."""
        if self.data.interval is not None:
            return last_scan(self.numbers.get(Role.LEFT), self.numbers.get(Role.RIGHT))
        return self.numbers.get(Role.TIME if self.data.one_row_a_patient else Role.STOP)

    @property
    def event(self) -> Floats:
        """How follow-up ended: 0 without the event, else 1 or the number of the cause."""
        if self.data.interval is not None:
            return np.isfinite(self.numbers[Role.RIGHT]).astype(np.float64)
        return self.numbers[Role.EVENT]

    def with_newcomers(self) -> "RawCohort":
        """Return it with half a day of follow-up for who came today: 0 without the event."""
        time, event = self.numbers.get(Role.TIME), self.numbers.get(Role.EVENT)
        if time is None or event is None:
            return self
        half = 0.5 / DAYS_PER_MONTH / self.data.time_unit.months
        first = np.where((time == 0.0) & (event == 0.0), half, time)
        return replace(self, numbers={**self.numbers, Role.TIME: first})

    def where(self, *roles: Role) -> str:
        """Return the place of a fault, e.g. ``"columns start and stop"``.

        Parameters
        ----------
        *roles : Role
            The roles concerned.

        Returns
        -------
        str
            The user's column names.
        """
        named = named_columns(self.data, self.treatment)
        if self.data.interval is not None and {Role.TIME, Role.STOP} & {*roles}:
            roles = (Role.LEFT, Role.RIGHT, *roles)
        columns = [column for role in roles for column in named.get(role, ())]
        return f"column{'s' if len(columns) > 1 else ''} {' and '.join(columns)}"


def last_scan(left: Floats | None, right: Floats | None) -> Floats | None:
    """Return the last scan that tells anything of each patient.

    Parameters
    ----------
    left, right : ndarray of float, shape (rows,), or None
        Last scan without the event, and the one that found it (infinite: none).

    Returns
    -------
    ndarray of float, shape (rows,), or None
        NaN where it is not known; None where a column could not be read.
    """
    if left is None or right is None:
        return None
    return np.where(np.isposinf(right), left, right)


def named_columns(data: DataSpec, treatment: TreatmentSpec | None) -> dict[Role, tuple[str, ...]]:
    """Return the columns of each role: one, and of the start of treatment perhaps several.

    Parameters
    ----------
    data : DataSpec
        Meaning of the columns.
    treatment : TreatmentSpec or None
        The treatment.

    Returns
    -------
    dict of Role to tuple of str
        The user's column names.

    Examples
    --------
    >>> named_columns(DataSpec(patient="id", time="os", event="death"), None)[Role.TIME]
    ('os',)
    """
    named: dict[Role, tuple[str, ...]] = {
        Role(role): (column,) for role, column in data.roles.items()
    }
    if treatment is not None and treatment.starts:
        named[Role.TREATMENT_START] = treatment.starts
    if treatment is not None and treatment.column is not None:
        named[Role.TREATMENT] = (treatment.column,)
    return named


@dataclass(frozen=True)
class Rows:
    """Which rows belong to which patient, in the order of time.

    Parameters
    ----------
    patient : ndarray of int, shape (rows,)
        Number of each row's patient, by first appearance in the file.
    order : ndarray of int, shape (rows,)
        Row numbers sorted by patient, then by start.
    same : ndarray of bool, shape (rows - 1,)
        Whether a sorted row and the next belong to one patient.
    count, first : ndarray of int, shape (patients,)
        Number of rows, and first row in the file, of each patient.
    """

    patient: NDArray[np.intp]
    order: NDArray[np.intp]
    same: NDArray[np.bool_]
    count: NDArray[np.intp]
    first: NDArray[np.intp]

    def largest(self, values: Floats) -> Floats:
        """Return the largest known value of each patient, shape (patients,)."""
        return np.fmax.reduceat(values[self.order], self._heads)

    def smallest(self, values: Floats) -> Floats:
        """Return the smallest known value of each patient, shape (patients,)."""
        return np.fmin.reduceat(values[self.order], self._heads)

    def changed(self, values: Floats | NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return where a row's value is not that of the patient's first row, shape (rows,)."""
        return np.not_equal(values, values[self.first[self.patient]])

    def once(self, marked: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Return the first marked row of each patient that has one."""
        found = np.flatnonzero(marked)
        _, first = np.unique(self.patient[found], return_index=True)
        return found[first]

    @property
    def _heads(self) -> NDArray[np.intp]:
        return np.concatenate(([0], np.cumsum(self.count)[:-1]))


def group_rows(patient: Labels, start: Floats) -> Rows:
    """Sort rows by patient and time.

    Parameters
    ----------
    patient : ndarray of str, shape (rows,)
        Patient of each row.
    start : ndarray of float, shape (rows,)
        Where each row begins; NaN comes last.

    Returns
    -------
    Rows
        The rows of each patient.

    Examples
    --------
    >>> rows = group_rows(np.array(["b", "a", "b"], dtype=object), np.array([3.0, 0.0, 0.0]))
    >>> rows.order.tolist(), rows.count.tolist()
    ([2, 0, 1], [2, 1])
    """
    number = number_labels(patient)
    order = np.lexsort((start, number))
    _, first = np.unique(number, return_index=True)
    return Rows(
        patient=number,
        order=order,
        same=np.diff(number[order]) == 0,
        count=np.bincount(number),
        first=first,
    )
