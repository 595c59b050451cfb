"""Cohorts whose propensities are known, for designs with decisions and their weights."""

import numpy as np

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.visits import Visits
from bayes_ihlrt.names import StartRule

STEP = 1.5
"""Months between decisions."""


def chance_of_start(response, severe):
    """Probability of starting at a decision, by response at it and a covariate of time zero."""
    return 1.0 / (1.0 + np.exp(2.2 - 1.4 * response - 0.8 * severe))


def simulated(n, seed, *, at_visit, hazard_ratio=1.0, last=30.0, decided_by_response=True):
    """Draw a cohort in which response makes treatment likelier and death rarer.

    Treatment is decided every `STEP` months by response and severity at that time. Under `at_visit`
    it starts at the decision, otherwise at any time up to the next one.
    """
    rng = np.random.default_rng(seed)
    severe = (rng.random(n) < 0.4).astype(float)
    response = np.where(rng.random(n) < 0.6, rng.exponential(4.0, n), np.inf)
    grid = np.arange(0.0, last, STEP)
    responded = decided_by_response * (response[:, None] <= grid)
    decided = rng.random((n, len(grid))) < chance_of_start(responded, severe[:, None])
    offset = 0.0 if at_visit else rng.uniform(1e-3, STEP, n)
    first = np.where(decided.any(axis=1), grid[decided.argmax(axis=1)], np.inf)
    start = first + offset
    target = rng.exponential(size=n)
    base = 0.05 * np.exp(0.7 * severe)
    # Hazard: base, times 0.4 from response on, times the hazard ratio from treatment on.
    points = np.sort(np.stack([np.zeros(n), np.minimum(response, 1e3), np.minimum(start, 1e3)]), 0)
    death, spent = np.full(n, np.inf), np.zeros(n)
    for number in range(3):
        left = points[number]
        right = points[number + 1] if number < 2 else np.full(n, np.inf)
        rate = base * np.where(response <= left, 0.4, 1.0)
        rate = rate * np.where(start <= left, hazard_ratio, 1.0)
        need = (target - spent) / rate
        death = np.where(np.isinf(death) & (left + need < right), left + need, death)
        spent = np.where(np.isinf(right), spent, spent + rate * (np.minimum(right, 1e3) - left))
    end = np.minimum(death, rng.uniform(0.5 * last, last, n))
    columns = {
        "patient": np.array([f"p{number:05d}" for number in range(n)], dtype=object),
        "start": np.zeros(n),
        "stop": end,
        "event": (death <= end).astype(float),
        "treatment_start": np.where(start < end, start, np.inf),
        "response_months": np.where(response < end, response, np.inf),
        "severe": severe,
    }
    starts = StartRule.AT_VISIT if at_visit else StartRule.BETWEEN_VISITS
    visits = Visits(switches={"response": "response_months"}, every=STEP, starts=starts)
    return Cohort(columns, visits=visits)


def true_propensity(decisions, *, by_response=True):
    """Return the probability by which the decisions of `simulated` were drawn."""
    columns = decisions.columns
    return chance_of_start(by_response * columns["response"], columns["severe"])
