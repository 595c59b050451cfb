"""Naive, landmark and time-dependent contrasts whose answers are known.

Stanford heart transplants: Cox models of R's survival package on its `heart` data (Crowley J, Hu
M. J Am Stat Assoc 1977;72:27-36, doi 10.1080/01621459.1977.10479903) give hazard ratios of 0.266
for ever against never transplanted, 1.136 for transplant as a time-dependent covariate, and 1.054
from a landmark at 30 days with 79 patients. A piecewise hazard with many intervals stands in for
Cox's free baseline. Without any effect of treatment the ratios of event rates follow from the
mechanism of `simulate_null`.
"""

import numpy as np
import pytest

from bayes_ihlrt.cohort import datasets
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.names import DAYS_PER_MONTH
from bayes_ihlrt.posterior.fitted import fit_shared
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec
from bayes_ihlrt.synthetic.simulate import simulate_null

pytestmark = pytest.mark.golden

HEART = DataSpec(patient="id", start="start", stop="stop", event="event", time_unit="days")
NULL = DataSpec(patient="patient_id", time="pfs_months", event="progression_or_death")
DRAWS = SamplerSpec(draws=2000, chains=4, seed=1)
# Close where deaths are.
DAYS = (3, 7, 14, 21, 30, 45, 60, 90, 180, 365, 730)
MONTHS = [day / DAYS_PER_MONTH for day in DAYS]
ACKNOWLEDGED = {"design": "ever-never", "acknowledge_immortal_time_bias": True}


def fitted(rows, name, **hazard):
    model = ModelSpec(
        treatment=name,
        outcome={"formula": name, "hazard": hazard},
        priors={"default": {"dist": "Normal", "mu": 0.0, "sigma": 100.0}},
    )
    return float(np.median(log_hazard_ratio(fit_shared(model, rows, DRAWS))))


@pytest.mark.parametrize(
    ("design", "patients", "ratio"),
    [
        (ACKNOWLEDGED, 103, 0.266),
        ({"design": "split"}, 103, 1.136),
        ({"design": "landmark", "landmark": 30.0 / DAYS_PER_MONTH}, 79, 1.054),
    ],
    ids=lambda value: value["design"] if isinstance(value, dict) else None,
)
def test_stanford_heart(design, patients, ratio):
    treatment = TreatmentSpec(name="transplant", column="transplant", **design)
    cohort = Cohort.from_frame(datasets.load("heart"), HEART, treatment)
    rows = person_time(cohort, treatment)
    assert len(rows.patients) == patients
    hazard = {"family": "piecewise", "smoothing": "independent", "cuts": MONTHS}
    assert fitted(rows, "transplant", **hazard) == pytest.approx(np.log(ratio), abs=0.05)


@pytest.mark.parametrize(
    ("design", "ratio"), [(ACKNOWLEDGED, 0.579), ({"design": "split"}, 1.0)], ids=["naive", "split"]
)
def test_without_effect_the_naive_contrast_alone_shows_one(design, ratio):
    """The exact ratio of event rates of the mechanism is 0.579 between ever and never treated."""
    columns = dict(simulate_null(20_000, seed=11).columns)
    treatment = TreatmentSpec(name="ihlrt", start="ihlrt_months", **design)
    rows = person_time(Cohort.from_frame(columns, NULL, treatment), treatment)
    treated = rows.columns["ihlrt"].astype(float) == 1.0
    event = rows.columns["event"].astype(float) == 1.0
    mcse = np.sqrt(1.0 / (event & treated).sum() + 1.0 / (event & ~treated).sum())
    found = fitted(rows, "ihlrt", family="exponential")
    assert found == pytest.approx(np.log(ratio), abs=3.0 * mcse)
