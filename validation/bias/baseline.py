"""Hazards that bend, treatment that does nothing and starts late: confounding by time."""

from validation.bias.fits import Asked, gained, log_hr, modelled, study, tell
from validation.bias.row import Bias
from validation.outside import baseline

COHORTS, PATIENTS, START_RATE = 30, 20_000, 0.15
SPECIFICATION = """
schema = 2
name = "bending"
[data]
patient = "id"
time = "months"
event = "death"
[treatment]
name = "trt"
start = "treated_months"
[outcome]
formula = "trt"
[outcome.hazard]
family = "{family}"
[priors]
trt = {{ dist = "Normal", mu = 0.0, sigma = 10.0 }}
[ladder]
landmarks = [3.0]
horizon = 24.0
"""
SHAPES = {
    "high at first": "treatment does nothing, hazard .15, .04, .02 a month",
    "bathtub": "treatment does nothing, hazard .06, .01, .05 a month",
    "late fall": "treatment does nothing, hazard .05, then .01 a month",
}
_ASKED = [
    Asked("split, as in the ladder", "hazard ratio", "log HR"),
    Asked("split, as in the ladder", "months gained of 24", "months"),
    Asked("split, M-spline", "hazard ratio", "log HR"),
    Asked("landmark 3, as in the ladder", "hazard ratio", "log HR"),
    Asked("split, Weibull", "hazard ratio", "log HR", expected=False),
]


def rows(cohorts: int = COHORTS, patients: int = PATIENTS) -> list[Bias]:
    """Return rows of a flexible baseline and of a Weibull, which is not meant to be right."""
    size = f"{cohorts} x {patients:,}"
    made = []
    for shape, mechanism in SHAPES.items():
        found = [_found(shape, patients, 100 + number) for number in range(cohorts)]
        made += tell(_ASKED, found, mechanism, size)
    return made


def _found(shape: str, patients: int, seed: int) -> list[float]:
    frame = baseline.cohort(patients, seed, shape=shape, start_rate=START_RATE)
    own, bent = (
        study(SPECIFICATION.format(family=family), frame) for family in ("weibull", "mspline")
    )
    plans = own.plans
    split = modelled(own, plans["split none"])
    return [
        float(log_hr(split)[0]),
        gained(split, 24.0),
        float(log_hr(modelled(bent))[0]),
        float(log_hr(modelled(own, plans["landmark-3 none"]))[0]),
        float(log_hr(modelled(own))[0]),
    ]
