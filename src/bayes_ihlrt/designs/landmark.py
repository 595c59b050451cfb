"""Landmark analysis: classify by the treatment at a landmark, follow up from there.

References
----------
Anderson JR, Cain KC, Gelber RD. J Clin Oncol 1983;1:710-719, doi 10.1200/JCO.1983.1.11.710.
van Houwelingen HC. Scand J Stat 2007;34:70-85, doi 10.1111/j.1467-9469.2006.00529.x (several).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.data.schema import TreatmentSpec
from bayes_ihlrt.data.starts import SAME_TIME, by_patient_and_time, follow_up
from bayes_ihlrt.data.values import covariates_at
from bayes_ihlrt.designs.decisions import Decisions, check_known, decision_table
from bayes_ihlrt.designs.emulation import Emulation
from bayes_ihlrt.designs.fixed_start import split
from bayes_ihlrt.designs.person_time import Columns, PersonTime
from bayes_ihlrt.designs.rows import floats, provenance
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.names import DesignKind, StartRule


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
