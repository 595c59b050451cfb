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
time count, and whatever follows from the decision begins there. A start at the very end of
follow-up is not counted, as in the design ``split``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.data.listing import counted, patients
from bayes_ihlrt.data.schema import TreatmentSpec
from bayes_ihlrt.data.starts import SAME_TIME, FollowUp, follow_up
from bayes_ihlrt.data.values import covariate_names, covariates_at
from bayes_ihlrt.designs.grid import Grid, decision_grid, under_observation
from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.errors import DataError, Fault, SpecificationError
from bayes_ihlrt.names import StartRule

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


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
    >>> from bayes_ihlrt.data.schema import DataSpec
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
