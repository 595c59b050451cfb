"""The audit by real chains: exact posteriors pass, and each wrong one is caught."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from validation.outside.early_look import exact_success

import trial_cases as cases
from bayes_ihlrt.trials import marginals
from bayes_ihlrt.trials.audit import audit_plan
from bayes_ihlrt.trials.plan import run_plan

pytestmark = pytest.mark.slow
STRICT = {"quantity": "hazard-ratio", "below": 1.0, "more_than": 0.9985}
LOOKS = [{"events": 20, "efficacy": [STRICT]}, {"events": 40, "efficacy": [cases.SUCCESS]}]
TELL = marginals.Marginals.tell


def normal(self, arrays, normals, asked):
    """Tell the normal approximation of every posterior."""
    found = np.full((len(normals.mean), len(asked.rules)), np.nan)
    for number, rule in enumerate(asked.rules):
        place = marginals.place_of(rule, asked.targets)
        mean, sd = normals.mean[:, place], normals.sd[:, place]
        found[:, number] = marginals.statement_probability(rule, mean, sd)
    nobody = np.zeros(len(found), dtype=bool)
    return marginals.Told(normals.mean, normals.sd, found, nobody, nobody)


def narrow(self, arrays, normals, asked):
    """Tell posteriors whose standard deviation is a tenth too small."""
    found = TELL(self, arrays, normals, asked)
    return replace(found, probability=ndtr(ndtri(found.probability) / 0.9))


def audited(seed):
    content = cases.content(patients=100, accrual={"rates": [10.0]}, looks=LOOKS)
    truths = [cases.scenario("no effect"), cases.scenario("hr 0.5", hr=[0.5])]
    scenarios = [truth.model_dump(mode="json", exclude_none=True) for truth in truths]
    return audit_plan(
        run_plan(cases.plan(design=content, scenarios=scenarios, seed=seed), 4_096), fits=120
    )


def test_exact_posteriors_pass():
    found = audited(21)
    assert found.verdict == "passed"
    assert not sum(not fit.converged for fit in found.fits)


@pytest.mark.parametrize(("wrong", "often", "seed"), [(normal, -1, 22), (narrow, 1, 23)])
def test_wrong_posteriors_are_caught_and_corrected(monkeypatch, wrong, often, seed):
    monkeypatch.setattr(marginals.Marginals, "tell", wrong)
    found = audited(seed)
    assert found.verdict == "failed"
    off = [rule for rule in found.rules if rule.off and rule.scenario == "hr 0.5"]
    assert off
    assert all(np.sign(rule.shift) == often for rule in off)
    early = next(
        one
        for one in found.shares
        if (one.scenario, one.ending, one.look) == ("hr 0.5", "success", 1)
    )
    rate = np.log(2.0) / 12.0
    exact, error = exact_success((rate, 0.5 * rate))
    assert abs(early.simulated.estimate - exact) > 3.0 * early.simulated.mcse
    assert abs(early.corrected.estimate - exact) < 3.0 * np.hypot(early.corrected.mcse, error)
