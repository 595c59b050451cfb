"""True values of the targets in each simulated trial, from its parameters."""

from collections.abc import Callable, Sequence
from typing import Final

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.spec.rules import Quantity
from bayes_ihlrt.spec.trial import TreatmentStart, TrialDesign
from bayes_ihlrt.trials.patients import transformed
from bayes_ihlrt.trials.quantities import Reading, Target
from bayes_ihlrt.trials.truth import Truth, TruthSource

Floats = NDArray[np.float64]
_STARTS: Final = 40
"""Times of an on-demand start, at equal shares, that survival is averaged over."""

type TrueValues = Callable[[Truth, Sequence[Reading]], jax.Array]
"""Parameters of one trial, and where targets are read, to their true values, shape (targets,)."""


def true_values(design: TrialDesign, source: TruthSource, wanted: Sequence[Target]) -> TrueValues:
    """Return the function from a trial's parameters to the true values of its targets.

    A hazard ratio has a true value where one number describes the effect of assignment: treatment
    from randomisation on, its effect not depending on time; or no effect. Elsewhere it is NaN.

    Parameters
    ----------
    design : TrialDesign
        The design.
    source : TruthSource
        The scenario.
    wanted : sequence of Target
        The targets; of each the kind alone.

    Returns
    -------
    callable
        For one trial.
    """
    ratios = [target.kind is Quantity.HAZARD_RATIO for target in wanted]

    def found(truth: Truth, where: Sequence[Reading]) -> jax.Array:
        return jnp.stack(
            [
                (_true_log_ratio if ratio else _true_difference)(design, source, truth, at)
                for ratio, at in zip(ratios, where, strict=True)
            ]
        )

    return found


def _true_log_ratio(
    design: TrialDesign, source: TruthSource, truth: Truth, at: Reading
) -> jax.Array:
    proportional = design.treatment.start is TreatmentStart.RANDOMISATION and not source.cuts
    z = transformed(at.modifier[0], design)
    return jnp.where(
        proportional | ((truth.effect == 0.0) & (truth.interaction == 0.0)).all(),
        truth.effect[0] + truth.interaction[0] * z,
        jnp.nan,
    )


def _true_difference(
    design: TrialDesign, source: TruthSource, truth: Truth, at: Reading
) -> jax.Array:
    starts, shares = _starts(design)
    z = transformed(at.modifier, design)
    treated = true_survival(source.hazard, source.cuts, truth, z=z, starts=starts, times=at.times)
    never = np.array([np.inf])
    control = true_survival(source.hazard, source.cuts, truth, z=z, starts=never, times=at.times)
    gained = jnp.asarray(shares) @ treated.mean(axis=1) - control[0].mean(axis=0)
    return at.weights @ gained


def _starts(design: TrialDesign) -> tuple[Floats, Floats]:
    """Times from randomisation to treatment and their shares."""
    treatment = design.treatment
    if treatment.start is TreatmentStart.RANDOMISATION or treatment.median_months is None:
        return np.zeros(1), np.ones(1)
    share = (np.arange(_STARTS) + 0.5) / _STARTS
    months = treatment.after - treatment.median_months / np.log(2.0) * np.log1p(-share)
    shares = np.full(_STARTS, treatment.share / _STARTS)
    return np.append(months, np.inf), np.append(shares, 1.0 - treatment.share)


def true_survival(
    hazard: Hazard,
    cuts: tuple[float, ...],
    truth: Truth,
    *,
    z: jax.Array,
    starts: Floats,
    times: jax.Array | Floats,
) -> jax.Array:
    """Return survival of patients who start treatment at given times.

    Parameters
    ----------
    hazard : Hazard
        Control hazard at z = 0.
    cuts : tuple of float
        Ends of the periods of the effect but the last, months since treatment began.
    truth : Truth
        Parameters of one trial.
    z : array, shape (Z,)
        Modifier on the scale of the effects.
    starts : ndarray, shape (U,)
        Months from randomisation to treatment; infinite for never.
    times : array, shape (T,)
        Months since randomisation.

    Returns
    -------
    array, shape (U, Z, T)
        Survival probabilities.
    """
    ends = np.stack([starts + cut for cut in (0.0, *cuts)])
    edges = np.concatenate([np.zeros((1, len(starts))), ends, np.full((1, len(starts)), np.inf)])
    effects = truth.effect[:, None] + truth.interaction[:, None] * z
    log_ratios = jnp.concatenate([jnp.zeros((1, len(z))), effects])
    total = jnp.zeros((len(starts), len(z), len(times)))
    for piece in range(len(edges) - 1):
        low, high = (jnp.minimum(edges[piece + k][:, None], times) for k in (0, 1))
        basis = hazard.increment_basis(jnp, low.ravel(), high.ravel())
        spent = hazard.cumulative_hazard(jnp, basis, truth.theta).reshape(len(starts), 1, -1)
        total = total + jnp.exp(log_ratios[piece] + truth.modifier * z)[:, None] * spent
    return jnp.exp(-total)
