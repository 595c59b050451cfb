"""Rules on covariates: names, constants, and laboratory values that no patient has."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from bayes_ihlrt.clinical import (
    PLAUSIBLE,
    Quantity,
    Unit,
    check_laboratory,
    units_of,
)
from bayes_ihlrt.data.listing import LISTED, are, cells, share, shown
from bayes_ihlrt.data.raw import Floats, Labels, RawCohort, Role, named_columns
from bayes_ihlrt.data.schema import RESERVED_NAMES, DataSpec, TreatmentSpec
from bayes_ihlrt.errors import Fault, nearest

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
    roles = {column: role for role, column in named_columns(data, treatment).items()}
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


def check_constants(raw: RawCohort) -> list[Fault]:
    """Return the faults of covariates and centres that are the same for everyone.

    Parameters
    ----------
    raw : RawCohort
        Columns read by role.

    Returns
    -------
    list of Fault
        One for each constant.
    """
    columns: dict[str, Floats | Labels] = dict(raw.covariates)
    if raw.centre is not None and raw.data.centre is not None:
        columns[raw.data.centre] = raw.centre
    faults = []
    for name, values in columns.items():
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
            faults += _implausible(raw, Quantity(name), Unit(unit))
    return faults


def _implausible(raw: RawCohort, quantity: Quantity, unit: Unit) -> list[Fault]:
    values = raw.laboratory[quantity.value]
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
            f"{cells(map(shown, values[rows[:LISTED]]), raw.patient[rows])}"
        )
        faults.append(Fault(f"column {quantity}", problem, remedy))
    return faults
