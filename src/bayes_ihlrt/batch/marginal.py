"""Laplace approximation on a grid over the scales: for posteriors that no Gaussian can follow.

Group and smoothing scales s have skewed posteriors that reach zero, and the effects they govern
contract with them: no Gaussian fits both. Given the scales, however, everything else x is close to
normal. So, for each scale in turn along its own axis, with the others at their median,

    log p(s) ~= log p(s, x_s) + (dim x / 2) log 2 pi - log|H_s| / 2,   x_s = argmax_x p(s, x)

is found at a few knots, H_s being the Hessian of -log p in x. Between the knots log p(s) is linear
in the unconstrained coordinate, and so are the mode x_s and the Cholesky factor of the inverse of
H_s (log scale on its diagonal). That defines a density which is sampled and evaluated exactly; what
it misses is put right by importance weights.

In many dimensions these would be too uneven: each of a thousand centres has a slightly skewed
posterior, whose mean is not its mode, and the distances add up. There x_s is moved to where the
normal approximation q is closest to the posterior, which is where the gradient of log p vanishes on
average (the variational mean), by one step H_s^-1 E_q grad log p; over pairs x_s +- e the part
of the gradient that is linear cancels, so that few pairs tell it.

Between knots y_k and y_(k+1) the mass of p(s) is h (e^b - e^a) / (b - a), with h the distance and
a, b the log densities at the ends; beyond the outermost knots the density falls exponentially.

References
----------
Opper M, Archambeau C. Neural Comput 2009;21:786-792, doi 10.1162/neco.2008.08-07-592 (variational
mean). Rue H, Martino S, Chopin N. J R Stat Soc B 2009;71:319-392,
doi 10.1111/j.1467-9868.2008.00700.x (nested Laplace). Tierney L, Kadane JB. J Am Stat Assoc
1986;81:82-86, doi 10.1080/01621459.1986.10478240 (Laplace).
"""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytensor.tensor as pt

from bayes_ihlrt.batch.curvature import Columns
from bayes_ihlrt.batch.density import JaxDensity
from bayes_ihlrt.batch.kept import kept
from bayes_ihlrt.batch.newton import maximise

_FLOOR: Final = 60.0
"""Log density below its maximum at which a knot counts as empty."""

_SLOPES: Final = (0.3, 1.0)
"""Least steepness of the left and right tail, so that both have a finite mass."""


class GridDensity(NamedTuple):
    """Knots, log density and the log mass of each piece, tails included.

    Parameters
    ----------
    knots : array, shape (K,)
        Increasing.
    height : array, shape (K,)
        Unnormalised log density.
    slopes : array, shape (2,)
        Slope of the left tail (positive) and of the right tail (negative).
    log_masses : array, shape (K + 1,)
        Left tail, pieces, right tail.
    """

    knots: jax.Array
    height: jax.Array
    slopes: jax.Array
    log_masses: jax.Array

    @property
    def log_mass(self) -> jax.Array:
        """Log of the integral of the unnormalised density."""
        return jax.scipy.special.logsumexp(self.log_masses)

    def log_density(self, y: jax.Array) -> jax.Array:
        """Return the normalised log density at a point."""
        inside = jnp.interp(y, self.knots, self.height)
        left = self.slopes[0] * jnp.minimum(y - self.knots[0], 0.0)
        right = self.slopes[1] * jnp.maximum(y - self.knots[-1], 0.0)
        return inside + left + right - self.log_mass

    def quantile(self, u: jax.Array) -> jax.Array:
        """Return the point below which a share `u` of the mass lies."""
        masses = jnp.exp(self.log_masses - self.log_mass)
        below = jnp.concatenate([jnp.zeros(1), jnp.cumsum(masses)])
        piece = jnp.clip(jnp.searchsorted(below, u, side="right") - 1, 0, len(masses) - 1)
        share = jnp.clip((u - below[piece]) / masses[piece], 1e-12, 1.0 - 1e-12)
        low = jnp.clip(piece - 1, 0, len(self.knots) - 2)
        width = self.knots[low + 1] - self.knots[low]
        rise = self.height[low + 1] - self.height[low]
        bent = jnp.log1p(share * jnp.expm1(rise)) / jnp.where(rise == 0.0, 1.0, rise)
        inside = self.knots[low] + width * jnp.where(jnp.abs(rise) < 1e-9, share, bent)
        left = self.knots[0] + jnp.log(share) / self.slopes[0]
        right = self.knots[-1] + jnp.log1p(-share) / self.slopes[1]
        last = len(masses) - 1
        return jnp.where(piece == 0, left, jnp.where(piece == last, right, inside))


def grid_density(knots: jax.Array, log_density: jax.Array) -> GridDensity:
    """Return the density through some points.

    Parameters
    ----------
    knots : array, shape (K,)
        Increasing, two or more.
    log_density : array, shape (K,)
        Unnormalised; minus infinity counts as empty.

    Returns
    -------
    GridDensity
        Normalised when it is evaluated.

    Examples
    --------
    >>> density = grid_density(jnp.linspace(-6, 6, 401), -0.5 * jnp.linspace(-6, 6, 401) ** 2)
    >>> float(density.quantile(jnp.asarray(0.975)).round(3)), float(density.log_mass.round(3))
    (1.96, 0.919)
    """
    height = jnp.maximum(log_density, jnp.max(log_density) - _FLOOR)
    width, rise = jnp.diff(knots), jnp.diff(height)
    steep = jnp.where(jnp.abs(rise) < 1e-9, 1.0, rise)
    ratio = jnp.where(jnp.abs(rise) < 1e-9, 1.0 + 0.5 * rise, jnp.expm1(steep) / steep)
    left = jnp.maximum(rise[0] / width[0], _SLOPES[0])
    right = jnp.minimum(rise[-1] / width[-1], -_SLOPES[1])
    masses = jnp.concatenate(
        [
            (height[0] - jnp.log(left))[None],
            height[:-1] + jnp.log(width) + jnp.log(ratio),
            (height[-1] - jnp.log(-right))[None],
        ]
    )
    return GridDensity(knots, height, jnp.stack([left, right]), masses)


FIRST_KNOTS: Final = (0.005, 0.02, 0.05, 0.1, 0.18, 0.3, 0.45, 0.65, 0.95, 1.4, 2.1, 3.2)
"""Scales (log hazard) at which the marginal density is looked at first."""

QUANTILES: Final = (0.002, 0.03, 0.12, 0.28, 0.46, 0.64, 0.8, 0.92, 0.985, 0.9995)
"""Quantiles of the first look at which the knots are put; one more lies beyond each end."""

_BEYOND: Final = (3.0, 0.75)
"""Distances of the outermost knots from the next, in units of the unconstrained coordinate."""

MANY_DIMENSIONS: Final = 100
"""Dimensions above which the normal is put at its mean, not at the mode."""

PAIRS: Final = 64
"""Pairs of points at which the gradient is averaged: the step is known to a fifth of itself."""

_MIDDLE: Final = len(FIRST_KNOTS) // 2
_LOG_2PI: Final = float(np.log(2.0 * np.pi))


class Coordinates(NamedTuple):
    """Which dimensions of a position are scales, and where their first knots are.

    Parameters
    ----------
    scales : tuple of int
        Dimensions of the scales.
    others : tuple of int
        All the other dimensions.
    first_knots : array, shape (S, K)
        Unconstrained coordinates of `FIRST_KNOTS`, increasing.
    """

    scales: tuple[int, ...]
    others: tuple[int, ...]
    first_knots: jax.Array

    def split(self, position: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return scales and all other coordinates of positions of shape (..., dims)."""
        return (
            position[..., np.asarray(self.scales, dtype=int)],
            position[..., np.asarray(self.others, dtype=int)],
        )

    def join(self, scales: jax.Array, others: jax.Array) -> jax.Array:
        """Return the position with these coordinates."""
        if not self.scales:
            # Nothing to put together: a scatter and its bounds in each turn of a Newton's loop.
            return others
        position = jnp.zeros(len(self.scales) + len(self.others))
        position = position.at[np.asarray(self.scales, dtype=int)].set(scales)
        return position.at[np.asarray(self.others, dtype=int)].set(others)


class Conditional(NamedTuple):
    """Laplace approximation of everything else given the scales.

    Parameters
    ----------
    mean : array, shape (..., D)
        Conditional mode; in more than 100 dimensions the mean of the closest normal.
    factor : array, shape (..., D, D)
        Lower Cholesky factor of the conditional covariance, its diagonal as the log.
    log_marginal : array, shape (...)
        Log marginal density of the scales; minus infinity where there is no mode.
    """

    mean: jax.Array
    factor: jax.Array
    log_marginal: jax.Array


class Proposal(NamedTuple):
    """Approximate posteriors: grids over S scales, normal or Student t in the other D dimensions.

    Parameters
    ----------
    knots : array, shape (members, S, K)
        Unconstrained coordinates of each scale, increasing.
    along : Conditional, leading shape (members, S, K)
        At the knots of one scale, the others at their median.
    centre : Conditional, leading shape (members,)
        With all scales at their median.
    """

    knots: jax.Array
    along: Conditional
    centre: Conditional

    @property
    def middle(self) -> jax.Array:
        """Unconstrained medians of the scales, shape (members, S)."""
        return self.knots[:, :, min(_MIDDLE, self.knots.shape[2] - 1)]

    @property
    def log_evidence(self) -> jax.Array:
        """Laplace approximation of the log normalising constants, shape (members,)."""
        if not self.knots.shape[1]:
            return self.centre.log_marginal
        found: jax.Array = _log_evidence(self.knots, self.along, self.centre)
        return found


type Look = Callable[[jax.Array, jax.Array], Conditional]
"""Scales (members, K, S) and starts (members, K, D) to conditionals (members, K)."""


def scale_coordinates(density: JaxDensity) -> Coordinates:
    """Find the scales of a graph and the unconstrained coordinates of their first knots.

    Parameters
    ----------
    density : JaxDensity
        The graph.

    Returns
    -------
    Coordinates
        Without scales where the model has neither groups nor smoothing.
    """
    model, scales, knots = density.model, density.scales, []
    by_name = {model.rvs_to_values[variable].name: variable for variable in model.free_RVs}
    for number in scales:
        variable = by_name[density.names[number]]
        natural = np.asarray(FIRST_KNOTS)
        if str(variable.name).startswith("precision_"):
            natural = natural[::-1] ** -2.0
        transform = model.rvs_to_transforms[variable]
        unconstrained = transform.forward(pt.as_tensor(natural), *variable.owner.inputs)
        knots.append(np.asarray(unconstrained.eval(mode="FAST_COMPILE")))
    others = tuple(number for number in range(len(density.names)) if number not in scales)
    first = np.reshape(knots, (len(scales), len(FIRST_KNOTS)))
    return Coordinates(scales, others, jnp.asarray(first))


def conditional(
    log_density: Callable[[jax.Array], jax.Array],
    coordinates: Coordinates,
    scales: jax.Array,
    begin: jax.Array,
    columns: Columns,
) -> Conditional:
    """Approximate one posterior given the scales.

    Parameters
    ----------
    log_density : callable
        Position of shape (dims,) to a scalar.
    coordinates : Coordinates
        The scales among the dimensions.
    scales : array, shape (S,)
        Unconstrained coordinates of the scales.
    begin : array, shape (D,)
        Where to begin.
    columns : Columns
        How the columns of a Hessian are computed.

    Returns
    -------
    Conditional
        Without leading shape.
    """
    found = maximise(
        lambda others: log_density(coordinates.join(scales, others)), begin, columns=columns
    )
    dims = len(coordinates.others)
    lower = jnp.linalg.cholesky(found.precision)
    covariance = jax.scipy.linalg.cho_solve((lower, True), jnp.eye(dims))
    factor = jnp.linalg.cholesky(covariance)
    diagonal = jnp.diagonal(factor)
    mean = found.position
    if dims > MANY_DIMENSIONS:
        slope = jax.grad(lambda others: log_density(coordinates.join(scales, others)))
        mean = mean + _to_the_mean(slope, mean, factor, columns.at_a_time)
    marginal = found.value + 0.5 * dims * _LOG_2PI + jnp.sum(jnp.log(diagonal))
    return Conditional(
        mean=mean,
        factor=factor + jnp.diag(jnp.log(diagonal) - diagonal),
        log_marginal=jnp.where(found.converged & jnp.isfinite(marginal), marginal, -jnp.inf),
    )


def _to_the_mean(
    slope: Callable[[jax.Array], jax.Array], mode: jax.Array, factor: jax.Array, at_a_time: int
) -> jax.Array:
    """Return the way from the mode to where the gradient vanishes on average, in one step."""
    half = jax.random.normal(jax.random.key(0), (PAIRS, len(mode)))
    points = mode + jnp.concatenate([half, -half]) @ factor.T
    average = jnp.mean(jax.lax.map(slope, points, batch_size=at_a_time), axis=0)
    step = factor @ (factor.T @ average)
    # Where the density overflows nothing is known; the weights tell whether the mode was enough.
    return jnp.where(jnp.all(jnp.isfinite(step)), step, 0.0)


def approximate(look: Look, coordinates: Coordinates, start: jax.Array) -> Proposal:
    """Approximate the posteriors of a chunk of members.

    Parameters
    ----------
    look : callable
        `conditional`, vmapped over members and knots.
    coordinates : Coordinates
        The scales among the dimensions.
    start : array, shape (members, dims)
        Where to begin.

    Returns
    -------
    Proposal
        Of every member; without mode where ``centre.log_marginal`` is not finite.
    """
    axes = range(len(coordinates.scales))
    knots, middle, begin = _begun(coordinates.first_knots, start, others=coordinates.others)
    if not axes:
        alone: Proposal = _without_scales(look(middle[:, None], begin))
        return alone
    # One scale needs one look; several are looked at again with the others in a better place.
    for axis in list(axes) * (1 if len(axes) == 1 else 2):
        seen = look(*_along(middle, coordinates.first_knots, begin, axis=axis))
        knots, middle, begin = _moved(coordinates.first_knots, seen, knots, middle, axis=axis)
    looks = [look(*_along(middle, knots, begin, axis=axis)) for axis in axes]
    found: Proposal = _joined(knots, looks)
    return found


# What lies between two looks is compiled as a whole: one operation after the other, each takes as
# long to be looked up as all of them take to run.


@kept(static=("others",))
def _begun(
    first: jax.Array, start: jax.Array, *, others: tuple[int, ...]
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return first knots and medians of the scales, and the others as each knot's begin."""
    knots = jnp.broadcast_to(first, (len(start), *first.shape))
    begin = start[:, np.asarray(others, dtype=int)]
    return knots, knots[:, :, _MIDDLE], begin[:, None]


@kept(static=("axis",))
def _along(
    middle: jax.Array, knots: jax.Array, begin: jax.Array, *, axis: int
) -> tuple[jax.Array, jax.Array]:
    """Return where to look along one axis, the other scales in the middle."""
    members, count = len(middle), knots.shape[-1]
    points = jnp.repeat(middle[:, None], count, axis=1)
    points = points.at[:, :, axis].set(jnp.broadcast_to(knots[..., axis, :], (members, count)))
    return points, jnp.repeat(begin, count, axis=1)


@kept(static=("axis",))
def _moved(
    first: jax.Array, seen: Conditional, knots: jax.Array, middle: jax.Array, *, axis: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return knots and medians after a look, and the conditional mode at each one's best knot."""
    placed = _place(first[axis], seen.log_marginal)
    best = jnp.argmax(seen.log_marginal, axis=1)
    begin = seen.mean[jnp.arange(len(best)), best]
    knots = knots.at[:, axis].set(placed)
    return knots, middle.at[:, axis].set(placed[:, _MIDDLE]), begin[:, None]


@partial(jax.vmap, in_axes=(None, 0))
def _place(first: jax.Array, log_marginal: jax.Array) -> jax.Array:
    """Return knots at quantiles of the first look, and one beyond each end."""
    density = grid_density(first, log_marginal)
    inner = jax.vmap(density.quantile)(jnp.asarray(QUANTILES))
    return jnp.concatenate([inner[:1] - _BEYOND[0], inner, inner[-1:] + _BEYOND[1]])


@kept()
def _joined(knots: jax.Array, looks: list[Conditional]) -> Proposal:
    along: Conditional = jax.tree.map(lambda *parts: jnp.stack(parts, axis=1), *looks)
    return Proposal(knots, along, jax.tree.map(lambda part: part[:, 0, _MIDDLE], along))


@kept()
def _without_scales(only: Conditional) -> Proposal:
    centre: Conditional = jax.tree.map(lambda part: part[:, 0], only)
    members = len(centre.log_marginal)
    empty = jax.tree.map(lambda part: jnp.zeros((members, 0, *part.shape[1:])), only)
    return Proposal(jnp.zeros((members, 0, 1)), empty, centre)


@kept()
def _log_evidence(knots: jax.Array, along: Conditional, centre: Conditional) -> jax.Array:
    height = along.log_marginal - centre.log_marginal[:, None, None]
    mass = jax.vmap(jax.vmap(lambda y, f: grid_density(y, f).log_mass))(knots, height)
    return centre.log_marginal + mass.sum(axis=-1)
