"""Chains on the compiled model: refits, effective draws a second, and many data sets.

    python benchmarks/chains.py [--sizes 80 2000 20000] [--sets 200] [--out FILE]

The problem is that of `fit.py` (Weibull, interaction, five centres). A refit is 1,000 draws of four
chains (300 from 20,000 patients on) after everything is compiled, its smallest bulk effective
sample size that of coefficients, level, shape, group scale and group effects on their reported
scale. `--sets` data sets of 300 patients are drawn with as many chains and draws, all in one call.
"""

import argparse
import json
import time
from pathlib import Path

import arviz_stats
import numpy as np
from fit_problem import SPEC, simulate

from bayes_ihlrt.batch.compiled import CompiledModel, compile_model
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.posterior.nuts import compile_chains, sample_many, sample_parameters
from bayes_ihlrt.posterior.quality import convergence
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec

TOLD = ["arm", "z", "arm:z", "albi", "log_rate", "log_shape", "sd_centre", "centre_effect"]
LARGE = 20_000


def compiled(n: int) -> CompiledModel:
    """Return the problem with n patients, compiled."""
    data = DataSpec(patient="patient", time="months", event="death", centre="centre")
    treatment = TreatmentSpec(name="arm", column="arm", design="fixed")
    cohort = Cohort.from_frame(simulate(n), data, treatment, covariates=("z", "albi"))
    model = compile_model(prepare(ModelSpec.from_toml(SPEC), person_time(cohort, treatment)))
    compile_chains(model, SamplerSpec())
    return model


def refit(n: int, tune: int, repeats: int = 3) -> dict[str, float]:
    """Draw several times; return the medians of seconds and of effective draws a second."""
    model, draws = compiled(n), 300 if n >= LARGE else 1_000
    seconds, rates = [], []
    for seed in range(repeats + 1):
        settings = SamplerSpec(draws=draws, tune=tune, seed=seed)
        began = time.perf_counter()
        tree = sample_parameters(model, settings)
        spent = time.perf_counter() - began
        sizes = arviz_stats.ess(tree["posterior"].to_dataset()[TOLD], method="bulk")
        # The first compiles how parameters are read.
        if seed:
            seconds.append(spent)
            rates.append(min(float(size.min()) for size in sizes.values()) / spent)
    return {
        "n": n,
        "tune": tune,
        "draws": draws,
        "seconds": float(np.median(seconds)),
        "ess_per_second": float(np.median(rates)),
    }


def many(sets: int) -> dict[str, float]:
    """Draw the posteriors of many data sets of 300 patients: patient weights of a bootstrap."""
    model, rng = compiled(300), np.random.default_rng(1)
    own = [model.changed({"weight": rng.exponential(size=300)}) for _ in range(sets)]
    settings = SamplerSpec(draws=1_000, tune=500)
    sample_many(own[:2], settings, seeds=[0, 1])
    began = time.perf_counter()
    trees = sample_many(own, settings, seeds=list(range(sets)))
    spent = time.perf_counter() - began
    failed = sum(bool(convergence(tree).failures) for tree in trees)
    return {"sets": sets, "seconds": spent, "failed": failed}


def main() -> None:
    """Measure, print the tables, write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[80, 2_000, 20_000])
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    print("| patients | warm-up + draws, 4 chains | refit | smallest bulk ESS a second |")
    print("|---:|---:|---:|---:|")
    rows = []
    for n in options.sizes:
        for tune in (300, 1_000) if n < LARGE else (300,):
            row = refit(n, tune)
            rows.append(row)
            print(
                f"| {n:,} | {tune:,} + {row['draws']:,} | {row['seconds']:.2f} s "
                f"| {row['ess_per_second']:,.0f} |",
                flush=True,
            )
    found = many(options.sets)
    print(
        f"\n{found['sets']} data sets of 300 patients, 4 chains of 500 + 1,000: "
        f"{found['seconds']:.1f} s, {found['failed']} not to be trusted"
    )
    if options.out is not None:
        options.out.write_text(json.dumps({"refits": rows, "many": found}, indent=1), "utf-8")


if __name__ == "__main__":
    main()
