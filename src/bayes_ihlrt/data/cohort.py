"""The cohort: validated patients and their follow-up, in months, frozen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.data.attach import (
    VisitRows,
    attach_visits,
    baseline_covariates,
    switch_columns,
)
from bayes_ihlrt.data.cells import number_labels
from bayes_ihlrt.data.complete import complete_cases
from bayes_ihlrt.data.datasets import Attribute, find_data
from bayes_ihlrt.data.fingerprint import cohort_fingerprint
from bayes_ihlrt.data.identifiers import number_patients
from bayes_ihlrt.data.schema import DataSpec, TreatmentSpec
from bayes_ihlrt.data.table import Table, read_csv, read_frame
from bayes_ihlrt.data.validate import requested_columns, validated_columns
from bayes_ihlrt.data.visits import Visits
from bayes_ihlrt.data.visits_spec import VisitsSpec
from bayes_ihlrt.names import Identifiers

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

_ALWAYS: Final = ("patient", "start", "stop", "event")


@dataclass(frozen=True, eq=False)
class Cohort:
    """Patients and their follow-up: rows (start, stop] in months.

    Build one with `load_cohort` or `Cohort.from_frame`, which check the data. The constructor
    takes columns that are known to be sound, and checks their names and lengths only.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        ``patient`` (str), ``start`` and ``stop`` (months; gaps between the rows of a patient are
        allowed, overlaps are not), ``event`` (0.0 or 1.0, in a patient's last row),
        ``treatment_start`` (months; inf = never) or the treatment's own 0/1 column under its
        name, ``centre`` (str), and covariates (float64 or str) under their own names.
    attrs : mapping of str to str, bool or number, optional
        Title, source, licence, and whether the data are synthetic.
    dropped : mapping of str to str, optional
        Patients who were left out for a missing covariate, with the reason.
    visits : Visits, optional
        When patients were seen and what was measured.
    identifiers : Identifiers
        Whether ``patient`` holds the identifiers of the data file, and whether results may.
    numbers : mapping of str to str, optional
        Number of each patient in the order of the file, by the labels of ``patient``.

    Examples
    --------
    >>> data = DataSpec(patient="id", time="years", event="death", time_unit="years")
    >>> cohort = Cohort.from_frame({"id": [1, 2], "years": [0.5, 2.0], "death": [1, 0]}, data)
    >>> cohort.n_patients, cohort.events, cohort.months
    (2, 1, 30.0)
    """

    columns: Mapping[str, NDArray[Any]]
    attrs: Mapping[str, Attribute] = field(default_factory=dict)
    dropped: Mapping[str, str] = field(default_factory=dict)
    visits: Visits | None = None
    identifiers: Identifiers = Identifiers.COHORT
    numbers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Copy the columns and make them read-only."""
        frozen = {}
        for name, values in self.columns.items():
            kind = object if np.asarray(values).dtype.kind in "OUS" else np.float64
            array = np.array(values, dtype=kind)
            array.flags.writeable = False
            frozen[name] = array
        lacking = [name for name in _ALWAYS if name not in frozen]
        lengths = {array.shape for array in frozen.values()}
        if lacking or len(lengths) != 1:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in frozen.items())
            message = f"a cohort has columns {', '.join(_ALWAYS)} of one length; found {shapes}"
            raise ValueError(message)
        object.__setattr__(self, "columns", MappingProxyType(frozen))
        object.__setattr__(self, "attrs", MappingProxyType(dict(self.attrs)))
        object.__setattr__(self, "dropped", MappingProxyType(dict(self.dropped)))
        object.__setattr__(self, "numbers", MappingProxyType(dict(self.numbers)))

    def __reduce__(self) -> tuple[type["Cohort"], tuple[Any, ...]]:
        """Pickle the columns: a read-only mapping view cannot be pickled itself."""
        plain = (dict(self.columns), dict(self.attrs), dict(self.dropped), self.visits)
        return Cohort, (*plain, self.identifiers, dict(self.numbers))

    def __repr__(self) -> str:
        """Tell the size of the cohort and not its columns."""
        return (
            f"Cohort({self.n_patients} patients, {self.n_rows} rows, {self.events} events, "
            f"{self.months:.1f} person-months; columns: {', '.join(self.columns)})"
        )

    @classmethod
    def from_frame(
        cls,
        frame: "pd.DataFrame | Mapping[str, ArrayLike]",
        data: DataSpec,
        treatment: TreatmentSpec | None = None,
        *,
        covariates: Sequence[str] = (),
        attrs: Mapping[str, Attribute] | None = None,
        visits: VisitsSpec | None = None,
        visit_rows: "pd.DataFrame | Mapping[str, ArrayLike] | None" = None,
        identifiers: Identifiers = Identifiers.COHORT,
    ) -> "Cohort":
        """Check a data frame, or a mapping of arrays, and take it as a cohort.

        Parameters
        ----------
        frame : DataFrame or mapping of str to array-like
            One row a patient, or several rows (start, stop] a patient.
        data : DataSpec
            Meaning of the columns, and their time unit.
        treatment : TreatmentSpec, optional
            The treatment, if there is one.
        covariates : sequence of str
            Columns to keep under their own names: text for categories, float64 otherwise.
        attrs : mapping, optional
            Title, source, licence, whether synthetic; ``name`` is used in messages.
        visits : VisitsSpec, optional
            Covariates that change during follow-up, and when treatment is decided.
        visit_rows : DataFrame or mapping of str to array-like, optional
            One row a visit; the file that `visits` names is not read.
        identifiers : Identifiers
            Where patients are called by their identifiers.

        Returns
        -------
        Cohort
            Times in months.

        Raises
        ------
        DataError
            With every fault of the data.
        """
        about = dict(attrs or {})
        asked = requested_columns(data, treatment=treatment, covariates=covariates)
        wanted = [*asked, *switch_columns(visits)]
        table = read_frame(frame, wanted=wanted, subject=str(about.get("name", "data frame")))
        return _checked(
            table,
            data,
            treatment=treatment,
            covariates=covariates,
            attrs=about,
            visits=(visits, visit_rows),
            identifiers=identifiers,
        )

    @property
    def frame(self) -> "pd.DataFrame":
        """The columns as a new pandas DataFrame, with `attrs`."""
        import pandas as pd

        frame = pd.DataFrame({name: values.copy() for name, values in self.columns.items()})
        frame.attrs.update(self.attrs)
        return frame

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.columns["patient"])

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return int(number_labels(self.columns["patient"]).max()) + 1

    @property
    def events(self) -> int:
        """Number of events."""
        return int(self.columns["event"].sum())

    @property
    def months(self) -> float:
        """Person-months of follow-up."""
        return float((self.columns["stop"] - self.columns["start"]).sum())

    @property
    def fingerprint(self) -> str:
        """SHA-256 of columns and visits, whatever their order, on every platform.

        What patients are called does not count, only which rows are of one patient.
        """
        return cohort_fingerprint(self.columns, self.visits)


def load_cohort(
    source: str | Path,
    data: DataSpec,
    treatment: TreatmentSpec | None = None,
    *,
    covariates: Sequence[str] = (),
    visits: VisitsSpec | None = None,
    identifiers: Identifiers = Identifiers.COHORT,
) -> Cohort:
    """Read and check a CSV file or a packaged data set.

    Parameters
    ----------
    source : str or Path
        Path of a CSV file, or the name of a packaged data set (``datasets.names()``). Blank
        cells, ``NA`` and ``NaN`` are missing.
    data : DataSpec
        Meaning of the columns, and their time unit.
    treatment : TreatmentSpec, optional
        The treatment, if there is one.
    covariates : sequence of str
        Columns to keep under their own names: text for categories, float64 otherwise.
    visits : VisitsSpec, optional
        Covariates that change during follow-up, and when treatment is decided.
    identifiers : Identifiers
        Where patients are called by their identifiers; elsewhere by numbers in the order of the
        file.

    Returns
    -------
    Cohort
        Times in months.

    Raises
    ------
    DataError
        The file cannot be read, or with every fault of the data.

    Examples
    --------
    >>> data = DataSpec(
    ...     patient="id", start="start", stop="stop", event="event", time_unit="days")
    >>> transplant = TreatmentSpec(name="transplant", column="transplant")
    >>> load_cohort("heart", data, transplant, covariates=["age", "surgery"])
    Cohort(103 patients, 172 rows, 75 events, 1049.8 person-months; columns: ...)
    """
    asked = requested_columns(data, treatment=treatment, covariates=covariates)
    labels = [column for column in (data.patient, data.centre) if column is not None]
    path, attrs = find_data(source)
    table = read_csv(path, wanted=[*asked, *switch_columns(visits)], labels=labels)
    return _checked(
        table,
        data,
        treatment=treatment,
        covariates=covariates,
        attrs=attrs,
        visits=(visits, path.parent),
        identifiers=identifiers,
    )


def _checked(
    table: Table,
    data: DataSpec,
    *,
    treatment: TreatmentSpec | None,
    covariates: Sequence[str],
    attrs: Mapping[str, Attribute],
    visits: tuple[VisitsSpec | None, VisitRows],
    identifiers: Identifiers,
) -> Cohort:
    numbers = number_patients(table, data.patient)
    if identifiers is Identifiers.NOWHERE:
        table, numbers = replace(table, numbers=numbers), {}
    spec, rows = visits
    kept = baseline_covariates(covariates, table.names, visits=spec)
    table, dropped = complete_cases(table, data, covariates=kept)
    columns = validated_columns(table, data, treatment=treatment, covariates=kept)
    full, found = attach_visits(
        columns, table, spec, data=data, treatment=treatment, rows=rows, dropped=dropped
    )
    return Cohort(full, attrs, dropped, found, identifiers, numbers)
