"""Time and memory of whole commands on large synthetic inputs, over three sizes each.

    python benchmarks/scale.py [--cases wide rows ...] [--parts 4 2 1] [--page docs/validation/scale.md]

Each command is a process of its own on a file of its own, with programs compiled before (the
smallest size runs once unmeasured). `--parts 4 2 1` takes a quarter, a half and all of a case.
Every number of the page comes from one run of this script; the data are synthetic.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

ROOT = Path(__file__).resolve().parents[1]
COMMAND = [sys.executable, "-m", "bayes_ihlrt.cli.start"]
SAMPLER = """[sampler]
engine = "laplace"
draws = 1000
chains = 4
[estimands]
horizons = [24.0]
"""


def survival(rate: np.ndarray, start: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
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
{SAMPLER}at = [3.0]
""",
    )


def rows(folder: Path, n: int) -> None:
    """Start-stop rows, ten a patient, with a covariate that changes."""
    rng = np.random.default_rng([2, n])
    patients = n // 10
    found = survival(np.full(patients, 0.035), rng.exponential(30.0, patients), rng)
    months, start = found["os_months"], found["ihlrt_months"]
    cuts = np.sort(rng.uniform(0.0, months[:, None], (patients, 9)), axis=1)
    cuts = np.where(np.isnan(start)[:, None], cuts, cuts)
    treated_row = ~np.isnan(start)
    cuts[treated_row, 0] = start[treated_row]
    edges = np.column_stack([np.zeros(patients), np.sort(cuts, axis=1), months])
    began, stop = np.round(edges[:, :-1], 6), np.round(edges[:, 1:], 6)
    event = np.zeros((patients, 10), int)
    event[:, -1] = found["death"]
    columns = {
        "patient_id": np.repeat(np.char.add("P", np.arange(patients).astype(str)), 10),
        "from_month": began.ravel(),
        "to_month": stop.ravel(),
        "death": event.ravel(),
        "ihlrt": (began >= np.nan_to_num(np.round(start, 6), nan=1e9)[:, None]).astype(int).ravel(),
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
{SAMPLER}""",
    )


def trials(folder: Path, n: int) -> None:
    """Trials of the packaged plan `fixed_os`."""
    (folder / "trials").write_text(str(n), "utf-8")
