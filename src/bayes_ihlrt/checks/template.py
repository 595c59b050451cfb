"""Planned follow-up: whom a scenario observes, when, and under which treatment.

Everything but the event times is fixed: covariates, entry, start of treatment, administrative end.
A posterior of simulated event times then has the prior from which their parameters were drawn.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.checks.scenario import Scenario
from bayes_ihlrt.designs.person_time import Columns, PersonTime, Provenance
from bayes_ihlrt.model.build import PreparedModel, prepare
from bayes_ihlrt.names import DesignKind

Floats = NDArray[np.float64]
PATIENTS: Final = 100
TYPICAL_MEDIAN: Final = 20.0
"""Median survival (months) of the event times that place knots: that of the scenarios' prior."""

REFERENCE: Final = {"treated": 0.0, "nlr": 3.0, "albi": -2.4}
"""The patient whose survival is a test quantity; in a typical centre."""

_SEED: Final = 20_260_101
_CENTRES: Final = (30, 25, 20, 15, 10)


@dataclass(frozen=True, eq=False)
class Template:
    """A scenario's model, bound to the follow-up that was planned.

    Parameters
    ----------
    scenario : Scenario
        Model and design.
    prepared : PreparedModel
        Encoder, hazard, priors and arrays; its outcome is a typical one.
    planned : mapping of str to ndarray, shape (rows,)
        ``patient`` (number), ``start`` and ``stop`` (months) up to the administrative end. A row
        that ends before a late entry has no length.
    reference : ndarray, shape (covariates,)
        Design matrix of the reference patient.
    """

    scenario: Scenario
    prepared: PreparedModel
    planned: Columns
    reference: Floats


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of the planned rows.

    Parameters
    ----------
    stop : ndarray, shape (..., rows)
        End of each row in months; its start where the event came first.
    event, exposure : ndarray, shape (..., rows)
        0 or 1: the event ends the row; the row is at risk.
    exit_time : ndarray, shape (..., patients)
        Event or administrative end, months.
    """

    stop: Floats
    event: Floats
    exposure: Floats
    exit_time: Floats


def build_template(scenario: Scenario) -> Template:
    """Return the planned follow-up of a scenario with its model.

    The model is bound to follow-up from time zero on, whether or not entry is delayed: scenarios
    that differ in entry alone have the same rows, the same priors and the same graph.

    Parameters
    ----------
    scenario : Scenario
        Model and design.

    Returns
    -------
    Template
        The same at every call.
    """
    columns, entry = _planned(scenario)
    number, start = columns["patient"].astype(np.int64), columns["start"].astype(np.float64)
    rng = np.random.default_rng([_SEED, 1])
    times = rng.exponential(TYPICAL_MEDIAN / np.log(2.0), PATIENTS)
    typical = observe_times(columns, times[None])
    rows = dict(columns)
    rows["patient"] = np.asarray([f"patient {n}" for n in number], dtype=object)
    rows["stop"], rows["event"] = typical.stop[0], typical.event[0]
    rows["weight"] = np.ones(len(number))
    provenance = Provenance(DesignKind.SPLIT, {}, 0.0, {}, {})
    prepared = prepare(scenario.spec, PersonTime(rows, provenance))
    reference = {name: np.asarray([value]) for name, value in REFERENCE.items()}
    stop = columns["stop"].astype(np.float64)
    late = np.minimum(np.maximum(start, entry[number]), stop)
    planned = {"patient": number, "start": late, "stop": stop}
    return Template(scenario, prepared, planned, prepared.encoder.design(reference)[0])


def observe_times(planned: Columns, times: Floats) -> Outcome:
    """Cut planned rows at event times.

    Parameters
    ----------
    planned : mapping of str to ndarray, shape (rows,)
        ``patient`` (number), ``start``, ``stop``.
    times : ndarray, shape (replicates, patients)
        Event times in months, later than entry; infinite for never.

    Returns
    -------
    Outcome
        Leading axis replicates. A row that begins after the event, or has no length, is not
        at risk.

    Examples
    --------
    >>> planned = {"patient": np.zeros(2, int), "start": [0.0, 4.0], "stop": [4.0, 9.0]}
    >>> seen = observe_times(planned, np.array([[3.0], [6.0], [20.0]]))
    >>> seen.stop.tolist(), seen.event.tolist()
    ([[3.0, 4.0], [4.0, 6.0], [4.0, 9.0]], [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    >>> seen.exposure.tolist(), seen.exit_time.ravel().tolist()
    ([[1.0, 0.0], [1.0, 1.0], [1.0, 1.0]], [3.0, 6.0, 9.0])
    """
    number = np.asarray(planned["patient"], dtype=np.int64)
    start = np.asarray(planned["start"], dtype=np.float64)
    stop = np.asarray(planned["stop"], dtype=np.float64)
    last = np.flatnonzero(np.diff(number, append=-1))
    own = times[:, number]
    return Outcome(
        stop=np.maximum(np.minimum(own, stop), start),
        event=((start < own) & (own <= stop)).astype(np.float64),
        exposure=((start < own) & (start < stop)).astype(np.float64),
        exit_time=np.minimum(times, stop[last]),
    )


def _planned(scenario: Scenario) -> tuple[dict[str, NDArray[np.generic]], Floats]:
    """Return the rows from time zero to the administrative end, and each patient's entry."""
    rng = np.random.default_rng(_SEED)
    late = rng.uniform(1.0, 9.0, PATIENTS) * (rng.permutation(PATIENTS) < PATIENTS // 2)
    end = rng.uniform(10.0, 48.0, PATIENTS)
    arm, start = rng.permutation(PATIENTS) % 2, rng.exponential(15.0, PATIENTS)
    given = start if scenario.time_varying else np.where(arm == 1, 0.0, np.inf)
    covariates = {
        "nlr": rng.lognormal(np.log(3.0), 0.5, PATIENTS),
        "albi": rng.normal(-2.4, 0.5, PATIENTS),
        "centre": rng.permutation(np.repeat([f"centre {n}" for n in range(5)], _CENTRES)),
    }
    untreated, treated = np.flatnonzero(given > 0.0), np.flatnonzero(given < end)
    number = np.concatenate([untreated, treated])
    after = np.arange(len(number)) >= len(untreated)
    first = np.where(after, given[number], 0.0)
    order = np.lexsort((first, number))
    rows: dict[str, NDArray[np.generic]] = {
        "patient": number,
        "start": first,
        "stop": np.where(after, end[number], np.minimum(given, end)[number]),
        "treated": after.astype(np.float64),
        **{name: values[number] for name, values in covariates.items()},
    }
    rows["centre"] = rows["centre"].astype(object)
    return {name: values[order] for name, values in rows.items()}, late * scenario.delayed_entry
