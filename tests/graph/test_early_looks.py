"""Looks with few events: as simulated, by weighted draws, and by the exact posterior."""

from dataclasses import asdict

import numpy as np
import pytest
from validation.outside.early_look import exact_success

import trial_cases as cases
from bayes_ihlrt.report.plan import (
    bias_sentences,
    corrected_sentences,
    followed_sentences,
    unit_words,
)
from bayes_ihlrt.spec.trial import TrialDesign
from bayes_ihlrt.trials.early_looks import _stratified, checked_looks, corrected_looks
from bayes_ihlrt.trials.plan import run_plan

STRICT = {"quantity": "hazard-ratio", "below": 1.0, "more_than": 0.9985}
LOOKS = [{"events": 20, "efficacy": [STRICT]}, {"events": 40, "efficacy": [cases.SUCCESS]}]
TRIALS = 2048


@pytest.fixture(scope="module")
def result():
    content = cases.content(patients=100, accrual={"rates": [10.0]}, looks=LOOKS)
    return run_plan(cases.plan(design=content), TRIALS)


@pytest.fixture(scope="module")
def looks(result):
    return corrected_looks(result.cells)


def test_a_look_with_few_events_is_simulated_by_the_exact_posterior(looks):
    """The packaged simulator's accrual is even; the exact share hardly depends on it."""
    null, better = looks
    rate = np.log(2.0) / 12.0
    for found, hazards in ((null, (rate, rate)), (better, (rate, 0.6 * rate))):
        exact, error = exact_success(hazards, trials=40_000)
        assert found.look == 1
        assert found.fits > 100
        assert found.corrected is not None
        assert abs(found.corrected.estimate - exact) < 3.0 * np.hypot(found.corrected.mcse, error)
        share = np.sqrt(exact * (1.0 - exact) / TRIALS)
        assert abs(found.simulated - exact) < 3.0 * np.hypot(share, error)


def test_a_look_with_forty_events_and_a_plain_threshold_is_not_checked(result):
    assert [checked_looks(cell) for cell in result.cells] == [[0], [0]]
    design = cases.design(approximation="corrected")
    assert isinstance(design, TrialDesign)


def test_what_is_checked_is_told_with_both_numbers(result, looks):
    told = corrected_sentences([look.to_dict() for look in looks])
    assert "Looks under 40 events" in told[0]
    assert f"{looks[1].corrected.estimate:.2%} by draws" in told[2]
    assert not told[2].endswith("THEY DIFFER.")
    off = looks[1].to_dict() | {"simulated": 0.5, "only_simulated": 40, "only_draws": 3}
    assert corrected_sentences([off])[1].endswith("THEY DIFFER.")
    assert corrected_sentences([]) == []
    followed = followed_sentences([cell.found.to_dict() for cell in result.cells])
    assert "worth fewer than 60 events" in followed[0]
    assert followed[1] == "  small / no effect: look 1 100.0%, look 2 100.0%."


def a_look(hits, strata, *, met):
    """What is told of a look of which every trial was done again."""
    found = _stratified(hits, strata, strata)
    about = {"design": "d", "scenario": "s", "look": 1, "events": 20.0, "without_events": 0}
    numbers = {"simulated": float(met.mean()), "corrected": asdict(found), "fits": len(hits)}
    ways = {"only_simulated": int((met & ~hits).sum()), "only_draws": int((hits & ~met).sum())}
    return corrected_sentences([about | numbers | ways | {"lost": 0}])[1]


@pytest.mark.parametrize("successes", range(0, 201, 19))
def test_equal_shares_do_not_differ_by_how_they_are_added_up(successes):
    """Sums of strata are off by rounding, and where all was done again no interval hides it."""
    met = np.arange(200) < successes
    strata = np.arange(200) % 3
    told = a_look(met, strata, met=met)
    assert "THEY DIFFER" not in told
    assert "interval" not in told
    assert told.endswith("(without error of sampling: 200 fits, all with the same decision).")


def test_decisions_that_turn_one_way_differ_and_those_of_chance_do_not():
    """Every trial was done again: the sample has no error, the draws of each fit have theirs."""
    met, strata = np.arange(200) < 60, np.arange(200) % 3
    few, many = (a_look(np.arange(200) < 60 + more, strata, met=met) for more in (2, 6))
    assert few.endswith("2 of them a success by draws only, 0 as simulated only).")
    assert many.endswith("6 of them a success by draws only, 0 as simulated only). THEY DIFFER.")


def test_a_sample_that_agrees_fit_by_fit_shows_no_difference():
    """The sample moved the share out of its interval, no decision did."""
    numbers = {"estimate": 0.3, "mcse": 0.01, "low": 0.28, "high": 0.32}
    look = {"design": "d", "scenario": "s", "look": 1, "events": None, "simulated": 0.35}
    look |= {"corrected": numbers, "fits": 288, "lost": 0, "without_events": 0}
    same = look | {"only_simulated": 0, "only_draws": 0}
    assert corrected_sentences([same])[1].endswith("288 fits, all with the same decision).")
    other = look | {"only_simulated": 12, "only_draws": 1}
    assert corrected_sentences([other])[1].endswith("THEY DIFFER.")


def test_bias_on_months_and_a_changing_effect_are_told():
    rmst = {"quantity": "rmst", "horizon": 24.0, "above": 0.0, "more_than": 0.9}
    content = cases.content(looks=[{"events": 90, "efficacy": [cases.SUCCESS, rmst]}])
    crossing = cases.scenario("crossing", hr=[0.2, 2.0], cuts=[6.0])
    found = run_plan(cases.plan(design=content, scenarios=[crossing.model_dump()]), 512)
    told = bias_sentences([cell.found.to_dict() for cell in found.cells], found.plan.scenarios)
    # The model is proportional and the effect is not.
    one = {t.target: t for t in found.cells[0].found.targets}["rmst_24"]
    assert abs(one.bias.estimate) > 3.0 * one.bias.mcse
    words = f"months gained of 24 (truth {one.truth:.2f}): bias {one.bias.estimate:+.2f}"
    assert words in told[1]
    assert "proportional hazards, which is wrong there." in told[2]


def test_a_scale_is_named_as_it_is():
    assert unit_words(cases.by_modifier().modifier) == "per doubling of nlr"
    plain = cases.by_modifier().modifier.model_copy(update={"transform": "identity"})
    assert unit_words(plain) == "per unit of nlr"
    assert unit_words(None) == "per doubling of the modifier"
