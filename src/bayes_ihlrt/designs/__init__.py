"""Floor 2: from a cohort to person-time."""

from bayes_ihlrt.designs.fixed_start import person_time
from bayes_ihlrt.designs.person_time import PersonTime, Provenance

__all__ = ["PersonTime", "Provenance", "person_time"]
