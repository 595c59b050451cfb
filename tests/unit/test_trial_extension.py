"""Trials that are enlarged, by written probabilities: what is valid, which path, what is told."""

from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.special import ndtr, ndtri

import extension_known as known
import trial_cases as cases
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.explorer.controls import controls, moved
from bayes_ihlrt.interim.data import chosen_design
from bayes_ihlrt.methods.plan import _rules
from bayes_ihlrt.report.studies import plan_tables
from bayes_ihlrt.review.frameworks import changed_part, review_parts
from bayes_ihlrt.review.lines import looks_told
from bayes_ihlrt.schema.plan import Branch as BranchRecord
from bayes_ihlrt.spec.plan import CurveSpec, TrialPlan
from bayes_ihlrt.spec.scenario import AccrualSpec
from bayes_ihlrt.spec.trial import scaled_design
from bayes_ihlrt.trials.calibration import _foreseen, calibrate_threshold
from bayes_ihlrt.trials.decisions import Verdict, decide
from bayes_ihlrt.trials.operating import operating_characteristics
from bayes_ihlrt.trials.patients import Patients, expected_arrivals, invert_accrual, reopened
from bayes_ihlrt.trials.plan import Cell, PlanResult, branches, plan_dict
from bayes_ihlrt.trials.quantities import statements, targets
from bayes_ihlrt.trials.replay import _trace
from bayes_ihlrt.trials.schedule import enlarged_design, schedule
from bayes_ihlrt.trials.stages import Stage, stages
from bayes_ihlrt.trials.units import Task

BENEFIT = {"quantity": "hazard-ratio", "below": 1.0}
ZONE = [BENEFIT | {"more_than": 0.7}, BENEFIT | {"less_than": 0.95}]
FUTILE = BENEFIT | {"less_than": 0.3}
LOOKS = [
    {"events": 40, "efficacy": [BENEFIT | {"more_than": 0.99}], "futility": [FUTILE]},
    {"events": 60, "extend": ZONE},
    {"min_follow_up": 6.0, "efficacy": [BENEFIT | {"more_than": 0.99}], "extend": ZONE},
    {"events": 100, "min_follow_up": 12.0, "efficacy": [cases.SUCCESS]},
]
LARGER = {"patients": 180, "events": 150}


def design(**changes):
    return cases.design(**({"looks": LOOKS, "extension": LARGER} | changes))


def table(design, rows):
    """Return statistics of trials from P(hazard ratio < 1) by stage; .5 where nothing is said."""
    where = stages(design)
    found = np.full((len(rows), len(where), len(statements(design))), 0.5)
    for trial, row in enumerate(rows):
        for stage, value in row.items():
            found[trial, where.index(stage)] = value
    shape = found.shape[:2]
    size = [180 if stage.extended else 110 for stage in where]
    moments = np.zeros((*shape, len(targets(design))))
    return {
        "probability": found,
        "mean": moments,
        "sd": moments + 0.2,
        "truth": np.zeros((len(rows), moments.shape[2])),
        "converged": np.ones(shape, dtype=bool),
        "untrusted": np.zeros(shape, dtype=bool),
        "followed": np.zeros(shape, dtype=bool),
        "enrolled": np.tile(size, (len(rows), 1)),
        "events_control": np.tile([10 * (stage.look + 1) for stage in where], (len(rows), 1)),
        "events_treated": np.tile([5 * stage.extended for stage in where], (len(rows), 1)),
        "months": np.tile([12.0 * (stage.look + 1) for stage in where], (len(rows), 1)),
    }


def larger(look, path):
    return Stage(look, path, extended=True)


ROWS = [
    # Enlarged at the second look; the third is not asked to enlarge it again, the last decides.
    {Stage(1): 0.8, larger(2, 1): 0.8, larger(3, 1): 0.98, Stage(3): 0.1, larger(3, 2): 0.1},
    # Enlarged at the third look.
    {Stage(2): 0.8, larger(3, 2): 0.98, Stage(3): 0.1},
    # Enlarged, and success at the look after it.
    {Stage(1): 0.8, larger(2, 1): 0.995, larger(3, 1): 0.1},
    # On the edge of the zone and beyond: as planned.
    {Stage(1): 0.7, Stage(2): 0.95, Stage(3): 0.98, larger(3, 1): 0.1},
    # Futility comes first, and what would have enlarged it does not.
    {Stage(0): 0.2, Stage(1): 0.8, larger(3, 1): 0.98},
    # Success is asked before the zone.
    {Stage(1): 0.3, Stage(2): 0.995},
]


def test_a_trial_is_enlarged_once_and_for_all():
    trial = design()
    where = [Stage(look) for look in range(4)] + [larger(2, 1), larger(3, 1), larger(3, 2)]
    assert stages(trial) == tuple(where)
    done = decide(trial, table(trial, ROWS))
    good, bad = Verdict.SUCCESS, Verdict.FUTILITY
    assert done.verdict.tolist() == [good, good, good, good, bad, good]
    assert done.extended.tolist() == [1, 2, 1, -1, -1, -1]
    assert done.look.tolist() == [3, 3, 2, 3, 0, 2]
    ended = [larger(3, 1), larger(3, 2), larger(2, 1), Stage(3), Stage(0), Stage(2)]
    assert [where[one] for one in done.stage] == ended
    assert not done.enriched.any()
    assert (done.stopped == -1).all()
    assert done.reached[0].all()
    free = decide(trial, table(trial, ROWS), futility=False)
    assert (free.extended[4], free.verdict[4]) == (1, good)


def test_without_extend_rules_no_stage_is_added_and_no_trial_is_enlarged():
    trial = cases.design()
    assert stages(trial) == (Stage(0), Stage(1))
    assert schedule(trial).enlarged is None
    assert (decide(trial, table(trial, [{}, {}])).extended == -1).all()


def test_operating_characteristics_tell_both_branches():
    trial = design()
    found = operating_characteristics(trial, table(trial, ROWS), targets(trial))
    assert found.extended.estimate == pytest.approx(3.0 / 6.0)
    enlarged, others = branches(trial, table(trial, ROWS))
    assert (enlarged.extended, others.extended) == (True, False)
    assert enlarged.share == found.extended
    assert (enlarged.success.estimate, others.success.estimate) == (1.0, pytest.approx(2.0 / 3.0))
    assert enlarged.expected_n.estimate == 180.0
    assert others.expected_n.estimate == 110.0
    # They end at looks 4, 4 and 3; ten events a look, and five where they are enlarged.
    assert enlarged.expected_events.estimate == pytest.approx((45 + 45 + 35) / 3)
    assert enlarged.expected_months.estimate == pytest.approx(44.0)
    rest = sum(one.share.estimate * one.success.estimate for one in (enlarged, others))
    assert rest == pytest.approx(found.success.estimate)
    BranchRecord.model_validate(asdict(enlarged))
    plain = cases.design()
    assert branches(plain, table(plain, [{}, {}])) == ()


FAULTS = [
    ({"extension": None}, r"extend rules and \[extension\] belong together"),
    ({"looks": cases.content()["looks"]}, r"extend rules and \[extension\] belong together"),
    ({"extension": {}}, "say how large the enlarged trial is"),
    ({"extension": {"patients": 100}}, "patients = 100 is fewer than the 110 planned"),
    ({"extension": {"events": 90}}, "events = 90 is fewer than the 100 planned"),
    ({"extension": {"patients": 110, "events": 100}}, "enlarges nothing"),
    ({"extension": {"events": 120}}, "waits for 120 events of 110"),
    (
        {"looks": [LOOKS[1], LOOKS[3] | {"extend": ZONE}]},
        "the last look is final: it has no futility, stop_accrual, extend or enrich rules",
    ),
    (
        {"looks": [LOOKS[1] | {"stop_accrual": ZONE}, LOOKS[3]]},
        "extend rules do not go together with enrich or stop_accrual",
    ),
    (
        {"looks": [LOOKS[1], {"calendar": 30.0, "efficacy": [cases.SUCCESS]}]},
        "the last look waits for no events",
    ),
    (
        {"looks": [LOOKS[1], LOOKS[3] | {"efficacy_enriched": [cases.SUCCESS]}]},
        "efficacy_enriched rules belong to enrich rules, and there are none",
    ),
]


@pytest.mark.parametrize(("changes", "told"), FAULTS)
def test_a_faulty_extension_is_told_in_words(changes, told):
    with pytest.raises(ValidationError, match=told):
        design(**changes)


def test_an_enrichment_is_not_enlarged():
    looks = [LOOKS[1] | {"enrich": ZONE}, LOOKS[3]]
    with pytest.raises(ValidationError, match="do not go together with enrich"):
        cases.by_modifier(looks=looks, extension=LARGER, population={"switch_to": 3.0})


def test_what_a_design_becomes():
    trial = design()
    one = enlarged_design(trial)
    type(one).model_validate(one.model_dump(mode="json", exclude_none=True))
    assert (one.patients, one.extension, trial.most_patients) == (180, None, 180)
    assert not any(look.extend for look in one.looks)
    assert [look.events for look in one.looks] == [40, 60, None, 150]
    # Follow-up of all patients is of those who were planned where the look stays as it is.
    assert [look.patients for look in one.looks] == [None, None, 110, None]
    numbers = schedule(trial)
    assert numbers.events.tolist() == [40, 60, 1, 100]
    assert numbers.enlarged.events.tolist() == [40, 60, 1, 150]
    assert numbers.enlarged.of_patients.tolist() == [180, 180, 110, 180]
    assert int(numbers.enlarged.patients) == 180
    only = enlarged_design(design(extension={"patients": 150}))
    assert (only.patients, only.looks[-1].events) == (150, 100)
    assert enlarged_design(cases.design()) is None


def test_sizes_along_a_curve_scale_the_extension():
    twice = scaled_design(design(), 220)
    assert (twice.extension.patients, twice.extension.events) == (360, 300)
    spec = CurveSpec(over="patients", values=[55, 220])
    assert spec.problems(design()) == []
    assert [one.most_patients for one in spec.designs(design())] == [90, 360]


ACCRUAL = AccrualSpec(rates=(2.0, 4.0), cuts=(6.0,))


def test_expected_arrivals_are_the_inverse():
    months = np.array([0.0, 3.0, 6.0, 10.0])
    assert np.asarray(expected_arrivals(ACCRUAL, months)) == pytest.approx([0.0, 6.0, 12.0, 28.0])
    units = np.linspace(0.1, 40.0, 50)
    back = expected_arrivals(ACCRUAL, invert_accrual(ACCRUAL, units))
    assert np.asarray(back) == pytest.approx(units)


@pytest.mark.parametrize(
    ("at", "arrivals"),
    [
        # Four are planned, at 2 a month; accrual is closed from month 2 on.
        (1.5, [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]),
        (4.0, [0.5, 1.0, 1.5, 2.0, 4.5, 5.0]),
        # One comes half a month after month 5.5, the next when four a month come.
        (5.5, [0.5, 1.0, 1.5, 2.0, 6.0, 6.25]),
    ],
)
def test_newcomers_come_after_the_trial_is_enlarged(at, arrivals):
    """Whoever was screened between the end of accrual and the look is not enrolled afterwards."""
    come = invert_accrual(ACCRUAL, np.arange(1.0, 7.0))
    empty = np.zeros(6)
    people = Patients(come, empty, empty, empty, empty, empty)
    found = reopened(people, ACCRUAL, np.asarray(4), np.asarray(at))
    assert np.asarray(found.arrival) == pytest.approx(arrivals)
    assert np.asarray(found.arrival)[:4].tolist() == np.asarray(come)[:4].tolist()


def test_a_threshold_is_not_sought_where_rules_foresee_with_the_old_one():
    ahead = {"quantity": "conditional-power"}
    zone = [ahead | {"more_than": 0.3}, ahead | {"less_than": 0.9}]
    trial = design(looks=[{"events": 50, "extend": zone}, LOOKS[-1]])
    with pytest.raises(SpecificationError, match=r"'conditional power > 0\.3' was simul"):
        calibrate_threshold(trial, table(trial, [{}]), alpha=0.025)
    # Rules on posteriors do not know the threshold.
    plain = design()
    found = calibrate_threshold(plain, table(plain, [{}, {}]), alpha=0.025)
    assert found.success.estimate == 0.0


def test_a_threshold_is_not_sought_where_success_of_enriched_trials_foresees_with_it():
    ahead = {"quantity": "predictive-probability", "more_than": 0.9}
    enriched = {"events": 80, "efficacy_enriched": [ahead]}
    looks = [{"events": 40, "enrich": [BENEFIT | {"less_than": 0.5}]}, enriched]
    last = {"events": 100, "efficacy": [cases.SUCCESS]}
    trial = cases.by_modifier(looks=[*looks, last], population={"switch_to": 3.0})
    assert [fault.where for fault in _foreseen(trial)] == ["look 2"]
    last["efficacy_enriched"] = [cases.SUCCESS]
    trial = cases.by_modifier(looks=[*looks, last], population={"switch_to": 3.0})
    assert _foreseen(trial) == []


def test_a_replay_tells_what_was_asked():
    trial = design()
    task = Task(trial, cases.scenario(), 1)
    rows = {look: np.full(len(statements(trial)), 0.8) for look in range(4)}
    told = [(one.look, one.purpose) for one in _trace(task, rows, larger(3, 1))]
    assert [look for look, purpose in told if purpose == "extend"] == [2, 2]
    told = [(one.look, one.purpose) for one in _trace(task, rows, Stage(3))]
    assert [look for look, purpose in told if purpose == "extend"] == [2, 2, 3, 3]


def rows_of(trial, statistics):
    """Return a cell and the rows of `result.json`."""
    plan = cases.plan(design=trial.model_dump(mode="json", exclude_none=True))
    wanted = targets(trial)
    found = operating_characteristics(trial, statistics, wanted, names=("small", "no effect"))
    cell = Cell("small", "no effect", Task(trial, plan.scenarios[0], 1), statistics, wanted, found)
    result = PlanResult(plan, (cell,), (), seconds=1.0, simulated=6)
    return cell, plan, plan_dict(result)


def test_what_enlarging_brings_is_told():
    trial = design()
    cell, plan, result = rows_of(trial, table(trial, ROWS))
    told = changed_part(result["results"], plan, "extended")
    assert told["told"][0] == (
        "no effect: 50.0% of trials are enlarged; of these 100.0% succeed, with 180 patients, 42 "
        "events, 44 months; of the others 66.7% succeed, with 110 patients, 27 events, 32 months."
    )
    assert review_parts([], plan, result)[0] == told
    output = SimpleNamespace(result=result | {"audit": {"fits": 0}}, plan=plan)
    shown = next(one for one in plan_tables(output) if one.name == "enlarged")
    assert [row["enlarged"] for row in shown.records] == ["yes", "no"]
    assert [row["expected_n estimate"] for row in shown.records] == [180.0, 110.0]
    assert "; enlarged in 50.0%" in looks_told(cell)
    none = rows_of(trial, table(trial, [{}, {}]))[2]["results"]
    assert changed_part(none, plan, "extended")["told"][0].startswith(
        "no effect: 0.0% of trials are enlarged; of the others 0.0% succeed"
    )
    plain = cases.design()
    assert (
        changed_part(rows_of(plain, table(plain, [{}, {}]))[2]["results"], plan, "extended") is None
    )


def test_branches_say_that_they_follow_futility_where_the_type_i_error_does_not():
    trial = design(binding_futility=False)
    cell, plan, result = rows_of(trial, table(trial, ROWS))
    (row,) = result["results"]
    follows = [
        branch["success"]["estimate"] * branch["share"]["estimate"] for branch in row["branches"]
    ]
    assert cell.found.success_told.estimate > sum(follows)
    assert "of trials that stop for futility" in changed_part([row], plan, "extended")["told"][-1]
    assert not any(
        "futility" in line for line in changed_part([row], bound_plan(), "extended")["told"]
    )


def bound_plan():
    return cases.plan(design=design().model_dump(mode="json", exclude_none=True))


def test_an_extension_of_a_variant_is_told_with_its_name():
    _, plan, result = rows_of(design(), table(design(), ROWS))
    variant = {**result["results"][0], "design": "larger"}
    designs = SimpleNamespace(name=plan.name, designs={"larger": design()})
    assert changed_part([variant], designs, "extended")["told"][0].startswith(
        "larger, no effect: 50.0%"
    )


def test_methods_controls_and_interim_know_of_it():
    content = cases.content(looks=LOOKS, extension=LARGER)
    plan = cases.plan(design=content)
    sentences = " ".join(_rules(plan))
    assert "trial enlarged if P(hazard ratio < 1) > 0.7 and P(hazard ratio < 1) < 0.95" in sentences
    assert (
        "An enlarged trial had 180 patients instead of 110, and its last look was at 150 events "
        "and 12 months of follow-up of all patients; looks in between stayed as planned, and it "
        "was not enlarged again."
    ) in sentences
    only = cases.plan(design=cases.content(looks=LOOKS[2:], extension={"events": 105}))
    assert (
        "An enlarged trial had no more patients (110), and its last look was at 105 events and 12 "
        "months of follow-up of all patients; it was not enlarged again."
    ) in " ".join(_rules(only))
    shorter = moved(plan, plan.scenarios[0].name, {}, [True, False, False, True])["design"]
    assert "extension" not in shorter
    assert TrialPlan.model_validate({**moved(plan, plan.scenarios[0].name, {}, [True] * 4)})
    found = {one.key: one for one in controls(plan, plan.scenarios[0])}
    assert found["design.extension.patients"].value == 180
    assert found["design.extension.events"].value == 150
    assert found["design.looks.1.extend.0.more_than"].label.startswith("Enlargement if P(hazard")
    with pytest.raises(SpecificationError, match="reads no rule that enlarges the trial"):
        chosen_design(plan, None)


def test_the_known_answer_is_that_of_conditional_power_by_hand():
    """No extension leaves one look; the same information at both ends changes nothing."""
    bound = 1.959964
    at = known.with_events(100, 200, 320)
    assert known.success(at, lambda z: 0.0 * z, hr=1.0, bound=bound)[0] == pytest.approx(
        0.025, abs=1e-6
    )
    same = known.with_events(100, 200, 200)
    # z1 is normal around 5 log(4 / 3).
    zone = float(np.diff(ndtr(ndtri([0.2, 0.9]) - 5.0 * np.log(4.0 / 3.0)))[0])
    assert known.success(same, known.within((0.2, 0.9)), hr=0.75, bound=bound) == (
        pytest.approx(0.5296, abs=1e-4),
        pytest.approx(zone, abs=1e-4),
    )
