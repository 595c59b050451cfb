"""Send Ctrl+C and SIGTERM to commands at many moments, and look at how they end.

python -m validation.robust.signals [--quick] [--result DIR] [COMMAND ...]      # as JSON

Each try is a real process. It has to end within two seconds with the status of the signal, in a
sentence and without a traceback, and to leave everything that it writes or nothing.
"""

import argparse
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

COMMAND = (sys.executable, "-c", "from bayes_ihlrt.cli.start import main; main()")
PATIENCE = 2.0
"""Seconds within which a command has to end."""
EARLY = tuple(number / 100 for number in range(11))
LATER = (0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 12.0)
"""Seconds after which the signal is sent."""
COMMANDS = {
    "check": ("check", "primary", "--data", "ihlrt_synthetic"),
    "init": ("init", "new"),
    "report": ("report", "{demo}", "--out", "page.html"),
    "export": ("export", "{demo}", "--out", "exports"),
    "ladder": ("ladder", "ladder", "--data", "ihlrt_synthetic", "--out", "out"),
    "plan": ("plan", "fixed_os", "--trials", "2000000", "--out", "out"),
    "explore": ("explore", "fixed_os", "--no-open"),
}
ENDLESS = frozenset({"ladder", "plan", "explore"})
"""Commands that take longer than the last moment."""
KEPT = "trials"
"""Folder of finished trials, from which a plan that was ended goes on."""
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
_GIVEN_UP = 30.0
_STARTED = 0.5
"""Seconds after which Python has started on a busy machine as well."""
_OWN = re.compile(r"/bayes_ihlrt/(?!__init__\.py|_lazy\.py|cli/__init__\.py)")
"""A file of the package that is not loaded before signals are looked after."""
WORDS = {signal.SIGINT: "Interrupted", signal.SIGTERM: "Terminated"}


@dataclass
class Row:
    """What came of one command and one signal, in the first tenth of a second or later.

    Parameters
    ----------
    command, signal, when : str
        What was tried.
    tried : int
        Signals sent.
    before : int
        Processes in which the package did not look after signals yet, or no longer: ended by the
        system, or by Python, which tells Ctrl+C in a traceback.
    finished : int
        Commands that had done their work before.
    slowest : float
        Seconds, at most, until a command ended.
    refused : list of str
        What was not as it has to be.
    """

    command: str
    signal: str
    when: str
    tried: int = 0
    before: int = 0
    finished: int = 0
    slowest: float = 0.0
    refused: list[str] = field(default_factory=list)


def left(folder: Path) -> frozenset[str]:
    """Return the files below a folder, without the trials that a plan keeps."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    return frozenset(str(path) for path in found if KEPT not in path.parts)


def send(
    arguments: Sequence[str], number: signal.Signals, moment: float, row: Row, whole: frozenset[str]
) -> None:
    """Send a signal to a command, and add to a row what came of it."""
    with tempfile.TemporaryDirectory() as name:
        process = subprocess.Popen(
            [*COMMAND, *arguments], cwd=name, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        with process:
            time.sleep(moment)
            process.send_signal(number)
            since = time.monotonic()
            try:
                told = process.communicate(timeout=_GIVEN_UP)[1].decode()
            except subprocess.TimeoutExpired:
                process.kill()
                told = process.communicate()[1].decode()
            took = time.monotonic() - since
        found = left(Path(name))
    row.tried += 1
    if process.returncode == 0 and found == whole:
        row.finished += 1
        return
    row.slowest = max(row.slowest, took)
    own = WORDS[number] in told or bool(_OWN.search(told))
    row.before += not own
    faults = []
    if own and process.returncode != STATUS[number]:
        faults.append(f"status {process.returncode}")
    if own and "Traceback" in told:
        faults.append(f"a traceback ({told.strip().splitlines()[-1][:100]})")
    if took > PATIENCE:
        faults.append(f"{took:.1f} seconds")
    if found and found != whole:
        faults.append(f"left {sorted(found)[:4]}")
    if not own and moment > _STARTED and process.returncode != -number:
        faults.append(f"not told: {told[-200:]!r}")
    if faults:
        row.refused.append(f"after {moment:g} s: {', '.join(faults)}")


def _whole(arguments: Sequence[str]) -> frozenset[str]:
    """Return what a command leaves that is let alone."""
    with tempfile.TemporaryDirectory() as name:
        subprocess.run([*COMMAND, *arguments], cwd=name, check=True, capture_output=True)
        return left(Path(name))


def main(commands: Sequence[str], *, quick: bool, result: Path | None) -> None:
    """Print rows as JSON."""
    rows = []
    # Whoever runs in the background ignores Ctrl+C, and would hand that on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as name:
        demo = str(result or Path(name) / "demo")
        if not quick and result is None:
            made = [*COMMAND, "demo", "--out", demo, "--quiet"]
            subprocess.run(made, check=True, capture_output=True)
        for command in commands:
            arguments = [part.format(demo=demo) for part in COMMANDS[command]]
            whole = frozenset() if command in ENDLESS else _whole(arguments)
            for number in STATUS:
                for when, moments in (("first 0.1 s", EARLY), ("0.2 to 12 s", LATER)):
                    row = Row(command, number.name, when)
                    for moment in moments[::3] if quick else moments:
                        send(arguments, number, moment, row, whole)
                    print(row, file=sys.stderr, flush=True)
                    rows.append(asdict(row))
    print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="*", choices=[*COMMANDS, []])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--result", type=Path, help="Folder of a fit, instead of a new demo.")
    asked = parser.parse_args()
    few = ("check", "init") if asked.quick else tuple(COMMANDS)
    main(asked.commands or few, quick=asked.quick, result=asked.result)
