"""Decisions from posterior probabilities, with room for "we cannot tell"."""

from enum import StrEnum


class Decision(StrEnum):
    """What a posterior probability says of a statement."""

    YES = "yes"
    NO = "no"
    OPEN = "cannot tell"


def decide(probability: float, threshold: float) -> Decision:
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
    >>> [decide(p, 0.95).value for p in (0.96, 0.5, 0.04)]
    ['yes', 'cannot tell', 'no']
    """
    if probability >= threshold:
        return Decision.YES
    return Decision.NO if probability <= 1.0 - threshold else Decision.OPEN
