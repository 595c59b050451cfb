"""From columns as they were given to columns that can be analysed, or every fault at once."""

import warnings
from collections.abc import Sequence
from typing import Any, Final

from numpy.typing import NDArray

from bayes_ihlrt.data.follow_up import check_events, check_rows, check_time_unit, check_times
from bayes_ihlrt.data.measures import check_constants, check_measurements, check_names
from bayes_ihlrt.data.raw import RawCohort, Role, Rows, group_rows, named_columns
from bayes_ihlrt.data.reading import read_raw
from bayes_ihlrt.data.schema import DataSpec, TreatmentSpec
from bayes_ihlrt.data.table import Table, table_faults
from bayes_ihlrt.data.therapy import check_treatment
from bayes_ihlrt.errors import DataError

_FIELDS: Final = {Role.TREATMENT_START: "[treatment] start", Role.TREATMENT: "[treatment] column"}


class SparseEventsWarning(UserWarning):
    """There are fewer events than parameters: the priors decide much of the result."""


def warn_if_sparse(events: int, parameters: int) -> None:
    """Warn if there are fewer events than parameters.

    Parameters
    ----------
    events : int
        Number of events in the data.
    parameters : int
        Number of parameters of the model.

    Warns
    -----
    SparseEventsWarning
        If `events` < `parameters`.

    Examples
    --------
    >>> warn_if_sparse(97, 6)
    """
    if events < parameters:
        warnings.warn(
            f"The data hold {events} events and the model has {parameters} parameters: the priors "
            f"decide much of the result. Use a smaller formula, and report the prior sensitivity.",
            SparseEventsWarning,
            stacklevel=2,
        )


def requested_columns(
    data: DataSpec, *, treatment: TreatmentSpec | None, covariates: Sequence[str]
) -> dict[str, str]:
    """Return the columns that an analysis reads, with what each is needed as.

    Parameters
    ----------
    data : DataSpec
        Meaning of the columns.
    treatment : TreatmentSpec or None
        The treatment.
    covariates : sequence of str
        Columns to keep under their own names.

    Returns
    -------
    dict of str to str
        For example ``{"os_months": "[data] time", "age": "a covariate"}``.

    Examples
    --------
    >>> data = DataSpec(patient="id", time="os", event="death")
    >>> requested_columns(data, treatment=None, covariates=["age"])["age"]
    'a covariate'
    """
    requested = {
        column: _FIELDS.get(role, f"[data] {role.value}")
        for role, column in named_columns(data, treatment).items()
    }
    for name in covariates:
        requested.setdefault(name, "a covariate")
    for name in data.units:
        requested.setdefault(name, "[data] units")
    return requested


def validated_columns(
    table: Table,
    data: DataSpec,
    *,
    treatment: TreatmentSpec | None,
    covariates: Sequence[str],
) -> dict[str, NDArray[Any]]:
    """Check a table and return the cohort's columns, times in months.

    Parameters
    ----------
    table : Table
        Columns as they were given.
    data : DataSpec
        Meaning of the columns.
    treatment : TreatmentSpec or None
        The treatment.
    covariates : sequence of str
        Columns to keep under their own names.

    Returns
    -------
    dict of str to ndarray, shape (rows,)
        Columns of a `Cohort`; patients in the order of the file, their rows in the order of time.

    Raises
    ------
    DataError
        With every fault that was found.
    """
    asked = requested_columns(data, treatment=treatment, covariates=covariates)
    faults = table_faults(table, asked)
    unusable = check_names(data, treatment=treatment, covariates=covariates)
    usable = [name for name in covariates if name not in unusable]
    raw, unread = read_raw(table, data, treatment=treatment, covariates=usable)
    rows = group_rows(raw.patient, raw.start) if raw.identified and raw.start is not None else None
    faults += [*unusable.values(), *unread]
    faults += check_times(raw) + check_time_unit(raw) + check_events(raw)
    among_rows = check_rows(raw, rows) if rows is not None else []
    # Where patients are repeated it is not known which row the treatment belongs to.
    repeated = data.one_row_a_patient and bool(among_rows)
    faults += among_rows + check_treatment(raw, None if repeated else rows)
    faults += check_constants(raw) + check_measurements(raw)
    if faults:
        raise DataError(table.subject, faults)
    return _in_months(raw, rows)


def _in_months(raw: RawCohort, rows: Rows | None) -> dict[str, NDArray[Any]]:
    if rows is None or raw.start is None or raw.stop is None:
        message = "a cohort without faults has patients and follow-up"
        raise AssertionError(message)
    months = raw.data.time_unit.months
    columns: dict[str, NDArray[Any]] = {
        "patient": raw.patient,
        "start": raw.start * months,
        "stop": raw.stop * months,
        "event": raw.numbers[Role.EVENT],
    }
    if raw.treatment is not None and Role.TREATMENT in raw.numbers:
        columns[raw.treatment.name] = raw.numbers[Role.TREATMENT]
    elif raw.treatment is not None:
        columns["treatment_start"] = raw.numbers[Role.TREATMENT_START] * months
    if raw.centre is not None:
        columns["centre"] = raw.centre
    columns |= {name: values for name, values in raw.covariates.items() if name not in columns}
    return {name: values[rows.order] for name, values in columns.items()}
