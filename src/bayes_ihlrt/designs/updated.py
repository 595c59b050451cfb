"""Cut the rows of a cohort where covariates change at visits."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.data.starts import follow_up
from bayes_ihlrt.data.values import covariates_at, visits_of
from bayes_ihlrt.designs.decisions import check_known
from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.designs.rows import cut


def update_rows(
    cohort: Cohort, rows: Columns, names: Collection[str]
) -> dict[str, NDArray[np.generic]]:
    """Cut rows at the visits at which covariates were measured, and where they switch.

    Parameters
    ----------
    cohort : Cohort
        The cohort, with visits.
    rows : mapping of str to ndarray, shape (rows,)
        Its columns.
    names : collection of str
        Covariates that change; with none of them the rows stay as they are.

    Returns
    -------
    dict of str to ndarray
        Each piece with the covariates known at its start, and the age of those measured.

    Raises
    ------
    DataError
        A covariate is not known at the beginning of a row.
    """
    if cohort.visits is None or not names:
        return dict(rows)
    known = follow_up(cohort.columns)
    patient, time = _changes(cohort, names)
    pieces, parent = cut(rows, known.row_patient, patient=patient, time=time)
    who = known.row_patient[parent]
    values = covariates_at(cohort, who, pieces["start"], names=list(names))
    check_known(cohort, values, known.patients[who], pieces["start"])
    return {**{name: column[parent] for name, column in rows.items()}, **pieces, **values}


def _changes(
    cohort: Cohort, names: Collection[str]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    if cohort.visits is None:
        message = "a cohort without visits has no covariates that change at them"
        raise AssertionError(message)
    visits, (row, who) = cohort.visits, visits_of(cohort)
    patients, times = [], []
    measured = [name for name in names if name in visits.measured]
    if measured:
        seen = np.any([~np.isnan(visits.columns[name][row]) for name in measured], axis=0)
        patients.append(who[seen])
        times.append(visits.columns["time"][row][seen])
    _, first = np.unique(follow_up(cohort.columns).row_patient, return_index=True)
    for name in names:
        if name in visits.switches:
            at = cohort.columns[visits.switches[name]][first]
            patients.append(np.flatnonzero(np.isfinite(at)))
            times.append(at[np.isfinite(at)])
    patient, time = np.concatenate(patients), np.concatenate(times)
    keys = np.unique(np.stack([patient.astype(np.float64), time]), axis=1)
    return keys[0].astype(np.intp), keys[1]
