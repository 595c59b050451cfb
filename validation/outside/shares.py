"""Treatment without effect, given at visits at random, with a share that depends on the visit.

Half of the patients are frail. Visits are every two months; at each, a patient who is alive and
untreated is treated with the share of that visit (times the odds ratio `ODDS` where `marked`
patients are treated more often). Treatment changes nothing: the true log hazard ratio is 0 in every
population and at every time, and so are the months gained. What can go wrong is that visits differ
in how many frail patients are left, and in how many are treated: whoever mixes visits differently
in the two arms finds an effect of treatment.

With `marked`, a mark that half of the robust and nine tenths of the frail patients carry, known
from the beginning, leads to treatment as well: it confounds, and the truth is the same.

The months between visits, shares and hazards of the strong and the mild setting are those of the
adverse inputs `rising_share` and of their mild form.
"""

from typing import Final

import numpy as np
import pandas as pd

EVERY: Final = 2.0
VISITS: Final = 18
ODDS: Final = 3.0
TRUE_LOG_HR: Final = 0.0
TRUE_MONTHS: Final = 0.0

HAZARDS: Final = {"strong": (0.02, 0.20), "mild": (0.03, 0.10)}
_RANGE: Final = {"strong": (0.02, 0.4), "mild": (0.05, 0.2)}


def shares(shape: str, strength: str) -> list[float]:
    """Return the share treated at each visit."""
    low, high = _RANGE[strength]
    up = [0.02, 0.05, 0.1, 0.2, 0.3, 0.4] if strength == "strong" else [0.05, 0.08, 0.11, 0.14, 0.2]
    constant = (low * high) ** 0.5
    courses = {
        "rising": [*up, *[high] * VISITS],
        "falling": [*up[::-1], *[low] * VISITS],
        "peaked": [*up[::2], high, *up[::-2], *[low] * VISITS],
        "flat": [constant] * VISITS,
    }
    return courses[shape][:VISITS]


def cohort(
    patients: int,
    seed: int,
    *,
    shape: str = "rising",
    strength: str = "strong",
    marked: bool = False,
) -> pd.DataFrame:
    """Draw a cohort: id, os (months), death, trt (months to the start, empty for never)."""
    rng = np.random.default_rng(seed)
    low, high = HAZARDS[strength]
    frail = rng.random(patients) < 0.5
    life = rng.exponential(1.0, patients) / np.where(frail, high, low)
    mark = (
        (rng.random(patients) < np.where(frail, 0.9, 0.5)) if marked else np.zeros(patients, bool)
    )
    start = np.full(patients, np.inf)
    for number, share in enumerate(shares(shape, strength)):
        odds = share / (1.0 - share) * np.where(mark, ODDS, 1.0)
        chance = odds / (1.0 + odds)
        chosen = np.isinf(start) & (life > number * EVERY) & (rng.random(patients) < chance)
        start[chosen] = number * EVERY
    end = rng.uniform(24.0, 36.0, patients)
    time = np.minimum(life, end)
    found = pd.DataFrame(
        {
            "id": [f"p{number:06d}" for number in range(patients)],
            "os": time,
            "death": (life <= end).astype(int),
            "trt": np.where(start < time, start, np.nan),
        }
    )
    return found.assign(mark=mark.astype(float)) if marked else found
