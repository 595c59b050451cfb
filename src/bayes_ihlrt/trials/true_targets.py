"""True values of the targets in each simulated trial, from its parameters."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.spec.rules import Quantity
from bayes_ihlrt.spec.scenario import Analysed, TreatmentStart
from bayes_ihlrt.spec.trial import CENTRE, TrialDesign
from bayes_ihlrt.trials.patients import arm_starts, transformed
from bayes_ihlrt.trials.quantities import Reading, Target
from bayes_ihlrt.trials.truth import Truth, TruthSource

Floats = NDArray[np.float64]

type TrueValues = Callable[[Truth, Sequence[Reading]], jax.Array]
"""Parameters of one trial, and where targets are read, to their true values, shape (targets,)."""


def true_values(design: TrialDesign, source: TruthSource, wanted: Sequence[Target]) -> TrueValues:
    """Return the function from a trial's parameters to the true values of its targets.

    A hazard ratio has a true value where one number describes what the analysis asks for, in the
    period that it is read of: the effect of assignment where treatment starts at randomisation and
    no control crosses over, that of treatment as treated; or no effect. Elsewhere it is NaN.
    Survival and months are averaged over starts of treatment, covariates and centres: as assigned
    with controls as they are, crossover included, as treated with controls none of whom get it.

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
    periods = [
        _period(design, source, target) if ratio else None
        for target, ratio in zip(wanted, ratios, strict=True)
    ]

    def found(truth: Truth, where: Sequence[Reading]) -> jax.Array:
        return jnp.stack(
            [
                _true_log_ratio(design, period, truth, at)
                if ratio
                else _true_difference(design, source, truth, at)
                for ratio, period, at in zip(ratios, periods, where, strict=True)
            ]
        )

    return found


def _period(design: TrialDesign, source: TruthSource, target: Target) -> int | None:
    """Period of the truth that holds the analysis' one; None where no single one does."""
    treatment = design.treatment
    at_once = treatment.start is TreatmentStart.RANDOMISATION and treatment.crossover is None
    if treatment.analysed is Analysed.ASSIGNED and not at_once:
        return None
    begin = target.from_month or 0.0
    end = next((cut for cut in treatment.periods if cut > begin), np.inf)
    edges = [0.0, *source.cuts, np.inf]
    held = [k for k in range(len(edges) - 1) if edges[k] <= begin and end <= edges[k + 1]]
    return held[0] if held else None


def _true_log_ratio(
    design: TrialDesign, period: int | None, truth: Truth, at: Reading
) -> jax.Array:
    place = period or 0
    z = transformed(at.modifier[0], design)
    return jnp.where(
        (period is not None) | ((truth.effect == 0.0) & (truth.interaction == 0.0)).all(),
        truth.effect[place] + truth.interaction[place] * z,
        jnp.nan,
    )


def _true_difference(
    design: TrialDesign, source: TruthSource, truth: Truth, at: Reading
) -> jax.Array:
    z = transformed(at.modifier, design)
    eta = jnp.zeros(len(at.modifier))
    for name, log_ratio in truth.covariates.items():
        eta = eta + log_ratio * at.covariates[name]
    if design.population.centres is not None:
        eta = eta + truth.centre_sd * at.covariates[CENTRE]
    treated, control = (
        jnp.asarray(shares)
        @ true_survival(
            source.hazard, source.cuts, truth, z=z, starts=starts, times=at.times, eta=eta
        ).mean(axis=1)
        for starts, shares in arm_starts(design)
    )
    return at.weights @ (treated - control)


def true_survival(
    hazard: Hazard,
    cuts: tuple[float, ...],
    truth: Truth,
    *,
    z: jax.Array,
    starts: Floats,
    times: jax.Array | Floats,
    eta: jax.Array | float = 0.0,
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
    eta : array, shape (Z,)
        Log hazard that covariates and centres add.

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
        total = total + jnp.exp(log_ratios[piece] + truth.modifier * z + eta)[:, None] * spent
    return jnp.exp(-total)
