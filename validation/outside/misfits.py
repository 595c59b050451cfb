"""Cohorts that a proportional Weibull model `treated * nlr + albi` fits, or misses in one way.

Treatment starts at random (rate 1/12 a month) and lowers the hazard by a constant ratio of 0.6. The
hazard of an average patient is 0.03 a month, unless it is "shaped": 0.09 up to month 3, 0.009 to
month 12, 0.09 from then on. "curved": the log hazard is 1.2 times the square of albi's distance
from its mean (in units, sd 0.5), instead of 0.5 times albi. "centres": two of four centres have a
log hazard ratio of -1.2, two of +1.2. Every truth is what is written here; nothing is estimated.
"""

import numpy as np
import pandas as pd

KINDS = ("right", "shaped", "curved", "centres")
CUTS = np.array([0.0, 3.0, 12.0])
SHAPED = np.array([0.09, 0.009, 0.09])


def cohort(kind: str, patients: int, seed: int) -> pd.DataFrame:
    """Return one row a patient: time and event, start of treatment, nlr, albi, centre."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    nlr = rng.lognormal(np.log(3.0), 0.5, patients)
    albi = rng.normal(-2.4, 0.5, patients)
    centre = rng.integers(0, 4, patients)
    log_hr = 0.4 * np.log2(nlr / 3.0)
    log_hr += 1.2 * (albi + 2.4) ** 2 if kind == "curved" else 0.5 * (albi + 2.4)
    if kind == "centres":
        log_hr += np.where(centre < 2, -1.2, 1.2)
    start = rng.exponential(12.0, patients)
    levels = SHAPED if kind == "shaped" else np.full(3, 0.03)
    time = _times(rng.exponential(size=patients) / np.exp(log_hr), start, levels)
    end = rng.uniform(12.0, 40.0, patients)
    return pd.DataFrame(
        {
            "id": np.arange(patients),
            "months": np.minimum(time, end),
            "death": (time <= end).astype(int),
            "start": np.where(start < np.minimum(time, end), start, np.nan),
            "nlr": nlr,
            "albi": albi,
            "centre": [f"c{number}" for number in centre],
        }
    )


def _times(target: np.ndarray, start: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Invert the cumulative hazard: steps of `levels`, times 0.6 after `start`."""
    found = np.empty(len(target))
    for i, (whole, begun) in enumerate(zip(target, start, strict=True)):
        wanted = whole
        edges = np.unique([*CUTS, begun])
        for low, high in zip(edges, [*edges[1:], np.inf], strict=True):
            level = levels[np.searchsorted(CUTS, low, side="right") - 1]
            level *= 0.6 if low >= begun else 1.0
            if wanted <= level * (high - low):
                found[i] = low + wanted / level
                break
            wanted -= level * (high - low)
    return found
