"""Time and memory of standardised survival with many patients, draws and times.

    python benchmarks/estimands.py [--patients 10000 --draws 4000 --times 60]

A made-up posterior of a Weibull model with treatment, modifier, interaction, one further covariate
and five centres; every patient is a covariate pattern of its own. Survival is averaged for "never",
"from month 0" and "from month 3", then the medians are found. Peak memory is that of the whole
process, imports and posterior included. Data are synthetic.
"""

import argparse
import json
import resource
import time

import numpy as np
import xarray as xr

from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.estimands.curves import NEVER, median_survival, survival, treated_from
from bayes_ihlrt.estimands.population import sample_population
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import chain_quality
from bayes_ihlrt.spec.model import ModelSpec

SPEC = ModelSpec.from_toml("""
treatment = "ihlrt"
[modifier]
name = "nlr"
column = "nlr"
reference = 3.0
[outcome]
formula = "ihlrt * nlr + albi"
group = "(1 | centre)"
""")
MEANS = {"ihlrt": -0.29, "nlr": 0.4, "ihlrt:nlr": -0.2, "albi": 1.2, "log_rate": -0.9}
MEANS |= {"log_shape": 0.17}


def made_up(patients: int, draws: int) -> FittedModel:
    """Return a fit whose draws are made up."""
    rng = np.random.default_rng(1)
    columns = {
        "patient": np.arange(patients).astype(str).astype(object),
        "start": np.zeros(patients),
        "stop": rng.uniform(1.0, 48.0, patients),
        "event": rng.integers(0, 2, patients).astype(float),
        "weight": np.ones(patients),
        "ihlrt": rng.integers(0, 2, patients).astype(float),
        "nlr": np.exp(rng.normal(1.0, 0.55, patients)),
        "albi": rng.normal(-2.4, 0.4, patients),
        "centre": np.array([f"c{k}" for k in rng.integers(0, 5, patients)], dtype=object),
    }
    rows = PersonTime(columns, Provenance(DesignKind.FIXED, {}, 0.0, {}, {}))
    shape = (4, draws // 4)
    values = {
        name: (("chain", "draw"), mean + 0.1 * rng.normal(size=shape))
        for name, mean in MEANS.items()
    }
    centre = (("chain", "draw", "centre"), 0.2 * rng.normal(size=(*shape, 5)))
    posterior = xr.Dataset({**values, "centre_effect": centre})
    tree = xr.DataTree.from_dict({"posterior": posterior})
    verdict = chain_quality(1.0, "ihlrt", ess_bulk=9e3, ess_tail=9e3, divergences=0)
    return FittedModel(prepare(SPEC, rows), rows, tree, verdict)


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, size in (("patients", 10_000), ("draws", 4_000), ("times", 60)):
        parser.add_argument(f"--{name}", type=int, default=size)
    asked = parser.parse_args()
    fit = made_up(asked.patients, asked.draws)
    strategies = [NEVER, treated_from(0), treated_from(3)]
    grid = np.linspace(0.0, 60.0, asked.times)
    began, cpu = time.perf_counter(), time.process_time()
    patients = sample_population(fit)
    laps = {"linear predictors": time.perf_counter() - began}
    for strategy in strategies:
        start = time.perf_counter()
        survival(fit, grid, [strategy], population=patients)
        laps[f"survival, {strategy.name}"] = time.perf_counter() - start
    start = time.perf_counter()
    median_survival(fit, strategies, population=patients)
    laps["medians"] = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        json.dumps(
            {
                **vars(asked),
                "seconds": {name: round(value, 2) for name, value in laps.items()},
                "total_seconds": round(time.perf_counter() - began, 2),
                "cpu_seconds": round(time.process_time() - cpu, 2),
                "peak_GiB": round(peak, 2),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
