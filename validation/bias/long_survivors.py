"""The package's default priors: long survivors with few deaths, and many patients."""

import numpy as np

from validation.bias.fits import Asked, gained, log_hr, modelled, study, tell
from validation.bias.row import Bias
from validation.outside import long_survivors

COHORTS, PATIENTS, SMALL_COHORTS, SMALL, HORIZON = 14, 20_000, 500, 138, 60.0
SPECIFICATION = """
schema = 2
name = "long-survivors"
[data]
patient = "id"
time = "months"
event = "death"
[treatment]
name = "trt"
start = "start"
design = "split"
[outcome]
formula = "trt + x"
[outcome.hazard]
family = "piecewise"
cuts = [6.0, 12.0, 18.0, 24.0, 36.0, 48.0, 60.0, 84.0]
smoothing = "independent"
"""


def rows(
    cohorts: int = COHORTS, patients: int = PATIENTS, small_cohorts: int = SMALL_COHORTS
) -> list[Bias]:
    """Return rows of few patients without effect, and of many with one; default priors.

    Few patients without an effect show what the priors lean to; with one, the normal prior of
    treatment shrinks it, as it should.
    """
    few = [Asked("split, covariates", "hazard ratio", "log HR")]
    found = [
        [float(log_hr(modelled(study(SPECIFICATION, _cohort(SMALL, seed, 0.0))))[0])]
        for seed in range(1000, 1000 + small_cohorts)
    ]
    told = "about 60 deaths, long survivors, default priors, treatment does nothing"
    made = tell(few, found, told, f"{small_cohorts} x {SMALL}")
    many = [
        Asked("split, covariates", "hazard ratio", "log HR", long_survivors.EFFECT),
        Asked("split, covariates", "months gained of 60", "months", true_months()),
    ]
    found = [_many(patients, seed) for seed in range(100, 100 + cohorts)]
    return made + tell(many, found, "long survivors, default priors", f"{cohorts} x {patients:,}")


def _cohort(patients: int, seed: int, effect: float) -> object:
    return long_survivors.cohort(patients, seed, effect=effect)


def _many(patients: int, seed: int) -> list[float]:
    fit = modelled(study(SPECIFICATION, _cohort(patients, seed, long_survivors.EFFECT)))
    return [float(log_hr(fit)[0]), gained(fit, HORIZON)]


def true_months() -> float:
    """Return the months gained of 60 by treatment from time zero, averaged over x ~ Normal(0, 1).

    The trapezium rule over months and over quantiles of x; error below .001.
    """
    months = np.linspace(0.0, HORIZON, 2401)
    edges, rates = long_survivors.EDGES, long_survivors.HAZARD
    spent = sum(
        rate * np.clip(months - low, 0.0, high - low)
        for rate, low, high in zip(rates, edges[:-1], edges[1:], strict=True)
    )
    x, weight = np.polynomial.hermite_e.hermegauss(40)
    ratio = np.exp(np.array([long_survivors.EFFECT, 0.0])[:, None] + 0.4 * x)
    alive = np.exp(-ratio[..., None] * spent)
    treated, untreated = np.trapezoid(alive, months, axis=-1) @ (weight / weight.sum())
    return float(treated - untreated)
