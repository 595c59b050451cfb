"""Arms that hardly overlap: weights to populations that both arms know, and averages over them."""

import numpy as np

from bayes_ihlrt.analysis.fit import run_fit
from bayes_ihlrt.spec.read import parse_spec
from validation.bias.fits import Asked, gained, log_hr, study, tell, weighted
from validation.bias.row import Bias
from validation.outside import overlap

COHORTS, PATIENTS, DRAWS, HORIZON = 16, 20_000, 300, 60.0
EFFECT, MODIFIED = -0.6, 0.6
TARGETS = ("att", "ato")
POPULATIONS = ("sample", "att", "ato")
SPECIFICATION = """
schema = 2
name = "overlap"
[data]
patient = "id"
time = "months"
event = "death"
[treatment]
name = "treated"
column = "treated"
design = "fixed"
[outcome]
formula = "{formula}"
[outcome.hazard]
family = "weibull"
[propensity]
formula = "age + nodes + chemo"
adjust = "{adjust}"
[priors]
default = {{ dist = "Normal", mu = 0.0, sigma = 10.0 }}
[estimands]
horizons = [60.0]
population = "{population}"
[sampler]
draws = {draws}
{engine}
"""
WEIGHTED = SPECIFICATION.format(
    formula="treated", adjust="weights", population="sample", draws=DRAWS, engine=""
)
NULL = "treatment does nothing, the old are treated and the young are not"
SIGN = "the same, and a sign of the old decides what treatment does"


def rows(cohorts: int = COHORTS, patients: int = PATIENTS) -> list[Bias]:
    """Return rows of weights under no effect, and of populations under one that varies."""
    size = f"{cohorts} x {patients:,}"
    seeds = range(100, 100 + cohorts)
    asked = [Asked("fixed, weights", f"hazard ratio, {one.upper()}", "log HR") for one in TARGETS]
    asked += [
        Asked("fixed, weights", f"months gained of 60, {one.upper()}", "months") for one in TARGETS
    ]
    made = tell(asked, [_weighted(patients, seed) for seed in seeds], NULL, size)
    for population in POPULATIONS:
        months, error = overlap.months_gained(population, HORIZON, effect=EFFECT, modified=MODIFIED)
        ratio = overlap.log_hazard_ratio(population, effect=EFFECT, modified=MODIFIED)
        told = f"months gained of 60, {population}"
        asked = [
            Asked("fixed, covariates", f"hazard ratio, {population}", "log HR", ratio, 0.001),
            Asked("fixed, covariates", told, "months", months, error),
        ]
        found = [_averaged(population, patients, seed) for seed in seeds]
        made += tell(asked, found, SIGN, size)
    return made


def _weighted(patients: int, seed: int) -> list[float]:
    own = study(WEIGHTED, overlap.cohort(patients, seed))
    fits = [weighted(own, None, target) for target in TARGETS]
    return [*(float(log_hr(fit)[0]) for fit in fits), *(gained(fit, HORIZON) for fit in fits)]


def _averaged(population: str, patients: int, seed: int) -> list[float]:
    text = SPECIFICATION.format(
        formula="treated * severe + age + nodes + chemo",
        adjust="none",
        population=population,
        draws=DRAWS,
        engine='engine = "laplace"\nchains = 2',
    )
    frame = overlap.cohort(patients, seed, effect=EFFECT, modified=MODIFIED)
    estimates = run_fit(parse_spec(text), frame).estimates
    (ratio,) = (e for e in estimates if e.estimand == "hazard_ratio" and e.at is None)
    (months,) = (
        e for e in estimates if e.estimand == "rmst" and e.contrast and e.horizon == HORIZON
    )
    return [float(np.log(ratio.summary["median"])), float(months.summary["mean"])]
