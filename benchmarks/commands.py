"""Wall time of commands from process start to written results.

    python benchmarks/commands.py [--repeat 3]

Beside each command stands how many times longer it takes than the peer: a process that imports
PyMC, BlackJAX and ArviZ, which every fit has to. "Cold" starts from an empty compilation cache.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = [str(Path(sys.executable).with_name("bayes-ihlrt"))]
PEER = [sys.executable, "-c", "import pymc, blackjax, arviz"]
FIT = ["fit", "primary", "--data", "ihlrt_synthetic", "--quiet"]
ANSWER = [word for word in FIT if word != "--quiet"]
COMMANDS = {
    "--help": ["--help"],
    "check": ["check", "primary", "--data", "ihlrt_synthetic"],
    "fit, cold": FIT,
    "fit, warm": FIT,
    "fit, warm, to the answer": ANSWER,
}


def seconds(command: list[str], cache: Path) -> float:
    """Return the wall time of one process."""
    own = {"PYTENSOR_FLAGS": f"base_compiledir={cache}", "BAYES_IHLRT_PROGRAMS": str(cache)}
    flags = {**os.environ, **own}
    # An installed package has its bytecode: what a shell forbids to write would be compiled anew.
    flags.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    subprocess.run(command, check=True, env=flags, capture_output=True)
    return time.perf_counter() - began


def measure(repeat: int, folder: Path) -> dict[str, float]:
    """Return the shortest time of each command, the peer's first; what is cold runs once."""
    cache = folder / "cache"
    found = {"peer": min(seconds(PEER, cache) for _ in range(repeat + 1))}
    for name, arguments in COMMANDS.items():
        times = []
        for number in range(1 if name.endswith("cold") else repeat):
            out = ["--out", str(folder / f"{name}-{number}")] if arguments is FIT else []
            times.append(seconds([*COMMAND, *arguments, *out], cache))
        found[name] = min(times)
    return found


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options.repeat, Path(folder))
    print("| process | wall time | times the imports of PyMC, BlackJAX and ArviZ |")
    print("|---|---:|---:|")
    for name, wall in found.items():
        print(f"| {name} | {wall:.1f} s | {wall / found['peer']:.2f} |")


if __name__ == "__main__":
    main()
