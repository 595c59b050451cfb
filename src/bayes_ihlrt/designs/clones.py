"""Clone, censor, weight: every patient follows both strategies for as long as it is compatible.

References
----------
Hernan MA. BMJ 2018;360:k182, doi 10.1136/bmj.k182.
Maringe C, Benitez Majano S, Exarchakou A, et al. Int J Epidemiol 2020;49:1719-1729,
doi 10.1093/ije/dyaa057.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.at_times import covariate_names, covariates_at
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import SAME_TIME, FollowUp, by_patient_and_time
from bayes_ihlrt.designs.decisions import (
    Decisions,
    Emulation,
    check_known,
    decision_table,
    decisions,
)
from bayes_ihlrt.designs.person_time import (
    Floats,
    History,
    Ints,
    PersonTime,
    cut,
    history,
    provenance,
)
from bayes_ihlrt.designs.sequential import require_modelled
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.names import DesignKind, GraceWeights, StartRule
from bayes_ihlrt.spec.treatment import TreatmentSpec

NEVER, WITHIN = 0, 1
"""Values of the column ``clone``."""


def clone_emulation(cohort: Cohort, treatment: TreatmentSpec) -> Emulation:
    """Clone each patient into "treated within the grace period" and "never treated".

    The clone of "never" is censored at the start of treatment. The clone of "within m months" is
    censored at m when the patient is at risk and untreated then; nobody can deviate before. Rows
    are cut at the times at which weights change.

    Parameters
    ----------
    cohort : Cohort
        The cohort, with visits.
    treatment : TreatmentSpec
        With `grace` (months) and `grace_weights`.

    Returns
    -------
    Emulation
        Months since time zero; the treatment's column is 1 in the clones of "within", and
        covariates are those of time zero.

    Raises
    ------
    SpecificationError
        The grace period is longer than follow-up, nobody or everybody is treated in it, or there
        are no decision times.
    RefusedError
        Patients were treated where they were not eligible.
    """
    m = treatment.grace
    if m is None:
        message = "TreatmentSpec guarantees a grace period for this design"
        raise AssertionError(message)
    past = history(cohort, treatment.name)
    _check_grace(past.known, treatment, m)
    found = decisions(cohort, treatment, extra=m)
    require_modelled(found, "use design 'split'")
    dropped = _dropped(past.known, m, found.rule)
    used = np.array([name not in dropped for name in past.known.patients.tolist()], dtype=bool)
    baseline = treatment.grace_weights is not GraceWeights.TIME_VARYING
    grace = _grace_decisions(cohort, treatment, past.known, used=used) if baseline else None
    clones = [_never(past, found, used), _within(past, found, used, m=m, grace=grace)]
    rows = {name: np.concatenate([clone[name] for clone in clones]) for name in clones[0]}
    columns = _with_covariates(cohort, treatment, past.known, rows)
    ends = past.known.treated_from < past.known.end - SAME_TIME
    late = (past.known.treated_from > m + SAME_TIME) & (past.known.end > m + SAME_TIME)
    story = provenance(
        DesignKind.CLONE_CENSOR_WEIGHT,
        columns,
        treatment.name,
        dropped=dropped,
        censored=int(np.sum(ends & used) + np.sum(late & used)),
        starts=found.rule,
    )
    return Emulation(PersonTime(columns, story), found, treatment.name, grace)


def _check_grace(known: FollowUp, treatment: TreatmentSpec, m: float) -> None:
    at_risk = known.end > m + SAME_TIME
    treated = at_risk & (known.treated_from <= m + SAME_TIME)
    if not at_risk.any():
        problem = f"it is {m:g} months, and the longest follow-up is {known.end.max():.3g} months"
    elif not treated.any():
        problem = f"nobody at risk at {m:g} months was treated by then"
    elif treated.sum() == at_risk.sum():
        problem = f"everybody at risk at {m:g} months was treated by then"
    else:
        return
    remedy = "Choose a grace period in which some patients are treated and some are not"
    where = f"grace ('{treatment.name}')"
    raise SpecificationError("[treatment]", [Fault(where, problem, remedy)])


def _dropped(known: FollowUp, m: float, rule: StartRule) -> dict[str, str]:
    reasons = {}
    for who in np.flatnonzero(known.entry >= m - SAME_TIME).tolist():
        reasons[str(known.patients[who])] = "under observation only after the grace period"
    if rule is StartRule.BETWEEN_VISITS:
        for who in np.flatnonzero(known.treated_from <= known.entry + SAME_TIME).tolist():
            reasons[str(known.patients[who])] = "treated by time zero, before any decision"
    return reasons


def _grace_decisions(
    cohort: Cohort, treatment: TreatmentSpec, known: FollowUp, *, used: NDArray[np.bool_]
) -> Decisions:
    """One row for each patient at risk at the end of the grace period: treated within it or not."""
    m = float(treatment.grace or 0.0)
    who = np.flatnonzero(used & (known.end > m + SAME_TIME))
    time = known.entry[who]
    return decision_table(
        cohort,
        treatment,
        who,
        time=time,
        columns={
            "number": np.zeros(len(who), dtype=np.intp),
            "until": np.full(len(who), m),
            "initiated": (known.treated_from[who] <= m + SAME_TIME).astype(np.float64),
        },
        rule=StartRule.BETWEEN_VISITS,
    )


def _never(
    past: History, found: Decisions, used: NDArray[np.bool_]
) -> dict[str, NDArray[np.generic]]:
    limit = past.known.treated_from
    rows, who = _until(past, limit, used)
    pieces, parent = cut(rows, who, patient=found.patient_index, time=found.settled)
    who = who[parent]
    keys = by_patient_and_time(found.patient_index, found.settled)
    reached = by_patient_and_time(who, pieces["start"] + SAME_TIME)
    first = np.searchsorted(found.patient_index, who, side="left")
    return {
        **pieces,
        "who": who,
        "clone": np.full(len(who), NEVER),
        "passed_from": first,
        "passed_to": np.searchsorted(keys, reached, side="right"),
        "earned": np.full(len(who), -1),
    }


def _within(
    past: History, found: Decisions, used: NDArray[np.bool_], *, m: float, grace: Decisions | None
) -> dict[str, NDArray[np.generic]]:
    known = past.known
    complied = known.treated_from <= m + SAME_TIME
    rows, who = _until(past, np.where(complied, np.inf, m), used)
    everybody = np.arange(len(known.patients))
    ends = np.full(len(everybody), m)
    pieces, parent = cut(rows, who, patient=everybody, time=ends)
    who = who[parent]
    pointer = _last_starts(known, found, m) if grace is None else _rows_of(grace, len(everybody))
    after = pieces["start"] >= m - SAME_TIME
    none = np.zeros(len(who), dtype=np.intp)
    return {
        **pieces,
        "who": who,
        "clone": np.full(len(who), WITHIN),
        "passed_from": none,
        "passed_to": none,
        "earned": np.where(after, pointer[who], -1),
    }


def _until(
    past: History, limit: Floats, used: NDArray[np.bool_]
) -> tuple[Mapping[str, Floats], Ints]:
    """Return histories that end by each patient's limit."""
    stop = np.minimum(past.stop, limit[past.patient])
    keep = used[past.patient] & (stop > past.start + SAME_TIME)
    whole = past.stop <= limit[past.patient] + SAME_TIME
    event = np.where(whole, past.event, 0.0)
    rows = {"start": past.start[keep], "stop": stop[keep], "event": event[keep]}
    return rows, past.patient[keep]


def _rows_of(grace: Decisions, n: int) -> Ints:
    pointer = np.full(n, -1, dtype=np.intp)
    pointer[grace.patient_index] = np.arange(grace.n_rows)
    return pointer


def _last_starts(known: FollowUp, found: Decisions, m: float) -> Ints:
    """Return the decision of those who started at their last chance; others earned nothing.

    It is the last chance when no decision time of the patient is left in the grace period.
    """
    time, until = found.columns["time"].astype(float), found.columns["until"].astype(float)
    if found.rule is StartRule.AT_VISIT:
        last = (time <= m + SAME_TIME) & (until > m + SAME_TIME)
    else:
        last = (time < m - SAME_TIME) & (until >= m - SAME_TIME)
    chosen = np.flatnonzero(last & (found.initiated == 1.0))
    pointer = np.full(len(known.patients), -1, dtype=np.intp)
    pointer[found.patient_index[chosen]] = chosen
    return pointer


def _with_covariates(
    cohort: Cohort,
    treatment: TreatmentSpec,
    known: FollowUp,
    rows: Mapping[str, NDArray[np.generic]],
) -> dict[str, NDArray[np.generic]]:
    who = rows["who"].astype(np.intp)
    entry = known.entry[who]
    names = covariate_names(cohort, without=[treatment.name])
    values = covariates_at(cohort, who, entry, names=names)
    check_known(cohort, values, known.patients[who], entry)
    return {
        **values,
        **{name: column for name, column in rows.items() if name != "who"},
        "patient": known.patients[who],
        "weight": np.ones(len(who)),
        treatment.name: (rows["clone"] == WITHIN).astype(np.float64),
        "decision": np.full(len(who), -1),
    }
