"""Event times under hazards that change when treatment starts and as it acts, on arrays."""

import jax
import jax.numpy as jnp

from bayes_ihlrt.hazards import Hazard
from bayes_ihlrt.trials.truth import Truth


def event_times(
    hazard: Hazard,
    cuts: tuple[float, ...],
    truth: Truth,
    *,
    z: jax.Array,
    start: jax.Array,
    target: jax.Array,
) -> jax.Array:
    """Return when each patient's cumulative hazard reaches its target.

    The hazard is h0(t) exp(b z), from the start u of treatment on times exp(effect_k + z
    interaction_k), with k the period that t - u lies in.

    Parameters
    ----------
    hazard : Hazard
        Control hazard at z = 0.
    cuts : tuple of float
        Ends of the periods but the last, months since `start`.
    truth : Truth
        Parameters of the trial.
    z : array, shape (N,)
        Modifier on the scale of the effects.
    start : array, shape (N,)
        Months from randomisation to treatment; infinite for never.
    target : array, shape (N,)
        Standard exponential variates.

    Returns
    -------
    array, shape (N,)
        Months since randomisation; infinite where the hazard never reaches the target.
    """
    count = len(z)
    edges = jnp.stack([jnp.zeros(count), *(start + cut for cut in (0.0, *cuts))])
    effects = truth.effect[:, None] + truth.interaction[:, None] * z
    ratios = jnp.exp(truth.modifier * z + jnp.concatenate([jnp.zeros((1, count)), effects]))
    begin = edges[0]
    left = target
    time = jnp.full(count, jnp.inf)
    for piece in range(len(edges)):
        last = piece == len(edges) - 1
        end = jnp.full(count, jnp.inf) if last else edges[piece + 1]
        finite = jnp.where(jnp.isfinite(begin), begin, 0.0)
        reached = hazard.time_at(jnp, finite, left / ratios[piece], truth.theta)
        here = (left >= 0.0) & (reached <= end) & jnp.isfinite(begin) & jnp.isinf(time)
        time = jnp.where(here, reached, time)
        if not last:
            close = jnp.where(jnp.isfinite(end), end, finite)
            basis = hazard.increment_basis(jnp, finite, close)
            spent = hazard.cumulative_hazard(jnp, basis, truth.theta) * ratios[piece]
            left = jnp.maximum(left - spent, 0.0)
            begin = end
    return time
