"""Standardised RMST difference in cohorts with known truth; prints docs/validation/rmst.md.

    python tests/rmst_truth.py > docs/validation/rmst.md

Cohorts come from `simulate_cohort` without confounding by response and with one centre: hazards are
then proportional given the covariates of the model, treatment starts on demand, depending on
hepatic reserve, which the model has. Posteriors are those of the batched engine.

Two truths, for two questions. For the patients of a cohort: the true coefficients in place of the
draws, averaged over the same patients. For the population: simulated potential outcomes; the
patients are then weighted by the Bayesian bootstrap.
"""

import sys
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.estimands.contrasts import contrast
from bayes_ihlrt.estimands.curves import NEVER, rmst, treated_from
from bayes_ihlrt.estimands.population import bootstrap_weights, sample_population
from bayes_ihlrt.names import Engine
from bayes_ihlrt.posterior.fitted import fit_shared
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec
from bayes_ihlrt.synthetic.simulate import TrueQuantity, simulate_cohort, true_estimands
from bayes_ihlrt.synthetic.truth import CohortTruth

COHORTS, PATIENTS, FIRST_SEED, HORIZON = 200, 400, 5000, 24.0
LEVEL = 0.95
TRUTH = replace(CohortTruth().without_response_confounding(), centres=1, centre_sd=0.0)
STRATEGIES = [NEVER, treated_from(0)]
# Wide priors: priors centred on the truth would flatter coverage.
SPEC = ModelSpec.from_toml("""
treatment = "ihlrt"
[modifier]
name = "nlr"
column = "nlr"
reference = 3.0
[outcome]
formula = "ihlrt * nlr + albi + afp_high"
[priors]
default = { dist = "Normal", mu = 0.0, sigma = 2.5 }
baseline = { median_survival = 20.0, upper = 100.0 }
""")
SETTINGS = SamplerSpec(draws=500, chains=2, seed=1, engine=Engine.LAPLACE)
COVARIATES = ("nlr", "albi", "afp_high")
TARGETS = ("the patients", "the population")


@dataclass(frozen=True)
class Recovered:
    """Posterior mean and interval of the RMST difference in each cohort, and its truth.

    Arrays have shape (targets, cohorts).
    """

    mean: np.ndarray
    sd: np.ndarray
    low: np.ndarray
    high: np.ndarray
    truth: np.ndarray
    nuts: int

    @property
    def error(self):
        """Posterior mean less truth."""
        return self.mean - self.truth

    @property
    def bias(self):
        return self.error.mean(axis=1)

    @property
    def mcse(self):
        return self.error.std(axis=1, ddof=1) / np.sqrt(self.error.shape[1])

    @property
    def coverage(self):
        return ((self.low < self.truth) & (self.truth < self.high)).mean(axis=1)


def simulated_rows(seed, patients=PATIENTS):
    """Return a cohort's person-time, split at treatment."""
    columns = simulate_cohort(patients, seed=seed, truth=TRUTH).columns
    data = DataSpec(patient="patient_id", time="os_months", event="death")
    treatment = TreatmentSpec(name="ihlrt", start="ihlrt_months")
    cohort = Cohort.from_frame(dict(columns), data, treatment, covariates=list(COVARIATES))
    return person_time(cohort, treatment)


def population_truth(patients=1_000_000):
    """Return the difference over the population, and its Monte Carlo standard error."""
    rows = true_estimands(TRUTH, horizons=[HORIZON], at=[], starts=[0.0], n=patients, seed=7)
    (found,) = (
        row
        for row in rows
        if (row.quantity, row.strategy, row.reference) == (TrueQuantity.RMST, "from-0", "never")
    )
    return found.value, found.mcse


def at_the_truth(fit):
    """Return the fit with the true coefficients as its only draw."""
    coefficients = TRUTH.log_hazard_ratios
    mean = {"albi": TRUTH.albi_mean, "afp_high": TRUTH.afp_high_share}
    # The mechanism centres its covariates, the model does not.
    offset = sum(coefficients[name] * value for name, value in mean.items())
    shape = TRUTH.shape
    values = {name: coefficients[name] for name in fit.prepared.encoder.columns}
    values |= {"log_shape": np.log(shape), "log_rate": -shape * np.log(TRUTH.scale) - offset}
    draws = xr.Dataset({k: (("chain", "draw"), [[v]]) for k, v in values.items()})
    return replace(fit, tree=xr.DataTree.from_dict({"posterior": draws}))


def difference(fit, weights=None):
    """Return the draws of the RMST difference."""
    patients = sample_population(fit, weights=weights)
    months = rmst(fit, HORIZON, STRATEGIES, population=patients)
    return contrast(months).to_numpy().ravel()


def recover(cohorts=COHORTS, patients=PATIENTS):
    """Fit every cohort and compare with both truths."""
    population, _ = population_truth()
    found, truth, nuts = [], [], 0
    for seed in range(FIRST_SEED, FIRST_SEED + cohorts):
        fit = fit_shared(SPEC, simulated_rows(seed, patients), SETTINGS)
        nuts += fit.tree.attrs["engine"] != Engine.LAPLACE.value
        own = difference(fit), difference(fit, bootstrap_weights(fit, seed=seed))
        tail = (1.0 - LEVEL) / 2.0
        found.append([(d.mean(), d.std(ddof=1), *np.quantile(d, [tail, 1.0 - tail])) for d in own])
        truth.append((float(difference(at_the_truth(fit)).item()), population))
    mean, sd, low, high = np.moveaxis(np.array(found), (0, 1, 2), (2, 1, 0))
    return Recovered(mean, sd, low, high, np.array(truth).T, nuts)


def report(found):
    """Return the page of docs/validation."""
    value, mcse = population_truth()
    cohorts = found.error.shape[1]
    lines = [
        "# Standardised RMST difference against known truth",
        "",
        "Written by `tests/rmst_truth.py`; checked by `tests/slow/test_rmst_truth.py`.",
        "",
        f"{cohorts} synthetic cohorts of {PATIENTS} patients (seeds {FIRST_SEED} and on),",
        "treatment on demand, Weibull model with treatment by NLR, ALBI and AFP, wide priors.",
        f"Months gained of {HORIZON:g} by treatment from month 0. Posteriors of the batched",
        f"engine; {found.nuts} of {cohorts} needed NUTS. True difference in the population:",
        f"{value:.3f} months (Monte Carlo standard error {mcse:.3f}).",
        "",
        "| average over | bias | Monte Carlo SE | mean posterior sd | sd of error | coverage |",
        "|---|---|---|---|---|---|",
    ]
    for k, target in enumerate(TARGETS):
        spread = found.error[k].std(ddof=1)
        lines.append(
            f"| {target} | {found.bias[k]:+.3f} | {found.mcse[k]:.3f} | {found.sd[k].mean():.3f} | "
            f"{spread:.3f} | {100.0 * found.coverage[k]:.1f} % |"
        )
    lines += [
        "",
        "Bias in months, coverage of central 95 % intervals. Asked for: bias within two Monte",
        "Carlo standard errors, coverage between 90 and 98 %.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(report(recover()))
