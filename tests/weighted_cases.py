"""Small cohorts and analyses for tests of the uncertainty of weighted analyses."""

from dataclasses import dataclass, fields

import numpy as np

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import emulate
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec
from bayes_ihlrt.weighted.analysis import WeightedAnalysis
from emulated_cohorts import simulated

DATA = DataSpec(patient="id", time="months", event="death")
ARM = TreatmentSpec(name="arm", column="arm", design="fixed")
WIDE = {"dist": "Normal", "mu": 0.0, "sigma": 100.0}


def exponential(treatment="arm", *, prior=None, group=""):
    """Return a model of exponential times in two arms, under all but flat priors."""
    hazard = {"family": "exponential"}
    return ModelSpec(
        treatment=treatment,
        outcome={"formula": treatment, "hazard": hazard, "group": group},
        priors={"log_rate": WIDE, treatment: prior or WIDE},
    )


EXPONENTIAL = exponential()


def confounded(n=300, *, seed=1, log_hr=0.0, strength=1.0, on_death=0.8):
    """Return an emulation in which a covariate makes treatment and death likelier."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n)
    arm = (rng.random(n) < 1.0 / (1.0 + np.exp(-strength * x))).astype(float)
    death = rng.exponential(1.0 / (0.06 * np.exp(log_hr * arm + on_death * x)))
    end = rng.uniform(5.0, 40.0, n)
    columns = {
        "id": [f"p{number:04d}" for number in range(n)],
        "months": np.minimum(death, end),
        "death": (death <= end).astype(float),
        "arm": arm,
        "x": x,
        "x_centre": [f"c{number % 5}" for number in range(n)],
    }
    return emulate(Cohort.from_frame(columns, DATA, ARM, covariates=["x", "x_centre"]), ARM)


def sequential(n=80, *, seed=2, **options):
    """Return sequential trials, of which a patient has several."""
    treatment = TreatmentSpec(name="ihlrt", start="start", design="sequential", **options)
    return emulate(simulated(n, seed, at_visit=True), treatment)


@dataclass(frozen=True)
class Given(WeightedAnalysis):
    """An analysis whose row weights are given: w_r grows with the row's number, and is skewed."""

    def weights(self, parameters, grace, patient_weight):
        return np.tile(given(self.emulation.person_time.n_rows), (len(patient_weight), 1))


def given(rows):
    """Return skewed weights."""
    return np.random.default_rng(7).lognormal(0.0, 0.6, rows)


def with_given_weights(analysis):
    """Return the analysis with these weights."""
    return Given(**{field.name: getattr(analysis, field.name) for field in fields(analysis)})


def by_arm(emulation):
    """Return time at risk, events and patient of the rows, and which are treated."""
    rows = emulation.person_time
    months = rows.columns["stop"].astype(float) - rows.columns["start"].astype(float)
    arm = rows.columns[emulation.treatment].astype(float) == 1.0
    return months, rows.columns["event"].astype(float), rows.patient_index, arm
