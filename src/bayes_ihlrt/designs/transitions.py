"""Person-time of each transition between the states that a patient passes through.

A patient is untreated or treated, has not or has responded and, where progression is given, has not
or has progressed. Each of these switches once; the event ends it all. One table of rows is made for
each transition, its event being that transition:

=======================  ===============================================  =================
transition               at risk                                          event
=======================  ===============================================  =================
response                 event-free, progression-free, no response yet    response
initiation               event-free, progression-free, untreated          start of treatment
progression              event-free, progression-free                     progression
event                    event-free, progression-free                     the event
event-after-progression  event-free, progressed                           the event
=======================  ===============================================  =================

Rows carry treatment, response and progression as 0/1 columns, as they were while the row lasted.
The clock of every transition is months since therapy start. The likelihood of a history is the
product of those of its transitions, so that they are fitted one by one.

What falls on the same moment is put in this order: the event alone counts where something else is
recorded with it; a response precedes a start of treatment, which is decided in its knowledge.

References
----------
Andersen PK, Keiding N. Stat Methods Med Res 2002;11:91-115, doi 10.1191/0962280202SM276ra.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.data.listing import counted, patients
from bayes_ihlrt.data.schema import TreatmentSpec
from bayes_ihlrt.data.starts import SAME_TIME, FollowUp, follow_up
from bayes_ihlrt.designs.person_time import Columns, PersonTime
from bayes_ihlrt.designs.rows import floats, provenance
from bayes_ihlrt.designs.transition_rows import (
    Transition,
    covariate_columns,
    given,
    state_pieces,
    transition_rows,
)
from bayes_ihlrt.errors import DataError, Fault, SpecificationError, nearest
from bayes_ihlrt.names import DesignKind

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Transitions:
    """Rows of every transition of a cohort, and the state in which each patient began.

    Parameters
    ----------
    rows : mapping of Transition to PersonTime
        Person-time at risk of each transition.
    treatment : str
        Name of the treatment's 0/1 column.
    response, progression : str or None
        Names of the 0/1 columns of response and of progression; None where it is not a state.
    baseline : mapping of str to ndarray, shape (patients,)
        Covariates of each patient's first row, and the 0/1 columns at time zero.
    """

    rows: Mapping[Transition, PersonTime]
    treatment: str
    response: str | None
    progression: str | None
    baseline: Columns

    @property
    def flags(self) -> tuple[str, ...]:
        """Names of the 0/1 columns: treatment, response, progression."""
        return given(self.treatment, self.response, self.progression)


_NOBODY: Final = {
    Transition.RESPONSE: (
        "nobody responds during follow-up (who responds at time zero does not count)",
        "Check the column with the times of response, or leave response out of the states",
    ),
    Transition.INITIATION: (
        "nobody starts treatment during follow-up (who is treated at time zero does not count)",
        "Check the column with the start of treatment; a treatment settled at time zero needs "
        "no g-formula: set design = 'fixed'",
    ),
    Transition.PROGRESSION: (
        "nobody progresses before the event",
        "Check the column with the times of progression, or leave progression out of the states",
    ),
    Transition.EVENT: (
        "there is no event in this state",
        "Check the event column; where nobody has the event before progression, leave progression "
        "out of the states",
    ),
    Transition.AFTER_PROGRESSION: (
        "there is no event after progression",
        "Check that the event is death and not progression, or leave progression out of the states",
    ),
}


def transitions(
    cohort: Cohort,
    treatment: TreatmentSpec,
    *,
    response: str | None = None,
    progression: str | None = None,
) -> Transitions:
    """Return the person-time of every transition between a cohort's states.

    Parameters
    ----------
    cohort : Cohort
        Validated cohort, months; times of response and of progression are among the switches of
        its visits.
    treatment : TreatmentSpec
        The treatment, with design ``split``.
    response : str, optional
        Name of the switch that is response, e.g. ``"response"``.
    progression : str, optional
        Name of the switch that is progression; the cohort's event is then death.

    Returns
    -------
    Transitions
        Two to five tables of rows.

    Raises
    ------
    SpecificationError
        When the design is another, or a switch is not in the cohort.
    DataError
        When a transition never happens, or times contradict each other; every fault is listed.

    Examples
    --------
    >>> from bayes_ihlrt.data.schema import DataSpec
    >>> from bayes_ihlrt.data.visits_spec import VisitsSpec
    >>> cohort = Cohort.from_frame(
    ...     {"id": ["a", "b"], "os": [9.0, 4.0], "death": [1, 1], "lrt": [5.0, None],
    ...      "resp": [2.0, None]},
    ...     DataSpec(patient="id", time="os", event="death"),
    ...     TreatmentSpec(name="ihlrt", start="lrt"),
    ...     visits=VisitsSpec(switches={"response": "resp"}, every=1.5))
    >>> found = transitions(cohort, TreatmentSpec(name="ihlrt", start="lrt"), response="response")
    >>> found.rows[Transition.EVENT].columns["stop"].tolist()
    [2.0, 5.0, 9.0, 4.0]
    >>> found.rows[Transition.INITIATION].columns["response"].tolist()
    [0.0, 1.0, 0.0]
    """
    _check_switches(cohort, treatment, response, progression)
    known = follow_up(cohort.columns, treatment.name)
    times = _times(cohort, treatment.name, known, (response, progression))
    faults = _order_faults(times, known, treatment.name, response, progression)
    if faults:
        raise DataError(_subject(cohort), faults)
    pieces = state_pieces(cohort, known, times)
    rows = transition_rows(pieces, treatment.name, response=response, progression=progression)
    faults = _empty_faults(rows)
    if faults:
        raise DataError(_subject(cohort), faults)
    tables = {
        kind: PersonTime(table, provenance(DesignKind.SPLIT, table, treatment.name))
        for kind, table in rows.items()
    }
    _, first = np.unique(known.row_patient, return_index=True)
    baseline: dict[str, NDArray[Any]] = {
        name: values[first] for name, values in covariate_columns(cohort).items()
    }
    baseline |= {name: (time <= SAME_TIME).astype(np.float64) for name, time in times.items()}
    return Transitions(
        *(MappingProxyType(tables), treatment.name, response, progression),
        baseline=MappingProxyType(baseline),
    )


def _check_switches(
    cohort: Cohort, treatment: TreatmentSpec, response: str | None, progression: str | None
) -> None:
    switches = {} if cohort.visits is None else cohort.visits.switches
    faults = []
    for role, name in (("response", response), ("progression", progression)):
        if name is not None and name not in switches:
            problem = f"the cohort has no time of '{name}'"
            remedy = (
                f"Name its column in [visits] switches, e.g. {{ {name} = '{name}_months' }}, or "
                f"leave {role} out of the states. {nearest(name, switches)}"
            )
            faults.append(Fault(role, problem, remedy))
    if response is not None and response == progression:
        problem = f"both are '{response}'"
        faults.append(Fault("response, progression", problem, "Name two different switches"))
    if treatment.design is not DesignKind.SPLIT:
        problem = f"found '{treatment.design.value}'"
        remedy = "Transitions follow patients from time zero as they are: set design = 'split'"
        faults.append(Fault("[treatment] design", problem, remedy))
    if faults:
        raise SpecificationError("states", faults)


def _times(
    cohort: Cohort, treatment: str, known: FollowUp, switches: tuple[str | None, ...]
) -> dict[str, Floats]:
    """Return when each patient is treated, responds and progresses; infinite for never."""
    _, first = np.unique(known.row_patient, return_index=True)
    last = known.row_patient[cohort.columns["event"] == 1.0]
    ended = np.isin(np.arange(len(first)), last)
    times = {treatment: known.treated_from}
    for name in switches:
        if name is not None and cohort.visits is not None:
            times[name] = floats(cohort.columns[cohort.visits.switches[name]][first])
    # What is recorded with the event itself is part of it and leads to no further state.
    with_event = {
        name: ended & (np.abs(time - known.end) <= SAME_TIME) for name, time in times.items()
    }
    return {name: np.where(with_event[name], np.inf, time) for name, time in times.items()}


def _order_faults(
    times: Mapping[str, Floats],
    known: FollowUp,
    treatment: str,
    response: str | None,
    progression: str | None,
) -> list[Fault]:
    """Return the faults of times after the end, and after a progression that ends all else."""
    checks = []
    for name, time in times.items():
        late = np.isfinite(time) & (time > known.end + SAME_TIME)
        remedy = "Correct the times; where it did not happen during follow-up leave the cell empty"
        checks.append((name, late, "after the end of follow-up", remedy))
    if progression is not None:
        for name in given(treatment, response):
            late = np.isfinite(times[name]) & (times[name] >= times[progression] - SAME_TIME)
            remedy = (
                f"Correct the times, or leave empty what came after '{progression}' (in these "
                f"states '{name}' begins before it), or leave progression out of the states"
            )
            checks.append((name, late, f"at or after '{progression}'", remedy))
    faults = []
    for name, wrong, words, remedy in checks:
        rows = np.flatnonzero(wrong)
        if len(rows):
            many = counted(len(rows), "time is", "times are")
            problem = f"{many} {words} ({patients(known.patients, rows)})"
            faults.append(Fault(f"time of '{name}'", problem, remedy))
    return faults


def _empty_faults(rows: Mapping[Transition, Columns]) -> list[Fault]:
    return [
        Fault(f"transition '{kind.value}'", *_NOBODY[kind])
        for kind, table in rows.items()
        if not floats(table["event"]).any()
    ]


def _subject(cohort: Cohort) -> str:
    return str(cohort.attrs["name"]) if "name" in cohort.attrs else "cohort"
