"""Bounds: of draws that are to be trusted, of labels, and of cores that this process may use."""

import os
from typing import Final

MAX_R_HAT: Final = 1.01
MIN_ESS: Final = 400.0
MAX_K_HAT: Final = 0.7
"""Pareto shape above which importance weights are not to be trusted."""
MAX_FAILED: Final = 0.01
"""Share of members (bootstrap draws without a mode, approximate posteriors that are no good) above
which the others are not to be trusted."""

LONGEST_LABEL: Final = 80
"""Characters of a label: more than a table's column, an axis or a sentence has room for."""


def available_cores() -> int:
    """Return the number of cores that this process may use.

    Returns
    -------
    int
        Those it is bound to, where the system tells (Linux); all cores elsewhere.
    """
    bound = getattr(os, "sched_getaffinity", None)
    return len(bound(0)) if bound else os.cpu_count() or 1
