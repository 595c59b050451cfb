"""Person-time: the rows (start, stop] that a hazard model reads, and pieces that designs share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import SAME_TIME, FollowUp, by_patient_and_time, follow_up
from bayes_ihlrt.names import LAST_FREE, DesignKind, StartRule
from bayes_ihlrt.plain import short_repr

if TYPE_CHECKING:
    import pandas as pd


Columns = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Provenance:
    """What a design did to the cohort.

    Parameters
    ----------
    design : DesignKind
        The design.
    dropped : mapping of str to str
        Patients that the design does not use, with the reason.
    immortal_months : float
        Untreated person-months counted as treated (0 for a correct design).
    treated, untreated : mapping of str to float
        ``patients`` (who contribute time), ``events`` and ``months`` in each state; a patient in
        several trials or clones brings events and months to each.
    trials : int
        Number of trials or landmarks that are pooled.
    censored : int
        Follow-ups that the design ends before their own end: clones that deviate from their
        strategy, controls who are treated later.
    starts : StartRule, optional
        Which decision a start of treatment belongs to, where the design has decisions.
    trimmed : mapping of str to str
        Patients who lost follow-up because treatment was all but certain or all but impossible at
        the decision that it begins at, with the number of decisions and their propensities.
    unfollowed : mapping of str to str
        Controls of sequential trials whose own treatment begins no follow-up, with the reason.
    """

    design: DesignKind
    dropped: Mapping[str, str]
    immortal_months: float
    treated: Mapping[str, float]
    untreated: Mapping[str, float]
    trials: int = 1
    censored: int = 0
    starts: StartRule | None = None
    trimmed: Mapping[str, str] = field(default_factory=dict)
    unfollowed: Mapping[str, str] = field(default_factory=dict)


@short_repr("n_rows", "events")
@dataclass(frozen=True)
class PersonTime:
    """Validated person-time, sorted by patient, trial, clone and start.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        ``patient``, ``start``, ``stop`` (months), ``event`` (0/1, 1 at most in the last row of a
        patient's history), ``weight``, the treatment and the covariates. A patient has several
        histories, which overlap in time, where there is a column ``trial`` or ``clone``. Where an
        event was found at a scan, ``last_free`` holds the month of the last scan without it, at
        which rows are cut.
    provenance : Provenance
        How the rows came about.

    Examples
    --------
    A patient treated from month 4 on, who died in month 9:

    >>> from bayes_ihlrt.names import DesignKind
    >>> columns = {
    ...     "patient": np.array(["a", "a"], dtype=object),
    ...     "start": np.array([0.0, 4.0]),
    ...     "stop": np.array([4.0, 9.0]),
    ...     "event": np.array([0.0, 1.0]),
    ...     "weight": np.ones(2),
    ...     "ihlrt": np.array([0.0, 1.0]),
    ... }
    >>> rows = PersonTime(columns, Provenance(DesignKind.SPLIT, {}, 0.0, {}, {}))
    >>> rows.patients.tolist(), rows.exit_time.tolist(), rows.events
    (['a'], [9.0], 1)
    """

    columns: Columns
    provenance: Provenance
    _order: NDArray[np.intp] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Sort rows, freeze arrays and number the patients."""
        _, first, code = np.unique(self.columns["patient"], return_index=True, return_inverse=True)
        rank = np.empty(len(first), dtype=np.intp)
        rank[np.argsort(first)] = np.arange(len(first))
        patient = rank[code]
        histories = [self.columns[name] for name in ("clone", "trial") if name in self.columns]
        rows = np.lexsort((self.columns["start"], *histories, patient))
        frozen = {}
        for name, values in self.columns.items():
            array = np.asarray(values)[rows]
            array.flags.writeable = False
            frozen[name] = array
        object.__setattr__(self, "columns", MappingProxyType(frozen))
        object.__setattr__(self, "_order", patient[rows])

    @property
    def patient_index(self) -> NDArray[np.intp]:
        """Number of each row's patient, shape (rows,), increasing from 0.

        All rows of a patient have one number, whatever the trial or clone: the likelihood, and
        whatever draws or leaves out patients, then treats them together.
        """
        return self._order

    @property
    def patients(self) -> NDArray[np.object_]:
        """Patient identifiers, shape (patients,)."""
        first = np.flatnonzero(np.diff(self._order, prepend=-1))
        return self.columns["patient"][first].astype(object)

    @property
    def overlapping(self) -> bool:
        """Whether patients have several histories that overlap in time."""
        return "trial" in self.columns or "clone" in self.columns

    @property
    def uncertain(self) -> NDArray[np.bool_] | None:
        """Rows in which the event may have happened, between two scans; None where times are known.

        A patient's event lies in all such rows together, shape (rows,).
        """
        if LAST_FREE not in self.columns:
            return None
        free = self.columns[LAST_FREE].astype(np.float64)
        return np.asarray(self.columns["start"].astype(np.float64) >= free - SAME_TIME)

    @property
    def exit_time(self) -> NDArray[np.float64]:
        """End of each patient's follow-up in months, shape (patients,); the longest history's."""
        first = np.flatnonzero(np.diff(self._order, prepend=-1))
        return np.maximum.reduceat(self.columns["stop"].astype(np.float64), first)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self._order)

    @property
    def events(self) -> int:
        """Number of patients with an event."""
        return len(np.unique(self._order[self.columns["event"].astype(np.float64) == 1.0]))

    @property
    def frame(self) -> "pd.DataFrame":
        """The rows as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(dict(self.columns))


Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class History:
    """Follow-up without covariates: one row for each unbroken stretch of observation.

    Parameters
    ----------
    patient : ndarray of int, shape (rows,)
        Number of the patient, by first appearance in the cohort; increasing.
    start, stop, event : ndarray of float, shape (rows,)
        Months; the event is in a patient's last row.
    known : FollowUp
        Entry, end and start of treatment of each patient.
    """

    patient: Ints
    start: Floats
    stop: Floats
    event: Floats
    known: FollowUp

    def of(self, patient: Ints) -> tuple[Ints, Ints]:
        """Return, for some patients, their rows and the position that each row belongs to.

        Parameters
        ----------
        patient : ndarray of int, shape (n,)
            Patient numbers, in any order and with repetition.

        Returns
        -------
        position : ndarray of int, shape (m,)
            Which of the n the row is for.
        row : ndarray of int, shape (m,)
            The row.
        """
        first = np.searchsorted(self.patient, patient, side="left")
        last = np.searchsorted(self.patient, patient, side="right")
        position = np.repeat(np.arange(len(patient)), last - first)
        return position, np.repeat(first, last - first) + _counting(last - first)


def history(cohort: Cohort, treatment: str | None) -> History:
    """Return the follow-up of a cohort, rows that touch joined.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    treatment : str or None
        Name of the treatment.

    Returns
    -------
    History
        Rows sorted by patient and time.
    """
    known = follow_up(cohort.columns, treatment)
    code = known.row_patient
    start, stop = cohort.columns["start"], cohort.columns["stop"]
    touching = (np.diff(code) == 0) & (start[1:] <= stop[:-1] + SAME_TIME)
    head = np.flatnonzero(np.append(True, ~touching))
    tail = np.append(head[1:], len(code)) - 1
    return History(code[head], start[head], stop[tail], cohort.columns["event"][tail], known)


def cut(rows: Columns, who: Ints, *, patient: Ints, time: Floats) -> tuple[dict[str, Floats], Ints]:
    """Cut rows at times of their patients.

    Parameters
    ----------
    rows : mapping of str to ndarray, shape (rows,)
        ``start``, ``stop`` and ``event`` (in the last piece of a cut row).
    who : ndarray of int, shape (rows,)
        Patient of each row.
    patient, time : ndarray, shape (cuts,)
        Where to cut, sorted by patient and time.

    Returns
    -------
    pieces : dict of str to ndarray
        ``start``, ``stop``, ``event``.
    parent : ndarray of int
        The row that each piece was cut from.

    Examples
    --------
    >>> rows = {"start": np.zeros(1), "stop": np.array([5.0]), "event": np.ones(1)}
    >>> pieces, _ = cut(rows, np.zeros(1, int), patient=np.zeros(1, int), time=np.array([2.0]))
    >>> pieces["start"].tolist(), pieces["event"].tolist()
    ([0.0, 2.0], [0.0, 1.0])
    """
    start, stop = floats(rows["start"]), floats(rows["stop"])
    keys = by_patient_and_time(patient, time)
    low = np.searchsorted(keys, by_patient_and_time(who, start + SAME_TIME), side="right")
    high = np.searchsorted(keys, by_patient_and_time(who, stop - SAME_TIME), side="left")
    count = np.maximum(high - low, 0) + 1
    parent = np.repeat(np.arange(len(who)), count)
    piece = _counting(count)
    first, last = piece == 0, piece == count[parent] - 1
    point = low[parent] + piece
    padded = np.append(floats(time), 0.0)
    begin = np.where(first, start[parent], padded[np.minimum(point - 1, len(time))])
    end = np.where(last, stop[parent], padded[np.minimum(point, len(time))])
    event = np.where(last, floats(rows["event"])[parent], 0.0)
    return {"start": begin, "stop": end, "event": event}, parent


def provenance(
    design: DesignKind,
    rows: Columns,
    name: str | None,
    *,
    dropped: Mapping[str, str] | None = None,
    immortal: float = 0.0,
    censored: int = 0,
    starts: StartRule | None = None,
) -> Provenance:
    """Count patients, events and months in the treated and the untreated state.

    Parameters
    ----------
    design : DesignKind
        The design.
    rows : mapping of str to ndarray, shape (rows,)
        Person-time.
    name : str or None
        Name of the treatment.
    dropped : mapping of str to str, optional
        Patients who were left out, with the reason.
    immortal : float
        Untreated person-months counted as treated.
    censored : int
        Follow-ups that the design ends early.
    starts : StartRule, optional
        Which decision a start of treatment belongs to.

    Returns
    -------
    Provenance
        The counts.
    """
    treated = floats(rows[name]) == 1.0 if name is not None else np.zeros(len(rows["start"]), bool)
    length = floats(rows["stop"]) - floats(rows["start"])

    def state(mask: NDArray[np.bool_]) -> dict[str, float]:
        return {
            "patients": float(len(np.unique(rows["patient"][mask]))),
            "events": float(floats(rows["event"])[mask].sum()),
            "months": float(length[mask].sum()),
        }

    trials = len(np.unique(rows["trial"])) if "trial" in rows else 1
    return Provenance(
        *(design, dropped or {}, immortal, state(treated), state(~treated)),
        trials=trials,
        censored=censored,
        starts=starts,
    )


def floats(values: NDArray[np.generic]) -> Floats:
    """Return values as float64."""
    return values.astype(np.float64)


def _counting(counts: Ints) -> Ints:
    """Return 0, 1, .. for each count in turn."""
    heads = np.repeat(np.cumsum(counts) - counts, counts)
    return np.arange(int(counts.sum())) - heads
