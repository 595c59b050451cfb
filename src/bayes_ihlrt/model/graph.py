"""From a specification and person-time to one PyMC graph."""

from collections.abc import Mapping

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.tensor import TensorVariable

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.model.arrays import CENTRE_POINTS, UNPACKED, Slot, pack
from bayes_ihlrt.model.baseline import Constants, Theta, add_baseline
from bayes_ihlrt.model.groups import CrudeContrasts, add_group_effect
from bayes_ihlrt.model.likelihood import observe
from bayes_ihlrt.model.prepared import PreparedModel, prepare
from bayes_ihlrt.model.priors import GraphPriors, add_hyperparameters
from bayes_ihlrt.names import COVARIATE
from bayes_ihlrt.spec.model import ModelSpec


def build_model(spec: ModelSpec, person_time: PersonTime) -> pm.Model:
    """Return the PyMC graph of a survival model.

    log h(t) = log h0(t) + x'b + u_group. Coefficients carry the names of the design matrix's
    columns and are log hazard ratios. Outcome data, patient weights (`weight`) and prior
    hyperparameters (`hyperparameters`) are `pm.Data`.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    person_time : PersonTime
        Rows, months.

    Returns
    -------
    pymc.Model
        With the observed variable ``time`` of dimension ``patient``.

    Raises
    ------
    SpecificationError
        When specification and data do not fit together.

    Examples
    --------
    >>> from bayes_ihlrt.analysis.check import check_analysis
    >>> from bayes_ihlrt.spec.read import load_spec
    >>> checked = check_analysis(load_spec("heart"), "heart")
    >>> model = build_model(checked.spec.model, checked.person_time)
    >>> [variable.name for variable in model.observed_RVs], len(model.coords["patient"])
    (['time'], 103)
    """
    return build_graph(prepare(spec, person_time))


def build_graph(prepared: PreparedModel) -> pm.Model:
    """Return the PyMC graph of a prepared model.

    Parameters
    ----------
    prepared : PreparedModel
        Specification bound to person-time.

    Returns
    -------
    pymc.Model
        The graph.
    """
    with pm.Model(coords=graph_coords(prepared)) as model:
        theta, eta, data = add_outcome(prepared)
        arrays = prepared.arrays
        observe(prepared.hazard, theta, eta, data, unit=arrays.unit, from_zero=arrays.from_zero)
    return model


def add_outcome(
    prepared: PreparedModel,
) -> tuple[Theta, TensorVariable, dict[str, TensorVariable]]:
    """Add data, priors, linear predictor and baseline to the model on the stack.

    Parameters
    ----------
    prepared : PreparedModel
        Specification bound to person-time.

    Returns
    -------
    theta : dict of str to TensorVariable
        Parameters of the baseline hazard.
    eta : TensorVariable, shape (rows,)
        Linear predictor, log hazard ratio.
    data : dict of str to TensorVariable
        The graph's data, for `observe`.
    """
    packed, slots = pack(prepared.arrays.data)
    for name, values in packed.items():
        pm.Data(name, values)
    data = _unpack(slots)
    priors = add_hyperparameters(prepared.priors)
    coefficients = _coefficients(prepared.encoder.columns, priors)
    eta, group_mean = _add_groups(prepared, priors, data)
    eta = eta + pt.dot(data["design"], coefficients)
    theta = add_baseline(
        prepared.hazard,
        priors,
        centre=pt.dot(data["design_centre"], coefficients) + group_mean,
        reference=pt.dot(data["design_reference"], coefficients),
        constants=Constants(
            data["time_centre"][0],
            data["interval_share"],
            data["trend_places"],
            data["walk_information"][0],
        ),
    )
    return theta, eta, data


def graph_coords(
    prepared: PreparedModel,
) -> dict[str, NDArray[np.object_] | tuple[str, ...] | list[str]]:
    """Return the coordinates of a prepared model's graph, by dimension."""
    coords: dict[str, NDArray[np.object_] | tuple[str, ...] | list[str]] = {
        prepared.arrays.unit: prepared.arrays.labels,
        **prepared.encoder.levels,
        COVARIATE: prepared.encoder.columns,
    }
    return coords | {name: [*labels] for name, labels in prepared.hazard.coords.items()}


def _coefficients(columns: tuple[str, ...], priors: GraphPriors) -> TensorVariable:
    if not columns:
        return pt.zeros((0,))
    return pt.stack([priors.sample(name) for name in columns])


def _add_groups(
    prepared: PreparedModel, priors: GraphPriors, data: Mapping[str, TensorVariable]
) -> tuple[TensorVariable | float, TensorVariable | float]:
    """Add the group effects; return their part of the linear predictor and their mean."""
    eta: TensorVariable | float = 0.0
    mean: TensorVariable | float = 0.0
    choice = prepared.spec.outcome.parametrisation
    for term in prepared.spec.outcome.groups:
        index = data[f"{term.group}_index"]
        crude = CrudeContrasts(data[f"{term.group}_estimate"], data[f"{term.group}_information"])
        intercept = add_group_effect(
            (term.group, None), priors, parametrisation=choice, crude=crude
        )
        eta = eta + intercept[index]
        mean = mean + intercept.mean()
        if term.slope is not None:
            slope = add_group_effect((term.group, term.slope), priors, parametrisation=choice)
            eta = eta + slope[index] * data[f"{term.group}_{term.slope}"]
    return eta, mean


def _unpack(slots: Mapping[str, Slot]) -> dict[str, TensorVariable]:
    """Return the graph's arrays as views of the packed data of the model on the stack.

    Parameters
    ----------
    slots : mapping of str to Slot
        From `pack`.

    Returns
    -------
    dict of str to TensorVariable
        By the names that `graph_arrays` gave.
    """
    model = pm.modelcontext(None)
    views = {name: model[name] for name in UNPACKED}
    for name, slot in slots.items():
        whole = model[slot.array]
        if slot.array == CENTRE_POINTS:
            views[name] = whole[slot.first : slot.last]
        else:
            views[name] = whole[slot.first] if slot.ndim == 1 else whole[slot.first : slot.last].T
    return views
