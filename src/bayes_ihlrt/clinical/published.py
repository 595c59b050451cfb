"""Hazard ratios as they are printed in papers, turned the usual way."""

from enum import StrEnum
from math import inf, log

from bayes_ihlrt.clinical.readings import raise_faults
from bayes_ihlrt.errors import Fault, nearest


class Direction(StrEnum):
    """What a printed number is: the hazard ratio of the factor, or its inverse."""

    HAZARD_RATIO = "HR"
    INVERSE = "1/HR"


def published_hazard_ratio(value: float, *, direction: str) -> float:
    """Return the log hazard ratio of a printed value, positive where the factor is adverse.

    log HR = log(value) where the paper prints HR, -log(value) where it prints 1/HR. Some papers
    print favourable factors above 1: the direction must be read from the text and stated.

    Parameters
    ----------
    value : float
        The printed number.
    direction : str
        ``"HR"`` or ``"1/HR"`` (`Direction`).

    Returns
    -------
    float
        Log hazard ratio of having the factor.

    Raises
    ------
    DataError
        If the value is not positive and finite, or the direction is unknown.

    References
    ----------
    Tajiri K et al. Cancers 2026;18:1021, doi 10.3390/cancers18061021, prints 1/HR.

    Examples
    --------
    >>> from math import exp
    >>> round(exp(published_hazard_ratio(1.62, direction="1/HR")), 3)
    0.617
    """
    faults = []
    if not 0.0 < value < inf:
        problem = f"{value:g} cannot be a hazard ratio"
        faults.append(Fault("value", problem, "Give the printed ratio, above 0, not its logarithm"))
    if direction not in list(Direction):
        hint = nearest(direction, Direction)
        faults.append(Fault("direction", f"found '{direction}'", hint))
    raise_faults("published hazard ratio", faults)
    return log(value) if direction == Direction.HAZARD_RATIO else -log(value)
