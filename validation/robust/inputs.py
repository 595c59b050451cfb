"""Read and check generated inputs, and look at what comes of each.

python -m validation.robust.inputs [--each N] [--seed S] [--kind KIND]      # as JSON
python -m validation.robust.inputs --check ...      # with status 1 where an input is refused
python -m validation.robust.inputs --again FILE     # those that an earlier run refused
python -m validation.robust.inputs --kind KIND --seed S --only N    # one, with its traceback

An input has to end in a result or in an error of the package, within ten seconds of one core, in
memory that is limited, and with no warning but the package's own. Each kind is read in a process of
its own, which a watch ends where an input hangs; the next input is then tried in a new one.
"""

import argparse
import faulthandler
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bayes_ihlrt.analysis.check import check_analysis, read_inputs
from bayes_ihlrt.errors import BayesIhlrtError
from bayes_ihlrt.files.readers import read_everything
from bayes_ihlrt.names import Identifiers
from bayes_ihlrt.plain import json_text
from bayes_ihlrt.proposal.first_specification import first_specification, open_questions
from bayes_ihlrt.proposal.recognise import recognise
from bayes_ihlrt.report.check_table import print_check
from bayes_ihlrt.results.table import PlainConsole
from bayes_ihlrt.spec.read import load_plan
from validation.robust.generated import KINDS, Input, made

SECONDS = 10.0
"""Time of one core that an input may take."""
_ASLEEP = 120.0
"""Seconds after which an input is ended that takes no time of a core."""
MEMORY = 1 << 30
"""Bytes that reading may take beyond what the process has before."""
LONGEST = 200_000
"""Characters that a message may have."""


def _told(error: BaseException) -> str:
    """Return an error of the package; where it cannot be printed, that is a fault."""
    told = str(error)
    told.encode()
    if len(told) > LONGEST:
        message = f"a message of {len(told):,} characters"
        raise ValueError(message)
    return told


def try_input(given: Input, folder: Path) -> str:
    """Read and check an input.

    Parameters
    ----------
    given : Input
        The input.
    folder : Path
        For its files.

    Returns
    -------
    str
        ``"result"``, or the package's error.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            _read(given, folder)
            told = "result"
        except BayesIhlrtError as error:
            told = f"{type(error).__name__}: {_told(error)}"
    own = (warning.category.__module__.startswith("bayes_ihlrt") for warning in caught)
    for warning, known in zip(caught, own, strict=True):
        if not known:
            raise RuntimeWarning(f"{warning.category.__name__}: {warning.message}")
    return told


def _read(given: Input, folder: Path) -> None:
    specification = _file(given.specification, folder / "given.toml")
    data = _file(given.data, folder / "given.csv")
    if given.plan:
        load_plan(specification).to_toml()
    elif not specification:
        _propose(Path(data))
    else:
        checked = check_analysis(*read_inputs(specification, data, identifiers=Identifiers.FAULTS))
        json_text(checked.to_dict()).encode()
        out = io.StringIO()
        print_check(PlainConsole(file=out, width=110), checked)
        out.getvalue().encode()


def _propose(data: Path) -> None:
    found = recognise(read_everything(data))
    text = first_specification(found, name="given", file=data.name, seed=1)
    text.encode()
    (data.parent / "proposed.toml").write_text(text, "utf-8")
    if not open_questions(found):
        check_analysis(*read_inputs(data.parent / "proposed.toml", data))


def _file(content: str | bytes, path: Path) -> str | Path:
    if isinstance(content, str):
        return content
    path.write_bytes(content)
    return path


def _limit_memory() -> None:
    size = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))


def work(kind: str, seed: int, numbers: Sequence[int]) -> None:
    """Try inputs one after the other, and print a line of JSON for each."""
    say = os.fdopen(os.dup(1), "w", buffering=1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try_input(Input("heart", "heart"), folder)
        _limit_memory()
        # Tells where it is, and ends.
        faulthandler.register(signal.SIGPROF, chain=True)
        for number in numbers:
            # By the time of the processor: others may use it as well.
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            faulthandler.dump_traceback_later(_ASLEEP, exit=True)
            given = made(kind, seed, number)
            began, fault = time.process_time(), ""
            try:
                told = try_input(given, folder)
            except Exception as error:  # noqa: BLE001 - whatever else is raised is the finding
                told, fault = "", _short(error)
            took = time.process_time() - began
            faulthandler.cancel_dump_traceback_later()
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            say.write(json.dumps([number, told[:400], fault, took, peak]) + "\n")


def _short(error: Exception) -> str:
    where = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "bayes_ihlrt" in frame.filename
    ]
    place = f"{Path(where[-1].filename).name}:{where[-1].lineno}" if where else ""
    return f"{type(error).__name__} at {place}: {ascii(str(error))[:300]}"


@dataclass
class Row:
    """What came of one kind."""

    kind: str
    tried: int = 0
    results: int = 0
    told: int = 0
    slowest: float = 0.0
    megabytes: float = 0.0
    faults: list[str] = field(default_factory=list)


def tried(kind: str, seed: int, numbers: Sequence[int]) -> Row:
    """Try inputs of one kind.

    Parameters
    ----------
    kind : str
        One of `generated.KINDS`.
    seed : int
        Seed of all of them.
    numbers : sequence of int
        Their numbers.

    Returns
    -------
    Row
        What came of them.
    """
    row, left = Row(kind), list(numbers)
    while left:
        how: list[str] = []
        for found in _lines(kind, seed, tuple(left), how):
            _add(row, found)
            left.remove(found[0])
        if left:
            # The process ended within this input.
            row.tried += 1
            row.faults.append(f"{left.pop(0)}: the process ended ({how[0]})")
    return row


def again(earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Try the inputs again that an earlier run refused."""
    rows = []
    for row in earlier["rows"]:
        numbers = [int(fault.partition(":")[0]) for fault in row["faults"]]
        rows.append({**row, "again": tried(row["kind"], earlier["seed"], numbers).faults})
        print(row["kind"], len(numbers), *rows[-1]["again"], file=sys.stderr, sep="\n", flush=True)
    return {**earlier, "rows": rows}


def _add(row: Row, found: list[Any]) -> None:
    number, told, fault, took, peak = found
    row.tried += 1
    row.results += told == "result"
    row.told += bool(told) and told != "result"
    row.slowest = max(row.slowest, took)
    row.megabytes = max(row.megabytes, peak / 1024)
    if fault:
        row.faults.append(f"{number}: {fault}")


def _lines(kind: str, seed: int, numbers: Sequence[int], how: list[str]) -> Iterator[list[Any]]:
    command = [sys.executable, "-m", "validation.robust.inputs"]
    command += ["--kind", kind, "--seed", str(seed), "--work", *map(str, numbers)]
    with tempfile.TemporaryFile("w+") as errors, _running(command, errors) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)
        status = process.wait()
        errors.seek(0)
        how.append(f"status {status}: {' '.join(errors.read().split())[:1500]}")


@contextmanager
def _running(command: list[str], errors: Any) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def main(each: int, seed: int, kinds: list[str]) -> list[Row]:
    """Print rows as JSON, and what is refused as it is found."""
    rows = []
    for kind in kinds:
        row = tried(kind, seed, range(each))
        rows.append(row)
        told = f"{kind}: {row.tried} tried, {len(row.faults)} faults"
        print(told, *row.faults, file=sys.stderr, sep="\n", flush=True)
    print(json.dumps({"rows": [asdict(row) for row in rows], "seed": seed}))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=2_250)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--work", type=int, nargs="+")
    parser.add_argument("--only", type=int)
    parser.add_argument("--again", type=Path)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    if asked.only is not None:
        with tempfile.TemporaryDirectory() as name:
            print(try_input(made(asked.kind, asked.seed, asked.only), Path(name)))
    elif asked.work:
        work(asked.kind, asked.seed, asked.work)
    elif asked.again:
        print(json.dumps(again(json.loads(asked.again.read_text("utf-8")))))
    else:
        rows = main(asked.each, asked.seed, [asked.kind] if asked.kind else list(KINDS))
        if asked.check and any(row.faults for row in rows):
            sys.exit(1)
