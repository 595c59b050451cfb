"""States of a patient, the steps between them, and strategies of when treatment starts.

The start of treatment under a strategy depends on time, on response or on chance.
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Final

import numpy as np

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.multistate.rows import Transitions
from bayes_ihlrt.spec.states import Transition


@dataclass(frozen=True)
class State:
    """A state in which the patient is event-free.

    Parameters
    ----------
    responded, treated, progressed : bool
        What has happened so far.
    """

    responded: bool
    treated: bool
    progressed: bool

    @property
    def flags(self) -> tuple[bool, bool, bool]:
        """Treatment, response, progression, in the order of `Transitions`."""
        return self.treated, self.responded, self.progressed


@dataclass(frozen=True)
class Move:
    """A step between two states.

    Parameters
    ----------
    source, target : int
        Positions of the states.
    transition : Transition
        Whose hazard it has.
    """

    source: int
    target: int
    transition: Transition


@dataclass(frozen=True)
class StateSpace:
    """All event-free states and the steps between them.

    Parameters
    ----------
    states : tuple of State
        In an order in which no step leads backwards.
    labels : tuple of str
        Their names in results; the event follows as ``"event"``.
    moves : tuple of Move
        Steps of the natural course.
    exits : tuple of Transition
        Whose hazard is that of the event, by state.
    """

    states: tuple[State, ...]
    labels: tuple[str, ...]
    moves: tuple[Move, ...]
    exits: tuple[Transition, ...]

    def position(self, state: State) -> int:
        """Return the position of a state."""
        return self.states.index(state)


def state_space(data: Transitions) -> StateSpace:
    """Return the states of a cohort.

    Parameters
    ----------
    data : Transitions
        Says whether response and progression are states.

    Returns
    -------
    StateSpace
        Two, four or eight states.
    """
    both, one = (False, True), (False,)
    progress = both if data.progression is not None else one
    response = both if data.response is not None else one
    states = tuple(
        State(responded=r, treated=a, progressed=p) for p, r, a in product(progress, response, both)
    )
    moves = []
    for source, state in enumerate(states):
        for transition, target in _steps(state):
            if target in states:
                moves.append(Move(source, states.index(target), transition))
    exits = tuple(
        Transition.AFTER_PROGRESSION if state.progressed else Transition.EVENT for state in states
    )
    return StateSpace(states, tuple(_label(state, data) for state in states), tuple(moves), exits)


def _steps(state: State) -> list[tuple[Transition, State]]:
    """Return what may happen next; after progression only the event."""
    r, a = state.responded, state.treated
    if state.progressed:
        return []
    steps = [(Transition.PROGRESSION, State(responded=r, treated=a, progressed=True))]
    if not r:
        steps.append((Transition.RESPONSE, State(responded=True, treated=a, progressed=False)))
    if not a:
        steps.append((Transition.INITIATION, State(responded=r, treated=True, progressed=False)))
    return steps


def _label(state: State, data: Transitions) -> str:
    words = [data.treatment if state.treated else f"no {data.treatment}"]
    if data.response is not None:
        words.insert(0, data.response if state.responded else f"no {data.response}")
    if state.progressed:
        words.append(str(data.progression))
    return ", ".join(words)


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
