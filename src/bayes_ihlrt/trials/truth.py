"""From a scenario to the parameters of each simulated trial, on arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.spec.scenario import ScenarioSpec

Floats = NDArray[np.float64]
_OF_TRUTH: Final = 1_000_003
"""Folded into a trial's key for its parameters, apart from its patients' streams."""


class Truth(NamedTuple):
    """Parameters of one trial; with a leading axis, of several.

    Parameters
    ----------
    theta : mapping of str to array
        Parameters of the control hazard at the reference value of the modifier.
    modifier : array, scalar
        Log hazard ratio per unit of the modifier, control.
    effect : array, shape (K,)
        Log hazard ratio of treatment at the reference, by period since it began.
    interaction : array, shape (K,)
        Change of the effect per unit of the modifier, by period.
    """

    theta: Mapping[str, jax.Array]
    modifier: jax.Array
    effect: jax.Array
    interaction: jax.Array


@dataclass(frozen=True)
class PriorSource:
    """The cohort that a design prior was fitted to.

    Parameters
    ----------
    data : str
        Data file, or name of a packaged data set.
    synthetic : bool
        Whether it was simulated: no patient is in it.
    fingerprint : str
        Of the cohort.
    """

    data: str
    synthetic: bool
    fingerprint: str


@dataclass(frozen=True, eq=False)
class DesignPrior:
    """Draws of a posterior that serve as truths.

    Parameters
    ----------
    hazard : Hazard
        Baseline hazard of the fitted model.
    theta : mapping of str to ndarray, shape (draws, ...)
        Its parameters, for an average untreated patient at the reference.
    modifier, effect, interaction : ndarray, shape (draws,)
        Log hazard ratios.
    source : PriorSource, optional
        Where the draws come from; None where nobody said.
    """

    hazard: Hazard
    theta: Mapping[str, Floats]
    modifier: Floats
    effect: Floats
    interaction: Floats
    source: PriorSource | None = None


@dataclass(frozen=True, eq=False)
class TruthSource:
    """Where the parameters of each trial come from.

    `hazard`, `cuts` and `drawn` are compiled in; `numbers` may change without compiling again.

    Parameters
    ----------
    hazard : Hazard
        Family of the control hazard.
    cuts : tuple of float
        Months since the start of treatment at which its effect changes.
    fixed : Truth
        Parameters; with a leading axis of draws where `drawn`.
    drawn : bool
        Each trial takes one of the draws at random.
    log_hr_sd, interaction_sd : float
        Normal design prior around `fixed`, in periods in which treatment acts.
    """

    hazard: Hazard
    cuts: tuple[float, ...]
    fixed: Truth
    drawn: bool = False
    log_hr_sd: float = 0.0
    interaction_sd: float = 0.0

    @property
    def varies(self) -> bool:
        """Whether trials differ in their parameters."""
        return self.drawn or self.log_hr_sd > 0.0 or self.interaction_sd > 0.0

    @property
    def numbers(self) -> "tuple[Truth, jax.Array, jax.Array]":
        """What `of_trial` reads: parameters, and the standard deviations of a design prior."""
        return self.fixed, jnp.asarray(self.log_hr_sd), jnp.asarray(self.interaction_sd)

    def of_trial(self, key: jax.Array, numbers: "tuple[Truth, jax.Array, jax.Array]") -> Truth:
        """Return the parameters of one trial.

        Parameters
        ----------
        key : array
            The trial's random key.
        numbers : tuple
            `numbers` of this source, or of one that differs in nothing else.

        Returns
        -------
        Truth
            Without leading axis.
        """
        fixed, log_hr_sd, interaction_sd = numbers
        of_draw, of_effect, of_interaction = jax.random.split(jax.random.fold_in(key, _OF_TRUTH), 3)
        if self.drawn:
            index = jax.random.randint(of_draw, (), 0, len(fixed.modifier))
            drawn: Truth = jax.tree.map(lambda values: values[index], fixed)
            return drawn
        acts = _acts(fixed.effect)
        shift = log_hr_sd * jax.random.normal(of_effect)
        tilt = interaction_sd * jax.random.normal(of_interaction)
        return fixed._replace(
            effect=fixed.effect + acts * shift, interaction=fixed.interaction + acts * tilt
        )


def truth_source(scenario: ScenarioSpec, prior: DesignPrior | None = None) -> TruthSource:
    """Turn a scenario into arrays.

    Parameters
    ----------
    scenario : ScenarioSpec
        The truth.
    prior : DesignPrior, optional
        Draws of the posterior that the scenario names.

    Returns
    -------
    TruthSource
        Gives each trial its parameters.

    Raises
    ------
    SpecificationError
        The scenario names a posterior, and its draws were not given.
    """
    if scenario.control is None:
        if prior is None or scenario.posterior is None:
            problem = "its truth is a fitted cohort's posterior, and no draws were given"
            remedy = "Pass them as design_priors, or run the plan from the command line"
            raise SpecificationError(
                f"scenario {scenario.name}", [Fault("posterior", problem, remedy)]
            )
        shift = np.log(scenario.posterior.ratio)
        drawn = Truth(
            {name: jnp.asarray(values) for name, values in prior.theta.items()},
            jnp.asarray(prior.modifier),
            jnp.asarray(prior.effect[:, None] + shift),
            jnp.asarray(prior.interaction[:, None]),
        )
        return TruthSource(prior.hazard, (), drawn, drawn=True)
    effect = scenario.effect
    fixed = Truth(
        {name: jnp.asarray(value) for name, value in scenario.control.parameters().items()},
        jnp.asarray(np.log(effect.modifier_hr)),
        jnp.asarray(np.log(effect.hr)),
        np.log(effect.interaction_hr) * _acts(jnp.asarray(np.log(effect.hr))),
    )
    return TruthSource(
        scenario.control.hazard,
        effect.cuts,
        fixed,
        log_hr_sd=effect.log_hr_sd,
        interaction_sd=effect.interaction_sd,
    )


def _acts(log_hr: jax.Array) -> jax.Array:
    """Periods in which treatment acts: those with an effect, or all if none has."""
    acting = log_hr != 0.0
    return jnp.where(acting.any(), acting, True).astype(float)  # noqa: FBT003 - every period acts
