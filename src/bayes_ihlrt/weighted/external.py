"""External controls beside a cohort: rows that count in part, or that a term tells apart.

Power prior: their likelihood to a power, which is the weight of their rows; all parameters are
shared. Commensurate prior: their log hazard may differ by a constant with a prior about 0, the
narrower the more is borrowed. Robust MAP prior: a mixture of a narrow and a wide one of these.
Parameters of the cohort keep the priors that they have without external controls.

References
----------
Ibrahim JG, Chen M-H. Power prior distributions for regression models. Stat Sci 2000;15:46-60,
doi 10.1214/ss/1009212673. Hobbs BP, Carlin BP, Mandrekar SJ, Sargent DJ. Hierarchical commensurate
and power prior models for adaptive incorporation of historical information in clinical trials.
Biometrics 2011;67:1047-1056, doi 10.1111/j.1541-0420.2011.01564.x. Schmidli H, Gsteiger S,
Roychoudhury S, O'Hagan A, Spiegelhalter D, Neuenschwander B. Robust meta-analytic-predictive priors
in clinical trials with historical control information. Biometrics 2014;70:1023-1032,
doi 10.1111/biom.12242.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import DataError, Fault
from bayes_ihlrt.model.encode import (
    Encoder,
    coefficient_names,
    design_matrix,
    formula_frame,
    group_labels,
    terms_of,
)
from bayes_ihlrt.model.hazard import make_hazard
from bayes_ihlrt.model.prepared import PreparedModel, bind
from bayes_ihlrt.model.smoothing import event_times
from bayes_ihlrt.spec.external import EXTERNAL, ExternalSpec
from bayes_ihlrt.spec.model import ModelSpec


@dataclass(frozen=True)
class BoundExternal:
    """External controls bound to the model of a cohort.

    Parameters
    ----------
    spec : ExternalSpec
        How much of them is borrowed.
    alone : PreparedModel
        The model on the cohort's own rows, whose priors are kept.
    rows : PersonTime
        Rows of both, told apart by the column ``external``.
    own : PersonTime
        Those of the cohort among them, to average over.
    prepared : PreparedModel
        The model of both.
    """

    spec: ExternalSpec
    alone: PreparedModel
    rows: PersonTime
    own: PersonTime
    prepared: PreparedModel

    def under(self, model: ModelSpec) -> "BoundExternal":
        """Return the same rows under a model of both with another baseline, say."""
        prepared = _bound(model, self.rows, self.own, self.alone, reduce=True)
        return replace(self, prepared=prepared)

    def counted(self) -> dict[str, Any]:
        """Return patients, events and months of external controls, and what they weigh."""
        theirs = self.rows.columns[EXTERNAL].astype(np.float64) == 1.0
        start, stop, event, weight = (
            self.rows.columns[name].astype(np.float64)[theirs]
            for name in ("start", "stop", "event", "weight")
        )
        patients = len(set(self.rows.patient_index[theirs].tolist()))
        return {
            "patients": patients,
            "events": int(event.sum()),
            "months": float((stop - start).sum()),
            "weighted_events": float((event * weight).sum()),
        }


def bind_external(
    alone: PreparedModel,
    own: PersonTime,
    others: PersonTime,
    external: ExternalSpec,
    *,
    reduce: bool = True,
) -> BoundExternal:
    """Bind the model of a cohort to its rows and those of external controls.

    What a formula learns from data (levels, knots, centres) and where the baseline hazard bends are
    those of the cohort alone.

    Parameters
    ----------
    alone : PreparedModel
        The model on the cohort's own rows.
    own, others : PersonTime
        Rows of the cohort and of external controls, with the same columns; the latter's weight is
        what each of them counts before the power.
    external : ExternalSpec
        How much is borrowed.
    reduce : bool
        Reduce large piecewise models to sufficient statistics (`graph_arrays`).

    Returns
    -------
    BoundExternal
        To be fitted.

    Raises
    ------
    DataError
        A column is missing on one side.
    SpecificationError
        External controls have a category that nobody of the cohort has, or values for which a
        term of the formula is not defined.
    """
    rows = joined(own, others, weight=external.weight)
    stated = dict(alone.spec.priors)
    if external.prior is not None:
        stated[EXTERNAL] = external.prior
    changed = {"outcome": external.outcome(alone.spec.outcome), "priors": stated}
    model = alone.spec.model_copy(update=changed)
    zeros = {**own.columns, EXTERNAL: np.zeros(own.n_rows)}
    kept = PersonTime(zeros, own.provenance)
    prepared = _bound(model, rows, kept, alone, reduce=reduce)
    return BoundExternal(external, alone, rows, kept, prepared)


def _bound(
    model: ModelSpec, rows: PersonTime, own: PersonTime, alone: PreparedModel, *, reduce: bool
) -> PreparedModel:
    """Bind a model of both; what is known of the cohort before the data stays as it is alone."""
    times, events = event_times(own)
    hazard = make_hazard(model.outcome.hazard, times, events=events)
    found = bind(model, _encoder(model, rows, own, alone.encoder), hazard, rows, reduce=reduce)
    priors = {name: alone.priors.get(name, prior) for name, prior in found.priors.items()}
    known = dict(zip(alone.encoder.columns, alone.arrays.data["design_reference"], strict=True))
    reference = [0.0 if n == EXTERNAL else float(known[n]) for n in found.encoder.columns]
    data = {**found.arrays.data, "design_reference": np.asarray(reference)}
    return replace(found, priors=priors, arrays=replace(found.arrays, data=data))


def _encoder(model: ModelSpec, rows: PersonTime, own: PersonTime, alone: Encoder) -> Encoder:
    """The cohort's encoding and the term of external controls; only groups may have new levels.

    References, knots and centres that others had a part in would be another covariate under the
    name, and with the prior, of the cohort's.
    """
    levels = {
        term.group: tuple(sorted(set(group_labels(rows.columns[term.group]))))
        for term in model.outcome.groups
    }
    kept = replace(alone, spec=model, levels=levels)
    if not model.outcome.formula:
        return kept
    frame = formula_frame(model, own.columns, kept.modifier_sd)
    matrix = design_matrix(model.outcome.parsed, frame, kept.predictor)
    state, names = matrix.model_spec, coefficient_names(matrix, kept.predictor)
    return replace(kept, columns=names, terms=terms_of(state, names), formula_state=state)


def joined(own: PersonTime, others: PersonTime, *, weight: float = 1.0) -> PersonTime:
    """Return the rows of two cohorts, told apart by the column ``external``.

    Parameters
    ----------
    own, others : PersonTime
        With the same columns.
    weight : float
        What each of the other patients counts, times the weight that they have.

    Returns
    -------
    PersonTime
        Names of the other patients begin with ``"external:"``.

    Raises
    ------
    DataError
        A column is missing on one side.
    """
    missing = sorted(set(own.columns) ^ set(others.columns))
    if missing:
        problem = f"only one of the two cohorts has {', '.join(missing)}"
        fault = Fault("external cohort", problem, "Give both the same columns")
        raise DataError("external cohort", [fault])
    columns = {
        name: np.concatenate([values, others.columns[name]])
        for name, values in own.columns.items()
        if name not in {"patient", "weight"}
    }
    scaled = weight * others.columns["weight"].astype(np.float64)
    columns["weight"] = np.concatenate([own.columns["weight"].astype(np.float64), scaled])
    names = [f"external:{name}" for name in others.columns["patient"].tolist()]
    columns["patient"] = np.asarray([*own.columns["patient"].tolist(), *names], dtype=object)
    columns[EXTERNAL] = np.repeat([0.0, 1.0], [own.n_rows, others.n_rows])
    return PersonTime(columns, own.provenance)
