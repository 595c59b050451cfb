"""The cohort: validated patients and their follow-up, in months, frozen.

Visits, and the times at which covariates switch from 0 to 1, are checked and put beside its
columns. Patients with a missing covariate are left out only where the analysis asks for complete
cases.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.datasets import Attribute, cohort_fingerprint, find_data
from bayes_ihlrt.cohort.exports import EXPORT_COLUMNS, settle_export
from bayes_ihlrt.cohort.identifiers import number_patients, patient_labels
from bayes_ihlrt.cohort.intervals import settle_scans
from bayes_ihlrt.cohort.meaning import time_zero, understood
from bayes_ihlrt.cohort.read import validated_columns
from bayes_ihlrt.cohort.rules import STRICT, Allowed
from bayes_ihlrt.cohort.several_starts import start_notes
from bayes_ihlrt.cohort.sources import (
    misused,
    names_present,
    plain_data,
    requested_columns,
    source_columns,
)
from bayes_ihlrt.cohort.starts import follow_up, settle_ties
from bayes_ihlrt.cohort.switches import read_switches, switch_columns
from bayes_ihlrt.cohort.visits import Visits, load_visits
from bayes_ihlrt.errors import DataError, Fault, SpecificationError
from bayes_ihlrt.files.cells import absent, number_labels, read_cells
from bayes_ihlrt.files.delimited import Wanted
from bayes_ihlrt.files.readers import read_file
from bayes_ihlrt.files.table import Table, kept_rows, read_frame
from bayes_ihlrt.names import Identifiers
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.data_file import EventSpec, FileForm
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec

if TYPE_CHECKING:
    import pandas as pd

    from bayes_ihlrt.files.table import Frame


type VisitRows = "Path | Frame | None"


def baseline_covariates(
    covariates: Sequence[str], present: Collection[str], *, visits: VisitsSpec | None
) -> tuple[str, ...]:
    """Return the covariates that the data file has to carry.

    Parameters
    ----------
    covariates : sequence of str
        Those that were asked for.
    present : collection of str
        Columns of the data file.
    visits : VisitsSpec or None
        What is measured at visits may lack a column in the data file; what switches has none.

    Returns
    -------
    tuple of str
        Each once, in order.

    Examples
    --------
    >>> visits = VisitsSpec(time="month", covariates=["nlr"], switches={"response": "resp"})
    >>> baseline_covariates(["age", "nlr", "response"], ["age"], visits=visits)
    ('age',)
    """
    asked = dict.fromkeys(covariates)
    if visits is None:
        return tuple(asked)
    free = {*visits.switches, *(set(visits.covariates) - set(present))}
    free |= {f"{name}_age" for name in visits.covariates}
    return tuple(name for name in asked if name not in free)


def attach_visits(
    columns: Mapping[str, NDArray[Any]],
    table: Table,
    spec: VisitsSpec | None,
    *,
    data: DataSpec,
    treatment: TreatmentSpec | None,
    rows: VisitRows,
    dropped: Collection[str],
) -> tuple[dict[str, NDArray[Any]], Visits | None]:
    """Read visits and times of switching for a cohort.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        Validated columns of the cohort, in months.
    table : Table
        The data file, for times of switching.
    spec : VisitsSpec or None
        The visits.
    data : DataSpec
        Meaning of the columns.
    treatment : TreatmentSpec or None
        The treatment.
    rows : Path, DataFrame, mapping or None
        The visits: a folder to which the file is relative, or the rows themselves.
    dropped : collection of str
        Patients who were left out.

    Returns
    -------
    columns : dict of str to ndarray, shape (rows,)
        With the times of switching (months, infinite = never) under their own names.
    visits : Visits or None
        The visits.

    Raises
    ------
    DataError
        With every fault of the times of switching, or of the visits.
    SpecificationError
        Values are to be masked after a treatment that there is not.
    """
    if spec is None:
        return dict(columns), None
    if spec.masked and treatment is None:
        problem = "it speaks of the months after the start of treatment, and there is no treatment"
        remedy = "Add a [treatment] table, or remove `masked`"
        raise SpecificationError("[visits]", [Fault("masked", problem, remedy)])
    name = None if treatment is None else treatment.name
    known = follow_up(columns, name)
    times = read_switches(table, spec, data=data, known=known)
    full = dict(columns) | {key: values[known.row_patient] for key, values in times.items()}
    if spec.time is None:
        return full, Visits(switches=spec.switches, every=spec.every, starts=spec.starts)
    if rows is None or (isinstance(rows, Path) and spec.file is None):
        problem = "`time` names a column of a table of visits, and there is no such table"
        remedy = "Name the file in [visits] file, or give the rows in `visit_rows`"
        raise DataError("[visits]", [Fault("file", problem, remedy)])
    who: dict[str, Any] = {"cohort": columns, "treatment": name, "dropped": dropped}
    who["numbers"] = table.numbers
    who["zero"] = time_zero(table, data)
    if isinstance(rows, Path):
        return full, load_visits(rows / str(spec.file), spec, data=data, **who)
    return full, Visits.from_frame(rows, spec, data=data, **who)


def complete_cases(
    table: Table, data: DataSpec, *, covariates: Sequence[str]
) -> tuple[Table, dict[str, str], dict[str, int]]:
    """Leave out the patients who lack a covariate, if the specification says so.

    A patient is left out with all rows. Where nobody would remain, or rows have no patient, nothing
    is left out: validation then tells what is missing.

    Parameters
    ----------
    table : Table
        Columns as they were given.
    data : DataSpec
        Meaning of the columns, and `drop_missing`.
    covariates : sequence of str
        Columns in which nothing may be missing.

    Returns
    -------
    table : Table
        The rows that remain.
    dropped : dict of str to str
        Patients who were left out, with the covariates that they lack.
    missing : dict of str to int
        By covariate, how many patients lack it; those that nobody lacks are not in it.

    Examples
    --------
    >>> data = DataSpec(patient="id", time="t", event="d", drop_missing=True)
    >>> table = Table("t", ("id", "nlr"), {"id": ["a", "b"], "nlr": [None, 2.0]}, 2)
    >>> complete_cases(table, data, covariates=["nlr"])[1]
    {'a': 'nlr is missing'}
    """
    if not data.drop_missing or data.patient not in table.columns:
        return table, {}, {}
    patient = patient_labels(table, data.patient)
    lacking: dict[str, list[str]] = {}
    for name in covariates:
        if name in table.columns:
            empty = read_cells(table.columns[name]).missing
            for who in dict.fromkeys(patient[empty].tolist()):
                lacking.setdefault(who, []).append(name)
    keep = np.array([who not in lacking for who in patient.tolist()], dtype=bool)
    if absent(patient).any() or keep.all() or not keep.any():
        return table, {}, {}
    dropped = {
        who: f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} missing"
        for who, names in lacking.items()
    }
    missing = Counter(name for names in lacking.values() for name in names)
    return kept_rows(table, keep), dropped, dict(missing)


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
    notes : tuple of str
        How the files were read, where more than one way was possible.
    ties : mapping of str to float, optional
        Patients whose treatment started exactly at the end of follow-up, with that month as it was
        given; the columns say what was made of it.
    missing : mapping of str to int, optional
        How many of those who were left out lack each covariate.

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
    notes: tuple[str, ...] = ()
    ties: Mapping[str, float] = field(default_factory=dict, repr=False)
    missing: Mapping[str, int] = field(default_factory=dict, repr=False)

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
        object.__setattr__(self, "ties", MappingProxyType(dict(self.ties)))
        object.__setattr__(self, "missing", MappingProxyType(dict(self.missing)))

    def __reduce__(self) -> tuple[type["Cohort"], tuple[Any, ...]]:
        """Pickle the columns: a read-only mapping view cannot be pickled itself."""
        plain = (dict(self.columns), dict(self.attrs), dict(self.dropped), self.visits)
        return Cohort, (
            *(*plain, self.identifiers, dict(self.numbers), self.notes),
            *(dict(self.ties), dict(self.missing)),
        )

    def __repr__(self) -> str:
        """Tell the size of the cohort and not its columns."""
        return (
            f"Cohort({self.n_patients} patients, {self.n_rows} rows, {self.events} events, "
            f"{self.months:.1f} person-months; columns: {', '.join(self.columns)})"
        )

    @classmethod
    def from_frame(  # noqa: PLR0913 - what `load_cohort` takes, visits and origin as well
        cls,
        frame: "Frame",
        data: DataSpec,
        treatment: TreatmentSpec | None = None,
        *,
        covariates: Sequence[str] = (),
        attrs: Mapping[str, Attribute] | None = None,
        visits: VisitsSpec | None = None,
        visit_rows: "Frame | None" = None,
        identifiers: Identifiers = Identifiers.COHORT,
        allowed: Allowed = STRICT,
    ) -> "Cohort":
        """Check a data frame, or a mapping of arrays, and take it as a cohort.

        Parameters
        ----------
        frame : DataFrame of pandas or polars, pyarrow.Table, or mapping of str to array-like
            One row a patient, or several rows (start, stop] a patient.
        data : DataSpec
            Meaning of the columns, and their time unit.
        treatment : TreatmentSpec, optional
            The treatment, if there is one.
        covariates : sequence of str
            Columns to keep under their own names: text for categories, float64 otherwise.
        attrs : mapping, optional
            Title, source, licence, whether synthetic; ``name`` is used in messages. A frame whose
            own ``attrs`` say that it is synthetic, as a packaged one's do, is so without them.
        visits : VisitsSpec, optional
            Covariates that change during follow-up, and when treatment is decided.
        visit_rows : DataFrame or mapping of str to array-like, optional
            One row a visit; the file that `visits` names is not read.
        identifiers : Identifiers
            Where patients are called by their identifiers.
        allowed : Allowed
            What these data may have that a cohort by itself may not.

        Returns
        -------
        Cohort
            Times in months.

        Raises
        ------
        DataError
            With every fault of the data.
        """
        about = {**_simulated(frame), **(attrs or {})}
        wanted = [*source_columns(data, _needed(data, treatment, covariates, visits))]
        wanted += EXPORT_COLUMNS
        table = read_frame(frame, wanted=wanted, subject=str(about.get("name", "data frame")))
        return _checked(
            table,
            data,
            treatment=treatment,
            covariates=covariates,
            attrs=about,
            visits=(visits, visit_rows),
            identifiers=identifiers,
            allowed=allowed,
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


def _simulated(frame: object) -> dict[str, Attribute]:
    """Return what a frame's own attributes say of where it is from: that it was simulated."""
    told = getattr(frame, "attrs", None)
    simulated = isinstance(told, Mapping) and told.get("synthetic") is True
    return {"synthetic": True} if simulated else {}


def load_cohort(
    source: str | Path,
    data: DataSpec,
    treatment: TreatmentSpec | None = None,
    *,
    covariates: Sequence[str] = (),
    visits: VisitsSpec | None = None,
    identifiers: Identifiers = Identifiers.COHORT,
    allowed: Allowed = STRICT,
) -> Cohort:
    """Read and check a data file or a packaged data set.

    Parameters
    ----------
    source : str or Path
        Path of a data file (text with separators, .xlsx, .parquet, SAS, Stata, SPSS), or the name
        of a packaged data set (``datasets.names()``). Blank cells, ``NA`` and ``NaN`` are missing.
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
    allowed : Allowed
        What these data may have that a cohort by itself may not.

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
    path, attrs = find_data(source)
    needed = _needed(data, treatment, covariates, visits)
    sources = source_columns(data, needed)
    free = {*covariates, data.centre}
    free |= {data.event_column} if isinstance(data.event, EventSpec) else set()
    counted_ = {*needed} - free | {*data.units, *switch_columns(visits)}
    named = {data.patient} | ({data.centre} if data.centre else set())
    wanted = Wanted(
        names=frozenset({*sources, *EXPORT_COLUMNS}),
        labels=frozenset({*(data.aliases.get(name, name) for name in named), *EXPORT_COLUMNS}),
        numbers=frozenset(data.aliases.get(name, name) for name in counted_),
    )
    # Keys speak of the user's file; how a packaged one is written is known.
    table = read_file(path, wanted, form=FileForm() if "licence" in attrs else data.form)
    return _checked(
        table,
        data,
        treatment=treatment,
        covariates=covariates,
        attrs=attrs,
        visits=(visits, path.parent),
        identifiers=identifiers,
        allowed=allowed,
    )


def _needed(
    data: DataSpec,
    treatment: TreatmentSpec | None,
    covariates: Sequence[str],
    visits: VisitsSpec | None,
) -> dict[str, str]:
    """Columns of the analysis, with what each is needed as."""
    asked = requested_columns(plain_data(data), treatment=treatment, covariates=covariates)
    for column in switch_columns(visits):
        asked.setdefault(column, "[visits] switches")
    return asked


def _of_this_file(visits: VisitsSpec | None) -> bool:
    """Whether names in `[data]` are of the data file alone, and not of a table of visits."""
    return visits is None or visits.time is None


def _checked(
    given: Table,
    data: DataSpec,
    *,
    treatment: TreatmentSpec | None,
    covariates: Sequence[str],
    attrs: Mapping[str, Attribute],
    visits: tuple[VisitsSpec | None, VisitRows],
    identifiers: Identifiers,
    allowed: Allowed = STRICT,
) -> Cohort:
    wrong = misused(given, data, treatment, covariates) if _of_this_file(visits[0]) else []
    numbers = number_patients(given, data.aliases.get(data.patient, data.patient))
    if identifiers is Identifiers.NOWHERE:
        given, numbers = replace(given, numbers=numbers), {}
    spec, rows = visits
    kept = baseline_covariates(covariates, names_present(given, data), visits=spec)
    needed = _needed(data, treatment, kept, spec)
    settled = settle_export(given, data, treatment)
    settled = replace(settled, notes=(*settled.notes, *start_notes(settled, treatment)))
    table, faults = understood(settled, data, needed=needed, treatment=treatment, visits=spec)
    table, dropped, missing = complete_cases(table, data, covariates=kept)
    columns = validated_columns(
        table,
        plain_data(data),
        treatment=treatment,
        covariates=kept,
        understood=[*faults, *wrong],
        allowed=allowed,
    )
    columns, between = settle_scans(columns)
    full, found = attach_visits(
        columns, table, spec, data=data, treatment=treatment, rows=rows, dropped=dropped
    )
    notes = (*table.notes, *between, *(() if found is None else found.notes))
    tied = settle_ties(full, treatment, data.time_unit)
    found = None if found is None else found.moved(tied.ties, tied.moved)
    about = (attrs, dropped, found, identifiers, numbers, notes, tied.ties, missing)
    return Cohort(tied.columns, *about)
