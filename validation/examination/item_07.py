"""Sequential trials of a treatment without effect whose share changes from visit to visit."""

import math
from statistics import fmean, stdev

from validation.examination.row import Row
from validation.examination.trials import estimates
from validation.outside import shares

PATIENTS = 10_000
TIMES = "bs(time, df=4)"
LEVELS = "C(number)"
"""Shares that rise and fall again are not followed by a spline with four degrees of freedom."""

CASES = {
    ("rising", "strong", TIMES): (18, "ATE log HR -0.48, +3.2 months; ATO -0.133, +0.84"),
    ("falling", "strong", TIMES): (6, "ATE +0.30, +0.26; ATO -0.00, -0.03"),
    ("peaked", "strong", LEVELS): (15, ""),
    ("flat", "strong", TIMES): (8, ""),
    ("rising", "mild", TIMES): (8, "ATE -0.087, +0.59 months; ATO -0.038, +0.26"),
    ("falling", "mild", TIMES): (8, ""),
    ("rising", "strong", f"mark + {TIMES}"): (12, ""),
    ("rising", "mild", f"mark + {TIMES}"): (8, ""),
    ("falling", "mild", f"mark + {TIMES}"): (8, ""),
}
"""Cohorts, and what came out before, by course, strength and model of initiation."""


def rows() -> list[Row]:
    """Run every case: all targets, log hazard ratio and months up to 24."""
    return [_row(*case, seed=5000 + 100 * number) for number, case in enumerate(CASES)]


def _row(shape: str, strength: str, formula: str, *, seed: int) -> Row:
    cohorts, before = CASES[shape, strength, formula]
    marked = formula.startswith("mark")
    found = [
        estimates(
            shares.cohort(PATIENTS, seed + one, shape=shape, strength=strength, marked=marked),
            every=shares.EVERY,
            starts="at-visit",
            formula=formula,
        )
        for one in range(cohorts)
    ]
    told, errors, worst = [], [], 0.0
    for target in found[0]:
        log_hr = [each[target][0] for each in found]
        months = fmean(each[target][1] for each in found)
        error = stdev(log_hr) / math.sqrt(cohorts)
        told.append(f"{target.upper()} {fmean(log_hr):+.3f} ({months:+.2f} months)")
        errors.append(error)
        worst = max(worst, abs(fmean(log_hr)) / error)
    smd = max(abs(each[target][2]) for each in found for target in each)
    also = ", confounded by a mark" if marked else ""
    return Row(
        item="7",
        what=f"Share {shape}, {strength}{also}; {cohorts} cohorts of {PATIENTS:,}, `{formula}`",
        truth="log HR 0, 0 months",
        before=before or "not run",
        after=f"{'; '.join(told)}; time SMD at most {smd:.3f}",
        mcse=f"{min(errors):.3f} to {max(errors):.3f} log HR",
        verdict="within 3 MCSE" if worst <= 3.0 else f"{worst:.1f} MCSE off",
    )
