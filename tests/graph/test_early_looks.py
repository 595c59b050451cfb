"""Looks with few events: as simulated, by the exact posterior, and audited by chains."""

import numpy as np
import pytest
from validation.outside.early_look import exact_success

import trial_cases as cases
from bayes_ihlrt.report.plan import bias_sentences, followed_sentences, unit_words
from bayes_ihlrt.report.single_trials import audit_sentences, failed_audit
from bayes_ihlrt.trials import audit as nuts_audit
from bayes_ihlrt.trials.audit import NEAR, Drawn, audit_plan
from bayes_ihlrt.trials.plan import run_plan

STRICT = {"quantity": "hazard-ratio", "below": 1.0, "more_than": 0.9985}
LOOKS = [{"events": 20, "efficacy": [STRICT]}, {"events": 40, "efficacy": [cases.SUCCESS]}]
TRIALS = 1024


@pytest.fixture(scope="module")
def result():
    content = cases.content(patients=100, accrual={"rates": [10.0]}, looks=LOOKS)
    return run_plan(cases.plan(design=content), TRIALS)


def test_a_look_with_few_events_is_simulated_by_the_exact_posterior(result):
    """The packaged simulator's accrual is even; the exact share hardly depends on it."""
    rate = np.log(2.0) / 12.0
    for cell, hazards in zip(result.cells, ((rate, rate), (rate, 0.6 * rate)), strict=True):
        exact, error = exact_success(hazards, trials=40_000)
        simulated = cell.found.by_look[0].success.estimate
        share = np.sqrt(exact * (1.0 - exact) / TRIALS)
        assert abs(simulated - exact) < 3.0 * np.hypot(share, error)
    followed = followed_sentences([cell.found.to_dict() for cell in result.cells])
    assert "worth fewer than 60 events" in followed[0]
    assert followed[1] == "  small / no effect: look 1 100.0%, look 2 100.0%."


def normal_chains(analysis, data, *, seeds):
    """Draws of normal approximations: with twenty events, a wrong posterior."""
    drawn = []
    for one, seed in zip(data, seeds, strict=True):
        found = analysis.engine.gaussians({name: v[None] for name, v in one.items()})
        mean, sd = (np.asarray(v) for v in analysis.summarise(found.mean, found.factor))
        size = (4, 1_000, len(analysis.targets))
        drawn.append(Drawn(np.random.default_rng(seed).normal(mean, sd, size), converged=True))
    return drawn


def test_posteriors_that_differ_fail_the_audit(result, monkeypatch):
    """Chains are replaced by normal approximations, whose tail is too heavy at twenty events."""
    monkeypatch.setattr(nuts_audit, "chain_targets", normal_chains)
    found = audit_plan(result, fits=160)
    assert found.verdict == "failed"
    off = [rule for rule in found.rules if rule.off]
    early = [rule for rule in off if rule.look == 1]
    assert len(early) == 2
    assert all(rule.shift > 0.1 for rule in early)
    told = failed_audit(found.to_dict())[0]
    assert "look 1, P(hazard ratio < 1) > 0.9985 is met too often, by 0." in told
    # As the normal approximation has it: a fifth of the early successes are left, or fewer.
    early = {s.scenario: s for s in found.shares if (s.ending, s.look) == ("success", 1)}
    better = early["hr 0.6"]
    assert better.simulated.estimate > better.corrected.high
    assert ": OFF." in " ".join(audit_sentences(found.to_dict()))


def test_half_of_the_fits_are_near_and_every_look_has_its_share(result, monkeypatch):
    monkeypatch.setattr(nuts_audit, "chain_targets", normal_chains)
    found = audit_plan(result, fits=40)
    counts = {}
    for fit in found.fits:
        counts.setdefault((fit.scenario, fit.look), []).append(fit.near)
    assert {len(near) for near in counts.values()} == {10}
    assert all(sum(near) >= 5 for near in counts.values())
    done = {cell.scenario: cell for cell in result.cells}
    for fit in found.fits:
        value = done[fit.scenario].table["probability"][fit.trial, fit.look - 1, 0]
        bound = LOOKS[fit.look - 1]["efficacy"][0]["more_than"]
        gap = abs(nuts_audit.deviates(value) - nuts_audit.deviates(bound))
        assert fit.near == (gap <= NEAR)


@pytest.mark.slow
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
