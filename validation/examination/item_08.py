"""Sequential trials of a treatment that starts between visits and harms at once, or not at all."""

import math
from functools import cache
from statistics import fmean, stdev
from typing import Final

import numpy as np
import pandas as pd

from validation.examination.row import Row
from validation.examination.trials import estimates
from validation.outside import early

PATIENTS: Final = 8_000
"""Of a cohort with harm, as of the file on which it was missed."""
SEEDS: Final = range(1000, 1036)
PAIRED: Final = range(1000, 1003)
"""Cohorts in which visits are half a month apart, too: the others are told by the difference."""
NULL_PATIENTS, NULL_COHORTS = 15_000, 4
FORMULA = "bs(time, df=4)"
BEFORE = {3.0: "-0.43", 1.5: "-0.80", 0.5: "-1.69"}
ASKED: Final = -1.52
CLOSE, MIDDLE, WIDE = 0.5, 1.5, 3.0
FRAILTY = {"factor": 1.0, "hazards": (0.02, 0.20), "rate": 0.15}


def rows() -> list[Row]:
    """Run the harm at three spacings and, in one cohort, all of them; and no effect."""
    _, months = early.limit(early.left_at_starts)
    return [*(_row(every, months) for every in (CLOSE, MIDDLE, WIDE)), _one_file(), _null()]


@cache
def gained(seed: int, every: float) -> float:
    """Return the months that a cohort with harm shows."""
    return _months(early.cohort(PATIENTS, seed), every)


@cache
def of_the_file(every: float) -> float:
    """Return the months that the file shows on which harm was missed."""
    return _months(early.examined(), every)


def _months(frame: pd.DataFrame, every: float) -> float:
    found = estimates(frame, every=every, starts="between-visits", formula=FORMULA, targets=["ato"])
    return found["ato"][1]


def found(every: float) -> tuple[float, float]:
    """Return the mean over cohorts and its Monte Carlo error, months."""
    if every == CLOSE:
        mean, error = found(MIDDLE)
        apart = [gained(seed, CLOSE) - gained(seed, MIDDLE) for seed in PAIRED]
        return mean + fmean(apart), math.hypot(error, _error(apart))
    told = [gained(seed, every) for seed in SEEDS]
    return fmean(told), _error(told)


def _error(values: list[float]) -> float:
    return stdev(values) / math.sqrt(len(values))


def _row(every: float, months: float) -> Row:
    mean, error = found(every)
    paired = f"; {len(PAIRED)} of them, paired with {MIDDLE:g}" if every == CLOSE else ""
    return Row(
        item="8",
        what=f"Starts between visits {every:g} months apart, early harm; ATO, {len(SEEDS)} cohorts "
        f"of {PATIENTS:,}{paired}",
        truth=f"{months:+.2f} months (a Weibull model in a fair trial with the follow-up left at "
        f"the starts; without a model {early.true_months():+.2f})",
        before=f"{BEFORE[every]} (one cohort; {ASKED:+.2f} asked)",
        after=f"{mean:+.2f} months",
        mcse=f"{error:.2f} months",
        verdict=_verdict(mean - months, error),
    )


def _verdict(off: float, error: float) -> str:
    return "within 3 MCSE" if abs(off) <= 3.0 * error else f"{abs(off) / error:.1f} MCSE off"


def _one_file() -> Row:
    told = {every: of_the_file(every) for every in BEFORE}
    spread = max(told.values()) - min(told.values())
    return Row(
        item="8",
        what=f"The file of {PATIENTS:,} on which early harm was missed, at three spacings",
        truth="the same at each",
        before="; ".join(f"{every:g}: {value}" for every, value in BEFORE.items()),
        after="; ".join(f"{every:g}: {value:+.2f}" for every, value in told.items()),
        mcse="one file",
        verdict="within .1" if spread <= 0.1 else f"apart by {spread:.2f}",
    )


@cache
def _nulls() -> list[float]:
    frames = [
        early.cohort(NULL_PATIENTS, 300 + number, **FRAILTY) for number in range(NULL_COHORTS)
    ]
    return [_months(frame, WIDE) for frame in frames]


def _null() -> Row:
    told = _nulls()
    return Row(
        item="8",
        what=f"Starts between visits {WIDE:g} months apart, no effect, hazards .02 and .20, starts "
        f"at .15 a month; ATO, {NULL_COHORTS} cohorts of {NULL_PATIENTS:,}",
        truth="0 months",
        before="not run",
        after=f"{fmean(told):+.2f} months",
        mcse=f"{_error(told):.2f} months",
        verdict=_verdict(fmean(told), _error(told)),
    )


def words() -> str:
    """Return the paragraph on what a proportional model can show, and under which follow-up."""
    left, zero = (early.limit(each)[1] for each in (early.left_at_starts, early.from_time_zero))
    closed = {months: early.limit(np.ones_like, until=months)[1] for months in (24.0, 28.0, 48.0)}
    means = {every: found(every) for every in (CLOSE, MIDDLE, WIDE)}
    told = ", ".join(f"{m:+.2f} ({e:.2f}) at {every:g}" for every, (m, e) in means.items())
    far = min(abs(m - ASKED) / e for m, e in means.values())
    held = "all" if all(abs(m - left) <= 3.0 * e for m, e in means.values()) else "not all"
    return (
        f"Item 8, early harm. {ASKED:+.2f} months was asked for, as what a proportional model "
        "shows on randomised data. Hazards are not proportional here, so what a Weibull model "
        "tends to depends on follow-up (maximum of the expected log-likelihood, by quadrature): "
        f"{closed[24.0]:+.2f} where everybody is followed for 24 months, {closed[28.0]:+.2f} for "
        f"28, {closed[48.0]:+.2f} for 48, {zero:+.2f} where it ends between 24 and 48 months after "
        f"randomisation, and {left:+.2f} with what is left of that when treatment starts, which is "
        f"what sequential trials have. {ASKED:+.2f} is that of some 28 months for everybody, which "
        f"neither has. Over {len(SEEDS)} cohorts of {PATIENTS:,} sequential trials give {told} "
        f"months between visits (Monte Carlo errors in brackets): {held} within 3 errors of "
        f"{left:+.2f}, and {far:.0f} errors or more from {ASKED:+.2f}. A single cohort scatters by "
        f"{stdev(gained(seed, WIDE) for seed in SEEDS):.2f}. The difference in life itself is "
        f"{early.true_months():+.2f}, which all of these models understate."
    )
