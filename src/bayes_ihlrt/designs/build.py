"""From a cohort to person-time, under the design that the specification names.

Where covariates change at visits, or switch, the rows of the cohort are cut.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.at_times import covariate_names, covariates_at, visits_of
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import follow_up
from bayes_ihlrt.designs.clones import clone_emulation
from bayes_ihlrt.designs.decisions import Emulation, check_known, decision_table
from bayes_ihlrt.designs.landmark import ever_never, fixed, landmark, landmark_emulation, split
from bayes_ihlrt.designs.person_time import Columns, PersonTime, cut, floats, provenance
from bayes_ihlrt.designs.sequential import sequential_emulation
from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.files.cells import number_labels
from bayes_ihlrt.names import LAST_FREE, DesignKind, StartRule
from bayes_ihlrt.spec.treatment import TreatmentSpec


def update_rows(
    cohort: Cohort, rows: Columns, names: Collection[str]
) -> dict[str, NDArray[np.generic]]:
    """Cut rows at the visits at which covariates were measured, and where they switch.

    Parameters
    ----------
    cohort : Cohort
        The cohort, with visits.
    rows : mapping of str to ndarray, shape (rows,)
        Its columns.
    names : collection of str
        Covariates that change; with none of them the rows stay as they are.

    Returns
    -------
    dict of str to ndarray
        Each piece with the covariates known at its start, and the age of those measured.

    Raises
    ------
    DataError
        A covariate is not known at the beginning of a row.
    """
    if cohort.visits is None or not names:
        return dict(rows)
    known = follow_up(cohort.columns)
    patient, time = _changes(cohort, names)
    pieces, parent = cut(rows, known.row_patient, patient=patient, time=time)
    who = known.row_patient[parent]
    values = covariates_at(cohort, who, pieces["start"], names=list(names))
    check_known(cohort, values, known.patients[who], pieces["start"])
    return {**{name: column[parent] for name, column in rows.items()}, **pieces, **values}


def _changes(
    cohort: Cohort, names: Collection[str]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    if cohort.visits is None:
        message = "a cohort without visits has no covariates that change at them"
        raise AssertionError(message)
    visits, (row, who) = cohort.visits, visits_of(cohort)
    patients, times = [], []
    measured = [name for name in names if name in visits.measured]
    if measured:
        seen = np.any([~np.isnan(visits.columns[name][row]) for name in measured], axis=0)
        patients.append(who[seen])
        times.append(visits.columns["time"][row][seen])
    _, first = np.unique(follow_up(cohort.columns).row_patient, return_index=True)
    for name in names:
        if name in visits.switches:
            at = cohort.columns[visits.switches[name]][first]
            patients.append(np.flatnonzero(np.isfinite(at)))
            times.append(at[np.isfinite(at)])
    patient, time = np.concatenate(patients), np.concatenate(times)
    keys = np.unique(np.stack([patient.astype(np.float64), time]), axis=1)
    return keys[0].astype(np.intp), keys[1]


def _at_risk(cohort: Cohort, updated: Collection[str]) -> dict[str, NDArray[np.generic]]:
    """Return rows cut where covariates change, and at the last scan before an event was found."""
    rows = update_rows(cohort, cohort.columns, updated)
    if LAST_FREE not in rows:
        return rows
    who, free = number_labels(rows["patient"].astype(object)), floats(rows[LAST_FREE])
    patient, first = np.unique(who, return_index=True)
    between = np.isfinite(free[first])
    pieces, parent = cut(rows, who, patient=patient[between], time=free[first][between])
    return {**{name: column[parent] for name, column in rows.items()}, **pieces}


def _require_known_times(cohort: Cohort, treatment: TreatmentSpec) -> None:
    if LAST_FREE not in cohort.columns or treatment.design in _FROM_COLUMNS:
        return
    problem = (
        f"design '{treatment.design.value}' follows patients who are free of the event at a "
        "landmark or decision, and between scans nobody knows whether they are"
    )
    allowed = ", ".join(f"'{design.value}'" for design in _FROM_COLUMNS)
    remedy = f"Use one of {allowed}, or a cohort in which the event is taken at its scan"
    raise SpecificationError("[treatment]", [Fault("design", problem, remedy)])


def person_time(
    cohort: Cohort,
    treatment: TreatmentSpec | None = None,
    *,
    updated: Collection[str] = (),
) -> PersonTime:
    """Turn a cohort into person-time under the design that the specification names.

    Parameters
    ----------
    cohort : Cohort
        Validated cohort, months.
    treatment : TreatmentSpec, optional
        Treatment and design; without one the cohort's rows are the person-time.
    updated : collection of str
        Covariates of the model that change at visits. Rows are cut where they change, in the
        designs that follow patients from time zero as they are (``split``, ``fixed``,
        ``ever-never``, no treatment); the others read them at the landmark, at the decision or at
        time zero.

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
    >>> from bayes_ihlrt.spec.data import DataSpec
    >>> data = DataSpec(patient="id", time="months", event="death")
    >>> treatment = TreatmentSpec(name="ihlrt", start="ihlrt_months")
    >>> cohort = Cohort.from_frame(
    ...     {"id": ["a", "b"], "months": [10.0, 6.0], "death": [1, 1],
    ...      "ihlrt_months": [4.0, float("nan")]}, data, treatment)
    >>> person_time(cohort, treatment).columns["ihlrt"].tolist()
    [0.0, 1.0, 0.0]
    """
    _check_updated(cohort, updated)
    if treatment is not None:
        _require_known_times(cohort, treatment)
    if treatment is None:
        rows = _at_risk(cohort, updated)
        rows["weight"] = np.ones(len(rows["start"]))
        return PersonTime(rows, provenance(DesignKind.FIXED, rows, None))
    if treatment.design is DesignKind.LANDMARK:
        return landmark(cohort, treatment)
    if treatment.design in _FROM_COLUMNS:
        rows = _at_risk(cohort, updated)
        return _FROM_COLUMNS[treatment.design](rows, treatment)
    return _EMULATIONS[treatment.design](cohort, treatment).person_time


def emulate(cohort: Cohort, treatment: TreatmentSpec) -> Emulation:
    """Return the person-time of a design with the decisions that its weights come from.

    Parameters
    ----------
    cohort : Cohort
        Validated cohort, months.
    treatment : TreatmentSpec
        Design ``fixed``, ``landmark``, ``sequential`` or ``clone-censor-weight``.

    Returns
    -------
    Emulation
        Person-time and decisions.

    Raises
    ------
    SpecificationError
        The design has no decisions, or leaves nobody, or nobody in one treatment state.
    RefusedError
        Patients would be censored at starts of treatment that have no decision.

    Examples
    --------
    >>> from bayes_ihlrt.spec.data import DataSpec
    >>> treatment = TreatmentSpec(
    ...     name="ihlrt", start="ihlrt_months", design="landmark", landmark=3.0)
    >>> cohort = Cohort.from_frame(
    ...     {"id": ["a", "b"], "os": [10.0, 7.0], "death": [1, 1], "ihlrt_months": [2.0, None]},
    ...     DataSpec(patient="id", time="os", event="death"), treatment)
    >>> emulate(cohort, treatment).decisions.initiated.tolist()
    [1.0, 0.0]
    """
    _require_known_times(cohort, treatment)
    if treatment.design not in _EMULATIONS:
        problem = f"design '{treatment.design.value}' has no decisions, so no weights"
        remedy = nearest(treatment.design.value, [design.value for design in _EMULATIONS])
        raise SpecificationError("[treatment]", [Fault("design", problem, remedy)])
    return _EMULATIONS[treatment.design](cohort, treatment)


def _fixed_emulation(cohort: Cohort, treatment: TreatmentSpec) -> Emulation:
    rows = fixed(cohort.columns, treatment)
    known = follow_up(cohort.columns, treatment.name)
    count = len(known.patients)
    table = decision_table(
        cohort,
        treatment,
        np.arange(count),
        time=known.entry.copy(),
        columns={
            "number": np.zeros(count, dtype=np.intp),
            "until": known.entry.copy(),
            "initiated": np.isfinite(known.treated_from).astype(np.float64),
        },
        rule=StartRule.AT_VISIT,
    )
    none = np.zeros(rows.n_rows, dtype=np.intp)
    pointers = {"decision": rows.patient_index, "passed_from": none, "passed_to": none}
    pointers["earned"] = none - 1
    arms = floats(rows.columns[treatment.name])
    columns = {**rows.columns, treatment.name: arms, **pointers}
    return Emulation(PersonTime(columns, rows.provenance), table, treatment.name)


_FROM_COLUMNS: Final = {
    DesignKind.SPLIT: split,
    DesignKind.EVER_NEVER: ever_never,
    DesignKind.FIXED: fixed,
}
_EMULATIONS: Final[Mapping[DesignKind, Callable[[Cohort, TreatmentSpec], Emulation]]] = {
    DesignKind.FIXED: _fixed_emulation,
    DesignKind.LANDMARK: landmark_emulation,
    DesignKind.SEQUENTIAL: sequential_emulation,
    DesignKind.CLONE_CENSOR_WEIGHT: clone_emulation,
}


def _check_updated(cohort: Cohort, updated: Collection[str]) -> None:
    known = () if cohort.visits is None else cohort.visits.updated
    faults = [
        Fault("[visits]", f"'{name}' does not change at visits", nearest(name, known))
        for name in updated
        if name not in known
    ]
    if faults:
        raise SpecificationError(f"covariates ({', '.join(covariate_names(cohort))})", faults)
