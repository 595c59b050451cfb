"""Predictive probability of success and conditional power, by simulating the remaining data.

A continuation keeps what a look has seen and simulates the rest from the analysis model: event
times of those still followed, given that they were event-free so far; from the design, patients who
are yet to come and losses. Parameters come from the normal approximation, or along the profile
where events are few (`marginals`). The last look's efficacy rule is applied to the whole. Looks in
between are not asked: it is the probability of success at the end, of the trial as planned where it
was not enlarged, whatever a rule may still make of it, and as enlarged where it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from bayes_ihlrt.batch.profile import Path
from bayes_ihlrt.batch.profile import draw as draw_along
from bayes_ihlrt.spec.rules import Quantity, Rule, Sample
from bayes_ihlrt.spec.scenario import Pattern
from bayes_ihlrt.spec.trial import TrialDesign
from bayes_ihlrt.trials.analysis import TrialAnalysis, posteriors
from bayes_ihlrt.trials.decisions import holds
from bayes_ihlrt.trials.patients import (
    Patients,
    covariates,
    first_patients,
    invert_accrual,
    randomise,
)
from bayes_ihlrt.trials.quantities import statements
from bayes_ihlrt.trials.schedule import schedule
from bayes_ihlrt.trials.stages import Seen, Stage, look_times, see, without_newcomers
from bayes_ihlrt.trials.streams import Stream, stream, trial_key

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AtStage:
    """What a stage knows of a block of trials.

    Parameters
    ----------
    trials : ndarray of int, shape (trials,)
        Their numbers.
    patients : Patients, leading axis trials
        On the path of the stage.
    seen : Seen, leading axis trials
        What the stage sees of them.
    mean, factor : ndarray, leading axis trials
        Normal approximations of their posteriors, unconstrained.
    followed : ndarray of bool, shape (trials,)
        Whose posterior was followed along its profile, and is drawn from there.
    members : mapping of str to array, leading axis trials
        The graph's arrays of the stage.
    """

    trials: NDArray[np.int64]
    patients: Patients
    seen: Seen
    mean: Floats
    factor: Floats
    followed: NDArray[np.bool_]
    members: Mapping[str, jax.Array]


def future_probability(
    analysis: TrialAnalysis, stage: Stage, rule: Rule, known: AtStage, *, seed: int
) -> Floats:
    """Return the share of continuations that succeed.

    Parameters
    ----------
    analysis : TrialAnalysis
        The design and its model.
    stage : Stage
        Where the trials are.
    rule : Rule
        Predictive probability or conditional power.
    known : AtStage
        What is known there.
    seed : int
        The plan's seed.

    Returns
    -------
    ndarray, shape (trials,)
        NaN where the stage's own fit failed.
    """
    design = analysis.design
    last = design.looks[-1]
    enriched = stage.enriched and last.efficacy_enriched
    rules = last.efficacy_enriched if enriched else last.efficacy
    continuation = _continuation(analysis, stage, rule.statement)
    path = None
    if rule.quantity is Quantity.PREDICTIVE and known.followed.any():
        centres = (known.mean, known.factor)
        along = analysis.marginals.paths(known.members, centres, analysis.readings)
        path = (jnp.asarray(known.followed), along)
    posterior = (jnp.asarray(known.mean), jnp.asarray(known.factor), path)
    won = np.zeros(len(known.trials))
    for number in range(rule.draws):
        members = continuation(
            jnp.asarray(known.trials),
            jnp.asarray(number),
            jnp.asarray(seed),
            (known.patients, known.seen, posterior),
        )
        found = posteriors(analysis, members, seed=seed, chunk=len(known.trials))
        won += holds(rules, found["probability"], statements(design))
    lost = ~np.isfinite(known.mean).all(axis=1)
    return np.where(lost, np.nan, won / rule.draws)


type _Posterior = tuple[jax.Array, jax.Array, tuple[jax.Array, Path] | None]
"""Modes, Cholesky factors; where some were followed, which ones, and profiles of all."""
type _Known = tuple[Patients, Seen, _Posterior]


@lru_cache(maxsize=32)
def _continuation(
    analysis: TrialAnalysis, stage: Stage, rule: Rule
) -> Callable[[jax.Array, jax.Array, jax.Array, _Known], dict[str, jax.Array]]:
    design = analysis.design
    last, numbers = len(design.looks) - 1, stage.schedule(schedule(design))

    def one(
        trial: jax.Array, draw: jax.Array, seed: jax.Array, known: _Known
    ) -> dict[str, jax.Array]:
        patients, seen, posterior = known
        key = jax.random.fold_in(stream(trial_key(seed, trial), Stream.FUTURE), draw)
        of_position, of_rest = jax.random.split(jax.random.fold_in(key, stage.look))
        predicts = rule.quantity is Quantity.PREDICTIVE
        position = _drawn(of_position, posterior) if predicts else posterior[0]
        values = analysis.engine.density.constrained(
            position, analysis.engine.density.with_overrides({})
        )
        if rule.assumed_hr is not None:
            values = {**values, design.treatment.name: jnp.log(rule.assumed_hr)}
        everybody = newcomers(of_rest, design, patients, seen, switch=stage.switch)
        if design.extension is not None:
            everybody = first_patients(everybody, numbers.patients)
        if rule.sample is Sample.CURRENT:
            everybody = without_newcomers(everybody, seen.time)
        whole = followed_on(of_rest, analysis, everybody, seen, values)
        time = jnp.maximum(look_times(whole, design, numbers)[last], seen.time)
        return analysis.members(whole, see(whole, time))

    found: Callable[[jax.Array, jax.Array, jax.Array, _Known], dict[str, jax.Array]] = jax.jit(
        jax.vmap(one, in_axes=(0, None, None, 0))
    )
    return found


def _drawn(key: jax.Array, posterior: _Posterior) -> jax.Array:
    """Draw parameters of one trial."""
    mean, factor, path = posterior
    normal = jax.random.normal(key, mean.shape)
    position = mean + factor @ normal
    if path is None:
        return position
    followed, profile = path
    exact = draw_along(profile, jax.scipy.special.ndtr(normal[0]), normal[1:])
    return jnp.where(followed, exact, position)


def newcomers(
    key: jax.Array, design: TrialDesign, patients: Patients, seen: Seen, *, switch: float | None
) -> Patients:
    """Replace patients who are yet to come by others from the design.

    Parameters
    ----------
    key : array
        Random key.
    design : TrialDesign
        The design.
    patients : Patients
        Of one trial.
    seen : Seen
        What is known of them.
    switch : float or None
        Value of the modifier that enrolment was restricted to.

    Returns
    -------
    Patients
        Those who are enrolled as they are, the others drawn anew.
    """
    of_arrival, of_modifier = jax.random.split(stream(key, Stream.ARRIVAL))
    population, count = design.population, len(patients.arrival)
    cuts = [population.enrol_from, switch]
    cut = max((value for value in cuts if value is not None), default=0.0)
    low = 0.0
    if cut > 0.0 and population.log_sd > 0.0:
        low = float(ndtr(np.log(cut / population.median) / population.log_sd))
    here = seen.exposure == 1.0
    steps = jnp.where(here, 0.0, jax.random.exponential(of_arrival, (count,)))
    if design.accrual.pattern is Pattern.EVEN:
        steps = jnp.where(here, 0.0, 1.0)
    arrival = invert_accrual(design.accrual, jnp.cumsum(steps) / (1.0 - low), after=seen.time)
    uniform = low + jax.random.uniform(of_modifier, (count,)) * (1.0 - low)
    normal = jax.scipy.special.ndtri(uniform)
    modifier = population.median * jnp.exp(population.log_sd * normal)
    modifier = jnp.where(here, patients.modifier, modifier)
    others = covariates(key, design, normal)
    arm = randomise(stream(key, Stream.BLOCKS), modifier, design.arms)
    return patients._replace(
        arrival=jnp.where(here, patients.arrival, arrival),
        modifier=modifier,
        arm=jnp.where(here, patients.arm, arm),
        covariates={
            name: jnp.where(here, own, others[name]) for name, own in patients.covariates.items()
        },
    )


def followed_on(
    key: jax.Array,
    analysis: TrialAnalysis,
    patients: Patients,
    seen: Seen,
    values: dict[str, jax.Array],
) -> Patients:
    """Keep what was seen and simulate the rest of every follow-up.

    Parameters
    ----------
    key : array
        Random key.
    analysis : TrialAnalysis
        The design's model.
    patients : Patients
        Of one trial, newcomers included.
    seen : Seen
        What is known of them.
    values : dict of str to array
        Parameters on their own scale.

    Returns
    -------
    Patients
        With events and losses from where follow-up stands.
    """
    design, hazard = analysis.design, analysis.prepared.hazard
    columns = analysis.prepared.encoder.columns
    theta = {name: values[name] for name in hazard.parameters}
    coefficients = jnp.stack([jnp.asarray(values[name]) for name in columns])
    eta = analysis.members(patients, seen)["design"] @ coefficients
    target = jax.random.exponential(stream(key, Stream.SURVIVAL), patients.arrival.shape)
    event = hazard.time_at(jnp, seen.stop, target * jnp.exp(-eta), theta)
    rates = -np.log1p(-np.array([design.dropout.control, design.dropout.treated]))
    rate = jnp.where(patients.arm == 1.0, rates[1], rates[0]) / design.dropout.by
    wait = jax.random.exponential(stream(key, Stream.DROPOUT), patients.arrival.shape)
    dropout = jnp.where(rate > 0.0, seen.stop + wait / jnp.where(rate > 0.0, rate, 1.0), jnp.inf)
    if design.max_follow_up is not None:
        dropout = jnp.minimum(dropout, design.max_follow_up)
    here = seen.exposure == 1.0
    happened = seen.event == 1.0
    lost = here & ~happened & (patients.dropout <= seen.time - patients.arrival)
    return patients._replace(
        event=jnp.where(happened, patients.event, jnp.where(lost, jnp.inf, event)),
        dropout=jnp.where(happened | lost, patients.dropout, dropout),
    )
