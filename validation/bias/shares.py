"""Shares of treated that change from visit to visit: sequential trials, clones and a split."""

from validation.bias.fits import Asked, clone_months, log_hr, modelled, study, tell
from validation.bias.row import Bias
from validation.examination.trials import estimates
from validation.outside import shares

COHORTS, PATIENTS = 20, 10_000
FORMULA = "C(number)"
TARGETS = ("ate", "att", "ato")
SPECIFICATION = """
schema = 2
name = "shares"
[data]
patient = "id"
time = "os"
event = "death"
[treatment]
name = "trt"
start = "trt"
[visits]
every = 2.0
starts = "at-visit"
[outcome]
formula = "trt"
[propensity]
formula = "C(number)"
[priors]
trt = { dist = "Normal", mu = 0.0, sigma = 10.0 }
[ladder]
grace = 4.0
horizon = 24.0
"""
SHAPES = {
    "rising": (1.0, "share of treated .02 to .4 over visits, hazards .02 and .20"),
    "falling": (2.5, "share of treated .4 to .02 over visits, hazards .02 and .20"),
}
_TRIALS = [
    Asked("sequential trials", told.format(one.upper()), unit)
    for one in TARGETS
    for told, unit in (("hazard ratio, {}", "log HR"), ("months gained of 24, {}", "months"))
]
_OTHERS = [
    Asked("clone-censor-weight", "months gained of 24, within 4 or never", "months"),
    Asked("split, none", "hazard ratio", "log HR"),
]


def rows(cohorts: int = COHORTS, patients: int = PATIENTS) -> list[Bias]:
    """Return rows of treatment without effect, given at random within each visit.

    Rows and weights of the trials are the package's, their outcome a Weibull without priors: so
    many are needed that each has to be cheap.
    """
    made = []
    for shape, (part, mechanism) in SHAPES.items():
        # Rising shares treat few of the frail, and need more patients for the same error.
        count = max(2, round(part * cohorts))
        trials = [_trials(shape, patients, seed) for seed in range(100, 100 + count)]
        made += tell(_TRIALS, trials, mechanism, f"{count} x {patients:,}")
    others = [_others(patients, seed) for seed in range(100, 100 + max(2, cohorts // 2))]
    return made + tell(_OTHERS, others, SHAPES["rising"][1], f"{len(others)} x {patients:,}")


def _trials(shape: str, patients: int, seed: int) -> list[float]:
    found = estimates(
        shares.cohort(patients, seed, shape=shape),
        every=shares.EVERY,
        starts="at-visit",
        formula=FORMULA,
        targets=TARGETS,
    )
    return [value for target in TARGETS for value in found[target][:2]]


def _others(patients: int, seed: int) -> list[float]:
    own = study(SPECIFICATION, shares.cohort(patients, seed))
    return [
        clone_months(own, own.plans["clone-censor-weight weights"], 24.0),
        float(log_hr(modelled(own, own.plans["split none"]))[0]),
    ]
