"""Person-time of each transition between the states that a patient passes through.

A patient is untreated or treated, has not or has responded and, where progression is given, has not
or has progressed. Each of these switches once; the event ends it all. One table of rows, cut where
a state changes, is made for each transition, its event being that transition:

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

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import SAME_TIME, FollowUp, follow_up
from bayes_ihlrt.designs.person_time import Columns, PersonTime, cut, floats, provenance
from bayes_ihlrt.errors import DataError, Fault, SpecificationError, nearest
from bayes_ihlrt.files.messages import counted, patients
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.spec.states import Transition
from bayes_ihlrt.spec.treatment import TreatmentSpec

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def given(*names: str | None) -> tuple[str, ...]:
    """Return the names that are there, in order."""
    return tuple(name for name in names if name is not None)


def covariate_columns(cohort: Cohort) -> dict[str, NDArray[Any]]:
    """Return the columns of a cohort that are not times of its follow-up.

    Parameters
    ----------
    cohort : Cohort
        The cohort.

    Returns
    -------
    dict of str to ndarray, shape (rows,)
        ``patient`` among them.
    """
    out = {"start", "stop", "event", "treatment_start"}
    if cohort.visits is not None:
        out |= set(cohort.visits.switches.values())
    return {name: values for name, values in cohort.columns.items() if name not in out}


def state_pieces(
    cohort: Cohort, known: FollowUp, times: Mapping[str, Floats]
) -> dict[str, NDArray[Any]]:
    """Cut the rows of a cohort where a state changes.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    known : FollowUp
        Its patients.
    times : mapping of str to ndarray, shape (patients,)
        When each state begins, by the name of its 0/1 column; infinite for never.

    Returns
    -------
    dict of str to ndarray, shape (pieces,)
        Columns of person-time; ``<name>_time`` holds the time at which a state begins.
    """
    moments = np.stack(list(times.values()))
    begins = np.isfinite(moments)
    who = np.broadcast_to(np.arange(moments.shape[1]), moments.shape)[begins]
    keys = np.unique(np.stack([who, moments[begins]]), axis=1)
    rows, parent = cut(
        cohort.columns, known.row_patient, patient=keys[0].astype(np.intp), time=keys[1]
    )
    patient = known.row_patient[parent]
    pieces: dict[str, NDArray[Any]] = {
        name: values[parent] for name, values in covariate_columns(cohort).items()
    }
    pieces |= rows | {"weight": np.ones(len(parent))}
    for name, time in times.items():
        pieces[name] = (time[patient] <= rows["start"] + SAME_TIME).astype(np.float64)
        pieces[f"{name}_time"] = time[patient]
    return pieces


def transition_rows(
    pieces: Columns, treatment: str, *, response: str | None, progression: str | None
) -> dict[Transition, dict[str, NDArray[Any]]]:
    """Select the rows at risk of each transition and mark those that end with it.

    Parameters
    ----------
    pieces : mapping of str to ndarray, shape (pieces,)
        From `state_pieces`.
    treatment : str
        The treatment's 0/1 column.
    response, progression : str or None
        0/1 columns of response and of progression, where they are states.

    Returns
    -------
    dict of Transition to dict of str to ndarray
        Rows of each transition.
    """
    everybody = np.ones(len(pieces["start"]), dtype=bool)
    before = everybody if progression is None else pieces[progression] == 0.0
    hidden = {f"{name}_time" for name in given(treatment, response, progression)}
    shown = {name: values for name, values in pieces.items() if name not in hidden}

    def table(at_risk: Mask, event: NDArray[np.generic]) -> dict[str, NDArray[Any]]:
        return {name: values[at_risk] for name, values in {**shown, "event": event}.items()}

    def switching(name: str) -> dict[str, NDArray[Any]]:
        ends = np.abs(floats(pieces[f"{name}_time"]) - floats(pieces["stop"])) <= SAME_TIME
        return table(before & (pieces[name] == 0.0), ends.astype(np.float64))

    initiation, event = switching(treatment), table(before, pieces["event"])
    found = {Transition.INITIATION: initiation, Transition.EVENT: event}
    if response is not None:
        begins, treated = (floats(pieces[f"{name}_time"]) for name in (response, treatment))
        together = np.isfinite(treated)
        together[together] = np.abs(begins[together] - treated[together]) <= SAME_TIME
        untreated = before & (pieces[treatment] == 0.0)
        found[Transition.INITIATION] = _in_response(initiation, together[untreated], response)
        found[Transition.RESPONSE] = switching(response)
    if progression is not None:
        found[Transition.PROGRESSION] = switching(progression)
        found[Transition.AFTER_PROGRESSION] = table(~before, pieces["event"])
    return {kind: found[kind] for kind in Transition if kind in found}


def _in_response(
    rows: Mapping[str, NDArray[Any]], together: Mask, response: str
) -> dict[str, NDArray[Any]]:
    """Let treatment that starts with the response start in the state of response.

    The row before ends without a start, and one of no length, in response, ends with it.
    """
    moved = (rows["event"] == 1.0) & together
    event = np.where(moved, 0.0, rows["event"])
    extra = {name: values[moved] for name, values in rows.items()}
    extra |= {"start": extra["stop"], response: np.ones(int(moved.sum()))}
    return {
        name: np.concatenate([event if name == "event" else values, extra[name]])
        for name, values in rows.items()
    }


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
    >>> from bayes_ihlrt.spec.data import DataSpec
    >>> from bayes_ihlrt.spec.treatment import VisitsSpec
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
