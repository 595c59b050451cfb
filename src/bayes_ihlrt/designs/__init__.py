"""Floor 2: from a cohort to person-time."""

from bayes_ihlrt.designs.build import emulate, person_time
from bayes_ihlrt.designs.decisions import Decisions, decisions
from bayes_ihlrt.designs.emulation import Emulation
from bayes_ihlrt.designs.person_time import PersonTime, Provenance

__all__ = [
    "Decisions",
    "Emulation",
    "PersonTime",
    "Provenance",
    "decisions",
    "emulate",
    "person_time",
]
