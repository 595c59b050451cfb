"""Which prior would overturn a result: closed forms where the likelihood is normal.

A published or estimated log hazard ratio y with standard error s stands for the data. For a prior
Normal(0, t^2) the posterior is Normal(y t^2 / (s^2 + t^2), s^2 t^2 / (s^2 + t^2)).

References
----------
Matthews RAJ. Methods for assessing the credibility of clinical trial outcomes. Drug Inf J
2001;35:1469-1478, doi 10.1177/009286150103500442. Held L. Reverse-Bayes analysis of two common
misinterpretations of significance tests. Clin Trials 2013;10:236-242,
doi 10.1177/1740774512468807.
"""

from math import nan, sqrt
from statistics import NormalDist

from bayes_ihlrt.clinical.effects import UNIT_INFORMATION
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import Prior, PriorScale


def prior_events(prior: Prior) -> float:
    """Return the events that a prior is worth: its expected local-information-ratio.

    E[-d2 log p / dx2] over the information of one event: 1 / 4 for a log hazard ratio (two arms of
    equal size), 1 for a log rate. Normal 4 / sd^2; Student t 4 (nu + 1) / ((nu + 3) sigma^2);
    Gamma(alpha, beta) on a rate: alpha.

    Parameters
    ----------
    prior : Prior
        Normal or Student t on a log hazard ratio, or Gamma on a rate (`on` = "exp").

    Returns
    -------
    float
        Events.

    Raises
    ------
    SpecificationError
        The prior is of another kind.

    References
    ----------
    Neuenschwander B, Weber S, Schmidli H, O'Hagan A. Biometrics 2020;76:578-587,
    doi 10.1111/biom.13252.

    Examples
    --------
    >>> prior_events(Prior(dist="Gamma", alpha=7.0, beta=100.0, on="exp"))
    7.0
    """
    match prior.dist, prior.on:
        case ((Dist.NORMAL | Dist.STUDENT_T), PriorScale.PARAMETER):
            return UNIT_INFORMATION * prior.information
        case Dist.GAMMA, PriorScale.EXP:
            return prior.information
        case _:
            problem = f"{prior.dist.value} on {prior.on} is not worth a number of events"
            remedy = "Use Normal or StudentT on a log hazard ratio, or Gamma on a rate"
            raise SpecificationError("prior events", [Fault("prior", problem, remedy)])


def sd_of_events(events: float) -> float:
    """Return the sd of a normal prior on a log hazard ratio that is worth so many events.

    Parameters
    ----------
    events : float
        Events, two arms of equal size.

    Returns
    -------
    float
        2 / sqrt(events).

    Examples
    --------
    >>> round(sd_of_events(25.0), 6)
    0.4
    """
    return sqrt(UNIT_INFORMATION / events)


def probability_below(prior: tuple[float, float], data: tuple[float, float]) -> float:
    """Return P(theta < 0) for a normal prior and a normal likelihood.

    Parameters
    ----------
    prior : tuple of float
        Mean and sd.
    data : tuple of float
        Estimate and standard error.

    Returns
    -------
    float
        Posterior probability.

    Examples
    --------
    >>> round(probability_below((0.0, 1.0), (0.0, 1.0)), 3)
    0.5
    """
    mean, variance = normal_posterior(prior, data)
    return NormalDist(mean, sqrt(variance)).cdf(0.0)


def normal_posterior(prior: tuple[float, float], data: tuple[float, float]) -> tuple[float, float]:
    """Return mean and variance of the posterior of a normal mean.

    Parameters
    ----------
    prior : tuple of float
        Mean and sd.
    data : tuple of float
        Estimate and standard error.

    Returns
    -------
    tuple of float
        Mean and variance.

    Examples
    --------
    >>> normal_posterior((0.0, 1.0), (1.0, 1.0))
    (0.5, 0.5)
    """
    precision = prior[1] ** -2 + data[1] ** -2
    mean = (prior[0] * prior[1] ** -2 + data[0] * data[1] ** -2) / precision
    return mean, 1.0 / precision


def tipping_mean(sd: float, data: tuple[float, float], threshold: float) -> float:
    """Return the prior mean at which P(theta < 0) equals a threshold, for a normal likelihood.

    Parameters
    ----------
    sd : float
        Sd of the prior.
    data : tuple of float
        Estimate and standard error.
    threshold : float
        Posterior probability.

    Returns
    -------
    float
        Prior mean: above it the probability is lower.

    Examples
    --------
    >>> mean = tipping_mean(0.4, (-0.5, 0.3), 0.95)
    >>> round(probability_below((mean, 0.4), (-0.5, 0.3)), 6)
    0.95
    """
    precision = sd**-2 + data[1] ** -2
    wanted = -NormalDist().inv_cdf(threshold) * sqrt(precision)
    return sd**2 * (wanted - data[0] / data[1] ** 2)


def tipping_sd(data: tuple[float, float], threshold: float) -> float:
    """Return the sd of a prior around 0 at which P(theta < 0) equals a threshold.

    Parameters
    ----------
    data : tuple of float
        Estimate and standard error.
    threshold : float
        Posterior probability, above one half.

    Returns
    -------
    float
        Below it the probability is lower; NaN where the data alone do not reach the threshold.

    Examples
    --------
    >>> sd = tipping_sd((-0.6, 0.3), 0.95)
    >>> round(probability_below((0.0, sd), (-0.6, 0.3)), 6)
    0.95
    """
    # P = Phi(-m / sqrt(v)), and for a prior around 0 -m / sqrt(v) = -(y / s) sqrt(t^2/(s^2+t^2)).
    share = (NormalDist().inv_cdf(threshold) * data[1] / -data[0]) ** 2 if data[0] < 0.0 else nan
    return data[1] * sqrt(share / (1.0 - share)) if share < 1.0 else nan
