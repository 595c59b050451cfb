"""Two columns of scans between which an event happened: the last without it, the first with it."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from bayes_ihlrt.clinical.column_names import END, EVENT, TIME, Role, has
from bayes_ihlrt.proposal.role_guesses import OPEN, Column, Guess

_SCAN: Final = (
    r"scans?|imaging|ct|mri|mrt|irm|bildgebung|staging|restaging|kontrolle|visite?|assessment|"
    r"untersuchung"
)
_MEASURED: Final = (
    r"volum\w*|lob\w*|leberlappen|lappen|diamet\w*|durchmesser|size|contrast|kontrast\w*|ml|cc|cm"
)
"""What a scan measures, and how it is made: such a column is not the time of one."""
_FREE: Final = r"without|ohne|sans|sin|senza|free|negative?|left|links|stable|before"
_FOUND: Final = r"with|mit|avec|con|found|positive?|right|rechts|progress\w*|pd|progres\w*"
_ORDERED: Final = 0.95
"""Share of patients with both scans in whom the first has to be the earlier."""


def scan_pair(columns: Sequence[Column]) -> tuple[Guess, Guess] | None:
    """Return the scans between which the event happened, where two columns are clearly that.

    Parameters
    ----------
    columns : sequence of Column
        Columns that have no other role.

    Returns
    -------
    tuple of Guess or None
        The last scan without the event and the one that found it: by their names, one of each, in
        the order of time, the latter empty where the event was not found.
    """
    able = [c for c in columns if has(c.words, _SCAN) and not has(c.words, _MEASURED)]
    able = [c for c in able if c.dates or c.numeric]
    free = [c for c in able if has(c.words, _FREE)]
    found = [c for c in able if c not in free and has(c.words, _FOUND) and not c.complete]
    if len(free) != 1 or len(found) != 1 or free[0].dates != found[0].dates:
        return None
    left, right = free[0], found[0]
    if not left.dates and not _in_order(left, right):
        return None
    many = f"{right.known} of {len(right.labels)} rows have one"
    return (
        Guess(left.name, "by its name, the last scan without the event"),
        Guess(right.name, f"by its name, the scan that found the event; {many}"),
    )


def either_event(
    pair: tuple[Guess, Guess], time: Guess, event: Guess, columns: Sequence[Column]
) -> tuple[Guess, Guess] | None:
    """Return the question which event is meant, where the file tells another one too.

    Parameters
    ----------
    pair : tuple of Guess
        From `scan_pair`.
    time, event : Guess
        Follow-up and how it ended, as if there were no scans.
    columns : sequence of Column
        Columns by whose names both were sought.

    Returns
    -------
    tuple of Guess or None
        The time, and an open question of the event; a column of scans among the choices stands for
        both. None where no other column is named as a time, or none as an event.
    """
    times, events = _named(time, columns, TIME, END), _named(event, columns, EVENT)
    if not times or not events:
        return None
    left, right = (guess.value for guess in pair)
    why = (
        f"Which event is meant: that of {' or '.join(events)}, at {' or '.join(times)}; or that "
        f'found between two scans? Then write event = {{ left = "{left}", right = "{right}" }} '
        "without time."
    )
    if time.open:
        time = Guess(OPEN, time.why, (*time.choices, right))
    return time, Guess(OPEN, why, (*events, left))


def _named(guess: Guess, columns: Sequence[Column], *roles: Role) -> tuple[str, ...]:
    """What was decided, or the choices whose names mean the role."""
    if not guess.open:
        return (guess.value,)
    meant = {c.name for c in columns if any(c.may_be(role) for role in roles)}
    return tuple(name for name in guess.choices if name in meant)


def _in_order(left: Column, right: Column) -> bool:
    both = np.isfinite(left.cells.numbers) & np.isfinite(right.cells.numbers)
    if not both.any():
        return False
    return bool((left.cells.numbers[both] < right.cells.numbers[both]).mean() >= _ORDERED)
