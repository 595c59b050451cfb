"""Patients who live long, treated at random times: few deaths beside a prior median that is short.

The hazard of a patient with standardised covariate x is h0(t) exp(0.4 x + b A(t)) with h0 = 0.020,
0.011 and 0.007 a month before month 6, before month 24 and later; treatment starts at an
exponential time (mean 20 months) that has nothing to do with the patient. Follow-up ends at a
uniform time.
`maximum_likelihood` is Cox's partial likelihood with the baseline in intervals, by Newton's method.
Imports nothing of the package.
"""

import numpy as np
import pandas as pd

EFFECT = -0.2
EDGES = np.array([0.0, 6.0, 24.0, np.inf])
HAZARD = np.array([0.020, 0.011, 0.007])


def cohort(patients: int, seed: int, *, effect: float = EFFECT) -> pd.DataFrame:
    """Return one row a patient: id, x, start of treatment, months, death."""
    rng = np.random.default_rng(seed)
    x, start = rng.normal(size=patients), rng.exponential(20.0, patients)
    end, spent = rng.uniform(20.0, 110.0, patients), rng.exponential(size=patients)
    times = [_time(*one, effect=effect) for one in zip(spent / np.exp(0.4 * x), start, strict=True)]
    death = np.asarray(times) <= end
    months = np.where(death, times, end)
    return pd.DataFrame(
        {
            "id": [f"p{number}" for number in range(patients)],
            "x": x,
            "start": np.where(start < months, start, np.nan),
            "months": months,
            "death": death.astype(int),
        }
    )


def _time(target: float, start: float, *, effect: float) -> float:
    """Return when a cumulative hazard is spent, piece by piece."""
    cuts = np.unique(np.append(EDGES[:-1], start))
    pieces = HAZARD[np.searchsorted(EDGES, cuts, side="right") - 1]
    pieces = pieces * np.where(cuts >= start, np.exp(effect), 1.0)
    before = np.concatenate([[0.0], np.cumsum(pieces[:-1] * np.diff(cuts))])
    piece = np.searchsorted(before, target, side="right") - 1
    return float(cuts[piece] + (target - before[piece]) / pieces[piece])


def quantile_cuts(frame: pd.DataFrame, intervals: int) -> list[float]:
    """Return inner cuts with about as many deaths in each interval."""
    deaths = frame.loc[frame.death == 1, "months"]
    return np.quantile(deaths, np.arange(1, intervals) / intervals).round(2).tolist()


def maximum_likelihood(frame: pd.DataFrame, cuts: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return log hazard ratios of treatment and x, and their standard errors."""
    start, stop, event, design = rows(frame)
    low, high = np.append(0.0, cuts), np.append(cuts, np.inf)
    exposure = np.clip(stop[:, None], low, high) - np.clip(start[:, None], low, high)
    deaths = event[:, None] * ((stop[:, None] > low) & (stop[:, None] <= high))
    found, total = np.zeros(2), deaths.sum(axis=0)
    for _ in range(60):
        weight = np.exp(design @ found)[:, None] * exposure
        share = weight * (total / weight.sum(axis=0))
        score = design.T @ (deaths.sum(axis=1) - share.sum(axis=1))
        mean = design.T @ share
        within = mean / np.maximum(total, 1e-300) * (total > 0)
        information = (design.T * share.sum(axis=1)) @ design - mean @ within.T
        found = found + np.linalg.solve(information, score)
    return found, np.sqrt(np.diag(np.linalg.inv(information)))


def rows(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return start, stop, event and (treated, x) of person-time before and after the start."""
    begun = frame[frame.start.notna()]
    start = np.concatenate([np.zeros(len(frame)), begun.start])
    stop = np.concatenate([frame.start.fillna(frame.months), begun.months])
    event = np.concatenate([frame.death * frame.start.isna(), begun.death])
    treated = np.repeat([0.0, 1.0], [len(frame), len(begun)])
    return start, stop, event, np.column_stack([treated, np.concatenate([frame.x, begun.x])])
