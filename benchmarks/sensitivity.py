"""A prior grid of 100 specifications by the batched engine, beside 100 refits by NUTS.

    python benchmarks/sensitivity.py [--priors 100] [--refits 100] [--draws 1000] [--out FILE]

The packaged cohort of 80 patients under `primary` (Weibull, five centres, treatment by modifier
interaction). Both engines see the same priors in the same process, each compiled beforehand. Wall
and CPU seconds are told: on a machine that others use only the latter compare. The refits are
nutpie's, 4 chains of 1,000 + 1,000 draws, compiled once and given other hyperparameters; drawing
alone is timed, without reading estimands. For the batch the estimands are timed apart.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np


def cells(count: int) -> list[object]:
    """Return specifications that differ in the priors of treatment, interaction and modifier."""
    from bayes_ihlrt.priors import Prior
    from bayes_ihlrt.sensitivity.cells import PriorCell

    rng = np.random.default_rng(23)
    names = ("ihlrt", "ihlrt:nlr", "nlr")
    found = [PriorCell("stated")]
    for number in range(1, count):
        priors = {
            name: Prior(
                dist="Normal",
                mu=float(rng.normal(0.0, 0.3)),
                sigma=float(np.exp(rng.uniform(np.log(0.1), np.log(3.0)))),
            )
            for name in names
        }
        found.append(PriorCell(f"prior {number}", priors))
    return found


def timed(work: object) -> tuple[object, float, float]:
    """Return what a function returns, with wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Time both engines; print and write what was measured."""
    from bayes_ihlrt.analysis.check import check_analysis
    from bayes_ihlrt.batch.compiled import compile_model
    from bayes_ihlrt.model.graph import prepare
    from bayes_ihlrt.model.priors import HYPERPARAMETERS, hyperparameter_vector
    from bayes_ihlrt.posterior import nuts
    from bayes_ihlrt.sensitivity.cells import cell_priors, fit_cells
    from bayes_ihlrt.sensitivity.quantities import (
        Wanted,
        as_fit,
        read_quantities,
        summarise_quantities,
    )
    from bayes_ihlrt.spec.read import load_spec
    from bayes_ihlrt.spec.sampler import SamplerSpec

    options = arguments()
    spec = load_spec("primary")
    checked = check_analysis(spec, "ihlrt_synthetic")
    prepared = prepare(spec.model, checked.person_time)
    tried = cells(options.priors)
    size = {"draws": options.draws, "seed": 1}
    _, first, _ = timed(lambda: fit_cells(prepared, tried, **size))
    fits, wall, cpu = timed(lambda: fit_cells(prepared, tried, **size))

    def read() -> object:
        quantities = read_quantities(
            as_fit(prepared, checked.person_time, fits.draws), Wanted(at=spec.estimands.at)
        )
        return summarise_quantities(quantities, fits.weights, fits.ess)

    table, read_wall, read_cpu = timed(read)
    model = compile_model(prepared)
    settings = SamplerSpec(target_accept=0.95)
    _, compiled, _ = timed(lambda: nuts.sample(model, settings))
    vectors = [hyperparameter_vector(cell_priors(prepared, cell)) for cell in tried]
    means, wall_nuts, cpu_nuts = [], 0.0, 0.0
    for number, vector in enumerate(vectors[: options.refits]):
        own, again = (
            model.changed({HYPERPARAMETERS: vector}),
            settings.model_copy(update={"seed": number}),
        )
        tree, one, used = timed(lambda own=own, again=again: nuts.sample(own, again))
        wall_nuts, cpu_nuts = wall_nuts + one, cpu_nuts + used
        means.append(float(tree["posterior"]["ihlrt"].mean()))
    batch = np.asarray(table["mean"].sel(quantity="log_hazard_ratio at 3"))
    sd = np.asarray(table["sd"].sel(quantity="log_hazard_ratio at 3"))
    off = np.abs(batch[: len(means)] - means) / sd[: len(means)]
    found = {
        "priors": options.priors,
        "draws": options.draws,
        "batch_first_wall": first,
        "batch_wall": wall,
        "batch_cpu": cpu,
        "read_wall": read_wall,
        "read_cpu": read_cpu,
        "k_hat": float(fits.k_hat.max()),
        "ess": float(fits.ess.min()),
        "nuts_refits": len(means),
        "nuts_compile_wall": compiled,
        "nuts_wall": wall_nuts,
        "nuts_cpu": cpu_nuts,
        "largest_difference": float(off.max()),
        "mean_difference": float(off.mean()),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
    }
    for name, value in found.items():
        print(f"{name}: {value:,.4g}")
    if options.out is not None:
        options.out.write_text(json.dumps(found, indent=1), "utf-8")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--priors", type=int, default=100)
    parser.add_argument("--refits", type=int, default=100)
    parser.add_argument("--draws", type=int, default=1_000)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
