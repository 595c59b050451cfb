"""Take what default priors are measured by from a cohort, once."""

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.data.cells import number_labels
from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.model.scales import PriorScales, rounded_months, time_zero


def with_scales(spec: AnalysisSpec, cohort: Cohort) -> AnalysisSpec:
    """Hold a cohort's scales in a specification, unless it holds some already.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    cohort : Cohort
        All of its patients.

    Returns
    -------
    AnalysisSpec
        Every variant of it, rung and refit has the same priors.
    """
    if spec.scales is not None:
        return spec
    return spec.model_copy(update={"scales": cohort_scales(cohort)})


def cohort_scales(cohort: Cohort) -> PriorScales:
    """Return the longest follow-up of a cohort, rounded, and its covariates at time zero.

    Parameters
    ----------
    cohort : Cohort
        The patients.

    Returns
    -------
    PriorScales
        What was first measured at a visit counts with its first value.
    """
    patient = number_labels(cohort.columns["patient"])
    found = time_zero(cohort.columns, patient)
    if cohort.visits is not None:
        found = _first_visits(cohort) | found
    longest = float(cohort.columns["stop"].max())
    return PriorScales(rounded_months(longest), found)


def _first_visits(cohort: Cohort) -> dict[str, NDArray[np.generic]]:
    """Return measurements at the first visits of all patients, where every patient has one."""
    visits = cohort.visits
    if visits is None:
        return {}
    patients = list(dict.fromkeys(cohort.columns["patient"].tolist()))
    seen = visits.columns["patient"].tolist()
    first = {patient: row for row, patient in reversed(list(enumerate(seen)))}
    if not set(patients) <= first.keys():
        return {}
    rows = [first[patient] for patient in patients]
    return {name: visits.columns[name][rows] for name in visits.measured if name in visits.columns}
