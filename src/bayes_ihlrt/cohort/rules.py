"""Rules on follow-up and covariates: times, events, rows of a patient, names, constants, ranges."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bayes_ihlrt.clinical.units import PLAUSIBLE, Quantity, Unit, check_laboratory, units_of
from bayes_ihlrt.cohort.raw import Floats, Labels, RawCohort, Role, Rows, named_columns
from bayes_ihlrt.errors import Fault, nearest
from bayes_ihlrt.files.cells import absent, number_labels
from bayes_ihlrt.files.messages import LISTED, are, cells, counted, enumerated, share, shown
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.treatment import RESERVED_NAMES, TreatmentSpec


def check_events(raw: RawCohort) -> list[Fault]:
    """Return the faults of the event column: other codes than 0 and 1, or no event at all.

    Parameters
    ----------
    raw : RawCohort
        Columns read by role.

    Returns
    -------
    list of Fault
        Those that were found.
    """
    event = raw.numbers.get(Role.EVENT)
    # Values of competing causes were told apart when the column was read.
    if event is None or raw.data.causes:
        return []
    known = event[~np.isnan(event)]
    if len(known) and set(np.unique(known)) == {1.0, 2.0}:
        problem = (
            f"the values are 1 ({np.sum(known == 1):,} times) and 2 ({np.sum(known == 2):,} times)"
        )
        remedy = (
            "Write 0 for censored and 1 for the event; if 2 stands for the event, subtract 1 from "
            "every value"
        )
        return [Fault(raw.where(Role.EVENT), problem, remedy)]
    rows = np.flatnonzero((event != 0) & (event != 1) & ~np.isnan(event))
    if len(rows):
        many = share(len(rows), raw.n_rows, "value")
        found = cells(map(shown, event[rows[:LISTED]]), raw.patient[rows])
        problem = f"{many} {are(len(rows))} neither 0 nor 1: {found}"
        remedy = "Write 1 if the event happened and 0 if the patient was censored"
        return [Fault(raw.where(Role.EVENT), problem, remedy)]
    if len(known) == raw.n_rows and not known.any():
        problem = "there is no event: every value is 0"
        remedy = "Check that 1 stands for the event; survival cannot be modelled without one"
        return [Fault(raw.where(Role.EVENT), problem, remedy)]
    return []


def check_rows(raw: RawCohort, rows: Rows) -> list[Fault]:
    """Return the faults among the rows of one patient.

    Parameters
    ----------
    raw : RawCohort
        Columns read by role.
    rows : Rows
        Rows by patient and time.

    Returns
    -------
    list of Fault
        Patients with more than one row where one is expected, overlaps, events before the last
        row, and changes of centre.
    """
    if raw.data.one_row_a_patient:
        return _repeated(raw, rows)
    return [*_early_events(raw, rows), *_two_centres(raw, rows)]


def _repeated(raw: RawCohort, rows: Rows) -> list[Fault]:
    repeated = np.flatnonzero(rows.count > 1)
    if not len(repeated):
        return []
    named = (f"{raw.patient[rows.first[i]]} ({rows.count[i]} rows)" for i in repeated[:LISTED])
    problem = (
        f"{counted(len(repeated), 'patient has', 'patients have')} more than "
        f"one row: {enumerated(named, len(repeated))}"
    )
    remedy = (
        "Keep one row a patient; if the rows are intervals of follow-up, name `start` and `stop` "
        "in place of `time`"
    )
    return [Fault(raw.where(Role.PATIENT), problem, remedy)]


def _early_events(raw: RawCohort, rows: Rows) -> list[Fault]:
    event = raw.numbers.get(Role.EVENT)
    if event is None or raw.stop is None:
        return []
    early = rows.order[:-1][rows.same & (event[rows.order[:-1]] > 0)]
    if not len(early):
        return []
    end = rows.largest(raw.stop)[rows.patient]
    named = (f"event at {shown(raw.stop[i])}, rows until {shown(end[i])}" for i in early[:LISTED])
    problem = (
        f"{counted(len(early), 'event is', 'events are')} not in the patient's "
        f"last row: {cells(named, raw.patient[early])}"
    )
    remedy = (
        "A patient has at most one event and leaves with it: drop the rows after it, or move the "
        "event to the last row"
    )
    return [Fault(raw.where(Role.EVENT), problem, remedy)]


def _two_centres(raw: RawCohort, rows: Rows) -> list[Fault]:
    if raw.centre is None:
        return []
    unknown = absent(raw.centre)
    centre = number_labels(np.where(unknown, "", raw.centre))
    found = rows.once(rows.changed(centre) & ~unknown & ~unknown[rows.first[rows.patient]])
    if not len(found):
        return []
    first = rows.first[rows.patient[found]]
    named = (
        f"'{raw.centre[a]}' and '{raw.centre[b]}'"
        for a, b in zip(first[:LISTED], found[:LISTED], strict=True)
    )
    problem = (
        f"{counted(len(found), 'patient has', 'patients have')} more than one "
        f"centre: {cells(named, raw.patient[found])}"
    )
    remedy = "Give each patient one centre: where the systemic therapy was started"
    return [Fault(raw.where(Role.CENTRE), problem, remedy)]


_TREATMENT: Final = frozenset({Role.TREATMENT, Role.TREATMENT_START})


def check_names(
    data: DataSpec, *, treatment: TreatmentSpec | None, covariates: Sequence[str]
) -> dict[str, Fault]:
    """Return the faults of covariate names: outcome or treatment as predictor, reserved names.

    Parameters
    ----------
    data : DataSpec
        Meaning of the columns.
    treatment : TreatmentSpec or None
        The treatment.
    covariates : sequence of str
        Columns to be kept as covariates.

    Returns
    -------
    dict of str to Fault
        The covariates that cannot be used.

    Examples
    --------
    >>> data = DataSpec(patient="id", time="os", event="death")
    >>> print(check_names(data, treatment=None, covariates=["age", "os"])["os"])
    covariate os: the column is [data] time. Leave it out: neither the outcome nor the identifier
    can be a predictor.
    """
    named = named_columns(data, treatment)
    roles = {column: role for role, columns in named.items() for column in columns}
    faults = {}
    for name in covariates:
        role = roles.get(name)
        if role in _TREATMENT or (treatment is not None and name == treatment.name):
            problem = "it is the treatment"
            remedy = "Leave it out of the covariates: the treatment enters the model by itself"
        elif role is not None and role not in {Role.CENTRE, Role.ENTRY}:
            problem = f"the column is [data] {role.value}"
            remedy = "Leave it out: neither the outcome nor the identifier can be a predictor"
        elif name in RESERVED_NAMES and role is None:
            problem = "the package has a column of its own by this name"
            remedy = f"Rename the column, for instance to '{name}_1'"
        else:
            continue
        faults[name] = Fault(f"covariate {name}", problem, remedy)
    return faults


@dataclass(frozen=True)
class Allowed:
    """What data may have that a cohort by itself may not.

    Parameters
    ----------
    constants : frozenset of str
        Columns that may be the same for everyone: they predict nothing, or differ from those of
        the cohort that these data are analysed with.
    newcomers : bool
        Patients without an event may have come on the day of the data (time 0), which is half a
        day of follow-up.

    Examples
    --------
    >>> "enrolled" in Allowed(frozenset({"enrolled"}), newcomers=True).constants
    True
    """

    constants: frozenset[str] = frozenset()
    newcomers: bool = False


STRICT: Final = Allowed()
"""What a cohort by itself may have."""


def check_constants(raw: RawCohort, apart: Collection[str] = ()) -> list[Fault]:
    """Return the faults of covariates and centres that are the same for everyone.

    Parameters
    ----------
    raw : RawCohort
        Columns read by role.
    apart : collection of str
        Columns that may be the same for everyone.

    Returns
    -------
    list of Fault
        One for each constant.
    """
    columns: dict[str, Floats | Labels] = dict(raw.covariates)
    if raw.centre is not None and raw.data.centre is not None:
        columns[raw.data.centre] = raw.centre
    faults = []
    for name in [name for name in columns if name not in apart]:
        values = columns[name]
        first = values[0]
        # A missing value is None in text and NaN, which equals nothing, in numbers.
        if first is not None and (values == first).all():
            value = f"'{first}'" if isinstance(first, str) else shown(first)
            problem = f"every row has the same value, {value}"
            remedy = "Leave the column out: what is the same for everyone predicts nothing"
            faults.append(Fault(f"column {name}", problem, remedy))
    return faults


def check_measurements(raw: RawCohort) -> list[Fault]:
    """Return the faults of columns with a declared unit: values that no patient has in it.

    Parameters
    ----------
    raw : RawCohort
        Columns read by role.

    Returns
    -------
    list of Fault
        Unknown quantities and units, and implausible values by their likely cause.
    """
    faults = []
    for name, unit in raw.data.units.items():
        if name not in list(Quantity):
            problem = "a unit is declared, and no quantity of this name can be checked"
            known = ", ".join(sorted(Quantity))
            remedy = f"Rename the column or remove its unit; known quantities are {known}"
            faults.append(Fault(f"[data] units, {name}", problem, remedy))
        elif unit not in units_of(Quantity(name)):
            problem = f"'{unit}' is not a unit of {name}"
            faults.append(
                Fault(f"[data] units, {name}", problem, nearest(unit, units_of(Quantity(name))))
            )
        elif name in raw.laboratory:
            quantity = Quantity(name)
            faults += implausible_values(
                raw.laboratory[name], raw.patient, quantity, Unit(unit), column=name
            )
    return faults


def implausible_values(
    values: Floats, patient: Labels, quantity: Quantity, unit: Unit, *, column: str
) -> list[Fault]:
    """Return the faults of values that no patient has in a unit, by their likely cause.

    Parameters
    ----------
    values : ndarray of float, shape (rows,)
        Values in `unit`; NaN where missing.
    patient : ndarray of str, shape (rows,)
        Patient of each row.
    quantity : Quantity
        What they are.
    unit : Unit
        Their unit.
    column : str
        Name of the column.

    Returns
    -------
    list of Fault
        One for each cause.
    """
    low, high = PLAUSIBLE[quantity, unit]
    symbol = "" if unit is Unit.DIMENSIONLESS else f" {unit}"
    # Laboratory values are rounded, so that few are distinct even where every row is at fault.
    distinct, number = np.unique(values, return_inverse=True)
    kinds: dict[tuple[bool, str], list[int]] = {}
    for fault in check_laboratory(quantity, distinct, unit):
        inside = bool(low <= distinct[fault.position] <= high)
        kinds.setdefault((inside, fault.remedy), []).append(fault.position)
    faults = []
    for (inside, remedy), positions in kinds.items():
        rows = np.flatnonzero(np.isin(number, positions))
        what = f"{are(len(rows))} outside {low:g} to {high:g}{symbol}"
        if inside:
            what = "is not a whole number" if len(rows) == 1 else "are not whole numbers"
        problem = (
            f"{share(len(rows), len(values), 'value')} {what}: "
            f"{cells(map(shown, values[rows[:LISTED]]), patient[rows])}"
        )
        faults.append(Fault(f"column {column}", problem, remedy))
    return faults
