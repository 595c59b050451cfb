"""Patients of one simulated trial on arrays: arrival, permuted blocks, treatment and event times.

Every function is for one trial and is vmapped.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import binom, norm

from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.names import ModifierTransform
from bayes_ihlrt.spec.scenario import (
    AccrualSpec,
    Analysed,
    CovariateSpec,
    CrossoverSpec,
    Pattern,
    TreatmentStart,
)
from bayes_ihlrt.spec.trial import (
    CENTRE,
    ArmsSpec,
    TrialDesign,
    strata_of,
)
from bayes_ihlrt.trials.schedule import Schedule
from bayes_ihlrt.trials.streams import Stream, stream
from bayes_ihlrt.trials.truth import Truth, TruthSource

Floats = NDArray[np.float64]


def arrivals(
    key: jax.Array, accrual: AccrualSpec, count: int, *, pace: jax.Array | float = 1.0
) -> jax.Array:
    """Invert the cumulative rate, `pace` times the planned one, at points of a unit process."""
    if accrual.pattern is Pattern.POISSON:
        units = jnp.cumsum(jax.random.exponential(key, (count,)))
    else:
        units = jnp.arange(count) + 0.5
    return invert_accrual(accrual, units / pace)


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
    edges, reached = _planned(accrual)
    rates = jnp.asarray(accrual.rates)
    begun = jnp.searchsorted(jnp.asarray(edges), jnp.asarray(after), side="right") - 1
    units = units + jnp.asarray(reached)[begun] + (after - jnp.asarray(edges)[begun]) * rates[begun]
    period = jnp.searchsorted(jnp.asarray(reached), units, side="right") - 1
    return jnp.asarray(edges)[period] + (units - jnp.asarray(reached)[period]) / rates[period]


def expected_arrivals(accrual: AccrualSpec, months: jax.Array) -> jax.Array:
    """Return the expected number of arrivals by some months: the inverse of `invert_accrual`.

    Parameters
    ----------
    accrual : AccrualSpec
        Rates, patients per month.
    months : array, shape (N,)
        Months since the trial opened.

    Returns
    -------
    array, shape (N,)
        Expected arrivals.
    """
    edges, reached = _planned(accrual)
    period = jnp.searchsorted(jnp.asarray(edges), months, side="right") - 1
    rates = jnp.asarray(accrual.rates)
    return jnp.asarray(reached)[period] + (months - jnp.asarray(edges)[period]) * rates[period]


def _planned(accrual: AccrualSpec) -> tuple[Floats, Floats]:
    """Return where each rate begins, and the arrivals that are expected by then."""
    edges = np.concatenate([[0.0], accrual.cuts])
    return edges, np.concatenate([[0.0], np.cumsum(np.diff(edges) * accrual.rates[:-1])])


def reopened(
    patients: "Patients", accrual: AccrualSpec, planned: jax.Array, at: jax.Array
) -> "Patients":
    """Return a trial whose patients beyond those planned come from some month on.

    Parameters
    ----------
    patients : Patients
        Of one trial, as many as it has once it is enlarged, as if that had been planned.
    accrual : AccrualSpec
        Rates, patients per month.
    planned : array, scalar int
        How many were planned.
    at : array, scalar
        Month in which the trial is enlarged.

    Returns
    -------
    Patients
        Where all who were planned had come before, nobody was screened in between: the others come
        as much later as accrual had paused, counted in expected arrivals. Where accrual was under
        way it goes on.
    """
    last = patients.arrival[planned - 1]
    pause = expected_arrivals(accrual, at) - expected_arrivals(accrual, last)
    later = invert_accrual(accrual, expected_arrivals(accrual, patients.arrival) + pause)
    beyond = (jnp.arange(len(patients.arrival)) >= planned) & (last < at)
    return patients._replace(arrival=jnp.where(beyond, later, patients.arrival))


type Strata = tuple[jax.Array, int]
"""Stratum of each patient, and the number of strata."""


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


def randomise(
    key: jax.Array, modifier: jax.Array, arms: ArmsSpec, *, within: Strata | None = None
) -> jax.Array:
    """Assign arms in permuted blocks, within strata where the design has them.

    Parameters
    ----------
    key : array
        Random key.
    modifier : array, shape (N,)
        Value of the modifier, which makes the strata of `arms.stratify_at`.
    arms : ArmsSpec
        Allocation.
    within : Strata, optional
        All strata, where they are more than those of the modifier.

    Returns
    -------
    array, shape (N,)
        1 in the treated arm.
    """
    arrangements = jnp.asarray(_arrangements(arms))
    count = len(modifier)
    blocks = -(-count // arms.block)
    stratum, levels = by_modifier(modifier, arms) if within is None else within
    if levels == 2:
        position = jnp.where(stratum == 1, jnp.cumsum(stratum), jnp.cumsum(1 - stratum)) - 1
    else:
        same = jnp.cumsum(stratum[:, None] == jnp.arange(levels), axis=0)
        position = jnp.take_along_axis(same, stratum[:, None], axis=1)[:, 0] - 1
    uniform = jax.random.uniform(key, (blocks, levels))
    picked = jnp.minimum((uniform * len(arrangements)).astype(int), len(arrangements) - 1)
    block = picked[position // arms.block, stratum]
    return arrangements[block, position % arms.block]


def by_modifier(modifier: jax.Array, arms: ArmsSpec) -> Strata:
    """Return the strata below and from a value of the modifier on."""
    if arms.stratify_at is None:
        return jnp.zeros(len(modifier), int), 2
    return (modifier >= arms.stratify_at).astype(int), 2


def strata(people: "Screened", design: TrialDesign) -> Strata:
    """Return the strata of a design's randomisation.

    Parameters
    ----------
    people : Screened
        Who is enrolled.
    design : TrialDesign
        The design.

    Returns
    -------
    stratum : array of int, shape (N,)
        From 0.
    levels : int
        Number of strata, 2 at least.
    """
    found, levels = by_modifier(people.modifier, design.arms)
    if not design.arms.stratify:
        return found, levels
    for name in design.arms.stratify:
        own = people.centre if name == CENTRE else people.covariates[name].astype(int)
        found = found * ((design.population.centres or 1) if name == CENTRE else 2) + own
    return found, max(2, strata_of(design))


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
    centre : array of int, shape (M,)
        Number of the centre.
    covariates : mapping of str to array, shape (M,)
        Prognostic covariates beside the modifier.
    """

    arrival: jax.Array
    modifier: jax.Array
    survival: jax.Array
    dropout: jax.Array
    start: jax.Array
    ever: jax.Array
    centre: jax.Array
    covariates: Mapping[str, jax.Array]


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
    covariates : mapping of str to array, shape (N,)
        Prognostic covariates beside the modifier.
    stratum : array of int, shape (N,) or ()
        Stratum of the randomisation.
    """

    arrival: jax.Array
    modifier: jax.Array
    arm: jax.Array
    start: jax.Array
    event: jax.Array
    dropout: jax.Array
    covariates: Mapping[str, jax.Array] = {}
    stratum: jax.Array | int = 0


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
    entry = () if population.enrol_from is None else (population.enrol_from,)
    cuts = (*entry, *population.switches)
    if not cuts:
        return design.most_patients
    share = share_above(max(cuts), population.median, population.log_sd)
    count = int(np.ceil(design.most_patients / share))
    while binom.cdf(design.most_patients - 1, count, share) > _TOO_FEW:
        count = int(np.ceil(1.05 * count))
    return count


def share_above(cut: float, median: float, log_sd: float) -> float:
    """Return the share of a log-normal population from a value on."""
    if log_sd == 0.0:
        return float(median >= cut)
    return float(norm.sf((np.log(cut) - np.log(median)) / log_sd))


def screen(
    key: jax.Array, design: TrialDesign, count: int, *, pace: jax.Array | float = 1.0
) -> Screened:
    """Simulate the people who are screened for one trial.

    Parameters
    ----------
    key : array
        The trial's key.
    design : TrialDesign
        The design.
    count : int
        From `screened_count`.
    pace : array or float, scalar
        People a month, of those that the design plans.

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
        arrival=arrivals(stream(key, Stream.ARRIVAL), design.accrual, count, pace=pace),
        modifier=population.median * jnp.exp(population.log_sd * normal),
        survival=exponential[Stream.SURVIVAL],
        dropout=exponential[Stream.DROPOUT],
        start=exponential[Stream.START],
        ever=jax.random.uniform(stream(key, Stream.EVER), (count,)),
        centre=centres(key, design, count),
        covariates=covariates(key, design, normal),
    )


def centres(key: jax.Array, design: TrialDesign, count: int) -> jax.Array:
    """Return the centre of each patient, all alike in size; 0 where there is one."""
    levels = design.population.centres
    if levels is None:
        return jnp.zeros(count, int)
    return jax.random.randint(stream(key, Stream.CENTRES), (count,), 0, levels)


def covariates(key: jax.Array, design: TrialDesign, normal: jax.Array) -> dict[str, jax.Array]:
    """Simulate prognostic covariates, given the modifier.

    Parameters
    ----------
    key : array
        The trial's key.
    design : TrialDesign
        The design.
    normal : array, shape (N,)
        Standardised logarithm of the modifier.

    Returns
    -------
    dict of str to array, shape (N,)
        By name; independent of each other given the modifier.
    """
    found = {}
    for number, (name, spec) in enumerate(design.population.covariates.items()):
        own = jax.random.fold_in(stream(key, Stream.COVARIATES), number)
        other = jax.random.normal(own, normal.shape)
        found[name] = spec_value(spec, normal, other)
    return found


def spec_value(spec: CovariateSpec, normal: jax.Array, other: jax.Array) -> jax.Array:
    """Return a covariate from the standardised log modifier and a standard normal variate."""
    latent = spec.correlation * normal + np.sqrt(1.0 - spec.correlation**2) * other
    if spec.prevalence is not None:
        return jnp.where(latent > ndtri(1.0 - spec.prevalence), 1.0, 0.0)
    return jnp.asarray(spec.mean + (spec.sd or 0.0) * latent)


def enrol(
    key: jax.Array,
    people: Screened,
    truth: Truth,
    *,
    design: TrialDesign,
    numbers: Schedule,
    source: TruthSource,
    switch: tuple[jax.Array, float] | None,
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
    switch : tuple of array and float, or None
        Month from which only patients from a value of the modifier on are enrolled, and that value;
        None for never.

    Returns
    -------
    Patients
        In order of enrolment.
    """
    chosen = _chosen(people, design, numbers, switch)
    within = strata(chosen, design)
    arm = randomise(stream(key, Stream.BLOCKS), chosen.modifier, design.arms, within=within)
    start = jnp.where(arm == 1.0, _treatment_start(chosen, design), _crossover(chosen, design))
    z = transformed(chosen.modifier, design)
    target = chosen.survival * jnp.exp(-prognosis(key, chosen, truth, design))
    event = event_times(source.hazard, source.cuts, truth, z=z, start=start, target=target)
    rates = -np.log1p(-np.array([design.dropout.control, design.dropout.treated]))
    rate = jnp.where(arm == 1.0, rates[1], rates[0]) / design.dropout.by
    lost = chosen.dropout / jnp.where(rate > 0.0, rate, 1.0)
    dropout = jnp.where(rate > 0.0, lost, jnp.inf)
    if design.max_follow_up is not None:
        dropout = jnp.minimum(dropout, design.max_follow_up)
    return Patients(
        chosen.arrival,
        chosen.modifier,
        arm,
        start,
        event,
        dropout,
        covariates=chosen.covariates,
        stratum=within[0] if strata_of(design) > 1 else jnp.asarray(0),
    )


def prognosis(
    key: jax.Array, people: Screened, truth: Truth, design: TrialDesign
) -> jax.Array | float:
    """Log hazard of each patient beyond what the modifier and treatment make of it."""
    total: jax.Array | float = 0.0
    for name, log_ratio in truth.covariates.items():
        total = total + log_ratio * people.covariates[name]
    levels = design.population.centres
    if levels is not None:
        own = jax.random.normal(jax.random.fold_in(stream(key, Stream.CENTRES), 1), (levels,))
        total = total + truth.centre_sd * own[people.centre]
    return total


def transformed(modifier: jax.Array, design: TrialDesign) -> jax.Array:
    """Return the modifier on the scale of the effects: the model's, else doublings."""
    kind = ModifierTransform.LOG2 if design.modifier is None else design.modifier.transform
    if kind is ModifierTransform.LOG2:
        return jnp.log2(modifier / design.reference)
    return modifier - design.reference


def _chosen(
    people: Screened,
    design: TrialDesign,
    numbers: Schedule,
    switch: tuple[jax.Array, float] | None,
) -> Screened:
    """Return the first people who may be enrolled."""
    population = design.population
    if population.enrol_from is None and not population.switches:
        return first_patients(people, numbers.patients)
    cut = numbers.enrol_from
    if switch is not None:
        since, least = switch
        cut = jnp.where(people.arrival < since, cut, jnp.maximum(cut, least))
    may = people.modifier >= cut
    index = jnp.nonzero(may, size=design.most_patients, fill_value=len(may) - 1)[0]
    chosen: Screened = jax.tree.map(lambda values: values[index], people)
    return first_patients(chosen, jnp.minimum(may.sum(), numbers.patients))


def first_patients[People: ("Screened", "Patients")](people: People, count: jax.Array) -> People:
    """Let nobody arrive after the first so many."""
    there = jnp.arange(len(people.arrival)) < count
    found: People = people._replace(arrival=jnp.where(there, people.arrival, jnp.inf))
    return found


def _treatment_start(people: Screened, design: TrialDesign) -> jax.Array:
    treatment = design.treatment
    if treatment.start is TreatmentStart.RANDOMISATION or treatment.median_months is None:
        return jnp.zeros(len(people.start))
    months = treatment.after + people.start * treatment.median_months / np.log(2.0)
    return jnp.where(people.ever < treatment.share, months, jnp.inf)


def _crossover(people: Screened, design: TrialDesign) -> jax.Array | float:
    crossover = design.treatment.crossover
    if crossover is None:
        return jnp.inf
    months = crossover.after + people.start * crossover.median_months / np.log(2.0)
    found: jax.Array = jnp.where(people.ever < crossover.share, months, jnp.inf)
    return found


_STARTS: Final = 40
"""Times of an on-demand start, at equal shares, that survival is averaged over."""


def treatment_starts(late: CrossoverSpec | None, *, never: bool) -> tuple[Floats, Floats]:
    """Return times from randomisation to treatment and their shares.

    Parameters
    ----------
    late : CrossoverSpec or None
        Who gets treatment during follow-up, and when.
    never : bool
        Without `late` nobody gets it; at randomisation everybody otherwise.

    Returns
    -------
    tuple of ndarray, shape (U,)
        Infinite for never.
    """
    if late is None:
        return np.array([np.inf if never else 0.0]), np.ones(1)
    share = (np.arange(_STARTS) + 0.5) / _STARTS
    months = late.after - late.median_months / np.log(2.0) * np.log1p(-share)
    shares = np.full(_STARTS, late.share / _STARTS)
    return np.append(months, np.inf), np.append(shares, 1.0 - late.share)


def arm_starts(design: TrialDesign) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Return when the treated arm and the arm that it is compared with get treatment.

    Parameters
    ----------
    design : TrialDesign
        The design.

    Returns
    -------
    tuple of tuple of ndarray
        From `treatment_starts`. As treated the comparison is with controls none of whom ever get
        it, as assigned with controls as they are, crossover included.
    """
    treatment, late = design.treatment, None
    if treatment.median_months is not None:
        late = CrossoverSpec(
            share=treatment.share, median_months=treatment.median_months, after=treatment.after
        )
    as_assigned = treatment.analysed is Analysed.ASSIGNED
    crossover = treatment.crossover if as_assigned else None
    return treatment_starts(late, never=False), treatment_starts(crossover, never=True)
