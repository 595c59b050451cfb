"""A specification bound to person-time: everything but the graph.

Nothing here imports PyMC, so that `bayes-ihlrt check` binds what `fit` binds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.model.arrays import GraphArrays, graph_arrays
from bayes_ihlrt.model.encode import (
    Encoder,
    build_encoder,
    coefficient_names,
    design_matrix,
    formula_frame,
    terms_of,
)
from bayes_ihlrt.model.hazard import make_hazard
from bayes_ihlrt.model.predictor import OUTCOME, held_sd
from bayes_ihlrt.model.smoothing import event_times
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
    return bind(spec, encoder, hazard, person_time, reduce=reduce)


def bind(
    spec: ModelSpec,
    encoder: Encoder,
    hazard: Hazard,
    person_time: PersonTime,
    *,
    reduce: bool = True,
) -> PreparedModel:
    """Bind a specification to person-time with what was learnt from other rows.

    Parameters
    ----------
    spec : ModelSpec
        The model, with scales.
    encoder : Encoder
        Encoding of the covariates.
    hazard : Hazard
        Baseline hazard.
    person_time : PersonTime
        Rows, months.
    reduce : bool
        Reduce large piecewise models to sufficient statistics (`graph_arrays`).

    Returns
    -------
    PreparedModel
        With priors and arrays.

    Raises
    ------
    SpecificationError
        The rows have levels or values that the encoder does not know.
    """
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


def patient_sds(spec: ModelSpec) -> dict[str, float]:
    """Return the standard deviation of each column over the patients whose scales are held.

    Everybody counts as treated, so that an interaction with treatment has the standard deviation of
    what the effect depends on. A column that nobody varies in at time zero is left out.

    Parameters
    ----------
    spec : ModelSpec
        With scales.

    Returns
    -------
    dict of str to float
        By coefficient; empty where time zero does not hold every column of the formula.
    """
    return {name: sd for name, (_, sd) in patient_columns(spec).items() if sd > 0.0}


def patient_columns(spec: ModelSpec) -> dict[str, tuple[str, float]]:
    """Return the term of each column and its standard deviation over patients, as `patient_sds`.

    Parameters
    ----------
    spec : ModelSpec
        With scales.

    Returns
    -------
    dict of str to tuple of str and float
        By coefficient, in the order of the formula; 0 where nobody varies.
    """
    if spec.scales is None or not spec.outcome.formula:
        return {}
    columns = dict(spec.scales.patients)
    if spec.treatment is not None:
        columns[spec.treatment] = np.ones(len(columns["patient"]))
    read = set(spec.outcome.parsed.columns)
    if spec.modifier is not None and spec.modifier.name in read:
        read = read - {spec.modifier.name} | {spec.modifier.column}
    if not read <= columns.keys():
        return {}
    frame = formula_frame(spec, columns, held_sd(spec, 1.0))
    matrix = design_matrix(spec.outcome.parsed, frame, OUTCOME)
    sds = np.asarray(matrix, dtype=np.float64)[:, 1:].std(axis=0).tolist()
    names = coefficient_names(matrix, OUTCOME)
    terms = terms_of(matrix.model_spec, names)
    return {name: (terms[name], sd) for name, sd in zip(names, sds, strict=True)}
