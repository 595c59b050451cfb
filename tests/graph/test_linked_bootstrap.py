"""The linked bootstrap against posteriors that are known, or that a second route gives."""

import numpy as np
import pytest

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import emulate
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.spec.treatment import TreatmentSpec
from bayes_ihlrt.weighted import models as weighted_models
from bayes_ihlrt.weighted.analysis import prepare_weighted
from bayes_ihlrt.weighted.bootstrap import linked_bootstrap
from bayes_ihlrt.weighted.models import Models, modes
from weighted_cases import EXPONENTIAL, confounded

DATA = DataSpec(patient="id", time="months", event="death")
ARM = TreatmentSpec(name="arm", column="arm", design="fixed")
PRIOR = {"arm": {"dist": "Normal", "mu": -0.5, "sigma": 0.6}}


def fitted(events_treated, *, n=60, treated=20, draws=2000, prior=None):
    """Exponential times; in the treated arm the first `events_treated` patients die."""
    rng = np.random.default_rng(5)
    arm = np.repeat([0.0, 1.0], [n - treated, treated])
    death = (rng.random(n) < 0.8).astype(float)
    death[arm == 1.0] = np.arange(treated) < events_treated
    columns = {
        "id": [f"p{k}" for k in range(n)],
        "months": rng.uniform(2.0, 20.0, n),
        "death": death,
        "arm": arm,
    }
    cohort = Cohort.from_frame(columns, DATA, ARM)
    model = ModelSpec(
        treatment="arm",
        outcome={"formula": "arm", "hazard": {"family": "exponential"}},
        priors=prior or PRIOR,
    )
    analysis = prepare_weighted(emulate(cohort, ARM), model, PropensitySpec(formula=""))
    return linked_bootstrap(analysis, draws=draws, seed=3), columns


def moments(grid, log_p):
    """Return mean and standard deviation of a density on an even grid."""
    share = np.exp(log_p - log_p.max())
    share /= share.sum()
    mean = share @ grid
    return mean, np.sqrt(share @ (grid - mean) ** 2)


def test_a_constant_propensity_leaves_every_patient_a_weight_of_one():
    found, _ = fitted(10, draws=200)
    np.testing.assert_allclose(found.row_weights, 1.0)
    assert (found.ess_treated, found.ess_control) == pytest.approx((20.0, 40.0))


def test_an_arm_without_events_keeps_its_prior_uncertainty():
    """Exact: p(b) ~ Normal(b; mu, sd) exp(-E e^b), E the events expected in the arm if b = 0.

    The control arm's rate is known to within 1 / sqrt(its events) beside that.
    """
    found, columns = fitted(0)
    draws = found.fit.draws("arm")
    months, arm, death = (np.asarray(columns[name]) for name in ("months", "arm", "death"))
    rate = death[arm == 0.0].sum() / months[arm == 0.0].sum()
    grid = np.linspace(-5.0, 2.0, 4001)
    log_p = -0.5 * ((grid + 0.5) / 0.6) ** 2 - rate * months[arm == 1.0].sum() * np.exp(grid)
    mean, sd = moments(grid, log_p)
    assert draws.mean() == pytest.approx(mean, abs=0.25 * sd)
    assert draws.std() == pytest.approx(sd, rel=0.25)


def test_one_event_in_an_arm_has_the_uncertainty_of_its_posterior():
    """Exact, as above, for the events of both arms given rates that are gamma variates."""
    wide = {"arm": {"dist": "Normal", "mu": 0.0, "sigma": 2.5}}
    found, columns = fitted(1, prior=wide)
    draws = found.fit.draws("arm")
    months, arm, death = (np.asarray(columns[name]) for name in ("months", "arm", "death"))
    untreated = death[arm == 0.0].sum()
    grid = np.linspace(-12.0, 4.0, 4001)
    expected = months[arm == 0.0].sum() + months[arm == 1.0].sum() * np.exp(grid)
    log_p = -0.5 * (grid / 2.5) ** 2 + grid - (untreated + 1.0) * np.log(expected)
    mean, sd = moments(grid, log_p)
    assert draws.mean() == pytest.approx(mean, abs=0.25 * sd)
    assert draws.std() == pytest.approx(sd, rel=0.25)


@pytest.mark.slow
def test_positions_mean_the_same_under_every_prior_and_weight():
    """Draws are moved in unconstrained coordinates and read without the priors of each."""
    hazard = {"family": "piecewise", "cuts": [6.0, 12.0]}
    model = ModelSpec(
        treatment="arm", outcome={"formula": "arm", "hazard": hazard, "group": "(1 | x_centre)"}
    )
    models = Models(prepare_weighted(confounded(80), model, PropensitySpec(formula="x")))
    once = models.at_once()
    rng = np.random.default_rng(1)
    members = models.members(
        models.propensities(np.ones((3, 80)), once.starts, None)[0],
        rng.dirichlet(np.ones(80), 3) * 80,
    )
    found = modes(models.outcome, members, once.starts.outcome, rng)
    read = models.outcome.parameters(found.positions)
    assert found.parameters["arm"].std() > 0.0
    for name, values in found.parameters.items():
        np.testing.assert_allclose(read[name], values, rtol=1e-12, err_msg=str(name))


@pytest.mark.slow
def test_with_many_events_the_spread_is_that_of_the_likelihood():
    """Log rate ratio of two exponential arms: variance 1 / d1 + 1 / d0 without a prior to speak of.

    Patients' times are not exponential here, so the bootstrap's variance is the sandwich's:
    sum over arms of sum (d - r t)^2 / d^2, which is compared.
    """
    wide = {"arm": {"dist": "Normal", "mu": 0.0, "sigma": 50.0}}
    found, columns = fitted(200, n=600, treated=300, draws=4000, prior=wide)
    months, arm, death = (np.asarray(columns[name]) for name in ("months", "arm", "death"))
    variance = 0.0
    for part in (arm == 0.0, arm == 1.0):
        rate = death[part].sum() / months[part].sum()
        variance += np.sum((death[part] - rate * months[part]) ** 2) / death[part].sum() ** 2
    # Monte Carlo error of a standard deviation from 4,000 draws: 1.1 %.
    assert found.fit.draws("arm").std() == pytest.approx(np.sqrt(variance), rel=0.05)


def test_a_draw_in_which_what_happened_has_probability_0_fails_alone(monkeypatch):
    """To rounding: its weight would be infinite, and the others are as good as without it."""
    own = weighted_models.logit_propensity

    def extreme(prepared, parameters):
        logit = own(prepared, parameters)
        untreated = np.flatnonzero(prepared.data["initiation"] == 0.0)[0]
        if len(logit) > 1:
            logit[:2, untreated] = 40.0
        return logit

    monkeypatch.setattr(weighted_models, "logit_propensity", extreme)
    analysis = prepare_weighted(confounded(80), EXPONENTIAL, PropensitySpec(formula="x"))
    found = linked_bootstrap(analysis, draws=400, seed=1)
    assert found.failed == 2
    assert found.fit.draws("arm").size == 398


def test_the_same_seed_gives_the_same_draws():
    first, second = (fitted(8, draws=200)[0].fit.draws("arm") for _ in range(2))
    np.testing.assert_array_equal(first, second)
