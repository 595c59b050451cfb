"""Trials whose analysis follows treatment as it is given: rows, truths, patients, design priors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

import trial_cases as cases
from bayes_ihlrt.model.prepared import prepare
from bayes_ihlrt.trials.patients import Patients, enrol, screen, screened_count
from bayes_ihlrt.trials.plan import averaged, run_plan
from bayes_ihlrt.trials.quantities import readings, targets
from bayes_ihlrt.trials.rows import template, treatment_rows
from bayes_ihlrt.trials.schedule import schedule
from bayes_ihlrt.trials.simulator import BLOCK
from bayes_ihlrt.trials.stages import Seen
from bayes_ihlrt.trials.streams import trial_key
from bayes_ihlrt.trials.true_targets import true_values
from bayes_ihlrt.trials.truth import truth_source
from bayes_ihlrt.trials.units import Task, simulator

SEED = 20_260_101
TRIALS = 1024
ON_DEMAND = {"name": "arm", "start": "on-demand", "share": 0.7, "median_months": 4.0, "after": 1.0}
CROSSED = ON_DEMAND | {"crossover": {"share": 0.4, "median_months": 5.0, "after": 2.0}}
LAST = [{"events": 90, "efficacy": [cases.SUCCESS]}]
GAIN = {"quantity": "rmst", "horizon": 24.0, "above": 0.0, "more_than": 0.975}
MIXED = {
    "centres": 4,
    "covariates": {
        "albi": {"sd": 2.0, "mean": 1.0, "correlation": 0.5},
        "afp": {"prevalence": 0.3, "correlation": 0.4},
    },
}


def enrolled(design, scenario, *, trials):
    """Return the patients of some trials, without any analysis."""
    source, count = truth_source(scenario), screened_count(design)

    def one(trial):
        key = trial_key(SEED, trial)
        truth = source.of_trial(key, source.numbers)
        people = screen(key, design, count, pace=truth.pace)
        about = {"design": design, "numbers": schedule(design), "source": source}
        return enrol(key, people, truth, **about, switch=None)

    return jax.jit(jax.vmap(one))(jnp.arange(trials))


def patients(start, arm):
    nothing = jnp.zeros(0)
    return Patients(nothing, nothing, jnp.asarray(arm), jnp.asarray(start), nothing, nothing)


def test_follow_up_is_cut_where_treatment_begins_and_changes():
    design = cases.design(treatment=CROSSED | {"analysed": "as-treated", "periods": [3.0]})
    seen = Seen(jnp.asarray(99.0), jnp.asarray([7.0, 1.5, 4.0]), jnp.ones(3), jnp.ones(3))
    rows = treatment_rows(design, patients([2.0, 5.0, np.inf], [1.0, 1.0, 0.0]), seen)
    np.testing.assert_array_equal(
        rows.stop - rows.start, [[2.0, 3.0, 2.0], [1.5, 0.0, 0.0], [4.0, 0.0, 0.0]]
    )
    np.testing.assert_array_equal(rows.event, [[0, 0, 1], [1, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(rows.columns["arm"][0], [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(rows.columns["arm_from_3"][0], [0.0, 0.0, 1.0])


def test_as_assigned_periods_count_from_randomisation_in_the_treated_arm_alone():
    design = cases.design(treatment={"name": "arm", "periods": [3.0]})
    seen = Seen(jnp.asarray(99.0), jnp.asarray([7.0, 2.0]), jnp.ones(2), jnp.ones(2))
    rows = treatment_rows(design, patients([0.0, np.inf], [1.0, 0.0]), seen)
    np.testing.assert_array_equal(rows.stop - rows.start, [[3.0, 4.0], [2.0, 0.0]])
    np.testing.assert_array_equal(rows.columns["arm"], [[1.0, 1.0], [0.0, 0.0]])


def test_modes_as_treated_are_events_by_months_of_treatment():
    """Exponential model, flat priors: log(d1 / T1) - log(d0 / T0), crossover in the right sums."""
    design = cases.design(treatment=CROSSED | {"analysed": "as-treated"}, looks=LAST)
    found = simulator(Task(design, cases.scenario(hr=[0.6]), SEED))
    block = found.block(0)
    start, stop, event = (
        np.asarray(values)[:, 0]
        for values in (block.patients.start, block.seen.stop, block.seen.event)
    )
    treated = np.maximum(stop - start, 0.0)
    late = event * (start < stop)
    ratio = late.sum(axis=1) / treated.sum(axis=1)
    ratio /= (event - late).sum(axis=1) / (stop - treated).sum(axis=1)
    arrays = {name: values[:BLOCK] for name, values in block.members.items()}
    modes = found.analysis.engine.gaussians(arrays, start=found.analysis.start, chunk=BLOCK)
    place = found.analysis.engine.density.names.index("arm")
    np.testing.assert_allclose(modes.mean[:, place], np.log(ratio), atol=2e-3)


@pytest.mark.parametrize("analysed", ["as-assigned", "as-treated"])
def test_true_months_are_those_of_many_patients(analysed):
    """As assigned with the crossover of controls, as treated without it."""
    mixed = {"population": MIXED, "looks": [{"events": 90, "efficacy": [GAIN]}]}
    design = cases.design(treatment=CROSSED | {"analysed": analysed}, **mixed)
    alone = cases.design(treatment=ON_DEMAND, **mixed)
    effect = {"hr": [1.0, 0.5], "cuts": [3.0], "covariate_hr": {"albi": 1.3, "afp": 2.0}}
    scenario = cases.scenario(**effect, centre_sd=0.3)
    patients = enrolled(design if analysed == "as-assigned" else alone, scenario, trials=4096)
    lived, arm = np.minimum(patients.event, 24.0), np.asarray(patients.arm)
    gain = [(lived * side).sum(axis=1) / side.sum(axis=1) for side in (arm, 1.0 - arm)]
    each = np.asarray(gain[0] - gain[1])
    source, asked = truth_source(scenario), targets(design)
    where = readings(design, prepare(design.model, template(design)), asked)
    true = float(true_values(design, source, asked)(source.fixed, where)[1])
    assert abs(each.mean() - true) < 3.0 * each.std() / np.sqrt(len(each)) + 0.02


def test_covariates_go_with_the_modifier_and_strata_are_balanced():
    design = cases.design(
        population=MIXED,
        arms={"block": 4, "stratify": ["afp", "centre"], "stratify_at": 3.0},
    )
    people = screen(jax.random.key(7), design, 20_000)
    score = np.log(np.asarray(people.modifier))
    albi, afp = (np.asarray(people.covariates[name]) for name in ("albi", "afp"))
    assert abs(albi.mean() - 1.0) < 0.05
    assert abs(albi.std() - 2.0) < 0.05
    assert abs(np.corrcoef(score, albi)[0, 1] - 0.5) < 0.03
    assert abs(afp.mean() - 0.3) < 0.02
    # Biserial correlation times the normal density at the limit over its standard deviation.
    expected = 0.4 * norm.pdf(norm.isf(0.3)) / np.sqrt(0.3 * 0.7)
    assert abs(np.corrcoef(score, afp)[0, 1] - expected) < 0.03

    drawn = enrolled(design, cases.scenario(), trials=8)
    stratum, arm = (np.asarray(values) for values in (drawn.stratum, drawn.arm))
    assert set(np.unique(stratum)) == set(range(16))
    for strata, arms in zip(stratum, arm, strict=True):
        gaps = np.bincount(strata, 2.0 * arms - 1.0, minlength=16)
        assert np.abs(gaps).max() <= 2.0


@pytest.fixture(scope="module")
def uncertain():
    """One look at 100 events, the effect drawn around a hazard ratio of 0.8."""
    looks = [{"events": 100, "efficacy": [cases.SUCCESS]}]
    compared = [{"test": "log-rank"}, {"test": "rmst", "horizon": 600.0}]
    content = cases.content(looks=looks, comparators=compared)
    drawn = cases.scenario("drawn", hr=[0.8], log_hr_sd=0.25)
    null = cases.scenario("nothing", hr=[1.0])
    scenarios = [
        one.model_dump(mode="json", exclude_none=True) | {"weight": weight}
        for one, weight in ((drawn, 0.8), (null, 0.2))
    ]
    return run_plan(cases.plan(design=content, scenarios=scenarios), trials=TRIALS)


def test_no_effect_given_success_is_that_of_the_closed_form(uncertain):
    """Estimate and truth are jointly normal: Var = 4 / 100 + 0.25^2 and 0.25^2."""
    found = uncertain.cell("small", "drawn").found.no_effect
    shared, mean = 0.25**2, np.log(0.8)
    covariance = [[shared, shared], [shared, shared + 0.04]]
    bound = -1.959964 * 0.2
    success = norm.cdf(bound, mean, np.sqrt(shared + 0.04))
    both = multivariate_normal([mean, mean], covariance).cdf([0.0, bound])
    assert abs(found.before.estimate - norm.sf(0.0, mean, 0.25)) < 3.0 * found.before.mcse
    exact = 1.0 - both / success
    assert abs(found.after_success.estimate - exact) < 3.0 * found.after_success.mcse
    assert found.after_failure.estimate > found.before.estimate > found.after_success.estimate


def test_averages_over_scenarios_weigh_them(uncertain):
    (found,) = averaged(uncertain)
    drawn, null = (uncertain.cell("small", name).found for name in ("drawn", "nothing"))
    mean = 0.8 * drawn.success.estimate + 0.2 * null.success.estimate
    assert found.success.estimate == pytest.approx(mean)
    share = 0.2 * null.success.estimate
    share += 0.8 * drawn.success.estimate * drawn.no_effect.after_success.estimate
    assert found.no_effect.after_success.estimate == pytest.approx(share / mean)
    assert null.no_effect.after_success.estimate == 1.0


def test_the_log_rank_test_agrees_with_a_flat_prior(uncertain):
    drawn, null = (uncertain.cell("small", name).found for name in ("drawn", "nothing"))
    level = null.compared[0].rejects
    assert abs(level.estimate - 0.025) < 3.0 * np.sqrt(0.025 * 0.975 / TRIALS)
    assert abs(drawn.compared[0].rejects.estimate - drawn.success.estimate) < 0.02
    assert drawn.compared[0].alike.estimate > 0.96


def test_a_test_beyond_follow_up_has_no_answer_and_says_so(uncertain):
    beyond = uncertain.cell("small", "nothing").found.compared[1]
    assert beyond.without > 0
    assert beyond.rejects.estimate <= 1.0 - beyond.without / TRIALS


def test_control_median_and_accrual_differ_from_trial_to_trial():
    scenario = cases.scenario()
    content = scenario.model_dump(mode="json", exclude_none=True)
    content["accrual"] = {"ratio": 0.5, "log_sd": 0.3}
    content["control"]["log_median_sd"] = 0.2
    drawn = type(scenario).model_validate(content)
    source = truth_source(drawn)
    keys = jax.vmap(lambda trial: trial_key(SEED, trial))(jnp.arange(1024))
    truth = jax.vmap(lambda key: source.of_trial(key, source.numbers))(keys)
    pace, rate = np.log(np.asarray(truth.pace)), np.asarray(truth.theta["log_rate"])
    assert abs(pace.mean() - np.log(0.5)) < 3.0 * 0.3 / np.sqrt(1024)
    assert abs(pace.std() - 0.3) < 0.03
    assert abs(rate.std() - 0.2) < 0.02
    last = np.asarray(enrolled(cases.design(), drawn, trials=1024).arrival)[:, -1]
    # The last of 110 arrivals at 20 a month: a gamma variate.
    assert abs((last * np.exp(pace)).mean() - 110 / 20.0) < 3.0 * 0.53 / np.sqrt(1024)
