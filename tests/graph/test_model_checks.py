"""Model checks on fitted models: leave-one-out against new fits, flags where a model is wrong."""

from dataclasses import replace

import arviz_stats
import numpy as np
import pytest
import xarray as xr
from scipy.special import logsumexp
from scipy.stats import binomtest, gamma, norm
from scipy.stats import t as student_t
from validation.outside.misfits import cohort

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.batch.importance import resample
from bayes_ihlrt.checks.accuracy import cross_validate
from bayes_ihlrt.checks.examination import examine
from bayes_ihlrt.checks.families import CHANGE, effect_by_period
from bayes_ihlrt.checks.leave_out import leave_one_out, refit
from bayes_ihlrt.checks.prior_curves import _observed, prior_survival
from bayes_ihlrt.checks.result import ModelChecks, Status
from bayes_ihlrt.checks.risk_sets import (
    expected_events,
    hazard_check,
    residual_check,
    survival_check,
)
from bayes_ihlrt.checks.score import since_start
from bayes_ihlrt.checks.terms import by_rows, cut_at, hazard_terms, values_of
from bayes_ihlrt.checks.verdicts import (
    calibration_verdict,
    omitted_centres,
    prior_verdict,
    residual_verdicts,
)
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.model.priors import chance_below
from bayes_ihlrt.posterior.fitted import fit_shared
from bayes_ihlrt.priors import MedianSurvivalPrior, Prior
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.model import ModelSpec
from check_cases import PROVENANCE, SETTINGS, SPEC, check_case

SMALL, CENTRES = 40, 4
LARGE = 270
"""Patients with whom all scenarios have about as many rows: one size is compiled."""
GROUPED = ModelSpec.model_validate(
    {
        "treatment": "treated",
        "outcome": {"formula": "treated + albi", "group": "(1 | centre)"},
        "priors": {"baseline": {"median_survival": 18.0, "upper": 90.0}},
    }
)
MISFITS = AnalysisSpec.model_validate(
    {
        "schema": 2,
        "name": "misfits",
        "data": {"patient": "id", "time": "months", "event": "death", "centre": "centre"},
        "treatment": {"name": "treated", "start": "start"},
        "modifier": {"name": "nlr", "column": "nlr", "reference": 3.0},
        "outcome": {"formula": "treated * nlr + albi"},
        "priors": {
            "default": {"dist": "Normal", "mu": 0.0, "sigma": 2.0},
            "baseline": {"median_survival": 18.0, "upper": 90.0},
        },
    }
)
FLAGS = {
    "right model": None,
    "wrong hazard": "hazard",
    "missing interaction": "interaction",
    "delayed entry ignored": "delayed entry",
}


@pytest.fixture(scope="module")
def grouped():
    """Return a small cohort of four centres with posteriors of all and without each of them.

    One batch, so that nothing is compiled twice: everybody, each patient left out, each centre.
    """
    rows = dict(check_case("right model", 3, patients=SMALL).person_time.columns)
    number = np.unique(rows["patient"], return_inverse=True)[1]
    rows["centre"] = np.array([f"c{n % CENTRES}" for n in number], dtype=object)
    person_time = PersonTime(rows, PROVENANCE)
    prepared = prepare(GROUPED, person_time)
    centre = np.arange(SMALL) % CENTRES
    without = [np.ones((1, SMALL)), 1.0 - np.eye(SMALL)]
    without.append((centre != np.arange(CENTRES)[:, None]) * 1.0)
    refits = refit(prepared, person_time, np.concatenate(without), draws=4000, seed=5)
    return prepared, person_time, refits


@pytest.fixture(scope="module")
def right():
    """Return a cohort that the model is right for, fitted."""
    case = check_case("right model", 1, patients=LARGE)
    return fit_shared(SPEC, case.person_time, SETTINGS)


def brute_force(prepared, person_time, values):
    """Log-likelihood of every patient at draws that hold the centre's own effect."""
    terms = hazard_terms(by_rows(prepared, person_time), values)
    event = person_time.columns["event"].astype(float)
    rows = event * terms.log_hazard - terms.expected
    first = np.flatnonzero(np.diff(person_time.patient_index, prepend=-1))
    return np.add.reduceat(rows, first, axis=1)


@pytest.mark.slow
def test_leave_one_out_agrees_with_new_fits(grouped):
    prepared, person_time, refits = grouped
    everybody, share = refits.member(0)
    chosen = resample(share[None], draws=4000, seed=1)[0]
    values = {name: array[chosen] for name, array in everybody.items()}
    patients, centres = leave_one_out(prepared, values, person_time, seed=6)
    assert refits.trusted.all()
    by_patient, by_centre = np.empty(SMALL), np.empty(CENTRES)
    for number in range(SMALL + CENTRES):
        values, share = refits.member(number + 1)
        density = brute_force(prepared, person_time, values)
        if number < SMALL:
            # The centre's effect was drawn given its other patients: no integral, no importance.
            by_patient[number] = logsumexp(np.log(share) + density[:, number])
        else:
            own = np.arange(SMALL) % CENTRES == number - SMALL
            by_centre[number - SMALL] = logsumexp(np.log(share) + density[:, own].sum(axis=1))
    assert patients.total == pytest.approx(by_patient.sum(), abs=1.0)
    assert np.abs(patients.elpd - by_patient).max() < 0.25
    assert centres.total == pytest.approx(by_centre.sum(), abs=1.0)


def test_without_groups_leave_one_out_is_that_of_arviz(right):
    person_time = right.person_time
    found, centres = leave_one_out(right.prepared, values_of(right), person_time, seed=7)
    density = brute_force(right.prepared, person_time, values_of(right))
    tree = xr.DataTree.from_dict(
        {
            "posterior": right.posterior,
            "log_likelihood": xr.Dataset(
                {"time": (("chain", "draw", "patient"), density.reshape(4, -1, density.shape[1]))}
            ),
        }
    )
    arviz = arviz_stats.loo(tree, var_name="time", pointwise=True, reff=1.0)
    assert centres is None
    assert not found.refitted.any()
    assert found.total == pytest.approx(float(arviz.elpd), abs=1e-6)
    assert found.k_hat == pytest.approx(np.asarray(arviz.pareto_k), abs=1e-6)


@pytest.mark.parametrize(("scenario", "named"), FLAGS.items())
def test_the_named_check_flags_the_wrong_model_and_none_the_right_one(scenario, named):
    case = check_case(scenario, 1, patients=LARGE)
    fit = fit_shared(SPEC, case.person_time, SETTINGS)
    verdicts = {found.check: found for found in residual_verdicts(fit, case.observed_from)}
    flagged = {name for name, found in verdicts.items() if found.status is Status.FLAG}
    if named is None:
        assert not flagged
        assert verdicts["hazard"].status is Status.NO_FLAG
    else:
        assert named in flagged


def test_the_pictures_agree_with_the_data(right):
    hazard, curves = hazard_check(right, seed=1), survival_check(right, seed=1)
    died = right.person_time.columns["event"].sum()
    assert float(hazard["events"].sum()) == died
    assert float((hazard["observed"] * hazard["months"]).sum()) == pytest.approx(died)
    assert float(curves["events"].sum()) == died
    inside = (curves["km"] >= curves["low"]) & (curves["km"] <= curves["high"])
    assert float(inside.where(curves["km"].notnull()).mean()) > 0.8
    residuals = residual_check(right)
    # The level of the hazard is fitted: residuals of all patients nearly cancel.
    total = float(residuals["martingale"].sum())
    assert abs(total) < np.sqrt(died)
    assert residuals["cox_snell"].to_numpy() == pytest.approx(expected_events(right).mean(axis=0))


def test_cutting_rows_leaves_the_expected_events_as_they_were(right):
    pieces = cut_at(right.person_time, (3.0, 9.0, 20.0))
    again = replace(right, person_time=pieces)
    assert pieces.n_rows > right.person_time.n_rows
    assert expected_events(again) == pytest.approx(expected_events(right), rel=1e-9)


def test_a_weighted_analysis_gets_the_checks_that_weights_allow(right):
    told = []
    weights = np.random.default_rng(1).uniform(0.5, 1.5, right.person_time.n_rows)
    found = examine(right, row_weights=weights, stage=told.append)
    assert told
    undefined = ("residuals", "influence", "centres", "hazard family", "calibration")
    for check in undefined:
        assert found.verdict(check).status is Status.CANNOT_TELL
    assert found.verdict("hazard").status is Status.NO_FLAG
    assert found.verdict("prior").status is Status.NO_FLAG
    assert found.loo is None
    assert set(found.figures) == {"survival_check", "hazard_check", "prior_survival"}
    prior = found.figures["prior_survival"]
    assert float(prior["middle"].isel(time=0).min()) == 1.0
    weighted = float((found.figures["hazard_check"]["observed"]).isel(period=0))
    assert weighted != float(hazard_check(right, seed=1)["observed"].isel(period=0))


def test_a_curve_that_has_not_fallen_yet_is_no_conflict_with_the_priors(right):
    """Kaplan-Meier is exactly one until the first event; of the priors' curves none is."""
    rows = right.person_time.columns
    event = np.where(rows["stop"] < 3.0, 0.0, rows["event"])
    quiet = replace(right, person_time=PersonTime({**rows, "event": event}, PROVENANCE))
    data = prior_survival(quiet, seed=1)
    first = data.sel(time=slice(0.1, 2.9))
    assert (first["km"] == 1.0).all()
    assert (first["highest"] < 1.0).all()
    assert prior_verdict(data, until=20.0).status is Status.NO_FLAG
    short = {**SPEC.priors, "baseline": MedianSurvivalPrior(median_survival=0.3, upper=0.6)}
    prepared = prepare(SPEC.model_copy(update={"priors": short}), right.person_time)
    data = prior_survival(replace(quiet, prepared=prepared), seed=1)
    assert prior_verdict(data, until=20.0).status is Status.FLAG


def followed_from(entry, stop, event, weight=None):
    """Return rows of one a patient."""
    count = len(stop)
    names = np.array([f"p{n}" for n in range(count)], dtype=object)
    columns = {"patient": names, "start": entry, "stop": stop, "event": event}
    columns["weight"] = np.ones(count) if weight is None else weight
    return PersonTime(columns, PROVENANCE)


def test_a_curve_without_censoring_is_worth_its_patients():
    """Greenwood's variance is then S (1 - S) / n: the interval is Wilson's of a share."""
    stop = np.random.default_rng(1).exponential(20.0, 200)
    rows = followed_from(np.zeros(200), stop, np.ones(200), np.full(200, 3.0))
    times = np.append(np.quantile(stop, [0.3, 0.9]), stop.max())
    found = _observed(rows, np.append(0.0, times))
    for place, died in enumerate((60, 180, 200), start=1):
        share = binomtest(200 - died, 200).proportion_ci(0.99, method="wilson")
        assert float(found["km_low"][place]) == pytest.approx(share.low, abs=1e-9)
        assert float(found["km_high"][place]) == pytest.approx(share.high, abs=1e-9)


@pytest.mark.parametrize("kind", ["late entry", "censored", "weights"])
def test_true_survival_lies_in_the_interval_of_the_observed_curve(kind):
    """99 % of 600 cohorts, less what is due to few at risk; three errors are 1.2 %."""
    rng, out, month, count = np.random.default_rng(8), 0, 15.0, 80
    for _ in range(600):
        stop = rng.exponential(20.0, count)
        entry, weight = np.zeros(count), None
        event = np.ones(count)
        if kind == "late entry":
            entry = np.where(np.arange(count) < 15, 0.0, rng.uniform(3.0, 15.0, count))
            stop = entry + stop
        if kind == "censored":
            end = rng.exponential(25.0, count)
            stop, event = np.minimum(stop, end), (stop <= end).astype(float)
        if kind == "weights":
            weight = rng.lognormal(0.0, 0.5, count)
        found = _observed(followed_from(entry, stop, event, weight), np.array([0.0, month]))
        truth = np.exp(-month / 20.0)
        out += not float(found["km_low"][1]) <= truth <= float(found["km_high"][1])
    assert out / 600 < 0.01 + 0.012


def test_effects_by_period_have_the_prior_beside_them(right):
    """Normal priors add up: the coefficient, and in later periods the change of it."""
    told = {**SPEC.priors, "treated": Prior(dist="Normal", mu=-0.5, sigma=0.5)}
    prepared = prepare(SPEC.model_copy(update={"priors": told}), right.person_time)
    fit = replace(right, prepared=prepared)
    periods = since_start(fit)
    found = effect_by_period(fit, periods, seed=1)
    later = norm.cdf(0.5 / np.hypot(0.5, CHANGE.sigma))
    expected = [norm.cdf(1.0)] + [later] * (len(periods.labels) - 1)
    assert len(expected) > 1
    np.testing.assert_allclose(found["prior_prob_benefit"], expected, atol=1e-3)
    (row, *_) = ModelChecks((), {"effect_by_period": found}, None, None).to_dict()[
        "effect_by_period"
    ]
    assert row["prior_prob_benefit"] == pytest.approx(norm.cdf(1.0))


def test_the_chance_that_a_coefficient_is_below_an_edge():
    edges = np.array([-0.7, 0.0, 0.4])
    heavy = Prior(dist="StudentT", nu=4.0, mu=0.2, sigma=0.5)
    known = student_t.cdf(edges, 4.0, 0.2, 0.5)
    np.testing.assert_allclose(chance_below(heavy, edges), known, rtol=1e-6)
    ratio = Prior(dist="Gamma", alpha=3.0, beta=4.0, on="exp")
    known = gamma.cdf(np.exp(edges), 3.0, scale=0.25)
    np.testing.assert_allclose(chance_below(ratio, edges), known, rtol=1e-6)


def test_weights_have_to_belong_to_the_rows(right):
    with pytest.raises(SpecificationError, match="2 faults"):
        examine(right, row_weights=np.ones(3), observed_from=np.full(LARGE, np.nan))
    first, *_ = right.person_time.patients
    entry = np.where(np.arange(LARGE) == 0, np.nan, 0.0)
    with pytest.raises(SpecificationError, match=rf"no finite value for 1 of {LARGE}: {first}\."):
        examine(right, observed_from=entry)
    with pytest.raises(SpecificationError, match=rf"{first}, .* and {LARGE - 3} more\."):
        examine(right, observed_from=np.full(LARGE, np.nan))


def test_centres_that_the_model_leaves_out_are_found():
    """Two of four centres have a log hazard ratio of -1.2, two of +1.2; or all the same."""
    told = {}
    for kind in ("centres", "right"):
        frame = cohort(kind, 200, seed=1)
        rows = check_analysis(MISFITS, frame).person_time
        fit = fit_shared(MISFITS.model, rows, SETTINGS)
        told[kind] = omitted_centres(fit, "centre")
        if kind == "right":
            assert omitted_centres(fit, None).status is Status.CANNOT_TELL
    assert told["centres"].status is Status.FLAG
    assert 'add `group = "(1 | centre)"`' in told["centres"].reason
    assert told["right"].status is Status.NO_FLAG


@pytest.mark.slow
def test_calibration_sees_a_wrong_hazard_and_no_expected_number_is_negative():
    """The hazard falls to a tenth between months 3 and 12; or the log hazard is curved in albi."""
    found = {}
    for kind in ("shaped", "right", "curved"):
        rows = check_analysis(MISFITS, cohort(kind, 200, seed=1)).person_time
        fit = fit_shared(MISFITS.model, rows, SETTINGS)
        each = residual_verdicts(fit, None)
        each.append(calibration_verdict(cross_validate(fit, (12.0, 24.0), seed=1)))
        found[kind] = {one.check: one for one in each}
    assert found["shaped"]["calibration"].status is Status.FLAG
    assert found["shaped"]["calibration"].numbers["worst"] == "period"
    assert found["right"]["calibration"].status is Status.NO_FLAG
    reason = found["curved"]["linearity"].reason
    assert "albi squared: events at larger values than expected" in reason
