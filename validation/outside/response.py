"""Lives in which a switch (response, say) changes the hazard of death and treatment the switch's.

Months from therapy start; visits every 2 months from month 0. With U whether the switch has
happened and A whether treatment has started,

    hazard of death    0.03 exp(death_switch U + death_treatment A)
    hazard of switch   0.08 exp(switch_treatment A), until it happens
    start of treatment with probability 1 / (1 + exp(2.2 - 1.2 U)) at each visit, until it starts
    end of study       uniform between months 18 and 38

Between visits nothing but the switch changes a hazard, so that lives are drawn exactly. The truth
is that of lives drawn under two strategies, restricted to 24 months: "within 4 months" (treatment
starts as it does above at visits before month 4, in it all who are still untreated start) less
"never". Given the switch is the same with switch_treatment set to 0: treatment then acts on death
alone; through the switch is the rest. Nothing of the package is imported.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

SPACING, GRACE, HORIZON, LAST = 2.0, 4.0, 24.0, 40.0


class Mechanism(NamedTuple):
    """Log hazard ratios of a truth.

    Parameters
    ----------
    death_treatment, death_switch : float
        On death, of treatment and of the switch.
    switch_treatment : float
        On the switch, of treatment.
    """

    death_treatment: float
    death_switch: float
    switch_treatment: float


MECHANISMS = {
    "treatment delays a harmful switch": Mechanism(-0.3, 0.9, -0.8),
    "treatment brings a beneficial switch": Mechanism(-0.3, -0.9, 0.8),
    "treatment acts through the switch only": Mechanism(0.0, 0.9, -0.8),
    "treatment brings a switch that harms": Mechanism(-0.3, 0.9, 0.8),
    "treatment does not act on the switch": Mechanism(-0.3, 0.9, 0.0),
    "no effect at all": Mechanism(0.0, 0.9, 0.0),
}


class Lives(NamedTuple):
    """What happens to each patient; infinite for never.

    Parameters
    ----------
    death, switch, start : ndarray, shape (patients,)
        Months of death (infinite beyond month 40), of the switch, of the start of treatment.
    """

    death: np.ndarray
    switch: np.ndarray
    start: np.ndarray


def live(mechanism: Mechanism, patients: int, rng: np.random.Generator, strategy: str) -> Lives:
    """Draw lives; `strategy` is "observed", "never" or "within"."""
    death, switch, start = (np.full(patients, np.inf) for _ in range(3))
    for month in np.arange(0.0, LAST, SPACING):
        alive = np.isinf(death)
        chance = 1.0 / (1.0 + np.exp(2.2 - 1.2 * (switch < month)))
        starts = alive & np.isinf(start) & (rng.random(patients) < chance)
        if strategy == "never" or (strategy == "within" and month > GRACE):
            starts[:] = False
        elif strategy == "within" and month == GRACE:
            starts = alive & np.isinf(start)
        start[starts] = month
        treated = np.isfinite(start)
        before = np.isinf(switch)
        rate = 0.03 * np.exp(mechanism.death_treatment * treated)
        risk = rate * np.exp(mechanism.death_switch * ~before)
        dies = month + rng.exponential(size=patients) / risk
        change = 0.08 * np.exp(mechanism.switch_treatment * treated)
        turns = month + rng.exponential(size=patients) / change
        turns[~before] = np.inf
        turned = alive & (turns < np.minimum(dies, month + SPACING))
        switch[turned] = turns[turned]
        # Memoryless: after the switch the rest of the interval has a new hazard of death.
        later = turns + rng.exponential(size=patients) / (rate * np.exp(mechanism.death_switch))
        dies = np.where(turned, later, dies)
        gone = alive & (dies < month + SPACING)
        death[gone] = dies[gone]
    return Lives(death, switch, start)


def cohort(patients: int, seed: int, mechanism: Mechanism | None = None) -> pd.DataFrame:
    """Return an observed cohort: ``id, os, death, trt, prog``."""
    rng = np.random.default_rng(seed)
    chosen = MECHANISMS["treatment delays a harmful switch"] if mechanism is None else mechanism
    lives = live(chosen, patients, rng, "observed")
    end = rng.uniform(18.0, 38.0, patients)
    time = np.minimum(lives.death, end)
    return pd.DataFrame(
        {
            "id": [f"p{number:05d}" for number in range(patients)],
            "os": time,
            "death": (lives.death <= end).astype(int),
            "trt": np.where(lives.start < time, lives.start, np.nan),
            "prog": np.where(lives.switch < time, lives.switch, np.nan),
        }
    )


class Gain(NamedTuple):
    """Months gained of 24, "within 4 months" less "never", and their Monte Carlo errors.

    Parameters
    ----------
    total, given : float
        In all, and given the switch.
    mcse_total, mcse_given : float
        Monte Carlo standard errors.
    """

    total: float
    given: float
    mcse_total: float
    mcse_given: float


def truth(mechanism: Mechanism, patients: int = 1_000_000, seed: int = 1) -> Gain:
    """Return the months gained, from as many lives under each strategy."""
    rng = np.random.default_rng(seed)
    never, within, cut = (
        np.minimum(live(own, patients, rng, strategy).death, HORIZON)
        for own, strategy in (
            (mechanism, "never"),
            (mechanism, "within"),
            (mechanism._replace(switch_treatment=0.0), "within"),
        )
    )
    errors = [np.sqrt((arm.var() + never.var()) / patients) for arm in (within, cut)]
    gains = [float(arm.mean() - never.mean()) for arm in (within, cut)]
    return Gain(*gains, *map(float, errors))
