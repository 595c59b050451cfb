"""Approximate posteriors of hundreds of dimensions, against closed forms: skewness adds up."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.special import gammaln, psi
from scipy.stats import chi2, multivariate_t

from bayes_ihlrt.batch.curvature import Columns
from bayes_ihlrt.batch.importance import degrees_of_freedom, draw, smooth
from bayes_ihlrt.batch.marginal import (
    MANY_DIMENSIONS,
    PAIRS,
    Conditional,
    Coordinates,
    Proposal,
    conditional,
    grid_density,
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


def uneven(axes, *, failed):
    """Return a proposal whose conditionals differ from knot to knot, without mode at the last."""
    rng, dims, count = np.random.default_rng(3), 7, 12
    knots = np.sort(rng.normal(size=(axes, count)), axis=1)
    factor = np.tril(rng.normal(size=(axes, count, dims, dims)))
    height = -0.5 * knots**2
    if failed:
        factor[:, -1], height[:, -1] = np.nan, -np.inf
    mean = rng.normal(size=(axes, count, dims))
    along = Conditional(*map(jnp.asarray, (mean, factor, height)))
    centre = jax.tree.map(lambda part: part[0, 6], along)
    return Proposal(jnp.asarray(knots), along, centre)


def one_by_one(proposal, scales, standard):
    """Place draws of known scales, a factor of its own interpolated for each; and its log size."""
    (means, factors, _), (mean, factor, _) = jax.tree.map(np.asarray, proposal[1:])
    found = []
    for own, z in zip(scales, standard, strict=True):
        at, spread = mean.copy(), factor.copy()
        for axis, (y, knots) in enumerate(zip(own, np.asarray(proposal.knots), strict=True)):
            right = np.clip(np.searchsorted(knots, y), 1, len(knots) - 1)
            share = np.clip((y - knots[right - 1]) / (knots[right] - knots[right - 1]), 0.0, 1.0)
            part = np.array([1.0 - share, share])
            near = slice(right - 1, right + 1)
            at += np.tensordot(part, means[axis, near], axes=1) - mean
            spread += np.tensordot(part, factors[axis, near], axes=1) - factor
        logs = np.diagonal(spread).copy()
        np.fill_diagonal(spread, np.exp(logs))
        found.append((at + spread @ z, logs.sum()))
    return np.stack([one[0] for one in found]), np.array([one[1] for one in found])


@pytest.mark.parametrize(("axes", "failed"), [(1, True), (2, False)])
def test_draws_are_those_of_a_factor_of_each_draw_s_own(axes, failed):
    proposal, draws, key = uneven(axes, failed=failed), 200, jax.random.key(5)
    parts = Coordinates(tuple(range(axes)), tuple(range(axes, axes + 7)), proposal.knots)
    run = jax.jit(lambda: draw(normal, proposal, parts, key, draws=draws, batch=64))
    positions, log_weights = map(np.asarray, run())
    _, of_normal, of_radius = jax.random.split(key, 3)
    half = 0.5 * degrees_of_freedom(7)
    radius = np.sqrt(half / np.asarray(jax.random.gamma(of_radius, half, (draws,))))
    standard = radius[:, None] * np.asarray(jax.random.normal(of_normal, (draws, 7)))
    others, log_size = one_by_one(proposal, positions[:, :axes], standard)
    np.testing.assert_allclose(positions[:, axes:], others, rtol=1e-9, atol=1e-11)
    # Beside a knot without mode nothing is known, but hardly anything is drawn.
    beside = np.isnan(others).any(axis=1)
    assert beside.mean() < 0.05
    np.testing.assert_array_equal(np.isneginf(log_weights), beside)
    log_q = multivariate_t(shape=np.eye(7), df=2.0 * half).logpdf(standard) - log_size
    for axis, knots in enumerate(proposal.knots):
        density = grid_density(knots, proposal.along.log_marginal[axis])
        log_q += np.asarray(jax.jit(jax.vmap(density.log_density))(positions[:, axis]))
    exact = -0.5 * np.sum(positions**2, axis=1)
    np.testing.assert_allclose(log_weights[~beside], (exact - log_q)[~beside], rtol=1e-9)
