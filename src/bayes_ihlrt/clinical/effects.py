"""Published effects, with their direction.

Directions are written out because papers print them either way: a hazard ratio here is always that
of the first group named in `comparison` over the second, below 1 where the first lives longer. The
randomised trials of systemic therapy added to embolisation answer another question than local
therapy added to systemic therapy: `question` tells them apart.

EMERALD-1 is not among them by itself: of its progression-free survival we know the hazard ratio
(0.77) and no interval, and without one there is no standard error. It is part of the pooled effect
``systemic added PFS``.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import exp, log, nan, sqrt
from typing import Final

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.priors import Z_975


def equivalent_events(sd: float) -> float:
    """Return the events that a normal prior on a log hazard ratio is worth.

    A trial with two arms of equal size and d events estimates the log hazard ratio with variance
    about 4 / d.

    Parameters
    ----------
    sd : float
        Standard deviation of the prior.

    Returns
    -------
    float
        4 / sd^2.

    References
    ----------
    Spiegelhalter DJ, Abrams KR, Myles JP. Bayesian approaches to clinical trials and health-care
    evaluation. 2004, doi 10.1002/0470092602.

    Examples
    --------
    >>> round(equivalent_events(0.4), 6)
    25.0
    """
    return UNIT_INFORMATION / sd**2


@dataclass(frozen=True)
class Published:
    """A hazard ratio with its 95 % interval, as a normal likelihood of its logarithm.

    Parameters
    ----------
    ratio, low, high : float
        Hazard ratio and limits, all in one direction.

    Raises
    ------
    SpecificationError
        The limits do not lie around the ratio.

    Examples
    --------
    >>> trial = Published(0.66, 0.51, 0.84)
    >>> round(trial.sceptical_limit, 3)
    0.834
    """

    ratio: float
    low: float
    high: float

    def __post_init__(self) -> None:
        """Refuse an interval that is none."""
        if not 0.0 < self.low < self.ratio < self.high:
            problem = f"{self.ratio:g} does not lie between {self.low:g} and {self.high:g}"
            remedy = "Give a positive hazard ratio and its limits in the same direction"
            raise SpecificationError("published effect", [Fault("interval", problem, remedy)])

    @property
    def inverse(self) -> "Published":
        """The same effect in the other direction."""
        return Published(1.0 / self.ratio, 1.0 / self.high, 1.0 / self.low)

    @property
    def log_ratio(self) -> float:
        """The log hazard ratio."""
        return log(self.ratio)

    @property
    def error(self) -> float:
        """Standard error of the log hazard ratio, from the width of the interval."""
        return (log(self.high) - log(self.low)) / (2.0 * Z_975)

    @property
    def sceptical_limit(self) -> float:
        """The limit that a sceptic's 95 % interval must keep within to doubt the result.

        With logarithms of the limits l < u on one side of 0, exp(-(u - l)^2 / (4 sqrt(l u))) or its
        inverse: the sceptical prior whose posterior interval just reaches 1 has its own interval
        from this value to its inverse. NaN where the published interval includes 1.
        """
        low, high = log(self.low), log(self.high)
        if low * high <= 0.0:
            return nan
        distance = (high - low) ** 2 / (4.0 * sqrt(low * high))
        return exp(-distance) if high < 0.0 else exp(distance)

    @property
    def sceptical_sd(self) -> float:
        """Sd of that prior; NaN where the published interval includes 1."""
        return abs(log(self.sceptical_limit)) / Z_975

    @property
    def sceptical_events(self) -> float:
        """Events that the prior is worth: 4 / sd^2, two arms of equal size."""
        return equivalent_events(self.sceptical_sd)


UNIT_INFORMATION = 4.0


"""Variance of a log hazard ratio times the number of events, for two arms of equal size."""


class Question(StrEnum):
    """Which comparison a published effect is of."""

    LOCAL_ADDED = "local added to systemic"
    SYSTEMIC_ADDED = "systemic added to local"
    SYSTEMIC_INSTEAD = "systemic instead of local"
    SYSTEMIC = "one systemic therapy against another"
    PROGNOSIS = "prognosis"

    @property
    def added(self) -> bool:
        """Whether a treatment is compared with its absence, all else being equal."""
        return self in {Question.LOCAL_ADDED, Question.SYSTEMIC_ADDED}


@dataclass(frozen=True)
class PublishedEffect:
    """A published hazard ratio and where it comes from.

    Parameters
    ----------
    name : str
        Short name, unique in `EVIDENCE`.
    outcome : str
        Which event.
    effect : Published
        Hazard ratio with its 95 % interval, first over second group of `comparison`.
    comparison : str
        The two groups.
    question : Question
        Which comparison this is.
    population : str
        In whom.
    design : str
        Randomised, or not.
    source : str
        Publication.
    studies : tuple of str
        Whose patients are counted: effects that share one are not independent.
    doi : str or None
        None where none is known to us.
    checked : bool
        Whether the numbers were compared with the published abstract or report.
    """

    name: str
    outcome: str
    effect: Published
    comparison: str
    question: Question
    population: str
    design: str
    source: str
    studies: tuple[str, ...]
    doi: str | None = None
    checked: bool = True


EVIDENCE: Final = (
    PublishedEffect(
        "LAUNCH OS",
        "overall survival",
        Published(0.45, 0.33, 0.61),
        "lenvatinib with on-demand TACE over lenvatinib",
        Question.LOCAL_ADDED,
        "advanced hepatocellular carcinoma, China, n = 338",
        "randomised, open label, interim analysis",
        "Peng Z et al. J Clin Oncol 2023;41:117-127; interval: meeting abstract of the same trial",
        ("LAUNCH",),
        "10.1200/JCO.22.00392",
    ),
    PublishedEffect(
        "triple therapy OS",
        "overall survival",
        Published(0.51, 0.44, 0.59),
        "TACE or HAIC with immune and targeted therapy over immune and targeted therapy",
        Question.LOCAL_ADDED,
        "unresectable hepatocellular carcinoma, 16 studies",
        "meta-analysis of nearly always retrospective cohorts",
        "pooled estimate whose publication we could not identify",
        ("meta-analysis of triple therapy",),
        checked=False,
    ),
    PublishedEffect(
        "triple therapy PFS",
        "progression-free survival",
        Published(0.59, 0.50, 0.70),
        "TACE or HAIC with immune and targeted therapy over immune and targeted therapy",
        Question.LOCAL_ADDED,
        "unresectable hepatocellular carcinoma, 16 studies",
        "meta-analysis of nearly always retrospective cohorts",
        "pooled estimate whose publication we could not identify",
        ("meta-analysis of triple therapy",),
        checked=False,
    ),
    PublishedEffect(
        "LEAP-012 PFS",
        "progression-free survival",
        Published(0.66, 0.51, 0.84),
        "lenvatinib, pembrolizumab and TACE over TACE with placebo",
        Question.SYSTEMIC_ADDED,
        "unresectable, non-metastatic hepatocellular carcinoma, n = 480",
        "randomised, double blind",
        "LEAP-012. Lancet 2025;405:203-215",
        ("LEAP-012",),
    ),
    PublishedEffect(
        "LEAP-012 OS",
        "overall survival",
        Published(0.80, 0.57, 1.11),
        "lenvatinib, pembrolizumab and TACE over TACE with placebo",
        Question.SYSTEMIC_ADDED,
        "unresectable, non-metastatic hepatocellular carcinoma, n = 480",
        "randomised, double blind, first interim analysis",
        "LEAP-012. Lancet 2025;405:203-215",
        ("LEAP-012",),
    ),
    PublishedEffect(
        "TALENTACE PFS",
        "TACE progression-free survival",
        Published(0.71, 0.55, 0.92),
        "atezolizumab, bevacizumab and on-demand TACE over TACE",
        Question.SYSTEMIC_ADDED,
        "intermediate to high tumour burden, China and Japan",
        "randomised, open label; the curves met near month 24",
        "TALENTACE. ESMO Gastrointestinal Cancers 2025, abstract LBA2",
        ("TALENTACE",),
    ),
    PublishedEffect(
        "systemic added PFS",
        "progression-free survival",
        Published(0.69, 0.60, 0.79),
        "immune and targeted therapy with TACE over TACE",
        Question.SYSTEMIC_ADDED,
        "unresectable, non-metastatic hepatocellular carcinoma, 3 trials",
        "meta-analysis of EMERALD-1, LEAP-012 and TALENTACE, not independent of them",
        "meta-analysis of phase III trials, searched to July 2025",
        ("EMERALD-1", "LEAP-012", "TALENTACE"),
    ),
    PublishedEffect(
        "ABC-HCC TTFS",
        "failure of the treatment strategy",
        Published(0.545, 0.359, 0.826),
        "atezolizumab with bevacizumab over TACE",
        Question.SYSTEMIC_INSTEAD,
        "intermediate-stage hepatocellular carcinoma, n = 168",
        "randomised, open label, first interim analysis",
        "ABC-HCC. ASCO Gastrointestinal Cancers Symposium 2026",
        ("ABC-HCC",),
    ),
    PublishedEffect(
        "IMbrave150 OS",
        "overall survival",
        Published(0.58, 0.42, 0.79),
        "atezolizumab with bevacizumab over sorafenib",
        Question.SYSTEMIC,
        "unresectable hepatocellular carcinoma, n = 501",
        "randomised, open label, first analysis",
        "Finn RS et al. N Engl J Med 2020;382:1894-1905",
        ("IMbrave150",),
        "10.1056/NEJMoa1915745",
    ),
    PublishedEffect(
        "NLR OS",
        "overall survival",
        Published(1.80, 1.59, 2.04),
        "high over low neutrophil-to-lymphocyte ratio at baseline",
        Question.PROGNOSIS,
        "hepatocellular carcinoma under any treatment, 90 studies",
        "meta-analysis of observational studies; printed as the benefit of a low ratio",
        "Qi X et al. Oncotarget 2016;7:45283-45301",
        ("meta-analysis of NLR",),
        "10.18632/oncotarget.9942",
    ),
    PublishedEffect(
        "NLR 5 OS",
        "overall survival",
        Published(2.01, 1.22, 3.56),
        "neutrophil-to-lymphocyte ratio of 5 and more over below 5",
        Question.PROGNOSIS,
        "hepatocellular carcinoma under atezolizumab with bevacizumab",
        "retrospective cohort",
        "hazard ratio whose publication we could not identify",
        ("cohort of NLR 5",),
        checked=False,
    ),
    PublishedEffect(
        "mALBI OS",
        "overall survival",
        Published(2.36, 1.37, 4.05),
        "modified ALBI grade 2b or 3 over 1 or 2a",
        Question.PROGNOSIS,
        "hepatocellular carcinoma; which treatment is not stated where we found it",
        "observational",
        "hazard ratio whose publication we could not identify",
        ("cohort of mALBI",),
        checked=False,
    ),
    PublishedEffect(
        "AFP 100 OS",
        "overall survival",
        Published(2.61, 1.49, 4.55),
        "alpha-fetoprotein of 100 ng/mL and more over below 100",
        Question.PROGNOSIS,
        "hepatocellular carcinoma; which treatment is not stated where we found it",
        "observational",
        "hazard ratio whose publication we could not identify",
        ("cohort of AFP",),
        checked=False,
    ),
    PublishedEffect(
        "CRAFITY 1 OS",
        "overall survival",
        Published(2.0, 1.1, 3.4),
        "CRAFITY score 1 over 0",
        Question.PROGNOSIS,
        "hepatocellular carcinoma; which treatment is not stated where we found it",
        "observational",
        "hazard ratio whose publication we could not identify",
        ("cohort of CRAFITY",),
        checked=False,
    ),
    PublishedEffect(
        "CRAFITY 2 OS",
        "overall survival",
        Published(3.6, 2.1, 6.2),
        "CRAFITY score 2 over 0",
        Question.PROGNOSIS,
        "hepatocellular carcinoma; which treatment is not stated where we found it",
        "observational",
        "hazard ratio whose publication we could not identify",
        ("cohort of CRAFITY",),
        checked=False,
    ),
)
"""Published effects, hazard ratios of the first over the second group."""
