"""What rules do to trials whose probabilities are written down: stops of accrual, futility."""

from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import ValidationError

import trial_cases as cases
from bayes_ihlrt.interim import words
from bayes_ihlrt.interim.monitor import RuleNow
from bayes_ihlrt.report.plan import _success_is
from bayes_ihlrt.report.plan_table import plan_answer
from bayes_ihlrt.review.frameworks import belief_part, external_part, framework_tables
from bayes_ihlrt.spec.plan import CurveSpec
from bayes_ihlrt.spec.rules import Rule
from bayes_ihlrt.trials.audit import PlanAudit
from bayes_ihlrt.trials.corrected import Redone, check_rules, corrected_shares
from bayes_ihlrt.trials.decisions import Verdict, decide
from bayes_ihlrt.trials.external import effect_information, worth
from bayes_ihlrt.trials.figures import convergence_data, success_data
from bayes_ihlrt.trials.operating import (
    Borrowed,
    edge,
    operating_characteristics,
    ratio,
    share,
    weighed,
)
from bayes_ihlrt.trials.plan import Cell, PlanResult, averaged, plan_dict, run_curve
from bayes_ihlrt.trials.quantities import (
    statement_bound,
    statement_probability,
    statements,
    targets,
)
from bayes_ihlrt.trials.run import TrialPlanResult
from bayes_ihlrt.trials.stages import Stage, stages
from bayes_ihlrt.trials.units import Task
from report_cases import statistics

NOW = {"quantity": "predictive-probability", "sample": "current", "more_than": 0.9}
END = {"quantity": "predictive-probability", "less_than": 0.1}
LOOKS = [
    {"min_follow_up": 0.0, "patients": 60, "futility": [END], "stop_accrual": [NOW]},
    {"min_follow_up": 0.0, "patients": 90, "futility": [END], "stop_accrual": [NOW]},
    {"min_follow_up": 12.0, "efficacy": [cases.SUCCESS]},
]


def table(design, rows):
    """Return statistics of trials: a row has a number for each statement, by stage."""
    known = statements(design)
    found = np.full((len(rows), len(stages(design)), len(known)), np.nan)
    for trial, row in enumerate(rows):
        for (stage, rule), value in row.items():
            found[trial, stages(design).index(stage), known.index(rule.statement)] = value
    return {"probability": found}


def test_a_trial_whose_accrual_stops_goes_on_to_the_last_look():
    design = cases.design(looks=LOOKS)
    assert stages(design)[3:] == (Stage(2, 0, stopped=True), Stage(2, 1, stopped=True))
    now, end, success = (Rule(**rule) for rule in (NOW, END, cases.SUCCESS))
    first, second, last = Stage(0), Stage(1), Stage(2)
    early, late = Stage(2, 0, stopped=True), Stage(2, 1, stopped=True)
    going = {(first, now): 0.5, (first, end): 0.5, (second, now): 0.5, (second, end): 0.5}
    rows = [
        # Stops at the first look, and succeeds with what it has.
        going | {(first, now): 0.95, (early, success): 0.99, (last, success): 0.1},
        # Stops at the second; on the plain path it would have succeeded.
        going | {(second, now): 0.95, (late, success): 0.5, (last, success): 0.99},
        # Goes on to the end.
        going | {(last, success): 0.99},
        # Futility comes before a stop of accrual.
        going | {(first, now): 0.95, (first, end): 0.05},
    ]
    done = decide(design, table(design, rows))
    good, bad = Verdict.SUCCESS, Verdict.INCONCLUSIVE
    assert done.verdict.tolist() == [good, bad, good, Verdict.FUTILITY]
    assert done.stopped.tolist() == [0, 1, -1, -1]
    assert done.look.tolist() == [2, 2, 2, 0]
    assert done.reached.tolist() == [
        [True, False, True],
        [True, True, True],
        [True, True, True],
        [True, False, False],
    ]
    assert [stages(design)[one] for one in done.stage] == [early, late, last, first]


def test_stops_and_enrichment_do_not_go_together():
    looks = [LOOKS[0] | {"enrich": [cases.SUCCESS]}, LOOKS[2]]
    with pytest.raises(ValidationError, match="do not go together"):
        cases.design(looks=looks, population={"switch_to": 3.0})
    with pytest.raises(ValidationError, match="the last look is final"):
        cases.design(looks=[LOOKS[2] | {"stop_accrual": [NOW]}])
    with pytest.raises(ValidationError, match="sample belongs to predictive-probability"):
        Rule(**cases.SUCCESS, sample="current")
    assert str(Rule(**NOW)) == "predictive probability at the current sample size > 0.9"


def test_non_inferiority_is_a_hazard_ratio_below_a_margin():
    """P(hazard ratio < 1.3): with a normal posterior, a bound of log 1.3."""
    rule = Rule(quantity="hazard-ratio", below=1.3, more_than=0.975)
    assert statement_bound(rule) == pytest.approx(np.log(1.3))
    mean, sd = np.array([0.0, np.log(1.3)]), np.array([np.log(1.3) / 1.959964, 0.1])
    assert statement_probability(rule, mean, sd) == pytest.approx([0.975, 0.5], abs=1e-6)


@pytest.mark.parametrize(
    ("below", "truth", "drawn", "told"),
    [
        (1.3, 1.3, False, "type I error"),
        (1.3, 1.0, False, "power"),
        (1.0, 1.0, False, "type I error"),
        (0.8, 0.9, False, "type I error"),
        (1.0, np.nan, False, "power"),
        (1.3, 1.0, True, "assurance"),
    ],
)
def test_success_is_a_type_one_error_where_the_rule_s_statement_is_false(below, truth, drawn, told):
    rule = {"quantity": "hazard-ratio", "below": below, "more_than": 0.975}
    design = cases.design(looks=[{"events": 100, "efficacy": [rule]}])
    table = statistics(design, share=0.5, trials=20)
    table["truth"] = np.full_like(table["truth"], np.log(truth))
    found = operating_characteristics(design, table, targets(design), drawn=drawn)
    assert found.success_is == found.to_dict()["success_is"] == told
    assert edge(design) == below


def test_designs_whose_margins_differ_call_success_differently():
    rows = [
        {"design": design, "scenario": "hr 1", "success_is": words}
        for design, words in (("superior", "type I error"), ("not inferior", "power"))
    ]
    assert _success_is("hr 1", rows[:1]) == "type I error"
    assert _success_is("hr 1", rows) == "type I error (superior); power (not inferior)"
    assert _success_is("hr 2", rows) == "not computed"


def futile_then_better(design, *, truth):
    """One hundred trials: 20 futile at the first look, 10 of them better at the second; 5 more."""
    known = statements(design)
    table = statistics(design, share=0.0, trials=100)
    probability = np.full_like(table["probability"], 0.5)
    futility = known.index(design.looks[0].futility[0].statement)
    probability[:20, 0, futility] = 0.01
    probability[10:25, 1, known.index(design.looks[1].efficacy[0].statement)] = 0.99
    values = np.full_like(table["truth"], np.log(truth))
    converged = np.ones_like(table["converged"])
    return table | {"probability": probability, "truth": values, "converged": converged}


@pytest.mark.parametrize("binding", [True, False])
def test_non_binding_futility_is_told_alike_everywhere(binding):
    stop = {"quantity": "hazard-ratio", "below": 0.8, "less_than": 0.1}
    looks = [{"events": 50, "futility": [stop]}, {"events": 100, "efficacy": [cases.SUCCESS]}]
    scenarios = [
        cases.scenario(name, hr=[hr]).model_dump(mode="json", exclude_none=True) | {"weight": 0.5}
        for name, hr in (("no effect", 1.0), ("hr 0.6", 0.6))
    ]
    content = cases.content(looks=looks) | {"binding_futility": binding}
    plan = cases.plan(design=content, scenarios=scenarios)
    design, cells = plan.design, []
    for scenario in plan.scenarios:
        table = futile_then_better(design, truth=scenario.effect.hr[0])
        wanted = targets(design)
        found = operating_characteristics(design, table, wanted, names=("small", scenario.name))
        cells.append(Cell("small", scenario.name, Task(design, scenario, 1), table, wanted, found))
    tasks = {cell.scenario: cell.task for cell in cells}
    curve = run_curve(
        CurveSpec(over="patients", values=[200, 300]),
        tasks,
        lambda _, task: futile_then_better(task.design, truth=task.scenario.effect.hr[0]),
    )
    result = PlanResult(plan, tuple(cells), (curve,), seconds=1.0, simulated=200)
    null, power = (0.05 if binding else 0.15), 0.05
    assert [cell.found.success.estimate for cell in cells] == [0.05, 0.05]
    assert [cell.found.success_told.estimate for cell in cells] == [null, power]
    assert success_data(result)["estimate"].values.tolist() == [[null, power]]
    assert convergence_data(cells)["estimate"].values[:, -1].tolist() == [null, power]
    assert [row[1].estimate for row in curve.success.values()] == [null, power]
    (whole,) = averaged(result)
    assert whole.success.estimate == pytest.approx((null + power) / 2.0)
    assert whole.no_effect.after_success.estimate == pytest.approx(null / (null + power))
    rows = plan_dict(result)["results"]
    shown = framework_tables(rows, plan, ())[0].records
    assert [row["success"].split(" %")[0] for row in shown] == [f"{100 * null:.1f}", "5.0"]
    answer = plan_answer(TrialPlanResult(result, PlanAudit((), 0, ())))
    assert answer["parts"][0]["title"].endswith(f"Type I error {null:.1%}; power 5.0%.")
    rules = [
        one
        for number, look in enumerate(design.looks, 1)
        for one in check_rules(
            ("small", "no effect", number),
            look.rules,
            [
                tuple(Redone(rule.statement, p, p, 3_000.0) for rule in look.rules)
                for p in (0.2, 0.5, 0.9, 0.97)
            ],
        )
    ]
    told = [one.ending for one in corrected_shares(cells[0], rules) if one.told]
    assert told == ["success" if binding else "success without futility"]


@pytest.mark.parametrize("binding", [True, False])
def test_an_interim_analysis_says_what_binds(binding):
    rule = Rule(quantity="hazard-ratio", below=0.8, less_than=0.1)
    design = SimpleNamespace(binding_futility=binding)
    said = words._rule(RuleNow("futility", rule, 0.05, 0.001, None, True, False), design)
    assert said.startswith("Futility, P(" if binding else "Futility (non-binding), P(")
    verdict = words._verdict("futility", design)
    assert verdict == ("STOP FOR FUTILITY" if binding else "FUTILE, NON-BINDING: STOP OR GO ON")


def test_weights_of_fixed_truths_are_a_belief_before_the_trial():
    """A quarter of the truths are null, for certain; of 1,000 trials under it none succeeds."""
    hits, won = [np.ones(1_000, bool), np.zeros(1_000, bool)], np.arange(1_000) < 800
    every, none = np.ones(1_000, bool), np.zeros(1_000, bool)
    before = ratio([(0.25, hits[0], every), (0.75, hits[1], every)])
    assert (before.estimate, before.low, before.high) == (0.25, 0.25, 0.25)
    after = ratio([(0.25, hits[0], none), (0.75, hits[1], won)])
    # No hit of 800: Wilson's upper limit, 1.96^2 / (800 + 1.96^2).
    assert (after.estimate, after.low) == (0.0, 0.0)
    assert after.high == pytest.approx(1.959964**2 / (800.0 + 1.959964**2), rel=1e-6)
    always = ratio([(1.0, won, won)])
    assert (always.estimate, always.high) == (1.0, 1.0)
    assert 0.99 < always.low < 1.0
    belief = {
        "statement": "hazard-ratio < 1",
        "before": asdict(before),
        "after_success": asdict(after),
        "after_failure": asdict(always),
    }
    row = {"design": "d", "success": asdict(share(won)), "no_effect": belief}
    (shown,) = framework_tables([], cases.plan(), [row])[0].records
    assert (shown["before"], shown["after"]) == ("0.250", "0.000 (0.000 to 0.005)")
    told = belief_part([], row, [])["told"][-1]
    assert "0.250 before the trial, 0.000 (0.000 to 0.005) after a success" in told


def test_averages_stay_within_zero_and_one():
    found = weighed(0.002, 0.0019, 500)
    assert 0.0 < found.low < 0.002 < found.high < 0.02
    assert weighed(1.0, 0.0, 100).high == 1.0


def test_the_prior_of_the_effect_is_worth_no_external_control():
    """Two arms of 100 events under the package's prior, and 20 more controls from elsewhere."""
    external = {"patients": 120, "months": 24.0, "borrow": "power", "power": 0.4}
    design = cases.design(priors={}, external=external)
    told = effect_information(design)
    assert told == pytest.approx(1.0 / 0.5**2)
    events = np.full(2, 100.0)
    sd = (1.0 / (1.0 / 100.0 + 1.0 / np.array([100.0, 120.0])) + told) ** -0.5
    assert worth(sd, events, events, prior=told) == pytest.approx([0.0, 20.0])
    assert worth(sd, events, events)[0] == pytest.approx(17.4, abs=0.05)


def test_trials_in_which_worth_is_no_number_are_told():
    found = asdict(Borrowed(120, share(np.ones(10, bool)), 3))
    row = {"scenario": "s", "borrowed": found}
    (said, _) = external_part([row], [])["told"]
    assert "control events on average of the other trials (in 3 the hazard ratio is known" in said
