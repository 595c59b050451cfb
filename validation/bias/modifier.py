"""The effect of treatment over its modifier: a slope during follow-up, and a bend."""

import numpy as np

from validation.bias.fits import Asked, log_hr, modelled, study, tell
from validation.bias.row import Bias
from validation.outside import bent_modifier, interaction

COHORTS, PATIENTS = 24, 20_000
SLOPE_AT, BENT_AT = (1.0, 3.0, 8.0), (1.5, 3.0, 6.0)
BENT = """
schema = 2
name = "bent"
[data]
patient = "patient"
time = "months"
event = "death"
[treatment]
name = "ihlrt"
column = "ihlrt"
design = "fixed"
[modifier]
name = "nlr"
column = "nlr"
transform = "log2"
reference = 3.0
[outcome]
formula = "ihlrt * bs(nlr, df=4)"
[outcome.hazard]
family = "weibull"
[priors]
default = { dist = "Normal", mu = 0.0, sigma = 10.0 }
"""


def rows(cohorts: int = COHORTS, patients: int = PATIENTS) -> list[Bias]:
    """Return rows of the log hazard ratio at values of the modifier."""
    size = f"{cohorts} x {patients:,}"
    slope = [
        Asked("split", f"hazard ratio at NLR {at:g}", "log HR", -0.2 - 0.3 * np.log2(at / 3.0))
        for at in SLOPE_AT
    ]
    slope.append(Asked("split", "interaction per doubling", "log HR", -0.3))
    bent = [
        Asked("fixed", f"hazard ratio at NLR {at:g}", "log HR", float(bent_modifier.log_hr(at)))
        for at in BENT_AT
    ]
    seeds = range(100, 100 + cohorts)
    straight = [_slope(patients, seed) for seed in seeds]
    turned = [_bent(patients, seed) for seed in seeds]
    return [
        *tell(slope, straight, "effect by NLR, treatment during follow-up", size),
        *tell(bent, turned, "effect that bends over NLR", size),
    ]


def _slope(patients: int, seed: int) -> list[float]:
    own = study(interaction.SPECIFICATION, interaction.cohort(patients, seed))
    found = log_hr(modelled(own), SLOPE_AT)
    return [*map(float, found), float((found[2] - found[0]) / 3.0)]


def _bent(patients: int, seed: int) -> list[float]:
    own = study(BENT, bent_modifier.cohort(patients, seed))
    return [float(value) for value in log_hr(modelled(own), BENT_AT)]
