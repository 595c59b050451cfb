"""The ladder's null simulation against closed forms of immortal time without an effect.

Event times are exponential with hazard h. Where treatment starts at S, if the patient is willing
(probability p), and all are followed to the event, the ever treated are a share A = p E exp(-h S),
live B = p E exp(-h S) (S + 1/h) months in all, and the ratio of event rates between the ever and
the never treated is (A / B) / ((1 - A) / (1/h - B)): h / (2 h + g) for exponential starts with
hazard g, 0.653 for the mechanism of `simulate_null`, and 0.579 with its censoring.
"""

import numpy as np
import pytest

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.ladder.null import simulate_naive
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec
from bayes_ihlrt.synthetic.simulate import NullTruth, simulate_null

pytestmark = pytest.mark.golden

DATA = DataSpec(patient="patient_id", time="pfs_months", event="progression_or_death")
TREATMENT = TreatmentSpec(name="ihlrt", start="ihlrt_months")
MODEL = ModelSpec(
    treatment="ihlrt",
    outcome={"formula": "ihlrt", "hazard": {"family": "exponential"}},
    priors={"default": {"dist": "Normal", "mu": 0.0, "sigma": 100.0}},
)
PATIENTS, REPLICATES = 20_000, 20
TO_THE_EVENT = {"first_follow_up": 1e6, "last_follow_up": 1e6 + 1.0}


def exponential_starts():
    """Return a cohort with hazard 0.05 and starts of treatment at 0.03 a month."""
    rng = np.random.default_rng(5)
    event, start = rng.exponential(1.0 / 0.05, PATIENTS), rng.exponential(1.0 / 0.03, PATIENTS)
    return {
        "patient_id": [f"p{k}" for k in range(PATIENTS)],
        "pfs_months": event,
        "progression_or_death": np.ones(PATIENTS),
        "ihlrt_months": np.where(start < event, start, np.nan),
    }


@pytest.mark.parametrize(
    ("columns", "ratio"),
    [
        (exponential_starts, 0.05 / 0.13),
        (lambda: simulate_null(PATIENTS, seed=3).columns, 0.579),
        (lambda: simulate_null(PATIENTS, seed=4, truth=NullTruth(**TO_THE_EVENT)).columns, 0.653),
    ],
    ids=["exponential starts", "null mechanism", "null mechanism, uncensored"],
)
def test_without_effect_the_naive_contrast_is_that_of_its_closed_form(columns, ratio):
    cohort = Cohort.from_frame(dict(columns()), DATA, TREATMENT)
    found = simulate_naive(cohort, MODEL, replicates=REPLICATES, seed=7)
    assert (len(found.log_hr), found.without_mode) == (REPLICATES, 0)
    # Product-limit curves and event rates of the cohort have errors of the same size.
    ever = np.isfinite(cohort.columns["treatment_start"])
    event = cohort.columns["event"] == 1.0
    mcse = np.sqrt(1.0 / (event & ever).sum() + 1.0 / (event & ~ever).sum())
    expected = pytest.approx(np.log(ratio), abs=3.0 * mcse * np.sqrt(1.0 + 1.0 / REPLICATES))
    assert found.log_hr.mean() == expected
    assert found.observed == pytest.approx(np.log(ratio), abs=3.0 * mcse)


def test_the_closed_form_of_the_null_mechanism():
    """0.653 by quadrature over the uniform start."""
    truth = NullTruth()
    start = np.linspace(truth.first_start, truth.last_start, 20_001)
    alive = np.exp(-truth.hazard * start)
    ever = truth.willing * alive.mean()
    months = truth.willing * (alive * (start + 1.0 / truth.hazard)).mean()
    ratio = (ever / months) / ((1.0 - ever) / (1.0 / truth.hazard - months))
    assert ratio == pytest.approx(0.653, abs=5e-4)
