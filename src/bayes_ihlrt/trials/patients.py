"""Patients of one simulated trial on arrays: arrival, permuted blocks, treatment and event times.

Every function is for one trial and is vmapped.
"""

from itertools import combinations
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, norm

from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.names import ModifierTransform
from bayes_ihlrt.spec.trial import AccrualSpec, ArmsSpec, Pattern, TreatmentStart, TrialDesign
from bayes_ihlrt.trials.schedule import Schedule
from bayes_ihlrt.trials.streams import Stream, stream
from bayes_ihlrt.trials.truth import Truth, TruthSource


def arrivals(key: jax.Array, accrual: AccrualSpec, count: int) -> jax.Array:
    """Invert the cumulative rate at the points of a process of rate 1."""
    if accrual.pattern is Pattern.POISSON:
        units = jnp.cumsum(jax.random.exponential(key, (count,)))
    else:
        units = jnp.arange(count) + 0.5
    return invert_accrual(accrual, units)


def invert_accrual(
    accrual: AccrualSpec, units: jax.Array, *, after: jax.Array | float = 0.0
) -> jax.Array:
    """Return the months at which the expected number of arrivals since `after` reaches `units`.

    Parameters
    ----------
    accrual : AccrualSpec
        Rates, patients per month.
    units : array, shape (N,)
        Expected arrivals.
    after : array, scalar
        Month from which they are counted.

    Returns
    -------
    array, shape (N,)
        Months since the trial opened.
    """
    edges = np.concatenate([[0.0], accrual.cuts])
    reached = np.concatenate([[0.0], np.cumsum(np.diff(edges) * accrual.rates[:-1])])
    rates = jnp.asarray(accrual.rates)
    begun = jnp.searchsorted(jnp.asarray(edges), jnp.asarray(after), side="right") - 1
    units = units + jnp.asarray(reached)[begun] + (after - jnp.asarray(edges)[begun]) * rates[begun]
    period = jnp.searchsorted(jnp.asarray(reached), units, side="right") - 1
    return jnp.asarray(edges)[period] + (units - jnp.asarray(reached)[period]) / rates[period]


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


Floats = NDArray[np.float64]


def randomise(key: jax.Array, modifier: jax.Array, arms: ArmsSpec) -> jax.Array:
    """Assign arms in permuted blocks, within strata where the design has them.

    Parameters
    ----------
    key : array
        Random key.
    modifier : array, shape (N,)
        Value of the modifier, which makes the strata.
    arms : ArmsSpec
        Allocation.

    Returns
    -------
    array, shape (N,)
        1 in the treated arm.
    """
    arrangements = jnp.asarray(_arrangements(arms))
    count = len(modifier)
    blocks = -(-count // arms.block)
    high = jnp.zeros(count, int)
    if arms.stratify_at is not None:
        high = (modifier >= arms.stratify_at).astype(int)
    position = jnp.where(high == 1, jnp.cumsum(high), jnp.cumsum(1 - high)) - 1
    uniform = jax.random.uniform(key, (blocks, 2))
    picked = jnp.minimum((uniform * len(arrangements)).astype(int), len(arrangements) - 1)
    block = picked[position // arms.block, high]
    return arrangements[block, position % arms.block]


def _arrangements(arms: ArmsSpec) -> Floats:
    """Every order of a block, each once, shape (orders, block)."""
    units = arms.block // (arms.control + arms.treated)
    places = combinations(range(arms.block), units * arms.treated)
    return np.asarray(
        [[float(place in chosen) for place in range(arms.block)] for chosen in places]
    )


_TOO_FEW = 1e-9
"""Probability, at most, that a trial does not find its patients among those simulated."""


class Screened(NamedTuple):
    """People who are screened, in order; all but `arrival` and `modifier` are standard variates.

    Parameters
    ----------
    arrival : array, shape (M,)
        Months since the trial opened.
    modifier : array, shape (M,)
        Value of the modifier.
    survival, dropout, start : array, shape (M,)
        Standard exponential.
    ever : array, shape (M,)
        Uniform.
    """

    arrival: jax.Array
    modifier: jax.Array
    survival: jax.Array
    dropout: jax.Array
    start: jax.Array
    ever: jax.Array


class Patients(NamedTuple):
    """Patients of one trial, in the order of enrolment.

    Parameters
    ----------
    arrival : array, shape (N,)
        Months since the trial opened; infinite where nobody was left to enrol.
    modifier, arm : array, shape (N,)
        Value of the modifier; 1 in the treated arm.
    start : array, shape (N,)
        Months from randomisation to treatment; infinite for never.
    event, dropout : array, shape (N,)
        Months from randomisation to the event and to loss, had nothing else come first.
    """

    arrival: jax.Array
    modifier: jax.Array
    arm: jax.Array
    start: jax.Array
    event: jax.Array
    dropout: jax.Array


def screened_count(design: TrialDesign) -> int:
    """Return how many people to simulate so that enough can be enrolled.

    Parameters
    ----------
    design : TrialDesign
        The design.

    Returns
    -------
    int
        Too few in less than one of 1e9 trials.
    """
    population = design.population
    cuts = [cut for cut in (population.enrol_from, population.switch_to) if cut is not None]
    if not cuts:
        return design.patients
    share = _share_above(max(cuts), population.median, population.log_sd)
    count = int(np.ceil(design.patients / share))
    while binom.cdf(design.patients - 1, count, share) > _TOO_FEW:
        count = int(np.ceil(1.05 * count))
    return count


def _share_above(cut: float, median: float, log_sd: float) -> float:
    if log_sd == 0.0:
        return float(median >= cut)
    return float(norm.sf((np.log(cut) - np.log(median)) / log_sd))


def screen(key: jax.Array, design: TrialDesign, count: int) -> Screened:
    """Simulate the people who are screened for one trial.

    Parameters
    ----------
    key : array
        The trial's key.
    design : TrialDesign
        The design.
    count : int
        From `screened_count`.

    Returns
    -------
    Screened
        In order of arrival.
    """
    population = design.population
    normal = jax.random.normal(stream(key, Stream.MODIFIER), (count,))
    exponential = {
        which: jax.random.exponential(stream(key, which), (count,))
        for which in (Stream.SURVIVAL, Stream.DROPOUT, Stream.START)
    }
    return Screened(
        arrival=arrivals(stream(key, Stream.ARRIVAL), design.accrual, count),
        modifier=population.median * jnp.exp(population.log_sd * normal),
        survival=exponential[Stream.SURVIVAL],
        dropout=exponential[Stream.DROPOUT],
        start=exponential[Stream.START],
        ever=jax.random.uniform(stream(key, Stream.EVER), (count,)),
    )


def enrol(
    key: jax.Array,
    people: Screened,
    truth: Truth,
    *,
    design: TrialDesign,
    numbers: Schedule,
    source: TruthSource,
    switch: jax.Array,
) -> Patients:
    """Enrol, randomise and follow the patients of one trial.

    Parameters
    ----------
    key : array
        The trial's key.
    people : Screened
        Who is screened.
    truth : Truth
        Parameters of the trial.
    design : TrialDesign
        The design, of as many patients as were compiled for.
    numbers : Schedule
        Its size and entry.
    source : TruthSource
        Hazard and periods of the effect.
    switch : array, scalar
        Month from which only patients above `switch_to` are enrolled; infinite for never.

    Returns
    -------
    Patients
        In order of enrolment.
    """
    chosen = _chosen(people, design, numbers, switch)
    arm = randomise(stream(key, Stream.BLOCKS), chosen.modifier, design.arms)
    start = jnp.where(arm == 1.0, _treatment_start(chosen, design), jnp.inf)
    z = transformed(chosen.modifier, design)
    event = event_times(source.hazard, source.cuts, truth, z=z, start=start, target=chosen.survival)
    rates = -np.log1p(-np.array([design.dropout.control, design.dropout.treated]))
    rate = jnp.where(arm == 1.0, rates[1], rates[0]) / design.dropout.by
    lost = chosen.dropout / jnp.where(rate > 0.0, rate, 1.0)
    dropout = jnp.where(rate > 0.0, lost, jnp.inf)
    if design.max_follow_up is not None:
        dropout = jnp.minimum(dropout, design.max_follow_up)
    return Patients(chosen.arrival, chosen.modifier, arm, start, event, dropout)


def transformed(modifier: jax.Array, design: TrialDesign) -> jax.Array:
    """Return the modifier on the scale of the effects: the model's, else doublings."""
    kind = ModifierTransform.LOG2 if design.modifier is None else design.modifier.transform
    if kind is ModifierTransform.LOG2:
        return jnp.log2(modifier / design.reference)
    return modifier - design.reference


def _chosen(
    people: Screened, design: TrialDesign, numbers: Schedule, switch: jax.Array
) -> Screened:
    """Return the first people who may be enrolled."""
    population = design.population
    if population.enrol_from is None and population.switch_to is None:
        return _first(people, numbers.patients)
    cut = numbers.enrol_from
    if population.switch_to is not None:
        cut = jnp.where(people.arrival < switch, cut, jnp.maximum(cut, population.switch_to))
    may = people.modifier >= cut
    index = jnp.nonzero(may, size=design.patients, fill_value=len(may) - 1)[0]
    chosen = jax.tree.map(lambda values: values[index], people)
    return _first(chosen, jnp.minimum(may.sum(), numbers.patients))


def _first(people: Screened, count: jax.Array) -> Screened:
    """Let nobody arrive after the first so many."""
    there = jnp.arange(len(people.arrival)) < count
    found: Screened = people._replace(arrival=jnp.where(there, people.arrival, jnp.inf))
    return found


def _treatment_start(people: Screened, design: TrialDesign) -> jax.Array:
    treatment = design.treatment
    if treatment.start is TreatmentStart.RANDOMISATION or treatment.median_months is None:
        return jnp.zeros(len(people.start))
    months = treatment.after + people.start * treatment.median_months / np.log(2.0)
    return jnp.where(people.ever < treatment.share, months, jnp.inf)
