"""Success of a trial at an early look by the exact posterior, simulated in NumPy alone.

100 patients at 10 a month, in pairs of one control and one treated; constant hazards; the look is
at the 20th event. With flat priors on both log rates the rates are Gamma(events, months) a
posteriori, so that P(rate of treated < rate of control) is the probability that a Beta(d1, d0) lies
below the treated arm's share of the months.
"""

import numpy as np
from scipy.stats import beta

THRESHOLD = 0.9985
EVENTS = 20


def exact_success(
    hazards: tuple[float, float], trials: int = 100_000, seed: int = 5
) -> tuple[float, float]:
    """Return the share of trials in which P(HR < 1) > 0.9985, and its Monte Carlo error.

    Parameters
    ----------
    hazards : tuple of float
        A month, of control and treated.
    trials : int
        Trials.
    seed : int
        Seed.
    """
    rng = np.random.default_rng(seed)
    arrival = np.cumsum(rng.exponential(0.1, (trials, 100)), axis=1)
    first = rng.random((trials, 50)) < 0.5
    arm = np.stack([first, ~first], axis=2).reshape(trials, 100)
    death = arrival + rng.exponential(1.0, (trials, 100)) / np.where(arm, hazards[1], hazards[0])
    look = np.sort(death, axis=1)[:, EVENTS - 1 : EVENTS]
    seen = np.clip(np.minimum(death, look) - arrival, 0.0, None)
    dead = death <= look
    events = [(dead & (arm == a)).sum(axis=1) for a in (0, 1)]
    months = [(seen * (arm == a)).sum(axis=1) for a in (0, 1)]
    share = months[1] / (months[0] + months[1])
    chance = beta.cdf(share, np.maximum(events[1], 1e-9), np.maximum(events[0], 1e-9))
    hits = chance > THRESHOLD
    return float(hits.mean()), float(hits.std() / np.sqrt(trials))
