"""Treatment through a response: a switch that treatment changes, that kills, and that is treated.

One response is read by four designs; with no effect of treatment it confounds all of them.
"""

from collections.abc import Callable

from bayes_ihlrt.ladder.fit import fit_rung
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
from validation.outside import response

COHORTS, PATIENTS, DRAWS, LIVES = 15, 12_000, 1000, 300_000
SPECIFICATION = """
schema = 2
name = "switch"
[data]
patient = "id"
time = "os"
event = "death"
[treatment]
name = "trt"
start = "trt"
[visits]
every = 2.0
switches = {{ prog = "prog" }}
starts = "at-visit"
[outcome]
formula = "trt + prog"
[propensity]
formula = "prog"
[priors]
trt = {{ dist = "Normal", mu = 0.0, sigma = 10.0 }}
prog = {{ dist = "Normal", mu = 0.0, sigma = 10.0 }}
[ladder]
landmarks = [6.0]
grace = 4.0
horizon = 24.0
draws = {draws}
response = "prog"
"""
THROUGH = ("treatment delays a harmful switch", "treatment brings a switch that harms")
NULL = "no effect at all"
TARGETS = ("ate", "ato")
OF_24 = "months gained of 24"


def rows(cohorts: int = COHORTS, patients: int = PATIENTS) -> list[Bias]:
    """Return rows of treatment that acts through the switch, and of treatment that does nothing."""
    size = f"{cohorts} x {patients:,}"
    made = []
    for name in THROUGH:
        asked = _asked_through(response.MECHANISMS[name])
        made += tell(asked, _each(name, cohorts, patients, _through), name, size)
    mechanism = "treatment does nothing, a switch that kills leads to it"
    # Twice as many of half the size: the rows of sequential trials are many.
    found = _each(NULL, 2 * cohorts, patients // 2, _null)
    return made + tell(_ASKED_NULL, found, mechanism, f"{2 * cohorts} x {patients // 2:,}")


def _each(
    name: str, cohorts: int, patients: int, found: Callable[[Study], list[float]]
) -> list[list[float]]:
    text = SPECIFICATION.format(draws=DRAWS)
    chosen = response.MECHANISMS[name]
    return [found(study(text, response.cohort(patients, 100 + n, chosen))) for n in range(cohorts)]


def _asked_through(mechanism: response.Mechanism) -> list[Asked]:
    truth = response.truth(mechanism, LIVES)
    direct, months = ("log HR", mechanism.death_treatment), "months gained of 24, within 4 or never"
    return [
        Asked("split, covariates", "hazard ratio given the switch", *direct),
        Asked("g-formula", "hazard ratio given the switch", *direct),
        Asked("g-formula", months, "months", truth.total, truth.mcse_total),
        Asked("g-formula", f"{months}, given the switch", "months", truth.given, truth.mcse_given),
        Asked("clone-censor-weight", months, "months", truth.total, truth.mcse_total),
    ]


def _through(own: Study) -> list[float]:
    plans = own.plans
    simulated = fit_rung(own.spec, own.cohort, plans["g-formula covariates"], horizon=24.0)
    return [
        float(log_hr(modelled(own, plans["split covariates"]))[0]),
        simulated.log_hr["mean"],
        simulated.rmst_difference["mean"],
        simulated.by_response.given["mean"],
        clone_months(own, plans["clone-censor-weight weights"], 24.0),
    ]


_ASKED_NULL = [
    Asked("split, none", "hazard ratio", "log HR", expected=False),
    Asked("split, covariates", "hazard ratio given the switch", "log HR"),
    Asked("landmark 6, covariates", "hazard ratio given the switch", "log HR"),
    Asked("landmark 6, weights", "hazard ratio, ATO", "log HR"),
    Asked("landmark 6, weights", "months gained of 24, ATO", "months"),
    *(Asked("sequential trials", f"hazard ratio, {one.upper()}", "log HR") for one in TARGETS),
    *(Asked("sequential trials", f"{OF_24}, {one.upper()}", "months") for one in TARGETS),
    Asked("clone-censor-weight", "months gained of 24, within 4 or never", "months"),
]


def _null(own: Study) -> list[float]:
    plans = own.plans
    landmark = weighted(own, plans["landmark-6 weights"])
    trials = [weighted(own, plans["sequential weights"], target) for target in TARGETS]
    return [
        float(log_hr(modelled(own, plans["split none"]))[0]),
        float(log_hr(modelled(own, plans["split covariates"]))[0]),
        float(log_hr(modelled(own, plans["landmark-6 covariates"]))[0]),
        float(log_hr(landmark)[0]),
        gained(landmark, 24.0),
        *(float(log_hr(fit)[0]) for fit in trials),
        *(gained(fit, 24.0) for fit in trials),
        clone_months(own, plans["clone-censor-weight weights"], 24.0),
    ]
