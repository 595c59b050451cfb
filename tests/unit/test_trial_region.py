"""Enrolment that goes on where the posterior says it should: which region, and what is told."""

from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import ValidationError

import trial_cases as cases
from bayes_ihlrt.methods.plan import _rules
from bayes_ihlrt.report.studies import plan_tables
from bayes_ihlrt.review.frameworks import changed_part, review_parts
from bayes_ihlrt.schema.plan import Branch as BranchRecord
from bayes_ihlrt.spec.plan import CurveSpec
from bayes_ihlrt.spec.rules import Rule
from bayes_ihlrt.trials.corrected import asked
from bayes_ihlrt.trials.decisions import decide
from bayes_ihlrt.trials.operating import operating_characteristics
from bayes_ihlrt.trials.plan import Cell, PlanResult, branches, plan_dict
from bayes_ihlrt.trials.quantities import statements, targets
from bayes_ihlrt.trials.replay import _trace
from bayes_ihlrt.trials.stages import Stage, stages
from bayes_ihlrt.trials.units import Task

BENEFIT = {"quantity": "hazard-ratio", "below": 1.0}
VALUES = [2.0, 3.0, 5.0]
GATE = BENEFIT | {"at": 1.5, "less_than": 0.6}
LOOKS = [
    {"events": 40, "enrich": [BENEFIT | {"more_than": 0.8}]},
    {"events": 60, "enrich": [BENEFIT | {"more_than": 0.9}, GATE]},
    {"events": 80, "efficacy": [cases.SUCCESS]},
]
ROWS = [
    # P(hazard ratio < 1) at 2, 3, 5 and at 1.5: at the first look, at the second, at the last.
    ((0.9, 0.9, 0.9, 0.9), None, 0.99),
    ((0.7, 0.9, 0.9, 0.5), None, 0.99),
    # Not above: 2 and 3 hold, 5 does not.
    ((0.9, 0.9, 0.7, 0.5), (0.5, 0.5, 0.95, 0.5), 0.5),
    # The gate of the second look is shut.
    ((0.1, 0.1, 0.7, 0.5), (0.95, 0.95, 0.95, 0.7), 0.99),
    ((0.1, 0.1, 0.7, 0.5), (0.95, 0.95, 0.95, 0.5), 0.99),
    ((np.nan,) * 4, (0.1, 0.1, 0.1, 0.5), 0.5),
]
CHOSEN = [2.0, 3.0, 5.0, np.nan, 2.0, np.nan]


def design(**changes):
    return cases.by_modifier(**({"looks": LOOKS, "population": {"switch_to": VALUES}} | changes))


def at(value):
    return Rule(**BENEFIT, at=value, more_than=0.0)


def table(trial):
    """Return statistics of trials with these probabilities on every path."""
    known, where = statements(trial), stages(trial)
    found = np.full((len(ROWS), len(where), len(known)), 0.5)
    for row, looks in zip(found, ROWS, strict=True):
        for place, stage in enumerate(where):
            told = looks[stage.look]
            if isinstance(told, tuple):
                for value, probability in zip((*VALUES, 1.5), told, strict=True):
                    row[place, known.index(at(value))] = probability
            elif told is not None:
                row[place, known.index(Rule(**cases.SUCCESS).statement)] = told
    shape = found.shape[:2]
    moments = np.zeros((*shape, len(targets(trial))))
    counts = np.broadcast_to([20 * (stage.look + 1) for stage in where], shape)
    return {
        "probability": found,
        "enrolled": counts * 2,
        "months": counts / 4.0,
        "events_control": counts,
        "events_treated": counts,
        "converged": np.ones(shape, dtype=bool),
        "untrusted": np.zeros(shape, dtype=bool),
        "followed": np.zeros(shape, dtype=bool),
        "mean": moments,
        "sd": moments + 0.2,
        "truth": np.zeros((len(ROWS), moments.shape[-1])),
    }


def test_enrolment_goes_on_from_the_least_value_from_which_on_all_rules_hold():
    trial = design()
    done = decide(trial, table(trial))
    np.testing.assert_array_equal(done.switch, CHOSEN)
    assert done.enriched.tolist() == np.isfinite(CHOSEN).tolist()
    where = stages(trial)
    assert [where[stage] for stage in done.stage] == [
        Stage(2, 0, 2.0),
        Stage(2, 0, 3.0),
        Stage(2, 1, 5.0),
        Stage(2),
        Stage(2, 1, 2.0),
        Stage(2),
    ]
    # Three looks as planned; two after the first look and one after the second, by value.
    assert len(where) == 3 + 3 * 2 + 3


def test_one_value_is_read_as_before():
    """Rules are read as they stand: without `at` at the reference."""
    looks = [{"events": 40, "enrich": [BENEFIT | {"more_than": 0.8}]}, LOOKS[2]]
    trial = design(looks=looks, population={"switch_to": 3.0})
    assert stages(trial)[-1] == Stage(1, 0, 3.0)
    assert asked(trial, 0) == (Rule(**BENEFIT, more_than=0.8),)
    assert [str(rule) for rule in asked(design(), 0)] == [
        f"P(hazard ratio < 1 at {value:g}) > 0.8" for value in VALUES
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"population": {"switch_to": [3.0, 2.0]}}, "switch_to: values must increase"),
        ({"population": {"switch_to": [2.0, 500.0]}}, "switch_to = 500 would enrol fewer"),
        ({"looks": [{"events": 40, "enrich": [GATE]}, LOOKS[2]]}, "leave out `at` of a rule"),
        ({"looks": [LOOKS[2]]}, "enrich rules and \\[population\\] switch_to belong together"),
    ],
)
def test_a_region_that_nothing_chooses_is_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        design(**changes)


def test_a_region_needs_a_modifier_and_a_curve_one_value():
    with pytest.raises(ValidationError, match="several values, and there is no"):
        cases.design(looks=LOOKS[:1] + LOOKS[2:], population={"switch_to": VALUES})
    curve = CurveSpec(over="switch-to", values=[2.0, 3.0])
    assert curve.problems(design()) == [
        "the curve over switch-to needs one value of [population] switch_to"
    ]
    assert curve.problems(design(population={"switch_to": 3.0})) == []


def test_what_comes_of_each_region_is_told():
    trial = design()
    plan = cases.plan(design=trial.model_dump(mode="json", exclude_none=True))
    wanted = targets(trial)
    found = operating_characteristics(trial, table(trial), wanted, names=("small", "no effect"))
    assert found.enriched.estimate == pytest.approx(4.0 / 6.0)
    ways = branches(trial, table(trial))
    assert [way.switch for way in ways] == [*VALUES, None]
    assert [round(6 * way.share.estimate) for way in ways] == [2, 1, 1, 2]
    assert [way.success.estimate for way in ways] == [1.0, 1.0, 0.0, 0.5]
    total = sum(way.share.estimate * way.success.estimate for way in ways)
    assert total == pytest.approx(found.success.estimate)
    cell = Cell(
        "small", "no effect", Task(trial, plan.scenarios[0], 1), table(trial), wanted, found
    )
    result = plan_dict(PlanResult(plan, (cell,), (), seconds=1.0, simulated=6))
    BranchRecord.model_validate(result["results"][0]["branches"][0])
    told = changed_part(result["results"], plan, "switch")
    assert told["told"][0].startswith(
        "no effect: 33.3% of trials go on with patients from nlr 2 on, of which 100.0% succeed, "
        "with 120 patients, 120 events, 15 months; 16.7% of trials go on with patients from nlr 3"
    )
    assert "; of the others 50.0% succeed" in told["told"][0]
    assert told in review_parts([], plan, result)
    assert changed_part(result["results"], plan, "extended") is None
    output = SimpleNamespace(result=result | {"audit": {"fits": 0}}, plan=plan)
    tables = {one.name: one for one in plan_tables(output)}
    assert "enlarged" not in tables
    shown = [row["enrolled from"] for row in tables["enriched"].records]
    assert shown == ["2", "3", "5", "not enriched"]


def test_methods_and_replays_say_how_the_region_is_chosen():
    trial = design()
    plan = cases.plan(design=trial.model_dump(mode="json", exclude_none=True))
    told = " ".join(_rules(plan))
    assert (
        "enrolment restricted from the least of nlr 2, 3 and 5 on at which, and at all of those "
        "above, P(hazard ratio < 1 at that nlr) > 0.9 and P(hazard ratio < 1 at 1.5) < 0.6"
    ) in told
    rows = {look: np.full(len(statements(trial)), 0.8) for look in range(3)}
    traced = [str(one.rule) for one in _trace(Task(trial, plan.scenarios[0], 1), rows, Stage(2))]
    assert traced[:3] == [f"P(hazard ratio < 1 at {value:g}) > 0.8" for value in VALUES]
    assert traced.count(str(Rule(**GATE))) == 1
