"""Progression that is looked for at scans, with a treatment that starts between them.

Truth: the hazard of progression is a Weibull; treatment starts at random during follow-up, mostly
between two scans, and lowers it, the less the higher the NLR. Times are drawn exactly by inversion.
Scans come about every two months without treatment and every three and a half under it, so that
dates of scans flatter treatment; where a scan falls never depends on progression. Follow-up ends
at random between 12 and 36 months. Nothing of the package is imported.
"""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SHAPE: Final = 1.3
TRUTH: Final = {"level": -2.9, "treated": -0.5, "nlr": 0.3, "product": 0.2}
_START: Final = 0.12
"""Starts of treatment a month."""
_APART: Final = (2.0, 3.5)
"""Months between scans, without and under treatment; each is up to a fifth earlier or later."""
_STEPS: Final = 2_400


def cohort(patients: int, seed: int) -> pd.DataFrame:
    """Return one row a patient: ``id, free, found, treated_months, nlr``, empty for never.

    ``true_months`` and ``progressed`` say what nobody knows, followed until the end of follow-up.
    """
    rng = np.random.default_rng(seed)
    nlr = np.exp(rng.normal(np.log(2.9), 0.5, patients))
    start = rng.exponential(1.0 / _START, patients)
    before, after = _rates(nlr)
    target = rng.exponential(size=patients)
    spent = before * start**SHAPE
    late = start**SHAPE + np.maximum(target - spent, 0.0) / after
    time = np.where(target < spent, target / before, late) ** (1.0 / SHAPE)
    end = rng.uniform(12.0, 36.0, patients)
    free, found = np.zeros(patients), np.full(patients, np.nan)
    for i in range(patients):
        free[i], found[i] = _scans(rng, time[i], start[i], end[i])
    last = np.where(np.isnan(found), free, found)
    return pd.DataFrame(
        {
            "id": [f"p{number}" for number in range(patients)],
            "free": np.where(free > 0.0, free, np.nan),
            "found": found,
            "treated_months": np.where(start < last, start, np.nan),
            "nlr": nlr,
            "true_months": np.minimum(time, end),
            "progressed": (time <= end).astype(float),
            "true_start": np.where(start < np.minimum(time, end), start, np.nan),
        }
    )


def _scans(rng: np.random.Generator, time: float, start: float, end: float) -> tuple[float, float]:
    """Return the last scan without progression and the one that found it."""
    free = at = 0.0
    while True:
        at += _APART[int(at >= start)] * rng.uniform(0.8, 1.2)
        if at > end:
            return free, np.nan
        if time <= at:
            return free, at
        free = at


def months_gained(frame: pd.DataFrame, horizon: float) -> float:
    """Return the progression-free months that treatment from time zero gains these patients."""
    edges = np.linspace(0.0, horizon, _STEPS + 1)
    never, always = (
        np.exp(-rate[:, None] * edges**SHAPE).mean(axis=0) for rate in _rates(frame["nlr"])
    )
    return float(np.trapezoid(always - never, edges))


def _rates(nlr: object) -> tuple[Floats, Floats]:
    z = np.log2(np.asarray(nlr, dtype=np.float64) / 3.0)
    eta = TRUTH["level"] + TRUTH["nlr"] * z
    return np.exp(eta), np.exp(eta + TRUTH["treated"] + TRUTH["product"] * z)
