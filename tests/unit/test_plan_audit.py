"""The audit's arithmetic: what it finds, how often it fails by chance, and what it corrects."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import ndtr
from validation.audit_catches import COLUMNS, RULE, caught, redone, spread

import trial_cases as cases
from bayes_ihlrt.report.single_trials import audit_sentences, audit_summary
from bayes_ihlrt.trials.audit import AuditedFit, PlanAudit
from bayes_ihlrt.trials.corrected import (
    check_rules,
    corrected_shares,
    judged,
    recalibration,
)

ROOT = Path(__file__).parents[2]


def test_exact_posteriors_pass_and_shifted_ones_fail():
    def failed(shift, fits):
        audits = [
            judged(
                one
                for rule in range(8)
                for one in check_rules(
                    ("d", "s", rule),
                    [RULE],
                    redone(spread(fits, [n, rule]), shift=shift, seed=[n, rule]),
                )
            )
            for n in range(60)
        ]
        return float(np.mean([any(rule.off for rule in audit) for audit in audits]))

    assert failed(0.0, fits=5) <= 1 / 60
    assert failed(0.0, fits=20) <= 1 / 60
    assert failed(-0.2, fits=5) > 0.95
    assert failed(0.15, fits=20) == 1.0


def test_a_fit_that_is_grossly_wrong_fails_alone():
    fits = redone(spread(40, 3))
    bad = fits[0][0]._replace(simulated=0.5, chains=0.9)
    (rule,) = judged(check_rules(("d", "s", 1), [RULE], [(bad,), *fits[1:]]))
    assert (rule.gross, rule.off) == (1, True)


def test_too_wide_a_posterior_is_told_at_the_threshold():
    """Standard deviations a tenth too large: deviates shrink in proportion."""
    z = spread(400, 4)
    columns = [(p.simulated, p.chains, p.effective) for (p,) in redone(z, scale=1.0 / 1.1)]
    found = recalibration(*np.array(columns).T, threshold=0.975)
    shift, se = found.at(0.975)
    assert shift == pytest.approx(1.96 / 1.1 - 1.96, abs=4.0 * se)
    # Undone: the probabilities are those before.
    assert found.moved(ndtr(np.array([1.0, 2.0]) / 1.1)) == pytest.approx(
        ndtr([1.0, 2.0]), abs=0.01
    )


def test_success_is_corrected_and_its_interval_holds_the_truth():
    """Deviates of 8,000 trials are known; the simulated ones lie 0.2 below."""
    z = np.random.default_rng(5).normal([1.2, 2.0], 1.0, (8_000, 2))
    truth = float((z > 1.959964).any(axis=1).mean())
    cell = cell_of(z - 0.2)
    rules = [
        rule
        for look in (1, 2)
        for rule in check_rules(("d", "s", look), [RULE], redone(spread(60, look), shift=-0.2))
    ]
    shares = {(one.ending, one.look): one for one in corrected_shares(cell, judged(rules))}
    assert set(shares) == {("success", None), ("success", 1), ("success", 2)}
    whole = shares["success", None]
    assert whole.simulated.high < truth
    assert whole.corrected.low < truth < whole.corrected.high
    parts = shares["success", 1].corrected.estimate + shares["success", 2].corrected.estimate
    assert parts == pytest.approx(whole.corrected.estimate)
    # The interval holds the error of the trials, and what the correction adds.
    own = np.sqrt(truth * (1.0 - truth) / 8_000)
    assert own < whole.corrected.mcse < 4.0 * own


@pytest.mark.parametrize(("p", "q"), [(0.9997, 1.0), (0.9992, 1.0), (0.01, 0.0), (0.99999, 1.0)])
def test_one_fit_whose_draws_all_agree_shifts_little(p, q):
    """All of 3,000 draws above the bound: the deviate may be any beyond 3.4."""
    found = recalibration(np.array([p]), np.array([q]), np.array([3_000.0]), threshold=0.9985)
    shift, se = found.at(0.9985)
    assert abs(shift) < 1.0
    assert 0.05 < se <= 1.0


def cell_of(z):
    """A cell of two looks whose deviates are known."""
    table = {"probability": ndtr(z)[:, :, None], "converged": np.ones(z.shape, dtype=bool)}
    task = SimpleNamespace(design=cases.design(), seed=1)
    found = SimpleNamespace(success_is="power")
    return SimpleNamespace(design="d", scenario="s", task=task, table=table, found=found)


def test_nothing_is_corrected_by_fewer_than_three_fits():
    cell = cell_of(np.random.default_rng(5).normal([1.2, 2.0], 1.0, (500, 2)))
    rules = [
        judged(check_rules(("d", "s", look), [RULE], redone(spread(fits, look))))[0]
        for look, fits in ((1, 3), (2, 2))
    ]
    # The second look's share, and that of both, rest on a rule of which two fits tell nothing.
    assert [(one.ending, one.look) for one in corrected_shares(cell, rules)] == [("success", 1)]
    assert corrected_shares(cell, rules[1:]) == []


def test_a_share_of_none_keeps_the_error_of_its_correction():
    """Nobody succeeds as simulated; a third of the draws of the correction say otherwise."""
    cell = cell_of(np.full((500, 2), 1.6))
    rules = [
        rule
        for look in (1, 2)
        for rule in check_rules(("d", "s", look), [RULE], redone(np.full(3, 1.6), seed=look))
    ]
    wide = [replace(r, found=replace(r.found, covariance=np.diag([0.5, 0.0]))) for r in rules]
    first = corrected_shares(cell, wide)[1]
    assert (first.ending, first.look, first.corrected.estimate) == ("success", 1, 0.0)
    assert first.corrected.mcse > 0.2
    assert first.corrected.high > 0.3


def test_rules_with_few_fits_or_none_do_not_pass():
    fits = redone(spread(5, 1))
    (good,) = judged(check_rules(("d", "s", 1), [RULE], fits))
    (few,) = judged(check_rules(("d", "s", 2), [RULE], fits[:2]))
    every = tuple(
        AuditedFit("d", "s", n, 1, True, one, 0.0, 0, 0, True) for n, one in enumerate(fits)
    )
    assert PlanAudit(every, 50, (), rules=(good,)).verdict == "passed"
    none = ("d / t, look 1, P(hazard ratio < 1) > 0.975",)
    audit = PlanAudit(every, 50, (), rules=(good, few), without=none)
    assert audit.verdict == "passed in part"
    told = audit_summary(audit.to_dict())
    assert told[0].startswith("Audit passed for 1 of 3 rules: ")
    assert "cannot tell of 2 rules (1 with fewer than 3 fits redone, 1 with none)" in told[-1]
    listed = audit_sentences(audit.to_dict())
    assert listed[2].endswith("cannot tell from 2 fits.")
    assert listed[-1].endswith(f"no fit of them being redone: {none[0]}.")
    assert PlanAudit(every, 50, (), rules=(few,)).verdict == "cannot tell"


def test_the_audit_s_page_tells_how_often_faults_are_caught():
    """One row of its table, by the script that writes it."""
    page = (ROOT / "docs" / "explanation" / "plan_audit.md").read_text("utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith("| 3 |")]
    shares = [caught(shift, 3, shifted=shifted, audits=40) for shift, shifted in COLUMNS]
    told = [float(cell.split()[0]) / 100.0 for cell in row.split("|")[2:-1]]
    # Forty audits of the page's hundred, the first ones.
    assert shares == pytest.approx(told, abs=0.15)
