"""A trial that is enlarged in a zone, by two-stage normal theory: nothing of the package is used.

With information I (events by arm, 1 / (1 / d1 + 1 / d0)) the statistic of a log hazard ratio is
Brownian: z1 ~ N(theta sqrt(I1), 1), and given z1 the pooled last statistic exceeds b with
probability Phi((sqrt(I1) z1 + theta (I - I1) - b sqrt(I)) / sqrt(I - I1)). Which information the
last look has depends on z1, over which one integral is taken.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import binom, norm


@dataclass(frozen=True)
class Stages:
    """Information at the first look, at the last one as planned, and at the enlarged one."""

    first: float
    planned: float
    enlarged: float


def with_events(first, planned, enlarged):
    """Return the information of arms that have equally many events."""
    return Stages(first / 4.0, planned / 4.0, enlarged / 4.0)


def by_arms(events, patients, *, hr, median, rate):
    """Return the information of exponential arms, enrolled evenly, at the months of these events.

    `events` and `patients` are three and two: those beyond the planned patients are enrolled from
    the first look on.
    """
    hazard = np.log(2.0) / median * np.array([1.0, hr])

    def died(month, begun, count):
        """Events by arm of patients who come at the rate from a month on."""
        length = count / rate
        open_ = min(max(month - begun, 0.0), length)
        since = max(month - begun, 0.0)
        gone = (np.exp(-hazard * (since - open_)) - np.exp(-hazard * since)) / hazard
        return 0.5 * rate * (open_ - gone)

    def month_of(count, by):
        return brentq(lambda month: by(month).sum() - count, 1e-6, 1e4)

    def information(found):
        return float(1.0 / (1.0 / found).sum())

    def planned(month):
        return died(month, 0.0, patients[0])

    first, last = (month_of(count, planned) for count in events[:2])

    def enlarged(month):
        return planned(month) + died(month, first, patients[1] - patients[0])

    found = (planned(first), planned(last), enlarged(month_of(events[2], enlarged)))
    return Stages(*map(information, found))


def passed(z, known, whole, *, effect, bound):
    """Probability that the last statistic passes, given the first."""
    more = whole - known
    mean = np.sqrt(known) * z + effect * more
    return ndtr((mean - bound * np.sqrt(whole)) / np.sqrt(more))


def conditional_power(z, stages, *, bound, effect=None):
    """Conditional power of the trial as planned, at the effect as seen or another."""
    seen = z / np.sqrt(stages.first) if effect is None else effect
    return passed(z, stages.first, stages.planned, effect=seen, bound=bound)


def within(zone):
    """Return where P(hazard ratio < 1) = Phi(z) lies in a zone."""
    return lambda z: ((ndtr(z) > zone[0]) & (ndtr(z) < zone[1])).astype(float)


def by_draws(zone, stages, *, bound, draws, effect=None):
    """Return how probable it is that a share of simulated continuations lies in a zone."""
    counts = np.arange(draws + 1)
    inside = counts[(counts / draws > zone[0]) & (counts / draws < zone[1])]

    def probability(z):
        power = conditional_power(z, stages, bound=bound, effect=effect)
        return binom.cdf(inside[-1], draws, power) - binom.cdf(inside[0] - 1, draws, power)

    return probability


POINTS = 200_000


def success(stages, extends, *, hr, bound):
    """Return success, and the share of trials that are enlarged.

    The midpoint rule: a zone's edge is misplaced by 5e-5 at most, and shares by 2e-5.
    """
    effect = -np.log(hr)
    middle, step = effect * np.sqrt(stages.first), 18.0 / POINTS
    z = middle - 9.0 + step * (np.arange(POINTS) + 0.5)
    weight, share = step * norm.pdf(z - middle), extends(z)
    larger, planned = (
        passed(z, stages.first, whole, effect=effect, bound=bound)
        for whole in (stages.enlarged, stages.planned)
    )
    won = share * larger + (1.0 - share) * planned
    return float((weight * won).sum()), float((weight * share).sum())
