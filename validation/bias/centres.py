"""Centres with few and many patients, as confounders and with late entry, under (1 | centre)."""

from validation.bias.fits import log_hr, modelled, study
from validation.bias.row import Bias, over_cohorts
from validation.outside.centres import TRUTH, Design, cohort

# Enough for an error of 0.015 where the design is meant to be right; the others show how far off.
ENOUGH, FEW = 16, 5
SPECIFICATION = """
schema = 2
name = "centres"
[data]
patient = "patient"
time = "months"
event = "death"
entry = "entry"
centre = "centre"
[treatment]
name = "a"
column = "a"
design = "fixed"
[outcome]
formula = "a + z"
group = "(1 | centre)"
[outcome.hazard]
family = "weibull"
[priors]
default = { dist = "Normal", mu = 0.0, sigma = 5.0 }
group_sd = { dist = "HalfNormal", sigma = 1.0 }
[sampler]
engine = "laplace"
draws = 800
[estimands]
horizons = [24.0]
"""
MECHANISMS = (
    ("centres confound, 80 patients each", Design(50, 4000, 0.0, confounded=True), ENOUGH),
    ("centres confound, 10 patients each", Design(400, 4000, 0.0, confounded=True), FEW),
    ("late entry, 50 patients entered a centre", Design(50, 4000), ENOUGH),
    ("late entry, 6 patients entered a centre", Design(400, 4000), FEW),
)


def rows() -> list[Bias]:
    """Return the bias of treatment's log hazard ratio."""
    made = []
    for mechanism, design, cohorts in MECHANISMS:
        found = []
        for seed in range(cohorts):
            fit = modelled(study(SPECIFICATION, cohort(design, seed)))
            found.append(float(log_hr(fit)[0]))
        estimate, error = over_cohorts(found)
        made.append(
            Bias(
                "fixed, (1 | centre)",
                "log hazard ratio of treatment",
                mechanism,
                TRUTH["treatment"],
                estimate,
                error,
                "log HR",
                f"{cohorts} of {design.diagnosed:,} diagnosed",
                expected=cohorts == ENOUGH,
            )
        )
    return made
