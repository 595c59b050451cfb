"""What a result says of the data it rests on: counts, fingerprints, what patients are called."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.data.fingerprint import follow_up_fingerprint
from bayes_ihlrt.data.numbering import patient_labels
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.names import Identifiers


def data_summary(cohort: Cohort, rows: PersonTime) -> dict[str, Any]:
    """Return the counts of a cohort and its fingerprint.

    Parameters
    ----------
    cohort : Cohort
        The data.
    rows : PersonTime
        The rows that the design made of them.

    Returns
    -------
    dict
        ``patients, rows, events, months, fingerprint, follow_up`` (fingerprint of patients, times
        and events alone), ``name, synthetic, dropped``, `patient_labels`.
    """
    length = _floats(rows.columns["stop"]) - _floats(rows.columns["start"])
    return {
        "patients": len(rows.patients),
        "rows": rows.n_rows,
        "events": rows.events,
        "months": float(length.sum()),
        "fingerprint": cohort.fingerprint,
        "follow_up": follow_up_fingerprint(cohort.columns),
        "name": cohort.attrs.get("name"),
        "synthetic": bool(cohort.attrs.get("synthetic", False)),
        "patient_labels": patient_labels(cohort),
        "dropped": {**cohort.dropped, **rows.provenance.dropped},
    }


def identified(cohort: Cohort) -> list[str]:
    """Return that results call patients by their identifiers, where the user asked for it.

    Parameters
    ----------
    cohort : Cohort
        The data.

    Returns
    -------
    list of str
        One sentence or none.
    """
    if cohort.identifiers is not Identifiers.EVERYWHERE:
        return []
    return [
        "IDENTIFIERS KEPT: results and files call patients by the identifiers of the data file; "
        "they are not to be passed on."
    ]


def _floats(values: NDArray[np.generic]) -> NDArray[np.float64]:
    return values.astype(np.float64)
