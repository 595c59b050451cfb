"""How many patients weighted person-time is worth, and the rows at which they enter it."""

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import PersonTime

Floats = NDArray[np.float64]


def entry_rows(rows: PersonTime, arm: Floats) -> NDArray[np.bool_]:
    """Return at which rows somebody enters follow-up: once a patient, trial, clone and arm.

    Parameters
    ----------
    rows : PersonTime
        Rows of a design.
    arm : ndarray, shape (rows,)
        Whether each row is treated, 0/1.

    Returns
    -------
    ndarray of bool, shape (rows,)
        True in the first row of each.
    """
    columns = rows.columns
    keys = [rows.patient_index.astype(np.float64)]
    keys += [columns[name].astype(np.float64) for name in ("trial", "clone") if name in columns]
    # Who is treated between two visits may have been a control of the same trial before.
    keys += [arm]
    order = np.lexsort((columns["start"].astype(np.float64), *keys))
    stacked = np.stack(keys)[:, order]
    new = np.concatenate([[True], (np.diff(stacked, axis=1) != 0.0).any(axis=0)])
    first = np.empty(len(order), dtype=bool)
    first[order] = new
    return first


def effective_patients(rows: PersonTime, arm: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the effective number of untreated and of treated patients.

    (sum v_i)^2 / sum v_i^2 over patients, v_i being the average weight of the patient's months in
    the arm, over all trials.

    Parameters
    ----------
    rows : PersonTime
        Rows of a design.
    arm : ndarray, shape (rows,)
        Whether each row is treated, 0/1.
    weights : ndarray, shape (draws, rows)
        Row weights.

    Returns
    -------
    tuple of ndarray, each of shape (draws,)
        Effective numbers in the untreated and in the treated arm.
    """
    patient = rows.patient_index
    months = rows.columns["stop"].astype(np.float64) - rows.columns["start"].astype(np.float64)
    sizes = []
    for side in (0.0, 1.0):
        own = np.flatnonzero(arm == side)
        first = np.flatnonzero(np.diff(patient[own], prepend=-1))
        total = np.add.reduceat(weights[:, own] * months[own], first, axis=1)
        average = total / np.add.reduceat(months[own], first)
        sizes.append(average.sum(axis=1) ** 2 / np.square(average).sum(axis=1))
    return sizes[0], sizes[1]
