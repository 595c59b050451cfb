"""Run commands with one seed on one core and on two, with programs compiled anew and read back.

python -m validation.robust.same [COMMAND ...]      # as JSON

Each run is a process of its own (`tests/determinism.py`): JAX counts cores once.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "determinism.py"
COMMANDS = {
    "laplace": "fit (Laplace)",
    "nuts": "fit (NUTS)",
    "ladder": "ladder",
    "sensitivity": "sensitivity",
    "diagnose": "diagnose",
    "plan": "plan",
}
"""What the script is asked for, and what a user calls it."""
WARM, CORES, COLD = "one core, warm", "two cores, warm", "two cores, cold"
"""What is compared with one core and an empty cache; the last with two cores and a warm one."""


def run(what: str, *, cores: int, programs: Path) -> Any:
    """Return what a command gives in a process of its own."""
    environment = {**os.environ, "BAYES_IHLRT_PROGRAMS": str(programs)}
    command = [sys.executable, str(SCRIPT), what, str(cores)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def difference(left: Any, right: Any) -> float:
    """Return the largest relative difference of numbers; infinity where anything else differs.

    Examples
    --------
    >>> difference({"a": [1.0, None]}, {"a": [1.0, None]}), difference([1.0], [1.5])
    (0.0, 0.5)
    >>> difference({"a": 1}, {"b": 1}), difference("x", 1.0), difference([1], [1, 1])
    (inf, inf, inf)
    """
    if type(left) is not type(right):
        return math.inf
    if isinstance(left, dict):
        if left.keys() != right.keys():
            return math.inf
        return max((difference(left[name], right[name]) for name in left), default=0.0)
    if isinstance(left, list):
        if len(left) != len(right):
            return math.inf
        return max((difference(*pair) for pair in zip(left, right, strict=True)), default=0.0)
    if isinstance(left, float) and not (left == right or (math.isnan(left) and math.isnan(right))):
        apart = abs(left - right) / (abs(left) or 1.0)
        return apart if math.isfinite(apart) else math.inf
    return 0.0 if left == right or isinstance(left, float) else math.inf


def numbers(value: Any) -> int:
    """Return how many numbers plain data hold."""
    if isinstance(value, dict):
        return sum(map(numbers, value.values()))
    if isinstance(value, list):
        return sum(map(numbers, value))
    return int(isinstance(value, int | float) and not isinstance(value, bool))


def compared(what: str, folder: Path) -> dict[str, Any]:
    """Run a command four times, and return how far its results are from each other."""
    first = run(what, cores=1, programs=folder / "programs")
    again = run(what, cores=1, programs=folder / "programs")
    warm = run(what, cores=2, programs=folder / "programs")
    cold = run(what, cores=2, programs=folder / "others")
    apart = {WARM: (first, again), CORES: (first, warm), COLD: (warm, cold)}
    found = {name: difference(*pair) for name, pair in apart.items()}
    return {"numbers": numbers(first), "apart": found}


def main(commands: list[str]) -> None:
    """Print rows as JSON."""
    rows = []
    for what in commands:
        with tempfile.TemporaryDirectory() as folder:
            rows.append({"command": COMMANDS[what], **compared(what, Path(folder))})
            print(rows[-1], file=sys.stderr, flush=True)
    print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="*", choices=[*COMMANDS, []])
    main(parser.parse_args().commands or list(COMMANDS))
