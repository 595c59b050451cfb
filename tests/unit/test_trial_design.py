"""Designs, rules and scenarios as data: what is accepted, what is refused and how it is told."""

import re
import tomllib

import numpy as np
import pytest
from pydantic import ValidationError

import trial_cases as cases
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.spec.catalogue import find_plan, packaged_plans
from bayes_ihlrt.spec.plan import CurveSpec, TrialPlan
from bayes_ihlrt.spec.read import load_plan, parse_plan
from bayes_ihlrt.spec.rules import Rule
from bayes_ihlrt.spec.trial import TrialDesign, scaled_design
from bayes_ihlrt.trials.decisions import UNTRUSTED, Verdict, decide, with_thresholds
from bayes_ihlrt.trials.operating import operating_characteristics
from bayes_ihlrt.trials.patients import screened_count
from bayes_ihlrt.trials.quantities import population_values, statements, targets
from bayes_ihlrt.trials.stages import stages

PREDICTIVE = {"quantity": "predictive-probability", "less_than": 0.1}


def test_four_plans_are_packaged_and_read_back_equal():
    assert {"fixed_os", "group_sequential", "enriched", "on_demand"} <= set(packaged_plans())
    for name in packaged_plans():
        plan = load_plan(name)
        assert TrialPlan.from_toml(plan.to_toml()) == plan
        assert find_plan(name).stem == name


def test_a_variant_is_the_design_with_its_changes():
    plan = load_plan("enriched")
    base, other = plan.designs[plan.name], plan.designs["high NLR only"]
    assert base.population.enrol_from is None
    assert other.population.enrol_from == 3.0
    assert other.population.switch_to == base.population.switch_to
    assert other.looks == base.looks


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"looks": [{"events": 50}]}, "last look needs efficacy rules"),
        ({"looks": [{"efficacy": [cases.SUCCESS]}]}, "say when"),
        ({"looks": [{"events": 200, "efficacy": [cases.SUCCESS]}]}, "200 events of 110"),
        ({"outcome": {"formula": "arm + albi"}}, "albi, which no simulated patient has"),
        ({"outcome": {"formula": "arm", "group": "(1 | centre)"}}, "group effects"),
        ({"outcome": {"formula": ""}}, "the formula lacks arm"),
        ({"report_at": [2.0]}, "there is no [modifier]"),
        ({"arms": {"block": 5}}, "block must be a multiple of 2"),
        ({"accrual": {"rates": [1.0, 2.0]}}, "rates needs one more value"),
        ({"treatment": {"name": "arm", "start": "on-demand"}}, "median_months"),
        ({"population": {"switch_to": 3.0}}, "enrich rules and [population] switch_to"),
        ({"treatment": {"name": "arm", "periods": [6.0, 3.0]}}, "periods need to increase"),
        ({"treatment": {"name": "arm", "analysed": "as-treated"}}, "leave out `analysed`"),
        (
            {"looks": [{"events": 50, "efficacy": [cases.SUCCESS | {"from_month": 3.0}]}]},
            "reads from month 3, which is none of [treatment] periods",
        ),
        (
            {
                "treatment": {"name": "arm", "periods": [3.0]},
                "looks": [
                    {"events": 50, "futility": [PREDICTIVE]},
                    {"events": 90, "efficacy": [cases.SUCCESS]},
                ],
            },
            "need an analysis as-assigned and without periods",
        ),
        ({"population": {"covariates": {"arm": {"sd": 1.0}}}}, "name of something else"),
        ({"population": {"covariates": {"x": {"sd": 1, "prevalence": 0.2}}}}, "either sd"),
        ({"arms": {"stratify": ["centre"]}}, "neither a 0/1 covariate"),
        ({"comparators": [{"test": "rmst"}]}, "horizon belongs to test = 'rmst'"),
        ({"comparators": [{"test": "log-rank", "alpha": [0.01]}]}, "1 levels for 2 looks"),
        ({"comparators": [{"test": "log-rank", "stratified": True}]}, "needs strata"),
        ({"reasons": {"arm": "why"}}, "which [priors] does not state"),
        (
            {
                "approximation": "corrected",
                "looks": [
                    {"events": 50, "futility": [PREDICTIVE]},
                    {"events": 100, "efficacy": [cases.SUCCESS]},
                ],
            },
            "approximation = 'laplace'",
        ),
    ],
)
def test_a_faulty_design_is_refused(changes, told):
    with pytest.raises(ValidationError, match=told.replace("[", r"\[").replace("(", r"\(")):
        cases.design(**changes)


def test_a_curve_changes_one_number_of_the_design():
    looks = [{"events": 50, "patients": 66, "min_follow_up": 1.0}, {"events": 100}]
    looks = [look | {"efficacy": [cases.SUCCESS]} for look in looks]
    small, same = CurveSpec(over="patients", values=[55, 110]).designs(cases.design(looks=looks))
    assert same == cases.design(looks=looks)
    assert (small.patients, small.looks[0].events, small.looks[0].patients) == (55, 25, 33)
    found = CurveSpec(over="enrol-from", values=[2.0, 4.0]).designs(cases.by_modifier())
    assert [one.population.enrol_from for one in found] == [2.0, 4.0]
    rest = {"population": cases.by_modifier().population}
    assert all(one.model_copy(update=rest) == cases.by_modifier() for one in found)


@pytest.mark.parametrize(
    ("curve", "told"),
    [
        ({"over": "patients", "values": [200, 100]}, "values need to increase. Found 200, 100"),
        ({"over": "patients", "values": [100.5, 200]}, "whole numbers"),
        ({"over": "patients", "values": [100]}, "Give at least 2"),
        (
            {"over": "events", "values": [100, 200]},
            "Allowed: drift, enrol-from, patients, switch-to",
        ),
        (
            {"over": "patients", "values": [4, 200]},
            "the curve over patients cannot be at 4 (Input should be",
        ),
        (
            {"over": "switch-to", "values": [2, 3]},
            "the curve over switch-to cannot be at 2 (enrich rules and",
        ),
        ({"over": "enrol-from", "values": [3, 60]}, "at 60 (enrol_from = 60 would enrol fewer"),
    ],
)
def test_a_faulty_curve_is_refused(curve, told):
    content = cases.plan().model_dump(mode="json", by_alias=True, exclude_none=True)
    with pytest.raises(SpecificationError) as caught:
        parse_plan(content | {"curves": [curve]}, subject="plan.toml")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"quantity": "hazard-ratio", "below": 1.0}, "more_than and less_than"),
        ({"quantity": "hazard-ratio", "more_than": 0.9}, "below and above"),
        ({"quantity": "rmst", "above": 0.0, "more_than": 0.9}, "needs a horizon"),
        ({"quantity": "hazard-ratio", "below": -1.0, "more_than": 0.9}, "positive"),
        ({**PREDICTIVE, "below": 1.0}, "is a probability itself"),
        ({**PREDICTIVE, "assumed_hr": 0.7}, "belongs to conditional-power"),
    ],
)
def test_a_faulty_rule_is_refused(rule, told):
    with pytest.raises(ValidationError, match=told):
        Rule.model_validate(rule)


def test_every_fault_of_a_file_is_told_at_once():
    content = tomllib.loads(find_plan("fixed_os").read_text("utf-8"))
    content["desing"] = content.pop("design")
    content["scenarios"][0]["control"] = {"median": -1.0}
    with pytest.raises(SpecificationError) as caught:
        parse_plan(content, subject="plan.toml")
    assert len(caught.value.faults) == 3
    assert "plan.toml: 3 faults" in str(caught.value)
    with pytest.raises(SpecificationError, match="Did you mean 'fixed_os'"):
        load_plan("fixed_o")


def table(probability):
    """Statistics of trials without enrichment, from probabilities (trials, looks)."""
    values = np.asarray(probability, dtype=float)[:, :, None]
    return {"probability": values}


def test_decisions_follow_the_rules_in_order():
    futile = {"quantity": "hazard-ratio", "below": 1.0, "less_than": 0.3}
    design = cases.design(
        looks=[
            {"events": 50, "efficacy": [cases.SUCCESS], "futility": [futile]},
            {"events": 100, "efficacy": [cases.SUCCESS]},
        ]
    )
    assert len(statements(design)) == 1
    found = table([[0.99, 0.5], [0.1, 0.99], [0.5, 0.98], [0.5, 0.9], [np.nan, np.nan]])
    done = decide(design, found)
    won, lost, open_end = Verdict.SUCCESS, Verdict.FUTILITY, Verdict.INCONCLUSIVE
    assert done.verdict.tolist() == [won, lost, won, open_end, open_end]
    assert done.look.tolist() == [0, 0, 1, 1, 1]
    ignored = decide(design, found, futility=False)
    assert ignored.verdict.tolist() == [won, won, won, open_end, open_end]
    stricter = with_thresholds(design, [None, 0.985])
    assert decide(stricter, found).verdict.tolist() == [won, lost, open_end, open_end, open_end]


def test_enrichment_switches_the_path():
    design = load_plan("enriched").design
    known, where = statements(design), stages(design)
    assert [(stage.look, stage.path) for stage in where] == [(0, None), (1, None), (1, 0)]
    probability = np.full((2, len(where), len(known)), 0.5)
    names = {str(rule.about): number for number, rule in enumerate(known)}
    high, low = names["P(hazard ratio < 1 at 5)"], names["P(hazard ratio < 1 at 2)"]
    probability[0, 0, [high, low]] = 0.9, 0.4
    probability[0, 2, high] = 0.99
    probability[1, 0, [high, low]] = 0.9, 0.9
    probability[1, 1, names["P(hazard ratio < 1)"]] = 0.98
    done = decide(design, {"probability": probability})
    assert done.enriched.tolist() == [True, False]
    assert done.verdict.tolist() == [Verdict.SUCCESS, Verdict.SUCCESS]
    assert done.stage.tolist() == [2, 1]


def test_what_is_shown_at_values_of_the_modifier_follows_from_stored_probabilities():
    """Three trials: above the threshold at NLR 2, below it, and one whose fit failed."""
    design = cases.by_modifier(report_at=[2.0])
    moments = np.full((3, 2, 2), np.nan)
    # Of the rule's statement, and of benefit at NLR 2.
    probability = np.full((3, 2, 2), 0.5)
    probability[:, :, 1] = np.array([0.994, 0.933, np.nan])[:, None]
    found = operating_characteristics(
        design,
        {
            "probability": probability,
            "mean": moments,
            "sd": np.full_like(moments, 0.2),
            "followed": np.array([[True, False], [True, False], [False, False]]),
            "truth": np.zeros((3, 2)),
            "converged": np.array([[True, True], [True, True], [False, False]]),
            "untrusted": np.array([[False, False], [False, False], [True, True]]),
            "months": np.ones((3, 2)),
            **dict.fromkeys(
                ("enrolled", "events_control", "events_treated"), np.ones((3, 2), dtype=int)
            ),
        },
        targets(design),
    )
    assert [look.followed for look in found.by_look] == [pytest.approx(2.0 / 3.0), 0.0]
    [one] = found.at_values
    assert (one.at, one.threshold) == (2.0, 0.975)
    assert one.shown.estimate == pytest.approx(1.0 / 3.0)
    assert found.to_dict()["at_values"][0]["shown"]["estimate"] == one.shown.estimate
    # At both looks the third had a mode: it is not told as none.
    assert found.causes == {UNTRUSTED: 2}


@pytest.mark.parametrize(("draws", "resolved"), [(6_000, False), (6_667, True)])
def test_a_threshold_that_the_draws_cannot_resolve_is_refused(draws, resolved):
    """Ten of 6,667 draws are expected beyond a threshold of 0.9985."""
    content = cases.by_modifier(report_at=[2.0]).model_dump(mode="json", exclude_none=True)
    content |= {"approximation": "corrected", "draws": draws}
    content["looks"][0]["efficacy"][0]["more_than"] = 0.9985
    if resolved:
        assert TrialDesign.model_validate(content).draws == draws
    else:
        with pytest.raises(ValueError, match=r"9 are expected beyond .* to 6,667 at least"):
            TrialDesign.model_validate(content)


def test_a_predictive_threshold_that_the_continuations_cannot_resolve_is_refused():
    rule = {"quantity": "predictive-probability", "less_than": 0.01, "draws": 100}
    content = cases.by_modifier(report_at=[2.0]).model_dump(mode="json", exclude_none=True)
    content["looks"][0]["futility"] = [rule]
    with pytest.raises(ValueError, match="set its `draws` to 200 at least"):
        TrialDesign.model_validate(content)
    content["looks"][0]["futility"] = [{**rule, "draws": 200}]
    assert TrialDesign.model_validate(content).looks[0].futility


def test_the_sceptics_variant_differs_in_one_prior():
    plan = load_plan("fixed_os")
    base, other = plan.designs[plan.name], plan.designs["sceptical prior"]
    assert (base.priors["ihlrt"].sigma, other.priors["ihlrt"].sigma) == (10.0, 0.29)
    changed = {"priors": {**other.priors, "ihlrt": base.priors["ihlrt"]}}
    assert other.model_copy(update=changed) == base


def test_people_and_targets():
    design = cases.by_modifier(report_at=[2.0])
    assert [target.name for target in targets(design)] == ["log_hr", "log_hr[2]"]
    assert screened_count(design) == 110
    enriched = cases.by_modifier(population={"enrol_from": 3.0})
    assert population_values(enriched.population).min() > 3.0
    assert screened_count(enriched) > 2 * 110
    half = scaled_design(cases.design(), 55)
    assert (half.patients, [look.events for look in half.looks]) == (55, [25, 50])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"effect": {"covariate_hr": {"albi": 2.0}}}, "no patient has albi"),
        ({"effect": {"centre_sd": 0.3}}, "centre_sd needs [population] centres"),
        ({"weight": 0.5}, "1 of 2 add up to 0.5"),
    ],
)
def test_scenarios_that_do_not_fit_are_refused(changes, told):
    first, second = (
        cases.scenario(name).model_dump(mode="json", exclude_none=True) for name in ("a", "b")
    )
    with pytest.raises(ValidationError, match=re.escape(told)):
        cases.plan(scenarios=[first | changes, second])


def test_no_effect_for_certain_is_a_type_one_error():
    assert cases.scenario(hr=[0.7], no_effect=1.0).without_effect
    assert not cases.scenario(hr=[0.7], no_effect=1.0).is_drawn
    assert cases.scenario(hr=[0.7], no_effect=0.2).is_drawn
