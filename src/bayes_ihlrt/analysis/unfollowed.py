"""Who is treated and not followed from there, in sentences."""

from bayes_ihlrt.data.listing import counted
from bayes_ihlrt.designs.person_time import PersonTime


def starts_left_out(rows: PersonTime) -> list[str]:
    """Return how many controls are not followed from their own treatment on, and why.

    Parameters
    ----------
    rows : PersonTime
        Rows of a design.

    Returns
    -------
    list of str
        One sentence a reason; empty where every start counts.
    """
    reasons = list(rows.provenance.unfollowed.values())
    return [
        f"{counted(reasons.count(reason), 'control', 'controls')} not followed from the start of "
        f"their own treatment on: {reason}."
        for reason in dict.fromkeys(reasons)
    ]
