"""The graph of treatment initiation: a logistic model with a patient-level observed variable.

For patient i with decisions r, weight w_i and initiation y_r

    log L_i = w_i sum_r { y_r eta_r - log(1 + exp(eta_r)) }

so that a patient's decisions share the patient's weight, and leave the data together.
"""

from collections.abc import Mapping

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.tensor import TensorVariable

from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.model.groups import CrudeContrasts, add_group_effect
from bayes_ihlrt.model.priors import GraphPriors, add_hyperparameters
from bayes_ihlrt.names import COVARIATE, PATIENT, GroupParametrisation
from bayes_ihlrt.propensity.model import INITIATED, PreparedPropensity
from bayes_ihlrt.propensity.point import propensity
from bayes_ihlrt.spec.propensity import INTERCEPT

Floats = NDArray[np.float64]


def build_propensity(prepared: PreparedPropensity) -> pm.Model:
    """Return the PyMC graph of treatment initiation.

    logit P(start) = intercept + (x - mean x)'b + u_group. Coefficients carry the names of the
    design matrix's columns and are log odds ratios; ``intercept`` is the log odds of the average
    decision. Decisions, patient weights (`weight`) and prior hyperparameters (`hyperparameters`)
    are `pm.Data`.

    Parameters
    ----------
    prepared : PreparedPropensity
        Specification bound to decisions.

    Returns
    -------
    pymc.Model
        With the observed variable ``initiated`` of dimension ``patient``: whether the patient
        started treatment at any of the decisions.
    """
    encoder = prepared.encoder
    coords = {PATIENT: prepared.patients, **encoder.levels, COVARIATE: encoder.columns}
    with pm.Model(coords=coords) as model:
        data = {name: pm.Data(name, values) for name, values in prepared.data.items()}
        priors = add_hyperparameters(prepared.priors)
        coefficients = pt.zeros((0,))
        if encoder.columns:
            coefficients = pt.stack([priors.sample(name) for name in encoder.columns])
        eta = priors.sample(INTERCEPT) + pt.dot(
            data["design"] - data["design_centre"], coefficients
        )
        pm.CustomDist(
            INITIATED,
            eta + _group_effects(prepared, priors, data),
            *(data[name] for name in ("initiation", "row_unit", "weight", "ever_initiated")),
            logp=_log_likelihood,
            random=_simulate,
            signature="(r),(r),(r),(p),(p)->(p)",
            observed=data["ever_initiated"],
            dims=PATIENT,
        )
    return model


def logit_propensity(
    prepared: PreparedPropensity,
    parameters: Mapping[str, Floats],
    *,
    rows: Columns | None = None,
) -> Floats:
    """Return intercept + (x - mean x)'b + u_group for every draw and decision.

    Parameters
    ----------
    prepared : PreparedPropensity
        The model that the parameters belong to.
    parameters : mapping of str to ndarray
        Draws by name: coefficients and ``intercept`` of shape (...), ``<group>_effect`` and
        ``<group>_effect:<slope>`` of shape (..., levels).
    rows : mapping of str to ndarray, shape (decisions,), optional
        Covariates of other decisions; those of the model by default.

    Returns
    -------
    ndarray, shape (..., decisions)
        Log odds of starting treatment.

    Raises
    ------
    SpecificationError
        When `rows` have a level that the model does not know.
    """
    encoder, data = prepared.encoder, prepared.data
    design = _floats(data["design"]) if rows is None else encoder.design(rows)
    eta = np.asarray(parameters[INTERCEPT], dtype=np.float64)[..., None]
    if encoder.columns:
        stacked = np.stack([parameters[name] for name in encoder.columns], axis=-1)
        eta = eta + stacked @ (design - _floats(data["design_centre"])).T
    else:
        eta = eta + np.zeros(len(design))
    for term in encoder.spec.outcome.groups:
        group, slope = term.group, term.slope
        index = data[f"{group}_index"] if rows is None else encoder.group_index(rows, group)
        eta = eta + parameters[f"{group}_effect"][..., index]
        if slope is not None:
            own = data[f"{group}_{slope}"] if rows is None else encoder.slope_values(rows, slope)
            eta = eta + parameters[f"{group}_effect:{slope}"][..., index] * _floats(own)
    return np.asarray(eta, dtype=np.float64)


def _group_effects(
    prepared: PreparedPropensity, priors: GraphPriors, data: Mapping[str, TensorVariable]
) -> TensorVariable | float:
    effect: TensorVariable | float = 0.0
    auto = GroupParametrisation.AUTO
    for term in prepared.encoder.spec.outcome.groups:
        group, slope = term.group, term.slope
        crude = CrudeContrasts(data[f"{group}_estimate"], data[f"{group}_information"])
        level = add_group_effect((group, None), priors, parametrisation=auto, crude=crude)
        effect = effect + level[data[f"{group}_index"]]
        if slope is not None:
            own = add_group_effect((group, slope), priors, parametrisation=auto)
            effect = effect + own[data[f"{group}_index"]] * data[f"{group}_{slope}"]
    return effect


def _log_likelihood(value: TensorVariable, *parameters: TensorVariable) -> TensorVariable:
    eta, initiation, row_unit, weight, ever_initiated = parameters
    rows = initiation * eta - pt.softplus(eta)
    units = pt.inc_subtensor(pt.zeros_like(ever_initiated)[row_unit], rows)
    return pt.switch(pt.eq(value, ever_initiated), weight * units, -np.inf)


def _simulate(*parameters: Floats, rng: np.random.Generator, size: object = None) -> Floats:
    """Draw whether each patient starts treatment at one of the decisions in the data."""
    del size  # the number of patients is that of the data
    eta, _, row_unit, _, ever_initiated = parameters
    starts = rng.random(len(eta)) < propensity(eta)
    drawn = np.bincount(row_unit.astype(np.int64), starts, minlength=len(ever_initiated))
    return np.minimum(drawn, 1.0)


def _floats(values: NDArray[np.generic]) -> Floats:
    return np.asarray(values, dtype=np.float64)
