"""Frames: the trials of a run without them, whatever is moved, and few compilations."""

import numpy as np
import pytest

import trial_cases as cases
from bayes_ihlrt.spec.trial import scaled_design
from bayes_ihlrt.trials import compiled as module
from bayes_ihlrt.trials.calibration import simulate_design
from bayes_ihlrt.trials.compiled import Frames, has_frames
from bayes_ihlrt.trials.units import UNIT, Task

RMST = {"quantity": "rmst", "horizon": 12.0, "above": 0.0, "more_than": 0.9}
TRUTH = cases.scenario(hr=[0.7], interaction_hr=0.9, modifier_hr=1.3)


def changed(design, **changes):
    content = design.model_dump(mode="json", exclude_none=True)
    for path, value in changes.items():
        part = content
        *above, last = path.split("__")
        for key in above:
            part = part[int(key) if key.isdigit() else key]
        part[last] = value
    return type(design).model_validate(content)


def base():
    looks = [
        {"events": 40, "min_follow_up": 3.0, "efficacy": [cases.SUCCESS]},
        {"events": 80, "efficacy": [cases.SUCCESS, RMST]},
    ]
    return cases.by_modifier(looks=looks, report_at=[5.0], population={"enrol_from": 2.0})


@pytest.fixture(scope="module")
def frames():
    return Frames()


@pytest.fixture
def compilations(monkeypatch):
    """Return the designs that a frame was compiled for."""
    found = []

    def build(design):
        found.append(design)
        return original(design)

    original = module.build_analysis
    monkeypatch.setattr(module, "build_analysis", build)
    return found


@pytest.mark.slow
def test_trials_are_those_of_a_run_without_frames(frames):
    """Newton's tolerance apart: the template's prior, targets over the population, entry."""
    simulate_design(base(), TRUTH, trials=UNIT, pool=frames)
    moved = changed(scaled_design(base(), 90), population__enrol_from=2.5, looks__1__events=60)
    here = simulate_design(moved, TRUTH, trials=UNIT, pool=frames)
    alone = simulate_design(moved, TRUTH, trials=UNIT)
    for name in ("months", "enrolled", "events_control", "events_treated", "converged"):
        np.testing.assert_array_equal(here.table[name], alone.table[name])
    np.testing.assert_allclose(here.table["truth"], alone.table["truth"], rtol=0, atol=1e-12)
    for name in ("mean", "probability"):
        np.testing.assert_allclose(here.table[name], alone.table[name], rtol=0, atol=1e-4)
    # The Hessian is that of one step before the mode, a decrement of 1e-6 at most away: sqrt(2e-6)
    # sd, along which an sd changes by half of that times the standardised third derivative, less
    # than 1.
    np.testing.assert_allclose(here.table["sd"], alone.table["sd"], rtol=7e-4)
    assert here.found.success.estimate == pytest.approx(alone.found.success.estimate, abs=2e-3)


@pytest.mark.slow
def test_numbers_do_not_compile_again(frames, compilations):
    simulate_design(base(), TRUTH, trials=UNIT, pool=frames)
    compilations.clear()
    # All at once: whichever belonged to a frame's identity would make another.
    moved = changed(
        scaled_design(base(), 100),
        looks__0__events=50,
        looks__0__min_follow_up=2.0,
        looks__1__efficacy__1__more_than=0.8,
        looks__1__efficacy__1__horizon=18.0,
        report_at=[4.0],
    )
    simulate_design(moved, TRUTH, trials=UNIT, pool=frames)
    assert compilations == []


def test_thresholds_are_decided_without_a_simulation(frames, monkeypatch):
    """The smallest model and one late look will do: what is stored does not depend on them."""
    looks = [{"events": 100, "efficacy": [cases.SUCCESS]}]
    design, truth = cases.design(looks=looks), cases.scenario(hr=[0.7])
    before = simulate_design(design, truth, trials=UNIT, pool=frames)
    monkeypatch.setattr(module, "unit_statistics", None)
    lower = changed(design, looks__0__efficacy__0__more_than=0.5)
    found = simulate_design(lower, truth, trials=UNIT, pool=frames)
    assert found.found.success.estimate > before.found.success.estimate


def test_what_foresees_success_is_simulated_anew_where_its_threshold_moves(monkeypatch):
    """Its probability is of the last look's rule: stored, it would be of the old threshold."""
    ahead = {"quantity": "conditional-power", "less_than": 0.1}
    future = changed(base(), looks__0__futility=[ahead])
    monkeypatch.setattr(Frames, "simulator", lambda _, task: task.design)
    monkeypatch.setattr(
        module, "unit_statistics", lambda found, _: found.looks[-1].efficacy[0].threshold
    )
    frames, seen = Frames(), []
    for design in (
        future,
        changed(future, looks__1__efficacy__0__more_than=0.995),
        changed(future, looks__0__futility__0__less_than=0.2),
    ):
        task = Task(design, TRUTH, 1)
        seen += [table for _, table in frames.run(task, [0])]
    assert seen == [future.looks[-1].efficacy[0].threshold, 0.995, seen[0]]
    assert len(frames._tables) == 2


def test_a_frame_finds_more_patients_than_it_was_asked_for():
    """A share of 0.4 of those screened where 44 % are above the cut."""
    framed = module._framed(changed(base(), population__enrol_from=3.3))
    assert framed.patients == 192
    assert framed.population.enrol_from == pytest.approx(3.0 * np.exp(0.6 * 0.2533471), rel=1e-6)


def test_rules_about_the_future_have_no_frame():
    rule = {"quantity": "predictive-probability", "less_than": 0.05}
    future = changed(base(), looks__0__futility=[rule])
    assert has_frames(base())
    assert not has_frames(future)
    assert not has_frames(changed(base(), approximation="corrected"))
