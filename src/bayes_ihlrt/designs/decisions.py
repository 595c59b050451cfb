"""Decisions on treatment: at which times an untreated patient could have been treated, and was.

Which decision a start of treatment U belongs to is one of two rules (`StartRule`):

==============  =======================  =============================  =====================
rule            start belongs to t if    decisions are of those          settled at
==============  =======================  =============================  =====================
at-visit        t <= U < next            at risk and untreated at t     t
between-visits  t < U <= next            at risk at t and at next       next
==============  =======================  =============================  =====================

Under the first treatment is given at the visit itself. Under the second it is given later, and who
dies first is not known to have been left untreated: only those still at risk at the next decision
time count, and whatever follows from the decision begins there. Starts at the very end of follow-up
have been settled when the cohort was read (`cohort.starts.settle_ties`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.at_times import covariate_names, covariates_at, visits_of
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import SAME_TIME, FollowUp, by_patient_and_time, follow_up
from bayes_ihlrt.designs.person_time import Columns, PersonTime
from bayes_ihlrt.errors import DataError, Fault, SpecificationError
from bayes_ihlrt.files.messages import counted, patients
from bayes_ihlrt.names import DesignKind, StartRule
from bayes_ihlrt.spec.treatment import TreatmentSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Grid:
    """Decision times while patients are followed up, treated or not.

    Parameters
    ----------
    patient, number : ndarray of int, shape (points,)
        Patient number (sorted), and number of the time within the patient's.
    time, until : ndarray of float, shape (points,)
        Months; `until` is the next time, or the end of follow-up.
    last : ndarray of bool, shape (points,)
        Whether no other time follows.
    eligible : ndarray of bool, shape (points,)
        Whether the patient could be treated.
    rule : StartRule
        ``at-visit`` or ``between-visits``.
    """

    patient: Ints
    number: Ints
    time: Floats
    until: Floats
    last: NDArray[np.bool_]
    eligible: NDArray[np.bool_]
    rule: StartRule


def decision_grid(
    cohort: Cohort, known: FollowUp, months: Sequence[float] | None, *, extra: float | None = None
) -> Grid:
    """Return the times at which treatment is decided.

    Parameters
    ----------
    cohort : Cohort
        The cohort, with visits unless months are given.
    known : FollowUp
        Its patients.
    months : sequence of float or None
        The same times for every patient.
    extra : float, optional
        One more time, under the rule ``between-visits``.

    Returns
    -------
    Grid
        Sorted by patient and time.

    Raises
    ------
    SpecificationError
        There are no decision times, or it is not clear which visit starts belong to.
    """
    visits = cohort.visits
    if months is None and visits is not None and visits.every is not None:
        months = np.arange(0.0, float(known.end.max()) + SAME_TIME, visits.every).tolist()
    if months is not None:
        patient, time = _same_for_all(cohort, known, np.asarray(months, dtype=np.float64))
    elif visits is not None and len(visits.columns["time"]):
        patient, time = _visits(cohort, known)
    else:
        remedy = "Add `every` (months between decisions) to [visits], or a `file` of visits"
        fault = Fault("decisions", "it is not known when treatment is decided", remedy)
        raise SpecificationError("[visits]", [fault])
    rule = StartRule.AUTO if visits is None else visits.starts
    rule = _resolved(rule, known, patient, time)
    if extra is not None and rule is StartRule.BETWEEN_VISITS:
        patient, time = _with_extra(known, patient, time, extra)
    return _grid(cohort, known, patient, time, rule=rule)


def under_observation(
    cohort: Cohort, known: FollowUp, patient: Ints, time: Floats
) -> NDArray[np.bool_]:
    """Return whether patients are followed up just after a time.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    known : FollowUp
        Its patients.
    patient : ndarray of int, shape (n,)
        Patient numbers.
    time : ndarray of float, shape (n,)
        Months.

    Returns
    -------
    ndarray of bool, shape (n,)
        False in gaps between rows and from the end of follow-up on.
    """
    keys = by_patient_and_time(known.row_patient, cohort.columns["start"])
    row = np.searchsorted(keys, by_patient_and_time(patient, time + SAME_TIME), side="right") - 1
    own: NDArray[np.bool_] = (row >= 0) & (known.row_patient[row] == patient)
    return own & (cohort.columns["stop"][row] > time + SAME_TIME)


def _same_for_all(cohort: Cohort, known: FollowUp, months: Floats) -> tuple[Ints, Floats]:
    n = len(known.patients)
    patient = np.repeat(np.arange(n), len(months))
    time = np.tile(np.sort(months), n)
    # A start that was moved to before the end of follow-up keeps the decision that it was given at.
    given = np.array([cohort.ties.get(label, np.inf) for label in known.patients.tolist()])
    moved = np.abs(time - given[patient]) <= SAME_TIME
    time = np.where(moved, np.minimum(known.treated_from, given)[patient], time)
    inside = (time >= known.entry[patient] - SAME_TIME) & (time < known.end[patient] - SAME_TIME)
    return patient[inside], time[inside]


def _visits(cohort: Cohort, known: FollowUp) -> tuple[Ints, Floats]:
    row, who = visits_of(cohort)
    time = np.empty(0) if cohort.visits is None else cohort.visits.columns["time"][row]
    keep = time < known.end[who] - SAME_TIME
    return who[keep], time[keep]


def _with_extra(known: FollowUp, patient: Ints, time: Floats, extra: float) -> tuple[Ints, Floats]:
    there = np.zeros(len(known.patients), dtype=bool)
    there[patient[np.abs(time - extra) <= SAME_TIME]] = True
    entered = (known.entry <= extra) & (known.end > extra + SAME_TIME)
    more = np.flatnonzero(entered & ~there)
    patient = np.concatenate([patient, more])
    time = np.concatenate([time, np.full(len(more), extra)])
    order = np.lexsort((time, patient))
    return patient[order], time[order]


def _resolved(rule: StartRule, known: FollowUp, patient: Ints, time: Floats) -> StartRule:
    """Find out which visit starts of treatment belong to, or refuse to guess."""
    treated = np.flatnonzero(known.treated_from < known.end - SAME_TIME)
    gap = np.abs(time - known.treated_from[patient])
    nearest = np.full(len(known.patients), np.inf)
    np.minimum.at(nearest, patient, gap)
    off = treated[nearest[treated] > SAME_TIME]
    if rule is StartRule.BETWEEN_VISITS:
        return rule
    if not len(off):
        return StartRule.AT_VISIT
    if rule is StartRule.AT_VISIT:
        started = counted(len(off), "patient starts", "patients start")
        problem = f"{started} treatment at no visit ({patients(known.patients, off)})"
        remedy = "Set starts = 'between-visits', or correct the times"
        raise SpecificationError("[visits]", [Fault("starts", problem, remedy)])
    first = np.full(len(known.patients), np.inf)
    np.minimum.at(first, patient, time)
    at_first = treated[np.abs(known.treated_from - first)[treated] <= SAME_TIME]
    if len(at_first):
        problem = (
            f"{counted(len(at_first), 'patient starts', 'patients start')} treatment exactly at "
            f"the first visit, and {len(off):,} between visits: which visit do starts belong to?"
        )
        remedy = (
            "Set starts = 'between-visits' (treatment follows the visit; those treated at the "
            "first are left out), or move the starts to the visits and set starts = 'at-visit'"
        )
        raise SpecificationError("[visits]", [Fault("starts", problem, remedy)])
    return StartRule.BETWEEN_VISITS


def _grid(cohort: Cohort, known: FollowUp, patient: Ints, time: Floats, *, rule: StartRule) -> Grid:
    head = np.diff(patient, prepend=-1) != 0
    last = np.append(head[1:], True)
    position = np.arange(len(patient))
    number = position - np.maximum.accumulate(np.where(head, position, 0))
    following = np.append(time[1:], 0.0)
    until = np.where(last, known.end[patient], following)
    return Grid(patient, number, time, until, last, _eligible(cohort, patient, time), rule)


def _eligible(cohort: Cohort, patient: Ints, time: Floats) -> NDArray[np.bool_]:
    """Return eligibility at the last visit by a time; before the first nobody is known to be."""
    if cohort.visits is None or cohort.visits.columns["eligible"].all():
        return np.ones(len(patient), dtype=bool)
    seen, who = visits_of(cohort)
    columns = cohort.visits.columns
    keys = by_patient_and_time(who, columns["time"][seen])
    row = np.searchsorted(keys, by_patient_and_time(patient, time + SAME_TIME), side="right") - 1
    own: NDArray[np.bool_] = (row >= 0) & (who[row] == patient)
    eligible: NDArray[np.bool_] = columns["eligible"][seen][row] == 1.0
    return own & eligible


@dataclass(frozen=True)
class Decisions:
    """One row for each time at which an untreated, eligible patient could have been treated.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (decisions,)
        ``patient``, ``number`` (0, 1, .. within the patient's times), ``time``, ``until`` (months),
        ``initiated`` (0/1) and the covariates as known at ``time``. Sorted by patient and time.
    patients : ndarray of str, shape (patients,)
        All patients of the cohort, those without a decision as well.
    patient_index : ndarray of int, shape (decisions,)
        Position of each row's patient in `patients`.
    rule : StartRule
        ``at-visit`` or ``between-visits``.
    outside : mapping of str to str
        Patients whose treatment started at none of the decisions, with the reason.
    """

    columns: Columns
    patients: NDArray[np.object_]
    patient_index: Ints
    rule: StartRule
    outside: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the columns read-only."""
        for values in self.columns.values():
            values.flags.writeable = False
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))
        object.__setattr__(self, "outside", MappingProxyType(dict(self.outside)))

    @property
    def n_rows(self) -> int:
        """Number of decisions."""
        return len(self.patient_index)

    @property
    def initiated(self) -> Floats:
        """Whether treatment was initiated, 0/1, shape (decisions,)."""
        return self.columns["initiated"].astype(np.float64)

    @property
    def settled(self) -> Floats:
        """When it is known what was decided, months, shape (decisions,)."""
        at = "time" if self.rule is StartRule.AT_VISIT else "until"
        return self.columns[at].astype(np.float64)


def decisions(
    cohort: Cohort,
    treatment: TreatmentSpec,
    grid: Sequence[float] | None = None,
    *,
    extra: float | None = None,
) -> Decisions:
    """Return the decisions on treatment of a cohort.

    Parameters
    ----------
    cohort : Cohort
        The cohort, with visits unless a grid is given.
    treatment : TreatmentSpec
        The treatment.
    grid : sequence of float, optional
        Months at which treatment is decided; otherwise every so many months, or at the visits, as
        the cohort's visits say.
    extra : float, optional
        One more month at which treatment is decided, under the rule ``between-visits``.

    Returns
    -------
    Decisions
        Rows sorted by patient and time.

    Raises
    ------
    SpecificationError
        There are no decision times, or nobody or everybody is treated at them.
    DataError
        A covariate of a patient is not known at a decision.

    Examples
    --------
    >>> from bayes_ihlrt.spec.data import DataSpec
    >>> treatment = TreatmentSpec(name="ihlrt", start="ihlrt_months")
    >>> cohort = Cohort.from_frame(
    ...     {"id": ["a", "b"], "os": [10.0, 7.0], "death": [1, 1], "ihlrt_months": [4.0, None]},
    ...     DataSpec(patient="id", time="os", event="death"), treatment)
    >>> found = decisions(cohort, treatment, [0.0, 3.0, 6.0])
    >>> found.columns["time"].tolist(), found.initiated.tolist()
    ([0.0, 3.0, 0.0, 3.0], [0.0, 1.0, 0.0, 0.0])
    """
    known = follow_up(cohort.columns, treatment.name)
    points = decision_grid(cohort, known, grid, extra=extra)
    rule = points.rule
    start, end = known.treated_from[points.patient], known.end[points.patient]
    if rule is StartRule.AT_VISIT:
        untreated = start >= points.time - SAME_TIME
        began = untreated & (start < points.until - SAME_TIME)
        seen = under_observation(cohort, known, points.patient, points.time)
    else:
        untreated = start > points.time + SAME_TIME
        began = untreated & (start <= points.until + SAME_TIME) & (start < end - SAME_TIME)
        seen = under_observation(cohort, known, points.patient, points.time)
        seen &= ~points.last & under_observation(cohort, known, points.patient, points.until)
    keep = np.flatnonzero(untreated & seen & points.eligible)
    own = {"number": points.number, "until": points.until, "initiated": began.astype(np.float64)}
    found = decision_table(
        cohort,
        treatment,
        points.patient[keep],
        time=points.time[keep],
        columns={name: values[keep] for name, values in own.items()},
        rule=rule,
        outside=_outside(points, known, began, keep),
    )
    require_both(found, treatment)
    return found


def decision_table(
    cohort: Cohort,
    treatment: TreatmentSpec,
    patient: Ints,
    *,
    time: Floats,
    columns: Columns,
    rule: StartRule,
    outside: Mapping[str, str] | None = None,
) -> Decisions:
    """Return decisions with the covariates that were known at them.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    treatment : TreatmentSpec
        The treatment, which is no covariate of its own.
    patient : ndarray of int, shape (decisions,)
        Patient numbers; increasing.
    time : ndarray of float, shape (decisions,)
        Months.
    columns : mapping of str to ndarray, shape (decisions,)
        ``number``, ``until`` and ``initiated``.
    rule : StartRule
        Which decision a start of treatment belongs to.
    outside : mapping of str to str, optional
        Patients whose treatment started at none of the decisions.

    Returns
    -------
    Decisions
        The table.

    Raises
    ------
    DataError
        A covariate measured at visits is not known at a decision.
    """
    labels = follow_up(cohort.columns).patients
    names = covariate_names(cohort, without=[treatment.name])
    values = covariates_at(cohort, patient, time, names=names)
    check_known(cohort, values, labels[patient], time)
    table = {"patient": labels[patient], "time": time.copy(), **columns, **values}
    return Decisions(table, labels, patient.copy(), rule, outside or {})


def check_known(cohort: Cohort, values: Columns, labels: NDArray[np.object_], time: Floats) -> None:
    """Raise where a covariate measured at visits was not known by a time.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    values : mapping of str to ndarray, shape (n,)
        Covariates.
    labels : ndarray of str, shape (n,)
        Patients.
    time : ndarray of float, shape (n,)
        Months.

    Raises
    ------
    DataError
        With one fault for each covariate.
    """
    faults = []
    measured = () if cohort.visits is None else cohort.visits.measured
    for name in [name for name in measured if name in values]:
        which = np.flatnonzero(np.isnan(values[name].astype(np.float64)))
        if len(which):
            who = patients(labels, which)
            problem = f"no value is known by month {time[which[0]]:.3g} or later ({who})"
            remedy = (
                "Add a visit at time zero, or a column of this name to the data file with the "
                "value at time zero"
            )
            faults.append(Fault(f"covariate {name}", problem, remedy))
    if faults:
        raise DataError("visits", faults)


def _outside(points: Grid, known: FollowUp, began: NDArray[np.bool_], keep: Ints) -> dict[str, str]:
    """Tell the patients whose treatment started at none of the decisions."""
    counts = np.zeros(len(known.patients), dtype=bool)
    counts[points.patient[keep][began[keep]]] = True
    barred = np.zeros(len(known.patients), dtype=bool)
    barred[points.patient[began & ~points.eligible]] = True
    first = np.full(len(known.patients), np.inf)
    np.minimum.at(first, points.patient, points.time)
    treated = known.treated_from < known.end - SAME_TIME
    reasons = {}
    for who in np.flatnonzero(treated & ~counts).tolist():
        if barred[who]:
            reason = "treated where not eligible"
        elif known.treated_from[who] <= first[who] + SAME_TIME:
            reason = "treated by the first decision"
        else:
            reason = "treated after the last decision that can be followed up"
        reasons[str(known.patients[who])] = reason
    return reasons


def require_both(found: Decisions, treatment: TreatmentSpec) -> None:
    """Refuse decisions at which nobody or everybody is treated.

    Parameters
    ----------
    found : Decisions
        The decisions.
    treatment : TreatmentSpec
        The treatment.

    Raises
    ------
    SpecificationError
        With what was found.
    """
    began = found.initiated
    if 0.0 < began.sum() < len(began):
        return
    many = counted(len(began), "decision", "decisions")
    what = "no treatment started" if not began.any() else "treatment started every time"
    problem = f"at {many} on '{treatment.name}' {what} (rule '{found.rule.value}')"
    remedy = (
        "Check the times of treatment and of the visits; there must be patients who are treated "
        "at a decision and patients who are not"
    )
    raise SpecificationError("[visits]", [Fault("decisions", problem, remedy)])


@dataclass(frozen=True)
class Emulation:
    """Person-time of a design, with the decisions on treatment that its weights come from.

    Rows of `person_time` point to decisions by integer columns (-1 or an empty range for none):
    ``decision``, the row of `decisions` at which the arm was decided; ``passed_from`` and
    ``passed_to``, the range of rows of `decisions` that the patient has since passed untreated;
    ``earned``, the row of `grace` (of `decisions` where `grace` is None) by which the patient
    complied with treatment within the grace period.

    Parameters
    ----------
    person_time : PersonTime
        Rows of weight 1.
    decisions : Decisions
        Decisions on treatment.
    treatment : str
        Name of the treatment: the column of 0/1 arms.
    grace : Decisions or None
        One row for each patient at risk at the end of the grace period, ``initiated`` = treated
        within it, with covariates at time zero.
    passed : Decisions or None
        Intervals between visits that controls of sequential trials pass, whether or not they are a
        decision of a trial: what ``passed_from`` and ``passed_to`` then point to, with the parts of
        intervals in ``opened_in``, ``passed_opened``, ``lies_in`` and ``passed_here``.
    """

    person_time: PersonTime
    decisions: Decisions
    treatment: str
    grace: Decisions | None = None
    passed: Decisions | None = None

    @property
    def origin(self) -> NDArray[np.float64]:
        """Month after time zero at which each decision's clock starts, shape (decisions,).

        Not defined for clones, whose clock starts at time zero.
        """
        design = self.person_time.provenance.design
        if design is DesignKind.FIXED:
            return np.zeros(self.decisions.n_rows)
        return self.decisions.settled
