"""Laboratory values as they are given, read in conventional units with all their faults.

The units of each quantity, their conversions and the ranges that a patient can have are here too.
Numbers, words and yes/no entries get a fault for each that cannot be read.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from numbers import Real
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bayes_ihlrt.clinical.containers import FloatArray, TextArray, check_alignment, items_of, place
from bayes_ihlrt.errors import DataError, Fault, nearest


class Quantity(StrEnum):
    """What is measured, counted or scored."""

    BILIRUBIN = "bilirubin"
    ALBUMIN = "albumin"
    INR = "inr"
    NEUTROPHILS = "neutrophils"
    LYMPHOCYTES = "lymphocytes"
    NLR = "nlr"
    AFP = "afp"
    CRP = "crp"
    LARGEST_DIAMETER = "largest_diameter"
    NODULES = "nodules"
    SUM_OF_DIAMETERS = "sum_of_diameters"
    ALBI = "albi"
    CHILD_PUGH = "child_pugh"


class Unit(StrEnum):
    """Unit in which a quantity is recorded; `DIMENSIONLESS` for ratios, counts and scores."""

    MG_PER_DL = "mg/dL"
    UMOL_PER_L = "umol/L"
    G_PER_DL = "g/dL"
    G_PER_L = "g/L"
    MG_PER_L = "mg/L"
    NG_PER_ML = "ng/mL"
    UG_PER_L = "ug/L"
    GIGA_PER_L = "10^9/L"
    THOUSAND_PER_UL = "10^3/uL"
    PER_UL = "/uL"
    CM = "cm"
    MM = "mm"
    DIMENSIONLESS = "1"


# The first unit of a quantity is its conventional one. A limit is set where a patient with
# hepatocellular carcinoma cannot be, and, as far as that allows, where a usual mistake lands:
#   bilirubin    0.1 mg/dL is the least a laboratory prints; 30 is ten times the Child-Pugh limit,
#                so umol/L declared as mg/dL is caught in any patient above 1.8 mg/dL.
#   albumin      the two ranges do not overlap: every exchange of g/dL and g/L is caught.
#   INR          catches prothrombin activity (%) and prothrombin time (11 to 14 s).
#   neutrophils  catches a differential (50 % and more) and cells/uL given as 10^9/L.
#   lymphocytes  catches a differential and cells/uL; above 15 is lymphocytosis of another disease.
#   NLR          0.05 and 100 bound agranulocytosis and septic shock; catches platelet ratios.
#   AFP, CRP     0 is a rounded value below the limit of detection. CRP in mg/L declared as mg/dL
#                cannot be told from inflammation below 600 mg/L.
#   diameters    under 5 mm a nodule cannot be called HCC; 30 cm exceeds any liver.
PLAUSIBLE: Final[Mapping[tuple[Quantity, Unit], tuple[float, float]]] = MappingProxyType(
    {
        (Quantity.BILIRUBIN, Unit.MG_PER_DL): (0.1, 30.0),
        (Quantity.BILIRUBIN, Unit.UMOL_PER_L): (1.71, 513.0),
        (Quantity.ALBUMIN, Unit.G_PER_DL): (1.0, 6.0),
        (Quantity.ALBUMIN, Unit.G_PER_L): (10.0, 60.0),
        (Quantity.INR, Unit.DIMENSIONLESS): (0.5, 10.0),
        (Quantity.NEUTROPHILS, Unit.GIGA_PER_L): (0.1, 50.0),
        (Quantity.NEUTROPHILS, Unit.THOUSAND_PER_UL): (0.1, 50.0),
        (Quantity.NEUTROPHILS, Unit.PER_UL): (100.0, 50_000.0),
        (Quantity.LYMPHOCYTES, Unit.GIGA_PER_L): (0.05, 15.0),
        (Quantity.LYMPHOCYTES, Unit.THOUSAND_PER_UL): (0.05, 15.0),
        (Quantity.LYMPHOCYTES, Unit.PER_UL): (50.0, 15_000.0),
        (Quantity.NLR, Unit.DIMENSIONLESS): (0.05, 100.0),
        (Quantity.AFP, Unit.NG_PER_ML): (0.0, 1e7),
        (Quantity.AFP, Unit.UG_PER_L): (0.0, 1e7),
        (Quantity.CRP, Unit.MG_PER_DL): (0.0, 60.0),
        (Quantity.CRP, Unit.MG_PER_L): (0.0, 600.0),
        (Quantity.LARGEST_DIAMETER, Unit.CM): (0.5, 30.0),
        (Quantity.LARGEST_DIAMETER, Unit.MM): (5.0, 300.0),
        (Quantity.NODULES, Unit.DIMENSIONLESS): (1.0, 200.0),
        (Quantity.SUM_OF_DIAMETERS, Unit.MM): (0.0, 600.0),
        (Quantity.SUM_OF_DIAMETERS, Unit.CM): (0.0, 60.0),
        (Quantity.ALBI, Unit.DIMENSIONLESS): (-5.0, 1.0),
        (Quantity.CHILD_PUGH, Unit.DIMENSIONLESS): (5.0, 15.0),
    }
)

# Number of these units in one conventional unit of the quantity; 1 where a pair is not named.
_PER_CONVENTIONAL: Final[Mapping[tuple[Quantity, Unit], float]] = MappingProxyType(
    {
        (Quantity.BILIRUBIN, Unit.UMOL_PER_L): 17.1,
        (Quantity.ALBUMIN, Unit.G_PER_L): 10.0,
        (Quantity.NEUTROPHILS, Unit.PER_UL): 1000.0,
        (Quantity.LYMPHOCYTES, Unit.PER_UL): 1000.0,
        (Quantity.CRP, Unit.MG_PER_L): 10.0,
        (Quantity.LARGEST_DIAMETER, Unit.MM): 10.0,
        (Quantity.SUM_OF_DIAMETERS, Unit.CM): 0.1,
    }
)

_WHOLE: Final = frozenset({Quantity.NODULES, Quantity.CHILD_PUGH})


class LaboratoryFault(NamedTuple):
    """One value that a patient cannot have."""

    position: int
    problem: str
    remedy: str


def units_of(quantity: Quantity) -> tuple[Unit, ...]:
    """Return the units in which a quantity may be declared, the conventional one first.

    Parameters
    ----------
    quantity : Quantity
        What is measured.

    Returns
    -------
    tuple of Unit
        The allowed units.

    Examples
    --------
    >>> [str(unit) for unit in units_of(Quantity.ALBUMIN)]
    ['g/dL', 'g/L']
    """
    return tuple(unit for of, unit in PLAUSIBLE if of == quantity)


def check_unit(quantity: Quantity, unit: str) -> list[Fault]:
    """Return the fault of a unit in which the quantity cannot be declared; none if it can.

    Parameters
    ----------
    quantity : Quantity
        What is measured.
    unit : str
        The declared unit.

    Returns
    -------
    list of Fault
        One fault, or none.

    Examples
    --------
    >>> print(check_unit(Quantity.ALBUMIN, "g/l")[0])
    albumin: the unit 'g/l' is not known for it. Did you mean 'g/L'? Allowed: g/L, g/dL.
    """
    if unit in units_of(quantity):
        return []
    hint = nearest(str(unit), units_of(quantity))
    return [Fault(str(quantity), f"the unit '{unit}' is not known for it", hint)]


def in_conventional_unit[A: (float, np.ndarray)](quantity: Quantity, values: A, unit: str) -> A:
    """Convert values to the quantity's conventional unit.

    Bilirubin umol/L / 17.1 = mg/dL; albumin g/L / 10 = g/dL; CRP mg/L / 10 = mg/dL.

    Parameters
    ----------
    quantity : Quantity
        What is measured.
    values : float or ndarray
        Values in `unit`.
    unit : str
        Their unit, one of ``units_of(quantity)``.

    Returns
    -------
    float or ndarray
        The values in ``units_of(quantity)[0]``.

    Examples
    --------
    >>> in_conventional_unit(Quantity.ALBUMIN, 38.0, "g/L")
    3.8
    """
    return values / _PER_CONVENTIONAL.get((quantity, Unit(unit)), 1.0)


def check_laboratory(quantity: str, values: ArrayLike, unit: str) -> list[LaboratoryFault]:
    """Find the values outside `PLAUSIBLE`: impossible, or in another unit than declared.

    Missing values (NaN) are not faults. Counts and points must also be whole numbers.

    Parameters
    ----------
    quantity : str
        A `Quantity` or its text.
    values : array-like of float
        Values in `unit`, of any shape.
    unit : str
        The declared `Unit` or its text.

    Returns
    -------
    list of LaboratoryFault
        ``(position, problem, remedy)`` for each fault; the position is in the flattened values.

    Raises
    ------
    DataError
        If the quantity is unknown, or cannot be declared in that unit.

    Examples
    --------
    >>> check_laboratory("albumin", [3.8, 38.0], "g/dL")[0].problem
    'albumin 38 g/dL is outside 1 to 6 g/dL'
    """
    if quantity not in list(Quantity):
        hint = nearest(str(quantity), Quantity)
        raise DataError("laboratory values", [Fault(str(quantity), "is not a quantity", hint)])
    what = Quantity(quantity)
    if wrong_unit := check_unit(what, unit):
        raise DataError("laboratory values", wrong_unit)
    declared = Unit(unit)
    low, high = PLAUSIBLE[what, declared]
    flat = np.asarray(values, dtype=np.float64).ravel()
    outside = (flat < low) | (flat > high)
    broken = np.isfinite(flat) & (flat != np.round(flat)) & (what in _WHOLE)
    return [
        _describe(what, declared, float(flat[i]), position=int(i))
        for i in np.flatnonzero(outside | broken)
    ]


def _describe(quantity: Quantity, unit: Unit, value: float, *, position: int) -> LaboratoryFault:
    low, high = PLAUSIBLE[quantity, unit]
    symbol = "" if unit == Unit.DIMENSIONLESS else f" {unit}"
    found = f"{quantity} {value:g}{symbol}"
    if low <= value <= high:
        return LaboratoryFault(position, f"{found} is not a whole number", "Give a whole number")
    problem = f"{found} is outside {low:g} to {high:g}{symbol}"
    others = [
        f"'{other}'"
        for other in units_of(quantity)
        if PLAUSIBLE[quantity, other][0] <= value <= PLAUSIBLE[quantity, other][1]
    ]
    mend = "Correct the value, or leave it empty if it is not known"
    if others:
        mend = f"It would be plausible in {' or '.join(others)}: declare that unit; otherwise " + (
            mend[0].lower() + mend[1:]
        )
    return LaboratoryFault(position, problem, mend)


def read_numbers(name: str, values: object) -> tuple[FloatArray, list[Fault]]:
    """Read a container of numbers; missing becomes NaN, and so does what is at fault.

    Parameters
    ----------
    name : str
        Name used in faults.
    values : object
        A number, an array or a Series.

    Returns
    -------
    numbers : ndarray of float
        Same shape as `values`.
    faults : list of Fault
        One for each entry that is not a number.

    Examples
    --------
    >>> numbers, faults = read_numbers("albumin", ["3,8", None, 4.1])
    >>> numbers.tolist(), str(faults[0])
    ([nan, nan, 4.1], "albumin[0]: found '3,8', not a number. Give a number, or leave it empty.")
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiu":
        return values.astype(np.float64), []
    items = items_of(values)
    faults = []
    numbers = np.full(items.shape, np.nan)
    for index, item in enumerate(items.flat):
        if item is None:
            continue
        if isinstance(item, bool) or not isinstance(item, Real):
            remedy = "Give a number, or leave it empty"
            faults.append(
                Fault(place(name, values, index), f"found {item!r}, not a number", remedy)
            )
        else:
            numbers.flat[index] = float(item)
    return numbers, faults


def read_words(
    name: str, values: object, *, allowed: type[StrEnum]
) -> tuple[TextArray, list[Fault]]:
    """Read a container of words from a closed set; missing becomes None.

    Parameters
    ----------
    name : str
        Name used in faults.
    values : object
        A word, an array or a Series of words.
    allowed : type of StrEnum
        The closed set.

    Returns
    -------
    words : ndarray of object
        Same shape as `values`.
    faults : list of Fault
        One for each entry outside the set.
    """
    items = items_of(values)
    faults = [
        Fault(
            place(name, values, index),
            f"found {item!r}, which is not one of its words",
            nearest(str(item), allowed),
        )
        for index, item in enumerate(items.flat)
        if item is not None and item not in list(allowed)
    ]
    return items, faults


def read_flags(name: str, values: object) -> tuple[FloatArray, list[Fault]]:
    """Read a container of yes and no as 1 and 0; missing becomes NaN.

    Parameters
    ----------
    name : str
        Name used in faults.
    values : object
        A bool, an array or a Series of bools (or of 0 and 1).

    Returns
    -------
    flags : ndarray of float
        Same shape as `values`.
    faults : list of Fault
        One for each entry that is neither.

    Examples
    --------
    >>> read_flags("new_lesion", [True, False, None])[0].tolist()
    [1.0, 0.0, nan]
    """
    items = items_of(values)
    flags = np.full(items.shape, np.nan)
    faults = []
    for index, item in enumerate(items.flat):
        if item in (True, False):
            flags.flat[index] = float(item)
        elif item is not None:
            problem = f"found {item!r}, neither yes nor no"
            remedy = "Give true or false (1 or 0), or leave it empty"
            faults.append(Fault(place(name, values, index), problem, remedy))
    return flags, faults


def read_quantity(
    quantity: Quantity, values: object, *, unit: str, name: str
) -> tuple[FloatArray, list[Fault]]:
    """Read one quantity in its conventional unit, with every fault of unit and value.

    Parameters
    ----------
    quantity : Quantity
        What is measured.
    values : object
        A number, an array or a Series of values in `unit`.
    unit : str
        The declared unit.
    name : str
        Name used in faults.

    Returns
    -------
    numbers : ndarray of float
        Values in the conventional unit, same shape as `values`.
    faults : list of Fault
        Every fault that was found.

    Examples
    --------
    >>> read_quantity(Quantity.BILIRUBIN, [34.2], unit="umol/L", name="bilirubin")
    (array([2.]), [])
    """
    numbers, faults = read_numbers(name, values)
    if wrong_unit := check_unit(quantity, unit):
        return numbers, faults + wrong_unit
    faults += [
        Fault(place(name, values, fault.position), fault.problem, fault.remedy)
        for fault in check_laboratory(quantity, numbers, unit)
    ]
    return in_conventional_unit(quantity, numbers, unit), faults


def read_quantities(
    given: Mapping[Quantity, tuple[object, str]],
) -> tuple[dict[Quantity, FloatArray], list[Fault]]:
    """Read the quantities of one calculation.

    Parameters
    ----------
    given : mapping of Quantity to (values, unit)
        The inputs and their declared units.

    Returns
    -------
    numbers : dict of Quantity to ndarray
        Values in conventional units.
    faults : list of Fault
        Every fault of unit, value and alignment.
    """
    faults = check_alignment({str(of): values for of, (values, _) in given.items()})
    numbers = {}
    for quantity, (values, unit) in given.items():
        numbers[quantity], found = read_quantity(quantity, values, unit=unit, name=str(quantity))
        faults += found
    return numbers, faults


def raise_faults(subject: str, faults: Iterable[Fault]) -> None:
    """Raise all the faults at once, each of them once, if there are any.

    Parameters
    ----------
    subject : str
        What was being computed.
    faults : iterable of Fault
        The faults; may be empty.

    Raises
    ------
    DataError
        If there is at least one fault.
    """
    found = tuple(dict.fromkeys(faults))
    if found:
        raise DataError(subject, found)
