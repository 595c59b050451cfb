"""The package's vocabulary: closed sets of choices and the dimension names of results."""

from enum import StrEnum
from typing import Final


class TimeUnit(StrEnum):
    """Unit of the time columns of an input file; inside the package time is in months."""

    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"

    @property
    def months(self) -> float:
        """Length of one unit in months (1 month = 30.4375 days)."""
        return _MONTHS[self]


DAYS_PER_MONTH: Final = 30.4375

_MONTHS: Final = {
    TimeUnit.DAYS: 1.0 / DAYS_PER_MONTH,
    TimeUnit.WEEKS: 7.0 / DAYS_PER_MONTH,
    TimeUnit.MONTHS: 1.0,
    TimeUnit.YEARS: 12.0,
}


class DesignKind(StrEnum):
    """How a treatment that starts during follow-up becomes person-time."""

    SPLIT = "split"
    LANDMARK = "landmark"
    EVER_NEVER = "ever-never"
    FIXED = "fixed"


class ModifierTransform(StrEnum):
    """Scale on which the effect modifier enters the linear predictor."""

    LOG2 = "log2"
    IDENTITY = "identity"
    STANDARDISE = "standardise"


class HazardFamily(StrEnum):
    """Shape of the baseline hazard."""

    EXPONENTIAL = "exponential"
    WEIBULL = "weibull"
    GOMPERTZ = "gompertz"
    PIECEWISE = "piecewise"
    MSPLINE = "mspline"


class Smoothing(StrEnum):
    """Prior that ties the intervals of a piecewise hazard together."""

    RANDOM_WALK = "random-walk"
    INDEPENDENT = "independent"


class GroupParametrisation(StrEnum):
    """Geometry in which group effects are sampled; the model is the same."""

    AUTO = "auto"
    NON_CENTRED = "non-centred"
    CENTRED = "centred"


class Dist(StrEnum):
    """Prior distributions."""

    NORMAL = "Normal"
    STUDENT_T = "StudentT"
    HALF_NORMAL = "HalfNormal"
    HALF_STUDENT_T = "HalfStudentT"
    EXPONENTIAL = "Exponential"
    GAMMA = "Gamma"
    LOG_NORMAL = "LogNormal"


PATIENT: Final = "patient"
COVARIATE: Final = "covariate"
INTERVAL: Final = "interval"
TIME: Final = "time"
STRATEGY: Final = "strategy"
