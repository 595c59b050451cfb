"""Designs that take patients as they are: from time zero, or from a landmark by their state then.

==========  =============================================================  =============
design      what it does                                                   time zero
==========  =============================================================  =============
split       time before the start is untreated, after it treated           therapy start
ever-never  the ever treated are treated throughout: wrong on purpose      therapy start
fixed       the treatment column as it stands, e.g. a randomised arm       therapy start
landmark    classify by the treatment at a landmark, follow up from there  the landmark
==========  =============================================================  =============

References
----------
Anderson JR, Cain KC, Gelber RD. J Clin Oncol 1983;1:710-719, doi 10.1200/JCO.1983.1.11.710.
van Houwelingen HC. Scand J Stat 2007;34:70-85, doi 10.1111/j.1467-9469.2006.00529.x (several).
Mantel N, Byar DP. J Am Stat Assoc 1974;69:81-86, doi 10.1080/01621459.1974.10480131 (split).
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.at_times import covariates_at
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import SAME_TIME, by_patient_and_time, follow_up
from bayes_ihlrt.designs.decisions import Decisions, Emulation, check_known, decision_table
from bayes_ihlrt.designs.person_time import Columns, PersonTime, floats, provenance
from bayes_ihlrt.errors import Fault, RefusedError, SpecificationError
from bayes_ihlrt.names import DesignKind, StartRule
from bayes_ihlrt.spec.treatment import TreatmentSpec

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


def landmark(cohort: Cohort, treatment: TreatmentSpec) -> PersonTime:
    """Classify by the treatment at each landmark; follow those still at risk from there.

    Parameters
    ----------
    cohort : Cohort
        The cohort. Covariates that change at visits have their value at the landmark.
    treatment : TreatmentSpec
        With one landmark or several.

    Returns
    -------
    PersonTime
        Time from the landmark; with several landmarks a column ``trial`` (0, 1, ..), also as
        ``stratum``, and a patient in as many as he or she reached.

    Raises
    ------
    SpecificationError
        Nobody is at risk at a landmark, or only treated or only untreated patients.
    """
    state = split(cohort.columns, treatment)
    parts = [_at(state, treatment, month) for month in treatment.landmarks]
    parts = [
        _updated(cohort, part, month)
        for part, month in zip(parts, treatment.landmarks, strict=True)
    ]
    if len(parts) > 1:
        for number, part in enumerate(parts):
            part["trial"] = np.full(len(part["start"]), float(number))
            part["stratum"] = part["trial"]
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    dropped = _gone(cohort, treatment)
    followed = set(rows["patient"].tolist()) | set(dropped)
    late = "not yet followed at a landmark (delayed entry)"
    dropped |= {str(who): late for who in state.patients if who not in followed}
    return PersonTime(rows, provenance(DesignKind.LANDMARK, rows, treatment.name, dropped=dropped))


def landmark_emulation(cohort: Cohort, treatment: TreatmentSpec) -> Emulation:
    """Return landmark person-time with one decision for each patient and landmark.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    treatment : TreatmentSpec
        With one landmark or several.

    Returns
    -------
    Emulation
        Its decisions have ``time`` and ``until`` at the landmark, ``initiated`` = treated by it,
        and the covariates known at it: for those treated earlier they are measured after the
        start of treatment, so what treatment itself moves is no confounder here.
    """
    rows = landmark(cohort, treatment)
    number = _trial(rows)
    labels = follow_up(cohort.columns).patients
    position = {who: index for index, who in enumerate(labels.tolist())}
    who = np.array([position[name] for name in rows.columns["patient"].tolist()], dtype=np.intp)
    keys = by_patient_and_time(who, number)
    _, first, pointer = np.unique(keys, return_index=True, return_inverse=True)
    time = np.asarray(treatment.landmarks)[number[first].astype(np.intp)]
    table: Decisions = decision_table(
        cohort,
        treatment,
        who[first],
        time=time,
        columns={
            "number": number[first].astype(np.intp),
            "until": time.copy(),
            "initiated": floats(rows.columns[treatment.name])[first],
        },
        rule=StartRule.AT_VISIT,
    )
    none = np.zeros(rows.n_rows, dtype=np.intp)
    pointers = {"decision": pointer.astype(np.intp), "passed_from": none, "passed_to": none}
    pointers["earned"] = none - 1
    return Emulation(
        PersonTime({**rows.columns, **pointers}, rows.provenance), table, treatment.name
    )


def _gone(cohort: Cohort, treatment: TreatmentSpec) -> dict[str, str]:
    """Tell who has left by the first landmark: the treated among them belong to no arm of it."""
    known, month = follow_up(cohort.columns, treatment.name), treatment.landmarks[0]
    which = "the" if len(treatment.landmarks) == 1 else "the first"
    left = f"event or end of follow-up by {which} landmark ({month:g} months)"
    treated = known.treated_from < known.end - SAME_TIME
    return {
        str(known.patients[who]): f"treated, and {left}" if treated[who] else left
        for who in np.flatnonzero(known.end <= month + SAME_TIME).tolist()
    }


def _at(state: PersonTime, treatment: TreatmentSpec, at: float) -> dict[str, NDArray[np.generic]]:
    rows = state.columns
    start, stop = floats(rows["start"]), floats(rows["stop"])
    latest = at + SAME_TIME
    # A treatment stays: whoever was treated in a row that began by the landmark is treated at it.
    treated_at = (start <= latest) & (floats(rows[treatment.name]) == 1.0)
    treated = np.bincount(state.patient_index, treated_at, minlength=len(state.patients)) > 0
    # Whoever entered later was not there at the landmark: neither treated nor untreated at it.
    entry = start[np.flatnonzero(np.diff(state.patient_index, prepend=-1))]
    keep = (stop > latest) & (entry <= latest)[state.patient_index]
    kept = {name: values[keep] for name, values in rows.items()}
    kept["start"] = np.maximum(floats(kept["start"]), at) - at
    kept["stop"] = floats(kept["stop"]) - at
    kept[treatment.name] = treated[state.patient_index][keep].astype(np.float64)
    _require_both_states(kept, treatment, f"at the landmark of {at:g} months")
    return kept


def _updated(
    cohort: Cohort, rows: Mapping[str, NDArray[np.generic]], at: float
) -> dict[str, NDArray[np.generic]]:
    """Give covariates that change at visits their value at the landmark."""
    if cohort.visits is None or not cohort.visits.updated:
        return dict(rows)
    labels = follow_up(cohort.columns).patients.tolist()
    position = {name: index for index, name in enumerate(labels)}
    who = np.array([position[name] for name in rows["patient"].tolist()], dtype=np.intp)
    time = np.full(len(who), at)
    values = covariates_at(cohort, who, time, names=cohort.visits.updated)
    check_known(cohort, values, rows["patient"].astype(object), time)
    return {**rows, **values}


def _trial(rows: PersonTime) -> NDArray[np.float64]:
    if "trial" in rows.columns:
        return floats(rows.columns["trial"])
    return np.zeros(rows.n_rows)


def _require_both_states(rows: Columns, treatment: TreatmentSpec, when: str) -> None:
    treated = floats(rows[treatment.name])
    states = [name for name, value in (("treated", 1.0), ("untreated", 0.0)) if value in treated]
    if len(states) < 2:
        found = f"only {states[0]} patients" if states else "nobody"
        remedy = "Choose a landmark at which some patients are treated and some are not"
        fault = Fault("landmark", f"{found} at risk {when}", remedy)
        raise SpecificationError("[treatment]", [fault])
