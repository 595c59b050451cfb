"""External controls for tests: the patients of a packaged data set, as if none were treated."""

import pandas as pd

from bayes_ihlrt.analysis.external import check_external
from bayes_ihlrt.cohort.datasets import find_data
from bayes_ihlrt.spec.external import ExternalSpec


def untreated(name, spec):
    """Return the rows of a packaged data set without the columns of treatment."""
    path, _ = find_data(name)
    treatment = spec.treatment
    return pd.read_csv(path).drop(columns=[*treatment.starts] or [treatment.column])


def borrowing(data, **sizes):
    """Return external controls, each of whom counts as half a patient."""
    about = {"data": str(data), "justification": "alike", "borrow": "power", "power": 0.5}
    return ExternalSpec(**about, **sizes)


def external_of(checked, name, **sizes):
    """Return external controls that belong to a checked analysis."""
    spec = checked.spec.model_copy(update={"external": borrowing("others.csv", **sizes)})
    source = untreated(name, spec)
    return check_external(spec, checked.person_time, checked.prepared, source=source)
