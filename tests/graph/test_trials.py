"""Simulated trials: known answers, streams, stages, statistics, within 3 Monte Carlo errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import kstest

import trial_cases as cases
from bayes_ihlrt.errors import RefusedError
from bayes_ihlrt.trials.analysis import build_analysis, posteriors
from bayes_ihlrt.trials.calibration import calibrate_threshold, sample_size, simulate_design
from bayes_ihlrt.trials.closed_forms import exact_threshold, schoenfeld_power, sequential_rejection
from bayes_ihlrt.trials.decisions import decide
from bayes_ihlrt.trials.patients import Patients, event_times, randomise
from bayes_ihlrt.trials.quantities import Target, targets
from bayes_ihlrt.trials.replay import replay_trial
from bayes_ihlrt.trials.schedule import schedule
from bayes_ihlrt.trials.stages import look_times, see
from bayes_ihlrt.trials.true_targets import true_survival
from bayes_ihlrt.trials.truth import Truth, truth_source
from bayes_ihlrt.trials.units import UNIT, LocalPool, Store, Task, run_trials, run_unit, simulator

TRIALS = 2_048


@pytest.fixture(scope="module")
def null():
    return simulate_design(cases.design(), cases.scenario(hr=[1.0]), trials=TRIALS)


@pytest.fixture(scope="module")
def effective():
    return simulate_design(cases.design(), cases.scenario(hr=[0.7]), trials=TRIALS)


def within(share, expected, n=TRIALS):
    return abs(share - expected) < 3.0 * np.sqrt(expected * (1.0 - expected) / n)


def test_type_one_error_of_one_look(null):
    assert within((null.table["probability"][:, 1, 0] > 0.975).mean(), 0.025)


def test_two_looks_inflate_it_as_the_exact_calculation_says(null):
    first, second = sequential_rejection([1.959964] * 2, [50, 100])
    looks = null.found.by_look
    assert within(looks[0].success.estimate, first)
    assert within(looks[1].success.estimate, second)
    assert within(null.found.success.estimate, first + second)


def test_power_of_100_events(effective):
    power = (effective.table["probability"][:, 1, 0] > 0.975).mean()
    assert within(power, schoenfeld_power(0.7, events=100, alpha=0.025))


def test_each_search_begins_where_as_many_events_are_expected_as_were_seen():
    task = Task(cases.design(), cases.scenario(hr=[0.7]), 5)
    found = simulator(task)
    analysis, members = found.analysis, found.block(0).members
    begin = np.asarray(analysis.begin(members))
    density, hazard = analysis.engine.density, analysis.prepared.hazard
    assert not np.allclose(begin, analysis.start, atol=0.1)
    for number in (0, 1, 511):
        own = {name: np.asarray(values)[number] for name, values in members.items()}
        values = density.constrained(jnp.asarray(begin[number]), density.with_overrides({}))
        theta = {name: np.asarray(values[name]) for name in hazard.parameters}
        names = analysis.prepared.encoder.columns
        eta = own["design"] @ np.array([float(values[name]) for name in names])
        risk = np.exp(eta) * hazard.cumulative_hazard(np, own["increment_basis"], theta)
        assert (own["exposure"] * risk).sum() == pytest.approx(own["event"].sum(), rel=1e-9)


def test_a_look_sees_the_event_that_it_waited_for(null):
    events = null.table["events_control"] + null.table["events_treated"]
    assert (events == [50, 100]).all()


def test_bias_and_coverage(null):
    first = null.found.targets[0]
    assert first.truth == 0.0
    # Stopping for success biases the estimate where trials end; had all gone on, it is unbiased.
    mean, sd = null.table["mean"][:, 1, 0], null.table["sd"][:, 1, 0]
    assert abs(mean.mean()) < 3.0 * mean.std() / np.sqrt(TRIALS)
    assert within((np.abs(mean) < 1.959964 * sd).mean(), 0.95)


def test_calibration_searches_stored_statistics(null):
    found = calibrate_threshold(cases.design(), null.table, alpha=0.025)
    exact = exact_threshold(0.025, [50, 100])
    slope = 0.025 / (1.0 - exact)
    assert found.success.estimate <= 0.025
    assert abs(found.threshold - exact) < 3.0 * null.found.success.mcse / slope


def test_scenarios_share_their_patients(null, effective):
    one, other = (
        simulator(Task(cases.design(), cases.scenario(hr=[hr]), 20_260_101)).block(0)
        for hr in (1.0, 0.7)
    )
    np.testing.assert_array_equal(one.patients.arrival, other.patients.arrival)
    control = np.asarray(one.patients.arm) == 0.0
    np.testing.assert_array_equal(
        np.asarray(one.patients.event)[control], np.asarray(other.patients.event)[control]
    )


def test_results_do_not_depend_on_chunks_workers_or_interruptions(effective, tmp_path):
    task = Task(cases.design(), cases.scenario(hr=[0.7]), 20_260_101)
    store = Store(tmp_path)
    store.write(task.fingerprint, 1, run_unit(task, 1))
    torn = store.path(task.fingerprint, 0)
    torn.write_bytes(b"torn")
    table = run_trials(task, UNIT + 300, pool=LocalPool(2), store=store)
    for name, values in table.items():
        np.testing.assert_array_equal(values, effective.table[name][: UNIT + 300])
    again = store.read(task.fingerprint, 0)
    assert again is not None
    np.testing.assert_array_equal(again["mean"], effective.table["mean"][:UNIT])


def test_replay_is_the_same_trial(effective):
    task = Task(cases.design(), cases.scenario(hr=[0.7]), 20_260_101)
    done = decide(task.design, effective.table)
    found = replay_trial(task, 300)
    assert int(found.verdict) == done.verdict[300]
    assert found.look == done.look[300] + 1
    np.testing.assert_array_equal(
        found.looks["mean"][:, 0], effective.table["mean"][300, : found.look, 0]
    )
    assert len(found.trace) == found.look
    assert (
        found.patients["observed"].sum()
        == found.looks["events_control"][-1] + (found.looks["events_treated"][-1])
    )
    assert "P(hazard ratio < 1) > 0.975" in str(found.trace[0])


@pytest.mark.slow
def test_probabilities_of_success_against_their_closed_forms():
    """Flat prior: with information I1 of I2, z at the end is normal given z now."""
    draws, least = 40, {"less_than": 0.1, "draws": 40}
    power = {"quantity": "conditional-power", **least}
    rules = [{"quantity": "predictive-probability", **least}, power, power | {"assumed_hr": 0.6}]
    looks = [{"events": 50, "futility": rules}, cases.content()["looks"][1]]
    found = simulate_design(cases.design(looks=looks), cases.scenario(hr=[0.7]), trials=256).table
    mean, sd = found["mean"][:, 0, 0], found["sd"][:, 0, 0]
    z, now, end = -mean / sd, 1.0 / sd**2, 100.0 / 4.0
    done = now / end
    assumed = np.sqrt(done) * z - np.log(0.6) * (end - now) / np.sqrt(end)
    for column, (centre, spread) in enumerate(
        (
            (z / np.sqrt(done), np.sqrt((1.0 - done) / done)),
            (z / np.sqrt(done), np.sqrt(1.0 - done)),
            (assumed, np.sqrt(1.0 - done)),
        )
    ):
        exact = ndtr((centre - 1.959964) / spread)
        error = found["probability"][:, 0, column] - exact
        noise = np.sqrt(np.mean(exact * (1.0 - exact) / draws))
        # 1/d1 + 1/d0 = 4/d is not exact; this is a fifth of the rules' threshold.
        assert abs(error.mean()) < 0.02
        assert np.sqrt(np.mean(error**2)) < 1.25 * noise


@pytest.mark.parametrize(
    ("hr", "cuts"), [([0.5, 0.8, 1.0], [3.0, 9.0]), ([1.5, 0.6], [4.0])], ids=["waning", "crossing"]
)
def test_event_times_use_up_the_hazard_of_waning_and_crossing_effects(hr, cuts):
    """Hazards integrated here, over periods since each patient's own start."""
    source = truth_source(cases.scenario(hr=hr, cuts=cuts, interaction_hr=0.8, modifier_hr=1.3))
    rng = np.random.default_rng(6)
    start = np.where(np.arange(2_000) % 2 == 0, rng.uniform(0.0, 20.0, 2_000), np.inf)
    z, target = rng.normal(size=2_000), rng.exponential(size=2_000)
    drawn = event_times(
        source.hazard,
        source.cuts,
        Truth(*source.fixed),
        z=jnp.asarray(z),
        start=jnp.asarray(start),
        target=jnp.asarray(target),
    )
    times, rate = np.asarray(drawn), np.log(2.0) / 12.0 * 1.3**z
    spent = rate * np.minimum(times, start)
    for ratio, begin, end in zip(hr, [0.0, *cuts], [*cuts, np.inf], strict=True):
        months = np.clip(times - start, begin, end) - begin
        spent += rate * ratio * np.where(ratio == 1.0, 1.0, 0.8**z) * months
    np.testing.assert_allclose(spent, target, rtol=1e-9)
    assert min(np.mean(times > start + cut) for cut in (0.0, *cuts)) > 0.02


def test_event_times_follow_a_delayed_effect_from_an_on_demand_start():
    source = truth_source(cases.scenario(hr=[1.0, 0.5], cuts=[2.0], interaction_hr=0.8, shape=1.2))
    truth = Truth(*source.fixed)
    n = 20_000
    rng = np.random.default_rng(3)
    start, z = np.where(rng.random(n) < 0.5, 3.0, np.inf), np.full(n, 0.7)
    times = event_times(
        source.hazard,
        source.cuts,
        truth,
        z=jnp.asarray(z),
        start=jnp.asarray(start),
        target=jnp.asarray(rng.exponential(size=n)),
    )
    for at in (3.0, np.inf):
        own = np.asarray(times)[start == at]
        months = np.sort(own)
        survival = true_survival(
            source.hazard,
            source.cuts,
            truth,
            z=jnp.array([0.7]),
            starts=np.array([at]),
            times=months,
        )[0, 0]
        uniform = 1.0 - np.asarray(survival)
        assert kstest(uniform, "uniform").pvalue > 1e-3


def test_blocks_balance_the_arms_within_strata():
    arms = cases.design(arms={"control": 1, "treated": 2, "block": 6, "stratify_at": 3.0}).arms
    modifier = jnp.asarray(np.random.default_rng(1).lognormal(1.0, 0.6, 300))
    arm = np.asarray(randomise(jax.random.key(4), modifier, arms))
    for high in (False, True):
        own = arm[(np.asarray(modifier) >= 3.0) == high]
        whole = own[: len(own) // 6 * 6].reshape(-1, 6)
        assert (whole.sum(axis=1) == 4.0).all()
        assert len(np.unique(whole, axis=0)) > 5


def test_look_times_and_what_they_see():
    looks = [
        {"events": 1, "min_follow_up": 4.0, "patients": 2, "combine": "all"},
        {"calendar": 9.0, "events": 3, "combine": "any"},
        {"events": 4, "efficacy": [cases.SUCCESS]},
    ]
    design = cases.design(patients=10, looks=looks, max_months=50.0)
    arrival = jnp.arange(10.0)
    event = jnp.where(jnp.arange(10) < 3, 5.0, jnp.inf)
    dropout = jnp.where(jnp.arange(10) == 2, 1.0, 60.0)
    none = jnp.zeros(10)
    patients = Patients(arrival, none, none, none, event, dropout)
    # Events at months 5 and 6; a third never comes, so the last look is at the longest duration.
    assert look_times(patients, design, schedule(design)).tolist() == [5.0, 9.0, 50.0]
    seen = see(patients, jnp.asarray(5.0))
    assert seen.exposure.tolist() == [1.0] * 5 + [0.0] * 5
    assert seen.stop.tolist() == [5.0, 4.0, 1.0, 2.0, 1.0] + [0.0] * 5
    assert seen.event.tolist() == [1.0] + [0.0] * 9


def test_enrichment_enrols_high_values_after_the_switch():
    rules = {"enrich": [cases.SUCCESS | {"more_than": 0.0}]}
    design = cases.by_modifier(
        population={"switch_to": 3.0},
        looks=[{"calendar": 3.0, **rules}, {"events": 100, "efficacy": [cases.SUCCESS]}],
    )
    block = simulator(Task(design, cases.scenario(), 1)).block(0)
    arrival, modifier = (np.asarray(getattr(block.patients, n)) for n in ("arrival", "modifier"))
    for stage in (0, 1):
        assert (modifier[:, stage] < 3.0).mean() == pytest.approx(0.5, abs=0.02)
    late = arrival[:, 2] >= 3.0
    assert (modifier[:, 2][late] >= 3.0).all()
    np.testing.assert_array_equal(modifier[:, 2][~late], modifier[:, 0][arrival[:, 0] < 3.0])


def test_targets_by_name():
    rule = {"quantity": "rmst", "horizon": 24.0, "above": 0.0, "more_than": 0.9, "at": 5.0}
    looks = [{"events": 50, "efficacy": [rule]}]
    names = [target.name for target in targets(cases.by_modifier(looks=looks))]
    assert names == ["log_hr", "rmst_24[5]"]
    assert Target(targets(cases.design())[0].kind).name == "log_hr"


@pytest.mark.slow
def test_plain_laplace_against_corrected_posteriors():
    """Probabilities of 40 interim fits with 50 events agree within what 4,000 draws can tell."""
    rmst = {"quantity": "rmst", "horizon": 24.0, "above": 0.0, "more_than": 0.9}
    looks = [{"events": 50, "efficacy": [cases.SUCCESS, rmst]}]
    plain = simulator(Task(cases.by_modifier(looks=looks), cases.scenario(hr=[0.7]), 5))
    block = plain.block(0)
    members = {name: np.asarray(values)[:40] for name, values in block.members.items()}
    fast = posteriors(plain.analysis, members, seed=1, chunk=40)
    design = cases.by_modifier(looks=looks, approximation="corrected", draws=4_000)
    exact = posteriors(build_analysis(design), members, seed=1, chunk=40)
    assert exact["converged"].all()
    assert fast["converged"].all()
    gap = fast["probability"] - exact["probability"]
    p = exact["probability"]
    noise = np.sqrt(p * (1.0 - p) / 3_000)
    # The bias of a Laplace approximation at 50 events, a tenth of what would move a decision.
    assert (np.abs(gap) < 3.0 * noise + 0.015).all()
    shift = (fast["mean"] - exact["mean"]) / exact["sd"]
    assert np.abs(shift).max() < 0.15


def test_a_smoothed_hazard_is_refused_by_plain_laplace():
    design = cases.design(
        outcome={"formula": "arm", "hazard": {"family": "piecewise", "cuts": [6.0, 12.0]}},
        priors={},
        looks=[{"events": 50, "efficacy": [cases.SUCCESS]}],
    )
    engine = build_analysis(design).engine
    weight = np.asarray(engine.data["weight"])
    with pytest.raises(RefusedError, match="smoothing_sd"):
        engine.gaussians({"weight": weight[None]})


def test_the_smallest_sufficient_size():
    found = sample_size(
        cases.design(), cases.scenario(hr=[0.5]), success=0.8, sizes=[110], trials=512
    )
    assert found.smallest == 110
    nothing = sample_size(
        cases.design(), cases.scenario(hr=[1.0]), success=0.8, sizes=[110], trials=512
    )
    assert nothing.smallest is None
    assert nothing.sizes == (110,)
