"""Trimming, columns made of the propensity, refusals, verdicts: nothing is sampled."""

import numpy as np
import pytest
import xarray as xr

from bayes_ihlrt.designs.build import emulate
from bayes_ihlrt.errors import ConvergenceError, RefusedError, SpecificationError
from bayes_ihlrt.model import arrays
from bayes_ihlrt.names import Adjustment, PropensityUncertainty
from bayes_ihlrt.posterior.quality import (
    at_mode_quality,
    bootstrap_quality,
    check_convergence,
    convergence,
    cut_quality,
)
from bayes_ihlrt.propensity.overlap import trimmed
from bayes_ihlrt.propensity.point import propensity
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.spec.treatment import TreatmentSpec
from bayes_ihlrt.weighted import analysis as weighting
from bayes_ihlrt.weighted.adjusted import prepare_adjusted
from bayes_ihlrt.weighted.scores import score_columns, with_columns, with_terms
from emulated_cohorts import simulated
from weighted_cases import EXPONENTIAL, confounded, sequential

CROSSED = ModelSpec(treatment="ihlrt", outcome={"formula": "ihlrt"})


def clones():
    """Return clones with a grace period of six months."""
    treatment = TreatmentSpec(name="ihlrt", start="x", design="clone-censor-weight", grace=6.0)
    return emulate(simulated(120, 3, at_visit=True), treatment)


def test_trimming_names_patients_and_counts_again():
    emulation = confounded(50)
    chance = np.full(50, 0.5)
    chance[[3, 7]] = 0.004, 0.999
    found = trimmed(emulation, chance, 0.01)
    story = found.person_time.provenance
    assert dict(story.trimmed) == {
        "p0003": "1 of 1 decisions, propensity 0.004",
        "p0007": "1 of 1 decisions, propensity 0.999",
    }
    assert story.dropped["p0003"] == "propensity outside 0.01 to 0.99 at every decision"
    assert found.person_time.n_rows == 48
    assert story.treated["patients"] + story.untreated["patients"] == 48
    assert found.decisions is emulation.decisions


def test_trimming_drops_trials_and_keeps_patients():
    emulation = sequential(80)
    decision = emulation.person_time.columns["decision"].astype(int)
    patient = emulation.decisions.columns["patient"]
    first = np.flatnonzero(emulation.decisions.columns["number"] == 0)
    several = [row for row in first if np.sum(patient == patient[row]) > 2 and row in decision]
    chance = np.full(emulation.decisions.n_rows, 0.3)
    chance[several[0]] = 0.0001
    found = trimmed(emulation, chance, 0.01)
    story = found.person_time.provenance
    total = int(np.sum(patient[np.unique(decision)] == patient[several[0]]))
    assert dict(story.trimmed) == {
        patient[several[0]]: f"1 of {total} decisions, propensity 0.0001"
    }
    assert patient[several[0]] not in story.dropped
    kept = found.person_time.columns["decision"].astype(int)
    assert set(decision) - set(kept) == {several[0]}
    # Pointers still mean the same rows of the same table.
    assert (patient[kept] == found.person_time.columns["patient"]).all()


def test_trimming_nothing_changes_nothing_and_follow_ups_cut_short_are_counted_alike():
    emulation = sequential(80)
    chance = np.full(emulation.decisions.n_rows, 0.3)
    assert trimmed(emulation, chance, 0.01) is emulation
    # A decision of a patient who is never treated is left out: nothing that was cut short is.
    table = emulation.decisions
    treated = np.isin(table.patient_index, table.patient_index[table.initiated == 1.0])
    used = np.unique(emulation.person_time.columns["decision"].astype(int))
    chance[next(row for row in used if not treated[row])] = 0.001
    before, after = emulation.person_time.provenance, trimmed(emulation, chance, 0.01)
    assert after.person_time.provenance.censored == before.censored > 0


def test_trimming_must_leave_both_arms():
    emulation = confounded(50)
    chance = np.where(emulation.decisions.initiated == 1.0, 0.9, 0.5)
    with pytest.raises(SpecificationError, match=r"0\.2 leaves nobody treated: .*0\.5 and 0\.9"):
        trimmed(emulation, chance, 0.2)


@pytest.mark.parametrize("adjust", [Adjustment.COVARIATE, Adjustment.STRATA])
def test_columns_do_not_change_with_location_and_scale_of_the_logit(adjust):
    rng = np.random.default_rng(2)
    logit = rng.normal(-1.0, 1.3, 40)
    scores = score_columns(adjust, logit, np.repeat(np.arange(40), 2))
    plain = scores.values(logit[None])
    np.testing.assert_allclose(scores.values(0.7 + 2.0 * logit[None]), plain, atol=1e-9)
    np.testing.assert_allclose(plain[0, ::2], scores.basis.columns(propensity(logit)), atol=1e-9)
    assert not np.allclose(scores.values(logit[None] ** 3), plain, atol=0.1)


def test_columns_replace_their_places_in_the_design():
    logit = np.linspace(-2.0, 2.0, 30)
    scores = score_columns(Adjustment.COVARIATE, logit, np.arange(30))
    placed = type(scores)(scores.basis, scores.names, logit, scores.decision, places=(0, 2, 3))
    design = np.full((30, 5), 9.0)
    found = placed.design(design, np.stack([logit, logit[::-1]]))
    assert found.shape == (2, 30, 5)
    np.testing.assert_allclose(found[0][:, [0, 2, 3]], scores.values(logit[None])[0])
    np.testing.assert_allclose(found[1][:, [0, 2, 3]], scores.values(logit[None])[0][::-1])
    assert (found[:, :, [1, 4]] == 9.0).all()
    assert (design == 9.0).all()


def test_terms_are_added_to_the_formula_and_names_may_not_be_taken():
    model = with_terms(EXPONENTIAL, ("a", "b"))
    assert model.outcome.formula == "arm + a + b"
    assert model.outcome.hazard == EXPONENTIAL.outcome.hazard
    assert model.priors == EXPONENTIAL.priors
    assert with_terms(ModelSpec(), ("a",)).outcome.formula == "a"
    rows = confounded(30).person_time
    scores = score_columns(Adjustment.STRATA, np.linspace(-1.0, 1.0, 30), np.arange(30))
    twice = with_columns(rows, scores)
    with pytest.raises(
        SpecificationError, match=r"propensity_fifth_2.*makes a column of this name"
    ):
        with_columns(twice, scores)


@pytest.mark.parametrize(
    ("made", "options", "message"),
    [
        (clones, {"adjust": "strata"}, "a clone follows both strategies.*'weights'"),
        (clones, {"trim": 0.01}, "select them by what happened in between"),
        (sequential, {"adjust": "covariate"}, "follow-ups of controls that end when they are"),
    ],
)
def test_what_would_mislead_is_refused(made, options, message):
    with pytest.raises(RefusedError, match=message):
        prepare_adjusted(made(), CROSSED, PropensitySpec(formula="severe", **options))


def test_every_fault_is_told_at_once():
    spec = PropensitySpec(formula="severe", adjust="covariate", trim=0.02)
    with pytest.raises(RefusedError, match="2 faults"):
        prepare_adjusted(clones(), CROSSED, spec)


def test_without_adjustment_every_patient_weighs_one():
    analysis = prepare_adjusted(
        confounded(40), EXPONENTIAL, PropensitySpec(formula="x", adjust="none")
    )
    np.testing.assert_allclose(analysis.weights({}, None, np.ones((2, 40))), 1.0)
    followed = sequential(60, crossover="ignore")
    spec = PropensitySpec(formula="response + severe", adjust="none")
    analysis = prepare_adjusted(followed, CROSSED, spec)
    weights = analysis.weights({}, None, np.ones((1, 60)))[0]
    # Of each arm, the entries add up to its patients, whatever the number of trials.
    treated = analysis.arm == 1.0
    patients = len(np.unique(followed.person_time.patient_index[~treated]))
    assert weights[~treated & analysis.entries].sum() == pytest.approx(patients)


def test_weighted_analyses_keep_their_rows_however_large(monkeypatch):
    """Sufficient statistics fix the weights."""
    monkeypatch.setattr(arrays, "AGGREGATE_ABOVE", 10)
    hazard = {"family": "piecewise", "cuts": [6.0, 12.0]}
    model = ModelSpec(treatment="arm", outcome={"formula": "arm", "hazard": hazard})
    emulation = confounded(60)
    assert weighting.prepare(model, emulation.person_time).arrays.unit == "pattern"
    analysis = weighting.prepare_weighted(emulation, model, PropensitySpec(formula="x"))
    assert analysis.outcome.arrays.unit == "patient"


def tree(engine, draws=100, **about):
    """Return draws with attributes."""
    posterior = xr.Dataset({"arm": (("chain", "draw"), np.zeros((1, draws)))})
    found = xr.DataTree.from_dict({"posterior": posterior})
    found.attrs = {"engine": engine, **about}
    return found


@pytest.mark.parametrize(
    ("engine", "about", "expected"),
    [
        ("linked-bootstrap", {"failed": 1}, bootstrap_quality(100, 1)),
        (
            "plugin",
            {"k_hat": 0.2, "ess": 800.0},
            at_mode_quality(PropensityUncertainty.PLUGIN, k_hat=0.2, ess=800.0, draws=100),
        ),
        (
            "sandwich",
            {"k_hat": 0.2, "ess": 800.0},
            at_mode_quality(PropensityUncertainty.SANDWICH, k_hat=0.2, ess=800.0, draws=100),
        ),
        (
            "cut",
            {"members": 200, "bad": 2, "k_hat": 0.3},
            cut_quality(200, 2, k_hat=0.3, draws=100),
        ),
    ],
)
def test_verdicts_name_the_engine_and_have_every_number(engine, about, expected):
    found = convergence(tree(engine, **about))
    assert found == expected
    assert not found.failures
    assert found.verdict.split(":")[0].endswith("passed")
    assert found.numbers["engine"] == engine
    assert set(found.numbers) == {
        *("engine", "r_hat", "ess_bulk", "ess_tail", "divergences", "worst", "k_hat", "ess")
    }
    assert 0.0 < found.error < 0.2
    assert ("UNCALIBRATED" in found.verdict) is (engine == "plugin")


@pytest.mark.parametrize(
    ("engine", "about", "message"),
    [
        ("plugin", {"k_hat": 0.9, "ess": 100.0}, r"k-hat 0\.90.*effective sample size 100"),
        ("sandwich", {"k_hat": np.inf, "ess": 800.0}, "k-hat inf"),
        ("cut", {"members": 200, "bad": 3, "k_hat": 0.8}, r"0\.80 of the propensities.*3 of 200"),
        ("linked-bootstrap", {"failed": 2}, "2 of 102 bootstrap draws"),
    ],
)
def test_draws_that_are_no_good_are_an_error(engine, about, message):
    with pytest.raises(ConvergenceError, match=message):
        check_convergence(tree(engine, **about))
