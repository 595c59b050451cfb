"""The package's own model of a trial, ready for batches, and posteriors of many trials under it.

Posteriors are told as means, sds and probabilities, by plain Laplace or corrected.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.density import prepared_density
from bayes_ihlrt.batch.engine import BatchEngine
from bayes_ihlrt.batch.importance import DEGREES_OF_FREEDOM
from bayes_ihlrt.batch.newton import TOLERANCE
from bayes_ihlrt.batch.result import DRAW, MEMBER, WEIGHT
from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.model.arrays import CENTRE_POINTS, pack
from bayes_ihlrt.model.prepared import PreparedModel, prepare
from bayes_ihlrt.model.priors import HYPERPARAMETERS, hyperparameter_vector
from bayes_ihlrt.names import DesignKind, ModifierTransform
from bayes_ihlrt.priors import MedianSurvivalPrior
from bayes_ihlrt.spec.model import ModelSpec, rounded_months
from bayes_ihlrt.spec.rules import Rule
from bayes_ihlrt.spec.trial import Approximation, ModifierPopulation, TrialDesign
from bayes_ihlrt.trials.marginals import (
    SETTINGS,
    Asked,
    Marginals,
    Normals,
    marginals,
    place_of,
)
from bayes_ihlrt.trials.patients import Patients
from bayes_ihlrt.trials.quantities import (
    Read,
    Reading,
    Summarise,
    Target,
    gaussian_reader,
    population_values,
    reader,
    readings,
    statement_bound,
    statements,
    targets,
)
from bayes_ihlrt.trials.stages import Seen

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrialAnalysis:
    """A design's model, compiled once for every trial of the design.

    The model is bound to a template: patients at even shares of the population, half of them in
    each arm, with typical event times. It fixes the untreated average patient that the baseline
    prior speaks of, the scale of priors stated per standard deviation and the knots of a spline;
    all else is each trial's own.

    Parameters
    ----------
    design : TrialDesign
        The design.
    prepared : PreparedModel
        The model bound to the template.
    engine : BatchEngine
        The batched engine of its graph.
    targets : tuple of Target
        What is read from each posterior.
    start : ndarray, shape (dims,)
        The template's own mode, where each search begins.
    reader : callable
        Reads targets from parameters on their own scale.
    summariser : callable
        Means and sds of targets of normal approximations.
    marginals : Marginals
        Probabilities and moments where a normal approximation is not enough.
    readings : tuple of Reading
        Where the targets are read.
    graph : mapping of str to ndarray
        Data of the graph, shared by all trials, that differ from those it was built with.
    """

    design: TrialDesign
    prepared: PreparedModel
    engine: BatchEngine
    targets: tuple[Target, ...]
    start: Floats
    reader: Read
    summariser: Summarise
    marginals: Marginals
    readings: tuple[Reading, ...]
    graph: Mapping[str, Floats] = field(default_factory=dict)

    def read(self, values: Mapping[str, jax.Array]) -> jax.Array:
        """Return the targets, shape (targets,), from parameters on their own scale, by name."""
        return self.reader(values, self.readings)

    def summarise(self, mean: jax.Array, factor: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return means and sds of the targets, shape (members, targets), of normal posteriors."""
        graph = {name: jnp.asarray(values) for name, values in self.graph.items()}
        return self.summariser(mean, factor, graph, self.readings)

    def members(self, patients: Patients, seen: Seen) -> dict[str, jax.Array]:
        """Return the graph's arrays of one trial at one stage.

        Parameters
        ----------
        patients : Patients
            The trial's patients.
        seen : Seen
            What the stage sees of them.

        Returns
        -------
        dict of str to array, each of leading shape (N,)
            By the names of the graph's data.
        """
        hazard = self.prepared.hazard
        z = model_modifier(self.prepared, patients.modifier)
        zero = jnp.zeros_like(seen.stop)
        return {
            "design": product_columns(self.prepared, patients.arm, z),
            "increment_basis": hazard.increment_basis(jnp, zero, seen.stop),
            "hazard_basis": hazard.log_hazard_basis(jnp, seen.stop),
            "event": seen.event,
            "exposure": seen.exposure,
        }


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


def build_analysis(design: TrialDesign) -> TrialAnalysis:
    """Build and convert the model of a design.

    Parameters
    ----------
    design : TrialDesign
        The design.

    Returns
    -------
    TrialAnalysis
        JAX compiles it at the first fit.

    Raises
    ------
    SpecificationError
        The model does not fit the simulated columns.
    """
    prepared, engine, start = _engine(
        design.patients,
        design.population.model_dump_json(),
        design.model.model_dump_json(exclude_none=True),
        design.max_months,
    )
    wanted = targets(design)
    read = reader(prepared, wanted)
    summarise = gaussian_reader(read, engine.density)
    where = readings(design, prepared, wanted)
    beyond = marginals(prepared, engine.density, wanted)
    return TrialAnalysis(design, prepared, engine, wanted, start, read, summarise, beyond, where)


def rebuild_analysis(frame: TrialAnalysis, design: TrialDesign) -> TrialAnalysis:
    """Return the analysis of a design by the compiled functions of a larger one.

    Parameters
    ----------
    frame : TrialAnalysis
        Of a design that differs in numbers alone and has at least as many patients.
    design : TrialDesign
        The design.

    Returns
    -------
    TrialAnalysis
        With the design's own prior, template and targets.
    """
    spec = design.model
    prepared = prepare(spec, _template(design.patients, design.population, spec, design.max_months))
    packed, _ = pack(prepared.arrays.data)
    wanted = targets(design)
    return replace(
        frame,
        design=design,
        prepared=prepared,
        targets=wanted,
        readings=readings(design, prepared, wanted),
        graph={
            CENTRE_POINTS: packed[CENTRE_POINTS].astype(np.float64),
            HYPERPARAMETERS: hyperparameter_vector(prepared.priors),
        },
    )


@lru_cache(maxsize=16)
def _engine(
    patients: int, population: str, model: str, longest: float
) -> tuple[PreparedModel, BatchEngine, Floats]:
    """Return what designs share that differ in looks, accrual and the like alone."""
    people = ModifierPopulation.model_validate_json(population)
    spec = ModelSpec.model_validate_json(model)
    rows = _template(patients, people, spec, longest)
    prepared = prepare(spec, rows)
    _check_products(prepared, rows)
    # Trials run beside each other already.
    engine = BatchEngine(prepared_density(prepared), threads=1)
    modes = engine.modes({"weight": np.asarray(prepared.arrays.data["weight"])[None]})
    return prepared, engine, modes.positions[0]


def product_columns(prepared: PreparedModel, arm: jax.Array, z: jax.Array) -> jax.Array:
    """Return the design matrix of columns that are products of arm and modifier.

    Parameters
    ----------
    prepared : PreparedModel
        The model.
    arm, z : array, shape (N,)
        The arm, and the modifier on the model's scale.

    Returns
    -------
    array, shape (N, columns)
        As the encoder makes it.
    """
    spec = prepared.spec
    values = {spec.treatment: arm}
    if spec.modifier is not None:
        values[spec.modifier.name] = z
    columns = []
    for name in prepared.encoder.columns:
        column = jnp.ones_like(arm)
        for factor in name.split(":"):
            column = column * values[factor]
        columns.append(column)
    return jnp.stack(columns, axis=-1)


def _template(
    count: int, population: ModifierPopulation, spec: ModelSpec, longest: float
) -> PersonTime:
    """Return a typical trial of the design's size, which default priors are measured by."""
    median, end = _typical_follow_up(spec, longest)
    half = count // 2
    share = (np.arange(half) + 0.5) / half
    people = population_values(population)
    modifier = np.interp(share, (np.arange(len(people)) + 0.5) / len(people), people)
    order = np.random.default_rng(half).permutation(half)
    times = -median / np.log(2.0) * np.log1p(-share[order])
    rest = count - 2 * half
    pairs = [np.repeat(values, 2) for values in (modifier, times)]
    modifier, times = (np.append(values, values[:rest]) for values in pairs)
    arm = np.append(np.tile([0.0, 1.0], half), np.zeros(rest))
    rows: dict[str, NDArray[np.generic]] = {
        "patient": np.asarray([f"patient {number}" for number in range(count)], dtype=object),
        "start": np.zeros(count),
        "stop": np.minimum(times, end),
        "event": (times <= end).astype(np.float64),
        "weight": np.ones(count),
        str(spec.treatment): arm,
    }
    if spec.modifier is not None:
        rows[spec.modifier.column] = modifier
    return PersonTime(rows, Provenance(DesignKind.FIXED, {}, 0.0, {}, {}))


def _typical_follow_up(spec: ModelSpec, longest: float) -> tuple[float, float]:
    """Return median survival and end of follow-up in months, stated or else the trial's own."""
    stated = spec.priors.get("baseline")
    if isinstance(stated, MedianSurvivalPrior):
        return stated.median_survival, 2.0 * stated.median_survival
    return rounded_months(longest), longest


def _check_products(prepared: PreparedModel, rows: PersonTime) -> None:
    spec = prepared.spec
    known = {spec.treatment, *([spec.modifier.name] if spec.modifier else [])}
    faults = [
        Fault(f"term '{name}'", "it is no product of arm and modifier", "Write the terms plainly")
        for name in prepared.encoder.columns
        if not set(name.split(":")) <= known
    ]
    if faults:
        raise SpecificationError("[design.outcome] formula", faults)
    ours = _own_columns(prepared, rows.columns)
    if not np.allclose(ours, prepared.arrays.data["design"], rtol=0.0, atol=1e-12):
        fault = Fault("formula", "its columns are not the products that their names say", "Report")
        raise SpecificationError("[design.outcome]", [fault])


def _own_columns(prepared: PreparedModel, columns: Mapping[str, NDArray[np.generic]]) -> Floats:
    spec = prepared.spec
    arm = jnp.asarray(columns[str(spec.treatment)].astype(np.float64))
    raw = jnp.zeros_like(arm)
    if spec.modifier is not None:
        raw = jnp.asarray(columns[spec.modifier.column].astype(np.float64))
    return np.asarray(product_columns(prepared, arm, model_modifier(prepared, raw)))


def engine_settings(design: TrialDesign) -> str:
    """Return what finds a design's posteriors, with the settings that they depend on.

    Parameters
    ----------
    design : TrialDesign
        The design.

    Returns
    -------
    str
        Part of the fingerprint of stored trials: a run never goes on from another engine's.
    """
    if design.approximation is Approximation.LAPLACE:
        return f"laplace, {SETTINGS}, newton {TOLERANCE:g}"
    return f"corrected, Student t {DEGREES_OF_FREEDOM:g}, {design.draws} draws"


type Posteriors = dict[str, NDArray[Any]]


def posteriors(
    analysis: TrialAnalysis, members: Mapping[str, jax.Array], *, seed: int, chunk: int
) -> Posteriors:
    """Analyse data sets as the design says.

    Parameters
    ----------
    analysis : TrialAnalysis
        The design's model.
    members : mapping of str to array, leading axis data sets
        From `TrialAnalysis.members`.
    seed : int
        Of the draws of corrected posteriors.
    chunk : int
        Data sets at a time.

    Returns
    -------
    dict of str to ndarray, leading axis data sets
        ``mean`` and ``sd`` of each target, ``probability`` of each statement (NaN for those about
        the future), ``converged``, ``untrusted`` (a mode was found, but the profile could not be
        followed or the importance weights have a Pareto k-hat above 0.7), ``followed`` (few events:
        all were found along the profile, see `Marginals`); but for corrected posteriors also
        ``position`` and ``factor`` of the normal approximation, unconstrained.
    """
    if analysis.design.approximation is Approximation.LAPLACE:
        return _gaussian(analysis, members, chunk=chunk)
    return corrected(analysis, members, draws=analysis.design.draws, seed=seed)


def _gaussian(
    analysis: TrialAnalysis, members: Mapping[str, jax.Array], *, chunk: int
) -> Posteriors:
    count = len(next(iter(members.values())))
    shared = {
        name: np.broadcast_to(values, (count, *values.shape))
        for name, values in analysis.graph.items()
    }
    arrays: Mapping[str, Any] = {**members, **shared}
    found = analysis.engine.gaussians(arrays, start=analysis.start, chunk=chunk)
    means, sds = analysis.summarise(jnp.asarray(found.mean), jnp.asarray(found.factor))
    normals = Normals(found, np.asarray(means), np.asarray(sds))
    asked = Asked(statements(analysis.design), analysis.targets, analysis.readings)
    told = analysis.marginals.tell(arrays, normals, asked)
    return {
        "mean": told.mean,
        "sd": told.sd,
        "probability": told.probability,
        "converged": found.converged & ~told.lost,
        "untrusted": told.lost,
        "followed": told.followed,
        "position": found.mean,
        "factor": found.factor,
    }


def corrected(
    analysis: TrialAnalysis, members: Mapping[str, jax.Array], *, draws: int, seed: int
) -> Posteriors:
    """Return summaries of importance-weighted draws; a high Pareto k-hat counts as a failed fit.

    Parameters
    ----------
    analysis : TrialAnalysis
        The design's model.
    members : mapping of str to array, leading axis data sets
        From `TrialAnalysis.members`.
    draws : int
        Draws of each posterior.
    seed : int
        Of the draws.

    Returns
    -------
    dict of str to ndarray, leading axis data sets
        As of `posteriors`.
    """
    names = [*analysis.prepared.encoder.columns, *analysis.prepared.hazard.parameters]
    read = jax.jit(jax.vmap(jax.vmap(analysis.read)))

    def reduce(drawn: xr.Dataset) -> xr.Dataset:
        values = {name: jnp.asarray(drawn[name].to_numpy()) for name in names}
        return _weighted(analysis, np.asarray(read(values)), drawn)

    found = analysis.engine.posteriors(
        {name: np.asarray(values) for name, values in members.items()},
        keep=names,
        draws=draws,
        seed=seed,
        start=analysis.start,
        reduce=reduce,
    )
    mode = found.diagnostics["converged"].to_numpy()
    good = mode & ~found.diagnostics["high_k_hat"].to_numpy()
    places = found.draws[MEMBER].to_numpy()
    table: Posteriors = {"converged": good, "untrusted": mode & ~good}
    table["followed"] = np.zeros(len(good), dtype=bool)
    for name in ("mean", "sd", "probability"):
        values = found.draws[name].to_numpy()
        whole = np.full((len(good), values.shape[1]), np.nan)
        whole[places] = values
        table[name] = np.where(good[:, None], whole, np.nan)
    return table


def _weighted(analysis: TrialAnalysis, values: Floats, draws: xr.Dataset) -> xr.Dataset:
    weight = draws[WEIGHT].transpose(MEMBER, DRAW).to_numpy()[:, :, None]
    # A draw of weight zero may lie where a parameter overflows; it counts for nothing.
    seen = np.where(weight > 0.0, values, 0.0)
    mean = (weight * seen).sum(axis=1)
    sd = np.sqrt((weight * (seen - mean[:, None]) ** 2).sum(axis=1))
    shares = []
    for rule in statements(analysis.design):
        if rule.quantity.of_future:
            shares.append(np.full(len(mean), np.nan))
        else:
            target = seen[:, :, place_of(rule, analysis.targets)]
            shares.append((weight[:, :, 0] * statement_holds(rule, target)).sum(axis=1))
    dims = (MEMBER, "target")
    arrays = {"mean": (dims, mean), "sd": (dims, sd)}
    arrays["probability"] = ((MEMBER, "statement"), np.stack(shares, axis=1))
    return xr.Dataset(arrays, coords={MEMBER: draws[MEMBER].to_numpy()})


def statement_holds(rule: Rule, values: Floats) -> NDArray[np.bool_]:
    """Return whether a rule's statement holds for values of its target."""
    value = statement_bound(rule)
    return values < value if rule.below is not None else values > value
