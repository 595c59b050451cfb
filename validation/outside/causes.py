"""Death of tumour or of liver failure, and a treatment that trades the one for the other.

Truth: the hazard of death of tumour is a Weibull that treatment lowers, the more the higher the
NLR; that of liver failure is constant, hangs on hepatic reserve (ALBI), and treatment raises it.
Treatment starts at a rate that hangs on hepatic reserve, which both formulas hold. Times are drawn
exactly by inversion; follow-up ends at random between 18 and 48 months. True incidence and months
lost of the same patients come from sums over a fine grid of time. Nothing of the package is
imported.
"""

from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SHAPE: Final = 1.2
TUMOUR: Final = {"level": -3.9, "treated": -0.6, "nlr": 0.4, "product": -0.2, "albi": 0.3}
LIVER: Final = {"level": -4.6, "treated": 0.5, "albi": 0.9}
_START: Final = {"level": -2.6, "albi": -0.6}
_STEPS: Final = 2_400
"""Of the grid up to the horizon: a hundredth of a month of 24."""
CAUSES: Final = ("tumour", "liver")


class Truth(NamedTuple):
    """Averages over patients, by cause in the order of `CAUSES`.

    Parameters
    ----------
    incidence : ndarray, shape (2,)
        Probability of death of each cause by the horizon.
    lost : ndarray, shape (2,)
        Months lost to each cause up to it.
    """

    incidence: Floats
    lost: Floats


def cohort(patients: int, seed: int) -> pd.DataFrame:
    """Return one row a patient: ``id, months, cause`` (0, 1, 2), ``treated_months, nlr, albi``."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "nlr": np.exp(rng.normal(np.log(2.7), 0.55, patients)),
            "albi": rng.normal(-2.4, 0.4, patients),
        }
    )
    start = rng.exponential(np.exp(-_START["level"] - _START["albi"] * (frame["albi"] + 2.4)))
    died = [
        _time(rng.exponential(size=patients), *_rates(frame, cause), power, np.asarray(start))
        for cause, power in ((0, SHAPE), (1, 1.0))
    ]
    end = rng.uniform(18.0, 48.0, patients)
    months = np.minimum(np.minimum(*died), end)
    cause = np.select([months == died[0], months == died[1]], [1, 2], 0)
    frame.insert(0, "id", [f"p{number}" for number in range(patients)])
    return frame.assign(
        months=months, cause=cause, treated_months=np.where(start < months, start, np.nan)
    )


def true_of(frame: pd.DataFrame, *, treated: bool, horizon: float) -> Truth:
    """Return what becomes of these patients, treated from time zero on or never."""
    edges = np.linspace(0.0, horizon, _STEPS + 1)
    middle = (edges[1:] + edges[:-1]) / 2.0
    rates = [_rates(frame, cause)[1 if treated else 0] for cause in (0, 1)]
    spent = rates[0][:, None] * edges**SHAPE + rates[1][:, None] * edges
    # What leaves in a step is divided among the causes by their hazards in its middle.
    leaves = np.exp(-spent[:, :-1]) - np.exp(-spent[:, 1:])
    hazard = rates[0][:, None] * SHAPE * middle ** (SHAPE - 1.0)
    share = hazard / (hazard + rates[1][:, None])
    parts = [(leaves * part).mean(axis=0) for part in (share, 1.0 - share)]
    return Truth(
        np.array([part.sum() for part in parts]),
        np.array([(part * (horizon - middle)).sum() for part in parts]),
    )


def _rates(frame: pd.DataFrame, cause: int) -> tuple[Floats, Floats]:
    """Rate of the cumulative hazard of one cause, untreated and treated."""
    albi, z = np.asarray(frame["albi"]) + 2.4, np.log2(np.asarray(frame["nlr"]) / 3.0)
    if cause == 1:
        eta, effect = LIVER["level"] + LIVER["albi"] * albi, np.full(len(albi), LIVER["treated"])
    else:
        eta = TUMOUR["level"] + TUMOUR["nlr"] * z + TUMOUR["albi"] * albi
        effect = TUMOUR["treated"] + TUMOUR["product"] * z
    return np.exp(eta), np.exp(eta + effect)


def _time(target: Floats, before: Floats, after: Floats, power: float, start: Floats) -> Floats:
    """Return when the cumulative hazard, whose rate changes at a start, reaches a target."""
    spent = before * start**power
    late = start**power + np.maximum(target - spent, 0.0) / after
    return np.where(target < spent, target / before, late) ** (1.0 / power)
