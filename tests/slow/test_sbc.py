"""Calibration finds planted faults, and none where there is none; NUTS agrees.

The faults are planted in the pieces of which graph or generator are made, as a slip of the pen
would put them there.
"""

from dataclasses import replace

import numpy as np
import pytest

from bayes_ihlrt.batch.density import prepared_density
from bayes_ihlrt.batch.engine import BatchEngine
from bayes_ihlrt.calibration.sbc import calibrate, calibrate_by_nuts, locate_truth
from bayes_ihlrt.calibration.scenario import Scenario
from bayes_ihlrt.calibration.simulate import build_template, simulate
from bayes_ihlrt.hazards.gompertz import Gompertz
from bayes_ihlrt.hazards.weibull import Weibull
from bayes_ihlrt.model import graph as build

pytestmark = pytest.mark.slow

REPLICATES = 300
LATE = Scenario("weibull", "none", delayed_entry=True, time_varying=False, interaction=False)
GOMPERTZ = replace(LATE, hazard="gompertz", delayed_entry=False)


def rejected(scenario, *, replicates=REPLICATES):
    (found,) = calibrate([scenario], replicates=replicates, seed=8, chunk=16)
    assert found.failed == 0
    return {name for name, calibrated in found.verdicts(level=0.01).items() if not calibrated}


@pytest.mark.parametrize("scenario", [LATE, GOMPERTZ], ids=str)
def test_models_without_fault_are_calibrated(scenario):
    assert not rejected(scenario)


def test_wrong_sign_of_the_linear_predictor_is_found(monkeypatch):
    right = build.observe
    monkeypatch.setattr(
        build,
        "observe",
        lambda hazard, theta, eta, data, **unit: right(hazard, theta, -eta, data, **unit),
    )
    assert {"treated", "nlr", "albi"} <= rejected(LATE)


def test_wrong_sign_in_one_hazard_is_found(monkeypatch):
    right = Gompertz.log_hazard
    monkeypatch.setattr(
        Gompertz,
        "log_hazard",
        lambda self, xp, basis, theta: right(self, xp, basis, {**theta, "slope": -theta["slope"]}),
    )
    assert "slope" in rejected(GOMPERTZ)


def test_hazard_without_its_entry_term_is_found(monkeypatch):
    right = Weibull.increment_basis
    monkeypatch.setattr(
        Weibull,
        "increment_basis",
        lambda self, xp, start, stop: right(self, xp, 0.0 * start, stop),
    )
    assert rejected(LATE)


def test_prior_that_does_not_match_the_simulator_is_found():
    """The prior of treatment is centred one of its standard deviations away."""
    template = build_template(LATE)
    engine = BatchEngine(prepared_density(template.prepared))
    simulated = simulate(template, engine.density.model, replicates=REPLICATES, seed=8)
    labels = list(engine.density.model.coords["hyperparameter"])
    prior = np.array(engine.density.data["hyperparameters"])
    prior[labels.index("treated.mu")] += prior[labels.index("treated.sigma")]
    other = np.tile(prior, (REPLICATES, 1))
    planted = replace(simulated, members={**simulated.members, "hyperparameters": other})
    found = locate_truth(template, engine, planted, draws=1000, seed=8, chunk=16)
    assert not found.verdicts(level=0.01)["treated"]


def test_nuts_is_calibrated():
    scenario = Scenario(
        "weibull", "intercept", delayed_entry=True, time_varying=True, interaction=True
    )
    found = calibrate_by_nuts(scenario, replicates=100, seed=8)
    assert found.failed == 0
    assert all(found.verdicts(level=0.01).values())
