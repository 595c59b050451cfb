"""Compare fitting with Bambi's censored Weibull model on the same synthetic data.

Run with this project's Python and name the Python of an environment that holds ``bambi==0.21.*``:

    python benchmarks/fit.py --peer PYTHON [--sizes 80 2000 20000] [--out FILE]

Both packages sample with nutpie, each at its own default acceptance target, one process a fit.
"Cold" starts from an empty compilation cache, "warm" repeats it. The smallest bulk effective
sample size is taken over coefficients, intercept, shape, group scale and group effects on their
reported scale. Bambi's coefficients are those of the accelerated failure time form, so its
Normal(0, 1) priors sit on -b / shape.
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


def run(python: str, worker: str, n: int, cache: Path) -> dict[str, object]:
    """Run one worker in its own process and return what it measured."""
    result = cache / "result.json"
    flags = {**os.environ, "PYTENSOR_FLAGS": f"base_compiledir={cache}"}
    start = time.perf_counter()
    subprocess.run(
        [python, "-W", "ignore", str(HERE / worker), str(n), str(result)], check=True, env=flags
    )
    wall = time.perf_counter() - start
    measured = json.loads(result.read_text(encoding="utf-8"))
    after = measured["stages"].get("refit", 0.0)
    rate = measured["min_ess_bulk"] / measured["stages"]["sampling"]
    return {**measured, "wall": wall - after, "ess_per_second": rate}


def compare(peer: str, n: int) -> dict[str, object]:
    """Run both packages cold and warm at one size."""
    row: dict[str, object] = {"n": n}
    with tempfile.TemporaryDirectory() as folder:
        for name, python, worker in (
            ("ours", sys.executable, "fit_bayes_ihlrt.py"),
            ("bambi", peer, "fit_bambi.py"),
        ):
            cache = Path(folder) / name
            cache.mkdir()
            row[name] = {
                "cold": run(python, worker, n, cache),
                "warm": run(python, worker, n, cache),
            }
    ours, bambi = row["ours"]["warm"], row["bambi"]["warm"]
    row["ess_ratio"] = ours["ess_per_second"] / bambi["ess_per_second"]
    return row


def table(rows: list[dict[str, object]]) -> str:
    """Return the comparison as a Markdown table."""
    lines = [
        "| n | min bulk ESS/s, ours | Bambi | ratio | wall cold, ours | Bambi | wall warm, ours "
        "| Bambi | refit, ours |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ours, bambi = row["ours"], row["bambi"]
        lines.append(
            f"| {row['n']:,} | {ours['warm']['ess_per_second']:,.0f} "
            f"| {bambi['warm']['ess_per_second']:,.1f} | {row['ess_ratio']:.0f} "
            f"| {ours['cold']['wall']:.0f} s | {bambi['cold']['wall']:.0f} s "
            f"| {ours['warm']['wall']:.0f} s | {bambi['warm']['wall']:.0f} s "
            f"| {ours['warm']['stages']['refit']:.2f} s |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run every size, print the table, write the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[80, 2_000, 20_000])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    for n in options.sizes:
        rows.append(compare(options.peer, n))
        print(table(rows), flush=True)
        if options.out is not None:
            options.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
