"""From a specification and person-time to one PyMC graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.tensor import TensorVariable

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.hazards.piecewise import Piecewise
from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.model.arrays import GraphArrays, graph_arrays, pack, unpack
from bayes_ihlrt.model.baseline import Constants, Theta, add_baseline, make_hazard
from bayes_ihlrt.model.encode import Encoder, build_encoder, patient_sds
from bayes_ihlrt.model.groups import CrudeContrasts, add_group_effect
from bayes_ihlrt.model.likelihood import observe
from bayes_ihlrt.model.priors import GraphPriors, add_hyperparameters
from bayes_ihlrt.model.smoothing import event_times
from bayes_ihlrt.names import COVARIATE, INTERVAL
from bayes_ihlrt.priors import Prior
from bayes_ihlrt.spec.model import ModelSpec, scales_of
from bayes_ihlrt.spec.parameters import ResolvedPrior, resolve_priors


@dataclass(frozen=True)
class PreparedModel:
    """A specification bound to person-time: everything but the graph.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    encoder : Encoder
        Encoding of the covariates.
    hazard : Hazard
        Baseline hazard, with its cuts or knots.
    priors : mapping of str to ResolvedPrior
        Every parameter's prior and its source.
    arrays : GraphArrays
        The graph's data.
    """

    spec: ModelSpec
    encoder: Encoder
    hazard: Hazard
    priors: Mapping[str, ResolvedPrior]
    arrays: GraphArrays


def prepare(spec: ModelSpec, person_time: PersonTime, *, reduce: bool = True) -> PreparedModel:
    """Bind a specification to person-time.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    person_time : PersonTime
        Rows, months.
    reduce : bool
        Reduce large piecewise models to sufficient statistics (`graph_arrays`).

    Returns
    -------
    PreparedModel
        Encoder, hazard, priors and arrays.

    Raises
    ------
    SpecificationError
        When specification and data do not fit together.

    Examples
    --------
    >>> from bayes_ihlrt.analysis.check import check_analysis
    >>> from bayes_ihlrt.spec.read import load_spec
    >>> checked = check_analysis(load_spec("heart"), "heart")
    >>> prepared = prepare(checked.spec.model, checked.person_time)
    >>> prepared.encoder.columns, prepared.hazard.parameters
    (('transplant', 'age', 'surgery', 'transplant:age'), ('log_rate', 'log_shape'))
    """
    if spec.scales is None:
        held = scales_of(person_time.columns, person_time.patient_index)
        spec = spec.model_copy(update={"scales": held})
    encoder = build_encoder(spec, person_time)
    times, events = event_times(person_time)
    hazard = make_hazard(spec.outcome.hazard, times, events=events)
    arrays = graph_arrays(encoder, hazard, person_time, reduce=reduce)
    return PreparedModel(spec, encoder, hazard, _resolved(spec, encoder, arrays), arrays)


def package_defaults(prepared: PreparedModel) -> dict[str, Prior]:
    """Return the package's own prior of every parameter of a model, whatever is stated.

    Parameters
    ----------
    prepared : PreparedModel
        Specification bound to person-time.

    Returns
    -------
    dict of str to Prior
        Per unit of the covariate.
    """
    bare = prepared.spec.model_copy(update={"priors": {}, "prior_base": None})
    found = _resolved(bare, prepared.encoder, prepared.arrays)
    return {name: resolved.prior for name, resolved in found.items()}


def _resolved(spec: ModelSpec, encoder: Encoder, arrays: GraphArrays) -> dict[str, ResolvedPrior]:
    row_sds = dict(zip(encoder.columns, arrays.column_sd.tolist(), strict=True))
    return resolve_priors(spec, encoder.terms, row_sds | patient_sds(spec), row_sds)


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
    data = unpack(slots)
    priors = add_hyperparameters(prepared.priors)
    coefficients = _coefficients(prepared.encoder.columns, priors)
    eta, group_mean = _add_groups(prepared, priors, data)
    eta = eta + pt.dot(data["design"], coefficients)
    theta = add_baseline(
        prepared.spec.outcome.hazard,
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
    width = prepared.arrays.data["hazard_basis"].shape[1]
    if isinstance(prepared.hazard, Piecewise):
        coords[INTERVAL] = interval_labels(prepared.hazard.cuts)
        coords["step"] = coords[INTERVAL][1:]
    if "log_weights" in prepared.hazard.parameters:
        coords["basis"] = [str(number) for number in range(width)]
        coords["step"] = coords["basis"][1:]
    return coords


def interval_labels(cuts: tuple[float, ...]) -> list[str]:
    """Return the labels of the intervals between cut points.

    Parameters
    ----------
    cuts : tuple of float
        Inner cut points, months.

    Returns
    -------
    list of str
        One label an interval.

    Examples
    --------
    >>> interval_labels((3.0, 6.0))
    ['0-3', '3-6', '6+']
    """
    edges = ["0", *(f"{cut:g}" for cut in cuts)]
    return [f"{low}-{high}" for low, high in pairwise(edges)] + [f"{edges[-1]}+"]


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
