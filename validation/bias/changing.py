"""A confounder that is a number and changes at visits: who is treated has a higher one."""

from validation.bias.fits import (
    Asked,
    Study,
    clone_months,
    gained,
    log_hr,
    modelled,
    study,
    tell,
    weighted,
)
from validation.bias.row import Bias
from validation.outside import changing

COHORTS, PATIENTS, LIVES = 20, 8000, 300_000
SPECIFICATION = """
schema = 2
name = "changing"
[data]
patient = "id"
time = "os"
event = "death"
[treatment]
name = "trt"
start = "trt"
[visits]
file = "visits.csv"
time = "month"
covariates = ["marker"]
starts = "at-visit"
[outcome]
formula = "trt + marker"
[propensity]
formula = "marker"
[priors]
trt = { dist = "Normal", mu = 0.0, sigma = 10.0 }
marker = { dist = "Normal", mu = 0.0, sigma = 10.0 }
[ladder]
landmarks = [6.0]
grace = 4.0
horizon = 24.0
"""
TARGETS = ("ate", "att", "ato")
NULL = "treatment does nothing, a changing number leads to it"
BOTH = "a changing number leads to treatment, which lowers it"
_MONTHS = "months gained of 24, within 4 or never"
_ASKED_NULL = [
    Asked("split, none", "hazard ratio", "log HR", expected=False),
    Asked("landmark 6, covariates", "hazard ratio given the number", "log HR"),
    Asked("landmark 6, weights", "hazard ratio, ATO", "log HR"),
    *(Asked("sequential trials", f"hazard ratio, {one.upper()}", "log HR") for one in TARGETS),
    Asked("sequential trials", "months gained of 24, ATE", "months"),
]


def rows(cohorts: int = COHORTS, patients: int = PATIENTS) -> list[Bias]:
    """Return rows of treatment without effect, and of treatment that acts in both ways."""
    size = f"{cohorts} x {patients:,}"
    truth, error = changing.months_gained(changing.BOTH, LIVES)
    asked = [
        Asked("split, covariates", "hazard ratio given the number", "log HR", changing.BOTH.effect),
        Asked("clone-censor-weight", _MONTHS, "months", truth, error),
    ]
    seeds = range(100, 100 + cohorts)
    none = [_null(_study(changing.NULL, patients, seed)) for seed in seeds]
    both = [_both(_study(changing.BOTH, patients, seed)) for seed in seeds]
    return tell(_ASKED_NULL, none, NULL, size) + tell(asked, both, BOTH, size)


def _study(mechanism: changing.Mechanism, patients: int, seed: int) -> Study:
    return study(SPECIFICATION, *changing.cohort(patients, seed, mechanism))


def _null(own: Study) -> list[float]:
    plans = own.plans
    trials = [weighted(own, plans["sequential weights"], target) for target in TARGETS]
    fits = [
        modelled(own, plans["split none"]),
        modelled(own, plans["landmark-6 covariates"]),
        weighted(own, plans["landmark-6 weights"]),
        *trials,
    ]
    return [*(float(log_hr(fit)[0]) for fit in fits), gained(trials[0], 24.0)]


def _both(own: Study) -> list[float]:
    plans = own.plans
    return [
        float(log_hr(modelled(own, plans["split covariates"]))[0]),
        clone_months(own, plans["clone-censor-weight weights"], 24.0),
    ]
