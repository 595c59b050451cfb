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

from dataclasses import dataclass
from math import exp, log, nan, sqrt
from statistics import NormalDist

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import Z_975, Prior, PriorScale

UNIT_INFORMATION = 4.0
"""Variance of a log hazard ratio times the number of events, for two arms of equal size."""


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
        case Dist.NORMAL, PriorScale.PARAMETER:
            return equivalent_events(float(prior.sigma or 1.0))
        case Dist.STUDENT_T, PriorScale.PARAMETER:
            nu = float(prior.nu or 1.0)
            return equivalent_events(float(prior.sigma or 1.0)) * (nu + 1.0) / (nu + 3.0)
        case Dist.GAMMA, PriorScale.EXP:
            return float(prior.alpha or 1.0)
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
