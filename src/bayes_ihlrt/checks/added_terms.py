"""Terms that a model may lack, as columns of the rows: interactions, squares, periods, entry.

Every column is known before what happens in its row, as `score` needs it. A column with two values
is 0 and 1, another is standardised over patients, so that a coefficient of log 2 is a doubling.
"""

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.checks.columns import (
    LEVELS,
    Columns,
    event_quantiles,
    event_times_of,
    modifier_rows,
    treated_rows,
)
from bayes_ihlrt.checks.hazard_terms import column, cut_at, cut_person_time, middle
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.model.build import interval_labels

Floats = NDArray[np.float64]


def interaction_columns(fit: FittedModel) -> Columns | None:
    """Return treatment x modifier; where the model holds it, treatment x its square.

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    Columns or None
        None without treatment or modifier.
    """
    rows = fit.person_time
    treated, modifier = treated_rows(fit, rows), modifier_rows(fit, rows)
    spec = fit.prepared.spec
    if treated is None or modifier is None or spec.modifier is None:
        return None
    pair = {str(spec.treatment), spec.modifier.name}
    linear = any(set(term) == pair for term in spec.outcome.parsed.terms)
    z = _standardised(rows, modifier)
    name = f"{spec.treatment} x {spec.modifier.name}" + (" squared" if linear else "")
    values = treated * (_standardised(rows, z**2) if linear else z)
    return Columns(rows, values[:, None], (name,))


def square_columns(fit: FittedModel) -> Columns | None:
    """Return the square of every covariate that takes more than two values.

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    Columns or None
        None where there is no such covariate.
    """
    rows, encoder = fit.person_time, fit.prepared.encoder
    design = encoder.design(rows.columns)
    single = [j for j, name in enumerate(encoder.columns) if ":" not in name]
    many = [j for j in single if len(np.unique(design[:, j])) > LEVELS]
    if not many:
        return None
    squares = [_standardised(rows, _standardised(rows, design[:, j]) ** 2) for j in many]
    return Columns(
        rows, np.stack(squares, axis=1), tuple(f"{encoder.columns[j]} squared" for j in many)
    )


def since_start(fit: FittedModel) -> Columns | None:
    """Return one column for each period since the start of treatment.

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    Columns or None
        None without treatment, or with fewer than 20 events after its start.
    """
    rows = fit.person_time
    treated = treated_rows(fit, rows)
    if treated is None or not treated.any():
        return None
    start = np.full(len(rows.patients), np.inf)
    np.minimum.at(start, rows.patient_index[treated], column(rows, "start")[treated])
    died = treated & (column(rows, "event") == 1.0)
    cuts = event_quantiles((column(rows, "stop") - start[rows.patient_index])[died], most=3)
    if not cuts:
        return None
    ever = np.flatnonzero(np.isfinite(start))
    who, when = (
        np.repeat(ever, len(cuts)),
        np.tile(cuts, len(ever)) + np.repeat(start[ever], len(cuts)),
    )
    pieces = cut_person_time(rows, patient=who, time=when)
    elapsed = middle(pieces) - start[pieces.patient_index]
    period = np.searchsorted(np.asarray(cuts), elapsed)
    after = column(pieces, str(fit.prepared.spec.treatment))
    values = np.eye(len(cuts) + 1)[period] * after[:, None]
    labels = tuple(f"months {label} since start" for label in interval_labels(cuts))
    return Columns(pieces, values, labels)


def late_columns(fit: FittedModel) -> Columns | None:
    """Return every column of the design within the later half of the events.

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    Columns or None
        None without covariates, or with fewer than 20 events.
    """
    encoder = fit.prepared.encoder
    cuts = event_quantiles(event_times_of(fit.person_time), most=2)
    if not cuts or not encoder.columns:
        return None
    pieces = cut_at(fit.person_time, cuts)
    late = middle(pieces) > cuts[0]
    design = encoder.design(pieces.columns)
    values = [
        late * (each if set(np.unique(each)) <= {0.0, 1.0} else _standardised(pieces, each))
        for each in design.T
    ]
    labels = tuple(f"{name} after month {cuts[0]:g}" for name in encoder.columns)
    return Columns(pieces, np.stack(values, axis=1), labels)


def unobserved_columns(fit: FittedModel, observed_from: Floats) -> Columns:
    """Return the time before patients came under observation.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    observed_from : ndarray, shape (patients,)
        Months at which each patient came under observation.

    Returns
    -------
    Columns
        1 in the time that was counted although nobody could be seen to die in it.
    """
    count = len(observed_from)
    pieces = cut_person_time(fit.person_time, patient=np.arange(count), time=observed_from)
    before = middle(pieces) < observed_from[pieces.patient_index]
    return Columns(pieces, before[:, None].astype(np.float64), ("before observation began",))


def entry_columns(fit: FittedModel) -> Columns | None:
    """Return the entry time of each patient, standardised.

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    Columns or None
        None where everybody enters at the same time.
    """
    rows = fit.person_time
    entry = np.full(len(rows.patients), np.inf)
    np.minimum.at(entry, rows.patient_index, column(rows, "start"))
    if np.ptp(entry) == 0.0:
        return None
    values = _standardised(rows, entry[rows.patient_index])
    return Columns(rows, values[:, None], ("entry time",))


def centre_columns(fit: FittedModel, centre: str) -> Columns | None:
    """Return one column for each centre of a model that leaves centres out.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    centre : str
        Column of its rows that names the centre.

    Returns
    -------
    Columns or None
        None where the rows do not tell the centre, or there is one only.
    """
    rows = fit.person_time
    if centre not in rows.columns:
        return None
    names, number = np.unique(rows.columns[centre].astype(str), return_inverse=True)
    if len(names) < LEVELS:
        return None
    return Columns(rows, np.eye(len(names))[number], tuple(f"{centre} {name}" for name in names))


def _standardised(person_time: PersonTime, values: Floats) -> Floats:
    """Centre and scale by the first row of each patient."""
    first = np.flatnonzero(np.diff(person_time.patient_index, prepend=-1))
    sd = values[first].std()
    return np.asarray((values - values[first].mean()) / (sd if sd > 0.0 else 1.0))
