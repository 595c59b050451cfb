"""How the time of a piecewise fit grows with the number of patients.

    python benchmarks/piecewise.py [--sizes 10000 1000000]

Covariates are categorical (treatment over time, two NLR groups, three ALBI grades, five centres),
so the model is reduced to its sufficient statistics. Loading (validation into a `Cohort`) is
reported apart; the rest is person-time, graph, compilation, sampling and estimands. One process a
size, so that each pays the compilation. Data are synthetic.
"""

import argparse
import json
import subprocess
import sys
import time

import numpy as np

SPEC = """
treatment = "ihlrt"
[outcome]
formula = "ihlrt * nlr_high + albi_grade"
group = "(1 | centre)"
[outcome.hazard]
family = "piecewise"
cuts = [3.0, 6.0, 12.0, 24.0]
[priors]
default = { dist = "Normal", mu = 0.0, sigma = 1.0 }
baseline = { median_survival = 19.2, upper = 60.0 }
"""


def simulate(n: int) -> dict[str, np.ndarray]:
    """Return a synthetic cohort with exponential survival and treatment from a random month on."""
    rng = np.random.default_rng([11, n])
    high = rng.integers(0, 2, n).astype(float)
    grade = rng.integers(1, 4, n)
    centre = rng.integers(0, 5, n)
    start = rng.exponential(30.0, n)
    effect = np.asarray([-0.3, -0.1, 0.0, 0.1, 0.3])
    rate = 0.035 * np.exp(0.4 * high + 0.3 * (grade - 2) + effect[centre])
    target = rng.exponential(size=n)
    untreated = target / rate
    treated = start + (target - rate * start) / (rate * np.exp(-0.3))
    time_ = np.where(untreated < start, untreated, treated)
    censoring = rng.uniform(12.0, 48.0, n)
    months = np.minimum(time_, censoring)
    return {
        "patient": np.arange(n).astype(str).astype(object),
        "months": months,
        "death": (time_ <= censoring).astype(float),
        "ihlrt_months": np.where(start < months, start, np.nan),
        "nlr_high": high,
        "albi_grade": np.char.add("grade ", grade.astype(str)).astype(object),
        "centre": np.char.add("C", centre.astype(str)).astype(object),
    }


def work(n: int) -> dict[str, float]:
    """Fit one size and return seconds by stage."""
    from bayes_ihlrt.cohort.load import Cohort
    from bayes_ihlrt.designs.build import person_time
    from bayes_ihlrt.estimands.curves import NEVER, rmst, treated_from
    from bayes_ihlrt.posterior.fitted import fit_model
    from bayes_ihlrt.spec.data import DataSpec
    from bayes_ihlrt.spec.model import ModelSpec
    from bayes_ihlrt.spec.sampler import SamplerSpec
    from bayes_ihlrt.spec.treatment import TreatmentSpec

    columns = simulate(n)
    seconds: dict[str, float] = {}
    data = DataSpec(patient="patient", time="months", event="death", centre="centre")
    treatment = TreatmentSpec(name="ihlrt", start="ihlrt_months")
    began = time.perf_counter()
    cohort = Cohort.from_frame(columns, data, treatment, covariates=("nlr_high", "albi_grade"))
    seconds["load"] = time.perf_counter() - began
    began = time.perf_counter()
    rows = person_time(cohort, treatment)
    seconds["person-time"] = time.perf_counter() - began
    settings = SamplerSpec(target_accept=0.99, seed=1)
    fit = fit_model(ModelSpec.from_toml(SPEC), rows, settings)
    seconds["fit"] = time.perf_counter() - began
    rmst(fit, 24.0, [NEVER, treated_from(0)])
    seconds["total after loading"] = time.perf_counter() - began
    return seconds


def main() -> None:
    """Run each size in its own process and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--worker", type=int)
    options = parser.parse_args()
    if options.worker is not None:
        print(json.dumps(work(options.worker)))
        return
    totals = []
    for n in options.sizes:
        command = [sys.executable, "-W", "ignore", __file__, "--worker", str(n)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds = json.loads(output.splitlines()[-1])
        totals.append(seconds["total after loading"])
        print(f"{n:>9,} patients:", {name: round(s, 2) for name, s in seconds.items()}, flush=True)
    print(f"ratio of the last to the first: {totals[-1] / totals[0]:.2f}")


if __name__ == "__main__":
    main()
