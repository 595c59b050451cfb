"""Trials a second, memory and scaling of the simulation engine, end to end; the explorer's answers.

    python benchmarks/trials.py [--trials 16384] [--large 100000] [--workers 2] [--out FILE]

Two arms, 300 patients, looks at 120 and 200 events, Weibull model with interaction by NLR:
simulation, cuts, fits, decisions and operating characteristics. Compilation is reported apart.
Rates are told by wall time and by CPU time, since wall time means little on a shared machine.
The large run reports its peak memory; runs of 1, 2, 4 and 8 times 2,048 trials show how time grows.
The explorer is asked as its page asks: the first design, then other thresholds, then other designs
that it has not seen.
"""

import argparse
import json
import os
import resource
import time
from pathlib import Path

from bayes_ihlrt.explorer.session import Question, open_session
from bayes_ihlrt.limits import available_cores
from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.spec.scenario import ScenarioSpec
from bayes_ihlrt.spec.trial import TrialDesign
from bayes_ihlrt.trials.calibration import simulate_design
from bayes_ihlrt.trials.units import LocalPool

RULE = {"quantity": "hazard-ratio", "below": 1.0, "more_than": 0.985}
DESIGN = {
    "patients": 300,
    "accrual": {"rates": [15.0]},
    "treatment": {"name": "ihlrt"},
    "modifier": {"name": "nlr", "column": "nlr", "reference": 3.0},
    "outcome": {"formula": "ihlrt * nlr", "hazard": {"family": "weibull"}},
    "looks": [{"events": 120, "efficacy": [RULE]}, {"events": 200, "efficacy": [RULE]}],
}
TRUTH = {
    "name": "truth",
    "control": {"median": 19.2, "shape": 1.1},
    "effect": {"hr": [0.7], "interaction_hr": 0.9, "modifier_hr": 1.3},
}


def run(trials: int, workers: int) -> dict[str, float]:
    """Simulate one design and measure."""
    design, truth = TrialDesign.model_validate(DESIGN), ScenarioSpec.model_validate(TRUTH)
    wall, cpu = time.perf_counter(), time.process_time()
    found = simulate_design(design, truth, trials=trials, pool=LocalPool(workers))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "trials": trials,
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "trials_per_second": trials / wall,
        "trials_per_cpu_second": trials / cpu,
        "success": found.found.success.estimate,
        "failed": found.found.failed,
    }


def explored(trials: int) -> dict[str, float | list[float]]:
    """Ask the explorer of one plan and measure each answer, wall seconds."""
    content = {"schema": 2, "name": "benchmark", "seed": 1, "design": DESIGN, "scenarios": [TRUTH]}
    session = open_session(TrialPlan.model_validate(content), trials)

    def asked(values: dict[str, float]) -> float:
        began = time.perf_counter()
        session.answer(Question("truth", values, [True, True]))
        return time.perf_counter() - began

    threshold = "design.looks.1.efficacy.0.more_than"
    return {
        "trials": trials,
        "first": asked({}),
        "thresholds": [asked({threshold: value}) for value in (0.95, 0.96, 0.97, 0.98, 0.99)],
        "designs": [asked({"design.patients": size}) for size in (260, 270, 280, 290, 310)],
    }


def peak() -> float:
    """Return the largest resident memory of this process so far, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=16_384)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=available_cores())
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    first = run(1_024, 1)
    found = {
        "cores": available_cores(),
        "load": os.getloadavg()[0],
        "compile_cpu_seconds": first["cpu_seconds"],
        "scaling": [run(2_048 * factor, 1) for factor in (1, 2, 4, 8)],
        "workers": run(options.trials, options.workers),
        "before_gb": peak(),
    }
    if options.large:
        found |= {"large": run(options.large, options.workers), "peak_gb": peak()}
    found["explorer"] = explored(2_048)
    print(json.dumps(found, indent=1))
    if options.out is not None:
        options.out.write_text(json.dumps(found, indent=1), "utf-8")


if __name__ == "__main__":
    main()
