"""A specification bound to person-time: everything but the graph.

Nothing here imports PyMC, so that `bayes-ihlrt check` binds what `fit` binds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.model.arrays import GraphArrays, graph_arrays
from bayes_ihlrt.model.encode import Encoder, build_encoder, patient_sds
from bayes_ihlrt.model.hazard import make_hazard
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
