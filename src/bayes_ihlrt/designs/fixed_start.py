"""Designs for a treatment with one start time a patient: from a cohort to person-time.

===========  ==========================================================  ============
design       what it does                                                time zero
===========  ==========================================================  ============
split        time before the start is untreated, after it treated        therapy start
landmark     classify by the treatment at the landmark L; drop T <= L    L
ever-never   the ever treated are treated throughout: wrong on purpose   therapy start
fixed        the treatment column as it stands, e.g. a randomised arm    therapy start
===========  ==========================================================  ============

References
----------
Mantel N, Byar DP. J Am Stat Assoc 1974;69:81-86, doi 10.1080/01621459.1974.10480131 (split).
Anderson JR, Cain KC, Gelber RD. J Clin Oncol 1983;1:710-719, doi 10.1200/JCO.1983.1.11.710
(landmark).
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.data.schema import TreatmentSpec
from bayes_ihlrt.designs.person_time import Columns, PersonTime, Provenance
from bayes_ihlrt.errors import Fault, RefusedError, SpecificationError
from bayes_ihlrt.names import DesignKind

Floats = NDArray[np.float64]
_START: Final = "treatment_start"
_SAME_TIME: Final = 1e-9
"""Months within which two times are the same: 30 x (1 / 30.4375) is not quite 30 / 30.4375."""


def person_time(cohort: Cohort, treatment: TreatmentSpec | None = None) -> PersonTime:
    """Turn a cohort into person-time under the design that the specification names.

    Parameters
    ----------
    cohort : Cohort
        Validated cohort, months.
    treatment : TreatmentSpec, optional
        Treatment and design; without one the cohort's rows are the person-time.

    Returns
    -------
    PersonTime
        Rows with the treatment as a 0/1 column under its name.

    Raises
    ------
    RefusedError
        For ``ever-never`` without the acknowledgement.
    SpecificationError
        When the design leaves nobody, or nobody in one treatment state.

    Examples
    --------
    >>> from bayes_ihlrt.data.schema import DataSpec
    >>> data = DataSpec(patient="id", time="months", event="death")
    >>> treatment = TreatmentSpec(name="ihlrt", start="ihlrt_months")
    >>> cohort = Cohort.from_frame(
    ...     {"id": ["a", "b"], "months": [10.0, 6.0], "death": [1, 1],
    ...      "ihlrt_months": [4.0, float("nan")]}, data, treatment)
    >>> person_time(cohort, treatment).columns["ihlrt"].tolist()
    [0.0, 1.0, 0.0]
    """
    columns = dict(cohort.columns)
    if treatment is None:
        return PersonTime(_weighted(columns), _provenance(DesignKind.FIXED, columns, None))
    return _DESIGNS[treatment.design](columns, treatment)


def split(columns: Columns, treatment: TreatmentSpec) -> PersonTime:
    """Cut each row at the start of treatment (Mantel-Byar)."""
    rows = dict(columns)
    if treatment.column is None:
        at = _floats(rows.pop(_START))
        start, stop = _floats(rows["start"]), _floats(rows["stop"])
        untreated, treated = np.flatnonzero(start < at), np.flatnonzero(stop > at)
        before = {name: values[untreated] for name, values in rows.items()}
        after = {name: values[treated] for name, values in rows.items()}
        before["stop"] = np.minimum(stop, at)[untreated]
        before["event"] = np.where(stop > at, 0.0, _floats(rows["event"]))[untreated]
        after["start"] = np.maximum(start, at)[treated]
        before[treatment.name] = np.zeros(len(untreated))
        after[treatment.name] = np.ones(len(treated))
        # Patients stay in the order of the cohort, those treated from the beginning as well.
        order = np.argsort(np.concatenate([untreated, treated]), kind="stable")
        rows = {name: np.concatenate([before[name], after[name]])[order] for name in before}
    provenance = _provenance(DesignKind.SPLIT, rows, treatment.name)
    return PersonTime(_weighted(rows), provenance)


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
    provenance = _provenance(DesignKind.FIXED, rows, treatment.name)
    return PersonTime(_weighted(rows), provenance)


def landmark(columns: Columns, treatment: TreatmentSpec) -> PersonTime:
    """Classify by the treatment at the landmark; follow those still at risk from there."""
    at = treatment.landmark
    if at is None:
        message = "TreatmentSpec guarantees a landmark for this design"
        raise AssertionError(message)
    state = split(columns, treatment)
    rows = state.columns
    start, stop = _floats(rows["start"]), _floats(rows["stop"])
    latest = at + _SAME_TIME
    # A treatment stays: whoever was treated in a row that began by the landmark is treated at it.
    treated_at = (start <= latest) & (_floats(rows[treatment.name]) == 1.0)
    treated = np.bincount(state.patient_index, treated_at, minlength=len(state.patients)) > 0
    keep = stop > latest
    kept = {name: values[keep] for name, values in rows.items()}
    kept["start"] = np.maximum(_floats(kept["start"]), at) - at
    kept["stop"] = _floats(kept["stop"]) - at
    kept[treatment.name] = treated[state.patient_index][keep].astype(np.float64)
    dropped = {
        str(patient): f"event or end of follow-up by the landmark ({at:g} months)"
        for patient in state.patients[state.exit_time <= latest]
    }
    _require_both_states(kept, treatment, f"at the landmark of {at:g} months")
    provenance = _provenance(DesignKind.LANDMARK, kept, treatment.name, dropped=dropped)
    return PersonTime(kept, provenance)


def ever_never(columns: Columns, treatment: TreatmentSpec) -> PersonTime:
    """Count the ever treated as treated from time zero: the immortal-time bias itself."""
    state = split(columns, treatment)
    treated_row = _floats(state.columns[treatment.name])
    ever = np.bincount(state.patient_index, treated_row, minlength=len(state.patients)) > 0
    length = _floats(state.columns["stop"]) - _floats(state.columns["start"])
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
    provenance = _provenance(DesignKind.EVER_NEVER, rows, treatment.name, immortal=immortal)
    return PersonTime(rows, provenance)


_DESIGNS: Final[Mapping[DesignKind, Callable[[Columns, TreatmentSpec], PersonTime]]] = {
    DesignKind.SPLIT: split,
    DesignKind.LANDMARK: landmark,
    DesignKind.EVER_NEVER: ever_never,
    DesignKind.FIXED: fixed,
}


def _floats(values: NDArray[np.generic]) -> Floats:
    return values.astype(np.float64)


def _weighted(rows: Columns) -> Columns:
    return {**rows, "weight": np.ones(len(rows["start"]))}


def _require_both_states(rows: Columns, treatment: TreatmentSpec, when: str) -> None:
    treated = _floats(rows[treatment.name])
    states = [name for name, value in (("treated", 1.0), ("untreated", 0.0)) if value in treated]
    if len(states) < 2:
        found = f"only {states[0]} patients" if states else "nobody"
        raise SpecificationError(
            "[treatment]",
            [
                Fault(
                    "landmark",
                    f"{found} at risk {when}",
                    "Choose a landmark at which some patients are treated and some are not",
                )
            ],
        )


def _provenance(
    design: DesignKind,
    rows: Columns,
    name: str | None,
    *,
    dropped: Mapping[str, str] | None = None,
    immortal: float = 0.0,
) -> Provenance:
    """Count patients, events and months in the treated and the untreated state."""
    treated = _floats(rows[name]) == 1.0 if name is not None else np.zeros(len(rows["start"]), bool)
    length = _floats(rows["stop"]) - _floats(rows["start"])

    def state(mask: NDArray[np.bool_]) -> dict[str, float]:
        return {
            "patients": float(len(np.unique(rows["patient"][mask]))),
            "events": float(_floats(rows["event"])[mask].sum()),
            "months": float(length[mask].sum()),
        }

    return Provenance(design, dropped or {}, immortal, state(treated), state(~treated))
