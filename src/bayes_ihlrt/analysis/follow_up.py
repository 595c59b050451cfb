"""How patients were followed: for how long, when treatment started, and what a design made of them.

Everything here describes. Ever and never treated are known in hindsight only, so follow-up is told
by state: of untreated time from time zero, of treated time from the start of treatment. Where a
design puts patients, or their clones, into an arm at the start of its clock, it is told by arm.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.analysis.notes import CLOCKS
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import SAME_TIME, FollowUp, follow_up
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.estimands.product_limit import aalen_johansen, kaplan_meier, median_time
from bayes_ihlrt.names import CAUSE, TIME, Crossover, DesignKind
from bayes_ihlrt.spec.treatment import TreatmentSpec

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_NO_EVENT: Final = 0
_SWIMMERS: Final = 150
"""Lines that a page can show."""


def follow_up_by_state(cohort: Cohort, treatment: str | None) -> list[dict[str, Any]]:
    """Return how long patients were followed, altogether and by state of treatment.

    The median is of the Kaplan-Meier curve in which the end of follow-up is the event and what else
    ends a row, the patient's event or the start of treatment, is censored: how long patients would
    have been followed without it.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    treatment : str or None
        Name of the treatment.

    Returns
    -------
    list of dict
        ``state``, ``since``, ``patients``, ``events``, ``months`` (person-months) and ``median``,
        ``q2.5``, ``q97.5`` of follow-up in months, infinite where it is not reached.

    References
    ----------
    Schemper M, Smith TL. Control Clin Trials 1996;17:343-346, doi 10.1016/0197-2456(96)00075-X.

    Examples
    --------
    >>> from bayes_ihlrt.spec.data import DataSpec
    >>> frame = {"id": [1, 2, 3], "months": [4.0, 6.0, 9.0], "death": [1, 0, 0]}
    >>> cohort = Cohort.from_frame(frame, DataSpec(patient="id", time="months", event="death"))
    >>> [(row["state"], row["median"]) for row in follow_up_by_state(cohort, None)]
    [('all patients', 6.0)]
    """
    known, died = follow_up(cohort.columns, treatment), _died(cohort)
    zero = "time zero"
    rows = [_followed("all patients", zero, known.entry, known.end, died, ended=~died)]
    if treatment is None:
        return rows
    begin = np.maximum(known.treated_from, known.entry)
    treated = begin < known.end - SAME_TIME
    until = np.where(treated, begin, known.end)
    waited = until > known.entry + SAME_TIME
    last = ~treated & waited
    rows.append(
        _followed(
            "untreated",
            zero,
            known.entry[waited],
            until[waited],
            (died & last)[waited],
            ended=(~died & last)[waited],
        )
    )
    start = known.treated_from[treated]
    rows.append(
        _followed(
            "treated",
            "the start of treatment",
            begin[treated] - start,
            known.end[treated] - start,
            died[treated],
            ended=~died[treated],
        )
    )
    return rows


_ARMS_AT_START: Final = frozenset(
    {DesignKind.CLONE_CENSOR_WEIGHT, DesignKind.LANDMARK, DesignKind.FIXED}
)
"""Designs whose arms are known when their clock starts, and hold nobody twice."""


def follow_up_by_arm(
    cohort: Cohort, rows: PersonTime, treatment: TreatmentSpec, *, called: str = ""
) -> list[dict[str, Any]] | None:
    """Return how long each arm of a design was followed, where that may be told.

    The end of follow-up is the event; the patient's event, and the day on which a clone leaves its
    strategy, are censored: how long the arm would have been followed without them. No weights.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    rows : PersonTime
        Its person-time.
    treatment : TreatmentSpec
        The treatment with its design.
    called : str
        What the treatment is called in the names of arms; its name by default.

    Returns
    -------
    list of dict or None
        As `follow_up_by_state`, after all patients. None where arms are known in hindsight only
        (``ever-never``), where patients change them (``split``), or hold patients more than once
        (``sequential``, several landmarks): by state is honest then.

    Examples
    --------
    >>> from bayes_ihlrt.designs.build import person_time
    >>> from bayes_ihlrt.spec.data import DataSpec
    >>> frame = {"id": [1, 2], "months": [4.0, 6.0], "death": [1, 0], "arm": [0, 1]}
    >>> data = DataSpec(patient="id", time="months", event="death")
    >>> arm = TreatmentSpec(name="arm", column="arm", design="fixed")
    >>> cohort = Cohort.from_frame(frame, data, arm)
    >>> told = follow_up_by_arm(cohort, person_time(cohort, arm), arm)
    >>> [(row["state"], row["patients"], row["months"]) for row in told]
    [('all patients', 2, 10.0), ('untreated', 1, 4.0), ('treated', 1, 6.0)]
    """
    design = rows.provenance.design
    if design not in _ARMS_AT_START or len(treatment.landmarks) > 1:
        return None
    found = follow_up_by_state(cohort, None)
    for arm, own in _arms(rows, treatment, called).items():
        past = _histories(cohort, rows, treatment, own)
        ended = ~past.event & ~past.censored
        start, stop = (rows.columns[name][own].astype(np.float64) for name in ("start", "stop"))
        first, last = np.full(len(past.event), np.inf), np.full(len(past.event), -np.inf)
        np.minimum.at(first, past.code, start)
        np.maximum.at(last, past.code, stop)
        clock = CLOCKS.get(design, "time zero")
        found.append(_followed(arm, clock, first, last, past.event, ended=ended))
    return found


def _followed(
    state: str, since: str, start: Floats, stop: Floats, died: Bools, *, ended: Bools
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "state": state,
        "since": since,
        "patients": len(start),
        "events": int(died.sum()),
        "months": float((stop - start).sum()),
    }
    middle = low = high = np.nan
    if len(start):
        middle, low, high = median_time(kaplan_meier(start, stop, ended.astype(np.float64)))
    return {**found, "median": middle, "q2.5": low, "q97.5": high}


def _died(cohort: Cohort) -> Bools:
    """Who had the event, shape (patients,)."""
    known = follow_up(cohort.columns)
    event = np.bincount(known.row_patient, cohort.columns["event"], minlength=len(known.patients))
    return np.asarray(event > 0.0)


def treatment_starts(cohort: Cohort, treatment: str) -> dict[str, Any]:
    """Return how many started treatment, when, and what became of the others.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    treatment : str
        Name of the treatment.

    Returns
    -------
    dict
        ``patients``; ``started`` after they came under observation, and ``before``; of those never
        treated ``event`` and ``ended`` (follow-up); ``months``, the quartiles of the month of a
        start (the least and the largest are one patient's), None without one.

    Examples
    --------
    >>> from bayes_ihlrt.spec.data import DataSpec
    >>> from bayes_ihlrt.spec.treatment import TreatmentSpec
    >>> cohort = Cohort.from_frame(
    ...     {"id": [1, 2, 3], "months": [4, 6, 9], "death": [1, 0, 0], "start": [None, 2, None]},
    ...     DataSpec(patient="id", time="months", event="death"),
    ...     TreatmentSpec(name="ihlrt", start="start"))
    >>> found = treatment_starts(cohort, "ihlrt")
    >>> found["started"], found["event"], found["ended"]
    (1, 1, 1)
    """
    known, died = follow_up(cohort.columns, treatment), _died(cohort)
    treated = known.treated_from < known.end - SAME_TIME
    before = treated & (known.treated_from <= known.entry + SAME_TIME)
    months = known.treated_from[treated & ~before]
    marks = np.quantile(months, [0.25, 0.5, 0.75]).tolist() if len(months) else None
    return {
        "patients": len(treated),
        "started": len(months),
        "before": int(before.sum()),
        "event": int((~treated & died).sum()),
        "ended": int((~treated & ~died).sum()),
        "months": marks,
    }


def treatment_starts_data(cohort: Cohort, treatment: str, marks: Floats) -> xr.Dataset:
    """Return the cumulative incidence of starting treatment, the event before it competing.

    Parameters
    ----------
    cohort : Cohort
        The cohort, of which somebody starts treatment under observation.
    treatment : str
        Name of the treatment.
    marks : ndarray
        Months at which to count who is untreated and followed.

    Returns
    -------
    xarray.Dataset
        ``incidence`` over ``end`` (``started``, ``event first``) and ``time``; ``at_risk`` over
        ``risk_time``.
    """
    known, died = follow_up(cohort.columns, treatment), _died(cohort)
    treated = known.treated_from < known.end - SAME_TIME
    until = np.where(treated, known.treated_from, known.end)
    waited = until > known.entry + SAME_TIME
    cause = np.where(treated, 1, np.where(died, 2, _NO_EVENT))[waited]
    start, stop = known.entry[waited], until[waited]
    found = aalen_johansen(start, stop, cause)["incidence"]
    if found.sizes[CAUSE] == 1:
        found = xr.concat([found, xr.zeros_like(found)], CAUSE)
    last = found.isel({TIME: [-1]}).assign_coords({TIME: [max(float(stop.max()), marks[-1])]})
    found = xr.concat([found, last], TIME) if last[TIME] > found[TIME][-1] else found
    at_risk = [int(((start < max(t, SAME_TIME)) & (stop >= t)).sum()) for t in marks]
    return xr.Dataset(
        {
            "incidence": found.rename({CAUSE: "end"}).assign_coords(end=["started", "event first"]),
            "at_risk": ("risk_time", np.array(at_risk)),
        },
        coords={"risk_time": marks},
    )


def patient_flow(
    cohort: Cohort, rows: PersonTime, treatment: TreatmentSpec | None, *, called: str = ""
) -> dict[str, Any]:
    """Return what a design made of the patients: who was left out and why, and how arms ended.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    rows : PersonTime
        Its person-time.
    treatment : TreatmentSpec or None
        The treatment with its design.
    called : str
        What the treatment is called in the names of arms; its name by default.

    Returns
    -------
    dict
        ``design``; ``assessed`` and ``analysed`` patients; ``left_out`` and ``shortened``, lists of
        ``reason`` and ``patients``; ``unit``, what an arm is counted in; ``arms``, each with
        ``arm``, ``follow_ups``, ``patients``, ``events``, ``censored`` by the design and ``ended``
        without the event; ``why``, for what the design censors.
    """
    story = rows.provenance
    arms = [
        {"arm": arm, **_arm(cohort, rows, treatment, own)}
        for arm, own in _arms(rows, treatment, called).items()
    ]
    analysed = len(rows.patients)
    return {
        "design": story.design.value,
        "assessed": analysed + len(cohort.dropped) + len(story.dropped),
        "left_out": _reasons([*cohort.dropped.values(), *story.dropped.values()]),
        "analysed": analysed,
        "unit": _UNITS[story.design] if treatment is not None else "patients",
        "arms": arms,
        "why": _WHY.get(story.design, ""),
        "shortened": [
            *_reasons(
                story.unfollowed.values(), "no follow-up from their own start of treatment: "
            ),
            *([{"reason": _TRIMMED, "patients": len(story.trimmed)}] if story.trimmed else []),
        ],
    }


_TRIMMED: Final = "follow-up lost where treatment was all but certain or all but impossible"
_UNITS: Final[Mapping[DesignKind, str]] = {
    DesignKind.SPLIT: "patients in the state",
    DesignKind.EVER_NEVER: "patients",
    DesignKind.FIXED: "patients",
    DesignKind.LANDMARK: "patients at a landmark",
    DesignKind.SEQUENTIAL: "patients in a trial",
    DesignKind.CLONE_CENSOR_WEIGHT: "clones",
}
_WHY: Final[Mapping[DesignKind, str]] = {
    DesignKind.SPLIT: "started treatment and go on as treated",
    DesignKind.SEQUENTIAL: "censored when they were treated later",
    DesignKind.CLONE_CENSOR_WEIGHT: "censored when they left their strategy",
}


def _reasons(found: Iterable[str], before: str = "") -> list[dict[str, Any]]:
    told = list(found)
    return [
        {"reason": f"{before}{reason}", "patients": told.count(reason)}
        for reason in dict.fromkeys(told)
    ]


def _arms(rows: PersonTime, treatment: TreatmentSpec | None, called: str) -> dict[str, Bools]:
    """Rows of each arm by what the arm is called, untreated first."""
    if treatment is None:
        return {"all patients": np.ones(rows.n_rows, dtype=bool)}
    own = rows.columns[treatment.name].astype(np.float64) == 1.0
    name, landmarks = called or treatment.name, treatment.landmarks
    place = f"month {landmarks[0]:g}" if len(landmarks) == 1 else "the landmark"
    untreated, treated = {
        DesignKind.EVER_NEVER: (f"never {name}", f"ever {name}"),
        DesignKind.LANDMARK: (f"no {name} by {place}", f"{name} by {place}"),
        DesignKind.SEQUENTIAL: (f"{name} not started", f"{name} started"),
        DesignKind.CLONE_CENSOR_WEIGHT: (
            f"never {name}",
            f"{name} within {treatment.grace or 0.0:g} months",
        ),
    }.get(rows.provenance.design, ("untreated", "treated"))
    return {untreated: ~own, treated: own}


class _Histories(NamedTuple):
    """Follow-ups of an arm: which row is whose, who they are, and how they end."""

    code: NDArray[np.intp]
    who: NDArray[np.intp]
    event: Bools
    censored: Bools


def _histories(
    cohort: Cohort, rows: PersonTime, treatment: TreatmentSpec | None, own: Bools
) -> _Histories:
    parts = [rows.patient_index[own]]
    parts += [
        rows.columns[name][own].astype(np.float64)
        for name in ("trial", "clone")
        if name in rows.columns
    ]
    _, first, code = np.unique(np.stack(parts), axis=1, return_index=True, return_inverse=True)
    event = np.bincount(code.ravel(), rows.columns["event"][own].astype(np.float64)) > 0.0
    who = rows.patient_index[own][first]
    censored = np.zeros(len(first), dtype=bool)
    if treatment is not None:
        treated = rows.columns[treatment.name][own][first].astype(np.float64) == 1.0
        censored = ~event & _leaves(cohort, rows, treatment, who=who, treated=treated)
    return _Histories(code.ravel(), who, event, censored)


def _arm(
    cohort: Cohort, rows: PersonTime, treatment: TreatmentSpec | None, own: Bools
) -> dict[str, int]:
    """How many histories of an arm there are, and how they end."""
    past = _histories(cohort, rows, treatment, own)
    return {
        "follow_ups": len(past.who),
        "patients": len(np.unique(past.who)),
        "events": int(past.event.sum()),
        "censored": int(past.censored.sum()),
        "ended": int((~past.event & ~past.censored).sum()),
    }


def _leaves(
    cohort: Cohort,
    rows: PersonTime,
    treatment: TreatmentSpec,
    *,
    who: NDArray[np.intp],
    treated: Bools,
) -> Bools:
    """Whether a history that does not end with the event ends by the design."""
    known = follow_up(cohort.columns, treatment.name)
    place = {name: number for number, name in enumerate(known.patients.tolist())}
    patient = np.array([place[name] for name in rows.patients.tolist()], dtype=np.intp)[who]
    later = (known.treated_from < known.end - SAME_TIME)[patient]
    design = rows.provenance.design
    if design is DesignKind.SPLIT:
        return ~treated & later
    if design is DesignKind.SEQUENTIAL and treatment.crossover is not Crossover.IGNORE:
        return ~treated & later
    if design is DesignKind.CLONE_CENSOR_WEIGHT:
        end = treatment.grace or 0.0
        late = (known.treated_from > end + SAME_TIME) & (known.end > end + SAME_TIME)
        return np.where(treated, late[patient], later)
    return np.zeros(len(who), dtype=bool)


_ENDS: Final = ("follow_ups", "patients", "events", "censored", "ended")


def flow_data(flow: Mapping[str, Any]) -> xr.Dataset:
    """Return what a design made of the patients, for its figure.

    Parameters
    ----------
    flow : mapping
        From `patient_flow`.

    Returns
    -------
    xarray.Dataset
        ``follow_ups, patients, events, censored, ended`` over ``arm``; attributes ``assessed``,
        ``analysed``, ``left_out`` (a sentence a reason), ``unit`` and ``why``.
    """
    arms = flow["arms"]
    return xr.Dataset(
        {name: ("arm", [arm[name] for arm in arms]) for name in _ENDS},
        coords={"arm": [arm["arm"] for arm in arms]},
        attrs={
            **{name: flow[name] for name in ("assessed", "analysed", "unit", "why")},
            "left_out": [f"{one['patients']:,}: {one['reason']}" for one in flow["left_out"]],
        },
    )


def swimmer_data(cohort: Cohort, treatment: str | None, *, most: int = _SWIMMERS) -> xr.Dataset:
    """Return every patient's own course, for a figure that is drawn where it is asked for.

    Of more than `most` patients every k-th in the order of the length of follow-up is taken. Lines
    are numbered in that order; identifiers are not in it.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    treatment : str or None
        Name of the treatment.
    most : int
        Largest number of lines.

    Returns
    -------
    xarray.Dataset
        ``entry``, ``end``, ``treated_from`` (months, NaN for never) and ``event`` over ``line``,
        the longest follow-up first; attribute ``of``, the number of patients.

    Examples
    --------
    >>> from bayes_ihlrt.spec.data import DataSpec
    >>> frame = {"id": ["a", "b", "c"], "months": [4, 6, 9], "death": [1, 0, 0]}
    >>> cohort = Cohort.from_frame(frame, DataSpec(patient="id", time="months", event="death"))
    >>> swimmer_data(cohort, None, most=2)["end"].to_numpy().tolist()
    [9.0, 4.0]
    """
    known, died = follow_up(cohort.columns, treatment), _died(cohort)
    order = np.lexsort((known.treated_from, -known.end))
    chosen = order[:: -(-len(order) // most)]
    return _courses(known, died, chosen).assign_attrs(of=len(order))


def _courses(known: FollowUp, died: Bools, chosen: NDArray[np.intp]) -> xr.Dataset:
    treated = known.treated_from < known.end - SAME_TIME
    begin = np.where(treated, np.maximum(known.treated_from, known.entry), np.nan)
    columns = {
        "entry": known.entry[chosen],
        "end": known.end[chosen],
        "treated_from": begin[chosen],
        "event": died[chosen].astype(np.float64),
    }
    lines = np.arange(1, len(chosen) + 1)
    return xr.Dataset({k: ("line", v) for k, v in columns.items()}, coords={"line": lines})
