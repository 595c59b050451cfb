"""Treatment starts at random between visits, and its harm is early: who dies of it dies soon.

The hazard of death is 0.03 a month; treatment starts at a rate of 0.04 a month whatever is known of
the patient; in the first month after it the hazard is `factor` times as high. Follow-up ends
between 24 and 48 months.

Truth, months of life up to 24 from the start of treatment: closed form,

    treated  (1 - exp(-6 h)) / (6 h) + exp(-6 h) (1 - exp(-23 h)) / h,   h = 0.03,
    not      (1 - exp(-24 h)) / h,

a difference of -2.32 for `factor` 6. Hazards are not proportional, so a proportional model shows
something else, which depends on how long patients are followed: `proportional` fits a Weibull
proportional-hazards model by maximum likelihood to lives of which a fair coin decides at the time
of an actual start whether treatment happens, with the follow-up that is left. `limit` is what such
a model tends to under any follow-up, by quadrature: the maximum of

    sum over arms of  integral S(t) G(t) [h(t) log h*(t) - h*(t)] dt,

S and h being those of the arm, G the share still followed and h* the model's hazard. With `factor`
1 treatment changes nothing, and with two `hazards` who is left changes all the time.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

HAZARD: Final = 0.03
RATE: Final = 0.04
HARM: Final = 6.0
HORIZON: Final = 24.0

Floats = NDArray[np.float64]


def true_months(factor: float = HARM) -> float:
    """Return the difference in restricted mean time, treated minus untreated."""
    high, h = factor * HAZARD, HAZARD
    treated = (1 - np.exp(-high)) / high + np.exp(-high) * (1 - np.exp(-(HORIZON - 1) * h)) / h
    return float(treated - (1 - np.exp(-HORIZON * h)) / h)


def cohort(
    patients: int,
    seed: int,
    *,
    factor: float = HARM,
    hazards: tuple[float, float] = (HAZARD, HAZARD),
    rate: float = RATE,
) -> pd.DataFrame:
    """Draw a cohort: id, os (months), death, trt (months to the start, empty for never).

    Half of the patients have one hazard, half the other.
    """
    rng = np.random.default_rng(seed)
    need, start = rng.exponential(1.0, patients), rng.exponential(1.0 / rate, patients)
    hazard = np.where(rng.random(patients) < 0.5, *hazards)
    before = hazard * start
    life = np.where(need < before, need / hazard, start + _after(need - before, factor, hazard))
    end = rng.uniform(24.0, 48.0, patients)
    time = np.minimum(life, end)
    return pd.DataFrame(
        {
            "id": [f"p{number:06d}" for number in range(patients)],
            "os": time,
            "death": (life <= end).astype(int),
            "trt": np.where(start < time, start, np.nan),
        }
    )


def examined() -> pd.DataFrame:
    """Return the very file on which the harm was first seen to be missed: 8,000 patients."""
    patients = 8000
    rng = np.random.default_rng(4)
    need, start = rng.exponential(1.0, patients), rng.exponential(1.0 / RATE, patients)
    before = HAZARD * start
    life = np.where(need < before, need / HAZARD, start + _after(need - before, HARM))
    end = rng.uniform(24.0, 48.0, patients)
    time = np.minimum(life, end)
    return pd.DataFrame(
        {
            "id": [f"p{number:05d}" for number in range(patients)],
            "os": time,
            "death": (life <= end).astype(int),
            "trt": np.where(start < time, start, np.nan),
        }
    )


def proportional(
    lives: int = 1_000_000, seed: int = 1, *, factor: float = HARM
) -> tuple[float, float]:
    """Return the log hazard ratio and the months that a Weibull model shows in a fair trial."""
    rng = np.random.default_rng(seed)
    start = rng.exponential(1.0 / (HAZARD + RATE), 3 * lives)
    end = rng.uniform(24.0, 48.0, 3 * lives)
    left = (end - start)[start < end][:lives]
    treated = rng.random(lives) < 0.5
    need = rng.exponential(1.0, lives)
    life = np.where(treated, _after(need, factor), need / HAZARD)
    log_hr, shape, level = _weibull(np.minimum(life, left), life <= left, treated)
    grid = np.linspace(0.0, HORIZON, 4801)
    months = [
        np.trapezoid(np.exp(-np.exp(level + log_hr * arm) * grid**shape), grid) for arm in (1, 0)
    ]
    return log_hr, float(months[0] - months[1])


def left_at_starts(months: Floats) -> Floats:
    """Return the share followed for so long from a start: the follow-up of sequential trials.

    Starts come at the sum of both rates, closed by an end that is uniform between 24 and 48 months.
    """
    nodes, weights = np.polynomial.legendre.leggauss(64)
    end, rate = 36.0 + 12.0 * nodes, HAZARD + RATE
    left = -np.expm1(-rate * np.maximum(end - months[..., None], 0.0))
    return np.asarray((left * weights).sum(axis=-1) / (-np.expm1(-rate * end) * weights).sum())


def from_time_zero(months: Floats) -> Floats:
    """Return the share followed for so long from time zero."""
    return np.clip((48.0 - months) / 24.0, 0.0, 1.0)


def limit(
    followed: Callable[[Floats], Floats], *, until: float = 48.0, factor: float = HARM
) -> tuple[float, float]:
    """Return the log hazard ratio and months of a Weibull model of endless fair trials.

    `followed` gives the share still under observation, which ends by month `until`.
    """
    edges = [0.0, *np.geomspace(1e-6, 0.5, 12), *np.arange(1.0, until), until]
    t, weight = _nodes(np.array(edges))
    weight, log_time = weight * followed(t), np.log(t)
    true = [np.where(t < 1.0, high * HAZARD, HAZARD) for high in (1.0, factor)]
    alive = [np.exp(-HAZARD * (t + (f - 1.0) * np.minimum(t, 1.0))) for f in (1.0, factor)]

    def loss(x: Floats) -> float:
        total = 0.0
        for arm in (0, 1):
            log_hazard = x[0] + (np.exp(x[0]) - 1.0) * log_time + x[1] + x[2] * arm
            inside = true[arm] * log_hazard - np.exp(log_hazard)
            total += float((weight * alive[arm] * inside).sum())
        return -total

    options = {"xatol": 1e-9, "fatol": 1e-14, "maxiter": 10_000}
    x = minimize(loss, np.array([0.0, -3.0, 0.2]), method="Nelder-Mead", options=options).x
    u, width = _nodes(np.array([0.0, *np.geomspace(1e-6, 1.0, 12), *np.arange(2.0, HORIZON + 1)]))
    survival = [np.exp(-np.exp(x[1] + x[2] * arm) * u ** np.exp(x[0])) for arm in (1, 0)]
    return float(x[2]), float((width * (survival[0] - survival[1])).sum())


def _nodes(edges: Floats) -> tuple[Floats, Floats]:
    """Return nodes and weights of Gauss and Legendre between each two edges."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    half = np.diff(edges)[:, None] / 2.0
    return ((edges[:-1, None] + half) + half * nodes).ravel(), (half * weights).ravel()


def _after(need: Floats, factor: float, hazard: Floats | float = HAZARD) -> Floats:
    """Return the months lived after treatment until a cumulative hazard is spent."""
    first = factor * hazard
    return np.where(need < first, need / first, 1.0 + (need - first) / hazard)


def _weibull(
    time: Floats, event: NDArray[np.bool_], arm: NDArray[np.bool_]
) -> tuple[float, float, float]:
    log_time = np.log(time)

    def loss(x: Floats) -> tuple[float, Floats]:
        shape = np.exp(x[0])
        total = np.exp(x[1] + x[2] * arm + shape * log_time)
        value = event * (x[0] + (shape - 1.0) * log_time + x[1] + x[2] * arm) - total
        slope = [event * (1.0 + shape * log_time) - total * shape * log_time, event - total]
        slope.append((event - total) * arm)
        return -float(value.mean()), -np.array([part.mean() for part in slope])

    found = minimize(loss, np.array([0.0, -3.0, 0.0]), jac=True).x
    return float(found[2]), float(np.exp(found[0])), float(found[1])
