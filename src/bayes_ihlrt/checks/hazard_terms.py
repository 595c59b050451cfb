"""What a model says of rows, draw by draw: log hazard at their end, cumulative hazard over them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.checks.generator import linear_predictor
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.designs.rows import cut, floats
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.model.arrays import graph_arrays
from bayes_ihlrt.model.build import PreparedModel

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
