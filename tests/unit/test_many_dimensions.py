"""Approximate posteriors of hundreds of dimensions, against closed forms: skewness adds up."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.special import gammaln, psi
from scipy.stats import chi2

from bayes_ihlrt.batch.curvature import Columns
from bayes_ihlrt.batch.importance import degrees_of_freedom, draw, smooth
from bayes_ihlrt.batch.marginal import (
    MANY_DIMENSIONS,
    PAIRS,
    Coordinates,
    Proposal,
    conditional,
)
from bayes_ihlrt.limits import MAX_K_HAT, MIN_ESS

DIMS, EVENTS, DRAWS = 400, 40.0, 4000


def log_rates(position):
    """Log rates of many centres with as many events each, flat priors: exp of each is a Gamma."""
    return jnp.sum(EVENTS * position - EVENTS * jnp.exp(position))


def normal(position):
    return -0.5 * jnp.sum(position**2)


def approximated(log_density, dims=DIMS):
    parts = Coordinates((), tuple(range(dims)), jnp.zeros((0, 12)))
    one = jax.jit(partial(conditional, log_density, parts, columns=Columns()))
    return parts, one(jnp.zeros(0), jnp.zeros(dims))


def weighed(log_density, parts, centre):
    """Return k-hat and effective sample size as a share of the draws."""
    dims = len(parts.others)
    none = jax.tree.map(lambda part: jnp.zeros((0, 1, *part.shape)), centre)
    proposal = Proposal(jnp.zeros((0, 1)), none, centre)
    run = jax.jit(lambda key: draw(log_density, proposal, parts, key, draws=DRAWS, batch=100))
    sample = run(jax.random.key(2))
    assert sample.positions.shape == (DRAWS, dims)
    _, k_hat, ess = smooth(np.asarray(sample.log_weights)[None])
    return float(k_hat[0]), float(ess[0]) / DRAWS


def test_the_normal_is_put_at_the_mean_of_many_skewed_posteriors():
    _, centre = approximated(log_rates)
    # The step is 1 - exp(1 / 2a): the mean psi(a) - log(a) but for a second order of 1 / a.
    step = 1.0 - np.exp(0.5 / EVENTS)
    assert step == pytest.approx(psi(EVENTS) - np.log(EVENTS), rel=0.01)
    # A pair tells z^2 / 2a, with a standard deviation of 0.7 / a.
    error = np.sqrt(0.5) / EVENTS / np.sqrt(PAIRS)
    found = np.asarray(centre.mean)
    assert found.mean() == pytest.approx(step, abs=4.0 * error / np.sqrt(DIMS))
    assert found.std() == pytest.approx(error, rel=0.2)


def test_weights_of_many_dimensions_are_even_enough():
    parts, centre = approximated(log_rates)
    k_hat, share = weighed(log_rates, parts, centre)
    # Of the third derivatives' 15 / 36a a dimension, 6 / 36a are left in the log weights' variance.
    assert k_hat < MAX_K_HAT
    assert share * DRAWS > MIN_ESS
    at_mode = centre._replace(mean=jnp.zeros(DIMS))
    assert weighed(log_rates, parts, at_mode)[1] < 0.5 * share


def test_few_dimensions_are_at_their_mode():
    _, centre = approximated(log_rates, dims=MANY_DIMENSIONS)
    assert np.abs(np.asarray(centre.mean)).max() < 1e-6


@pytest.mark.parametrize("dims", [100, 1000])
def test_the_student_t_leaves_of_a_normal_what_its_closed_form_says(dims):
    nu = degrees_of_freedom(dims)
    squares = np.linspace(chi2.ppf(1e-12, dims), chi2.isf(1e-12, dims), 20_001)
    log_t = gammaln((nu + dims) / 2) - gammaln(nu / 2) - dims / 2 * np.log(nu * np.pi)
    log_t -= (nu + dims) / 2 * np.log1p(squares / nu)
    ratio = np.exp(-squares / 2 - dims / 2 * np.log(2 * np.pi) - log_t)
    known = 1.0 / trapezoid(ratio * chi2.pdf(squares, dims), squares)
    assert known > (0.85 if dims == 1000 else 0.4)
    parts, centre = approximated(normal, dims=dims)
    # Of 4,000 draws; the second moment of the weights has an error of a few per cent.
    assert weighed(normal, parts, centre)[1] == pytest.approx(known, rel=0.1)
