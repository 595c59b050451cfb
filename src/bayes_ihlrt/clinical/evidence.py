"""Priors made from published effects.

A published effect tells of a treatment only where it compares that treatment with its absence:
prognosis, and one therapy against another, are refused. So is a mixture of outcomes or of
comparisons, and a selection in which patients would be counted twice.

References
----------
Neuenschwander B, Capkun-Niggli G, Branson M, Spiegelhalter DJ. Summarizing historical information
on controls in clinical trials. Clin Trials 2010;7:5-18, doi 10.1177/1740774509356002.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from typing import Final

import numpy as np

from bayes_ihlrt.clinical.effects import EVIDENCE, PublishedEffect
from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import Prior

_KNOWN: Final = {each.name: each for each in EVIDENCE}


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
    if faults := _unknown(names):
        raise SpecificationError("evidence", faults)
    if not names:
        empty = Fault("evidence", "nothing is selected", f"Allowed: {', '.join(_KNOWN)}")
        raise SpecificationError("evidence", [empty])
    return tuple(_KNOWN[name] for name in names)


def _unknown(names: Sequence[str]) -> list[Fault]:
    return [
        Fault(f"'{name}'", "there is no published effect of this name", nearest(name, _KNOWN))
        for name in names
        if name not in _KNOWN
    ]


def evidence_faults(names: Sequence[str]) -> list[Fault]:
    """Return every reason why names do not give a prior for a treatment.

    Parameters
    ----------
    names : sequence of str
        Names in `EVIDENCE`.

    Returns
    -------
    list of Fault
        Names that do not exist, and `selection_faults` of those that do.

    Examples
    --------
    >>> [fault.where for fault in evidence_faults(["LAUNCH", "NLR OS"])]
    ["'LAUNCH'", "'NLR OS'"]
    """
    found = [_KNOWN[name] for name in names if name in _KNOWN]
    return [*_unknown(names), *selection_faults(found)]


def selection_faults(selection: Sequence[PublishedEffect]) -> list[Fault]:
    """Return why published effects are no prior for a treatment.

    Parameters
    ----------
    selection : sequence of PublishedEffect
        Effects that would be pooled.

    Returns
    -------
    list of Fault
        Effects of no treatment that is added, more than one outcome, more than one comparison,
        patients that would be counted twice. Empty where they can be pooled.

    Examples
    --------
    >>> [fault.where for fault in selection_faults(published(["NLR OS", "triple therapy PFS"]))]
    ["'NLR OS'", 'outcomes']
    >>> selection_faults(published(["LAUNCH OS", "triple therapy OS"]))
    []
    """
    allowed = ", ".join(each.name for each in EVIDENCE if each.question.added)
    faults = [
        Fault(
            f"'{each.name}'",
            f"it compares {each.comparison} ({each.question.value}), not a treatment with its "
            "absence",
            f"Choose among {allowed}",
        )
        for each in selection
        if not each.question.added
    ]
    outcomes = {each.name: each.outcome for each in selection}
    questions = {each.name: each.question.value for each in selection if each.question.added}
    faults += _mixed("outcomes", outcomes, "Choose effects on one outcome, that of the analysis")
    faults += _mixed("comparisons", questions, "Choose effects of one comparison")
    for first, second in combinations(selection, 2):
        if shared := [study for study in first.studies if study in second.studies]:
            problem = f"both count the patients of {', '.join(shared)}"
            where = f"'{first.name}' and '{second.name}'"
            faults.append(Fault(where, problem, "Leave one of them out"))
    return faults


def _mixed(where: str, values: dict[str, str], remedy: str) -> list[Fault]:
    if len(set(values.values())) < 2:
        return []
    found = "; ".join(f"'{name}' is of {value}" for name, value in values.items())
    return [Fault(where, f"they differ: {found}", remedy)]


def evidence_prior(selection: Sequence[PublishedEffect], discount: Discount) -> Prior:
    """Return a normal prior for the log hazard ratio of this cohort, from published ones.

    With standard errors s_j and between-study sd t, the pooled mean is m = sum w_j y_j / sum w_j,
    w_j = 1 / (s_j^2 + t^2), and the prior

        Normal(m - bias_mean, 1 / sum w_j + t^2 + bias_sd^2):

    the predictive distribution of another study's effect, with the bias that the studies share.

    Parameters
    ----------
    selection : sequence of PublishedEffect
        Of a treatment that is added, on one outcome, from different patients.
    discount : Discount
        Between-study sd and bias.

    Returns
    -------
    Prior
        On the log hazard ratio.

    Raises
    ------
    SpecificationError
        There are none, or they are no prior for a treatment: see `selection_faults`.

    Examples
    --------
    >>> prior = evidence_prior(published(["LAUNCH OS"]), Discount(0.3, -0.2, 0.2))
    >>> round(prior.mu, 3), round(prior.sigma, 3)
    (-0.599, 0.495)
    """
    faults = selection_faults(selection)
    if faults or not selection:
        empty = Fault("evidence", "nothing is selected", "Choose at least one published effect")
        raise SpecificationError("evidence", faults or [empty])
    effects = np.asarray([each.effect.log_ratio for each in selection])
    variance = np.asarray([each.effect.error**2 for each in selection])
    between = discount.between_sd**2
    weight = 1.0 / (variance + between)
    mean = float(weight @ effects / weight.sum()) - discount.bias_mean
    spread = sqrt(1.0 / float(weight.sum()) + between + discount.bias_sd**2)
    return Prior(dist=Dist.NORMAL, mu=mean, sigma=spread)
