"""What the priors said before the data, in the terms in which a reader thinks of them."""

import math
from collections.abc import Mapping
from typing import Final

from bayes_ihlrt.analysis.prior_worth import Worth
from bayes_ihlrt.hazards.registry import level_of
from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import Z_975, PerUnit, Prior, PriorScale
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.parameters import ResolvedPrior

_FLAT: Final = 5.0
"""Sd of a log hazard ratio from which a prior is all but flat: hazard ratios beyond 10,000."""


def prior_sentence(
    spec: AnalysisSpec,
    priors: Mapping[str, ResolvedPrior],
    worths: Mapping[str, Worth] | None = None,
) -> str:
    """Return one line on the priors of treatment, interaction and baseline.

    Parameters
    ----------
    spec : AnalysisSpec
        The analysis.
    priors : mapping of str to ResolvedPrior
        Prior of each term and parameter, as it is stated.
    worths : mapping of str to Worth, optional
        Events that priors are worth, by term.

    Returns
    -------
    str
        Hazard ratios and survival with their 95 % and where they come from.
    """
    parts = []
    treatment = None if spec.treatment is None else spec.treatment.name
    modifier = None if spec.modifier is None else spec.modifier.name
    for name, words in (
        (treatment, f"hazard ratio of {spec.labels.of(treatment)}"),
        (_product(priors, treatment, modifier), f"its change with {spec.labels.of(modifier)}"),
    ):
        if name is not None and name in priors:
            told = ratio_words(priors[name].prior)
            if worths is not None and name in worths:
                told += f", worth {worths[name].words}"
            parts.append(f"{words} {told} [{priors[name].source}]")
    level = priors[level_of(spec.outcome.hazard.family)]
    parts.append(f"{_baseline(level.prior)} [{level.source}]")
    return f"Priors, before the data: {'; '.join(parts)}."


def prior_words(prior: Prior) -> str:
    """Return a prior in words.

    Parameters
    ----------
    prior : Prior
        As it is stated.

    Returns
    -------
    str
        For example ``"Normal(mu 0, sigma 1) per SD"``.

    Examples
    --------
    >>> prior_words(Prior(dist="Normal", mu=0.0, sigma=1.0, per="sd"))
    'Normal(mu 0, sigma 1) per SD'
    """
    numbers = ", ".join(f"{name} {value:.3g}" for name, value in prior.hyperparameters.items())
    scales = {
        PriorScale.PARAMETER: "",
        PriorScale.EXP: " on its exponential",
        PriorScale.PRECISION: " on 1 / variance",
        PriorScale.LOG_MEDIAN: " on the log of the median survival (months)",
        PriorScale.LOG_CUMULATIVE_HAZARD: f" on log H({prior.at or 0.0:g} months)",
    }
    per = {PerUnit.UNIT: "", PerUnit.SD: " per SD", PerUnit.ROW_SD: " per SD of rows"}[prior.per]
    return f"{prior.dist.value}({numbers}){per}{scales[prior.on]}"


def ratio_words(prior: Prior) -> str:
    """Return a normal prior on a log hazard ratio as a hazard ratio with its 95 %.

    Parameters
    ----------
    prior : Prior
        Of a coefficient.

    Returns
    -------
    str
        Other priors as `prior_words` tells them.

    Examples
    --------
    >>> ratio_words(Prior(dist="Normal", mu=0.0, sigma=0.5))
    '1.00 (95 % 0.38 to 2.66; P(below 1) 0.50)'
    """
    normal = prior.dist is Dist.NORMAL and prior.on is PriorScale.PARAMETER
    if not normal or prior.mu is None or prior.sigma is None:
        return prior_words(prior)
    per = "" if prior.per is PerUnit.UNIT else " per SD"
    if prior.sigma >= _FLAT:
        return f"all but flat{per}"
    low, high = (math.exp(prior.mu + z * prior.sigma) for z in (-Z_975, Z_975))
    below = 0.5 * math.erfc(prior.mu / prior.sigma / math.sqrt(2.0))
    middle = f"{math.exp(prior.mu):.2f}{per} (95 % {low:.2f} to {high:.2f}"
    return f"{middle}; P(below 1) {below:.2f})"


def beside_prior(chance: str, prior: float | None) -> str:
    """Return a probability given the data with the one before beside it.

    Parameters
    ----------
    chance : str
        Posterior probability, in words.
    prior : float or None
        Prior probability of the same statement; None where it is not known.

    Returns
    -------
    str
        For example ``"0.93, prior 0.50"``.

    Examples
    --------
    >>> beside_prior("0.93", 0.5), beside_prior("0.93", None)
    ('0.93, prior 0.50', '0.93')
    """
    return chance if prior is None else f"{chance}, prior {prior:.2f}"


def _product(
    priors: Mapping[str, ResolvedPrior], treatment: str | None, modifier: str | None
) -> str | None:
    both = {treatment, modifier}
    return next((name for name in priors if set(name.split(":")) == both), None)


def _baseline(prior: Prior) -> str:
    """What is said of the survival of an untreated patient with average covariates."""
    if prior.dist is not Dist.NORMAL or prior.mu is None or prior.sigma is None:
        return f"baseline {prior_words(prior)}"
    ends = (prior.mu - Z_975 * prior.sigma, prior.mu, prior.mu + Z_975 * prior.sigma)
    if prior.on is PriorScale.LOG_MEDIAN:
        low, middle, high = (math.exp(end) for end in ends)
        return f"untreated median survival {middle:.3g} months (95 % {low:.2g} to {high:.3g})"
    if prior.on is PriorScale.LOG_CUMULATIVE_HAZARD:
        high, middle, low = (math.exp(-math.exp(end)) for end in ends)
        at = f"untreated survival at month {prior.at or 0.0:g}:"
        return f"{at} {middle:.0%} (95 % {low:.0%} to {high:.0%})"
    return "baseline all but flat" if prior.sigma >= _FLAT else f"baseline {prior_words(prior)}"
