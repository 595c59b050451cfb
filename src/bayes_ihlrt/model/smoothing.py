"""When events happened, and how much they say of a walk's steps."""

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.names import LAST_FREE

Floats = NDArray[np.float64]


def event_times(rows: PersonTime) -> tuple[Floats, int]:
    """Return when events happened, and how many different ones.

    Parameters
    ----------
    rows : PersonTime
        Rows, months.

    Returns
    -------
    times : ndarray, shape (event rows,)
        Months; a patient's event stands in several rows where trials or clones overlap. The middle
        of two scans between which it happened.
    events : int
        Patients with an event.
    """
    died = rows.columns["event"].astype(np.float64) == 1.0
    times = rows.columns["stop"][died].astype(np.float64)
    if LAST_FREE in rows.columns:
        # What lies between scans is most likely found half-way; cuts and knots need no better.
        free = rows.columns[LAST_FREE][died].astype(np.float64)
        times = np.where(np.isfinite(free), (free + times) / 2.0, times)
    return times, len(np.unique(rows.patient_index[died]))


def walk_information(event: Floats, pieces: int) -> Floats:
    """Return about how much the data say of the difference between two neighbouring pieces.

    With d events in each piece, log hazards have variance 1 / d and their difference 2 / d.

    Parameters
    ----------
    event : ndarray
        Events of the rows, weighted.
    pieces : int
        Number of pieces.

    Returns
    -------
    ndarray, shape (1,)
        Inverse variance.

    Examples
    --------
    >>> walk_information(np.ones(60), 6).tolist()
    [5.0]
    """
    return np.asarray([event.sum() / (2.0 * max(pieces, 1))])
