"""Treatment strategies whose start depends on time, on response or on chance."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from bayes_ihlrt.errors import Fault, SpecificationError


class Rule(StrEnum):
    """How a strategy decides on the start of treatment."""

    NEVER = "never"
    """Nobody is treated."""
    FROM = "from"
    """Nobody before a month; in it all who are event-free start."""
    WITHIN = "within"
    """Treatment starts as it does in the cohort until a month; in it all untreated start."""
    AT_RESPONSE = "at-response"
    """Treatment starts with response, and otherwise never."""
    AS_OBSERVED = "as-observed"
    """Treatment starts as it does in the cohort: the natural course."""


_WITH_MONTH: Final = {Rule.FROM: "from month", Rule.WITHIN: "within month"}


@dataclass(frozen=True)
class Course:
    """A treatment strategy: a rule, and the month that it names.

    Where progression is one of the states, only the progression-free start treatment.

    Parameters
    ----------
    rule : Rule
        How the start of treatment is decided.
    month : float
        For ``from`` and ``within``: months since therapy start; infinite for the other rules.

    Raises
    ------
    SpecificationError
        When the rule needs a month and has none, or has one that it does not use.

    Examples
    --------
    >>> Course(Rule.WITHIN, 3.0).name
    'within month 3'
    >>> Course(Rule.NEVER).name
    'never'
    """

    rule: Rule
    month: float = np.inf

    def __post_init__(self) -> None:
        """Check that the month belongs to the rule."""
        needed = self.rule in _WITH_MONTH
        finite = bool(np.isfinite(self.month)) and self.month >= 0.0
        if needed and not finite:
            problem = f"rule '{self.rule.value}' needs a month; found {self.month}"
            remedy = "Give the months since therapy start, 0 or more"
        elif not needed and self.month != np.inf:
            problem = f"rule '{self.rule.value}' uses no month; found {self.month:g}"
            remedy = "Leave the month out"
        else:
            return
        raise SpecificationError("strategy", [Fault("month", problem, remedy)])

    @property
    def name(self) -> str:
        """Label in results, e.g. ``"from month 3"`` or ``"as observed"``."""
        if self.rule in _WITH_MONTH:
            return f"{_WITH_MONTH[self.rule]} {self.month:g}"
        return self.rule.value.replace("-", " ")

    @property
    def follows_cohort(self) -> bool:
        """Whether treatment starts, at first or throughout, as it does in the cohort."""
        return self.rule in {Rule.WITHIN, Rule.AS_OBSERVED}


UNTREATED: Final = Course(Rule.NEVER)
AT_RESPONSE: Final = Course(Rule.AT_RESPONSE)
AS_OBSERVED: Final = Course(Rule.AS_OBSERVED)


def from_month(month: float) -> Course:
    """Return the strategy "nobody is treated before this month, all who are event-free in it".

    Parameters
    ----------
    month : float
        Months since therapy start, 0 or more.

    Returns
    -------
    Course
        Named ``"from month <m>"``.

    Examples
    --------
    >>> from_month(3).name
    'from month 3'
    """
    return Course(Rule.FROM, float(month))


def within(month: float) -> Course:
    """Return the strategy "as in the cohort until this month, all who are still untreated in it".

    Parameters
    ----------
    month : float
        Months since therapy start, 0 or more.

    Returns
    -------
    Course
        Named ``"within month <m>"``.

    Examples
    --------
    >>> within(6.0).name
    'within month 6'
    """
    return Course(Rule.WITHIN, float(month))
