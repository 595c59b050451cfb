"""Inject faults into the package and write docs/validation/robustness.md.

python validation/robustness.py              # every section: about five minutes
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
INTRODUCTION = """# Faults injected, kills survived

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
earlier result was gone.

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


SECTIONS: dict[str, Callable[[Mapping[str, Any]], str]] = {"kills": kills}


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
