"""Posteriors a second of the batched engine, beside loops over PyMC's own tools.

    python benchmarks/batch.py [--sizes 80 300 1000] [--parameters 4 5 8 12] [--members 10000]
        [--corrected 1000] [--refits 20] [--bootstrap 100000] [--figure FILE] [--out FILE]

A member is a data set: Weibull survival times of its own, with the covariates of all. Two engines
and two peers see the same members, one process for each size and number of parameters:

- fits: `BatchEngine.gaussians`, mode and Laplace covariance; its peer is SciPy's BFGS on PyMC's
  compiled log-density and gradient, the mode alone;
- posteriors: `BatchEngine.posteriors`, 1,000 weighted draws each; its peer is NUTS by this package,
  compiled once, 4 chains of 1,000 + 1,000 draws, its sampling time alone.

Compilation is reported apart; rates are the best of three runs (peers: one loop). At the end the
peak memory of a process that fits `--bootstrap` members (patient weights), reduced to summaries
chunk by chunk.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

BASELINE = 2
DRAWS = 1_000
PATIENTS = 300


def simulate(n: int, covariates: int) -> dict[str, np.ndarray]:
    """Return the covariates of n patients, half of them in one arm, and a first set of times."""
    rng = np.random.default_rng([17, n, covariates])
    columns = {f"x{number}": rng.normal(size=n) for number in range(1, covariates)}
    return {"x0": rng.integers(0, 2, n).astype(float), **columns, **times(columns, n, 1, rng)}


def times(
    columns: dict[str, np.ndarray], n: int, members: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Draw right-censored Weibull times; shape (members, n), or (n,) for one member."""
    eta = 0.2 * sum(columns.values(), np.zeros(n))
    drawn = 20.0 * (rng.exponential(size=(members, n)) * np.exp(-eta)) ** (1 / 1.2)
    censored = rng.uniform(12.0, 48.0, n)
    found = {"months": np.minimum(drawn, censored), "death": (drawn <= censored).astype(float)}
    return {name: values[0] if members == 1 else values for name, values in found.items()}


def problem(n: int, parameters: int) -> tuple[object, dict[str, np.ndarray]]:
    """Return the prepared model and its covariates."""
    from bayes_ihlrt.cohort.load import Cohort
    from bayes_ihlrt.designs.build import person_time
    from bayes_ihlrt.model.graph import prepare
    from bayes_ihlrt.spec.data import DataSpec
    from bayes_ihlrt.spec.model import ModelSpec

    columns = simulate(n, parameters - BASELINE)
    names = [name for name in columns if name.startswith("x")]
    frame = {"patient": np.arange(n).astype(str).astype(object), **columns}
    data = DataSpec(patient="patient", time="months", event="death")
    spec = ModelSpec.model_validate(
        {
            "outcome": {"formula": " + ".join(names)},
            "priors": {
                "default": {"dist": "Normal", "mu": 0.0, "sigma": 1.0},
                "log_rate": {"dist": "Normal", "mu": -3.5, "sigma": 2.0},
            },
        }
    )
    rows = person_time(Cohort.from_frame(frame, data, covariates=names))
    return prepare(spec, rows), {name: columns[name] for name in names}


def data_sets(
    prepared: object, covariates: dict[str, np.ndarray], members: int
) -> dict[str, np.ndarray]:
    """Return new survival times of the same patients, as the graph reads them."""
    n = len(next(iter(covariates.values())))
    rng = np.random.default_rng([23, n, len(covariates)])
    found = times(covariates, n, max(members, 2), rng)
    stop = found["months"][:members]
    hazard, shape = prepared.hazard, (members, n)
    flat = stop.ravel()
    increment = hazard.increment_basis(np, np.zeros_like(flat), flat)
    return {
        "increment_basis": increment.reshape(*shape, -1),
        "hazard_basis": hazard.log_hazard_basis(np, flat).reshape(*shape, -1),
        "event": found["death"][:members],
    }


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rates(options: argparse.Namespace) -> dict[str, object]:
    """Measure both engines and both peers on one problem."""
    import jax

    from bayes_ihlrt.batch.density import prepared_density
    from bayes_ihlrt.batch.engine import BatchEngine

    n, parameters = options.worker
    prepared, covariates = problem(n, parameters)
    density = prepared_density(prepared)
    engine = BatchEngine(density)
    total = max(min(options.members, options.members * PATIENTS // n), 1)
    sets = data_sets(prepared, covariates, max(total, options.corrected))
    many = {name: values[:total] for name, values in sets.items()}
    some = {name: values[: options.corrected] for name, values in sets.items()}
    names = [*prepared.encoder.columns, "log_shape", "log_rate"]

    def draw() -> object:
        return engine.posteriors(some, keep=names, draws=DRAWS)

    def fit() -> object:
        return engine.gaussians(many)

    first = seconds(fit) + seconds(draw)
    fits = min(seconds(fit) for _ in range(3))
    posteriors = min(seconds(draw) for _ in range(3))
    found = engine.posteriors(some, keep=names, draws=DRAWS)
    return {
        "n": n,
        "parameters": parameters,
        "backend": jax.default_backend(),
        "fits": total / fits,
        "posteriors": options.corrected / posteriors,
        "compile": first - fits - posteriors,
        "failed": len(found.failed),
        "k_hat": float(np.median(found.diagnostics["k_hat"])),
        **peers(density, some, options.refits),
    }


def peers(density: object, members: dict[str, np.ndarray], refits: int) -> dict[str, float]:
    """Loop over members with PyMC's compiled log-density and by chains."""
    import jax.numpy as jnp
    import pymc as pm
    from scipy.optimize import minimize

    from bayes_ihlrt.batch.compiled import compile_graph
    from bayes_ihlrt.posterior.nuts import sample
    from bayes_ihlrt.spec.sampler import SamplerSpec

    model = density.model
    inputs = [
        {
            name: np.asarray(values)
            for name, values in density.with_overrides(
                {name: jnp.asarray(values[number]) for name, values in members.items()}
            ).items()
        }
        for number in range(min(refits, len(next(iter(members.values())))))
    ]
    function = model.logp_dlogp_function(ravel_inputs=True)
    function.set_extra_values({})

    def negative(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = function(x)
        return -float(value), -np.asarray(gradient)

    def optimise() -> None:
        for data in inputs:
            pm.set_data(data, model=model)
            minimize(negative, density.start, jac=True, method="BFGS")

    settings = SamplerSpec(draws=1000, tune=1000, chains=4, seed=1)

    def chains() -> float:
        spent = 0.0
        for data in inputs:
            pm.set_data(data, model=model)
            spent += sample(compile_graph(model), settings).attrs["sampling_seconds"]
        return spent

    optimise()
    return {"bfgs": len(inputs) / seconds(optimise), "nuts": len(inputs) / chains()}


def memory(options: argparse.Namespace) -> dict[str, object]:
    """Fit many members with their draws reduced, and return the peak memory of the process."""
    from bayes_ihlrt.batch.density import prepared_density
    from bayes_ihlrt.batch.engine import BatchEngine
    from bayes_ihlrt.batch.summary import summarise_draws

    prepared, _ = problem(PATIENTS, 5)
    engine = BatchEngine(prepared_density(prepared))
    rng = np.random.default_rng(3)
    before = peak()
    weight = rng.exponential(size=(options.bootstrap, PATIENTS))
    began = time.perf_counter()
    found = engine.posteriors({"weight": weight}, keep=["x0"], draws=DRAWS, reduce=summarise_draws)
    return {
        "members": options.bootstrap,
        "seconds": time.perf_counter() - began,
        "summaries": found.draws.sizes["member"],
        "weights_gb": weight.nbytes / 1e9,
        "before_gb": before,
        "peak_gb": peak(),
    }


def peak() -> float:
    """Return the largest resident memory of this process so far, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def table(rows: list[dict[str, object]]) -> str:
    """Return the rates as a Markdown table."""
    lines = [
        "| patients | parameters | fits/s | BFGS loop | ours is | posteriors/s | loop of chains "
        "| ours is | k-hat | compile |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        lines.append(
            f"| {row['n']:,} | {row['parameters']} | {row['fits']:,.0f} | {row['bfgs']:,.1f} "
            f"| {row['fits'] / row['bfgs']:,.3g} x | {row['posteriors']:,.0f} "
            f"| {row['nuts']:,.2f} | {row['posteriors'] / row['nuts']:,.3g} x "
            f"| {row['k_hat']:.2f} | {row['compile']:.0f} s |"
        )
    return "\n".join(lines)


def draw_scaling(rows: list[dict[str, object]], file: Path) -> None:
    """Draw rates by number of patients, one line for each number of parameters."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

    figure = Figure(figsize=(8.0, 3.4), layout="constrained")
    sizes = sorted({row["n"] for row in rows})
    counts = sorted({row["parameters"] for row in rows})
    kinds = {"fits": "Laplace fits a second", "posteriors": "Corrected posteriors a second"}
    for axes, (kind, title) in zip(figure.subplots(1, 2), kinds.items(), strict=True):
        for position, count in enumerate(counts):
            here = sorted((row for row in rows if row["parameters"] == count), key=_patients)
            shade = str(0.65 * position / max(len(counts) - 1, 1))
            label = f"{count} parameters"
            points = [row["n"] for row in here], [row[kind] for row in here]
            axes.loglog(*points, marker="o", color=shade, label=label)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("patients")
        axes.xaxis.set_major_locator(FixedLocator(sizes))
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8)
    figure.suptitle(
        f"{rows[0]['backend'].upper()}, {os.cpu_count()} cores", fontsize=9, x=0.01, ha="left"
    )
    figure.savefig(file, dpi=150)


def _patients(row: dict[str, object]) -> int:
    return row["n"]


def in_process(arguments: list[str]) -> dict[str, object]:
    """Run this script as a worker and return what it measured."""
    command = [sys.executable, "-W", "ignore", __file__, *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[80, 300, 1_000])
    parser.add_argument("--parameters", type=int, nargs="+", default=[4, 5, 8, 12])
    parser.add_argument("--members", type=int, default=10_000)
    parser.add_argument("--corrected", type=int, default=1_000)
    parser.add_argument("--refits", type=int, default=20)
    parser.add_argument("--bootstrap", type=int, default=100_000)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--worker", type=int, nargs="*")
    return parser.parse_args()


def main() -> None:
    """Run every problem in its own process; print, draw and write what was measured."""
    options = arguments()
    if options.worker is not None:
        print(json.dumps(rates(options) if options.worker else memory(options)))
        return
    passed = [
        text
        for name in ("members", "corrected", "refits", "bootstrap")
        for text in (f"--{name}", str(getattr(options, name)))
    ]
    rows = []
    for n in options.sizes:
        for parameters in options.parameters:
            rows.append(in_process([*passed, "--worker", str(n), str(parameters)]))
            print(table(rows).splitlines()[-1], flush=True)
    used = in_process([*passed, "--worker"])
    print(f"\nJAX on {rows[0]['backend']}, {os.cpu_count()} CPU cores.\n\n{table(rows)}\n")
    print(
        f"{used['members']:,} posteriors of {PATIENTS} patients and 5 parameters, {DRAWS:,} draws "
        f"each, reduced to summaries: {used['seconds']:,.0f} s, peak memory "
        f"{used['peak_gb']:.2f} GB ({used['before_gb']:.2f} GB before the first fit, "
        f"{used['weights_gb']:.2f} GB of them patient weights)."
    )
    if options.figure is not None:
        draw_scaling(rows, options.figure)
    if options.out is not None:
        options.out.write_text(json.dumps({"rates": rows, "memory": used}, indent=1), "utf-8")


if __name__ == "__main__":
    main()
