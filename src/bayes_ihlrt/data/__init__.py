"""Floor 1: cohorts as they come from files, checked, in months; packaged data sets."""

from bayes_ihlrt.data.cohort import Cohort, load_cohort
from bayes_ihlrt.data.schema import DataSpec, TreatmentSpec
from bayes_ihlrt.data.validate import SparseEventsWarning, warn_if_sparse
from bayes_ihlrt.data.visits import Visits
from bayes_ihlrt.data.visits_spec import VisitsSpec

__all__ = [
    "Cohort",
    "DataSpec",
    "SparseEventsWarning",
    "TreatmentSpec",
    "Visits",
    "VisitsSpec",
    "load_cohort",
    "warn_if_sparse",
]
