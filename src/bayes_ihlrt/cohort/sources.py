"""Columns of the file from which those of an analysis are made, by short names and rules."""

from collections.abc import Mapping, Sequence
from typing import Final

from bayes_ihlrt.clinical.units import Quantity
from bayes_ihlrt.cohort.derived import parts_of
from bayes_ihlrt.cohort.raw import Role, named_columns
from bayes_ihlrt.errors import Fault, nearest
from bayes_ihlrt.files.table import Table
from bayes_ihlrt.names import TimeUnit
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec

_FIELDS: Final = {
    **{Role.TREATMENT_START: "[treatment] start", Role.TREATMENT: "[treatment] column"},
    **{Role.LEFT: "[data] event, left", Role.RIGHT: "[data] event, right"},
}


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
        for role, columns in named_columns(data, treatment).items()
        for column in columns
    }
    for name in covariates:
        requested.setdefault(name, "a covariate")
    for name in data.units:
        requested.setdefault(name, "[data] units")
    return requested


def source_columns(
    data: DataSpec, needed: Mapping[str, str], *, with_origin: bool = True
) -> dict[str, str]:
    """Return the columns of the file from which the columns of an analysis are made.

    Parameters
    ----------
    data : DataSpec
        Short names, computed columns and the date of time zero.
    needed : mapping of str to str
        Columns of the analysis, with what each is needed as.
    with_origin : bool
        Whether the date of time zero is read from this file.

    Returns
    -------
    dict of str to str
        Columns of the file, with what each is needed as.

    Examples
    --------
    >>> data = DataSpec(patient="id", time="os", event="d", aliases={"nlr": "NLR (day 0)"})
    >>> source_columns(data, {"os": "[data] time", "nlr": "a covariate"})
    {'os': '[data] time', 'NLR (day 0)': 'a covariate'}
    """
    found: dict[str, str] = {}
    for name, purpose in needed.items():
        parts = parts_of(data, name)
        if parts is None:
            found.setdefault(data.aliases.get(name, name), purpose)
        for part in parts or ():
            found.setdefault(data.aliases.get(part, part), f"a part of {name}")
    if data.origin is not None and with_origin:
        found.setdefault(data.aliases.get(data.origin, data.origin), "[data] origin")
    return found


def plain_data(data: DataSpec) -> DataSpec:
    """Return what `[data]` says of columns that are plain: units of laboratory values only.

    Parameters
    ----------
    data : DataSpec
        Meaning of the columns as they were given.

    Returns
    -------
    DataSpec
        Without units of columns with times, and of parts of scores, which have served.
    """
    parts = {part for name in data.derived for part in parts_of(data, name) or ()}
    units = {
        name: unit
        for name, unit in data.units.items()
        if name in list(Quantity) or (unit not in list(TimeUnit) and name not in parts)
    }
    return data.model_copy(update={"units": units})


def names_present(table: Table, data: DataSpec) -> tuple[str, ...]:
    """Return the columns that a file has, short names and computed columns included.

    Parameters
    ----------
    table : Table
        Columns as they were given.
    data : DataSpec
        Short names and rules.

    Returns
    -------
    tuple of str
        A computed column is there where one of its parts is.
    """
    made = [name for name, column in data.aliases.items() if column in table.names]
    for name in data.derived:
        parts = parts_of(data, name) or ()
        if any(data.aliases.get(part, part) in table.names for part in parts):
            made.append(name)
    return (*table.names, *made)


def misused(
    table: Table, data: DataSpec, treatment: TreatmentSpec | None, covariates: Sequence[str]
) -> list[Fault]:
    """Return the faults of covariates that are the outcome, and of rules that name no column.

    Parameters
    ----------
    table : Table
        Columns as they were given.
    data : DataSpec
        Short names, rules and units.
    treatment : TreatmentSpec or None
        The treatment.
    covariates : sequence of str
        Columns of the formula.

    Returns
    -------
    list of Fault
        A short name does not make a covariate of a patient's identifier or of a time.
    """
    roles = {column: f"`{role}`" for role, column in data.roles.items() if role != "centre"}
    roles |= {} if data.origin is None else {data.origin: "`origin`"}
    if treatment is not None:
        roles |= dict.fromkeys(treatment.starts, "the start of treatment")
    faults = []
    for name in covariates:
        parts = parts_of(data, name)
        made = name in data.aliases or parts is not None or name == data.origin
        for part in parts or (name,):
            source = data.aliases.get(part, part)
            if made and source in roles:
                problem = f"it is made of '{source}', which is {roles[source]}"
                remedy = "Leave it out: what defines the outcome predicts it by construction"
                faults.append(Fault(f"covariate {name}", problem, remedy))
    named = {
        "aliases": data.aliases.values(),
        "units": data.units,
        "missing": data.missing if isinstance(data.missing, Mapping) else (),
        "labels": data.labels,
    }
    known = {*table.names, *data.aliases, *data.derived, *Quantity}
    for key, columns in named.items():
        for column in columns:
            if column not in known:
                fault = "it names no column of the file"
                faults.append(Fault(f"[data] {key}, {column}", fault, nearest(column, table.names)))
    return [*faults, *_mistaken_labels(table, data)]


def _mistaken_labels(table: Table, data: DataSpec) -> list[Fault]:
    """Labels by which a reader would take a column for another."""
    faults = []
    others = {*table.names, *data.aliases, *data.derived}
    for name, given in data.labels.items():
        source = data.aliases.get(name, name)
        own = {name, source, *(n for n, column in data.aliases.items() if column == source)}
        if given.label in others - own:
            problem = f"its label '{given.label}' is the name of another column"
            faults.append(Fault(f"[data] labels, {name}", problem, "Call it by another label"))
    return faults
