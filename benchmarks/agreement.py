"""Agreement of the batched engine with NUTS on random data sets; writes docs/validation/batch.md.

    python benchmarks/agreement.py [--sets 200] [--sizes 80 300] [--families weibull ...]
        [--seed 5000] [--out docs/validation/batch.md]

Every family of baseline hazards is fitted to cohorts of `simulate_cohort`, each with its own seed:
all of them in one batch, and one by one by NUTS (4 chains of 1,000 + 1,000 draws) through one
compiled graph. Cohorts have different numbers of rows; the shorter ones are padded with rows
without exposure. Results are written after each family and size.
"""

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bayes_ihlrt.batch.density import prepared_density
from bayes_ihlrt.batch.engine import BatchEngine
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.limits import MAX_K_HAT
from bayes_ihlrt.model.arrays import pack
from bayes_ihlrt.model.graph import PreparedModel, prepare
from bayes_ihlrt.posterior.audit import SETTINGS, Audit, audit
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec
from bayes_ihlrt.synthetic.simulate import simulate_cohort

CUTS = [3.0, 6.0, 12.0, 24.0]
FAMILIES = {
    "exponential": {"family": "exponential"},
    "weibull": {"family": "weibull"},
    "gompertz": {"family": "gompertz"},
    "piecewise": {"family": "piecewise", "cuts": CUTS},
    "piecewise-independent": {"family": "piecewise", "cuts": CUTS, "smoothing": "independent"},
    "mspline": {"family": "mspline"},
}
COEFFICIENTS = ("ihlrt", "nlr", "ihlrt:nlr", "albi")
DRAWS = 4_000
ABSOLUTE_NORMAL = np.sqrt(2.0 / np.pi)
"""Mean of the absolute value of a standard normal variable: what Monte Carlo error adds up to."""


@dataclass(frozen=True)
class Agreement:
    """What one family and size gave."""

    family: str
    patients: int
    sets: int
    failed: int
    flagged: int
    k_hat: np.ndarray
    found: Audit
    seconds: tuple[float, float]


def specification(family: str) -> ModelSpec:
    """Return the model of a family: interaction, one more covariate, centre intercepts."""
    return ModelSpec.model_validate(
        {
            "treatment": "ihlrt",
            "modifier": {"name": "nlr", "column": "nlr", "reference": 3.0},
            "outcome": {
                "formula": "ihlrt * nlr + albi",
                "group": "(1 | centre)",
                "hazard": FAMILIES[family],
            },
        }
    )


def prepared_cohort(spec: ModelSpec, patients: int, seed: int) -> PreparedModel:
    """Return a model bound to one simulated cohort."""
    data = DataSpec(patient="patient_id", time="os_months", event="death", centre="centre")
    treatment = TreatmentSpec(name="ihlrt", start="ihlrt_months")
    columns = simulate_cohort(patients, seed=seed).columns
    cohort = Cohort.from_frame(columns, data, treatment, covariates=("nlr", "albi"))
    return prepare(spec, person_time(cohort, treatment))


def cohorts(spec: ModelSpec, patients: int, sets: int, seed: int) -> list[PreparedModel]:
    """Return models of cohorts with the same centres: others have another number of parameters."""
    found, levels = [], None
    while len(found) < sets:
        one = prepared_cohort(spec, patients, seed)
        levels = levels or one.encoder.levels
        if one.encoder.levels == levels:
            found.append(one)
        seed += 1
    return found


def padded(models: list[PreparedModel]) -> tuple[PreparedModel, dict[str, np.ndarray]]:
    """Return the first model with as many rows as any has, and the packed arrays of all."""
    longest = max(len(model.arrays.data["event"]) for model in models)
    wide = [{name: _pad(values, longest, name) for name, values in model.arrays.data.items()}
            for model in models]  # fmt: skip
    packed = [pack(arrays)[0] for arrays in wide]
    members = {name: np.stack([one[name] for one in packed]) for name in packed[0]}
    first = replace(models[0], arrays=replace(models[0].arrays, data=wide[0]))
    return first, members


def _pad(values: np.ndarray, rows: int, name: str) -> np.ndarray:
    """Repeat the last row, without event and exposure."""
    if name in NOT_BY_ROW or name.endswith(("_estimate", "_information")):
        return values
    more = np.repeat(values[-1:], rows - len(values), axis=0)
    return np.concatenate([values, np.zeros_like(more) if name in EMPTY else more])


NOT_BY_ROW = {"weight", "exit_time", "design_centre", "design_reference", "interval_share"} | {
    "time_centre"
}
EMPTY = {"event", "exposure"}


def compare(family: str, patients: int, sets: int, seed: int) -> Agreement:
    """Fit all cohorts by both engines."""
    spec = specification(family)
    template, members = padded(cohorts(spec, patients, sets, seed))
    began = time.perf_counter()
    engine = BatchEngine(prepared_density(template))
    posterior = engine.posteriors(members, keep=COEFFICIENTS, draws=DRAWS, seed=seed)
    batch = time.perf_counter() - began
    began = time.perf_counter()
    found = audit(template, members, posterior, n=sets, seed=seed)
    chains = time.perf_counter() - began
    k_hat = posterior.diagnostics["k_hat"].to_numpy()
    lost = len(posterior.failed)
    flagged = len(posterior.flagged) - lost
    return Agreement(family, patients, sets, lost, flagged, k_hat, found, (batch, chains))


def line(result: Agreement) -> str:
    """Return one row of the table."""
    table = result.found.differences
    mean, mcse = (table[name].to_numpy() for name in ("mean", "mcse"))
    by_chance = ABSOLUTE_NORMAL * mcse.mean()
    worst = result.found.worst
    return (
        f"| {result.family} | {result.patients} | {result.sets} | {result.failed} "
        f"| {np.median(result.k_hat):.2f} | {result.flagged} | {np.abs(mean).mean():.3f} "
        f"| {by_chance:.3f} | {worst.mean:+.2f} (`{worst.parameter}`) "
        f"| {np.abs(table['sd']).mean():.3f} | {np.abs(table['prob_below_zero']).mean():.3f} "
        f"| {len(result.found.not_converged)} | {result.seconds[0]:.0f} s "
        f"| {result.seconds[1]:.0f} s |"
    )


def page(results: list[Agreement], seed: int) -> str:
    """Return the page with the table."""
    names = ", ".join(f"`{name}`" for name in COEFFICIENTS)
    lines = [
        "# Batched engine against NUTS",
        "",
        f"Random cohorts of `simulate_cohort` (default truth, seeds from {seed} on) with "
        "`ihlrt * nlr + albi`, `(1 | centre)` and the package's default priors, fitted by the "
        f"batched engine ({DRAWS:,} importance-weighted draws) and by NUTS ({SETTINGS.chains} "
        f"chains of {SETTINGS.tune:,} + {SETTINGS.draws:,} draws). Shown for the fixed effects "
        f"{names}: absolute differences of posterior means and sds in posterior sds of NUTS, and "
        "of P(theta < 0), averaged over effects and cohorts. Asked for: a mean difference below "
        "0.05. Both engines draw, so the differences cannot vanish: *by chance* is what their "
        "Monte Carlo errors (1 / effective sample size of each, added) would give if the "
        f"posteriors were the same. Cohorts with k-hat above {MAX_K_HAT} are flagged by the engine "
        "and are included here; those without a mode are not.",
        "",
        "| family | patients | cohorts | no mode | median k-hat | k-hat > 0.7 | mean | by chance "
        "| largest | sd | P(theta < 0) | chains not converged | batch | NUTS |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        *map(line, results),
        "",
        "Times include compilation. Written by `python benchmarks/agreement.py`.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Run every family and size; write the page after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="+", default=[80, 300])
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--seed", type=int, default=5000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    results = []
    for family in options.families:
        for patients in options.sizes:
            results.append(compare(family, patients, options.sets, options.seed))
            print(line(results[-1]), file=sys.stderr, flush=True)
            if options.out is not None:
                options.out.write_text(page(results, options.seed), "utf-8")
    print(page(results, options.seed))


if __name__ == "__main__":
    main()
