"""Send Ctrl+C and SIGTERM to commands at many moments, and look at how they end.

python -m validation.robust.signals [--quick] [COMMAND ...]      # as JSON

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
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

COMMAND = (sys.executable, "-c", "from bayes_ihlrt.cli.start import main; main()")
PATIENCE = 2.0
"""Seconds within which a command has to end."""
EARLY = tuple(number / 100 for number in range(11))
LATER = (0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 12.0)
"""Seconds after which the signal is sent."""
AT_LAST = ("drawing and writing", "reading and drawing")
"""Stages at whose end files are written."""
BEATS = (0.0, 1.0)
"""Seconds after such a stage was told."""
HEART = ("heart", "--data", "heart", "--out", "out")
COMMANDS = {
    "check": ("check", "primary", "--data", "ihlrt_synthetic"),
    "init": ("init", "new"),
    "protocol": ("protocol", "primary", "--data", "ihlrt_synthetic", "--out", "out"),
    "fit": ("fit", *HEART),
    "demo": ("demo", "--out", "out"),
    "diagnose": ("diagnose", *HEART),
    "report": ("report", "{demo}", "--out", "page.html"),
    "show": ("show", "{demo}"),
    "export": ("export", "{demo}", "--out", "exports"),
    "figures": ("figures", "{demo}", "--out", "drawn"),
    "ladder": ("ladder", "ladder", "--data", "ihlrt_synthetic", "--out", "out"),
    "sensitivity": ("sensitivity", *HEART),
    "plan": ("plan", "fixed_os", "--trials", "2000000", "--out", "out"),
    "interim": ("interim", "fixed_os", "--data", "{trial}", "--out", "out"),
    "replay-plan": ("replay-plan", "{plan}", "--again"),
    "replay-trial": (
        *("replay-trial", "fixed_os", "0"),
        *("--scenario", "no effect", "--out", "trial.png"),
    ),
    "explore": ("explore", "fixed_os", "--no-open"),
}
ENDLESS = frozenset(
    {"demo", "diagnose", "ladder", "sensitivity", "plan", "interim", "replay-plan", "explore"}
)
"""Commands that take longer than the last moment."""
WRITES = frozenset({"fit", "figures"})
"""Commands that are sent signals at their last stage too."""
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
    """What came of one command and one signal, at some moments.

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
    arguments: Sequence[str],
    number: signal.Signals,
    moment: float,
    row: Row,
    whole: frozenset[str],
    *,
    last: bool = False,
) -> None:
    """Send a signal to a command, and add to a row what came of it.

    The moment is counted from the start, or from the last stage.
    """
    with tempfile.TemporaryDirectory() as name:
        process = subprocess.Popen(
            [*COMMAND, *arguments], cwd=name, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        with process:
            before = _told_until_last(process) if last else ""
            time.sleep(moment)
            process.send_signal(number)
            since = time.monotonic()
            try:
                told = before + process.communicate(timeout=_GIVEN_UP)[1].decode()
            except subprocess.TimeoutExpired:
                process.kill()
                told = before + process.communicate()[1].decode()
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
    if not own and (last or moment > _STARTED) and process.returncode != -number:
        faults.append(f"not told: {told[-200:]!r}")
    if faults:
        row.refused.append(f"after {moment:g} s: {', '.join(faults)}")


def _told_until_last(process: subprocess.Popen[bytes]) -> str:
    """Wait for a command's last stage, and return what it told until then."""
    told = ""
    for line in process.stderr or ():
        told += line.decode()
        if any(stage in told for stage in AT_LAST):
            return told
    message = f"none of the last stages was told: {told}"
    raise ValueError(message)


def _whole(arguments: Sequence[str]) -> frozenset[str]:
    """Return what a command leaves that is let alone."""
    with tempfile.TemporaryDirectory() as name:
        subprocess.run([*COMMAND, *arguments], cwd=name, check=True, capture_output=True)
        return left(Path(name))


def _given(folder: Path) -> dict[str, str]:
    """Make what commands read: a fit, a plan's folder, a running trial."""
    given = {name: str(folder / name) for name in ("demo", "plan", "trial")}
    for command in (
        ("demo", "--out", given["demo"], "--quiet"),
        ("plan", "fixed_os", "--trials", "2", "--audit", "0", "--out", given["plan"], "--quiet"),
    ):
        subprocess.run([*COMMAND, *command], check=True, capture_output=True)
    rng = np.random.default_rng(1)
    lines = ["patient,ihlrt,enrolled,time,event,nlr"]
    for number, enrolled in enumerate(np.sort(rng.uniform(0.0, 24.0, 250)).round(2)):
        survived, nlr = rng.exponential(20.0), rng.lognormal(1.0, 0.6)
        time = min(survived, 30.0 - enrolled)
        event = int(survived <= 30.0 - enrolled)
        lines.append(f"P{number},{number % 2},{enrolled},{time:.2f},{event},{nlr:.2f}")
    Path(given["trial"]).write_text("\n".join(lines) + "\n", "utf-8")
    return given


def _moments(command: str) -> Iterator[tuple[str, Sequence[float], bool]]:
    yield "first 0.1 s", EARLY, False
    yield "0.2 to 12 s", LATER, False
    if command in WRITES:
        yield "last stage", BEATS, True


def main(commands: Sequence[str], *, quick: bool) -> None:
    """Print rows as JSON."""
    rows = []
    # Whoever runs in the background ignores Ctrl+C, and would hand that on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as name:
        given = {} if quick else _given(Path(name))
        for command in commands:
            arguments = [part.format(**given) for part in COMMANDS[command]]
            whole = frozenset() if command in ENDLESS else _whole(arguments)
            for number in STATUS:
                for when, moments, last in _moments(command):
                    row = Row(command, number.name, when)
                    for moment in moments[::3] if quick else moments:
                        send(arguments, number, moment, row, whole, last=last)
                    print(row, file=sys.stderr, flush=True)
                    rows.append(asdict(row))
    print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="*", choices=[*COMMANDS, []])
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    few = ("check", "init") if asked.quick else tuple(COMMANDS)
    main(asked.commands or few, quick=asked.quick)
