"""Plug-in, sandwich, bootstrap and cut against closed forms of the weighted exponential.

With theta = log rate: H = sum w d, J = sum over patients of (sum w (d - rate t))^2, var = J / H^2
for the sandwich and 1 / H for the posterior that takes weighted person-time as observed.
"""

import numpy as np
import pytest
from scipy.special import digamma, polygamma

from bayes_ihlrt.errors import RefusedError
from bayes_ihlrt.names import Adjustment, PropensityUncertainty
from bayes_ihlrt.posterior.quality import cut_quality
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.weighted.adjusted import fit_propensity_adjusted, prepare_adjusted
from bayes_ihlrt.weighted.analysis import prepare_weighted
from bayes_ihlrt.weighted.bootstrap import linked_bootstrap
from bayes_ihlrt.weighted.models import Models
from bayes_ihlrt.weighted.plug_in import PROPENSITIES, cut_posterior, equal_draws, plugin_posterior
from bayes_ihlrt.weighted.sandwich import correction, information, sandwich_posterior
from weighted_cases import (
    EXPONENTIAL,
    by_arm,
    confounded,
    exponential,
    given,
    sequential,
    with_given_weights,
)

CONSTANT = PropensitySpec(formula="")


@pytest.fixture(scope="module")
def weighted():
    """Return an analysis with skewed weights and the closed forms of both log rates."""
    emulation = confounded(400)
    months, event, _, arm = by_arm(emulation)
    weight = given(len(months))
    forms = []
    for part in (~arm, arm):
        w, d, t = weight[part], event[part], months[part]
        rate = (w @ d) / (w @ t)
        information = w @ d
        forms.append((information, np.sum(np.square(w * (d - rate * t)))))
    return with_given_weights(prepare_weighted(emulation, EXPONENTIAL, CONSTANT)), forms


def spreads(found):
    """Return the standard deviations of the log rates of both arms."""
    untreated = found.fit.draws("log_rate")
    return np.array([untreated.std(), (untreated + found.fit.draws("arm")).std()])


def test_sandwich_has_the_variance_of_the_closed_form(weighted):
    analysis, forms = weighted
    expected = [np.sqrt(spread) / information for information, spread in forms]
    found = sandwich_posterior(analysis, draws=4000, seed=1)
    # Monte Carlo error of a standard deviation from 4,000 draws: 1.1 %.
    np.testing.assert_allclose(spreads(found), expected, rtol=0.05)
    assert found.fit.tree.attrs["engine"] == "sandwich"
    assert found.fit.convergence.engine is PropensityUncertainty.SANDWICH


def test_bootstrap_has_the_variance_of_the_closed_form(weighted):
    analysis, forms = weighted
    expected = [np.sqrt(spread) / information for information, spread in forms]
    # Monte Carlo error of a standard deviation from 2,000 draws: 1.6 %.
    found = linked_bootstrap(analysis, draws=2000, seed=1)
    np.testing.assert_allclose(spreads(found), expected, rtol=0.05)


def test_plugin_takes_weighted_events_as_observed_and_says_that_it_is_uncalibrated(weighted):
    analysis, forms = weighted
    expected = [1.0 / np.sqrt(information) for information, _ in forms]
    corrected = [np.sqrt(spread) / information for information, spread in forms]
    assert min(np.divide(corrected, expected)) > 1.1
    found = plugin_posterior(analysis, draws=4000, seed=1)
    np.testing.assert_allclose(spreads(found), expected, rtol=0.05)
    assert found.fit.tree.attrs["calibration"] == "uncalibrated"
    assert "UNCALIBRATED" in found.fit.convergence.verdict
    assert "UNCALIBRATED" in found.fit.convergence.note


def test_scores_add_up_all_trials_of_a_patient():
    emulation = sequential()
    analysis = with_given_weights(prepare_weighted(emulation, exponential("ihlrt"), CONSTANT))
    models = Models(analysis)
    once = models.at_once()
    members = models.outcome.members(once.members)
    engine = models.outcome.engine
    mode = engine.modes(members, start=once.starts.outcome).positions[0]
    found = information(engine, members, mode)
    months, event, patient, arm = by_arm(emulation)
    weight = given(len(months))
    expected = []
    for part in (~arm, arm):
        rate = (weight[part] @ event[part]) / (weight[part] @ months[part])
        residual = np.where(part, weight * (event - rate * months), 0.0)
        expected.append(np.bincount(patient, residual))
    patients = len(expected[0])
    assert np.bincount(patient).max() > 3
    # Coordinates are an affine image of the log rates: the spans of the scores agree.
    scores, known = found.scores[:patients], np.stack(expected, axis=1)
    image, *_ = np.linalg.lstsq(known, scores, rcond=None)
    np.testing.assert_allclose(known @ image, scores, atol=1e-4)
    assert np.abs(found.scores[patients:]).max() == 0.0
    inverse = np.linalg.inv(found.posterior)
    omega = correction(found)
    np.testing.assert_allclose(
        omega @ inverse @ omega.T,
        inverse @ (found.scores.T @ found.scores + found.prior) @ inverse,
        rtol=1e-6,
        atol=1e-12,
    )


def test_sandwich_keeps_the_prior_where_the_data_say_nothing():
    """No events in an arm: without the prior's part the coefficient would come out as known."""
    emulation = confounded(60, seed=4, log_hr=-30.0)
    months, event, _, arm = by_arm(emulation)
    assert event[arm].sum() == 0.0
    assert months[arm].sum() > 0.0
    model = exponential(prior={"dist": "Normal", "mu": -2.0, "sigma": 0.3})
    found = sandwich_posterior(prepare_weighted(emulation, model, CONSTANT), draws=1000, seed=1)
    assert found.fit.draws("arm").std() > 0.2


def test_sandwich_refuses_group_effects():
    model = exponential(group="(1 | x_centre)")
    spec = PropensitySpec(formula="x", uncertainty="sandwich")
    with pytest.raises(RefusedError, match=r"fixed effects only.*\(x_centre\).*linked-bootstrap"):
        fit_propensity_adjusted(confounded(80), model, spec, draws=10)


def test_cut_pools_the_variance_within_and_between_propensities():
    """V = E[V] + V[E], each known: given weights a log rate is that of a gamma variate."""
    emulation = confounded(120, strength=1.5, on_death=2.5)
    spec = PropensitySpec(formula="x", estimand="att", uncertainty="cut")
    analysis = prepare_weighted(emulation, EXPONENTIAL, spec)
    models = Models(analysis)
    own = {"weight": np.ones((1, len(analysis.patients)))}
    posterior = models.initiation.engine.posteriors(models.initiation.members(own), seed=99)
    drawn = equal_draws(posterior, draws=1000, seed=99)
    parameters = {str(name): values.to_numpy() for name, values in drawn.items()}
    weights = analysis.weights(parameters, None, np.ones((1000, len(analysis.patients))))
    months, event, _, arm = by_arm(emulation)
    shape = (weights * event)[:, ~arm].sum(axis=1)
    mean = digamma(shape) - np.log((weights * months)[:, ~arm].sum(axis=1))
    within, between = polygamma(1, shape).mean(), mean.var()
    assert between > 0.25 * within
    found = cut_posterior(analysis, draws=4000, seed=1)
    # The variance between 200 propensities is known within 10 %, of a part of the whole.
    variance = found.fit.draws("log_rate").var()
    assert variance == pytest.approx(within + between, rel=0.12)
    assert found.fit.draws("log_rate").mean() == pytest.approx(mean.mean(), abs=0.05)
    assert found.fit.convergence == cut_quality(
        PROPENSITIES, 0, k_hat=found.fit.convergence.k_hat, draws=4000
    )


@pytest.fixture(scope="module")
def crude():
    """Return the posterior that nothing adjusts."""
    spec = PropensitySpec(formula="x", adjust="none")
    return plugin_posterior(prepare_adjusted(confounded(500, seed=3), EXPONENTIAL, spec), draws=300)


@pytest.mark.parametrize(
    "uncertainty",
    [
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("linked-bootstrap", "cut")),
        "plugin",
    ],
)
@pytest.mark.parametrize("adjust", ["covariate", "strata"])
def test_the_propensity_as_a_covariate_removes_confounding(crude, adjust, uncertainty):
    """No effect; unadjusted the log hazard ratio is about 0.6."""
    spec = PropensitySpec(formula="x", adjust=adjust, uncertainty=uncertainty)
    found = fit_propensity_adjusted(confounded(500, seed=3), EXPONENTIAL, spec, draws=300, seed=1)
    assert crude.fit.draws("arm").mean() > 0.4
    draws = found.fit.draws("arm")
    # Fifths leave some confounding within them: about a tenth of it.
    assert abs(draws.mean()) < 2.5 * draws.std()
    assert abs(draws.mean()) < 0.25
    assert found.fit.coefficients.shape == (300, 4 if adjust == "covariate" else 5)
    np.testing.assert_allclose(found.row_weights, 1.0)
    assert found.analysis.adjust is Adjustment(adjust)


def test_the_design_at_the_mode_is_that_of_the_person_time():
    spec = PropensitySpec(formula="x", adjust="covariate")
    analysis = prepare_adjusted(confounded(100), EXPONENTIAL, spec)
    once = Models(analysis).at_once()
    design = analysis.outcome.arrays.data["design"]
    np.testing.assert_allclose(once.members["design"][0], design, atol=1e-6)
    assert analysis.outcome.encoder.columns == ("arm", *analysis.scores.names)


@pytest.mark.parametrize(
    "uncertainty",
    [
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("linked-bootstrap", "cut")),
        *("plugin", "sandwich"),
    ],
)
def test_trimming_goes_with_every_uncertainty(uncertainty):
    emulation = confounded(200, strength=2.0)
    spec = PropensitySpec(formula="x", trim=0.1, uncertainty=uncertainty)
    found = fit_propensity_adjusted(emulation, EXPONENTIAL, spec, draws=200, seed=1)
    story = found.fit.person_time.provenance
    assert found.fit.person_time.n_rows == 200 - len(story.trimmed)
    assert set(story.trimmed) == set(story.dropped)
    assert len(found.row_weights) == found.fit.person_time.n_rows
    assert found.fit.tree.attrs["uncertainty"] == uncertainty
    assert not found.fit.convergence.failures
