"""Trials that are enlarged, simulated: who takes part, what is foreseen, how often they succeed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import extension_known as known
import trial_cases as cases
from bayes_ihlrt.trials.calibration import simulate_design
from bayes_ihlrt.trials.compiled import Frames
from bayes_ihlrt.trials.decisions import decide
from bayes_ihlrt.trials.plan import branches
from bayes_ihlrt.trials.predictive import _continuation
from bayes_ihlrt.trials.replay import replay_trial
from bayes_ihlrt.trials.schedule import enlarged_design
from bayes_ihlrt.trials.stages import Stage, stages
from bayes_ihlrt.trials.units import Task, simulator
from trial_known_answers import extended_known, extending

SMALL = {"quantity": "hazard-ratio", "below": 1.0, "less_than": 0.85}
TRIALS, SEED = 1_024, 20_260_101


@pytest.fixture(scope="module")
def enlarged():
    """Return trials that are enlarged where the effect looks small, without one and with one."""
    return {
        hr: simulate_design(extending(SMALL), cases.scenario(hr=[hr]), trials=TRIALS, seed=SEED)
        for hr in (1.0, 0.75)
    }


@pytest.mark.parametrize("hr", [1.0, 0.75])
def test_type_one_error_and_power_are_those_of_normal_theory(enlarged, hr):
    bound = 1.959964
    at = extended_known(hr)
    wins, extends = known.success(at, known.within((0.0, 0.85)), hr=hr, bound=bound)
    # Without enlarging the same trials would succeed less often.
    assert wins - known.success(at, lambda z: 0.0 * z, hr=hr, bound=bound)[0] > 0.004
    found = enlarged[hr].found
    for one, exact in ((found.success, wins), (found.extended, extends)):
        assert abs(one.estimate - exact) < 3.0 * one.mcse
    larger, others = branches(enlarged[hr].design, enlarged[hr].table)
    assert (larger.expected_n.estimate, others.expected_n.estimate) == (340.0, 220.0)
    assert larger.expected_events.estimate == pytest.approx(320.0, abs=0.01)
    assert others.expected_events.estimate == pytest.approx(200.0, abs=0.01)


def test_the_first_patients_are_those_who_were_planned(enlarged):
    task = Task(enlarged[0.75].design, cases.scenario(hr=[0.75]), SEED)
    block = simulator(task).block(0)
    planned, larger = (
        stages(task.design).index(one) for one in (Stage(1), Stage(1, 0, extended=True))
    )
    for name in ("arrival", "event", "dropout", "arm", "modifier"):
        values = np.asarray(getattr(block.patients, name))
        np.testing.assert_array_equal(values[:, larger, :220], values[:, planned, :220])
    arrival = np.asarray(block.patients.arrival)
    assert np.isinf(arrival[:, planned, 220:]).all()
    first = np.asarray(block.seen.time)[:, 0]
    # Accrual had closed: nobody comes before the look that enlarges the trial.
    assert (arrival[:, larger, :220].max(axis=1) < first).all()
    assert (arrival[:, larger, 220:].min(axis=1) > first).all()
    assert (np.diff(arrival[:, larger]) > 0.0).all()
    # 50 a month: 120 more within 2.4 months.
    np.testing.assert_allclose(arrival[:, larger, -1] - first, 2.4, atol=0.03)
    looks = [{"events": 100}, {"events": 200, "efficacy": [cases.SUCCESS]}]
    plain = cases.design(patients=220, looks=looks, accrual=task.design.accrual.model_dump())
    other = simulator(Task(plain, task.scenario, SEED)).block(0)
    for name in ("arrival", "event", "arm"):
        mine, others = (np.asarray(getattr(one.patients, name)) for one in (block, other))
        np.testing.assert_array_equal(mine[:, :2, :220], others)
    np.testing.assert_array_equal(np.asarray(block.seen.time)[:, :2], np.asarray(other.seen.time))


def test_accrual_that_is_under_way_goes_on():
    """A look before the last planned patient: the enlarged trial is one planned so large."""
    looks = [{"calendar": 3.0, "extend": [SMALL]}, {"events": 200, "efficacy": [cases.SUCCESS]}]
    design = cases.design(patients=220, looks=looks, extension={"patients": 340, "events": 320})
    task = Task(design, cases.scenario(), 1)
    block = simulator(task).block(0)
    whole = simulator(Task(enlarged_design(design), task.scenario, 1)).block(0)
    mine, planned = (np.asarray(one.patients.arrival) for one in (block, whole))
    np.testing.assert_array_equal(mine[:, 2], planned[:, 1])
    np.testing.assert_array_equal(
        np.asarray(block.seen.time)[:, 2], np.asarray(whole.seen.time)[:, 1]
    )


@pytest.mark.slow
def test_a_frame_serves_extensions_of_other_sizes(enlarged):
    """Numbers of the extension are no part of what is compiled."""
    frames = Frames()
    scenario = cases.scenario(hr=[0.75])
    own = enlarged[0.75].design
    found = simulate_design(own, scenario, trials=1_024, seed=SEED, pool=frames)
    np.testing.assert_allclose(
        found.table["probability"], enlarged[0.75].table["probability"][:1_024], atol=1e-4
    )
    np.testing.assert_array_equal(found.table["months"], enlarged[0.75].table["months"][:1_024])
    other = own.model_copy(
        update={"extension": own.extension.model_copy(update={"patients": 300, "events": 260})}
    )
    found = simulate_design(other, scenario, trials=1_024, seed=SEED, pool=frames)
    larger = branches(other, found.table)[0]
    assert larger.expected_n.estimate == 300.0
    assert larger.expected_events.estimate == pytest.approx(260.0, abs=0.01)
    assert sum(len(kept) for kept in frames._kept.values()) == 1


def continued(design, stage, mean):
    """Return what the last look sees of one continuation of 32 trials from a stage."""
    found = simulator(Task(design, cases.scenario(hr=[0.6]), 7))
    block, place, count = found.block(0), stages(design).index(stage), 32
    patients, seen = (
        jax.tree.map(lambda values: values[:count, place], part)
        for part in (block.patients, block.seen)
    )
    at = jnp.tile(jnp.asarray(mean), (count, 1)), jnp.zeros((count, len(mean), len(mean))), None
    ahead = _continuation(found.analysis, stage, design.looks[0].rules[0].statement)
    members = ahead(jnp.arange(count), jnp.asarray(0), jnp.asarray(7), (patients, seen, at))
    return {name: np.asarray(values) for name, values in members.items()}


@pytest.mark.slow
def test_what_is_foreseen_is_the_trial_as_planned():
    """The same continuation as of a design that cannot be enlarged; once enlarged, of that."""
    ahead = {"quantity": "conditional-power", "draws": 10, "more_than": 0.5}
    # Some 72 of 110 patients are enrolled by month 9.
    looks = [{"calendar": 9.0}, {"calendar": 10.0}, {"events": 100, "efficacy": [cases.SUCCESS]}]
    accrual = {"rates": [8.0]}
    size = {"patients": 180, "events": 170}
    first = looks[0] | {"extend": [ahead]}
    larger = cases.design(looks=[first, *looks[1:]], extension=size, accrual=accrual)
    first = looks[0] | {"stop_accrual": [ahead]}
    plain = cases.design(looks=[first, *looks[1:]], accrual=accrual)
    mean = np.array([np.log(0.6), -3.0])
    planned, alike = (continued(design, Stage(0), mean) for design in (larger, plain))
    for name, values in alike.items():
        np.testing.assert_allclose(planned[name][:, :110], values, rtol=1e-12, err_msg=name)
    assert (planned["exposure"].sum(axis=1) == alike["exposure"].sum(axis=1)).all()
    assert (planned["event"].sum(axis=1) == 100).all()
    after = continued(larger, Stage(1, 0, extended=True), mean)
    assert (after["event"].sum(axis=1) == 170).all()
    assert after["exposure"].sum(axis=1).max() == 180


def test_a_replay_is_on_the_enlarged_path(enlarged):
    found = enlarged[0.75]
    done = decide(found.design, found.table)
    trial = int(np.flatnonzero(done.extended == 0)[0])
    one = replay_trial(Task(found.design, cases.scenario(hr=[0.75]), SEED), trial)
    assert len(one.patients["arrival"]) == 340
    assert one.looks["enrolled"].values.tolist() == [220, 340]
    told = [(trace.look, trace.purpose, trace.met) for trace in one.trace]
    assert told[0] == (1, "extend", True)
    assert [purpose for _, purpose, _ in told] == ["extend", "efficacy"]
