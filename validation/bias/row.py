"""A row of the page on bias: what was estimated from truth made outside, and how far off it is."""

from typing import NamedTuple

import numpy as np


class Bias(NamedTuple):
    """One design and estimand under one adverse truth.

    Parameters
    ----------
    design, estimand : str
        As the package names them.
    mechanism : str
        What makes the truth adverse, in a few words.
    truth, estimate : float
        Log hazard ratio, or months.
    mcse : float
        Monte Carlo standard error of the difference: of the mean over cohorts, and of the truth
        where that was simulated too.
    unit : str
        ``"log HR"`` or ``"months"``.
    size : str
        Cohorts and patients.
    expected : bool
        Whether the design is meant to be right under this truth; others are shown, and not counted.
    """

    design: str
    estimand: str
    mechanism: str
    truth: float
    estimate: float
    mcse: float
    unit: str
    size: str
    expected: bool = True

    @property
    def z(self) -> float:
        """Difference in Monte Carlo standard errors."""
        return (self.estimate - self.truth) / self.mcse


def over_cohorts(estimates: list[float], truth_mcse: float = 0.0) -> tuple[float, float]:
    """Return the mean over cohorts and the Monte Carlo standard error of its distance from truth.

    Parameters
    ----------
    estimates : list of float
        One a cohort, two at least.
    truth_mcse : float
        Of the truth, where that was simulated.
    """
    values = np.asarray(estimates)
    own = values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(np.hypot(own, truth_mcse))
