"""Rows at risk of each transition between states, cut where a state changes."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.data.starts import SAME_TIME, FollowUp
from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.designs.rows import cut, floats

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Transition(StrEnum):
    """A step from one state to another."""

    RESPONSE = "response"
    INITIATION = "initiation"
    PROGRESSION = "progression"
    EVENT = "event"
    """The event; before progression, where progression is one of the states."""
    AFTER_PROGRESSION = "event-after-progression"


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
