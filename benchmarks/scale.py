"""Time and memory of whole commands on large synthetic inputs, at three sizes each.

    python benchmarks/scale.py [CASE ...] [--parts 4 2 1] [--commands fit] [--kept FILE] [--page]

Each command is a process of its own on a file of its own, from its start to its written results,
compilation included. What was measured is kept, so that cases can be measured one by one; `--page`
writes `docs/validation/scale.md` from it. The data are synthetic.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import log2
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

ROOT = Path(__file__).resolve().parents[1]
COMMAND = [sys.executable, "-c", "from bayes_ihlrt.cli.start import main; main()"]
NOT_TRUSTED = 3
PAGE = ROOT / "docs" / "validation" / "scale.md"
MEMORY = 9.0
"""Gigabytes at which a command is ended."""
PATIENCE = 3_600.0
"""Seconds after which it is."""
SAMPLER = """[sampler]
engine = "laplace"
draws = 1000
chains = 4
[estimands]
horizons = [24.0]
"""


def survival(
    rate: np.ndarray, start: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return synthetic follow-up: exponential, hazard ratio 0.74 from the start of treatment on."""
    target = rng.exponential(size=rate.size)
    untreated = target / rate
    treated = start + (target - rate * start) / (rate * 0.74)
    event_time = np.where(untreated < start, untreated, treated)
    censoring = rng.uniform(12.0, 48.0, rate.size)
    months = np.minimum(event_time, censoring)
    return {
        "os_months": np.round(months, 4) + 0.001,
        "death": (event_time <= censoring).astype(int),
        "ihlrt_months": np.where(start < months, np.round(start, 4), np.nan),
    }


def write_cohort(folder: Path, columns: dict[str, np.ndarray], specification: str) -> None:
    """Write a cohort and its specification."""
    patients = pa.array(np.char.add("P", np.arange(next(iter(columns.values())).size).astype(str)))
    arrays = {"patient_id": patients} if "patient_id" not in columns else {}
    arrays |= {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
    csv.write_csv(pa.table(arrays), folder / "cohort.csv")
    (folder / "specification.toml").write_text(specification, "utf-8")


def wide(folder: Path, n: int) -> None:
    """Patients with 50 covariates in 1,000 centres."""
    rng = np.random.default_rng([1, n])
    covariates = {f"x{k}": np.round(rng.normal(size=n), 3) for k in range(1, 50)}
    nlr = np.round(3.0 * np.exp(0.6 * rng.normal(size=n)), 2)
    centre = rng.integers(0, 1000, n)
    effect = 0.3 * rng.normal(size=1000)
    linear = 0.3 * np.log2(nlr / 3.0) + 0.1 * covariates["x1"] - 0.1 * covariates["x2"]
    rate = 0.035 * np.exp(linear + effect[centre])
    columns = survival(rate, rng.exponential(30.0, n), rng)
    columns |= {"centre": np.char.add("C", centre.astype(str)), "nlr": nlr} | covariates
    formula = " + ".join(["ihlrt * nlr", *covariates])
    write_cohort(
        folder,
        columns,
        f"""schema = 2
name = "wide"
data = {{ patient = "patient_id", time = "os_months", event = "death", centre = "centre" }}
treatment = {{ name = "ihlrt", start = "ihlrt_months" }}
modifier = {{ name = "nlr", column = "nlr", transform = "log2", reference = 3.0 }}
[outcome]
formula = "{formula}"
group = "(1 | centre)"
hazard = {{ family = "weibull" }}
{SAMPLER.replace("draws = 1000", "draws = 2000")}at = [3.0]
""",
    )


def rows(folder: Path, n: int) -> None:
    """Start-stop rows, ten a patient, with a covariate that changes."""
    rng = np.random.default_rng([2, n])
    patients = n // 10
    found = survival(np.full(patients, 0.035), rng.exponential(30.0, patients), rng)
    months, start = found["os_months"], found["ihlrt_months"]
    cuts = np.sort(rng.uniform(0.0, months[:, None], (patients, 9)), axis=1)
    treated_row = ~np.isnan(start)
    cuts[treated_row, 0] = start[treated_row]
    edges = np.column_stack([np.zeros(patients), np.sort(cuts, axis=1), months])
    began, stop = np.round(edges[:, :-1], 9), np.round(edges[:, 1:], 9)
    event = np.zeros((patients, 10), int)
    event[:, -1] = found["death"]
    columns = {
        "patient_id": np.repeat(np.char.add("P", np.arange(patients).astype(str)), 10),
        "from_month": began.ravel(),
        "to_month": stop.ravel(),
        "death": event.ravel(),
        "ihlrt": (began >= np.nan_to_num(np.round(start, 9), nan=1e9)[:, None]).astype(int).ravel(),
        "nlr": np.round(3.0 * np.exp(0.6 * rng.normal(size=patients * 10)), 2),
        "albi": np.repeat(np.round(rng.normal(-2.4, 0.5, patients), 2), 10),
    }
    write_cohort(
        folder,
        columns,
        f"""schema = 2
name = "rows"
data = {{ patient = "patient_id", start = "from_month", stop = "to_month", event = "death" }}
treatment = {{ name = "ihlrt", column = "ihlrt" }}
modifier = {{ name = "nlr", column = "nlr", transform = "log2", reference = 3.0 }}
[outcome]
formula = "ihlrt * nlr + albi"
hazard = {{ family = "weibull" }}
{SAMPLER}at = [3.0]
""",
    )


def piecewise(folder: Path, n: int) -> None:
    """Patients of a piecewise model with categorical covariates in 50 centres."""
    rng = np.random.default_rng([3, n])
    high, grade, centre = rng.integers(0, 2, n), rng.integers(1, 4, n), rng.integers(0, 50, n)
    effect = 0.3 * rng.normal(size=50)
    rate = 0.035 * np.exp(0.4 * high + 0.3 * (grade - 2) + effect[centre])
    columns = survival(rate, rng.exponential(30.0, n), rng)
    columns |= {"nlr_high": high, "albi_grade": np.char.add("grade ", grade.astype(str))}
    columns["centre"] = np.char.add("C", centre.astype(str))
    write_cohort(
        folder,
        columns,
        f"""schema = 2
name = "piecewise"
data = {{ patient = "patient_id", time = "os_months", event = "death", centre = "centre" }}
treatment = {{ name = "ihlrt", start = "ihlrt_months" }}
[outcome]
formula = "ihlrt * nlr_high + albi_grade"
group = "(1 | centre)"
hazard = {{ family = "piecewise", cuts = [3.0, 6.0, 12.0, 24.0] }}
{SAMPLER.replace("laplace", "nuts")}""",
    )


def trials(folder: Path, n: int) -> None:
    """Trials of the packaged plan `fixed_os` need no file."""


@dataclass(frozen=True)
class Case:
    """What is measured: an input of some size, and the commands that read it."""

    size: int
    unit: str
    what: str
    write: Callable[[Path, int], None]
    commands: tuple[str, ...]


COHORT = ("check", "fit")
EVERY = [*COHORT, "plan"]
CASES = {
    "wide": Case(
        200_000,
        "patients",
        "50 covariates and 1,000 centres, Weibull",
        wide,
        COHORT,
    ),
    "rows": Case(
        1_000_000,
        "start-stop rows",
        "ten a patient, two covariates, Weibull",
        rows,
        COHORT,
    ),
    "piecewise": Case(
        1_000_000,
        "patients",
        "two categorical covariates and 50 centres, piecewise hazard",
        piecewise,
        COHORT,
    ),
    "trials": Case(
        100_000,
        "trials",
        "of each of two designs under each scenario of `fixed_os`, none audited",
        trials,
        ("plan",),
    ),
}


def words(command: str, n: int) -> list[str]:
    """Return a command as it is typed in the folder of its input."""
    if command == "plan":
        return ["plan", "fixed_os", "--trials", str(n), "--audit", "0", "--out", "out", "--quiet"]
    out = ["--out", "out", "--quiet"] if command == "fit" else []
    return [command, "specification.toml", "--data", "cohort.csv", *out]


def resident(process: int) -> float:
    """Return the gigabytes that a process holds in memory."""
    try:
        status = Path(f"/proc/{process}/status").read_text("utf-8")
    except FileNotFoundError:
        return 0.0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
    return float(found[0]) / 2**20 if found else 0.0


def measured(command: list[str], folder: Path) -> dict[str, float | str]:
    """Run one process to its end, or to a limit, and return what it took."""
    began, load, ended = time.perf_counter(), [os.getloadavg()[0]], ""
    with (folder / "log").open("w") as told:
        run = subprocess.Popen([*COMMAND, *command], cwd=folder, stdout=told, stderr=told)
    done, status, usage = 0, 0, None
    while not done:
        done, status, usage = os.wait4(run.pid, os.WNOHANG)
        time.sleep(0.1)
        load.append(os.getloadavg()[0])
        if not ended and resident(run.pid) > MEMORY:
            ended = f"more than {MEMORY:.0f} GB"
        elif not ended and time.perf_counter() - began > PATIENCE:
            ended = f"more than {PATIENCE / 60.0:.0f} minutes"
        if ended and not done:
            # `run.kill` would look whether the process has ended, and take its usage away.
            os.kill(run.pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(status)
    if code == NOT_TRUSTED:
        ended = "refused: posterior not to be trusted"
    elif not ended and code != 0:
        sys.exit((folder / "log").read_text("utf-8"))
    return {
        "ended": ended,
        "seconds": time.perf_counter() - began,
        "processor": usage.ru_utime + usage.ru_stime,
        "gigabytes": usage.ru_maxrss / 2**20,
        "load": float(np.mean(load)),
    }


def measure(names: list[str], parts: list[int], commands: list[str], kept: Path) -> None:
    """Measure cases from small to large, and keep each row as soon as it is known."""
    for name in names:
        case = CASES[name]
        for part in sorted(parts, reverse=True):
            n = case.size // part
            with tempfile.TemporaryDirectory() as folder:
                case.write(Path(folder), n)
                for command in [one for one in case.commands if one in commands]:
                    row = measured(words(command, n), Path(folder))
                    found = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
                    found[f"{name} {command} {n}"] = row
                    kept.write_text(json.dumps(found, indent=1), "utf-8")
                    print(f"{name} {command} {n}: {row}", flush=True)


HEAD = f"""# Scale

Written by `python benchmarks/scale.py --page`. Each row is one process on two cores, from its start
to its written results, loading and compilation included; data are synthetic. The engine is Laplace
with 4,000 draws (8,000 for 1,000 centres), for the piecewise model NUTS (a Laplace approximation of
250,000 patients in 50 centres was refused, Pareto k-hat 1.01); `fit` writes its figures too. Of
20,000 patients in 1,000 centres 4,000 draws were refused by a hair: effective sample size 399 of
the 400 that are needed, after 229 s of processor time. What bounds memory is told
under [limits](../reference/limits.md). *Processor* is the time of
both cores together, and says most: other work ran on the machine, as the mean load shows (2 is both
cores busy, this process included). *Growth* is the power of the size with which processor time and
memory grow from the row before (1 is in proportion). A command is ended at {MEMORY:.0f} GB or
{PATIENCE / 60:.0f} minutes.

| command | size | wall | processor | peak memory | growth of time, memory | load |
|---|---:|---:|---:|---:|---:|---:|
"""


def growth(before: tuple[int, dict] | None, n: int, row: dict) -> str:
    """Return with which power of the size time and memory grow from the row before."""
    if before is None or row["ended"] or before[1]["ended"]:
        return "-"
    size, other = before
    powers = [log2(row[key] / other[key]) / log2(n / size) for key in ("processor", "gigabytes")]
    return ", ".join(f"{power:.2f}" for power in powers)


def table(kept: dict[str, dict]) -> str:
    """Return the rows that were measured, case by case."""
    lines = []
    for name, case in CASES.items():
        for command in case.commands:
            before = None
            sizes = sorted(int(k.split()[2]) for k in kept if k.startswith(f"{name} {command} "))
            for n in sizes:
                row = kept[f"{name} {command} {n}"]
                told = f"`{command}`: {case.unit}, {case.what}" if before is None else ""
                wall = row["ended"] or f"{row['seconds']:.0f} s"
                memory = f"{row['gigabytes']:.1f} GB"
                cells = [told, f"{n:,}", wall, f"{row['processor']:.0f} s", memory]
                cells += [growth(before, n, row), f"{row['load']:.1f}"]
                lines.append(f"| {' | '.join(cells)} |")
                before = (n, row)
    return "\n".join(lines) + "\n"


def unreached(kept: dict[str, dict]) -> str:
    """Return which full sizes have no row, with the largest that has one."""
    lines = []
    for name, case in CASES.items():
        for command in case.commands:
            own = {key: row for key, row in kept.items() if key.startswith(f"{name} {command} ")}
            done = [int(key.split()[2]) for key, row in own.items() if not row["ended"]]
            if max(done, default=0) < case.size:
                largest = f"the largest that ended is {max(done):,}" if done else "no size ended"
                what = f"`{command}` of {case.size:,} {case.unit}, {case.what}"
                lines.append(f"- {what}: {largest}\n")
    return "".join(["\n## Sizes not reached or not yet measured\n\n", *lines]) if lines else ""


def main() -> None:
    """Measure the cases that are named, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--parts", type=int, nargs="+", default=[4, 2, 1])
    parser.add_argument("--commands", nargs="+", choices=EVERY, default=EVERY)
    parser.add_argument("--kept", type=Path, default=Path("scale.json"))
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.cases) - CASES.keys():
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    measure(options.cases, options.parts, options.commands, options.kept)
    if options.page:
        kept = json.loads(options.kept.read_text("utf-8"))
        PAGE.write_text(HEAD + table(kept) + unreached(kept), "utf-8")


if __name__ == "__main__":
    main()
