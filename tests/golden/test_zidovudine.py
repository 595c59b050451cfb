"""Drug resistance found between visits: the likelihood, and Turnbull's estimate by lifelines.

Data of Larder, Darby and Richman (Science 1989;243:1731), not shipped. The maximum of the Weibull
likelihood stands beside the data, by two routes. `lifelines` 0.30.3 takes intervals as closed:

    left = np.where(left > 0, left + 1e-6, 0)
    KaplanMeierFitter().fit_interval_censoring(left, right, tol=1e-10).survival_function_
"""

import numpy as np
import pytest

from bayes_ihlrt.cohort.load import load_cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.estimands.turnbull import turnbull_of
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec
from maximum_likelihood import maximise

pytestmark = pytest.mark.golden


@pytest.fixture(scope="module")
def rows(shared):
    data = DataSpec(patient="patient_id", event={"left": "left_months", "right": "right_months"})
    late = TreatmentSpec(name="late_stage", column="late_stage", design="fixed")
    path = shared / "data" / "zidovudine_resistance.csv"
    return person_time(load_cohort(path, data, late), late)


def test_maximum_of_the_weibull_likelihood(rows):
    model = {"treatment": "late_stage", "outcome": {"formula": "late_stage"}}
    found = maximise(ModelSpec.model_validate(model), rows)
    assert float(found.parameters["late_stage"]) == pytest.approx(1.82648, abs=5e-6)
    assert float(found.parameters["log_shape"]) == pytest.approx(0.93294, abs=1e-5)
    assert float(found.parameters["log_rate"]) == pytest.approx(-7.34810, abs=1e-5)
    assert found.loglik == pytest.approx(-15.0125893, abs=1e-7)


def test_turnbull_by_lifelines(rows):
    found = turnbull_of(rows)["survival"]
    at = [4.0, 6.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0]
    expected = [1.0, 0.6, 0.6, 0.285714, 0.285714, 0.25, 0.25, 0.0]
    np.testing.assert_allclose(found.interp(time=at), expected, atol=1e-6)
