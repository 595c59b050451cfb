"""Markov chains by NUTS on a compiled density, in coordinates whitened at its mode.

With H the Hessian of -log p at the mode m (of everything else given the scales, where a model has
any), its eigenvectors V and eigenvalues e, chains run over z in

    x = m + V max(e, 1)^(-1/2) z,

where a normal posterior is spherical; what the curvature at one point does not know, a diagonal
metric learns during warm-up as in Stan. Steps are counted from the first of warm-up and numbered
keys belong to them, so that draws depend on seed and chain and not on how steps are grouped.

References
----------
Hoffman MD, Gelman A. The No-U-Turn Sampler. J Mach Learn Res 2014;15:1593-1623,
doi 10.48550/arXiv.1111.4246. Cabezas A, et al. BlackJAX: composable Bayesian inference in JAX.
2024, doi 10.48550/arXiv.2402.10797.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from blackjax.adaptation.mass_matrix import mass_matrix_adaptation
from blackjax.adaptation.step_size import dual_averaging_adaptation
from blackjax.adaptation.window_adaptation import build_schedule
from blackjax.mcmc import nuts
from numpy.typing import NDArray

from bayes_ihlrt.batch.density import Data, JaxDensity
from bayes_ihlrt.batch.kernels import Kernels, kept_of
from bayes_ihlrt.batch.newton import maximise

MOST_STEPS: Final = 100
"""Steps that one call of `ChainPrograms.advance` takes at most."""

STATS: Final = ("diverging", "tree_depth", "step_size", "energy", "lp", "acceptance_rate")
_SLOW: Final = 1
_SETTLED: Final = 2
_SHRUNK: Final = 8
"""Times that a start without finite density is halved towards the mode."""


class Place(NamedTuple):
    """Where chains run.

    Parameters
    ----------
    mode : array, shape (dims,)
        Origin of the whitened coordinates.
    scale : array, shape (dims, dims)
        Their axes.
    """

    mode: jax.Array
    scale: jax.Array


class Chain(NamedTuple):
    """The state of a chain.

    Parameters
    ----------
    position : array, shape (dims,)
        Whitened.
    step_size : array, scalar
        Of the leapfrog.
    metric : array, shape (dims,)
        Diagonal of the inverse mass matrix.
    tuning : tuple
        States of dual averaging and of the running variance.
    """

    position: jax.Array
    step_size: jax.Array
    metric: jax.Array
    tuning: tuple[Any, Any]


class Steps(NamedTuple):
    """What steps gave; entries beyond their number are 0.

    Parameters
    ----------
    positions : array, shape (`MOST_STEPS`, dims)
        Unconstrained.
    stats : array, shape (`MOST_STEPS`, 6)
        In the order of `STATS`.
    """

    positions: jax.Array
    stats: jax.Array


@dataclass(frozen=True, eq=False)
class ChainPrograms:
    """Compiled functions of one density.

    Parameters
    ----------
    place : callable
        (data, start, whitened starts of shape (chains, dims)) to `Place` and the starts, nearer to
        the mode where the density was not finite.
    advance : callable
        (data, place, chain, key, (first step, number of steps, their rows of `schedule` filled up
        to `MOST_STEPS`), target acceptance) to the chain after them and `Steps`.
    """

    place: Callable[..., tuple[Place, jax.Array]]
    advance: Callable[..., tuple[Chain, Steps]]


@lru_cache(maxsize=32)
def chain_programs(kernels: Kernels) -> ChainPrograms:
    """Wrap a density for chains, once for its life; JAX compiles at the first use of a shape."""
    return ChainPrograms(
        place=kept_of(kernels.density, "place", partial(_place, kernels)),
        advance=kept_of(kernels.density, "advance", partial(_advance, kernels.density)),
    )


def schedule(tune: int, draws: int) -> NDArray[np.int64]:
    """Return what each step adapts: Stan's windows, then nothing.

    Parameters
    ----------
    tune, draws : int
        Steps of warm-up and kept ones.

    Returns
    -------
    ndarray of int, shape (tune + draws, 3)
        Stage (0 step size, 1 metric too, 2 nothing), whether a window ends, whether warm-up does.

    Examples
    --------
    >>> schedule(150, 2)[[0, 75, 149, 150]].tolist()
    [[0, 0, 0], [1, 0, 0], [0, 0, 1], [2, 0, 0]]
    """
    table = np.zeros((tune + draws, 3), dtype=np.int64)
    table[:tune, :2] = np.asarray(build_schedule(tune))
    table[tune - 1, 2] = 1
    table[tune:, 0] = _SETTLED
    return table


def first_state(start: jax.Array) -> Chain:
    """Return a chain that has not begun, at a whitened start."""
    metric_init, _, _ = mass_matrix_adaptation(is_diagonal_matrix=True)
    dual_init, _, _ = dual_averaging_adaptation(0.9)
    metric = metric_init(start.shape[0])
    begun = Chain(start, jnp.ones(()), metric.inverse_mass_matrix, (dual_init(1.0), metric))
    # Numbers whose type JAX only presumes would make the first call another program than the next.
    strict: Chain = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)), begun)
    return strict


def _place(
    kernels: Kernels, data: Data, start: jax.Array, whitened: jax.Array
) -> tuple[Place, jax.Array]:
    density, coordinates = kernels.density, kernels.coordinates
    log_density = jax.jit(lambda position: density.log_density(position, data))
    found = maximise(log_density, start, held=coordinates.scales)
    mode = jnp.where(found.converged, found.position, start)
    curved = jnp.where(jnp.isfinite(found.precision), found.precision, 0.0)
    values, vectors = jnp.linalg.eigh(curved)
    scale = vectors * jnp.maximum(values, 1.0) ** -0.5
    nearer = whitened[:, None] * 0.5 ** jnp.arange(_SHRUNK)[:, None]
    finite = jnp.isfinite(jax.vmap(jax.vmap(lambda z: log_density(mode + scale @ z)))(nearer))
    first = jnp.argmax(finite, axis=1)
    return Place(mode, scale), nearer[jnp.arange(len(nearer)), first]


def _advance(
    density: JaxDensity,
    data: Data,
    place: Place,
    chain: Chain,
    key: jax.Array,
    steps: tuple[jax.Array, jax.Array, jax.Array],
    target: jax.Array,
) -> tuple[Chain, Steps]:
    """Take some steps; their number is an input, so that one program serves any."""
    first, number, stages = steps

    @jax.jit
    def log_density(z: jax.Array) -> jax.Array:
        return density.log_density(place.mode + place.scale @ z, data)

    kernel = nuts.build_kernel()

    def step(at: jax.Array, carry: tuple[Any, Chain, Steps]) -> tuple[Any, Chain, Steps]:
        state, chain, kept = carry
        step_key = jax.random.fold_in(key, first + at)
        state, told = kernel(step_key, state, log_density, chain.step_size, chain.metric)
        kept = Steps(
            kept.positions.at[at].set(place.mode + place.scale @ state.position),
            kept.stats.at[at].set(_row(chain, state, told)),
        )
        moved = chain._replace(position=state.position)
        chain = jax.lax.cond(
            stages[at, 0] < _SETTLED,
            lambda: _adapted(moved, told.acceptance_rate, stages[at], target),
            lambda: moved,
        )
        return state, chain, kept

    dims = chain.position.shape[0]
    empty = Steps(jnp.zeros((MOST_STEPS, dims)), jnp.zeros((MOST_STEPS, len(STATS))))
    begun = nuts.init(chain.position, log_density)
    _, chain, kept = jax.lax.fori_loop(0, number, step, (begun, chain, empty))
    return chain, kept


def _row(chain: Chain, state: Any, told: Any) -> jax.Array:
    """Return the statistics of a step, in the order of `STATS`."""
    depth = jnp.asarray(told.num_trajectory_expansions, float)
    row = (told.is_divergent, depth, chain.step_size, told.energy, state.logdensity)
    return jnp.stack([jnp.asarray(value, float) for value in (*row, told.acceptance_rate)])


def _adapted(chain: Chain, accepted: jax.Array, stage: jax.Array, target: jax.Array) -> Chain:
    """Adapt step size and metric as Stan's warm-up does."""
    _, metric_update, metric_final = mass_matrix_adaptation(is_diagonal_matrix=True)
    dual_init, dual_update, dual_final = dual_averaging_adaptation(target)
    dual, metric = chain.tuning
    dual = dual_update(dual, accepted)
    seen = metric_update(metric, chain.position)
    metric = jax.tree.map(partial(jnp.where, stage[0] == _SLOW), seen, metric)
    ends = stage[1] == 1
    metric = jax.tree.map(partial(jnp.where, ends), metric_final(metric), metric)
    dual = jax.tree.map(partial(jnp.where, ends), dual_init(dual_final(dual)), dual)
    average, latest = jnp.exp(dual.log_step_size_avg), jnp.exp(dual.log_step_size)
    step_size = jnp.where(stage[2] == 1, average, latest)
    return Chain(chain.position, step_size, metric.inverse_mass_matrix, (dual, metric))
