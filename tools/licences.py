"""Write `docs/reference/licences.md`: what an installation brings, and under which licences.

::

    python3 -m uv run --all-extras --no-extra gpu python tools/licences.py

Names, licences and what needs what are read from the installed metadata; direct dependencies and
extras from `pyproject.toml`. Packages for other systems alone are not in it.
"""

import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "licences.md"
LEFT_OUT = "gpu"
HEAD = """\
# Licences

Written by `python tools/licences.py` from the metadata of the installed packages: what
`pip install` brings on Linux and Python 3.13 beside bayes_ihlrt itself, which is under Apache-2.0.
*Needed by* names the direct dependency or the [extra](../howto/install.md) that brings a package.
The extra `gpu`, which adds JAX's plugin and NVIDIA's CUDA libraries under NVIDIA's own licence, is
not listed. Wheels carry native libraries, whose notices lie in `licenses` beside each package's
metadata.

| package | licence | needed by |
|---|---|---|
"""
CLASSIFIER = "License :: OSI Approved :: "
LONGEST = 80


def licence(name: str) -> str:
    """Return the licence that a package states, in the shortest of its forms."""
    found = distribution(name).metadata
    stated = found.get("License-Expression") or ""
    classified = [line for line in found.get_all("Classifier", []) if line.startswith(CLASSIFIER)]
    named = ", ".join(line.removeprefix(CLASSIFIER) for line in classified)
    # The old field holds a name or the whole text.
    first = (found.get("License") or "").strip()
    short = first if "\n" not in first and len(first) <= LONGEST else ""
    if not (told := stated or named or short):
        sys.exit(f"licences.py: {name} states no licence in its metadata")
    return told


def required(name: str, extras: frozenset[str]) -> list[Requirement]:
    """Return what an installed package requires here, with some of its extras."""
    needed = [Requirement(line) for line in distribution(name).requires or []]
    asked = [{"extra": extra} for extra in ("", *sorted(extras))]
    return [
        one
        for one in needed
        if one.marker is None or any(one.marker.evaluate(environment) for environment in asked)
    ]


def closure(stated: list[str]) -> set[str]:
    """Return every package that some requirements bring here."""
    waiting, seen = [Requirement(line) for line in stated], set[tuple[str, frozenset[str]]]()
    while waiting:
        one = waiting.pop()
        key = (canonicalize_name(one.name), frozenset(one.extras))
        if key not in seen:
            seen.add(key)
            waiting += required(*key)
    return {name for name, _ in seen}


def brought() -> dict[str, list[str]]:
    """Return, for each package that an installation brings, which direct ones need it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed: dict[str, list[str]] = {}
    for line in project["dependencies"]:
        for name in closure([line]):
            needed.setdefault(name, []).append(canonicalize_name(Requirement(line).name))
    core = set(needed)
    for extra, lines in project["optional-dependencies"].items():
        if extra != LEFT_OUT:
            for name in closure(lines) - core:
                needed.setdefault(name, []).append(f"extra `{extra}`")
    return needed


def page() -> str:
    """Return the page."""
    rows = []
    for name, needs in sorted(brought().items()):
        own = ["bayes-ihlrt"] if name in needs else []
        shown = own + [need for need in sorted(needs) if need != name]
        told = ", ".join(shown) if len(shown) <= 3 else f"{', '.join(shown[:3])} and others"
        rows.append(f"| {name} | {licence(name)} | {told} |\n")
    return HEAD + "".join(rows)


def main() -> None:
    """Write the page."""
    try:
        PAGE.write_text(page(), "utf-8")
    except PackageNotFoundError as error:
        sys.exit(f"licences.py: {error.name} is not installed: install every extra but `gpu`")


if __name__ == "__main__":
    main()
