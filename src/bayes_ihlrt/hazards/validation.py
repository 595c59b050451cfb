"""Checks of the times at which a hazard changes shape."""

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite

from bayes_ihlrt.errors import Fault


def cut_faults(where: str, cuts: Sequence[float]) -> list[Fault]:
    """Return what is wrong with cut points that must be positive, finite and increasing.

    Parameters
    ----------
    where : str
        Name of the option, for the message.
    cuts : sequence of float
        Times in months.

    Returns
    -------
    list of Fault
        Empty when all is well.
    """
    faults = [
        Fault(
            where,
            f"found {cut:g}, which is not a time after 0",
            "Give every time as a positive, finite number of months; the start, 0, is implied",
        )
        for cut in cuts
        if not (isfinite(cut) and cut > 0)
    ]
    faults += [
        Fault(
            where,
            f"{later:g} follows {earlier:g}",
            "List the times in increasing order, each one once",
        )
        for earlier, later in pairwise(cuts)
        if later <= earlier
    ]
    return faults
