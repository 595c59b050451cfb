"""Trials a second where looks come early, beside the design of `trials.py`, and against other code.

    python benchmarks/few_events.py [--trials 8192] [--workers 2] [--against OTHER/src] [--out FILE]

Three designs: looks at 20 and 40 events of 100 patients, an exponential model by arm and a Weibull
model with interaction by NLR, whose posteriors are followed along their profiles; and looks at 120
and 200 of 300 patients. Simulation, cuts, fits and decisions; compilation is left out. With
`--against` another checkout's code runs the same in turn, each in a process of its own, twice:
on a shared machine compare the two of one run, and CPU times.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from trials import DESIGN, TRUTH

from bayes_ihlrt.limits import available_cores
from bayes_ihlrt.spec.scenario import ScenarioSpec
from bayes_ihlrt.spec.trial import TrialDesign
from bayes_ihlrt.trials.calibration import simulate_design
from bayes_ihlrt.trials.units import LocalPool, Task, simulator

RULE = {"quantity": "hazard-ratio", "below": 1.0}
LOOKS = [
    {"events": 20, "efficacy": [RULE | {"more_than": 0.9985}]},
    {"events": 40, "efficacy": [RULE | {"more_than": 0.976}]},
]
EARLY: dict[str, Any] = {
    "patients": 100,
    "max_months": 60.0,
    "accrual": {"rates": [10.0]},
    "treatment": {"name": "arm"},
    "outcome": {"formula": "arm", "hazard": {"family": "exponential"}},
    "priors": {"default": {"dist": "Normal", "mu": 0.0, "sigma": 10.0}},
    "looks": LOOKS,
}
BY_NLR = {
    **EARLY,
    "modifier": {"name": "nlr", "column": "nlr", "reference": 3.0},
    "outcome": {"formula": "arm * nlr", "hazard": {"family": "weibull"}},
    "priors": {},
}
HALVED = {"name": "half", "control": {"median": 12.0}, "effect": {"hr": [0.5]}}
RUNS = {
    "20 and 40 events, exponential": (EARLY, HALVED),
    "20 and 40 events, Weibull by NLR": (BY_NLR, HALVED),
    "120 and 200 events, Weibull by NLR": (DESIGN, TRUTH),
}


def measure(trials: int, workers: int) -> dict[str, dict[str, float]]:
    """Return rates by design, compiled before."""
    found = {}
    for name, (content, truth) in RUNS.items():
        design = TrialDesign.model_validate(content)
        scenario = ScenarioSpec.model_validate(truth)
        simulate_design(design, scenario, trials=1_024)
        wall, cpu = time.perf_counter(), time.process_time()
        one = simulate_design(design, scenario, trials=trials, pool=LocalPool(workers)).found
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        found[name] = {
            "trials_per_second": trials / wall,
            "trials_per_cpu_second": trials / cpu,
            "fits_per_cpu_second": _fits(Task(design, scenario, 1)),
            "success": one.success.estimate,
            "success_at_look_1": one.by_look[0].success.estimate,
        }
    return found


def _fits(task: Task) -> float:
    """Return Laplace fits a CPU second: modes and covariances of a block's looks alone."""
    found = simulator(task)
    members, rates = found.block(0).members, []
    for _ in range(4):
        cpu = time.process_time()
        modes = found.analysis.engine.gaussians(members, start=found.analysis.start, chunk=256)
        rates.append(len(modes.mean) / (time.process_time() - cpu))
    return max(rates[1:])


def _elsewhere(source: Path, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Measure other code with this script, in a process of its own."""
    command = [sys.executable, __file__, "--trials", str(options.trials)]
    command += ["--workers", str(options.workers), "--plain"]
    paths = os.pathsep.join([str(source), str(Path(__file__).parent)])
    environment = os.environ | {"PYTHONPATH": paths}
    told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return dict(json.loads(told.stdout))


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=8_192)
    parser.add_argument("--workers", type=int, default=available_cores())
    parser.add_argument("--against", type=Path)
    parser.add_argument("--plain", action="store_true", help="print this code's rates alone")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.plain or options.against is None:
        found: dict[str, Any] = measure(options.trials, options.workers)
    else:
        own = Path(__file__).resolve().parents[1] / "src"
        runs: dict[str, list[Any]] = {"here": [], "there": []}
        for _ in range(2):
            runs["there"].append(_elsewhere(options.against, options))
            runs["here"].append(_elsewhere(own, options))
        keys = ("trials_per_second", "trials_per_cpu_second", "fits_per_cpu_second")
        best = {
            where: {
                name: {key: max(run[name][key] for run in each) for key in keys} for name in RUNS
            }
            for where, each in runs.items()
        }
        ratios = {
            name: {key: best["here"][name][key] / best["there"][name][key] for key in keys}
            for name in RUNS
        }
        found = {"cores": available_cores(), "runs": runs, "ratio_here_to_there": ratios}
    print(json.dumps(found, indent=1))
    if options.out is not None:
        options.out.write_text(json.dumps(found, indent=1), "utf-8")


if __name__ == "__main__":
    main()
