"""Time of `fit` for competing causes and for events between scans, at three sizes.

    python benchmarks/outcomes.py [--patients 80 300 2000] [--only causes] [--kept FILE] [--page]

Each fit is a process of its own, from its start to its written results by the Laplace engine,
programs compiled anew. Patients are synthetic, by the simulators of `validation/outside`. What was
measured is kept with the commit, so that sizes can be measured one by one; `--page` writes the
table of `docs/explanation/speed.md` from it. `processor` is time in seconds of all cores together,
which depends less than `wall` does on what else a machine does; `load` is that of the last minute.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from validation.outside import causes, intervals  # noqa: E402

COMMAND = [sys.executable, "-c", "from bayes_ihlrt.cli.start import main; main()"]
PAGE = ROOT / "docs" / "explanation" / "speed.md"
BEGIN, END = "<!-- outcomes: begin -->", "<!-- outcomes: end -->"
SEED = 23
SPECIFICATION = """
schema = 2
name = "outcomes"
[data]
patient = "id"
{event}
[treatment]
name = "trt"
start = "{start}"
[modifier]
name = "nlr"
column = "nlr"
transform = "log2"
reference = 3.0
[outcome]
formula = "trt * nlr"
[sampler]
engine = "laplace"
draws = 1000
chains = 4
[estimands]
horizons = [24.0]
"""
CASES = {
    "two causes": (
        causes.cohort,
        'time = "months"\nevent = { column = "cause", values = { tumour = 1, liver = 2 } }',
        "treated_months",
    ),
    "between scans": (
        intervals.cohort,
        'event = { left = "free", right = "found" }',
        "treated_months",
    ),
    # Of treatment between the event and the scan that found it, a known time knows that it came
    # too late.
    "one event at a known time": (
        intervals.cohort,
        'time = "true_months"\nevent = "progressed"',
        "true_start",
    ),
}


def measure(case: str, patients: int, folder: Path) -> dict[str, object]:
    """Time one fit."""
    simulator, event, start = CASES[case]
    frame = simulator(patients, SEED)
    frame.to_csv(folder / "cohort.csv", index=False)
    (folder / "specification.toml").write_text(SPECIFICATION.format(event=event, start=start))
    arguments = ["fit", "specification.toml", "--data", "cohort.csv", "--quiet", "--out", "out"]
    cache = folder / "cache"
    own = {"PYTENSOR_FLAGS": f"base_compiledir={cache}", "BAYES_IHLRT_PROGRAMS": str(cache)}
    flags = {**os.environ, **own, "PYTHONPATH": str(ROOT / "src")}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [*COMMAND, *arguments], check=True, cwd=folder, env=flags, stdout=subprocess.DEVNULL
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "case": case,
        "patients": patients,
        "processor": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "wall": wall,
        "load": os.getloadavg()[0],
        "commit": _commit(),
    }


def _commit() -> str:
    asked = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def table(lines: list[dict[str, object]]) -> str:
    """Return the Markdown table: a row a case and size."""
    commits = ", ".join(sorted({f"`{line['commit']}`" for line in lines}))
    loads = [float(line["load"]) for line in lines]
    rows = [
        f"| {line['case']} | {line['patients']:,} | {line['processor']:.0f} s |"
        for line in sorted(lines, key=lambda line: ([*CASES].index(line["case"]), line["patients"]))
    ]
    return "\n".join(
        [
            "`fit` of other outcomes, by Laplace with 4,000 draws, from process start to written "
            "results with figures, no compiled program kept (`benchmarks/outcomes.py`, commit "
            f"{commits}, once each, beside other work: a load of {min(loads):.0f} to "
            f"{max(loads):.0f} on two cores in the last minute of each). Processor time is of all "
            "cores together. Two causes are two fits.",
            "",
            "| event | patients | processor time |",
            "|---|---:|---:|",
            *rows,
        ]
    )


def main() -> None:
    """Measure what is not kept yet; write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, nargs="+", default=[80, 300, 2000])
    parser.add_argument("--only", choices=CASES, action="append")
    parser.add_argument("--kept", type=Path, default=Path("outcomes.jsonl"))
    parser.add_argument("--page", action="store_true")
    given = parser.parse_args()
    lines = []
    if given.kept.exists():
        lines = [json.loads(line) for line in given.kept.read_text().splitlines()]
    known = {(line["case"], line["patients"]) for line in lines}
    for case in given.only or CASES:
        for patients in given.patients:
            if given.page or (case, patients) in known:
                continue
            with tempfile.TemporaryDirectory() as folder:
                lines.append(measure(case, patients, Path(folder)))
            with given.kept.open("a") as file:
                file.write(json.dumps(lines[-1]) + "\n")
    told = table(lines)
    print(told)
    if given.page:
        text = PAGE.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(f"{before}{BEGIN}\n{told}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
