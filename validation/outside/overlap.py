"""Arms that hardly overlap: the old are treated and never had chemotherapy, the young the reverse.

The adversity is that of the Rotterdam breast cancer series (2,982 patients, 339 of them given
hormones, all of them old and nearly none after chemotherapy), in which inverse probability weights
to everybody leave 3.8 effective treated patients. Nothing of those data is used:

    age        ~ Normal(55, 13) years, cut to 24 to 90
    nodes      ~ Poisson(3)
    chemo      ~ Bernoulli(expit(0.2 (50 - age)))
    treated    ~ Bernoulli(expit(-1.8 + 0.12 (age - 60) + 0.12 (nodes - 3) - 3 chemo))
    hazard     = (1.3 / 150) (t / 150)^0.3 exp(eta), months, censored uniformly in 40 to 160
    eta        = 0.3 (age - 55) / 10 + 0.12 (nodes - 3) - 0.1 chemo + treated (b + c severe)

`severe` is a sign with a share that rises with age, expit(0.1 (age - 60)); it changes the effect of
treatment where c is not 0, so that the effect in the treated is not that in everybody.

By default b = c = 0: treatment does nothing, so that in every population the hazard ratio is 1 and
the gain is 0 months, whatever the weights.
"""

import numpy as np
import pandas as pd

FORMULA = "age + nodes + chemo"


def cohort(patients: int, seed: int, *, effect: float = 0.0, modified: float = 0.0) -> pd.DataFrame:
    """Return one row a patient: id, months, death, treated, age, nodes, chemo, severe."""
    rng = np.random.default_rng(seed)
    age = np.clip(rng.normal(55.0, 13.0, patients), 24.0, 90.0).round(1)
    nodes = rng.poisson(3.0, patients)
    chemo = (rng.random(patients) < _expit(0.2 * (50.0 - age))).astype(int)
    chance = _expit(-1.8 + 0.12 * (age - 60.0) + 0.12 * (nodes - 3.0) - 3.0 * chemo)
    treated = (rng.random(patients) < chance).astype(int)
    severe = (rng.random(patients) < _expit(0.1 * (age - 60.0))).astype(int)
    eta = 0.3 * (age - 55.0) / 10.0 + 0.12 * (nodes - 3.0) - 0.1 * chemo
    eta = eta + treated * (effect + modified * severe)
    death = 150.0 * (rng.exponential(size=patients) * np.exp(-eta)) ** (1.0 / 1.3)
    end = rng.uniform(40.0, 160.0, patients)
    return pd.DataFrame(
        {
            "id": [f"p{number:05d}" for number in range(patients)],
            "months": np.maximum(np.minimum(death, end), 0.01).round(3),
            "death": (death <= end).astype(int),
            "treated": treated,
            "age": age,
            "nodes": nodes,
            "chemo": chemo,
            "severe": severe,
        }
    )


def propensity(frame: pd.DataFrame) -> np.ndarray:
    """Return the true probability of treatment of each patient."""
    age, nodes, chemo = (frame[name].to_numpy() for name in ("age", "nodes", "chemo"))
    return _expit(-1.8 + 0.12 * (age - 60.0) + 0.12 * (nodes - 3.0) - 3.0 * chemo)


def effective_treated(frame: pd.DataFrame) -> float:
    """Return the effective number of treated patients of weights 1 / e at the true e."""
    weight = 1.0 / propensity(frame)[frame["treated"].to_numpy() == 1]
    return float(weight.sum() ** 2 / np.square(weight).sum())


def log_hazard_ratio(population: str, *, effect: float, modified: float) -> float:
    """Return the log hazard ratio averaged over a population: sample, att or ato (a million)."""
    frame = cohort(1_000_000, 0, effect=effect, modified=modified)
    chance = propensity(frame)
    weight = {
        "sample": np.ones(len(frame)),
        "att": frame["treated"].to_numpy().astype(float),
        "ato": chance * (1.0 - chance),
    }[population]
    return effect + modified * float(np.average(frame["severe"].to_numpy(), weights=weight))


def months_gained(
    population: str, horizon: float, *, effect: float, modified: float
) -> tuple[float, float]:
    """Return months gained of `horizon` in a population of a million, and their standard error.

    The closed form of survival is integrated by Gauss-Legendre with 40 nodes.
    """
    frame = cohort(1_000_000, 0, effect=effect, modified=modified)
    chance = propensity(frame)
    weight = {
        "sample": np.ones(len(frame)),
        "att": frame["treated"].to_numpy().astype(float),
        "ato": chance * (1.0 - chance),
    }[population]
    age, nodes, chemo, severe = (
        frame[name].to_numpy(dtype=float) for name in ("age", "nodes", "chemo", "severe")
    )
    eta = 0.3 * (age - 55.0) / 10.0 + 0.12 * (nodes - 3.0) - 0.1 * chemo
    benefit = np.zeros(len(frame))
    for node, width in zip(*np.polynomial.legendre.leggauss(40), strict=True):
        spent = (0.5 * horizon * (node + 1.0) / 150.0) ** 1.3 * np.exp(eta)
        treated = np.exp(-spent * np.exp(effect + modified * severe))
        benefit += 0.5 * horizon * width * (treated - np.exp(-spent))
    mean = float(np.average(benefit, weights=weight))
    error = np.sqrt((weight**2 * (benefit - mean) ** 2).sum()) / weight.sum()
    return mean, float(error)


def _expit(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))
