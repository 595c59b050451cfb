"""A density whose log is linear between knots and beyond them: sampled and evaluated exactly.

Between knots y_k and y_(k+1) the mass is h (e^b - e^a) / (b - a), with h the distance and a, b the
log densities at the ends; beyond the outermost knots the density falls exponentially.
"""

from typing import Final, NamedTuple

import jax
import jax.numpy as jnp

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
