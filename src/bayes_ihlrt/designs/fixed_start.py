"""Designs that follow patients from time zero as they are: split, ever-never, fixed.

===========  ==========================================================  ============
design       what it does                                                time zero
===========  ==========================================================  ============
split        time before the start is untreated, after it treated        therapy start
ever-never   the ever treated are treated throughout: wrong on purpose   therapy start
fixed        the treatment column as it stands, e.g. a randomised arm    therapy start
===========  ==========================================================  ============

References
----------
Mantel N, Byar DP. J Am Stat Assoc 1974;69:81-86, doi 10.1080/01621459.1974.10480131 (split).
"""

from typing import Final

import numpy as np

from bayes_ihlrt.data.schema import TreatmentSpec
from bayes_ihlrt.designs.person_time import Columns, PersonTime
from bayes_ihlrt.designs.rows import floats, provenance
from bayes_ihlrt.errors import Fault, RefusedError, SpecificationError
from bayes_ihlrt.names import DesignKind

_START: Final = "treatment_start"


def split(columns: Columns, treatment: TreatmentSpec) -> PersonTime:
    """Cut each row at the start of treatment (Mantel-Byar)."""
    rows = dict(columns)
    if treatment.column is None:
        at = floats(rows.pop(_START))
        start, stop = floats(rows["start"]), floats(rows["stop"])
        untreated, treated = np.flatnonzero(start < at), np.flatnonzero(stop > at)
        before = {name: values[untreated] for name, values in rows.items()}
        after = {name: values[treated] for name, values in rows.items()}
        before["stop"] = np.minimum(stop, at)[untreated]
        before["event"] = np.where(stop > at, 0.0, floats(rows["event"]))[untreated]
        after["start"] = np.maximum(start, at)[treated]
        before[treatment.name] = np.zeros(len(untreated))
        after[treatment.name] = np.ones(len(treated))
        # Patients stay in the order of the cohort, those treated from the beginning as well.
        order = np.argsort(np.concatenate([untreated, treated]), kind="stable")
        rows = {name: np.concatenate([before[name], after[name]])[order] for name in before}
    story = provenance(DesignKind.SPLIT, rows, treatment.name)
    return PersonTime(_weighted(rows), story)


def fixed(columns: Columns, treatment: TreatmentSpec) -> PersonTime:
    """Take the treatment column as it stands."""
    if treatment.column is None:
        raise SpecificationError(
            "[treatment]",
            [
                Fault(
                    "design",
                    "design 'fixed' needs the 0/1 column of a treatment set at time zero; "
                    "found a start time",
                    "Name it with `column`, or use design 'split'",
                )
            ],
        )
    rows = dict(columns)
    story = provenance(DesignKind.FIXED, rows, treatment.name)
    return PersonTime(_weighted(rows), story)


def ever_never(columns: Columns, treatment: TreatmentSpec) -> PersonTime:
    """Count the ever treated as treated from time zero: the immortal-time bias itself."""
    state = split(columns, treatment)
    treated_row = floats(state.columns[treatment.name])
    ever = np.bincount(state.patient_index, treated_row, minlength=len(state.patients)) > 0
    length = floats(state.columns["stop"]) - floats(state.columns["start"])
    immortal = float(length[(treated_row == 0.0) & ever[state.patient_index]].sum())
    if not treatment.acknowledge_immortal_time_bias:
        raise RefusedError(
            "[treatment] design",
            [
                Fault(
                    "design 'ever-never'",
                    f"it would count {immortal:.1f} person-months before treatment, in which "
                    "treated patients could not die, as treated time",
                    "Use design 'split' or 'landmark'; to show the bias on purpose, set "
                    "acknowledge_immortal_time_bias = true",
                )
            ],
        )
    rows = {**state.columns, treatment.name: ever[state.patient_index].astype(np.float64)}
    story = provenance(DesignKind.EVER_NEVER, rows, treatment.name, immortal=immortal)
    return PersonTime(rows, story)


def _weighted(rows: Columns) -> Columns:
    return {**rows, "weight": np.ones(len(rows["start"]))}
