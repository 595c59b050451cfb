"""Modes of the batched engine under flat priors against R's maximum likelihood.

The same numbers of R's survival package as in `test_maximum_likelihood.py`.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from bayes_ihlrt.batch.density import prepared_density
from bayes_ihlrt.batch.engine import BatchEngine
from bayes_ihlrt.cohort.load import load_cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.names import DAYS_PER_MONTH
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec

pytestmark = pytest.mark.golden

REFERENCE = json.loads((Path(__file__).parent / "reference.json").read_text("utf-8"))["heart"]
# Wide enough to move no digit that is compared: (1 / 1e5)^2 against an information above 0.1.
FLAT = """
[outcome]
formula = "age + year + surgery + transplanted"
[priors]
default = { dist = "Normal", mu = 0.0, sigma = 1.0e5 }
"""
# The last Newton step of a mode gains less than 1e-6 units of log-likelihood, and lands within a
# thousandth of a standard error of the maximum squared: far below this.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def heart():
    data = DataSpec(patient="id", start="start", stop="stop", event="event", time_unit="days")
    treatment = TreatmentSpec(name="transplanted", column="transplant")
    covariates = ["age", "year", "surgery"]
    return person_time(load_cohort("heart", data, treatment, covariates=covariates), treatment)


def test_heart_weibull_mode_is_the_maximum_likelihood(heart):
    engine = BatchEngine(prepared_density(prepare(ModelSpec.from_toml(FLAT), heart)))
    patients = len(heart.patients)
    weight = np.stack([np.ones(patients), np.full(patients, 2.0)])
    found = engine.modes({"weight": weight})
    assert found.failed.tolist() == []
    coef = REFERENCE["weibull_ph_full"]["coef"]
    names = {"tr": "transplanted"}
    shape = np.exp(coef["log_shape"])
    for member in range(2):
        ours = found.parameters.isel(member=member)
        for name in set(coef) - {"log_shape", "log_lambda"}:
            value = float(ours[names.get(name, name)])
            assert value == pytest.approx(coef[name], abs=TOLERANCE), name
        assert float(ours["log_shape"]) == pytest.approx(coef["log_shape"], abs=TOLERANCE)
        # R's time is in days, ours in months: H(t) = exp(log_rate) t^shape.
        log_rate = coef["log_lambda"] + shape * np.log(DAYS_PER_MONTH)
        assert float(ours["log_rate"]) == pytest.approx(log_rate, abs=10 * TOLERANCE)
