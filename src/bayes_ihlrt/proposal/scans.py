"""Two columns of scans between which an event happened: the last without it, the first with it."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from bayes_ihlrt.clinical.column_names import has
from bayes_ihlrt.proposal.role_guesses import Column, Guess

_SCAN: Final = (
    r"scans?|imaging|ct|mri|mrt|irm|bildgebung|staging|restaging|kontrolle|visite?|assessment|"
    r"untersuchung|left|right|links|rechts"
)
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
    able = [c for c in columns if has(c.words, _SCAN) and (c.dates or c.numeric)]
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


def _in_order(left: Column, right: Column) -> bool:
    both = np.isfinite(left.cells.numbers) & np.isfinite(right.cells.numbers)
    if not both.any():
        return False
    return bool((left.cells.numbers[both] < right.cells.numbers[both]).mean() >= _ORDERED)
