"""A cohort without the identifiers of its patients."""

from dataclasses import replace

from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.data.identifiers import renamed
from bayes_ihlrt.names import Identifiers

NUMBERS, IDENTIFIERS = "numbers", "identifiers"


def patient_labels(cohort: Cohort) -> str:
    """Return what the patients of a result are called.

    Parameters
    ----------
    cohort : Cohort
        As an analysis holds it.

    Returns
    -------
    str
        ``"numbers"``, in the order of the data file, or ``"identifiers"``.
    """
    return NUMBERS if cohort.identifiers is Identifiers.NOWHERE else IDENTIFIERS


def numbered(cohort: Cohort) -> Cohort:
    """Return a cohort with numbers for identifiers; itself where results may hold them.

    Parameters
    ----------
    cohort : Cohort
        The cohort.

    Returns
    -------
    Cohort
        ``patient`` is ``"1"``, ``"2"``, ... in the order of the file.

    Examples
    --------
    >>> from bayes_ihlrt.data.schema import DataSpec
    >>> data = DataSpec(patient="id", time="months", event="death")
    >>> frame = {"id": ["K7", "B2"], "months": [5.0, 2.0], "death": [1, 0]}
    >>> numbered(Cohort.from_frame(frame, data)).columns["patient"].tolist()
    ['1', '2']
    """
    if cohort.identifiers is not Identifiers.COHORT:
        return cohort
    patient = cohort.columns["patient"]
    # A cohort that was put together from columns does not know the order of a file.
    known = dict.fromkeys([*patient.tolist(), *cohort.dropped])
    numbers = cohort.numbers or {label: str(place) for place, label in enumerate(known, start=1)}
    visits = cohort.visits
    if visits is not None:
        visits = visits.relabelled(renamed(visits.columns["patient"], numbers))
    return replace(
        cohort,
        columns={**cohort.columns, "patient": renamed(patient, numbers)},
        dropped={numbers[label]: reason for label, reason in cohort.dropped.items()},
        visits=visits,
        identifiers=Identifiers.NOWHERE,
        numbers={},
    )
