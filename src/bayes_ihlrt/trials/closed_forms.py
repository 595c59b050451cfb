"""What is known without simulation: events, power, assurance, sequential rejection.

All but the average hazard ratio treat the estimated log hazard ratio as normal with variance
1 / (p (1 - p) d) after d events, p being the share of patients in the treated arm; they are second
routes for checks and first guesses for designs.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import multivariate_normal


def schoenfeld_events(hr: float, *, power: float, alpha: float, treated: float = 0.5) -> float:
    """Return the events that a test of one hazard ratio needs.

    d = (z_(1-alpha) + z_power)^2 / (p (1 - p) (log hr)^2)

    Parameters
    ----------
    hr : float
        True hazard ratio, not 1.
    power : float
        Wanted power.
    alpha : float
        One-sided type I error.
    treated : float
        Share of patients in the treated arm.

    Returns
    -------
    float
        Events, not rounded.

    References
    ----------
    Schoenfeld DA. Biometrics 1983;39:499-503, doi 10.2307/2531021.

    Examples
    --------
    >>> round(schoenfeld_events(0.7, power=0.8, alpha=0.025), 3)
    246.787
    """
    z = ndtri(1.0 - alpha) + ndtri(power)
    return float(z**2 / (treated * (1.0 - treated) * np.log(hr) ** 2))


def schoenfeld_power(hr: float, *, events: float, alpha: float, treated: float = 0.5) -> float:
    """Return the power of a test of one hazard ratio.

    Parameters
    ----------
    hr : float
        True hazard ratio, below 1 for a benefit.
    events : float
        Events.
    alpha : float
        One-sided type I error.
    treated : float
        Share of patients in the treated arm.

    Returns
    -------
    float
        Probability of success.

    Examples
    --------
    >>> round(schoenfeld_power(0.7, events=100, alpha=0.025), 4)
    0.4299
    """
    sd = 1.0 / np.sqrt(treated * (1.0 - treated) * events)
    return float(ndtr(-np.log(hr) / sd - ndtri(1.0 - alpha)))


def normal_assurance(
    hr: float, *, log_hr_sd: float, events: float, alpha: float, treated: float = 0.5
) -> float:
    """Return the power averaged over a normal prior of the log hazard ratio.

    Parameters
    ----------
    hr : float
        Median of the prior.
    log_hr_sd : float
        Its standard deviation on the log scale.
    events : float
        Events.
    alpha : float
        One-sided type I error.
    treated : float
        Share of patients in the treated arm.

    Returns
    -------
    float
        Assurance.

    References
    ----------
    O'Hagan A, Stevens JW, Campbell MJ. Pharm Stat 2005;4:187-201, doi 10.1002/pst.175.

    Examples
    --------
    >>> round(normal_assurance(0.75, log_hr_sd=0.2, events=379, alpha=0.025), 6)
    0.649493
    """
    variance = 1.0 / (treated * (1.0 - treated) * events)
    bound = -ndtri(1.0 - alpha) * np.sqrt(variance)
    return float(ndtr((bound - np.log(hr)) / np.sqrt(variance + log_hr_sd**2)))


def conditional_power(
    hr: float,
    *,
    z: float,
    information: float,
    bound: float,
    more_events: float,
    treated: float = 0.5,
) -> float:
    """Return the probability of passing the last bound, given what an interim look has seen.

    The last statistic is sqrt(t) z + sqrt(1 - t) z', z' of the events still to come.

    Parameters
    ----------
    hr : float
        Hazard ratio from now on.
    z : float
        Statistic at the look, positive for a benefit.
    information : float
        Share t of the design's information at the look.
    bound : float
        Critical value of the last look.
    more_events : float
        Events still to come.
    treated : float
        Share of the patients to come in the treated arm.

    Returns
    -------
    float
        Conditional power.

    References
    ----------
    Jennison C, Turnbull BW. Group Sequential Methods. 2000, chapter 10,
    doi 10.1201/9780367805326.

    Examples
    --------
    >>> z = -np.log(0.83) * np.sqrt(162) / 2
    >>> round(conditional_power(0.75, z=z, information=162 / 379, bound=1.96, more_events=217), 3)
    0.71
    """
    drift = -np.log(hr) * np.sqrt(treated * (1.0 - treated) * more_events)
    needed = (bound - np.sqrt(information) * z) / np.sqrt(1.0 - information)
    return float(ndtr(drift - needed))


def probability_of_success(
    hr: float,
    *,
    events: float,
    final_events: float,
    alpha: float,
    prior_events: float = 0.0,
    assumed_hr: float | None = None,
) -> float:
    """Return the predictive probability that the final posterior passes its threshold.

    The log hazard ratio is normal with variance 4 / d after d events; the prior, around 1, is worth
    some events. Success is P(hazard ratio < 1) > 1 - alpha after the final events.

    Parameters
    ----------
    hr : float
        Estimate at the look.
    events, final_events : float
        Events at the look and at the end.
    alpha : float
        One less the threshold.
    prior_events : float
        Worth of the prior: 1 is a unit of information, 0 a flat prior.
    assumed_hr : float, optional
        Hazard ratio from now on, instead of the posterior: conditional power.

    Returns
    -------
    float
        Probability.

    References
    ----------
    Spiegelhalter DJ, Freedman LS, Blackburn PR. Control Clin Trials 1986;7:8-17,
    doi 10.1016/0197-2456(86)90003-6.

    Examples
    --------
    Trial A of RBesT's vignette on co-data:

    >>> trial = {"events": 162, "final_events": 379, "alpha": 0.025, "prior_events": 1}
    >>> round(probability_of_success(0.83, **trial), 4)
    0.4466
    >>> round(probability_of_success(0.83, **trial, assumed_hr=0.75), 4)
    0.7088
    """
    more, before = final_events - events, prior_events + events
    mean = events * np.log(hr) / before
    whole = prior_events + final_events
    # Of the mean log hazard ratio of the events to come.
    needed = (-2.0 * ndtri(1.0 - alpha) * np.sqrt(whole) - before * mean) / more
    middle = mean if assumed_hr is None else float(np.log(assumed_hr))
    variance = 4.0 / more + (4.0 / before if assumed_hr is None else 0.0)
    return float(ndtr((needed - middle) / np.sqrt(variance)))


def sequential_rejection(
    bounds: Sequence[float], events: Sequence[float], *, hr: float = 1.0, treated: float = 0.5
) -> list[float]:
    """Return the probability of stopping for success at each look.

    Success at look k is z_k > bounds_k, with z jointly normal, cov(z_j, z_k) = sqrt(d_j / d_k).

    Parameters
    ----------
    bounds : sequence of float
        Critical values; for a flat prior those of P(HR < 1) > Phi(bound).
    events : sequence of float
        Events at the looks.
    hr : float
        True hazard ratio.
    treated : float
        Share of patients in the treated arm.

    Returns
    -------
    list of float
        By look; their sum is the probability of success.

    Examples
    --------
    >>> stops = sequential_rejection([1.959964, 1.959964], [100, 200])
    >>> round(sum(stops), 4)
    0.0415
    """
    d, b = np.asarray(events, dtype=float), np.asarray(bounds, dtype=float)
    drift = -np.log(hr) * np.sqrt(treated * (1.0 - treated) * d)
    covariance = np.sqrt(np.minimum.outer(d, d) / np.maximum.outer(d, d))
    on = [1.0]
    for k in range(1, len(d) + 1):
        reached = multivariate_normal.cdf(
            b[:k], drift[:k], covariance[:k, :k], abseps=1e-7, releps=1e-7, maxpts=2_000_000
        )
        on.append(float(reached))
    return [before - after for before, after in pairwise(on)]


def average_hazard_ratio(
    *, hazard: float, hr: Sequence[float], cuts: Sequence[float], follow_up: float
) -> float:
    """Return the hazard ratio that a proportional exponential model tends to.

    With hazards h and h r(t) and everybody followed to `follow_up`, maximum likelihood of an
    exponential model by arm tends to (D1 / T1) / (D0 / T0): events over person-time in each arm.

    Parameters
    ----------
    hazard : float
        Control hazard per month.
    hr : sequence of float
        Hazard ratio by period.
    cuts : sequence of float
        Ends of the periods but the last, months.
    follow_up : float
        Administrative end, months.

    Returns
    -------
    float
        Average hazard ratio.

    Examples
    --------
    >>> round(average_hazard_ratio(hazard=0.05, hr=[1.0, 0.6], cuts=[3.0], follow_up=24.0), 4)
    0.6688
    """
    edges = [0.0, *(cut for cut in cuts if cut < follow_up), follow_up]
    alive, months, events = 1.0, 0.0, 0.0
    for (low, high), ratio in zip(pairwise(edges), hr, strict=False):
        rate = hazard * ratio
        died = alive * -np.expm1(-rate * (high - low))
        events += died
        months += died / rate
        alive -= died
    return float(events / months / hazard)


def exact_threshold(alpha: float, looks: Sequence[float]) -> float:
    """Return the common threshold of P(HR < 1) at which a flat prior keeps a type I error.

    Parameters
    ----------
    alpha : float
        One-sided type I error over all looks.
    looks : sequence of float
        Events at the looks.

    Returns
    -------
    float
        Posterior probability.

    Examples
    --------
    >>> round(exact_threshold(0.025, [100, 200]), 3)
    0.985
    """

    def excess(bound: float) -> float:
        return sum(sequential_rejection([bound] * len(looks), looks)) - alpha

    return float(ndtr(brentq(excess, 1.0, 4.0, xtol=1e-5)))
