"""Clones with time in the propensity run; their population is everybody where none is written."""

import numpy as np
import pandas as pd

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.errors import InputError
from bayes_ihlrt.spec.read import parse_spec
from bayes_ihlrt.weighted.adjusted import prepare_adjusted
from validation.examination.row import Row

SPECIFICATION = """
schema = 2
name = "ccw"
[data]
patient = "id"
time = "os"
event = "death"
[treatment]
name = "trt"
start = "tace"
design = "clone-censor-weight"
grace = 6.0
[visits]
every = 1.0
[propensity]
formula = "albi + time"
[outcome]
formula = "trt"
"""


def cohort(patients: int = 60, seed: int = 1) -> pd.DataFrame:
    """Return a cohort in which treatment starts at random times."""
    rng = np.random.default_rng(seed)
    death, end = rng.exponential(15.0, patients), rng.uniform(10.0, 30.0, patients)
    start = rng.exponential(15.0, patients)
    time = np.minimum(death, end)
    return pd.DataFrame(
        {
            "id": [f"p{number:02d}" for number in range(patients)],
            "os": time,
            "death": (death <= end).astype(int),
            "tace": np.where(start < time, start, np.nan),
            "albi": rng.normal(-2.4, 0.4, patients),
        }
    )


def rows() -> list[Row]:
    """Return whether a specification without an estimand is read, checked and bound alike."""
    spec = parse_spec(SPECIFICATION)
    checked = check_analysis(spec, cohort())
    try:
        bound = prepare_adjusted(checked.propensity.emulation, spec.model, spec.propensity)
        after = f"check and fit agree: {', '.join(bound.grace.encoder.columns)} at time zero"
    except InputError as error:
        after = f"check passes, fit refuses: {error}"
    right = after.startswith("check and fit")
    return [
        Row(
            *("11", "clones with `time` in a propensity at time zero", "check and fit agree"),
            *("check passes, fit refuses", after, "-", "right" if right else "wrong"),
        ),
        Row(
            *("11", "clones without `estimand`", "everybody (ate)", "pydantic's error"),
            *(spec.propensity.estimand.value, "-"),
            "right" if spec.propensity.estimand.value == "ate" else "wrong",
        ),
    ]
