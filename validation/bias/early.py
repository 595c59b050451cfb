"""Harm in the first month after treatment, which starts between visits: whose are those deaths."""

import numpy as np

from validation.bias.fits import Asked, tell
from validation.bias.row import Bias
from validation.examination.trials import estimates
from validation.outside import early

COHORTS, PATIENTS, LIVES = 8, 10_000, 2_000_000
SPACINGS = (0.5, 1.5, 3.0)
FORMULA = "time"
MECHANISM = "hazard six-fold in the month after treatment, decisions every {every:g} months"


def rows(cohorts: int = COHORTS, patients: int = PATIENTS, lives: int = LIVES) -> list[Bias]:
    """Return rows of sequential trials at each spacing of decisions.

    The truth is a fair trial's to which the same proportional model is fitted, the mean over four
    draws of lives. Rows and weights are the package's, the outcome a Weibull without priors.
    """
    (log_hr, months), (log_hr_mcse, months_mcse) = truth(lives)
    size = f"{cohorts} x {patients:,}"
    asked = [
        Asked("sequential trials", "hazard ratio, ATO", "log HR", log_hr, log_hr_mcse),
        Asked("sequential trials", "months gained of 24, ATO", "months", months, months_mcse),
    ]
    made = []
    for every in SPACINGS:
        found = [_found(every, patients, 100 + number) for number in range(cohorts)]
        made += tell(asked, found, MECHANISM.format(every=every), size)
    return made


def truth(lives: int) -> tuple[list[float], list[float]]:
    """Return log hazard ratio and months of a proportional model, and Monte Carlo errors."""
    parts = np.array([early.proportional(lives // 4, seed) for seed in range(4)])
    return parts.mean(axis=0).tolist(), (parts.std(axis=0, ddof=1) / 2.0).tolist()


def _found(every: float, patients: int, seed: int) -> tuple[float, float]:
    found = estimates(
        early.cohort(patients, seed),
        every=every,
        starts="between-visits",
        formula=FORMULA,
        targets=["ato"],
        horizon=early.HORIZON,
    )
    return found["ato"][:2]
