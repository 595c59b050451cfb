"""The audit's arithmetic: what it finds, how often it fails by chance, and what it corrects."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import ndtr

import trial_cases as cases
from bayes_ihlrt.trials.corrected import (
    Redone,
    check_rules,
    corrected_shares,
    judged,
    recalibration,
)

RULE = cases.design().looks[0].efficacy[0]


def redone(z, *, shift=0.0, scale=1.0, seed=1):
    """Simulated posteriors whose deviates are scaled and shifted, and draws of the true ones."""
    rng = np.random.default_rng(seed)
    draws = rng.integers(1_500, 4_000, len(z))
    chains = rng.binomial(draws, ndtr(z)) / draws
    return [
        (Redone(RULE.statement, float(p), float(q), float(n)),)
        for p, q, n in zip(ndtr(scale * z + shift), chains, draws, strict=True)
    ]


def spread(count, seed):
    rng = np.random.default_rng(seed)
    return 1.96 + rng.normal(0.0, np.where(np.arange(count) % 2, 0.25, 1.2))


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
    found = {
        "probability": ndtr(z - 0.2)[:, :, None],
        "converged": np.ones((8_000, 2), dtype=bool),
    }
    task = SimpleNamespace(design=cases.design(), seed=1)
    cell = SimpleNamespace(design="d", scenario="s", task=task, table=found)
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
