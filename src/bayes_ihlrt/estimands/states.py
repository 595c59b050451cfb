"""The states of a patient, and which hazard leads from one to another."""

from dataclasses import dataclass
from itertools import product

from bayes_ihlrt.designs.transition_rows import Transition
from bayes_ihlrt.designs.transitions import Transitions


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
