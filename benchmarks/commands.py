"""Wall and processor time of commands from process start to written results.

    python benchmarks/commands.py [--repeat 3] [--only "fit, warm"] [--against SRC]

Beside each command stands how many times longer it takes than the peer: a process that imports
PyMC, BlackJAX and ArviZ, which every fit has to. "Cold" starts from an empty compilation cache.
Processor time is of all cores, and hardly depends on what else a machine does. `--against` names
the `src` of another version, which is measured in turn.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

COMMAND = [sys.executable, "-c", "from bayes_ihlrt.cli.start import main; main()"]
OWN = Path(__file__).parents[1] / "src"
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


class Took(NamedTuple):
    """Seconds by the clock, and of processors."""

    wall: float
    cpu: float


def took(command: list[str], cache: Path, source: Path = OWN) -> Took:
    """Return the time of one process, with the package of a folder."""
    own = {"PYTENSOR_FLAGS": f"base_compiledir={cache}", "BAYES_IHLRT_PROGRAMS": str(cache)}
    flags = {**os.environ, **own, "PYTHONPATH": str(source)}
    # An installed package has its bytecode: what a shell forbids to write would be compiled anew.
    flags.pop("PYTHONDONTWRITEBYTECODE", None)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, env=flags, capture_output=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(wall, used)


def measure(commands: dict[str, list[str]], repeat: int, folder: Path, source: Path) -> list[Took]:
    """Return the shortest time of each command, the peer's first; what is cold runs once."""
    cache = folder / "cache"
    # Once beforehand: bytecode, and the programs of what is measured warm.
    took(PEER, cache, source)
    found = [min(took(PEER, cache, source) for _ in range(repeat))]
    for name, arguments in commands.items():
        times = []
        if name.startswith("fit, warm"):
            took([*COMMAND, *ANSWER], cache, source)
        for number in range(1 if name.endswith("cold") else repeat):
            out = ["--out", str(folder / f"{name}-{number}")] if arguments is FIT else []
            times.append(took([*COMMAND, *arguments, *out], cache, source))
        found.append(Took(min(each.wall for each in times), min(each.cpu for each in times)))
    return found


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", choices=COMMANDS, action="append", help="Measure this one.")
    parser.add_argument("--against", type=Path, help="The src of another version.")
    options = parser.parse_args()
    commands = {name: COMMANDS[name] for name in options.only or COMMANDS}
    sources = [OWN] if options.against is None else [options.against, OWN]
    found = []
    for source in sources:
        with tempfile.TemporaryDirectory() as folder:
            found.append(measure(commands, options.repeat, Path(folder), source.resolve()))
    head = ["wall time", "times the imports of PyMC, BlackJAX and ArviZ", "processor time"]
    print(f"| process | {' | '.join(head * len(sources))} |")
    print(f"|---|{'---:|' * len(head) * len(sources)}")
    for place, name in enumerate(["these imports", *commands]):
        cells = [
            f"{each[place].wall:.1f} s | {each[place].wall / each[0].wall:.2f} | "
            f"{each[place].cpu:.1f} s"
            for each in found
        ]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
