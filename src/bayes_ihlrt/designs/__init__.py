"""Floor 2: from a cohort to person-time."""

from bayes_ihlrt.designs.build import emulate, person_time
from bayes_ihlrt.designs.decisions import Decisions, decisions
from bayes_ihlrt.designs.emulation import Emulation
from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.designs.transition_rows import Transition
from bayes_ihlrt.designs.transitions import Transitions, transitions

__all__ = [
    "Decisions",
    "Emulation",
    "PersonTime",
    "Provenance",
    "Transition",
    "Transitions",
    "decisions",
    "emulate",
    "person_time",
    "transitions",
]
