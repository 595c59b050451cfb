"""Data sets from a model's own prior: parameters, then event times from the hazard they define.

The linear predictor is put together from labelled draws and the encoder, apart from the graph, so
that a fault of the graph shows as a difference between generator and density.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pymc as pm
from numpy.typing import NDArray

from bayes_ihlrt.checks.template import Outcome, Template, observe_times
from bayes_ihlrt.hazards.protocol import Array
from bayes_ihlrt.model.build import PreparedModel
from bayes_ihlrt.model.likelihood import event_times

Floats = NDArray[np.float64]
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
