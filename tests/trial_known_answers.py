"""Known answers of simulated trials; writes docs/validation/trials.md.

    python tests/trial_known_answers.py docs/validation/trials.md [BENCHMARK.json]

A benchmark file is what `benchmarks/trials.py --out` wrote.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import interim_cases
import trial_cases as cases
from bayes_ihlrt.interim.monitor import Settings, run_interim
from bayes_ihlrt.trials.calibration import calibrate_threshold, simulate_design
from bayes_ihlrt.trials.closed_forms import (
    average_hazard_ratio,
    exact_threshold,
    normal_assurance,
    schoenfeld_power,
    sequential_rejection,
)
from bayes_ihlrt.trials.decisions import Verdict, decide
from bayes_ihlrt.trials.operating import share
from bayes_ihlrt.trials.units import Task, simulator

TRIALS = 8_192


def one_look(patients, events, *, threshold=0.975, **effect):
    rule = cases.SUCCESS | {"more_than": threshold}
    design = cases.design(
        patients=patients, looks=[{"events": events, "efficacy": [rule]}], accrual={"rates": [50.0]}
    )
    return simulate_design(design, cases.scenario(**effect), trials=TRIALS).found


def powers():
    """Every patient is followed until nearly all have died, so that arms have equal events."""
    wanted = [
        ("power, hazard ratio .7, 100 events", 110, 100, 0.025, {"hr": [0.7]}),
        ("power, hazard ratio .5, 66 events (80 %)", 72, 66, 0.025, {"hr": [0.5]}),
        ("power, hazard ratio .5, 88 events (90 %)", 96, 88, 0.025, {"hr": [0.5]}),
        ("power, hazard ratio .72, 155 events, one-sided .05", 170, 155, 0.05, {"hr": [0.72]}),
    ]
    for name, patients, events, alpha, effect in wanted:
        found = one_look(patients, events, threshold=1.0 - alpha, **effect).success
        yield name, found, schoenfeld_power(effect["hr"][0], events=events, alpha=alpha)
    found = one_look(416, 379, hr=[0.75], log_hr_sd=0.2).success
    exact = normal_assurance(0.75, log_hr_sd=0.2, events=379, alpha=0.025)
    yield "assurance, log hazard ratio ~ N(log .75, .2), 379 events", found, exact


def errors():
    null = simulate_design(cases.design(), cases.scenario(hr=[1.0]), trials=TRIALS)
    stops = sequential_rejection([1.959964] * 2, [50, 100])
    single = one_look(110, 100, hr=[1.0]).success
    yield "type I error, one look at P > .975, flat prior", single, 0.025
    yield "type I error, two looks at P > .975 (50, 100 events)", null.found.success, sum(stops)
    tuned = calibrate_threshold(cases.design(), null.table, alpha=0.025)
    strict = exact_threshold(0.025, [50, 100])
    won = (null.table["probability"][:, :, 0] > strict).any(axis=1)
    yield f"type I error at the exact threshold {strict:.4f}", share(won), 0.025
    CALIBRATED.append((tuned.threshold, strict, tuned.success))


CALIBRATED = []


def delayed():
    looks = [{"min_follow_up": 24.0, "efficacy": [cases.SUCCESS]}]
    design = cases.design(patients=4_000, accrual={"rates": [1e6]}, looks=looks)
    truth = cases.scenario(hr=[1.0, 0.6], cuts=[3.0], median=float(np.log(2.0) / 0.05))
    found = simulate_design(design, truth, trials=256).found.targets[0].estimate
    exact = average_hazard_ratio(hazard=0.05, hr=[1.0, 0.6], cuts=[3.0], follow_up=24.0)
    yield "mean log hazard ratio, effect delayed by 3 months (4,000 patients)", found, np.log(exact)


GOLDILOCKS = {
    0.975: {"power": 0.918},
    0.98: {"power": 0.920, "stops early for success": 0.890, "stops early for futility": 0.044},
}
"""By the threshold; one-sided here, two-sided (.05, .04) there. Of 500 simulated trials."""


def goldilocks_design(threshold):
    """Return the design of the two-arm vignette of the R package goldilocks.

    300 patients, 5 a month, each followed for 12 months; looks from 100 patients on, after every
    25; futility under .1, from 125 on accrual stops at .9; 50 continuations.
    """
    ahead = {"quantity": "predictive-probability", "draws": 50}
    looks = [
        {
            "min_follow_up": 0.0,
            "patients": number,
            "futility": [ahead | {"less_than": 0.1}],
            "stop_accrual": [ahead | {"sample": "current", "more_than": 0.9}] * (number > 100),
        }
        for number in range(100, 300, 25)
    ]
    success = cases.SUCCESS | {"more_than": threshold}
    return cases.design(
        patients=300,
        accrual={"rates": [5.0]},
        arms={"block": 2},
        max_follow_up=12.0,
        looks=[*looks, {"min_follow_up": 12.0, "efficacy": [success]}],
    )


def goldilocks():
    """A published adaptive design; its own Monte Carlo error counts too."""
    hazards = -np.log([0.3, 0.5]) / 12.0
    truth = cases.scenario(median=float(np.log(2.0) / hazards[0]), hr=[hazards[1] / hazards[0]])
    for threshold, known in GOLDILOCKS.items():
        design = goldilocks_design(threshold)
        found = simulator(Task(design, truth, 5))
        table = found.statistics(found.block(0))
        done = decide(design, table)
        shares = {
            "power": done.verdict == Verdict.SUCCESS,
            "stops early for success": done.stopped >= 0,
            "stops early for futility": done.verdict == Verdict.FUTILITY,
        }
        for name, exact in known.items():
            one = share(shares[name])
            error = float(np.hypot(one.mcse, np.sqrt(exact * (1.0 - exact) / 500)))
            yield f"goldilocks, P > {threshold:g}: {name}", replace(one, mcse=error), exact


def running():
    """A running trial with the posterior of trial A of RBesT's vignette on co-data."""
    with TemporaryDirectory() as folder:
        patients = interim_cases.rows(deaths=162, hr=0.83, patients=600, hazard=0.02)
        data = interim_cases.write(Path(folder) / "so_far.csv", patients)
        found = run_interim(interim_cases.plan(), data, Settings(draws=4_096))
    ways = {(one.name, one.at_mode, one.assumed_hr): one for one in found.continuations}
    name = "running trial, 162 deaths, hazard ratio .83"
    yield f"{name}: predictive probability", ways["go on", False, None].success, 0.4466
    exact, error = interim_cases.continued(0.75)
    one = ways["go on", True, 0.75].success
    one = replace(one, mcse=float(np.hypot(one.mcse, error)))
    yield f"{name}: conditional power at .75", one, exact


def rows():
    for group in (powers, errors, delayed, goldilocks, running):
        yield from group()


def page(benchmark=None):
    """Return the page."""
    lines = [
        "# Simulated trials",
        "",
        "Written by `tests/trial_known_answers.py`. Known answers are closed forms or numerical",
        f"integration (`trials/closed_forms.py`); {TRIALS:,} trials each, exponential model,",
        "flat priors. Asymptotic formulae treat 1/d1 + 1/d0 as 4/d,",
        "so each patient is followed until nearly all have had the event.",
        "",
        "| quantity | simulated | Monte Carlo error | known | difference / error |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, found, exact in rows():
        gap = (found.estimate - exact) / found.mcse
        lines.append(
            f"| {name} | {found.estimate:.4f} | {found.mcse:.4f} | {exact:.4f} | {gap:+.1f} |"
        )
    threshold, exact, success = CALIBRATED[0]
    lines += [
        "",
        "goldilocks: the two-arm vignette of the R package (Broglio KR, Connor JT, Berry SM. J",
        "Biopharm Stat 2014;24:685-705), 256 trials with 50 continuations at each of eight looks;",
        "there 500 with 100, whose Monte Carlo error is counted in. Running trial: trial A of",
        "RBesT's vignette on co-data, 4,096 continuations; its conditional power is compared with",
        "40,000 continuations of the same data in NumPy alone (`tests/interim_cases.py`), whose",
        "Monte Carlo error is counted in: the vignette's formula (.7088) takes deaths as equal in",
        "the arms, which at a hazard ratio of .75 they are not.",
        "",
        f"`calibrate_threshold` found {threshold:.4f} for two looks from stored statistics "
        f"(success {success.estimate:.4f}); the exact one is {exact:.4f}, a z value of "
        f"{_z(threshold):.3f} against {_z(exact):.3f}.",
        "",
        "Against rpact 3.3.4 (three looks, O'Brien-Fleming): `tests/golden/test_trials_rpact.py`.",
        "Kills, resumption and Dask workers: `tests/slow/test_trial_runs.py`.",
    ]
    return "\n".join([*lines, *(speed(benchmark) if benchmark else [])]) + "\n"


def _z(probability):
    from scipy.special import ndtri

    return float(ndtri(probability))


def speed(found):
    """Return the lines about speed."""
    lines = [
        "",
        "## Speed",
        "",
        "`benchmarks/trials.py`: two arms, 300 patients, looks at 120 and 200 events, Weibull",
        "model with interaction; simulation, cuts, fits, decisions and operating characteristics.",
        f"{found['cores']} cores of a CPU, load average {found['load']:.1f} when it began; on a",
        "shared machine compare CPU times. No GPU was at hand.",
        "",
        "| run | trials | wall, s | CPU, s | trials a second | trials a CPU second |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    runs = [("one thread", run) for run in found["scaling"]] + [("threads", found["workers"])]
    if "large" in found:
        runs.append(("large", found["large"]))
    for name, run in runs:
        lines.append(
            f"| {name} | {run['trials']:,} | {run['wall_seconds']:.1f} | {run['cpu_seconds']:.1f} "
            f"| {run['trials_per_second']:,.0f} | {run['trials_per_cpu_second']:,.0f} |"
        )
    lines += ["", f"Compilation: {found['compile_cpu_seconds']:.0f} s of CPU, once a design."]
    if "large" in found:
        lines.append(f"Peak memory of the large run: {found['peak_gb']:.2f} GB.")
    return lines


def main():
    benchmark = json.loads(Path(sys.argv[2]).read_text("utf-8")) if len(sys.argv) > 2 else None
    Path(sys.argv[1]).write_text(page(benchmark), "utf-8")


if __name__ == "__main__":
    main()
