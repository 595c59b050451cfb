"""Patients of several centres who come under observation late: diagnosed ones, and those who enter.

Truth. Centre effects u ~ Normal(0, 1) on the log hazard; modifier z ~ Normal(0, 1) with coefficient
0.4; treatment at random (a half, from time zero) with coefficient -0.5; Weibull hazard
exp(-3.5 + u + 0.4 z - 0.5 a), shape 1 (log shape 0). Entry uniform on 0 to 40 months, independent
of all else; only who lives until entry is seen; follow-up ends 24 months after entry.

`confounded` makes centres confounders: those with a higher hazard treat more, with correlation 0.8
between u and the log odds of treatment. Nothing here imports the package.

Two likelihoods are compared by maximum likelihood, the centre's effect integrated by Gauss-Hermite:
``naive`` integrates prod f_i / S_i(entry) over Normal(0, s), as if centres had been drawn without
regard to who lived to entry; ``selected`` integrates it over the effect's distribution given that
these patients lived to entry, Normal(0, s) x prod S_i(entry), normalised.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import logsumexp

TRUTH = {"log_rate": -3.5, "log_shape": 0.0, "treatment": -0.5, "modifier": 0.4, "log_sd": 0.0}
LAST_ENTRY, FOLLOWED = 40.0, 24.0


@dataclass(frozen=True)
class Design:
    """How patients come to be in the cohort.

    ``diagnosed`` patients are divided equally or, with `uneven`, in proportion to log-normal sizes
    (sd 1) that nobody knows; each is seen if he or she lives to entry.
    """

    centres: int = 10
    diagnosed: int = 400
    last_entry: float = LAST_ENTRY
    uneven: bool = True
    confounded: bool = False


def cohort(design: Design, seed: int, *, everybody: bool = False) -> pd.DataFrame:
    """Return one row for each patient who entered, or for everybody who was diagnosed."""
    rng = np.random.default_rng(seed)
    effect = rng.normal(size=design.centres)
    size = np.exp(rng.normal(size=design.centres)) if design.uneven else np.ones(design.centres)
    centre = rng.choice(design.centres, design.diagnosed, p=size / size.sum())
    odds = np.zeros(design.centres)
    if design.confounded:
        odds = 0.8 * effect + 0.6 * rng.normal(size=design.centres)
    treated = rng.random(design.diagnosed) < 1.0 / (1.0 + np.exp(-odds[centre]))
    z = rng.normal(size=design.diagnosed)
    rate = np.exp(TRUTH["log_rate"] + effect[centre] + TRUTH["modifier"] * z)
    rate *= np.exp(TRUTH["treatment"] * treated)
    death = rng.exponential(1.0 / rate)
    entry = rng.uniform(0.0, design.last_entry, design.diagnosed)
    if everybody:
        entry = np.zeros(design.diagnosed)
    seen = death > entry
    months = np.minimum(death, entry + FOLLOWED)
    columns = {
        "patient": np.arange(design.diagnosed),
        "centre": np.array([f"c{c:03d}" for c in centre]),
        "entry": entry,
        "months": months,
        "death": (death <= entry + FOLLOWED).astype(int),
        "a": treated.astype(int),
        "z": z,
    }
    return pd.DataFrame(columns)[seen].reset_index(drop=True)


def effects(design: Design, seed: int) -> np.ndarray:
    """Return the centres' true effects in `cohort`, in the order of their labels."""
    return np.random.default_rng(seed).normal(size=design.centres)


def survival_of_the_diagnosed(month: float, *, draws: int = 400_000) -> float:
    """Return untreated survival at a month, averaged over centres and modifier at diagnosis."""
    rng = np.random.default_rng(7)
    rate = np.exp(TRUTH["log_rate"] + rng.normal(size=draws) + 0.4 * rng.normal(size=draws))
    return float(np.exp(-rate * month).mean())


def maximum_likelihood(frame: pd.DataFrame, kind: str, *, nodes: int = 25) -> dict[str, float]:
    """Return the estimates of the ``naive`` or ``selected`` likelihood, by the names of `TRUTH`."""
    code, _ = pd.factorize(frame["centre"])
    centres = int(code.max()) + 1
    x, weight = np.polynomial.hermite_e.hermegauss(nodes)
    log_weight = np.log(weight / weight.sum())
    columns = {name: frame[name].to_numpy(float) for name in ("entry", "months", "death", "a", "z")}
    per_centre = np.bincount(code, columns["death"], centres)

    def minus(theta: np.ndarray) -> float:
        rate, shape, beta, gamma, log_sd = theta
        eta = rate + beta * columns["a"] + gamma * columns["z"]
        k, sd = np.exp(np.clip(shape, -3, 3)), np.exp(np.clip(log_sd, -6, 3))
        before = np.bincount(code, np.exp(eta) * columns["entry"] ** k, centres)
        until = np.bincount(code, np.exp(eta) * columns["months"] ** k, centres)
        u = sd * x
        density = columns["death"] * (eta + shape + (k - 1.0) * np.log(columns["months"]))
        lived = before if kind == "naive" else 0.0 * before
        inside = per_centre[:, None] * u - (until - lived)[:, None] * np.exp(u) + log_weight
        found = density.sum() + logsumexp(inside, axis=1).sum()
        if kind == "selected":
            found -= logsumexp(-before[:, None] * np.exp(u) + log_weight, axis=1).sum()
        return -found

    best = minimize(minus, np.array([-3.0, 0.0, 0.0, 0.0, -0.3]), method="BFGS")
    return dict(zip(TRUTH, best.x.tolist(), strict=True))
