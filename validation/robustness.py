"""Inject faults into the package and write docs/validation/robustness.md.

python validation/robustness.py              # every section: about an hour
python validation/robustness.py kills        # this one, printed and not written
python validation/robustness.py --rows FOLDER    # sections whose results are there are not run

A section is a module of `validation/robust` that prints JSON, and a function here that tells it.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from validation.robust.faults import FAULTS  # noqa: E402 - found by the line above

PAGE = ROOT / "docs" / "validation" / "robustness.md"
INTRODUCTION = """# Inputs tried, faults injected, kills survived

Written by `python validation/robustness.py`; each section names the commit that was tried.

"""
KILLS = """## Folders and files

Each command's own way of writing, with tiny content, is broken at every operation that changes the
file system (open to write, rename, remove, mkdir, rmdir, fsync), one process a try; into an empty
folder and over an earlier result. After each try a reader has to see exactly the earlier or exactly
the new result, the next writer has to succeed, and nothing unfinished may be left; an error has to
be told as one fault, and a full disk has to leave the earlier result. `refused` counts the tries
that break any of this. Tried at commit `{commit}`.

{faults}

{table}
{total}

An earlier state (before [0028](../adr/0028-one-step-into-place.md)) was killed at some of these
places: 53 of 55 overwrites and 28 of 33 reports were refused afterwards, and at 14 of 45 places the
earlier result was gone. `figures` replaced one file after the other until it was tried here: of 135
tries, 60 left figures of two results in one folder, or some of the new ones alone.

A second writer of a folder is told: "{second}" When the first was killed, the next one wrote.

"""


def kills(found: Mapping[str, Any]) -> str:
    """Tell what came of breaking writers."""
    lines = [
        "| command | fault | tries | earlier result seen | new result seen | refused |",
        "|---|---|---|---|---|---|",
    ]
    sums: dict[tuple[str, str], Counter[str]] = {}
    for row in found["rows"]:
        told = sums.setdefault((row["command"], row["fault"]), Counter())
        earlier = sum(row["found"].get(name, 0) for name in ("old", "nothing"))
        told.update(tries=row["points"], earlier=earlier, new=row["found"].get("new", 0))
        told.update(refused=len(row["broken"]))
    for (command, fault), told in sums.items():
        numbers = (str(told[name]) for name in ("tries", "earlier", "new", "refused"))
        lines.append("| " + " | ".join([f"`{command}`", fault, *numbers]) + " |")
    tries = sum(told["tries"] for told in sums.values())
    refused = sum(told["refused"] for told in sums.values())
    faults = "\n".join(f"- {name}: {words}" for name, words in FAULTS.items())
    return KILLS.format(
        faults=faults,
        table="\n".join(lines) + "\n",
        total=f"In all {tries:,} tries, {refused} refused.",
        second=found["two writers"],
        commit=found["commit"],
    )


INPUTS = """## Inputs

Packaged specifications, plans and cohorts with places, cells or bytes changed, formulas by a
grammar, and files of other programs with their bytes changed, all made by a seed ({seed}) and a
number. Each is read and checked (`check`, `init --from`; a plan is read). It has to end in a result
or in an error of the package in words, within ten seconds of one core, within 1 GiB of memory
beyond what the process has before, with no warning but the package's own and no message above
200,000 characters; `refused` counts those that do not. Tried at commit `{commit}`.

{table}
In all {tried:,} inputs, {refused} refused.{mended}

"""
AGAIN = """

These were tried again at commit `{mended}`, after mending: {again}
refused. They were messages of half a million letters (thousands of unknown keys, or one key of
280,000 letters), a workbook without its main part (a traceback), and warnings of libraries: at a
formula that divides by a spline, a modifier of 0, and a start of 1e-310 months. An earlier run of
as many (seed 20) had refused 62 in the same way: a cell of 1e102, names listed by the thousand, a
number that runs into a name in a formula, errors of zlib and openpyxl at changed bytes, and
workbooks whose elements stood within each other by the million."""
SIGNALS = """## Ctrl+C and SIGTERM

Each command is sent a signal at many moments, from the first hundredth of a second on, `fit` and
`figures` also when they tell that they draw and a second later; one process a try. It has to end
within two seconds with status 130 or 143, in one sentence without a traceback, and to leave
everything that it writes or nothing (a plan keeps whole blocks of trials, from which it goes on).
`finished` counts commands that had ended before, `before` processes in which the package did not
look after signals yet, or no longer: Python needs some 20 ms to start on an idle machine, and ten
times that on this busy one, and tells Ctrl+C in a traceback until then.
`refused` counts tries that break any of this. Tried at commit `{commit}`.

{table}
In all {tried:,} signals, {refused} refused. A Ctrl+C can be lost before the package has begun:
while it loads modules, Python drops one that comes within some of its callbacks, says "Exception
ignored", and goes on. Of 700 sent from .06 to .3 s on 5 were lost so; a second
Ctrl+C ends the command. An earlier run lost one of 217 (`explore`, Ctrl+C in the first 0.1 s, went
on): what the watcher reads from is now in place before its handlers are.

"""
REQUESTS = """## Requests to the explorer

Its server answers questions that are changed at random, from a seed, and then fifty of the page at
once. An answer has to come within ten seconds (the last of fifty within sixty: they are answered
one after the other), by status {statuses}; `refused` counts others.
Tried at commit `{commit}`.

{table}
"""
SAME = """## Same seed

Each command on few data (heart transplants, a small plan), four times with one seed, a process a
run: on one core with an empty cache of compiled programs, then with the one that this left, on two
cores with the same, and on two with an empty one. Compared is every number, word and name of the
result, of `fit` every draw too: `identical`, or the largest relative difference of a number.
`pytest -m slow` holds it (`tests/plumbing/test_determinism.py`). Tried at commit `{commit}`.

{table}
"""


def inputs(found: Mapping[str, Any]) -> str:
    """Tell what came of generated inputs."""
    lines = [
        "| inputs | tried | results | told in words | slowest, s | memory, MB | refused |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in found["rows"]:
        numbers = f"{row['tried']:,} | {row['results']:,} | {row['told']:,} | {row['slowest']:.1f}"
        numbers += f" | {row['megabytes']:.0f} | {len(row['faults'])}"
        lines.append(f"| {row['kind']} | {numbers} |")
    return INPUTS.format(
        table="\n".join(lines) + "\n",
        tried=sum(row["tried"] for row in found["rows"]),
        refused=sum(len(row["faults"]) for row in found["rows"]),
        mended=_again(found),
        seed=found["seed"],
        commit=found["commit"],
    )


def _again(found: Mapping[str, Any]) -> str:
    """Tell what came of inputs that were refused and mended."""
    if "mended" not in found:
        return ""
    refused = sum(len(row["again"]) for row in found["rows"])
    return AGAIN.format(mended=found["mended"], again=refused)


def signals(found: Mapping[str, Any]) -> str:
    """Tell how commands ended at signals."""
    lines = [
        "| command | signal | sent after | tried | finished | before | slowest, s | refused |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in found["rows"]:
        counts = f"{row['tried']} | {row['finished']} | {row['before']} | {row['slowest']:.2f}"
        lines.append(
            f"| `{row['command']}` | {row['signal']} | {row['when']} | {counts} | "
            f"{len(row['refused'])} |"
        )
    return SIGNALS.format(
        table="\n".join(lines) + "\n",
        tried=sum(row["tried"] for row in found["rows"]),
        refused=sum(len(row["refused"]) for row in found["rows"]),
        commit=found["commit"],
    )


def requests(found: Mapping[str, Any]) -> str:
    """Tell what the explorer answered."""
    lines = [
        "| requests | tried | answers by status | slowest, s | refused |",
        "|---|---|---|---|---|",
    ]
    for row in found["rows"]:
        told = ", ".join(f"{status}: {count:,}" for status, count in row["statuses"].items())
        lines.append(
            f"| {row['kind']} | {row['tried']:,} | {told} | {row['slowest']:.1f} | "
            f"{len(row['refused'])} |"
        )
    statuses = ", ".join(map(str, found["allowed"]))
    table = "\n".join(lines) + "\n"
    return REQUESTS.format(table=table, statuses=statuses, commit=found["commit"])


def same(found: Mapping[str, Any]) -> str:
    """Tell how far results of one seed are apart."""
    lines = [
        "| command | numbers | one core, empty and warm cache | one core and two "
        "| two cores, warm and empty cache |",
        "|---|---|---|---|---|",
    ]
    for row in found["rows"]:
        told = [f"{apart:.0e}" if apart else "identical" for apart in row["apart"].values()]
        lines.append(
            "| " + " | ".join([f"`{row['command']}`", f"{row['numbers']:,}", *told]) + " |"
        )
    return SAME.format(table="\n".join(lines) + "\n", commit=found["commit"])


SECTIONS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "kills": kills,
    "inputs": inputs,
    "signals": signals,
    "requests": requests,
    "same": same,
}


def main(wanted: list[str], folder: Path | None) -> None:
    """Print sections, or write the page from all."""
    told = [
        SECTIONS[name](_found(name, folder)) for name in SECTIONS if name in (wanted or SECTIONS)
    ]
    if wanted:
        print("\n".join(told))
        return
    page = INTRODUCTION + "\n".join(told)
    PAGE.write_text(page.rstrip() + "\n", encoding="utf-8")


def _found(name: str, folder: Path | None) -> Mapping[str, Any]:
    """Run a section, or read what an earlier run found."""
    kept = None if folder is None else folder / f"{name}.json"
    if kept is None or not kept.exists():
        command = [sys.executable, "-W", "ignore", "-m", f"validation.robust.{name}"]
        path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
        asked = {**os.environ, "PYTHONPATH": path}
        done = subprocess.run(
            command, cwd=ROOT, env=asked, check=True, stdout=subprocess.PIPE, text=True
        )
        found = {"commit": _commit(), **json.loads(done.stdout)}
        if kept is None:
            return found
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found), encoding="utf-8")
    return dict(json.loads(kept.read_text(encoding="utf-8")))


def _commit() -> str:
    git = ["git", "-C", str(ROOT), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []])
    parser.add_argument("--rows", type=Path)
    asked = parser.parse_args()
    main(asked.sections, asked.rows)
