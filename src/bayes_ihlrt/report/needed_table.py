"""Numbers needed to treat in words: to benefit, to harm, through infinitely many.

References
----------
Altman DG. Confidence intervals for the number needed to treat. BMJ 1998;317:1309-1312,
doi 10.1136/bmj.317.7168.1309.
"""

from collections.abc import Sequence
from typing import Final

from bayes_ihlrt.report.numbers import own_values
from bayes_ihlrt.report.table_model import Column, Record, Table, figure

NEEDED: Final = "number_needed_to_treat"
_MANY: Final = "infinitely many"


def needed_table(rows: Sequence[Record], modifier: str) -> Table:
    """Return the table of numbers needed to treat.

    Parameters
    ----------
    rows : sequence of mapping
        Estimands of ``result.json`` named ``number_needed_to_treat``.
    modifier : str
        Name of the effect modifier; empty for none.

    Returns
    -------
    Table
        One row for each month and value of the modifier.
    """
    columns = [figure("Event-free at month", "horizon", 0)]
    if modifier:
        columns.append(
            Column(
                modifier,
                lambda row: (
                    own_values(row["population"]) if row["at"] is None else f"{row['at']:g}"
                ),
                "at",
            )
        )
    columns.append(
        Column("Patients treated for one more to be event-free (95 %)", _words, "median")
    )
    note = (
        "One over the difference in survival. To harm: for one fewer to be event-free. Where the "
        "difference may be of either sign, the interval runs through infinitely many."
    )
    return Table("needed", "Number needed to treat", tuple(columns), tuple(rows), note)


def needed_words(middle: float | None, low: float | None, high: float | None) -> str:
    """Return a number needed to treat with its interval.

    Parameters
    ----------
    middle : float or None
        One over the median difference; None where that is 0.
    low, high : float or None
        One over the upper and the lower limit of the difference.

    Returns
    -------
    str
        In words.

    Examples
    --------
    >>> needed_words(9.2, 5.1, 40.0)
    '9 to benefit (5 to 40)'
    >>> needed_words(9.2, 5.1, -30.0)
    '9 to benefit (5 to benefit, through infinitely many, to 30 to harm)'
    >>> needed_words(-10.0, -20.0, -5.0)
    '10 to harm (5 to 20)'
    """
    ends = [value for value in (low, high) if value is not None]
    if len(ends) == 2 and ends[0] * ends[1] > 0.0:
        least, most = sorted(abs(value) for value in ends)
        return f"{_told(middle)} ({least:,.0f} to {most:,.0f})"
    return f"{_told(middle)} ({_told(low)}, through {_MANY}, to {_told(high)})"


def _words(record: Record) -> str:
    return needed_words(record["median"], record["q2.5"], record["q97.5"])


def _told(value: float | None) -> str:
    if value is None:
        return _MANY
    return f"{abs(value):,.0f} to {'benefit' if value > 0.0 else 'harm'}"
