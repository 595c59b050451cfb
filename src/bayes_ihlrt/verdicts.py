"""From a probability to a word: the one scale of everything that is told.

"Probably" is said from a posterior probability on. It is a statement about one side: at 0.95 the
central 90 % interval leaves out no effect, and the 95 % interval may still hold it.
"""

from enum import StrEnum
from typing import Final

SETTLED: Final = 0.95
"""Posterior probability from which something is called probable."""


class Decision(StrEnum):
    """What a posterior probability says of a statement."""

    YES = "yes"
    NO = "no"
    OPEN = "cannot tell"

    @property
    def words(self) -> str:
        """What is told of it."""
        return _WORDS[self]


_WORDS: Final = {
    Decision.YES: "probably yes",
    Decision.NO: "probably no",
    Decision.OPEN: "not settled",
}


def decide(probability: float, threshold: float = SETTLED) -> Decision:
    """Return what a posterior probability says of a statement.

    Parameters
    ----------
    probability : float
        Posterior probability of the statement.
    threshold : float
        Probability, above one half, from which the statement holds; at one minus it, it does not.

    Returns
    -------
    Decision
        ``"cannot tell"`` between the two.

    Examples
    --------
    >>> [decide(p).words for p in (0.96, 0.5, 0.04)]
    ['probably yes', 'not settled', 'probably no']
    """
    if probability >= threshold:
        return Decision.YES
    return Decision.NO if 1.0 - probability >= threshold else Decision.OPEN


def scale_sentence(threshold: float = SETTLED) -> str:
    """Return what the words mean, to be told once beside them.

    Parameters
    ----------
    threshold : float
        Probability from which a statement holds.

    Returns
    -------
    str
        One sentence.

    Examples
    --------
    >>> scale_sentence()
    "'Probably' means a probability of 0.95 or more, as where a 90 % interval (not the 95 % \
interval shown) leaves out no effect; all else is 'not settled'."
    """
    level = f"{100.0 * (2.0 * threshold - 1.0):g} %"
    shown = "" if level == "95 %" else " (not the 95 % interval shown)"
    return (
        f"'Probably' means a probability of {threshold:g} or more, as where a {level} "
        f"interval{shown} leaves out no effect; all else is 'not settled'."
    )
