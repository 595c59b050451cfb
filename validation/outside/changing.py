"""A confounder that is a number and changes from visit to visit, and that treatment may lower.

Visits every 2 months from month 0. At visit k the marker is L_k, with L_0 ~ Normal(0, 1) and

    L_{k+1} = L_k + drift A + 0.4 Normal(0, 1)
    hazard of death until the next visit   0.04 exp(0.5 L_k + effect A)
    start of treatment at the visit with probability 1 / (1 + exp(2.2 - 0.8 L_k)), until it starts
    end of study                           uniform between months 18 and 38

where A is whether treatment has started. Between visits nothing changes, so that lives are drawn
exactly. Given the marker's course the log hazard ratio of treatment is `effect`; the months gained
of 24 by "within 4 months" (at visits before month 4 treatment starts as above, in it all who are
still untreated start) over "never" come from lives drawn under both, and part of them come through
the marker where `drift` is not 0. With both 0 treatment does nothing, in every population and
design. Imports nothing of the package.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

SPACING, GRACE, HORIZON, LAST = 2.0, 4.0, 24.0, 38.0
STEP, ON_DEATH, ON_START = 0.4, 0.5, 0.8


class Mechanism(NamedTuple):
    """What treatment does.

    Parameters
    ----------
    effect : float
        Log hazard ratio given the marker.
    drift : float
        Change of the marker at each visit under treatment.
    """

    effect: float
    drift: float


NULL = Mechanism(0.0, 0.0)
BOTH = Mechanism(-0.3, -0.15)


class Lives(NamedTuple):
    """What happens to each patient.

    Parameters
    ----------
    death, start : ndarray, shape (patients,)
        Months; infinite where it does not happen before `LAST`.
    marker : ndarray, shape (patients, visits)
        The marker at each visit, whether the patient still lives or not.
    """

    death: np.ndarray
    start: np.ndarray
    marker: np.ndarray


def live(mechanism: Mechanism, patients: int, rng: np.random.Generator, strategy: str) -> Lives:
    """Draw lives; `strategy` is "observed", "never" or "within"."""
    months = np.arange(0.0, LAST, SPACING)
    death, start = (np.full(patients, np.inf) for _ in range(2))
    level, course = rng.normal(size=patients), np.empty((patients, len(months)))
    for number, month in enumerate(months):
        course[:, number] = level
        alive = np.isinf(death)
        chance = 1.0 / (1.0 + np.exp(2.2 - ON_START * level))
        starts = alive & np.isinf(start) & (rng.random(patients) < chance)
        if strategy == "never" or (strategy == "within" and month > GRACE):
            starts[:] = False
        elif strategy == "within" and month == GRACE:
            starts = alive & np.isinf(start)
        start[starts] = month
        treated = np.isfinite(start)
        rate = 0.04 * np.exp(ON_DEATH * level + mechanism.effect * treated)
        dies = month + rng.exponential(size=patients) / rate
        gone = alive & (dies < month + SPACING)
        death[gone] = dies[gone]
        level = level + mechanism.drift * treated + STEP * rng.normal(size=patients)
    return Lives(death, start, course)


def cohort(patients: int, seed: int, mechanism: Mechanism) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return patients (``id, os, death, trt``) and their visits (``id, month, marker``)."""
    rng = np.random.default_rng(seed)
    lives = live(mechanism, patients, rng, "observed")
    end = rng.uniform(18.0, LAST, patients)
    time = np.minimum(lives.death, end)
    names = np.array([f"p{number:06d}" for number in range(patients)])
    months = np.arange(0.0, LAST, SPACING)
    who, visit = np.nonzero(months[None] < time[:, None])
    seen = {"id": names[who], "month": months[visit], "marker": lives.marker[who, visit]}
    observed = {
        "id": names,
        "os": time,
        "death": (lives.death <= end).astype(int),
        "trt": np.where(lives.start < time, lives.start, np.nan),
    }
    return pd.DataFrame(observed), pd.DataFrame(seen)


def months_gained(
    mechanism: Mechanism, patients: int = 1_000_000, seed: int = 1
) -> tuple[float, float]:
    """Return months gained of `HORIZON`, "within 4" over "never", and the Monte Carlo error."""
    rng = np.random.default_rng(seed)
    within, never = (
        np.minimum(live(mechanism, patients, rng, strategy).death, HORIZON)
        for strategy in ("within", "never")
    )
    error = np.sqrt((within.var() + never.var()) / patients)
    return float(within.mean() - never.mean()), float(error)
