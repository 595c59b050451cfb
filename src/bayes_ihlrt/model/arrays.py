"""The arrays that a graph reads: made from person-time, replaced for a refit, packed into few.

They are packed because compile time grows with their number, not their size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import Columns, PersonTime
from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.model.contrasts import crude_contrasts
from bayes_ihlrt.model.encode import Encoder, covariate_patterns
from bayes_ihlrt.model.smoothing import walk_information
from bayes_ihlrt.names import PATIENT

Floats = NDArray[np.float64]
PATTERN: Final = "pattern"
UNCERTAIN: Final = "uncertain"
"""1 in rows between two scans, in which the event happened at a time that nobody knows."""
AGGREGATE_ABOVE: Final = 5_000
"""Rows above which a piecewise model is reduced to its sufficient statistics."""


@dataclass(frozen=True)
class GraphArrays:
    """Data of one graph.

    Parameters
    ----------
    data : mapping of str to ndarray
        Values of the graph's `pm.Data` by name.
    unit : str
        Dimension of the observed variable: ``"patient"``, or ``"pattern"`` when patients with
        the same covariates were added up.
    labels : ndarray of str, shape (units,)
        Patient identifiers or pattern numbers.
    column_sd : ndarray, shape (covariates,)
        Standard deviation over rows of person-time of each column of the design, to which priors
        per standard deviation refer.
    from_zero : bool
        Every row begins at time zero, so that the graph may leave entry out; rows that do not then
        have a density of NaN.
    """

    data: Mapping[str, NDArray[np.generic]]
    unit: str
    labels: NDArray[np.object_]
    column_sd: Floats
    from_zero: bool = False


def graph_arrays(
    encoder: Encoder, hazard: Hazard, person_time: PersonTime, *, reduce: bool = True
) -> GraphArrays:
    """Return the arrays of a graph.

    Rows stay flat and sorted by patient: patients have different numbers of rows, and padding
    to the longest would multiply the work. Piecewise models with few covariate patterns are
    reduced to event counts and exposure by pattern and interval, which are sufficient, so that
    their cost does not grow with the number of patients.

    Parameters
    ----------
    encoder : Encoder
        Encoding of the covariates.
    hazard : Hazard
        Baseline hazard.
    person_time : PersonTime
        Rows.
    reduce : bool
        Reduce to sufficient statistics where that is possible and worth it. They fix the rows'
        weights: an analysis that draws them needs the rows.

    Returns
    -------
    GraphArrays
        Arrays by name; times in months.
    """
    columns = person_time.columns
    pattern, first = covariate_patterns(encoder.spec, columns)
    copies = np.ones(len(pattern))
    # An event between scans has the likelihood of all its rows together: no sum over patients.
    reducible = hazard.additive and person_time.uncertain is None
    large = reduce and len(pattern) > AGGREGATE_ABOVE and 10 * len(first) <= len(pattern)
    if reducible and large:
        rows = {name: values[first] for name, values in columns.items()}
        data = _sufficient_statistics(hazard, columns, pattern, len(first))
        labels = np.asarray([str(number) for number in range(len(first))], dtype=object)
        unit = PATTERN
        copies = _floats(np.bincount(pattern))
    else:
        rows = dict(columns)
        data = _row_statistics(hazard, person_time)
        labels = person_time.patients
        unit = PATIENT
    data["design"] = encoder.design(rows)
    for term in encoder.spec.outcome.groups:
        data[f"{term.group}_index"] = encoder.group_index(rows, term.group)
        if term.slope is not None:
            data[f"{term.group}_{term.slope}"] = encoder.slope_values(rows, term.slope)
    places = hazard.places
    data |= {**_centre_points(encoder, data, rows), "trend_places": places.ravel()}
    data["walk_information"] = walk_information(_floats(data["event"]), len(places))
    sd = _column_sd(_floats(data["design"]), copies)
    from_zero = bool(np.all(_floats(data["start"]) == 0.0))
    return GraphArrays(data, unit, labels, sd, from_zero=from_zero)


def _row_statistics(hazard: Hazard, person_time: PersonTime) -> dict[str, NDArray[np.generic]]:
    columns = person_time.columns
    start, stop = _floats(columns["start"]), _floats(columns["stop"])
    weight = _floats(columns["weight"])
    uncertain = person_time.uncertain
    return {
        **({} if uncertain is None else {UNCERTAIN: _floats(uncertain)}),
        "increment_basis": np.asarray(hazard.increment_basis(np, start, stop), dtype=np.float64),
        "hazard_basis": np.asarray(hazard.log_hazard_basis(np, stop), dtype=np.float64),
        "event": weight * _floats(columns["event"]),
        "exposure": weight,
        "start": start,
        "stop": stop,
        "row_unit": person_time.patient_index.astype(np.int64),
        "weight": np.ones(len(person_time.patients)),
        "exit_time": person_time.exit_time,
    }


def _sufficient_statistics(
    hazard: Hazard, columns: Columns, pattern: NDArray[np.intp], n: int
) -> dict[str, NDArray[np.generic]]:
    """Add up events and exposure of all rows with the same covariates.

    With d events in a pattern, the fractions of them in each interval stand in for the one-hot
    basis of a single event: d x (fractions @ log_hazard) is the sum of the log hazards.
    """
    start, stop = _floats(columns["start"]), _floats(columns["stop"])
    weight = _floats(columns["weight"])
    event = weight * _floats(columns["event"])
    died = event > 0.0
    exposure = _sum_by(pattern, weight[:, None] * hazard.increment_basis(np, start, stop), n)
    basis = event[died, None] * hazard.log_hazard_basis(np, stop[died])
    events = np.bincount(pattern, event, minlength=n)
    counts = _sum_by(pattern[died], basis, n)
    total = np.bincount(pattern, weight * (stop - start), minlength=n)
    return {
        "increment_basis": exposure,
        "hazard_basis": counts / np.where(events > 0.0, events, 1.0)[:, None],
        "event": events,
        "exposure": np.ones(n),
        "start": np.zeros(n),
        "stop": total,
        "row_unit": np.arange(n, dtype=np.int64),
        "weight": np.ones(n),
        "exit_time": total,
    }


def _sum_by(index: NDArray[np.intp], values: Floats, n: int) -> Floats:
    sums = [np.bincount(index, column, minlength=n) for column in values.T]
    return np.stack(sums, axis=1)


def _centre_points(
    encoder: Encoder, data: Mapping[str, NDArray[np.generic]], rows: Columns
) -> dict[str, NDArray[np.generic]]:
    """Where the sampling coordinates and the baseline prior are anchored.

    `design_centre` (event-weighted mean) decorrelates the level from the coefficients;
    `design_reference` is the untreated average patient of the baseline prior.
    """
    design, event = _floats(data["design"]), _floats(data["event"])
    share = event / event.sum() if event.sum() > 0.0 else np.full(len(event), 1.0 / len(event))
    time = _floats(data["stop"])
    untreated = dict(rows)
    if encoder.spec.treatment is not None and encoder.spec.treatment in untreated:
        untreated[encoder.spec.treatment] = np.zeros(len(share))
    length = _floats(data["exposure"]) * (time - _floats(data["start"]))
    points: dict[str, NDArray[np.generic]] = {
        "design_centre": share @ design,
        "design_reference": length @ encoder.design(untreated) / length.sum(),
        "interval_share": share @ _floats(data["hazard_basis"]),
        "time_centre": np.asarray([np.average(np.log(np.maximum(time, 1e-3)), weights=time)]),
    }
    for term in encoder.spec.outcome.groups:
        estimate, information = crude_contrasts(
            data[f"{term.group}_index"].astype(np.int64),
            event,
            length,
            levels=len(encoder.levels[term.group]),
        )
        points[f"{term.group}_estimate"] = estimate
        points[f"{term.group}_information"] = information
    return points


def _column_sd(design: Floats, copies: Floats) -> Floats:
    """Standard deviation of each column when each row stands for as many as `copies` says."""
    share = copies / copies.sum()
    return np.asarray(np.sqrt(share @ (design - share @ design) ** 2), dtype=np.float64)


def _floats(values: NDArray[np.generic]) -> Floats:
    return np.asarray(values, dtype=np.float64)


ROWS: Final = "rows"
ROW_INDEX: Final = "row_index"
CENTRE_POINTS: Final = "centre_points"
UNPACKED: Final = frozenset({"weight", "exit_time"})
_POINTS: Final = frozenset(
    {"design_centre", "design_reference", "interval_share", "time_centre", "trend_places"}
)
_GROUP_POINTS: Final = ("_estimate", "_information")

Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Slot:
    """Where one array lies inside a packed one.

    Parameters
    ----------
    array : str
        Name of the packed array.
    first, last : int
        Its positions along the first axis, the last one excluded.
    ndim : int
        Dimensions of the original array: 2 for (rows, fields), 1 for (rows,) or a point.
    """

    array: str
    first: int
    last: int
    ndim: int


def pack(arrays: Arrays) -> tuple[dict[str, NDArray[np.generic]], dict[str, Slot]]:
    """Put row-wise numbers, row-wise indices and centre points into one array each.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        From `graph_arrays`.

    Returns
    -------
    packed : dict of str to ndarray
        ``rows`` of shape (fields, rows), ``row_index`` of shape (indices, rows),
        ``centre_points``, ``weight`` and ``exit_time``.
    slots : dict of str to Slot
        Where each array went.
    """
    parts: dict[str, list[NDArray[np.generic]]] = {ROWS: [], ROW_INDEX: [], CENTRE_POINTS: []}
    slots: dict[str, Slot] = {}
    for name, values in arrays.items():
        if name in UNPACKED:
            continue
        target = _target(name, values)
        part = values if target == CENTRE_POINTS else np.atleast_2d(values.T)
        first = sum(len(earlier) for earlier in parts[target])
        slots[name] = Slot(target, first, first + len(part), values.ndim)
        parts[target].append(part)
    packed = {target: np.ascontiguousarray(np.concatenate(p)) for target, p in parts.items()}
    return packed | {name: arrays[name] for name in UNPACKED}, slots


def _target(name: str, values: NDArray[np.generic]) -> str:
    if name in _POINTS or name.endswith(_GROUP_POINTS):
        return CENTRE_POINTS
    return ROW_INDEX if np.issubdtype(values.dtype, np.integer) else ROWS
