"""Person-time: the rows of (start, stop], event and covariates that a hazard model reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.names import DesignKind, StartRule

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


@dataclass(frozen=True)
class PersonTime:
    """Validated person-time, sorted by patient, trial, clone and start.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        ``patient``, ``start``, ``stop`` (months), ``event`` (0/1, 1 at most in the last row of a
        patient's history), ``weight``, the treatment and the covariates. A patient has several
        histories, which overlap in time, where there is a column ``trial`` or ``clone``.
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
