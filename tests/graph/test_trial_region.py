"""Enrolment that goes on in a region of the modifier, simulated: who takes part, and how often."""

import numpy as np
import pytest

import trial_cases as cases
from bayes_ihlrt.spec.trial import TrialDesign
from bayes_ihlrt.trials.calibration import simulate_design
from bayes_ihlrt.trials.decisions import decide
from bayes_ihlrt.trials.stages import stages
from bayes_ihlrt.trials.units import Task, simulator

VALUES = (2.0, 3.0, 5.0)
EVENTS, LOG_SD, LEVEL = 200, 0.6, 0.8
LOOKS = [
    {
        "events": EVENTS,
        "enrich": [{"quantity": "hazard-ratio", "below": 1.0, "more_than": LEVEL}],
    },
    {"events": 260, "efficacy": [cases.SUCCESS]},
]
POPULATION = {"median": 3.0, "log_sd": LOG_SD, "switch_to": VALUES}


@pytest.fixture(scope="module")
def trials():
    """Return trials without an effect, at the median of the modifier or anywhere."""
    content = cases.by_modifier(
        patients=400, looks=LOOKS, population=POPULATION, max_months=120.0
    ).model_dump(mode="json", exclude_none=True)
    # Hazards are constant: a shape to be found as well changes nothing of the theory.
    content["outcome"]["hazard"] = {"family": "exponential"}
    design = TrialDesign.model_validate(content)
    return simulate_design(design, cases.scenario(hr=[1.0]), trials=1_024, seed=3)


def test_regions_are_chosen_as_often_as_normal_theory_says(trials):
    done = decide(trials.design, trials.table)
    expected = cases.regions_known(VALUES, median=3.0, log_sd=LOG_SD, level=LEVEL)
    found = np.array([(done.switch == value).mean() for value in VALUES])
    error = np.sqrt(expected * (1.0 - expected) / len(done.switch))
    # 200 events are not infinitely many: a third of an error is left for that.
    assert (np.abs(found - expected) < 3.35 * error).all()
    assert 0.1 < expected.sum() < 0.3


def test_patients_who_come_after_the_look_are_of_the_region(trials):
    block = simulator(Task(trials.design, cases.scenario(hr=[1.0]), 3)).block(0)
    arrival, modifier = (np.asarray(getattr(block.patients, n)) for n in ("arrival", "modifier"))
    months = np.asarray(block.seen.time)
    for place, stage in enumerate(stages(trials.design)):
        if stage.switch is None:
            continue
        there = np.isfinite(arrival[:, place])
        late = arrival[:, place] >= months[:, :1]
        assert (modifier[:, place][late & there] >= stage.switch).all()
        assert (modifier[:, place][~late & there] < stage.switch).any()
        same = ~late & there
        np.testing.assert_array_equal(
            modifier[:, place][same], modifier[:, 0][(arrival[:, 0] < months[:, :1])]
        )
