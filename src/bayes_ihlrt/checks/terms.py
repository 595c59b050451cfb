"""What a model says of rows of person-time, draw by draw, and periods and strata as their columns.

Along the columns events are compared with expected events. Every column is known before what
happens in its row, as `score` needs it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.calibration.simulate import linear_predictor
from bayes_ihlrt.designs.person_time import PersonTime, cut, floats
from bayes_ihlrt.hazards.piecewise import interval_labels
from bayes_ihlrt.model.arrays import graph_arrays
from bayes_ihlrt.model.predictor import modifier_values
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.names import PropensityUncertainty
from bayes_ihlrt.posterior.fitted import FittedModel

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
type Values = Mapping[str, Floats]
_ELEMENTS: Final = 4_000_000
"""Draws x rows that are held at a time."""


@dataclass(frozen=True, eq=False)
class HazardTerms:
    """Draws of a model's hazard at some rows.

    Parameters
    ----------
    log_hazard : ndarray, shape (draws, rows)
        Log hazard per month at the end of each row, covariates and group effects included.
    expected : ndarray, shape (draws, rows)
        Cumulative hazard over each row: the number of events to be expected in it.
    """

    log_hazard: Floats
    expected: Floats


def parameter_names(prepared: PreparedModel) -> tuple[str, ...]:
    """Return the parameters that a hazard is made from, and the scales of its groups.

    Parameters
    ----------
    prepared : PreparedModel
        The model.

    Returns
    -------
    tuple of str
        Coefficients, baseline, group scales and effects.
    """
    groups: list[str] = []
    for term in prepared.spec.outcome.groups:
        groups += [f"sd_{term.group}", f"{term.group}_effect"]
        if term.slope is not None:
            groups.append(f"{term.group}_effect:{term.slope}")
    return (*prepared.encoder.columns, *prepared.hazard.parameters, *groups)


def values_of(fit: FittedModel) -> dict[str, Floats]:
    """Return all draws of the parameters that a hazard is made from.

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    dict of str to ndarray, shape (draws, ...)
        By `parameter_names`.
    """
    return {name: fit.draws(name) for name in parameter_names(fit.prepared)}


def is_weighted(fit: FittedModel) -> bool:
    """Return whether rows are weighted or the draws come from a weighted analysis.

    Parameters
    ----------
    fit : FittedModel
        The model.

    Returns
    -------
    bool
        True where the draws are no posterior given single patients.
    """
    engine = fit.tree.attrs.get("engine")
    weighted = bool((column(fit.person_time, "weight") != 1.0).any())
    return weighted or engine in set(PropensityUncertainty)


def by_rows(prepared: PreparedModel, person_time: PersonTime) -> PreparedModel:
    """Return a model bound to rows, whatever it was reduced to before.

    Parameters
    ----------
    prepared : PreparedModel
        The model, with its encoding and hazard.
    person_time : PersonTime
        The rows.

    Returns
    -------
    PreparedModel
        The same encoding, hazard and priors; the arrays are those of the rows.
    """
    arrays = graph_arrays(prepared.encoder, prepared.hazard, person_time, reduce=False)
    return replace(prepared, arrays=arrays)


def hazard_terms(bound: PreparedModel, values: Values) -> HazardTerms:
    """Return log hazard and cumulative hazard of every row for every draw.

    Parameters
    ----------
    bound : PreparedModel
        A model bound to rows by `by_rows`.
    values : mapping of str to ndarray, shape (draws, ...)
        Parameters by name.

    Returns
    -------
    HazardTerms
        Without the rows' weights.
    """
    data, hazard = bound.arrays.data, bound.hazard
    theta = {name: values[name] for name in hazard.parameters}
    draws, rows = len(next(iter(theta.values()))), len(data["row_unit"])
    eta = np.broadcast_to(linear_predictor(bound, values), (draws, rows))
    log_hazard = np.asarray(hazard.log_hazard(np, data["hazard_basis"], theta)) + eta
    increment = np.asarray(hazard.cumulative_hazard(np, data["increment_basis"], theta))
    return HazardTerms(log_hazard, np.exp(eta) * increment)


def in_parts(values: Values, *, rows: int) -> Iterable[tuple[slice, Values]]:
    """Yield draws in parts, so that what is computed of each row stays small.

    Parameters
    ----------
    values : mapping of str to ndarray, shape (draws, ...)
        Parameters by name.
    rows : int
        Rows that each draw is applied to.

    Yields
    ------
    part : slice
        Which draws.
    values : mapping of str to ndarray
        Those draws.
    """
    draws = len(next(iter(values.values())))
    step = max(1, _ELEMENTS // max(rows, 1))
    for first in range(0, draws, step):
        part = slice(first, min(first + step, draws))
        yield part, {name: array[part] for name, array in values.items()}


def cut_person_time(person_time: PersonTime, *, patient: Ints, time: Floats) -> PersonTime:
    """Cut rows at times of their patients.

    Parameters
    ----------
    person_time : PersonTime
        Rows.
    patient : ndarray of int, shape (cuts,)
        Number of the patient that each cut belongs to.
    time : ndarray, shape (cuts,)
        Months.

    Returns
    -------
    PersonTime
        The same follow-up in more rows.
    """
    order = np.lexsort((time, patient))
    columns = person_time.columns
    pieces, parent = cut(
        columns, person_time.patient_index, patient=patient[order], time=time[order]
    )
    rows = {name: values[parent] for name, values in columns.items()}
    return PersonTime({**rows, **pieces}, person_time.provenance)


def cut_at(person_time: PersonTime, times: Iterable[float]) -> PersonTime:
    """Cut the rows of all patients at the same times.

    Parameters
    ----------
    person_time : PersonTime
        Rows.
    times : iterable of float
        Months.

    Returns
    -------
    PersonTime
        The same follow-up in more rows.
    """
    cuts = np.asarray(list(times), dtype=np.float64)
    count = len(person_time.patients)
    return cut_person_time(
        person_time, patient=np.repeat(np.arange(count), len(cuts)), time=np.tile(cuts, count)
    )


def middle(person_time: PersonTime) -> Floats:
    """Return the middle of each row in months: on one side of every cut.

    Ends may differ from a cut by rounding.

    Parameters
    ----------
    person_time : PersonTime
        Rows, cut where something changes.

    Returns
    -------
    ndarray, shape (rows,)
        Months.
    """
    return 0.5 * (column(person_time, "start") + column(person_time, "stop"))


def column(person_time: PersonTime, name: str) -> Floats:
    """Return a column of person-time as numbers, shape (rows,)."""
    return floats(person_time.columns[name])


_EVENTS_A_CELL: Final = 10
_PERIODS: Final = 6
_ALL: Final = "all patients"
LEVELS: Final = 2
"""Fewest periods, and the values of a column that is no number."""


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of pieces of person-time.

    Parameters
    ----------
    person_time : PersonTime
        The rows that were fitted, cut where a column changes.
    values : ndarray, shape (rows, columns)
        The columns.
    labels : tuple of str
        Their names.
    """

    person_time: PersonTime
    values: Floats
    labels: tuple[str, ...]


def event_quantiles(times: Floats, *, most: int = _PERIODS) -> tuple[float, ...]:
    """Return cut points between which there are about as many events, ten or more.

    Parameters
    ----------
    times : ndarray, shape (events,)
        Event times, months.
    most : int
        Periods at most.

    Returns
    -------
    tuple of float
        Inner cut points to one decimal, increasing; none with fewer than 20 events.

    Examples
    --------
    >>> event_quantiles(np.arange(1.0, 41.0), most=4)
    (10.5, 20.5, 30.5)
    """
    count = min(most, len(times) // _EVENTS_A_CELL)
    if count < LEVELS:
        return ()
    # Between two event times, so that no cut falls on one.
    inner = np.quantile(times, np.arange(1, count) / count, method="midpoint")
    cuts = np.unique(np.round(inner, 1))
    return tuple(cuts[(cuts > 0.0) & (cuts < times.max())].tolist())


def treated_rows(fit: FittedModel, person_time: PersonTime) -> NDArray[np.bool_] | None:
    """Return which rows are treated, shape (rows,); None in a model without treatment.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    person_time : PersonTime
        Its rows, or pieces of them.

    Returns
    -------
    ndarray of bool or None
        True where the treatment is 1.
    """
    name = fit.prepared.spec.treatment
    if name is None or name not in person_time.columns:
        return None
    return np.asarray(column(person_time, name) == 1.0)


def modifier_rows(fit: FittedModel, person_time: PersonTime) -> Floats | None:
    """Return the modifier of each row on the scale of the linear predictor, shape (rows,).

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    person_time : PersonTime
        Its rows, or pieces of them.

    Returns
    -------
    ndarray or None
        None in a model without modifier.
    """
    modifier = fit.prepared.spec.modifier
    if modifier is None:
        return None
    raw = column(person_time, modifier.column)
    return modifier_values(modifier, raw, fit.prepared.encoder.modifier_sd)


def hazard_columns(fit: FittedModel) -> Columns:
    """Return one column for each period of follow-up.

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    Columns
        Two to six periods with ten events or more each; one with fewer than 20 events.
    """
    cuts = event_quantiles(event_times_of(fit.person_time))
    pieces = cut_at(fit.person_time, cuts)
    period = np.searchsorted(np.asarray(cuts), middle(pieces))
    labels = tuple(f"months {label}" for label in interval_labels(cuts)) if cuts else ("all",)
    return Columns(pieces, np.eye(len(cuts) + 1)[period], labels)


def event_times_of(person_time: PersonTime) -> Floats:
    """Return the event times, months, shape (events,).

    Parameters
    ----------
    person_time : PersonTime
        Rows.

    Returns
    -------
    ndarray
        In the order of the rows.
    """
    times: Floats = column(person_time, "stop")[column(person_time, "event") == 1.0]
    return times


def strata(fit: FittedModel, person_time: PersonTime) -> tuple[Ints, tuple[str, ...]]:
    """Return the stratum of each row: treatment state and group of the modifier.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    person_time : PersonTime
        Its rows, or pieces of them.

    Returns
    -------
    stratum : ndarray of int, shape (rows,)
        Number of the stratum.
    labels : tuple of str
        Names of the strata, e.g. ``"treated, nlr 2.1-3.9"``.
    """
    treated = treated_rows(fit, person_time)
    arms = ("untreated", "treated") if treated is not None else ()
    arm = np.zeros(person_time.n_rows, np.intp) if treated is None else treated.astype(np.intp)
    group, names = _modifier_groups(fit, person_time)
    if not arms and not names:
        return np.zeros(person_time.n_rows, np.intp), (_ALL,)
    pairs = product(arms or ("",), names or ("",))
    labels = tuple(", ".join(part for part in pair if part) for pair in pairs)
    return arm * max(len(names), 1) + group, labels


def cell_columns(fit: FittedModel) -> Columns:
    """Return one column for each stratum and period.

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    Columns
        Treatment state x group of the modifier x period.
    """
    times = event_times_of(fit.person_time)
    _, groups = strata(fit, fit.person_time)
    cuts = event_quantiles(times, most=max(1, len(times) // (_EVENTS_A_CELL * len(groups))))
    pieces = cut_at(fit.person_time, cuts)
    stratum, names = strata(fit, pieces)
    period = np.searchsorted(np.asarray(cuts), middle(pieces))
    periods = [f", months {label}" for label in interval_labels(cuts)] if cuts else [""]
    labels = tuple(f"{name}{label}" for name, label in product(names, periods))
    return Columns(pieces, np.eye(len(labels))[stratum * len(periods) + period], labels)


def _modifier_groups(fit: FittedModel, person_time: PersonTime) -> tuple[Ints, tuple[str, ...]]:
    """Halves of the patients by the modifier, thirds where there are 90 events or more."""
    modifier = fit.prepared.spec.modifier
    if modifier is None:
        return np.zeros(person_time.n_rows, np.intp), ()
    rows = fit.person_time
    first = np.flatnonzero(np.diff(rows.patient_index, prepend=-1))
    own = column(rows, modifier.column)[first]
    count = 3 if len(event_times_of(rows)) >= 9 * _EVENTS_A_CELL else 2
    edges = np.unique(np.quantile(own, np.arange(1, count) / count))
    group = np.searchsorted(edges, column(person_time, modifier.column), side="left")
    called = fit.prepared.spec.labels.of(modifier.name)
    names = [f"{called} up to {edges[0]:.3g}"]
    names += [f"{called} {low:.3g}-{high:.3g}" for low, high in pairwise(edges)]
    return group.astype(np.intp), (*names, f"{called} above {edges[-1]:.3g}")
