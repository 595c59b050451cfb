"""Hazards in JAX and PyTensor: the same numbers as NumPy, and derivatives that stay finite."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from bayes_ihlrt.hazards.gompertz import Gompertz
from bayes_ihlrt.hazards.weibull import Weibull
from hazard_cases import FAMILIES, increment, log_hazard, typical_theta

jax.config.update("jax_enable_x64", True)

every_family = pytest.mark.parametrize("hazard", FAMILIES, ids=lambda hazard: hazard.name)

# Three compiled libraries round exp and log differently in the last digit, and exponents of
# ordinary size carry that into the result.
AGREEMENT = 1e-12

EDGES = np.array([0.0, 1e-3, 0.3, 3.0, 60.0, 599.999, 600.0])
START, STOP = np.array([(a, b) for a in EDGES for b in EDGES if a <= b]).T

_EXTREMES = {
    "log_rate": (-40.0, -3.0, 10.0),
    "log_shape": (-4.0, -0.5, 0.0, 1e-9, 1.0, 4.0),
    "slope": (-1.0, -0.1, -1e-4, -1e-12, 0.0, 1e-300, 1e-4, 0.1, 1.0),
    "log_scale": (-40.0, 0.0, 10.0),
}
_EXTREME_VECTOR = (-40.0, -3.0, 10.0)


def extreme_theta(hazard):
    """Return every combination of extreme parameters as one batch of shape (N,)."""
    scalars = [name for name, shape in hazard.shapes.items() if not shape]
    grid = np.array(list(product(*[_EXTREMES[name] for name in scalars])))
    theta = {name: grid[:, column] for column, name in enumerate(scalars)}
    for name, shape in hazard.shapes.items():
        if shape:
            vectors = np.resize(_EXTREME_VECTOR, (6, *shape))
            vectors[1] = vectors[0][::-1]
            vectors[2:4] = vectors[2:4, :1]
            vectors[4:] = np.linspace(-700.0, 5.0, shape[0])[None] * [[1.0], [0.01]]
            theta = {scalar: np.repeat(value, 6) for scalar, value in theta.items()}
            theta[name] = np.tile(vectors, (max(len(grid), 1), 1))
    return theta


def finite(value):
    return bool(np.all(np.isfinite(np.asarray(value))))


def compile_pytensor(hazard, theta):
    """Compile H, log h, time_at and the gradients of the sums of the first two."""
    inputs = {
        name: pt.tensor(name, dtype="float64", shape=(None,) * value.ndim)
        for name, value in theta.items()
    }
    start, stop = pt.dvector("start"), pt.dvector("stop")
    cumulative = increment(hazard, start, stop, inputs, pt)
    log_h = log_hazard(hazard, stop, inputs, pt)
    wrt = list(inputs.values())
    outputs = [cumulative, log_h, hazard.time_at(pt, start, stop / 20.0, inputs)]
    for value in (cumulative, log_h):
        outputs += pytensor.grad(value.sum(), wrt, disconnected_inputs="ignore")
    return pytensor.function([*wrt, start, stop], outputs, mode="FAST_COMPILE")


@pytest.fixture(scope="module")
def compiled():
    """Compile each family once."""
    made = {}

    def get(hazard):
        if hazard.name not in made:
            made[hazard.name] = compile_pytensor(hazard, extreme_theta(hazard))
        return made[hazard.name]

    return get


@every_family
def test_the_three_namespaces_agree(hazard, compiled):
    theta = typical_theta(hazard, np.random.default_rng(1), (5,))

    def evaluate(xp, start, stop):
        return [
            increment(hazard, start, stop, theta, xp),
            log_hazard(hazard, stop, theta, xp),
            hazard.time_at(xp, start, stop / 20.0, theta),
        ]

    expected = evaluate(np, START, STOP)
    in_jax = jax.jit(lambda start, stop: evaluate(jnp, start, stop))(START, STOP)
    in_pytensor = compiled(hazard)(*theta.values(), START, STOP)[:3]
    for wanted, *others in zip(expected, in_jax, in_pytensor, strict=True):
        for other in others:
            np.testing.assert_allclose(other, wanted, rtol=AGREEMENT, atol=AGREEMENT)


@every_family
def test_precomputed_bases_serve_every_namespace(hazard):
    theta = typical_theta(hazard, np.random.default_rng(2))
    basis = hazard.increment_basis(np, START, STOP)
    wanted = hazard.cumulative_hazard(np, basis, theta)
    np.testing.assert_allclose(
        jax.jit(lambda theta: hazard.cumulative_hazard(jnp, basis, theta))(theta),
        wanted,
        rtol=AGREEMENT,
    )
    inputs = {name: pt.as_tensor(value) for name, value in theta.items()}
    graph = hazard.cumulative_hazard(pt, basis, inputs)
    assert graph.ndim == 1
    np.testing.assert_allclose(graph.eval(mode="FAST_COMPILE"), wanted, rtol=AGREEMENT)


@every_family
def test_values_are_finite_at_the_extremes(hazard):
    theta = extreme_theta(hazard)
    assert finite(increment(hazard, START, STOP, theta))
    assert finite(log_hazard(hazard, STOP, theta))
    times = hazard.time_at(np, START, STOP / 20.0, theta)
    assert not np.any(np.isnan(times))
    assert np.all(times >= START)


@every_family
def test_jax_derivatives_are_finite_at_the_extremes(hazard):
    def derivatives(theta, start, stop):
        def both(theta):
            return (
                increment(hazard, start[None], stop[None], theta, jnp)[0],
                log_hazard(hazard, stop[None], theta, jnp)[0],
            )

        # Newton steps need the second derivatives too.
        return jax.jacrev(both)(theta), jax.hessian(both)(theta)

    over_times = jax.vmap(derivatives, in_axes=(None, 0, 0))
    over_both = jax.jit(jax.vmap(over_times, in_axes=(0, None, None)))
    found = over_both(extreme_theta(hazard), START, STOP)
    assert all(finite(leaf) for leaf in jax.tree.leaves(found))


@every_family
def test_pytensor_gradients_are_finite_at_the_extremes(hazard, compiled):
    theta = extreme_theta(hazard)
    results = compiled(hazard)(*theta.values(), START, STOP)
    gradients = results[3:]
    # A sum over times is finite only if every term is.
    assert all(finite(gradient) for gradient in gradients)


@every_family
def test_gradients_agree(hazard, compiled):
    theta = typical_theta(hazard, np.random.default_rng(3), (2,))
    results = compiled(hazard)(*theta.values(), START[1:], STOP[1:])
    total = jax.jit(jax.grad(lambda theta, *times: increment(hazard, *times, theta, jnp).sum()))
    in_jax = total(theta, START[1:], STOP[1:])
    for name, in_pytensor in zip(theta, results[3 : 3 + len(theta)], strict=True):
        np.testing.assert_allclose(in_jax[name], in_pytensor, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("slope", [0.0, 1e-14, -1e-9, 1e-5, -1e-3])
def test_gompertz_derivatives_at_slope_zero(slope):
    start, stop, rate = 2.0, 12.0, np.exp(-3.0)

    def cumulative(slope):
        theta = {"log_rate": -3.0, "slope": slope}
        return increment(Gompertz(), jnp.array([start]), jnp.array([stop]), theta, jnp)[0]

    # Taylor: H = rate * sum_n slope^n (stop^(n+1) - start^(n+1)) / (n+1)!
    def taylor(order):
        terms = [
            slope ** (n - order)
            * np.prod(np.arange(n - order + 1, n + 1))
            * (stop ** (n + 1) - start ** (n + 1))
            / np.prod(np.arange(1.0, n + 2))
            for n in range(order, 12)
        ]
        return rate * np.sum(terms)

    first = jax.grad(cumulative)
    found = jax.jit(lambda slope: (cumulative(slope), first(slope), jax.grad(first)(slope)))(slope)
    assert found == pytest.approx([taylor(0), taylor(1), taylor(2)], rel=1e-12)


def test_weibull_derivative_from_time_zero():
    def cumulative(log_shape):
        theta = {"log_rate": -3.0, "log_shape": log_shape}
        return increment(Weibull(), jnp.zeros(1), jnp.array([12.0]), theta, jnp)[0]

    k = np.exp(0.3)
    wanted = np.exp(-3.0) * 12.0**k * k * np.log(12.0)
    assert jax.grad(cumulative)(0.3) == pytest.approx(wanted, rel=1e-12)


@every_family
def test_derivatives_in_time_are_finite(hazard):
    theta = typical_theta(hazard, np.random.default_rng(4))

    def total(start, stop):
        return increment(hazard, start, stop, theta, jnp).sum()

    assert finite(jax.jit(jax.grad(total, argnums=(0, 1)))(START, STOP))
