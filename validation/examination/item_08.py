"""Sequential trials of a treatment that starts between visits and harms at once, or not at all."""

import math
from statistics import fmean, stdev

from validation.examination.row import Row
from validation.examination.trials import estimates
from validation.outside import early

PATIENTS = 15_000
COHORTS = 4
FORMULA = "bs(time, df=4)"
BEFORE = {3.0: "-0.43", 1.5: "-0.80", 0.5: "-1.69"}
FRAILTY = {"factor": 1.0, "hazards": (0.02, 0.20), "rate": 0.15}


def rows() -> list[Row]:
    """Run the harm at two spacings and, in one cohort, three; and no effect."""
    _, months = early.proportional()
    harm = (
        f"{months:+.2f} months (a proportional model in a fair trial; {early.true_months():+.2f})"
    )
    found = [_row(every, harm, months) for every in (1.5, 3.0)]
    return [*found, _one_cohort(), _row(3.0, "0 months", 0.0, null=True)]


def _months(seed: int, every: float, *, patients: int = PATIENTS, null: bool = False) -> float:
    frame = early.cohort(patients, seed, **(FRAILTY if null else {}))
    found = estimates(frame, every=every, starts="between-visits", formula=FORMULA, targets=["ato"])
    return found["ato"][1]


def _row(every: float, truth: str, months: float, *, null: bool = False) -> Row:
    found = [_months(300 + seed, every, null=null) for seed in range(COHORTS)]
    error = stdev(found) / math.sqrt(COHORTS)
    off = abs(fmean(found) - months) / error
    what = "no effect, hazards .02 and .20, starts at .15 a month" if null else "early harm"
    return Row(
        item="8",
        what=f"Starts between visits {every:g} months apart, {what}; ATO, {COHORTS} cohorts of "
        f"{PATIENTS:,}",
        truth=truth,
        before="not run" if null else f"{BEFORE[every]} (one cohort; -1.52 asked)",
        after=f"{fmean(found):+.2f} months",
        mcse=f"{error:.2f} months",
        verdict="within 3 MCSE" if off <= 3.0 else f"{off:.1f} MCSE off",
    )


def _one_cohort() -> Row:
    found = {every: _months(4, every, patients=4_000) for every in BEFORE}
    spread = max(found.values()) - min(found.values())
    return Row(
        item="8",
        what="Early harm in one cohort of 4,000 at three spacings",
        truth="the same at each",
        before="; ".join(f"{every:g}: {value}" for every, value in BEFORE.items()),
        after="; ".join(f"{every:g}: {value:+.2f}" for every, value in found.items()),
        mcse="one cohort",
        verdict="within .1" if spread <= 0.1 else f"apart by {spread:.2f}",
    )
