"""What is read from each posterior: hazard ratios, differences in survival, as functions of it.

A quantity g of the parameters has, under a normal approximation N(m, V) of the posterior in
unconstrained coordinates, mean g(m) and variance g'(m)' V g'(m) (exact for log hazard ratios, the
delta method for survival and restricted mean survival). `marginals` says where that is not enough.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from bayes_ihlrt.batch.density import JaxDensity
from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.spec.external import EXTERNAL
from bayes_ihlrt.spec.rules import Quantity, Rule
from bayes_ihlrt.spec.scenario import Analysed, ModifierPopulation
from bayes_ihlrt.spec.trial import CENTRE, TrialDesign
from bayes_ihlrt.trials.patients import arm_starts, spec_value

Floats = NDArray[np.float64]
_PEOPLE: Final = 20
"""Values of the modifier, at equal shares of the population, that curves are averaged over."""
_NODES: Final = 24
"""Gauss-Legendre nodes between month 0 and the horizon."""


@dataclass(frozen=True)
class Target:
    """One quantity of a trial's posterior.

    Parameters
    ----------
    kind : Quantity
        Hazard ratio (told as its log), survival or restricted mean survival.
    at : float or None
        Value of the modifier; None for the reference (hazard ratio) or the population.
    horizon : float or None
        Months, for survival and restricted mean survival.
    from_month : float or None
        Of a hazard ratio: where its period begins; None for the first.
    """

    kind: Quantity
    at: float | None = None
    horizon: float | None = None
    from_month: float | None = None

    @classmethod
    def of_rule(cls, rule: Rule) -> "Target":
        """Return what a rule is about."""
        return cls(rule.quantity, rule.at, rule.horizon, rule.from_month)

    @property
    def name(self) -> str:
        """Short name, e.g. ``"log_hr[5]"`` or ``"rmst_24"``."""
        stem = "log_hr" if self.kind is Quantity.HAZARD_RATIO else self.kind.value
        stem += "" if self.horizon is None else f"_{self.horizon:g}"
        stem += "" if self.from_month is None else f"_from_{self.from_month:g}"
        return stem + ("" if self.at is None else f"[{self.at:g}]")


def targets(design: TrialDesign) -> tuple[Target, ...]:
    """Return every quantity that a design's rules and reports need.

    Parameters
    ----------
    design : TrialDesign
        The design.

    Returns
    -------
    tuple of Target
        The log hazard ratio at the reference first.
    """
    found = [Target(Quantity.HAZARD_RATIO)]
    found += [Target(Quantity.HAZARD_RATIO, at) for at in design.report_at]
    rules = [rule for look in design.looks for rule in look.rules_with(design.population.switches)]
    found += [Target.of_rule(rule) for rule in rules if not rule.quantity.of_future]
    return tuple(dict.fromkeys(found))


def statement_probability(rule: Rule, mean: Floats, sd: Floats) -> Floats:
    """Return the probability of a rule's statement under a normal posterior.

    Parameters
    ----------
    rule : Rule
        Not about the future.
    mean, sd : ndarray
        Posterior mean and standard deviation of its target.

    Returns
    -------
    ndarray
        NaN where the posterior is not known.
    """
    below = np.asarray(ndtr((statement_bound(rule) - mean) / sd))
    return below if rule.below is not None else 1.0 - below


def statement_bound(rule: Rule) -> float:
    """Return the value that a rule's statement compares its target with.

    Parameters
    ----------
    rule : Rule
        Not about the future.

    Returns
    -------
    float
        On the target's scale: the log of a hazard ratio, a difference in probability, months.

    Examples
    --------
    >>> statement_bound(Rule(quantity="hazard-ratio", below=1.0, more_than=0.975))
    0.0
    """
    bound = rule.below if rule.below is not None else rule.above
    value = float(bound if bound is not None else 0.0)
    return float(np.log(value)) if rule.quantity is Quantity.HAZARD_RATIO else value


def population_values(population: ModifierPopulation) -> Floats:
    """Return values of the modifier at equal shares of those who may be enrolled.

    Parameters
    ----------
    population : ModifierPopulation
        Who is screened, and from which value on they are enrolled.

    Returns
    -------
    ndarray, shape (20,)
        Increasing.
    """
    share = (np.arange(_PEOPLE) + 0.5) / _PEOPLE
    if population.log_sd == 0.0:
        return np.full(_PEOPLE, population.median)
    low = 0.0
    if population.enrol_from is not None:
        low = float(ndtr(np.log(population.enrol_from / population.median) / population.log_sd))
    values = population.median * np.exp(population.log_sd * ndtri(low + share * (1.0 - low)))
    return np.asarray(values)


_SAMPLE: Final = 128
"""People, at even places of the population, where patients differ in more than the modifier."""


class People(NamedTuple):
    """People whom curves are averaged over.

    Parameters
    ----------
    modifier : ndarray, shape (K,)
        Values of the modifier.
    covariates : mapping of str to ndarray, shape (K,)
        Prognostic covariates by name; under ``"centre"`` standard normal deviates of centres.
    """

    modifier: Floats
    covariates: Mapping[str, Floats]


def people_of(design: TrialDesign, at: float | None = None) -> People:
    """Return people at even places of a design's population.

    Parameters
    ----------
    design : TrialDesign
        The design.
    at : float, optional
        Value of the modifier of all of them.

    Returns
    -------
    People
        Covariates as they are among those with that modifier, by a Sobol sequence.
    """
    population = design.population
    extra = [*population.covariates, *([CENTRE] if population.centres else [])]
    if not extra:
        return People(np.array([at]) if at is not None else population_values(population), {})
    even = qmc.Sobol(len(extra) + 1, scramble=False).random(_SAMPLE)
    shares = np.clip((even + 0.5 / _SAMPLE) % 1.0, 1e-9, 1.0 - 1e-9)
    low = 0.0
    if population.enrol_from is not None and population.log_sd > 0.0:
        low = float(ndtr(np.log(population.enrol_from / population.median) / population.log_sd))
    normal = ndtri(low + shares[:, 0] * (1.0 - low))
    if at is not None and population.log_sd > 0.0:
        normal = np.full(_SAMPLE, np.log(at / population.median) / population.log_sd)
    modifier = population.median * np.exp(population.log_sd * normal)
    if at is not None:
        modifier = np.full(_SAMPLE, at)
    others = ndtri(shares[:, 1:]).T
    found = {
        name: np.asarray(spec_value(spec, jnp.asarray(normal), jnp.asarray(other)))
        for (name, spec), other in zip(population.covariates.items(), others, strict=False)
    }
    return People(modifier, found | ({CENTRE: others[-1]} if population.centres else {}))


def time_nodes(horizon: float) -> tuple[Floats, Floats]:
    """Return Gauss-Legendre nodes and weights between month 0 and a horizon."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return 0.5 * horizon * (nodes + 1.0), 0.5 * horizon * weights


class Reading(NamedTuple):
    """Where one target is read: numbers alone, so that no other value compiles anything again.

    Parameters
    ----------
    treated, control : array, shape (K, columns)
        Rows of the design matrix, at the values of the modifier that are averaged over.
    modifier : array, shape (K,)
        Those values.
    times, weights : array, shape (T,)
        Months and weights of survival; empty for a hazard ratio.
    covariates : mapping of str to array, shape (K,)
        Their other covariates.
    later : array, shape (P, K, columns)
        Rows in the later periods of treatment; none where the analysis has none.
    """

    treated: jax.Array
    control: jax.Array
    modifier: jax.Array
    times: jax.Array
    weights: jax.Array
    covariates: Mapping[str, jax.Array]
    later: jax.Array


type Read = Callable[[Mapping[str, jax.Array], Sequence[Reading]], jax.Array]
"""Parameters on their own scale, by name, and where targets are read, to shape (targets,)."""


def statements(design: TrialDesign) -> tuple[Rule, ...]:
    """Return the statements whose probabilities are kept, each once.

    Parameters
    ----------
    design : TrialDesign
        The design.

    Returns
    -------
    tuple of Rule
        Those of its rules, then a hazard ratio below 1 at each of `report_at`.
    """
    rules = [
        rule.statement
        for look in design.looks
        for rule in look.rules_with(design.population.switches)
    ]
    return tuple(dict.fromkeys([*rules, *(benefit_at(at) for at in design.report_at)]))


def benefit_at(at: float) -> Rule:
    """Return the statement that the hazard ratio at a value of the modifier is below 1."""
    return Rule(quantity=Quantity.HAZARD_RATIO, below=1.0, at=at, more_than=0.0)


def readings(
    design: TrialDesign, prepared: PreparedModel, wanted: Sequence[Target]
) -> tuple[Reading, ...]:
    """Return where targets are read.

    Parameters
    ----------
    design : TrialDesign
        The design.
    prepared : PreparedModel
        Its model.
    wanted : sequence of Target
        What is read.

    Returns
    -------
    tuple of Reading
        One for each target.
    """
    return tuple(_reading(design, prepared, target) for target in wanted)


def _reading(design: TrialDesign, prepared: PreparedModel, target: Target) -> Reading:
    if target.kind is Quantity.HAZARD_RATIO:
        value = design.reference if target.at is None else target.at
        people = People(np.array([value]), dict.fromkeys(design.population.covariates, np.zeros(1)))
    else:
        people = people_of(design, target.at)
    later = design.treatment.later
    periods = [[term for term, month in later.items() if month <= end] for end in later.values()]
    whole = [term for term, month in later.items() if month <= (target.from_month or 0.0)]
    treated, control = (
        _rows(design, prepared, people, arm, later=terms)
        for arm, terms in ((1.0, whole), (0.0, []))
    )
    rows = [_rows(design, prepared, people, 1.0, later=terms) for terms in periods]
    times, weights = _times(target)
    return Reading(
        jnp.asarray(treated),
        jnp.asarray(control),
        jnp.asarray(people.modifier),
        jnp.asarray(times),
        jnp.asarray(weights),
        covariates={name: jnp.asarray(values) for name, values in people.covariates.items()},
        later=jnp.asarray(np.array(rows).reshape(len(rows), *treated.shape)),
    )


def _times(target: Target) -> tuple[Floats, Floats]:
    if target.horizon is None:
        return np.zeros(0), np.zeros(0)
    if target.kind is Quantity.RMST:
        return time_nodes(target.horizon)
    return np.array([target.horizon]), np.ones(1)


def reader(design: TrialDesign, prepared: PreparedModel, wanted: Sequence[Target]) -> Read:
    """Return the function that reads targets from parameters.

    Parameters
    ----------
    design : TrialDesign
        The design: when its arms get treatment, and the periods of its analysis.
    prepared : PreparedModel
        The model.
    wanted : sequence of Target
        What is read; of each the kind alone.

    Returns
    -------
    callable
        Differentiable.
    """
    ratios = [target.kind is Quantity.HAZARD_RATIO for target in wanted]
    hazard, names = prepared.hazard, prepared.encoder.columns
    survival = partial(_survival_difference, hazard, Course.of(design))

    def read(values: Mapping[str, jax.Array], where: Sequence[Reading]) -> jax.Array:
        coefficients = jnp.stack([values[name] for name in names]) if names else jnp.zeros(0)
        theta = {name: values[name] for name in hazard.parameters}
        return jnp.stack(
            [
                (at.treated[0] - at.control[0]) @ coefficients
                if ratio
                else survival(at, coefficients, theta)
                for ratio, at in zip(ratios, where, strict=True)
            ]
        )

    return read


class Course(NamedTuple):
    """When patients of the treated arm pass from one row of the design to the next.

    Parameters
    ----------
    begins : ndarray, shape (U, P)
        Months since randomisation, by start of treatment: treatment, then each later period.
    shares : ndarray, shape (U,)
        Shares of the starts.
    """

    begins: Floats
    shares: Floats

    @classmethod
    def of(cls, design: TrialDesign) -> "Course":
        """Return the course of a design's own analysis."""
        treatment = design.treatment
        starts, shares = np.zeros(1), np.ones(1)
        if treatment.analysed is Analysed.TREATED:
            starts, shares = arm_starts(design)[0]
        return cls(starts[:, None] + np.array([0.0, *treatment.periods]), shares)


def _survival_difference(
    hazard: Hazard,
    course: Course,
    at: Reading,
    coefficients: jax.Array,
    theta: Mapping[str, jax.Array],
) -> jax.Array:
    basis = hazard.increment_basis(jnp, jnp.zeros_like(at.times), at.times)
    cumulative = hazard.cumulative_hazard(jnp, basis, theta)
    control = jnp.exp(-jnp.exp(at.control @ coefficients)[:, None] * cumulative).mean(axis=0)
    if course.begins.shape == (1, 1) and course.begins[0, 0] == 0.0:
        risk = jnp.exp(at.treated @ coefficients)[:, None] * cumulative
        return at.weights @ (jnp.exp(-risk).mean(axis=0) - control)
    rows = jnp.concatenate([jnp.stack([at.control, at.treated]), at.later])
    ends = np.concatenate([course.begins, np.full((len(course.begins), 1), np.inf)], axis=1)
    starts = np.concatenate([np.zeros((len(course.begins), 1)), course.begins], axis=1)
    total = jnp.zeros((len(course.shares), len(at.modifier), len(at.times)))
    for piece in range(len(rows)):
        low, high = (jnp.minimum(edge[:, piece, None], at.times) for edge in (starts, ends))
        spans = hazard.increment_basis(jnp, low.ravel(), high.ravel())
        spent = hazard.cumulative_hazard(jnp, spans, theta).reshape(*low.shape)
        total = total + jnp.exp(rows[piece] @ coefficients)[None, :, None] * spent[:, None]
    treated = jnp.asarray(course.shares) @ jnp.exp(-total).mean(axis=1)
    return at.weights @ (treated - control)


def _rows(
    design: TrialDesign,
    prepared: PreparedModel,
    people: People,
    arm: float,
    *,
    later: Sequence[str],
) -> NDArray[np.float64]:
    count = len(people.modifier)
    columns = {design.treatment.name: np.full(count, arm), **people.covariates}
    columns |= {term: np.full(count, float(term in later)) for term in design.treatment.later}
    columns[EXTERNAL] = np.zeros(count)
    if design.modifier is not None:
        columns[design.modifier.column] = people.modifier
    return prepared.encoder.design(columns)


type Summarise = Callable[
    [jax.Array, jax.Array, Mapping[str, jax.Array], Sequence[Reading]], tuple[jax.Array, jax.Array]
]
"""Modes (members, dims), Cholesky factors (members, dims, dims), data of the graph that differ from
its own and readings, to means and standard deviations of shape (members, targets)."""


def gaussian_reader(read: Read, density: JaxDensity) -> Summarise:
    """Return the function from normal approximations to means and sds of targets.

    Parameters
    ----------
    read : callable
        From `reader`.
    density : JaxDensity
        The model in JAX, whose unconstrained coordinates are normal.

    Returns
    -------
    callable
        See `Summarise`.
    """

    def one(
        mean: jax.Array,
        factor: jax.Array,
        graph: Mapping[str, jax.Array],
        where: Sequence[Reading],
    ) -> tuple[jax.Array, jax.Array]:
        data = density.with_overrides(graph)

        def at(position: jax.Array) -> jax.Array:
            return read(density.constrained(position, data), where)

        slopes = jax.jacfwd(at)(mean) @ factor
        return at(mean), jnp.sqrt(jnp.sum(slopes**2, axis=1))

    found: Summarise = jax.jit(jax.vmap(one, in_axes=(0, 0, None, None)))
    return found
