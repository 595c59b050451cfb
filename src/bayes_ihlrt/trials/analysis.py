"""The package's own model of a trial, ready for batches, and posteriors of many trials under it.

Posteriors are told as means, sds and probabilities, by plain Laplace or corrected.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.density import prepared_density
from bayes_ihlrt.batch.engine import BatchEngine
from bayes_ihlrt.batch.importance import DEGREES_OF_FREEDOM
from bayes_ihlrt.batch.kernels import over_members
from bayes_ihlrt.batch.marginal import MANY_DIMENSIONS
from bayes_ihlrt.batch.newton import TOLERANCE
from bayes_ihlrt.batch.result import DRAW, MEMBER, WEIGHT
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.model.arrays import CENTRE_POINTS, pack
from bayes_ihlrt.model.prepared import PreparedModel, prepare
from bayes_ihlrt.model.priors import HYPERPARAMETERS, hyperparameter_vector
from bayes_ihlrt.spec.external import EXTERNAL
from bayes_ihlrt.spec.rules import LookSpec, Rule
from bayes_ihlrt.spec.scenario import AccrualSpec
from bayes_ihlrt.spec.trial import (
    Approximation,
    ArmsSpec,
    DropoutSpec,
    TrialDesign,
)
from bayes_ihlrt.trials.external import components, mixture_weight
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
    reader,
    readings,
    statement_bound,
    statements,
    targets,
)
from bayes_ihlrt.trials.rows import (
    levelled,
    member_rows,
    model_modifier,
    product_columns,
    template,
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
        The template's own mode.
    begin : callable
        Where the search of each data set begins, see `trials.rows.levelled`.
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
    begin: Callable[[Mapping[str, Any]], jax.Array]
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
        return member_rows(self.design, self.prepared, patients, seen)


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
    prepared, engine, start, begin = _engine(_kind(design).model_dump_json(exclude_none=True))
    wanted = targets(design)
    read = reader(design, prepared, wanted)
    summarise = gaussian_reader(read, engine.density)
    where = readings(design, prepared, wanted)
    beyond = marginals(design, prepared, engine.density, wanted)
    return TrialAnalysis(
        design, prepared, engine, wanted, start, begin, read, summarise, beyond, where
    )


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
    prepared = _prepared(design, template(design))
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


def _kind(design: TrialDesign) -> TrialDesign:
    """Return what an engine depends on: all else of the design is that of every other."""
    look = LookSpec(
        calendar=1.0, efficacy=(Rule(quantity="hazard-ratio", below=1.0, more_than=0.5),)
    )
    changes: dict[str, Any] = {
        "arms": ArmsSpec(),
        "accrual": AccrualSpec(rates=(1.0,)),
        "dropout": DropoutSpec(),
        # It belongs to enrich rules, which the looks above have none of.
        "population": design.population.model_copy(update={"switch_to": None}),
        "looks": (look,),
        # So it does to extend rules; the model is of the trial as enlarged.
        "extension": None,
        "patients": design.most_patients,
        "report_at": (),
        "comparators": (),
        "reasons": {},
    }
    return design.model_copy(update=changes)


def _prepared(design: TrialDesign, rows: PersonTime) -> PreparedModel:
    """Bind the model to a template; the untreated patient of the baseline prior has no period."""
    found = prepare(design.model, rows)
    apart = [*design.treatment.later, EXTERNAL]
    later = [place for place, name in enumerate(found.encoder.columns) if name in apart]
    if not later:
        return found
    reference = np.array(found.arrays.data["design_reference"], dtype=np.float64)
    reference[later] = 0.0
    data = {**found.arrays.data, "design_reference": reference}
    return replace(found, arrays=replace(found.arrays, data=data))


@lru_cache(maxsize=16)
def _engine(
    kind: str,
) -> tuple[PreparedModel, BatchEngine, Floats, Callable[[Mapping[str, Any]], jax.Array]]:
    """Return what designs share that differ in looks, accrual and the like alone."""
    design = TrialDesign.model_validate_json(kind)
    rows = template(design)
    prepared = _prepared(design, rows)
    _check_products(prepared, rows)
    # Trials run beside each other already.
    engine = BatchEngine(prepared_density(prepared), threads=1)
    modes = engine.modes({"weight": np.asarray(prepared.arrays.data["weight"])[None]})
    start = modes.positions[0]
    # Data that every trial shares enter as those of a member, of a frame's design too.
    level = partial(levelled, prepared, engine.density, start)
    begin = jax.jit(over_members(lambda _, rows: level(rows)))
    return prepared, engine, start, partial(begin, None)


def _check_products(prepared: PreparedModel, rows: PersonTime) -> None:
    known = _row_values(prepared, rows.columns)
    faults = [
        Fault(f"term '{name}'", "it is no product of what patients have", "Write the terms plainly")
        for name in prepared.encoder.columns
        if not set(name.split(":")) <= set(known)
    ]
    if faults:
        raise SpecificationError("[design.outcome] formula", faults)
    ours = np.asarray(product_columns(prepared, known))
    if not np.allclose(ours, prepared.arrays.data["design"], rtol=0.0, atol=1e-12):
        fault = Fault("formula", "its columns are not the products that their names say", "Report")
        raise SpecificationError("[design.outcome]", [fault])


def _row_values(
    prepared: PreparedModel, columns: Mapping[str, NDArray[np.generic]]
) -> dict[str, jax.Array]:
    spec = prepared.spec
    read = set(spec.outcome.parsed.columns) & set(columns)
    values = {name: jnp.asarray(columns[name].astype(np.float64)) for name in read}
    if spec.modifier is not None:
        raw = jnp.asarray(columns[spec.modifier.column].astype(np.float64))
        values[spec.modifier.name] = model_modifier(prepared, raw)
    return values


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
        return f"laplace, {SETTINGS}, newton {TOLERANCE:g} from the level"
    # Raised whenever last digits of the draws change: "by knots" is how they are interpolated.
    tails = f"Student t {DEGREES_OF_FREEDOM:g} by knots, at the mean beyond {MANY_DIMENSIONS}"
    return f"corrected, {tails}, {design.draws} draws"


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
    parts = components(analysis.design, analysis.prepared)
    if not parts:
        return _told(analysis, {**members, **shared}, chunk=chunk)
    each = []
    for _, hyper in parts:
        own = {**members, **shared, HYPERPARAMETERS: np.broadcast_to(hyper, (count, *hyper.shape))}
        each.append(_told(analysis, own, chunk=chunk))
    return _mixed(parts[0][0], each)


def _mixed(alike: float, each: Sequence[Posteriors]) -> Posteriors:
    """Return a mixture of two posteriors; it failed where one of them did."""
    first, second = each
    weight = mixture_weight(alike, [one["evidence"] for one in each])[:, None]
    found = dict(first)
    for name in ("mean", "probability"):
        found[name] = weight * first[name] + (1.0 - weight) * second[name]
    second_moment = sum(
        share * (one["sd"] ** 2 + one["mean"] ** 2)
        for share, one in ((weight, first), (1.0 - weight, second))
    )
    found["sd"] = np.sqrt(np.maximum(second_moment - found["mean"] ** 2, 0.0))
    found["converged"] = first["converged"] & second["converged"]
    for name in ("untrusted", "followed"):
        found[name] = first[name] | second[name]
    return found


def _told(analysis: TrialAnalysis, arrays: Mapping[str, Any], *, chunk: int) -> Posteriors:
    # On a CPU the same memory; NumPy picks a chunk of it without a copy.
    arrays = {name: np.asarray(values) for name, values in arrays.items()}
    start = np.asarray(analysis.begin(arrays))
    found = analysis.engine.gaussians(arrays, start=start, chunk=chunk)
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
        "evidence": found.log_evidence,
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
