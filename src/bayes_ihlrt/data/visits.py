"""Visits of patients during follow-up: values by time, frozen."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.data.cells import sorting_rows
from bayes_ihlrt.data.schema import DataSpec
from bayes_ihlrt.data.starts import follow_up
from bayes_ihlrt.data.table import read_csv, read_frame
from bayes_ihlrt.data.visits_reading import read_visits, visit_columns
from bayes_ihlrt.data.visits_spec import VisitsSpec
from bayes_ihlrt.names import StartRule

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

type Columns = Mapping[str, NDArray[Any]]

_OWN = ("patient", "time", "eligible")


def _no_visits() -> Columns:
    return {"patient": np.empty(0, dtype=object), "time": np.empty(0), "eligible": np.empty(0)}


@dataclass(frozen=True, eq=False)
class Visits:
    """When patients were seen and what was measured; months.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (visits,)
        ``patient``, ``time`` (months), ``eligible`` (1 where the patient could be treated) and
        covariates (NaN = not measured), sorted by patient as in the cohort, then by time.
    switches : mapping of str to str
        Covariates that are 0 before and 1 from the time in a column of the cohort on.
    every : float, optional
        Months between decisions on treatment; None where it is decided at the visits.
    starts : StartRule
        Which visit a start of treatment belongs to.

    Examples
    --------
    >>> spec = VisitsSpec(time="month", covariates=["nlr"])
    >>> data = DataSpec(patient="id", time="os", event="death")
    >>> cohort = {"patient": np.array(["a"], dtype=object), "start": np.zeros(1),
    ...           "stop": np.array([9.0]), "event": np.ones(1)}
    >>> frame = {"id": ["a", "a"], "month": [0.0, 3.0], "nlr": [2.5, None]}
    >>> Visits.from_frame(frame, spec, data=data, cohort=cohort)
    Visits(2 visits; measured: nlr; switching: none)
    """

    columns: Columns = field(default_factory=_no_visits)
    switches: Mapping[str, str] = field(default_factory=dict)
    every: float | None = None
    starts: StartRule = StartRule.AUTO

    def __post_init__(self) -> None:
        """Copy the columns and make them read-only."""
        frozen = {}
        for name, values in self.columns.items():
            array = np.array(values, dtype=object if name == "patient" else np.float64)
            array.flags.writeable = False
            frozen[name] = array
        if not set(_OWN) <= frozen.keys() or len({a.shape for a in frozen.values()}) != 1:
            message = f"visits have columns {', '.join(_OWN)} of one length; found {list(frozen)}"
            raise ValueError(message)
        object.__setattr__(self, "columns", MappingProxyType(frozen))
        object.__setattr__(self, "switches", MappingProxyType(dict(self.switches)))

    def __reduce__(self) -> tuple[type["Visits"], tuple[Any, ...]]:
        """Pickle plain mappings: a read-only view cannot be pickled itself."""
        return Visits, (dict(self.columns), dict(self.switches), self.every, self.starts)

    def __repr__(self) -> str:
        """Tell the size of the table and not its columns."""
        measured = ", ".join(self.measured) or "none"
        switching = ", ".join(self.switches) or "none"
        count = len(self.columns["patient"])
        return f"Visits({count} visits; measured: {measured}; switching: {switching})"

    @classmethod
    def from_frame(
        cls,
        frame: "pd.DataFrame | Mapping[str, ArrayLike]",
        spec: VisitsSpec,
        *,
        data: DataSpec,
        cohort: Columns,
        treatment: str | None = None,
        dropped: Collection[str] = (),
        numbers: Mapping[str, str] | None = None,
    ) -> "Visits":
        """Check a data frame, or a mapping of arrays, with one row a visit.

        Parameters
        ----------
        frame : DataFrame or mapping of str to array-like
            One row a visit, times in the unit of the data.
        spec : VisitsSpec
            Meaning of the columns.
        data : DataSpec
            The patient's column and the time unit.
        cohort : mapping of str to ndarray, shape (rows,)
            Columns of the cohort, times in months.
        treatment : str, optional
            Name of the treatment, for values that are masked after its start.
        dropped : collection of str
            Patients who were left out of the cohort: their visits are passed over.
        numbers : mapping of str to str, optional
            What the cohort calls its patients, by their identifiers in `frame`.

        Returns
        -------
        Visits
            Times in months.

        Raises
        ------
        DataError
            With every fault of the visits: unknown patients; times that are missing, out of
            order, before entry or after the end of follow-up; values that are not numbers.
        """
        table = read_frame(frame, wanted=visit_columns(data, spec), subject="visits")
        table = replace(table, numbers=numbers)
        known = follow_up(cohort, treatment)
        columns = read_visits(table, spec, data=data, known=known, dropped=dropped)
        return cls(columns, spec.switches, spec.every, spec.starts)

    def relabelled(self, patient: NDArray[np.object_]) -> "Visits":
        """Return the same visits with other names for the patients.

        Parameters
        ----------
        patient : ndarray of str, shape (visits,)
            Patient of each visit.

        Returns
        -------
        Visits
            Sorted as before.
        """
        return replace(self, columns={**self.columns, "patient": patient})

    @property
    def measured(self) -> tuple[str, ...]:
        """Names of the covariates measured at visits."""
        return tuple(name for name in self.columns if name not in _OWN)

    @property
    def updated(self) -> tuple[str, ...]:
        """Names of all covariates that change during follow-up."""
        return (*self.measured, *self.switches)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what was measured, when, and of the rules of decisions."""
        digest = hashlib.sha256()
        rules = (sorted(self.switches.items()), self.every, self.starts.value)
        digest.update(repr(rules).encode())
        order = sorting_rows(self.columns["patient"], self.columns["time"])
        for name in sorted(self.columns):
            values = self.columns[name][order]
            digest.update(f"{name}\0{len(values)}\0".encode())
            if values.dtype == object:
                digest.update("\0".join(values.tolist()).encode())
            else:
                # NaN has many bit patterns; measured or not is what counts.
                known = np.where(np.isnan(values), 0.0, values) + 0.0
                digest.update(np.isnan(values).tobytes() + known.astype("<f8").tobytes())
        return digest.hexdigest()


def load_visits(
    path: str | Path,
    spec: VisitsSpec,
    *,
    data: DataSpec,
    cohort: Columns,
    treatment: str | None = None,
    dropped: Collection[str] = (),
    numbers: Mapping[str, str] | None = None,
) -> Visits:
    """Read and check a CSV file with one row a visit.

    Parameters
    ----------
    path : str or Path
        The file.
    spec : VisitsSpec
        Meaning of its columns.
    data : DataSpec
        The patient's column and the time unit.
    cohort : mapping of str to ndarray, shape (rows,)
        Columns of the cohort, times in months.
    treatment : str, optional
        Name of the treatment, for values that are masked after its start.
    dropped : collection of str
        Patients who were left out of the cohort: their visits are passed over.
    numbers : mapping of str to str, optional
        What the cohort calls its patients, by their identifiers in the file.

    Returns
    -------
    Visits
        Times in months.

    Raises
    ------
    DataError
        The file cannot be read, or with every fault of the visits.
    """
    table = read_csv(Path(path), wanted=visit_columns(data, spec), labels=[data.patient])
    table = replace(table, numbers=numbers)
    known = follow_up(cohort, treatment)
    columns = read_visits(table, spec, data=data, known=known, dropped=dropped)
    return Visits(columns, spec.switches, spec.every, spec.starts)
