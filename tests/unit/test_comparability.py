"""What weights cannot make comparable is told first; below ten patients it is refused."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy.optimize import minimize
from validation.outside import overlap

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import emulate
from bayes_ihlrt.errors import RefusedError, SpecificationError
from bayes_ihlrt.names import EstimandTarget
from bayes_ihlrt.propensity.comparability import Comparability, Overlap
from bayes_ihlrt.propensity.model import prepare_propensity
from bayes_ihlrt.propensity.overlap import effective_patients
from bayes_ihlrt.propensity.point import point_propensity
from bayes_ihlrt.propensity.weights import row_weights
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.spec.read import parse_spec
from bayes_ihlrt.spec.treatment import TreatmentSpec

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
formula = "treated"
[propensity]
formula = "age + nodes + chemo"
estimand = "{estimand}"
{more}
[priors]
treated = {{ dist = "Normal", mu = 0.0, sigma = 10.0 }}
baseline = {{ median_survival = 100.0, upper = 10000.0 }}
[estimands]
horizons = [60.0]
"""


def specified(estimand, more=""):
    return parse_spec(SPECIFICATION.format(estimand=estimand, more=more))


@pytest.fixture(scope="module")
def apart():
    """Return a cohort in which weights to everybody leave about four treated patients."""
    return overlap.cohort(2000, 11)


def test_weights_to_everybody_are_refused_before_anything_is_sampled(apart):
    with pytest.raises(RefusedError) as caught:
        check_analysis(specified("ate"), apart)
    (fault,) = caught.value.faults
    assert fault.where == "estimand 'ate'"
    assert "the treated are worth" in fault.problem
    assert 'estimand = "ato"' in fault.remedy
    assert 'estimand = "att"' in fault.remedy
    assert "acknowledge_poor_overlap = true" in fault.remedy
    # The simulator's own weights, at the true propensities.
    assert overlap.effective_treated(apart) < 10.0


def test_what_is_acknowledged_is_told_first(apart):
    checked = check_analysis(specified("ate", "acknowledge_poor_overlap = true"), apart)
    assert checked.notes[0].startswith("NO OVERLAP: weighted to everybody (ate), the treated are")
    told = checked.to_dict()["propensity"]["comparability"]
    assert told["overlap"] == "failed"
    assert {each["estimand"] for each in told["alternatives"]} == {"ato", "att"}


@pytest.mark.parametrize("estimand", ["ato", "atm", "entropy"])
def test_an_arm_in_which_nobody_weighs_anything_is_worth_nobody(estimand):
    """Of propensities of 1 in floating point 0 / 0 came, which is not below ten."""
    treatment = TreatmentSpec(name="tx", start="tx_months", design="landmark", landmark=3.0)
    frame = {"id": ["a", "b"], "months": [10.0, 7.0], "death": [1, 1], "tx_months": [2.0, None]}
    data = DataSpec(patient="id", time="months", event="death")
    emulation = emulate(Cohort.from_frame(frame, data, treatment), treatment)
    weights = row_weights(emulation, [1.0, 0.5], target=EstimandTarget(estimand))
    rows = emulation.person_time
    control, treated = effective_patients(rows, rows.columns["tx"].astype(float), weights[None])
    assert (control.tolist(), treated.tolist()) == ([1.0], [0.0])
    ess = float(treated[0]), float(control[0])
    found = Comparability(EstimandTarget(estimand), clones=False, patients=(50, 50), ess=ess)
    assert found.overlap is Overlap.FAILED
    assert found.too_few


@pytest.mark.parametrize("estimand", ["ato", "att", "atm", "entropy"])
def test_populations_that_overlap_are_not_complained_of(apart, estimand):
    found = check_analysis(specified(estimand), apart).propensity.comparability
    assert found.overlap in {Overlap.GOOD, Overlap.POOR}
    assert not found.too_few


def test_an_acknowledgement_of_what_is_not_weighted_is_refused():
    with pytest.raises(SpecificationError, match="acknowledge_poor_overlap"):
        specified("ate", 'adjust = "strata"\nacknowledge_poor_overlap = true')


@pytest.mark.parametrize(
    ("ess", "patients", "unbalanced", "expected"),
    [
        ((100.0, 200.0), (150, 400), (), Overlap.GOOD),
        ((19.9, 200.0), (20, 400), (), Overlap.POOR),
        ((100.0, 39.0), (150, 400), (), Overlap.POOR),
        ((9.9, 200.0), (150, 400), (), Overlap.FAILED),
        ((100.0, 200.0), (150, 400), (("age", 0.11),), Overlap.POOR),
        ((100.0, 200.0), (150, 400), (("age", -0.26),), Overlap.FAILED),
        ((100.0, 200.0), (150, 400), (("chemo", float("inf")),), Overlap.FAILED),
    ],
)
def test_verdicts(ess, patients, unbalanced, expected):
    found = Comparability(EstimandTarget.ATE, False, patients, ess, unbalanced)
    assert found.overlap is expected
    assert bool(found.warning) == bool(found.conclusion) == (expected is not Overlap.GOOD)


@given(
    treated=some.floats(1.0, 500.0),
    control=some.floats(1.0, 500.0),
    gap=some.one_of(some.just(0.0), some.floats(0.11, 3.0)),
)
def test_no_number_that_fails_goes_untold(treated, control, gap):
    gaps = (("age", gap),) if gap else ()
    found = Comparability(EstimandTarget.ATE, False, (500, 500), (treated, control), gaps)
    for arm, size in (("treated", treated), ("untreated", control)):
        assert (f"the {arm} are worth {size:.1f} of 500" in found.warning) == (size < 50.0)
    assert ("age" in found.warning) == (gap > 0.0)
    assert found.too_few == (min(treated, control) < 10.0)
    fewer = dataclasses.replace(found, ess=(treated / 2.0, control))
    order = list(Overlap)
    assert order.index(fewer.overlap) >= order.index(found.overlap)


def test_clones_are_sent_to_another_design():
    found = Comparability(EstimandTarget.ATE, True, (50, 50), (5.0, 40.0))
    assert "design 'sequential'" in found.remedy


@pytest.mark.parametrize("prior", ["Normal", "StudentT"])
def test_the_point_estimate_maximises_likelihood_times_prior(prior):
    rng = np.random.default_rng(3)
    x, z = rng.standard_normal(200), rng.standard_normal(200)
    rows = {
        "patient": np.array([f"p{n:03d}" for n in range(200)], dtype=object),
        "initiated": (rng.random(200) < 1.0 / (1.0 + np.exp(1.0 - 2.0 * x + z))).astype(float),
        "x": x,
        "z": z,
    }
    stated = {"dist": prior, "mu": 0.3, "sigma": 0.5} | ({"nu": 4.0} if prior != "Normal" else {})
    prepared = prepare_propensity(
        PropensitySpec(formula="x + z", priors={"default": stated, "intercept": stated}), rows, None
    )
    design = np.column_stack([np.ones(200), x - x.mean(), z - z.mean()])

    def negative(place):
        eta = design @ place
        away = np.square((place - 0.3) / 0.5)
        penalty = 0.5 * away if prior == "Normal" else 2.5 * np.log1p(away / 4.0)
        return float(np.sum(np.logaddexp(0.0, eta) - rows["initiated"] * eta) + penalty.sum())

    best = minimize(negative, np.zeros(3), method="BFGS", options={"gtol": 1e-8}).x
    expected = 1.0 / (1.0 + np.exp(-design @ best))
    np.testing.assert_allclose(point_propensity(prepared), expected, atol=1e-6)
