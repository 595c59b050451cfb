"""Posteriors of many trials: means, sds and probabilities, by plain Laplace or corrected."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.inference.batch_result import DRAW, MEMBER, WEIGHT
from bayes_ihlrt.trials.analysis import TrialAnalysis
from bayes_ihlrt.trials.design import Approximation
from bayes_ihlrt.trials.quantities import Target, statement_probability, statements
from bayes_ihlrt.trials.rules import Quantity, Rule

Floats = NDArray[np.float64]
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
        the future), ``converged``, ``untrusted`` (a mode was found, but the importance weights
        have a Pareto k-hat above 0.7; never for plain Laplace, which has none); for plain Laplace
        also ``position`` and ``factor`` of the normal approximation, unconstrained.
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
    mean, sd = np.asarray(means), np.asarray(sds)
    table: Posteriors = {"mean": mean, "sd": sd, "converged": found.converged}
    table["untrusted"] = np.zeros(count, dtype=bool)
    table |= {"position": found.mean, "factor": found.factor}
    return table | {"probability": _probabilities(analysis, mean, sd)}


def _probabilities(analysis: TrialAnalysis, mean: Floats, sd: Floats) -> Floats:
    columns = []
    for rule in statements(analysis.design):
        if rule.quantity.of_future:
            columns.append(np.full(len(mean), np.nan))
        else:
            place = analysis.targets.index(Target.of_rule(rule))
            columns.append(statement_probability(rule, mean[:, place], sd[:, place]))
    return np.stack(columns, axis=1)


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
            target = seen[:, :, analysis.targets.index(Target.of_rule(rule))]
            shares.append((weight[:, :, 0] * statement_holds(rule, target)).sum(axis=1))
    dims = (MEMBER, "target")
    arrays = {"mean": (dims, mean), "sd": (dims, sd)}
    arrays["probability"] = ((MEMBER, "statement"), np.stack(shares, axis=1))
    return xr.Dataset(arrays, coords={MEMBER: draws[MEMBER].to_numpy()})


def statement_holds(rule: Rule, values: Floats) -> NDArray[np.bool_]:
    """Return whether a rule's statement holds for values of its target."""
    bound = rule.below if rule.below is not None else rule.above
    value = float(bound if bound is not None else 0.0)
    if rule.quantity is Quantity.HAZARD_RATIO:
        value = float(np.log(value))
    return values < value if rule.below is not None else values > value
