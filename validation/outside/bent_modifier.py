"""Patients whom treatment helps most at a middle value of the modifier.

Hazard .05 a month, treatment at random from time zero, follow-up 36 months. With
z = log2(nlr / 3) the log hazard ratio is -1.1 + 0.45 z^2 within 2 doublings: NLR is log-normal
(median 3, sd of log2 0.9), cut to .75 .. 12. So log HR = +0.70 at .75 and 12, -1.1 at 3; at 2 and 5
it is -0.946 and -0.856: the hazard is lowered more at 2 than at 5, by a factor exp(0.090), and the
effect turns. Nothing here imports the package.
"""

import numpy as np
import pandas as pd


def log_hr(nlr: float) -> float:
    """Return the true log hazard ratio of treatment."""
    return -1.1 + 0.45 * np.log2(nlr / 3.0) ** 2


def cohort(patients: int, seed: int) -> pd.DataFrame:
    """Return one row a patient."""
    rng = np.random.default_rng(seed)
    nlr = 3.0 * 2.0 ** np.clip(rng.normal(0.0, 0.9, patients), -2.0, 2.0)
    treated = rng.integers(0, 2, patients)
    hazard = 0.05 * np.exp(treated * log_hr(nlr))
    event = rng.exponential(1.0 / hazard)
    return pd.DataFrame(
        {
            "patient": np.arange(patients),
            "months": np.minimum(event, 36.0),
            "death": (event < 36.0).astype(int),
            "ihlrt": treated,
            "nlr": nlr,
        }
    )
