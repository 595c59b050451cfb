"""Compare fitting with Bambi's censored Weibull model on the same synthetic data.

Run with this project's Python and name the Python of an environment that holds ``bambi==0.21.*``:

    python benchmarks/fit.py --peer PYTHON [--sizes 80 2000 20000] [--out FILE]

One process a fit, each package at its own default acceptance target. Bambi runs twice: as
``Model.fit`` does when Bambi alone is installed (PyMC's sampler), and its graph through nutpie,
the sampler of this project, which leaves the formulation as the difference. "Cold" starts from an
empty compilation cache (smallest size only). The smallest bulk effective sample size is taken
over coefficients, intercept, shape, group scale and group effects on their reported scale. Bambi's
coefficients are those of the accelerated failure time form, so its Normal(0, 1) priors sit on
-b / shape.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent


WORKERS = {
    "bayes_ihlrt": (None, ["fit_bayes_ihlrt.py"]),
    "Bambi, its default sampler": ("peer", ["fit_bambi.py", "default"]),
    "Bambi's graph with nutpie": ("peer", ["fit_bambi.py", "nutpie"]),
}


def run(command: list[str], n: int, cache: Path) -> dict[str, object]:
    """Run one worker in its own process and return what it measured."""
    result = cache / "result.json"
    own = {"PYTENSOR_FLAGS": f"base_compiledir={cache}", "BAYES_IHLRT_PROGRAMS": str(cache)}
    flags = {**os.environ, **own}
    start = time.perf_counter()
    subprocess.run([*command, str(n), str(result)], check=True, env=flags)
    wall = time.perf_counter() - start
    measured = json.loads(result.read_text(encoding="utf-8"))
    stages = measured["stages"]
    rate = measured["min_ess_bulk"] / stages["sampling"]
    return {**measured, "wall": wall - stages.get("refit", 0.0), "ess_per_second": rate}


def compare(peer: str, n: int, folder: Path, *, cold: bool) -> dict[str, dict[str, object]]:
    """Run every package at one size; `cold` runs each once before, from an empty cache."""
    row: dict[str, dict[str, object]] = {}
    for number, (name, (which, script)) in enumerate(WORKERS.items()):
        cache = folder / f"cache-{number}"
        cache.mkdir(exist_ok=True)
        python = sys.executable if which is None else peer
        command = [python, "-W", "ignore", str(HERE / script[0]), *script[1:]]
        first = run(command, n, cache) if cold else None
        row[name] = {**run(command, n, cache), "cold": first and first["wall"]}
    return row


def table(rows: dict[int, dict[str, dict[str, object]]]) -> str:
    """Return the comparison as a Markdown table."""
    lines = [
        "| patients | package | min bulk ESS/s | ours is | wall, warm | wall, cold | refit |",
        "|---|---|---|---|---|---|---|",
    ]
    for n, row in rows.items():
        ours = row["bayes_ihlrt"]["ess_per_second"]
        for name, measured in row.items():
            refit = measured["stages"].get("refit")
            rate, cold = measured["ess_per_second"], measured["cold"]
            lines.append(
                f"| {n:,} | {name} | {rate:,.3g} | {ours / rate:,.3g} x "
                f"| {measured['wall']:.0f} s | {f'{cold:.0f} s' if cold else '-'} "
                f"| {f'{refit:.2f} s' if refit else '-'} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Run every size, print the table, write the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[80, 2_000, 20_000])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows: dict[int, dict[str, dict[str, object]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for n in options.sizes:
            rows[n] = compare(options.peer, n, Path(folder), cold=n == min(options.sizes))
            print(table(rows), flush=True)
            if options.out is not None:
                options.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
