"""Data sets from a model's own prior: planned follow-up, parameters, then event times.

Everything but the event times is fixed: covariates, entry, start of treatment, administrative end.
A posterior of simulated event times then has the prior from which their parameters were drawn.

Event times come from the hazard that the parameters define. Its linear predictor is put together
from labelled draws and the encoder, apart from the graph, so that a fault of the graph shows as a
difference between generator and density.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pymc as pm
from numpy.typing import NDArray

from bayes_ihlrt.calibration.scenario import Scenario
from bayes_ihlrt.designs.person_time import Columns, PersonTime, Provenance
from bayes_ihlrt.hazards.protocol import Array
from bayes_ihlrt.model.likelihood import event_times
from bayes_ihlrt.model.prepared import PreparedModel, prepare
from bayes_ihlrt.names import DesignKind

Floats = NDArray[np.float64]
PATIENTS: Final = 100
TYPICAL_MEDIAN: Final = 20.0
"""Median survival (months) of the event times that place knots: that of the scenarios' prior."""

REFERENCE: Final = {"treated": 0.0, "nlr": 3.0, "albi": -2.4}
"""The patient whose survival is a test quantity; in a typical centre."""

_SEED: Final = 20_260_101
_CENTRES: Final = (30, 25, 20, 15, 10)


@dataclass(frozen=True, eq=False)
class Template:
    """A scenario's model, bound to the follow-up that was planned.

    Parameters
    ----------
    scenario : Scenario
        Model and design.
    prepared : PreparedModel
        Encoder, hazard, priors and arrays; its outcome is a typical one.
    planned : mapping of str to ndarray, shape (rows,)
        ``patient`` (number), ``start`` and ``stop`` (months) up to the administrative end. A row
        that ends before a late entry has no length.
    reference : ndarray, shape (covariates,)
        Design matrix of the reference patient.
    """

    scenario: Scenario
    prepared: PreparedModel
    planned: Columns
    reference: Floats


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of the planned rows.

    Parameters
    ----------
    stop : ndarray, shape (..., rows)
        End of each row in months; its start where the event came first.
    event, exposure : ndarray, shape (..., rows)
        0 or 1: the event ends the row; the row is at risk.
    exit_time : ndarray, shape (..., patients)
        Event or administrative end, months.
    """

    stop: Floats
    event: Floats
    exposure: Floats
    exit_time: Floats


def build_template(scenario: Scenario) -> Template:
    """Return the planned follow-up of a scenario with its model.

    The model is bound to follow-up from time zero on, whether or not entry is delayed: scenarios
    that differ in entry alone have the same rows, the same priors and the same graph.

    Parameters
    ----------
    scenario : Scenario
        Model and design.

    Returns
    -------
    Template
        The same at every call.
    """
    columns, entry = _planned(scenario)
    number, start = columns["patient"].astype(np.int64), columns["start"].astype(np.float64)
    rng = np.random.default_rng([_SEED, 1])
    times = rng.exponential(TYPICAL_MEDIAN / np.log(2.0), PATIENTS)
    typical = observe_times(columns, times[None])
    rows = dict(columns)
    rows["patient"] = np.asarray([f"patient {n}" for n in number], dtype=object)
    rows["stop"], rows["event"] = typical.stop[0], typical.event[0]
    rows["weight"] = np.ones(len(number))
    provenance = Provenance(DesignKind.SPLIT, {}, 0.0, {}, {})
    prepared = prepare(scenario.spec, PersonTime(rows, provenance))
    prepared = replace(prepared, arrays=replace(prepared.arrays, from_zero=False))
    reference = {name: np.asarray([value]) for name, value in REFERENCE.items()}
    stop = columns["stop"].astype(np.float64)
    late = np.minimum(np.maximum(start, entry[number]), stop)
    planned = {"patient": number, "start": late, "stop": stop}
    return Template(scenario, prepared, planned, prepared.encoder.design(reference)[0])


def observe_times(planned: Columns, times: Floats) -> Outcome:
    """Cut planned rows at event times.

    Parameters
    ----------
    planned : mapping of str to ndarray, shape (rows,)
        ``patient`` (number), ``start``, ``stop``.
    times : ndarray, shape (replicates, patients)
        Event times in months, later than entry; infinite for never.

    Returns
    -------
    Outcome
        Leading axis replicates. A row that begins after the event, or has no length, is not
        at risk.

    Examples
    --------
    >>> planned = {"patient": np.zeros(2, int), "start": [0.0, 4.0], "stop": [4.0, 9.0]}
    >>> seen = observe_times(planned, np.array([[3.0], [6.0], [20.0]]))
    >>> seen.stop.tolist(), seen.event.tolist()
    ([[3.0, 4.0], [4.0, 6.0], [4.0, 9.0]], [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    >>> seen.exposure.tolist(), seen.exit_time.ravel().tolist()
    ([[1.0, 0.0], [1.0, 1.0], [1.0, 1.0]], [3.0, 6.0, 9.0])
    """
    number = np.asarray(planned["patient"], dtype=np.int64)
    start = np.asarray(planned["start"], dtype=np.float64)
    stop = np.asarray(planned["stop"], dtype=np.float64)
    last = np.flatnonzero(np.diff(number, append=-1))
    own = times[:, number]
    return Outcome(
        stop=np.maximum(np.minimum(own, stop), start),
        event=((start < own) & (own <= stop)).astype(np.float64),
        exposure=((start < own) & (start < stop)).astype(np.float64),
        exit_time=np.minimum(times, stop[last]),
    )


def _planned(scenario: Scenario) -> tuple[dict[str, NDArray[np.generic]], Floats]:
    """Return the rows from time zero to the administrative end, and each patient's entry."""
    rng = np.random.default_rng(_SEED)
    late = rng.uniform(1.0, 9.0, PATIENTS) * (rng.permutation(PATIENTS) < PATIENTS // 2)
    end = rng.uniform(10.0, 48.0, PATIENTS)
    arm, start = rng.permutation(PATIENTS) % 2, rng.exponential(15.0, PATIENTS)
    given = start if scenario.time_varying else np.where(arm == 1, 0.0, np.inf)
    covariates = {
        "nlr": rng.lognormal(np.log(3.0), 0.5, PATIENTS),
        "albi": rng.normal(-2.4, 0.5, PATIENTS),
        "centre": rng.permutation(np.repeat([f"centre {n}" for n in range(5)], _CENTRES)),
    }
    untreated, treated = np.flatnonzero(given > 0.0), np.flatnonzero(given < end)
    number = np.concatenate([untreated, treated])
    after = np.arange(len(number)) >= len(untreated)
    first = np.where(after, given[number], 0.0)
    order = np.lexsort((first, number))
    rows: dict[str, NDArray[np.generic]] = {
        "patient": number,
        "start": first,
        "stop": np.where(after, end[number], np.minimum(given, end)[number]),
        "treated": after.astype(np.float64),
        **{name: values[number] for name, values in covariates.items()},
    }
    rows["centre"] = rows["centre"].astype(object)
    return {name: values[order] for name, values in rows.items()}, late * scenario.delayed_entry


type Values = Mapping[str, Floats]


@dataclass(frozen=True, eq=False)
class Simulated:
    """Data sets and the parameters that made them.

    Parameters
    ----------
    members : mapping of str to ndarray, shape (replicates, ...)
        Arrays that replace those of the template's graph.
    truth : mapping of str to ndarray, shape (replicates, ...)
        Parameters by name.
    """

    members: Mapping[str, NDArray[np.generic]]
    truth: Values

    @property
    def events(self) -> NDArray[np.int64]:
        """Events of each data set."""
        return self.members["event"].astype(np.float64).sum(axis=1).astype(np.int64)


def simulate(template: Template, model: pm.Model, *, replicates: int, seed: int) -> Simulated:
    """Draw data sets from the prior predictive distribution of a scenario.

    Parameters
    ----------
    template : Template
        Planned follow-up and its model.
    model : pymc.Model
        The template's graph, from which parameters are drawn.
    replicates : int
        Data sets.
    seed : int
        Seed of parameters and event times.

    Returns
    -------
    Simulated
        Censored at the administrative end.
    """
    truth = draw_parameters(model, draws=replicates, seed=seed)
    targets = np.random.default_rng([seed, 1]).exponential(
        size=(replicates, len(template.prepared.arrays.labels))
    )
    times = _times(template, truth, targets)
    return Simulated(_members(template, observe_times(template.planned, times)), truth)


def draw_parameters(model: pm.Model, *, draws: int, seed: int) -> dict[str, Floats]:
    """Draw every parameter of a graph from its prior.

    Parameters
    ----------
    model : pymc.Model
        Graph.
    draws : int
        Number of draws.
    seed : int
        Seed.

    Returns
    -------
    dict of str to ndarray, shape (draws, ...)
        Stated and sampled parameters alike.
    """
    names = [str(variable.name) for variable in model.unobserved_RVs]
    # A thousand draws do not repay the seconds that compiling takes.
    values = pm.draw(
        [model[name] for name in names], draws=draws, random_seed=seed, mode="FAST_COMPILE"
    )
    return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}


def linear_predictor(prepared: PreparedModel, values: Mapping[str, Array]) -> Array:
    """Return x'b + u_group at every row.

    Parameters
    ----------
    prepared : PreparedModel
        Encoder and arrays.
    values : mapping of str to array, shape (draws, ...)
        Coefficients and group effects by name; NumPy or JAX.

    Returns
    -------
    array, shape (draws, rows)
        Log hazard ratios.
    """
    data = prepared.arrays.data
    design = np.asarray(data["design"], dtype=np.float64)
    eta = sum(
        values[name][:, None] * design[:, column]
        for column, name in enumerate(prepared.encoder.columns)
    )
    for term in prepared.spec.outcome.groups:
        index = np.asarray(data[f"{term.group}_index"], dtype=np.int64)
        eta = eta + values[f"{term.group}_effect"][:, index]
        if term.slope is not None:
            slope = np.asarray(data[f"{term.group}_{term.slope}"], dtype=np.float64)
            eta = eta + values[f"{term.group}_effect:{term.slope}"][:, index] * slope
    return eta


def _times(template: Template, truth: Values, targets: Floats) -> Floats:
    """Return event times, shape (replicates, patients)."""
    prepared, planned = template.prepared, template.planned
    hazard = prepared.hazard
    start, stop = (np.asarray(planned[name], dtype=np.float64) for name in ("start", "stop"))
    number = np.asarray(planned["patient"], dtype=np.int64)
    theta = {name: truth[name] for name in hazard.parameters}
    increments = hazard.cumulative_hazard(np, hazard.increment_basis(np, start, stop), theta)
    etas = linear_predictor(prepared, truth)
    return np.stack(
        [
            event_times(
                hazard,
                {name: values[replicate] for name, values in theta.items()},
                target,
                rows=(start, increments[replicate], etas[replicate], number),
            )
            for replicate, target in enumerate(targets)
        ]
    )


def _members(template: Template, seen: Outcome) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of the graph that event times decide."""
    hazard = template.prepared.hazard
    start = np.broadcast_to(
        np.asarray(template.planned["start"], dtype=np.float64), seen.stop.shape
    )
    shape = (*seen.stop.shape, -1)
    increment = np.asarray(hazard.increment_basis(np, start.ravel(), seen.stop.ravel()))
    basis = np.asarray(hazard.log_hazard_basis(np, seen.stop.ravel()))
    return {
        "increment_basis": increment.reshape(shape),
        "hazard_basis": basis.reshape(shape),
        "event": seen.event,
        "exposure": seen.exposure,
        "start": start,
        "stop": seen.stop,
        "exit_time": seen.exit_time,
    }
