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


def in_months(count: float) -> str:
    """Return a number of months in words.

    Parameters
    ----------
    count : float
        How many.

    Returns
    -------
    str
        For example ``"1 month"``.

    Examples
    --------
    >>> in_months(1.0), in_months(0.0), in_months(1.5)
    ('1 month', '0 months', '1.5 months')
    """
    return f"{count:g} month{'' if count == 1.0 else 's'}"


_MONTHS: Final = {
    TimeUnit.DAYS: 1.0 / DAYS_PER_MONTH,
    TimeUnit.WEEKS: 7.0 / DAYS_PER_MONTH,
    TimeUnit.MONTHS: 1.0,
    TimeUnit.YEARS: 12.0,
}


class Identifiers(StrEnum):
    """Where patients are called by the identifiers of the data file; elsewhere they are numbers."""

    COHORT = "cohort"
    """In the cohort in memory, and in faults found while it is read."""
    NOWHERE = "nowhere"
    FAULTS = "faults"
    """In every fault that a check tells; nothing is written."""
    EVERYWHERE = "everywhere"
    """In results and files as well."""


class FigureForm(StrEnum):
    """What a figure is written as."""

    PDF = "pdf"
    SVG = "svg"
    PNG = "png"


class DesignKind(StrEnum):
    """How a treatment that starts during follow-up becomes person-time."""

    SPLIT = "split"
    LANDMARK = "landmark"
    SEQUENTIAL = "sequential"
    CLONE_CENSOR_WEIGHT = "clone-censor-weight"
    EVER_NEVER = "ever-never"
    FIXED = "fixed"


class Ties(StrEnum):
    """What comes first where treatment starts exactly at the end of follow-up."""

    TREATED = "treated"
    """Treatment: what ends follow-up counts as treated."""
    UNTREATED = "untreated"
    """The end of follow-up: the patient counts as never treated."""


class StartRule(StrEnum):
    """Which decision a start of treatment belongs to."""

    AUTO = "auto"
    """`AT_VISIT` if every start falls on a visit of its patient, else `BETWEEN_VISITS`."""
    AT_VISIT = "at-visit"
    """Treatment is given at the visit: starts in [visit, next visit) belong to the visit."""
    BETWEEN_VISITS = "between-visits"
    """Treatment is given after the visit: starts in (visit, next visit] belong to the visit."""


class Crossover(StrEnum):
    """What happens in a sequential trial to controls who are treated later."""

    CENSOR = "censor"
    IGNORE = "ignore"


class GraceWeights(StrEnum):
    """What the weights of patients who were treated within the grace period condition on."""

    BASELINE = "baseline"
    TIME_VARYING = "time-varying"


class ResponseEffect(StrEnum):
    """What treatment does to the hazard of response in the ladder's g-formula."""

    NONE = "none"
    """Nothing: it acts on the event alone."""
    ONE = "one"
    """One hazard ratio for everybody."""
    BY_MODIFIER = "by-modifier"
    """A hazard ratio that changes with the modifier."""


class EstimandTarget(StrEnum):
    """Population in which a balancing weight compares treated with control."""

    ATO = "ato"
    """Overlap: those who might as well have been treated as not."""
    ATT = "att"
    """The treated."""
    ATE = "ate"
    """Everybody."""
    ATM = "atm"
    """Those whom one-to-one matching would keep."""
    ENTROPY = "entropy"
    """Between overlap and everybody, weighted by how open the decision was."""


class Adjustment(StrEnum):
    """How the propensity enters the outcome analysis."""

    WEIGHTS = "weights"
    COVARIATE = "covariate"
    STRATA = "strata"
    NONE = "none"


class PropensityUncertainty(StrEnum):
    """How the uncertainty of the propensity reaches the effect of treatment."""

    LINKED_BOOTSTRAP = "linked-bootstrap"
    CUT = "cut"
    SANDWICH = "sandwich"
    PLUGIN = "plugin"


class ModifierTransform(StrEnum):
    """Scale on which the effect modifier enters the linear predictor."""

    LOG2 = "log2"
    IDENTITY = "identity"
    STANDARDISE = "standardise"

    @property
    def per(self) -> str:
        """What a coefficient or hazard ratio of the modifier is per."""
        steps = {
            ModifierTransform.LOG2: "per doubling",
            ModifierTransform.IDENTITY: "per unit",
            ModifierTransform.STANDARDISE: "per SD",
        }
        return steps[self]


class Smoothing(StrEnum):
    """Prior that ties the intervals of a piecewise hazard together."""

    RANDOM_WALK = "random-walk"
    INDEPENDENT = "independent"


class GroupParametrisation(StrEnum):
    """Geometry in which group effects are sampled; the model is the same."""

    AUTO = "auto"
    NON_CENTRED = "non-centred"
    CENTRED = "centred"


class Engine(StrEnum):
    """How a posterior is computed."""

    NUTS = "nuts"
    """Markov chain Monte Carlo: exact up to Monte Carlo error."""
    LAPLACE = "laplace"
    """Laplace approximation, corrected by importance weights; seconds faster, and checked."""


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
CAUSE: Final = "event_cause"
"""Column and dimension of competing causes: what ended follow-up."""
LAST_FREE: Final = "last_free"
"""Column of events between scans: month of the last scan without; infinite for an exact time."""
STRATEGY: Final = "strategy"
VALUE: Final = "value"
"""Values of the effect modifier at which estimands are told."""
GRID: Final = "grid"
"""Values of the effect modifier along which its effect is followed."""
HORIZON: Final = "horizon"
SHARE: Final = "share"
TREATED: Final = "treated"
UNTREATED_ARM: Final = "untreated"
