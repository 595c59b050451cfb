"""The common problem of the fit benchmark: data, settings and what is reported.

Only numpy and the standard library, so that a peer's environment can import it as well.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

COVARIATES = ("arm", "z", "albi")
CENTRES = 5
SPEC = """
treatment = "arm"
[outcome]
formula = "arm * z + albi"
group = "(1 | centre)"
[priors]
default = { dist = "Normal", mu = 0.0, sigma = 1.0 }
log_rate = { dist = "Normal", mu = -3.5, sigma = 2.0 }
log_shape = { dist = "Normal", mu = 0.0, sigma = 0.5 }
sd_centre = { dist = "HalfNormal", sigma = 0.5 }
"""


def simulate(n: int, seed: int = 7) -> dict[str, np.ndarray]:
    """Return synthetic right-censored Weibull data with five centres."""
    rng = np.random.default_rng([seed, n])
    arm = rng.integers(0, 2, n).astype(float)
    z = rng.normal(-0.15, 0.8, n)
    albi = rng.normal(0.0, 1.0, n)
    centre = rng.integers(0, CENTRES, n)
    effect = rng.normal(0.0, 0.3, CENTRES)
    shape, scale = 1.183, 26.17
    eta = -0.3 * arm + 0.4 * z - 0.2 * arm * z + 0.5 * albi + effect[centre]
    time_ = scale * (rng.exponential(size=n) * np.exp(-eta)) ** (1.0 / shape)
    censoring = rng.uniform(12.0, 48.0, n)
    return {
        "patient": np.asarray([f"P{i:06d}" for i in range(n)], dtype=object),
        "months": np.minimum(time_, censoring),
        "death": (time_ <= censoring).astype(float),
        "arm": arm,
        "z": z,
        "albi": albi,
        "centre": np.asarray([f"C{i}" for i in centre], dtype=object),
    }


def settings(n: int) -> dict[str, int]:
    """Draws are fewer at the largest size, so that the peer ends; rates per second are compared."""
    length = 1000 if n <= 2_000 else 300
    return {"draws": length, "tune": length, "chains": 4}


class Stopwatch:
    """Seconds since the process started, by stage."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Record the seconds since the last lap."""
        now = time.perf_counter()
        self.stages[stage] = now - self._last
        self._last = now


def report(watch: Stopwatch, n: int, ess: dict[str, float]) -> None:
    """Write what a worker measured as JSON to the file named last on the command line."""
    worst = min(ess, key=lambda name: ess[name])
    result = {"n": n, "stages": watch.stages, "min_ess_bulk": ess[worst], "worst": worst}
    Path(sys.argv[-1]).write_text(json.dumps(result), encoding="utf-8")
