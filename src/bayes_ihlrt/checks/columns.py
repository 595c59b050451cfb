"""Periods and strata as columns of the rows: where events are compared with expected events.

Every column is known before what happens in its row, as `score` needs it.
"""

from dataclasses import dataclass
from itertools import pairwise, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.checks.hazard_terms import column, cut_at, middle
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.model.build import interval_labels
from bayes_ihlrt.model.modifier_form import modifier_values

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
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
    names = [f"{modifier.name} up to {edges[0]:.3g}"]
    names += [f"{modifier.name} {low:.3g}-{high:.3g}" for low, high in pairwise(edges)]
    return group.astype(np.intp), (*names, f"{modifier.name} above {edges[-1]:.3g}")
