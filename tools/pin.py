"""Pin every package of the environment in `pyproject.toml`, by version alone.

The pins stand under ``[tool.uv] constraint-dependencies``: unlike a lock file they name no host,
and unlike the ranges under ``[project]`` they bind this repository only, not whoever installs the
package. Those who want the same versions take `constraints.txt`, the same pins without those of
tools: ``pip install -c constraints.txt <wheel>``.

::

    python3 tools/pin.py            write the versions that resolve now (after adding a dependency)
    python3 tools/pin.py --upgrade  drop the pins, resolve the newest, write those
    python3 tools/pin.py --check    exit 1 when the pins are not what resolves
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = ROOT / "pyproject.toml"
CONSTRAINTS = ROOT / "constraints.txt"
HEAD = """\
# Written by `python3 tools/pin.py`: what the package and its extras were tested with.
# python3 -m pip install -c constraints.txt .
"""
BLOCK = re.compile(r"^constraint-dependencies = \[.*?^\]\n", re.MULTILINE | re.DOTALL)


def uv(*arguments: str) -> str:
    """Run uv in the repository and return what it prints."""
    # Inside `uv run`, python is the environment's, which has no uv; UV then names the program.
    program = [os.environ["UV"]] if "UV" in os.environ else [sys.executable, "-m", "uv"]
    command = [*program, *arguments, "--quiet"]
    return subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout


def resolved(*groups: str) -> list[str]:
    """Return ``name==version ; marker`` of every package that any supported platform installs."""
    lines = uv(
        "export",
        *groups,
        "--all-extras",
        "--no-emit-project",
        "--no-hashes",
        "--no-annotate",
        "--no-header",
    )
    return sorted(lines.splitlines())


def with_pins(text: str, pins: list[str]) -> str:
    """Return the text of `pyproject.toml` with `pins` in place of the old ones."""
    rows = "".join(f'    "{pin}",\n' for pin in pins)
    text, found = BLOCK.subn(lambda _: f"constraint-dependencies = [\n{rows}]\n", text)
    if found != 1:
        sys.exit(f"pin.py: {PYPROJECT.name} holds {found} constraint-dependencies blocks, not one.")
    return text


def constraints() -> str:
    """Return `constraints.txt`: the pins of the package and its extras."""
    return HEAD + "".join(f"{pin}\n" for pin in resolved())


def main() -> int:
    """Write or check the pins."""
    parser = argparse.ArgumentParser(description="Pin the environment's versions.")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--upgrade", action="store_true", help="resolve the newest versions first")
    mode.add_argument("--check", action="store_true", help="exit 1 when the pins are out of date")
    options = parser.parse_args()

    before = PYPROJECT.read_text()
    if options.check:
        written = CONSTRAINTS.read_text() if CONSTRAINTS.exists() else ""
        stale = with_pins(before, resolved("--all-groups")) != before or constraints() != written
        print("pins are out of date: run `python3 tools/pin.py`" if stale else "pins are complete")
        return int(stale)
    try:
        PYPROJECT.write_text(with_pins(before, []))
        if options.upgrade:
            uv("lock", "--upgrade")
        pins = resolved("--all-groups")
    except BaseException:
        PYPROJECT.write_text(before)
        raise
    PYPROJECT.write_text(with_pins(before, pins))
    uv("lock")
    CONSTRAINTS.write_text(constraints())
    print(f"{len(pins)} packages pinned")
    return 0


if __name__ == "__main__":
    sys.exit(main())
