"""Numbers and intervals as text."""

from typing import Final

SETTLED: Final = 0.95
"""Posterior probability from which a direction is called settled."""


def interval(
    low: float | None, high: float | None, *, digits: int, missing: str = "not reached"
) -> str:
    """Return an interval in words.

    Parameters
    ----------
    low, high : float or None
        Its ends; None where infinite or not defined.
    digits : int
        Decimals.
    missing : str
        What to say for None.

    Returns
    -------
    str
        For example ``"0.35 to 1.03"``.

    Examples
    --------
    >>> interval(0.354, 1.031, digits=2), interval(12.0, None, digits=1)
    ('0.35 to 1.03', '12.0 to not reached')
    >>> interval(None, None, digits=1)
    'not reached'
    """
    if low is None and high is None:
        return missing
    return f"{number(low, digits, missing=missing)} to {number(high, digits, missing=missing)}"


def number(value: float | None, digits: int, *, missing: str = "not reached") -> str:
    """Return a number with fixed decimals and without a negative zero.

    Parameters
    ----------
    value : float or None
        None where infinite or not defined.
    digits : int
        Decimals.
    missing : str
        What to say for None.

    Returns
    -------
    str
        The number, or `missing`.

    Examples
    --------
    >>> number(-0.004, 2), number(None, 1)
    ('0.00', 'not reached')
    """
    return missing if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def chance_words(probability: float) -> str:
    """Return a probability in two digits, never as certainty.

    Parameters
    ----------
    probability : float
        Between 0 and 1.

    Returns
    -------
    str
        For example ``"0.93"``.

    Examples
    --------
    >>> chance_words(0.93), chance_words(1.0)
    ('0.93', 'above 0.99')
    """
    if probability > 0.995:
        return "above 0.99"
    return "below 0.01" if probability < 0.005 else f"{probability:.2f}"


def own_values(population: str) -> str:
    """Return what is said in the place of a value of the modifier where patients keep their own.

    Parameters
    ----------
    population : str
        Who is averaged over.

    Returns
    -------
    str
        For a column of values.
    """
    return "cohort's own" if population in {"sample", "bootstrap"} else "their own"
