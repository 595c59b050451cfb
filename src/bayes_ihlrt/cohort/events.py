"""What the values of the event's column mean: the event or censoring, or one of several causes."""

from collections import Counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.given import Given, few, values_found
from bayes_ihlrt.cohort.intervals import last_free
from bayes_ihlrt.cohort.raw import RawCohort, Rows
from bayes_ihlrt.errors import Fault, nearest
from bayes_ihlrt.files.cells import CellKind, Cells, absent
from bayes_ihlrt.files.messages import are, counted, enumerated
from bayes_ihlrt.names import CAUSE, LAST_FREE
from bayes_ihlrt.spec.data_file import EventSpec

Labels = NDArray[np.object_]
_NOTHING: Final[Labels] = np.empty(0, dtype=object)


def told_events(given: Given, name: str, raw: Any, event: EventSpec) -> Cells | None:
    """Return how follow-up ended, as numbers.

    Parameters
    ----------
    given : Given
        The file; faults and notes are added to it.
    name : str
        Name of the column.
    raw : array-like
        Its cells as they were given.
    event : EventSpec
        What its values mean.

    Returns
    -------
    Cells or None
        1 where the event's value stands and 0 at every other; of competing causes the number of
        the cause, from 1, and 0 for censoring. None where a value is at fault.
    """
    labels = given.labels(name, raw).text
    seen = Counter(labels[~absent(labels)].tolist())
    logical = set(seen) <= {"true", "false"}
    codes = tuple(code.lower() if logical else code for code in event.codes)
    faults = _faults(given.source(name), codes, seen)
    if not faults and event.causes:
        faults = _unknown(given.source(name), event, seen)
    given.faults += faults
    if faults:
        return None
    told = _causes(labels, event) if event.causes else _one_event(labels, codes)
    given.notes.append(f"{given.source(name)}: {_note(event, codes, seen, labels)}")
    return Cells(CellKind.NUMBER, told, _NOTHING)


def ended_by(raw: RawCohort, rows: Rows) -> dict[str, NDArray[Any]]:
    """Return the columns of how follow-up ended.

    Parameters
    ----------
    raw : RawCohort
        Columns read by role, without faults.
    rows : Rows
        The rows of each patient.

    Returns
    -------
    dict of str to ndarray, shape (rows,)
        ``event``, 0/1; of competing causes also the name of the one that ended the patient's
        follow-up, in all rows; empty if none did. Of an event between scans also the month of the
        last one without it.
    """
    event = raw.event
    found: dict[str, NDArray[Any]] = {"event": (event > 0.0).astype(np.float64)}
    if raw.data.causes:
        ended = rows.largest(event)[rows.patient].astype(np.intp)
        found[CAUSE] = np.array(["", *raw.data.causes], dtype=object)[ended]
    if raw.data.interval is not None:
        found[LAST_FREE] = last_free(raw) * raw.data.time_unit.months
    return found


def _faults(source: str, codes: tuple[str, ...], seen: Counter[str]) -> list[Fault]:
    """Values of the event that no row has, and values that all but are one of them."""
    faults = []
    for code in codes:
        if code not in seen:
            problem = f"no row has the value '{code}' of the event; found {values_found(seen)}"
            hint = nearest(code, tuple(seen)) if few(seen) else "Check the column and the value"
            faults.append(Fault(f"column {source}", problem, hint))
    alike = {_folded(code): code for code in codes}
    for value in seen:
        like = alike.get(_folded(value))
        if like is not None and value not in codes:
            problem = f"'{value}' ({counted(seen[value], 'row', 'rows')}) and '{like}' differ "
            problem += "by capitals or blanks only, and one of them is the event"
            remedy = "Write both in one way, or name both in event = { values = [...] }"
            faults.append(Fault(f"column {source}", problem, remedy))
    return faults


def _unknown(source: str, event: EventSpec, seen: Counter[str]) -> list[Fault]:
    """Values that are neither a cause nor censoring: a death that is in no cause is none."""
    known = {*event.codes, *event.without_event}
    others = {value: count for value, count in seen.items() if value not in known}
    if not others:
        return []
    told = [f"'{value}' ({counted(count, 'row', 'rows')})" for value, count in others.items()]
    listed = enumerated(iter(told), len(told)) if few(others) else values_found(others)
    stated = ", ".join(f"'{code}'" for code in event.without_event)
    problem = (
        f"{listed} {are(len(others))} neither one of the causes {', '.join(event.causes)} nor "
        f"censoring ({stated})"
    )
    remedy = "Add each to a cause in `values`, or to `censored = [...]` if follow-up ended without"
    return [Fault(f"column {source}", problem, f"{remedy} any of them")]


def _one_event(labels: Labels, codes: tuple[str, ...]) -> NDArray[np.float64]:
    happened = np.array([value in codes for value in labels.tolist()], dtype=np.float64)
    return np.where(absent(labels), np.nan, happened)


def _causes(labels: Labels, event: EventSpec) -> NDArray[np.float64]:
    meaning = dict.fromkeys(event.without_event, 0.0)
    for number, codes in enumerate(event.causes.values(), start=1):
        meaning |= dict.fromkeys(codes, float(number))
    empty = meaning.get("", np.nan)
    return np.array(
        [
            empty if gone else meaning[value]
            for value, gone in zip(labels, absent(labels), strict=True)
        ],
        dtype=np.float64,
    )


def _note(event: EventSpec, codes: tuple[str, ...], seen: Counter[str], labels: Labels) -> str:
    """How the values were read, with the number of rows of each."""
    others = {value: count for value, count in seen.items() if value not in codes}
    empty = int(absent(labels).sum())
    no = [f"'{value}' ({count})" for value, count in others.items()]
    no += [f"empty ({empty})"] if empty and "" in event.without_event else []
    censored = enumerated(iter(no), len(no)) or "nobody"
    if not few(others):
        censored = f"{values_found(others)} ({sum(others.values())})"

    def counts(values: tuple[str, ...]) -> str:
        return ", ".join(f"'{code}' ({seen[code]})" for code in values)

    if event.causes:
        told = "; ".join(f"{cause} is {counts(own)}" for cause, own in event.causes.items())
    else:
        told = f"the event is {counts(codes)}"
    return f"{told}; censored: {censored}"


def _folded(text: str) -> str:
    """Return a text that differs from others by more than capitals and blanks."""
    return " ".join(text.casefold().split())
