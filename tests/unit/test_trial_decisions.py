"""What rules do to trials whose probabilities are written down: stops of accrual, futility."""

from dataclasses import asdict
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import ValidationError
from rich.console import Console

import trial_cases as cases
from bayes_ihlrt.interim import words
from bayes_ihlrt.interim.monitor import RuleNow
from bayes_ihlrt.report.plan import _success_is
from bayes_ihlrt.report.plan_table import plan_answer, print_plan
from bayes_ihlrt.report.studies import plan_tables
from bayes_ihlrt.review.frameworks import (
    belief_part,
    external_part,
    framework_tables,
    review_parts,
)
from bayes_ihlrt.review.lines import looks_told
from bayes_ihlrt.spec.plan import CurveSpec
from bayes_ihlrt.spec.rules import Rule
from bayes_ihlrt.trials.audit import PlanAudit
from bayes_ihlrt.trials.corrected import Redone, check_rules, corrected_shares
from bayes_ihlrt.trials.decisions import MIXED, Verdict, claim_told, decide, edge
from bayes_ihlrt.trials.external import effect_information, worth
from bayes_ihlrt.trials.figures import (
    convergence_data,
    decision_data,
    stopping_data,
    success_data,
)
from bayes_ihlrt.trials.operating import (
    Borrowed,
    Part,
    operating_characteristics,
    ratio,
    share,
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


def meaning(truths, *, drawn=False, **look):
    """Return what success is at a last look where targets have these true values, by name."""
    enrich = {"enrich": [cases.SUCCESS | {"at": 5.0}]} if "efficacy_enriched" in look else {}
    looks = [{"events": 50, **enrich}, {"events": 100, **look}]
    population = {"population": {"switch_to": 3.0}} if enrich else {}
    design = cases.by_modifier(looks=looks, report_at=[5.0], **population)
    wanted = targets(design)
    table = statistics(design, share=0.0, trials=40)
    table |= {
        name: np.repeat(table[name][:, :1], len(stages(design)), axis=1)
        for name in table
        if name != "truth"
    }
    table["truth"] = np.tile([truths[target.name] for target in wanted], (40, 1))
    return design, table, operating_characteristics(design, table, wanted, drawn=drawn)


HARM = {"quantity": "hazard-ratio", "above": 1.0, "less_than": 0.025}
MONTHS = {"quantity": "rmst", "horizon": 24.0, "above": 0.0, "more_than": 0.9}


@pytest.mark.parametrize(
    ("rule", "ratio", "told"),
    [
        (HARM, 0.7, "power"),
        (HARM, 1.0, "type I error"),
        (HARM, 1.2, "type I error"),
        (HARM | {"above": 1.3}, 1.2, "power"),
        ({"quantity": "hazard-ratio", "below": 1.0, "less_than": 0.1}, 0.7, "type I error"),
        ({"quantity": "hazard-ratio", "below": 1.0, "less_than": 0.1}, 1.2, "power"),
    ],
)
def test_little_of_a_statement_claims_its_opposite(rule, ratio, told):
    """P(hazard ratio > 1) < .025 is P(hazard ratio < 1) > .975."""
    design, _, found = meaning({"log_hr": np.log(ratio), "log_hr[5]": 0.0}, efficacy=[rule])
    assert found.success_is == told
    less = "above" in rule
    assert (
        found.no_effect.statement
        == claim_told(design)
        == (f"hazard ratio {'<' if less else '>'} {rule.get('above', 1.0):g}")
    )
    assert found.no_effect.before.estimate == (told == "type I error")


def test_little_of_harm_is_read_as_much_of_benefit():
    """Figures and shares at values of the modifier, by either way to write one rule."""
    truths, both = {"log_hr": 0.0, "log_hr[5]": 0.0}, []
    for rule in (HARM, cases.SUCCESS):
        design, table, found = meaning(truths, efficacy=[rule])
        cell = Cell("d", "s", Task(design, cases.scenario(), 1), table, targets(design), found)
        both.append((found.at_values[0].threshold, decision_data(cell)["success_below"].values[1]))
    assert both[0] == pytest.approx(both[1], rel=1e-9)
    assert both[1][0] == 0.975
    wrong = {"quantity": "hazard-ratio", "below": 1.0, "less_than": 0.1}
    design, table, found = meaning(truths, efficacy=[wrong])
    cell = Cell("d", "s", Task(design, cases.scenario(), 1), table, targets(design), found)
    assert decision_data(cell) is None
    assert found.at_values == ()


@pytest.mark.parametrize(
    ("ratio", "months", "told", "before"),
    [
        (0.7, 2.0, "power", 0.0),
        (0.7, -0.5, "type I error", 1.0),
        (1.2, 2.0, "type I error", 1.0),
        (np.nan, 2.0, "power", None),
        (np.nan, -0.5, "type I error", 1.0),
    ],
)
def test_one_false_claim_of_several_is_enough_in_any_order(ratio, months, told, before):
    truths = {"log_hr": np.log(ratio), "log_hr[5]": 0.0, "rmst_24": months}
    for rules in ([cases.SUCCESS, MONTHS], [MONTHS, cases.SUCCESS]):
        design, _, found = meaning(truths, efficacy=rules)
        assert found.success_is == told
        none = found.no_effect
        assert (None if none is None else none.before.estimate) == before
        assert edge(design) == 1.0
    margin = cases.SUCCESS | {"below": 1.3}
    strict = cases.SUCCESS | {"below": 0.8}
    for rules in ([margin, strict], [strict, margin]):
        assert edge(cases.design(looks=[{"events": 100, "efficacy": rules}])) == 0.8


def test_harm_claimed_of_both_paths_is_an_error_where_both_are_false():
    harm = {"quantity": "hazard-ratio", "more_than": 0.9}
    last = {"events": 100, "efficacy": [harm | {"above": 1.2}]}
    last["efficacy_enriched"] = [harm | {"above": 1.0}]
    first = {"events": 50, "enrich": [cases.SUCCESS]}
    assert edge(cases.by_modifier(looks=[first, last], population={"switch_to": 3.0})) == 1.0


@pytest.mark.parametrize(
    ("plain", "at_five", "told"),
    [
        (1.0, 1.0, "type I error"),
        (0.8, 0.6, "power"),
        (1.0, 0.6, MIXED),
        (0.8, 1.1, MIXED),
    ],
)
def test_an_enriched_trial_claims_what_its_own_rule_asks(plain, at_five, told):
    """Half of the trials are enriched at the first look; a third of either half succeeds."""
    look = {"efficacy": [cases.SUCCESS], "efficacy_enriched": [cases.SUCCESS | {"at": 5.0}]}
    truths = {"log_hr": np.log(plain), "log_hr[5]": np.log(at_five)}
    design, table, found = meaning(truths, **look)
    assert found.success_is == told
    known = statements(design)
    benefit, own = (known.index(Rule(**cases.SUCCESS, at=at).statement) for at in (5.0, None))
    table["probability"][:] = 0.5
    table["probability"][:20, 0, benefit] = 0.99
    table["probability"][:10, stages(design).index(Stage(1, 0, 3.0)), benefit] = 0.99
    table["probability"][20:25, 1, own] = 0.99
    found = operating_characteristics(design, table, targets(design))
    assert (found.enriched.estimate, found.success.estimate) == (0.5, 15 / 40)
    false = np.array([at_five >= 1.0, plain >= 1.0])
    none = found.no_effect
    assert none.before.estimate == pytest.approx(false @ [0.5, 0.5])
    assert none.after_success.estimate == pytest.approx(false @ [10 / 15, 5 / 15])
    # The truth is one; what a trial claims hangs on its own path, which is chance.
    assert (none.before.low == none.before.high) == (told != MIXED)
    assert "(after an enrichment hazard ratio < 1 at 5)" in none.statement


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
    # What weighs truths against each other is of one trial, which stops for futility.
    (whole,) = averaged(result)
    assert whole.success.estimate == pytest.approx(0.05)
    assert whole.no_effect.after_success.estimate == pytest.approx(0.5)
    assert whole.no_effect.after_failure.estimate == pytest.approx(0.5)
    rows, free = plan_dict(result)["results"], not binding
    parts = review_parts(rows, plan, plan_dict(result))
    said = [part["told"] for part in parts if part["title"].startswith("How far")]
    assert said[0][-1].endswith("of trials that stop for futility (non-binding).") == free
    followed = " (futility followed)" if free else ""
    names = [f"small / {scenario.name}{followed}" for scenario in plan.scenarios]
    assert stopping_data(result)["cell"].values.tolist() == names
    assert [looks_told(cell).partition(":")[0] for cell in cells] == names
    screen = Console(width=200, record=True, file=StringIO())
    print_plan(screen, TrialPlanResult(result, PlanAudit((), 0, ())))
    printed = screen.export_text()
    assert ("all else is of a trial that stops for it" in printed) == free
    assert ("followed" in printed.split("small / no effect")[0]) == free
    output = SimpleNamespace(plan=plan, result={"results": rows, "audit": {"fits": 0}})
    notes = [table.note for table in plan_tables(output)]
    assert all(("do not bind in small, and are followed" in note) == free for note in notes)
    shown = framework_tables(rows, plan, ())[0].records
    assert [row["success"].split(" %")[0] for row in shown] == [f"{100 * null:.1f}", "5.0"]
    answer = plan_answer(TrialPlanResult(result, PlanAudit((), 0, ())))
    assert answer["parts"][0]["title"].endswith(f"Type I error {null:.1%}; power 5.0%.")
    head = answer["parts"][0]["table"]["head"]
    assert head[3] == ("futility, followed" if free else "futility")
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
    none = np.zeros(1_000, bool)
    before = ratio([Part(0.25, hits[0], known=True), Part(0.75, hits[1], known=True)])
    assert (before.estimate, before.low, before.high) == (0.25, 0.25, 0.25)
    after = ratio([Part(0.25, hits[0], none, known=True), Part(0.75, hits[1], won, known=True)])
    # Of the null's weight at most Wilson's upper limit of 0 of 1,000 succeeds.
    limit, lower = 0.25 * share(none).high, 0.75 * share(won).low
    assert (after.estimate, after.low) == (0.0, 0.0)
    assert limit / (limit + 0.6) < after.high < limit / (limit + lower)
    always = ratio([Part(1.0, won, won)])
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
    assert (shown["before"], shown["after"]) == ("0.250", "0.000 (0.000 to 0.002)")
    told = belief_part([], row, [])["told"][-1]
    assert "0.250 before the trial, 0.000 (0.000 to 0.002) after a success" in told


@pytest.mark.parametrize("hits", [0, 1, 20, 999, 1_000])
def test_one_scenario_has_wilson_s_interval(hits):
    """Closed form of a share; given success it is that of as many trials, to the third digit."""
    won = np.arange(1_000) < hits
    assert asdict(ratio([Part(1.0, won)])) == pytest.approx(asdict(share(won)), abs=1e-12)
    half = np.arange(2_000) < 1_000
    found = ratio([Part(1.0, np.arange(2_000) < hits, half)])
    assert asdict(found) == pytest.approx(asdict(share(won)), abs=6e-4)


def test_an_average_of_0_and_1_is_estimated_as_one_of_other_shares_is():
    """What is known follows from the truth, never from the estimate."""
    never, always = np.zeros(400, bool), np.ones(400, bool)
    found = ratio([Part(0.75, never), Part(0.25, always)])
    away = share(never).high
    assert found.estimate == 0.25
    assert found.high - 0.25 == pytest.approx(0.75 * away)
    assert 0.25 - found.low == pytest.approx(0.25 * away)
    assert ratio([Part(1.0, always)]).low == pytest.approx(1.0 - away)
    known = ratio([Part(1.0, always, known=True)])
    assert (known.low, known.high) == (1.0, 1.0)


def test_intervals_of_weighted_ratios_cover():
    """Fixed truths: success is .025 and .8, weights a quarter and three; 400 trials of each."""
    rng, weights, power = np.random.default_rng(5), (0.25, 0.75), (0.025, 0.8)
    false = [np.full(400, first) for first in (True, False)]
    true = 0.25 * 0.025 / (0.25 * 0.025 + 0.75 * 0.8)
    inside = []
    for _ in range(250):
        found = ratio(
            [
                Part(weight, none, rng.random(400) < p, known=True)
                for weight, none, p in zip(weights, false, power, strict=True)
            ]
        )
        inside.append(found.low <= true <= found.high)
    # Standard error of the coverage 0.014; the discreteness of so few hits is in it.
    assert 0.91 < np.mean(inside) < 0.99


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
    """More than any number where the treated arm tells less; not known where a fit failed."""
    events = np.full(4, 100.0)
    sd = np.array([0.02**0.5, 0.009**0.5, np.nan, 3.0])
    found = worth(sd, events, events, prior=1.0)
    assert np.isposinf(found).tolist() == [False, True, False, False]
    assert np.isnan(found).tolist() == [False, False, True, True]

    def said(**told):
        row = {"scenario": "s", "borrowed": asdict(Borrowed(120, **told))}
        return external_part([row], [])["told"][0]

    mean = share(np.ones(10, bool))
    assert said(worth=mean, beyond=0, without=0) == (
        "s: 120 external controls are worth 1.0 +/- 0.0 control events."
    )
    every = said(worth=mean, beyond=3, without=2)
    assert "1.0 +/- 0.0 control events on average where that is known, more than any" in every
    assert "more than any number in 3 trials (the hazard ratio is known better" in every
    assert every.endswith("; in 2 trials that is not known.")
    assert said(worth=None, beyond=10, without=0).startswith(
        "s: 120 external controls are worth more than any number in 10 trials"
    )
    failed = said(worth=None, beyond=0, without=10)
    assert failed == "s: what 120 external controls are worth is not known."
