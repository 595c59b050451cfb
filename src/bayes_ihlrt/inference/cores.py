"""How many cores this process may use."""

import os


def available_cores() -> int:
    """Return the number of cores that this process may use.

    Returns
    -------
    int
        Those it is bound to, where the system tells (Linux); all cores elsewhere.
    """
    bound = getattr(os, "sched_getaffinity", None)
    return len(bound(0)) if bound else os.cpu_count() or 1
