"""Treatment without effect that starts at random, and hazards that bend where a Weibull cannot.

Truth: the log hazard ratio of treatment is 0 for everybody at every time, and the months gained
are 0, because treatment enters the hazard of death nowhere. It starts at a constant rate whatever
happens to the patient, so nothing confounds it but time: whoever is treated has lived for a while,
and a baseline hazard that cannot bend credits the change in hazard to treatment.

Death has a piecewise constant hazard, drawn exactly by inversion; follow-up ends at random between
24 and 48 months. Nothing of the package is imported.
"""

from typing import Final, NamedTuple

import numpy as np
import pandas as pd

TRUE_LOG_HR: Final = 0.0
TRUE_MONTHS_GAINED: Final = 0.0
START_RATES: Final = (0.05, 0.15)
"""Starts of treatment a month and patient at risk of it."""


class Shape(NamedTuple):
    """A piecewise constant hazard of death: one rate a month more than there are cuts, months."""

    rates: tuple[float, ...]
    cuts: tuple[float, ...]


SHAPES: Final = {
    "constant": Shape((0.04,), ()),
    "high at first": Shape((0.15, 0.04, 0.02), (2.0, 8.0)),
    "bathtub": Shape((0.06, 0.01, 0.05), (4.0, 14.0)),
    "late fall": Shape((0.05, 0.05, 0.01), (12.0, 18.0)),
}


def cohort(
    patients: int, seed: int, *, shape: str = "high at first", start_rate: float = 0.15
) -> pd.DataFrame:
    """Return one row a patient: ``id``, ``months``, ``death``, ``treated_months`` (NaN: never)."""
    rng = np.random.default_rng(seed)
    found = SHAPES[shape]
    death = _time_at(rng.exponential(size=patients), found)
    start = rng.exponential(1.0 / start_rate, patients)
    end = rng.uniform(24.0, 48.0, patients)
    months = np.minimum(death, end)
    return pd.DataFrame(
        {
            "id": [f"p{number}" for number in range(patients)],
            "months": months,
            "death": (death <= end).astype(int),
            "treated_months": np.where(start < months, start, np.nan),
        }
    )


def weibull_cohort(
    patients: int, seed: int, *, shape: float = 0.8, start_rate: float = 0.05
) -> pd.DataFrame:
    """Return the same columns where a Weibull is true: median survival 16 months."""
    rng = np.random.default_rng(seed)
    death = 16.0 * (rng.exponential(size=patients) / np.log(2.0)) ** (1.0 / shape)
    start = rng.exponential(1.0 / start_rate, patients)
    end = rng.uniform(24.0, 48.0, patients)
    months = np.minimum(death, end)
    return pd.DataFrame(
        {
            "id": [f"p{number}" for number in range(patients)],
            "months": months,
            "death": (death <= end).astype(int),
            "treated_months": np.where(start < months, start, np.nan),
        }
    )


def _time_at(target: np.ndarray, shape: Shape) -> np.ndarray:
    """Return when the cumulative hazard reaches a target, months."""
    edges = np.asarray((0.0, *shape.cuts))
    spent = np.concatenate([[0.0], np.cumsum(np.diff(edges) * np.asarray(shape.rates[:-1]))])
    piece = np.searchsorted(spent, target, side="right") - 1
    return edges[piece] + (target - spent[piece]) / np.asarray(shape.rates)[piece]
