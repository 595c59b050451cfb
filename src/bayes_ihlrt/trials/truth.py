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
    covariates : mapping of str to array
        Log hazard ratio per unit of each prognostic covariate that has one.
    centre_sd : array or float, scalar
        Sd of the log hazard over centres.
    pace : array or float, scalar
        Patients a month, of those that the design plans.
    external : array or float, scalar
        Log hazard ratio of external controls to the trial's.
    """

    theta: Mapping[str, jax.Array]
    modifier: jax.Array
    effect: jax.Array
    interaction: jax.Array
    covariates: Mapping[str, jax.Array] = {}
    centre_sd: jax.Array | float = 0.0
    pace: jax.Array | float = 1.0
    external: jax.Array | float = 0.0


class Spread(NamedTuple):
    """A design prior around fixed parameters: how they differ from trial to trial.

    Parameters
    ----------
    log_hr, interaction : float
        Sds of the effect and of its change per unit of the modifier, in periods in which treatment
        acts.
    no_effect : float
        Probability that treatment does nothing.
    log_median : float
        Sd of the log of the control median.
    log_pace : float
        Sd of the log of the pace of accrual.
    """

    log_hr: float | jax.Array = 0.0
    interaction: float | jax.Array = 0.0
    no_effect: float | jax.Array = 0.0
    log_median: float | jax.Array = 0.0
    log_pace: float | jax.Array = 0.0


NO_SPREAD: Final = Spread()
"""Every trial has the same parameters."""

type Numbers = tuple[Truth, Spread]
"""What differs between scenarios that share a compiled simulation."""


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
    spread : Spread
        Normal design prior around `fixed`.
    """

    hazard: Hazard
    cuts: tuple[float, ...]
    fixed: Truth
    drawn: bool = False
    spread: Spread = NO_SPREAD

    @property
    def varies(self) -> bool:
        """Whether trials differ in their parameters."""
        return self.drawn or any(self.spread[:4])

    @property
    def numbers(self) -> Numbers:
        """What `of_trial` reads: parameters, and the standard deviations of a design prior."""
        return self.fixed, Spread(*map(jnp.asarray, self.spread))

    def of_trial(self, key: jax.Array, numbers: Numbers) -> Truth:
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
        fixed, spread = numbers
        own = jax.random.fold_in(key, _OF_TRUTH)
        of_draw, of_effect, of_interaction = jax.random.split(own, 3)
        of_pace, of_median, of_nothing = jax.random.split(jax.random.fold_in(own, 1), 3)
        pace = fixed.pace * jnp.exp(spread.log_pace * jax.random.normal(of_pace))
        if self.drawn:
            index = jax.random.randint(of_draw, (), 0, len(fixed.modifier))
            theta, modifier, effect, tilt = jax.tree.map(lambda each: each[index], fixed[:4])
            return Truth(theta, modifier, effect, tilt, pace=pace)
        acts = _acts(fixed.effect)
        some = jax.random.uniform(of_nothing) >= spread.no_effect
        effect = fixed.effect + acts * spread.log_hr * jax.random.normal(of_effect)
        tilt = fixed.interaction + acts * spread.interaction * jax.random.normal(of_interaction)
        return fixed._replace(
            theta=_longer(fixed.theta, spread.log_median * jax.random.normal(of_median)),
            effect=jnp.where(some, effect, 0.0),
            interaction=jnp.where(some, tilt, 0.0),
            pace=pace,
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
    pace = scenario.accrual
    if scenario.control is None:
        if prior is None or scenario.posterior is None:
            problem = "its truth is a fitted cohort's posterior, and no draws were given"
            remedy = "Pass them as design_priors, or run the plan by `plan`, which fits the cohort"
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
        drawn = drawn._replace(pace=jnp.asarray(pace.ratio))
        return TruthSource(prior.hazard, (), drawn, drawn=True, spread=Spread(log_pace=pace.log_sd))
    effect = scenario.effect
    fixed = Truth(
        {name: jnp.asarray(value) for name, value in scenario.control.parameters().items()},
        jnp.asarray(np.log(effect.modifier_hr)),
        jnp.asarray(np.log(effect.hr)),
        np.log(effect.interaction_hr) * _acts(jnp.asarray(np.log(effect.hr))),
        {name: jnp.asarray(np.log(ratio)) for name, ratio in sorted(effect.covariate_hr.items())},
        jnp.asarray(effect.centre_sd),
        jnp.asarray(pace.ratio),
        jnp.asarray(np.log(effect.external_hr)),
    )
    spread = Spread(
        effect.log_hr_sd,
        effect.interaction_sd,
        effect.no_effect,
        scenario.control.log_median_sd,
        pace.log_sd,
    )
    return TruthSource(scenario.control.hazard, effect.cuts, fixed, spread=spread)


def _longer(theta: Mapping[str, jax.Array], log_ratio: jax.Array) -> dict[str, jax.Array]:
    """Return a control hazard whose median is longer by a factor."""
    if "log_hazard" in theta:
        return {**theta, "log_hazard": theta["log_hazard"] - log_ratio}
    shape = jnp.exp(theta["log_shape"])
    return {**theta, "log_rate": theta["log_rate"] - shape * log_ratio}


def _acts(log_hr: jax.Array) -> jax.Array:
    """Periods in which treatment acts: those with an effect, or all if none has."""
    acting = log_hr != 0.0
    return jnp.where(acting.any(), acting, True).astype(float)  # noqa: FBT003 - every period acts
