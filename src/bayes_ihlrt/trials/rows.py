"""Rows that a trial's model reads: of simulated patients, and of the typical trial it is bound to.

A patient is one row where the analysis asks for one hazard ratio of the arms as assigned, else as
many as treatment has states and periods; rows that a patient has nothing of are empty.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.batch.density import JaxDensity
from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.names import DesignKind, ModifierTransform
from bayes_ihlrt.priors import MedianSurvivalPrior
from bayes_ihlrt.spec.external import EXTERNAL
from bayes_ihlrt.spec.model import ModelSpec, rounded_months
from bayes_ihlrt.spec.scenario import Analysed
from bayes_ihlrt.spec.trial import TrialDesign
from bayes_ihlrt.trials.patients import Patients
from bayes_ihlrt.trials.quantities import people_of
from bayes_ihlrt.trials.stages import Seen

Floats = NDArray[np.float64]


def member_rows(
    design: TrialDesign, prepared: PreparedModel, patients: Patients, seen: Seen
) -> dict[str, jax.Array]:
    """Return the graph's arrays of one trial at one stage.

    Parameters
    ----------
    design : TrialDesign
        The design.
    prepared : PreparedModel
        Its model.
    patients : Patients
        The trial's patients.
    seen : Seen
        What the stage sees of them.

    Returns
    -------
    dict of str to array, each of leading shape (rows,)
        By the names of the graph's data; one row a patient where the arm has one hazard ratio.
    """
    hazard, treatment = prepared.hazard, design.treatment
    values = {**patients.covariates}
    if prepared.spec.modifier is not None:
        z = model_modifier(prepared, patients.modifier)
        values[prepared.spec.modifier.name] = z
    if treatment.is_proportional:
        zero = jnp.zeros_like(seen.stop)
        return {
            "design": product_columns(prepared, {**values, treatment.name: patients.arm}),
            "increment_basis": hazard.increment_basis(jnp, zero, seen.stop),
            "hazard_basis": hazard.log_hazard_basis(jnp, seen.stop),
            "event": seen.event,
            "exposure": seen.exposure,
        }
    rows = treatment_rows(design, patients, seen)
    many = rows.stop.shape[1]
    values = {name: jnp.repeat(column, many) for name, column in values.items()}
    values |= {name: column.ravel() for name, column in rows.columns.items()}
    return {
        "design": product_columns(prepared, values),
        "increment_basis": hazard.increment_basis(jnp, rows.start.ravel(), rows.stop.ravel()),
        "hazard_basis": hazard.log_hazard_basis(jnp, rows.stop.ravel()),
        "event": rows.event.ravel(),
        "exposure": jnp.repeat(seen.exposure, many),
    }


class TreatmentRows(NamedTuple):
    """Follow-up of each patient cut where treatment begins and where its periods do.

    Parameters
    ----------
    start, stop, event : array, shape (N, rows)
        Months since randomisation, equal where a patient has nothing of a row; 1 in the row that
        the event ends.
    columns : mapping of str to array, shape (N, rows)
        Treatment, and each later period of it.
    """

    start: jax.Array
    stop: jax.Array
    event: jax.Array
    columns: dict[str, jax.Array]


def treatment_rows(design: TrialDesign, patients: Patients, seen: Seen) -> TreatmentRows:
    """Cut follow-up where the analysis lets the effect of treatment begin or change.

    Parameters
    ----------
    design : TrialDesign
        The design.
    patients : Patients
        The trial's patients.
    seen : Seen
        What a stage sees of them.

    Returns
    -------
    TreatmentRows
        As assigned: the periods since randomisation. As treated: before treatment, then the
        periods since it began, in either arm.
    """
    treatment = design.treatment
    as_treated = treatment.analysed is Analysed.TREATED
    begin = patients.start if as_treated else jnp.zeros_like(seen.stop)
    edges = begin[:, None] + jnp.asarray([0.0, *treatment.periods])
    zero = jnp.zeros_like(edges[:, :1])
    start = jnp.concatenate([zero, edges], axis=1) if as_treated else edges
    stop = jnp.concatenate([start[:, 1:], jnp.full_like(zero, jnp.inf)], axis=1)
    start, stop = (jnp.minimum(edge, seen.stop[:, None]) for edge in (start, stop))
    last = (seen.stop[:, None] > start) & (seen.stop[:, None] <= stop)
    event = seen.event[:, None] * last
    skipped = 1 if as_treated else 0
    number = jnp.arange(start.shape[1]) - skipped
    arm = jnp.ones_like(patients.arm) if as_treated else patients.arm
    columns = {treatment.name: arm[:, None] * (number >= 0)}
    for place, term in enumerate(treatment.later, start=1):
        columns[term] = arm[:, None] * (number >= place)
    return TreatmentRows(start, stop, event, columns)


def model_modifier(prepared: PreparedModel, values: jax.Array) -> jax.Array:
    """Return the modifier on the scale of the model; zeros where the model has none."""
    modifier = prepared.spec.modifier
    if modifier is None:
        return jnp.zeros_like(values)
    match modifier.transform:
        case ModifierTransform.LOG2:
            return jnp.log2(values / modifier.reference)
        case ModifierTransform.IDENTITY:
            return values - modifier.reference
        case ModifierTransform.STANDARDISE:
            return (values - modifier.reference) / prepared.encoder.modifier_sd


def product_columns(prepared: PreparedModel, values: Mapping[str, jax.Array]) -> jax.Array:
    """Return the design matrix of columns that are products of what patients have.

    Parameters
    ----------
    prepared : PreparedModel
        The model.
    values : mapping of str to array, shape (rows,)
        Treatment, the modifier on the model's scale and covariates, by name in the formula.

    Returns
    -------
    array, shape (rows, columns)
        As the encoder makes it.
    """
    columns = []
    for name in prepared.encoder.columns:
        column = jnp.ones_like(values[str(prepared.spec.treatment)])
        for factor in name.split(":"):
            column = column * values[factor]
        columns.append(column)
    return jnp.stack(columns, axis=-1)


_HALF: Final = 0.5
"""Events that count where there is none."""


def levelled(
    prepared: PreparedModel,
    density: JaxDensity,
    start: Floats,
    rows: Mapping[str, jax.Array],
) -> jax.Array:
    """Return where the search for one data set's mode begins.

    A template's level may be far from a trial's, and Newton's method comes down from an exponential
    by one unit a step: of seven steps of a Weibull three did nothing else. The level multiplies the
    hazard: it is moved to where as many events are expected as were seen.

    Parameters
    ----------
    prepared : PreparedModel
        The design's model.
    density : JaxDensity
        The same in JAX.
    start : ndarray, shape (dims,)
        The template's mode.
    rows : mapping of str to array
        From `member_rows`, and data of the graph that differ from its own.

    Returns
    -------
    array, shape (dims,)
        The template's mode at that level; as it is where no coordinate is the level alone.
    """
    hazard, central = prepared.hazard, f"{prepared.hazard.level}_centred"
    begin = jnp.asarray(start)
    if central not in density.names:
        return begin
    values = density.constrained(begin, density.with_overrides(rows))
    theta = {name: values[name] for name in hazard.parameters}
    risk = hazard.cumulative_hazard(jnp, rows["increment_basis"], theta)
    if names := prepared.encoder.columns:
        risk = jnp.exp(rows["design"] @ jnp.stack([values[name] for name in names])) * risk
    move = jnp.log(jnp.maximum(rows["event"].sum(), _HALF) / jnp.sum(rows["exposure"] * risk))
    return begin.at[density.names.index(central)].add(jnp.where(jnp.isfinite(move), move, 0.0))


def template(design: TrialDesign) -> PersonTime:
    """Return a typical trial of a design's largest size, which default priors are measured by.

    Parameters
    ----------
    design : TrialDesign
        The design.

    Returns
    -------
    PersonTime
        Patients at even shares of the population, half of them in each arm.
    """
    spec, count = design.model, design.most_patients
    median, end = _typical_follow_up(spec, design.max_months)
    half = count // 2
    share = (np.arange(half) + 0.5) / half
    people = people_of(design)
    place = (np.arange(len(people.modifier)) + 0.5) / len(people.modifier)
    columns = {name: np.interp(share, place, values) for name, values in people.covariates.items()}
    modifier = np.interp(share, place, people.modifier)
    if columns:
        at = np.arange(half) % len(people.modifier)
        modifier = people.modifier[at]
        columns = {name: values[at] for name, values in people.covariates.items()}
    order = np.random.default_rng(half).permutation(half)
    times = -median / np.log(2.0) * np.log1p(-share[order])
    rest = count - 2 * half
    given = {**columns, "modifier": modifier, "times": times}
    given = {name: np.repeat(values, 2) for name, values in given.items()}
    given = {name: np.append(values, values[:rest]) for name, values in given.items()}
    arm = np.append(np.tile([0.0, 1.0], half), np.zeros(rest))
    times = given.pop("times")
    if spec.modifier is not None:
        given[spec.modifier.column] = given["modifier"]
    stop, event = jnp.asarray(np.minimum(times, end)), jnp.asarray(times <= end)
    seen = Seen(jnp.asarray(end), stop, event, jnp.ones(count))
    if design.external is not None:
        # The first of the trial's patients again, as controls from elsewhere.
        more = np.arange(design.external.patients) % count
        given = {name: np.append(values, values[more]) for name, values in given.items()}
        given[EXTERNAL] = np.repeat([0.0, 1.0], [count, len(more)])
        arm = np.append(arm, np.zeros(len(more)))
        rows = (jnp.append(part, part[more]) for part in seen[1:])
        seen = Seen(seen.time, *rows)
    return _template_rows(design, given, arm, seen)


def _template_rows(
    design: TrialDesign, given: Mapping[str, Floats], arm: Floats, seen: Seen
) -> PersonTime:
    """Return the rows of a typical trial, treatment as it is analysed."""
    count, treatment = len(arm), design.treatment
    names = np.asarray([f"patient {number}" for number in range(count)], dtype=object)
    rows: dict[str, NDArray[np.generic]] = {
        "start": np.zeros(count),
        "stop": np.asarray(seen.stop),
        "event": np.asarray(seen.event, dtype=np.float64),
        treatment.name: arm,
    }
    if not treatment.is_proportional:
        late = 0.25 * np.asarray(seen.stop) if treatment.analysed is Analysed.TREATED else 0.0 * arm
        start = np.where(arm == 1.0, late, np.inf)
        empty = jnp.zeros(0)
        patients = Patients(empty, empty, jnp.asarray(arm), jnp.asarray(start), empty, empty)
        cut = treatment_rows(design, patients, seen)
        many = cut.stop.shape[1]
        names = np.repeat(names, many)
        given = {name: np.repeat(values, many) for name, values in given.items()}
        rows = {name: np.asarray(getattr(cut, name), float).ravel() for name in _OF_ROWS}
        rows |= {name: np.asarray(values, float).ravel() for name, values in cut.columns.items()}
    weight = {"patient": names, "weight": np.ones(len(names))}
    return PersonTime({**weight, **rows, **given}, Provenance(DesignKind.FIXED, {}, 0.0, {}, {}))


_OF_ROWS: Final = ("start", "stop", "event")


def _typical_follow_up(spec: ModelSpec, longest: float) -> tuple[float, float]:
    """Return median survival and end of follow-up in months, stated or else the trial's own."""
    stated = spec.priors.get("baseline")
    if isinstance(stated, MedianSurvivalPrior):
        return stated.median_survival, 2.0 * stated.median_survival
    return rounded_months(longest), longest
