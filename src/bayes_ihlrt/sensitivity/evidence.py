"""Published effects, with their direction, and priors made from them.

Directions are written out because papers print them either way: a hazard ratio here is always that
of the first group named in `comparison` over the second, below 1 where the first lives longer. The
randomised trials of systemic therapy added to embolisation answer another question than local
therapy added to systemic therapy: `question` tells them apart, and only the latter is a prior for
treatment as it stands.

References
----------
Neuenschwander B, Capkun-Niggli G, Branson M, Spiegelhalter DJ. Summarizing historical information
on controls in clinical trials. Clin Trials 2010;7:5-18, doi 10.1177/1740774509356002.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import Final

import numpy as np

from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import Prior
from bayes_ihlrt.sensitivity.reverse_bayes import Published


class Question(StrEnum):
    """Which comparison a published effect is of."""

    LOCAL_ADDED = "local added to systemic"
    SYSTEMIC_ADDED = "systemic added to local"
    SYSTEMIC_INSTEAD = "systemic instead of local"
    SYSTEMIC = "one systemic therapy against another"
    PROGNOSIS = "prognosis"


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
        checked=False,
    ),
)
"""Published effects, hazard ratios of the first over the second group."""


@dataclass(frozen=True)
class Discount:
    """How far published effects are trusted here.

    Parameters
    ----------
    between_sd : float
        Sd of true log hazard ratios between studies, and between them and this cohort.
    bias_mean : float
        Expected bias of a published log hazard ratio, below 0 where it flatters treatment; it is
        taken off.
    bias_sd : float
        Sd of the bias that all selected studies share.
    """

    between_sd: float = 0.3
    bias_mean: float = 0.0
    bias_sd: float = 0.2


def published(names: Sequence[str]) -> tuple[PublishedEffect, ...]:
    """Return published effects by name.

    Parameters
    ----------
    names : sequence of str
        Names in `EVIDENCE`.

    Returns
    -------
    tuple of PublishedEffect
        In the order of the names.

    Raises
    ------
    SpecificationError
        There is no such effect; every fault is listed.

    Examples
    --------
    >>> published(["LAUNCH OS"])[0].doi
    '10.1200/JCO.22.00392'
    """
    known = {each.name: each for each in EVIDENCE}
    faults = [
        Fault(f"'{name}'", "there is no published effect of this name", nearest(name, known))
        for name in names
        if name not in known
    ]
    if faults or not names:
        empty = Fault("evidence", "nothing is selected", f"Allowed: {', '.join(known)}")
        raise SpecificationError("evidence", faults or [empty])
    return tuple(known[name] for name in names)


def evidence_prior(selection: Sequence[PublishedEffect], discount: Discount) -> Prior:
    """Return a normal prior for the log hazard ratio of this cohort, from published ones.

    With standard errors s_j and between-study sd t, the pooled mean is m = sum w_j y_j / sum w_j,
    w_j = 1 / (s_j^2 + t^2), and the prior

        Normal(m - bias_mean, 1 / sum w_j + t^2 + bias_sd^2):

    the predictive distribution of another study's effect, with the bias that the studies share.

    Parameters
    ----------
    selection : sequence of PublishedEffect
        Of one outcome, in one direction.
    discount : Discount
        Between-study sd and bias.

    Returns
    -------
    Prior
        On the log hazard ratio.

    Examples
    --------
    >>> prior = evidence_prior(published(["LAUNCH OS"]), Discount(0.3, -0.2, 0.2))
    >>> round(prior.mu, 3), round(prior.sigma, 3)
    (-0.599, 0.495)
    """
    effects = np.asarray([each.effect.log_ratio for each in selection])
    variance = np.asarray([each.effect.error**2 for each in selection])
    between = discount.between_sd**2
    weight = 1.0 / (variance + between)
    mean = float(weight @ effects / weight.sum()) - discount.bias_mean
    spread = sqrt(1.0 / float(weight.sum()) + between + discount.bias_sd**2)
    return Prior(dist=Dist.NORMAL, mu=mean, sigma=spread)
