"""Laboratory values as they are given, read in conventional units with all their faults."""

from collections.abc import Iterable, Mapping

from bayes_ihlrt.clinical.containers import FloatArray, check_alignment, place
from bayes_ihlrt.clinical.entries import read_numbers
from bayes_ihlrt.clinical.units import Quantity, check_laboratory, check_unit, in_conventional_unit
from bayes_ihlrt.errors import DataError, Fault


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
