"""Put visits and times of switching beside the columns of a cohort."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from bayes_ihlrt.data.schema import DataSpec, TreatmentSpec
from bayes_ihlrt.data.starts import follow_up
from bayes_ihlrt.data.switches import read_switches
from bayes_ihlrt.data.table import Table
from bayes_ihlrt.data.visits import Visits, load_visits
from bayes_ihlrt.data.visits_spec import VisitsSpec
from bayes_ihlrt.errors import DataError, Fault, SpecificationError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

type VisitRows = "Path | pd.DataFrame | Mapping[str, ArrayLike] | None"


def switch_columns(visits: VisitsSpec | None) -> tuple[str, ...]:
    """Return the columns of the data file that hold times of switching.

    Parameters
    ----------
    visits : VisitsSpec or None
        The visits.

    Returns
    -------
    tuple of str
        Without repetition.
    """
    return () if visits is None else tuple(dict.fromkeys(visits.switches.values()))


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
        remedy = "Name the CSV file in [visits] file, or give the rows in `visit_rows`"
        raise DataError("[visits]", [Fault("file", problem, remedy)])
    who: dict[str, Any] = {"cohort": columns, "treatment": name, "dropped": dropped}
    who["numbers"] = table.numbers
    if isinstance(rows, Path):
        return full, load_visits(rows / str(spec.file), spec, data=data, **who)
    return full, Visits.from_frame(rows, spec, data=data, **who)
