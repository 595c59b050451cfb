"""What the package can do, as one list: commands with their options, keys of specifications, names.

python3 tools/capabilities.py > before.txt    # of one version
python3 tools/capabilities.py --gone before.txt    # in another: what it had and this one has not

Names are compared; changed defaults and helps of what is there still are printed apart.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from typer.main import get_command

from bayes_ihlrt.cli.main import app
from bayes_ihlrt.plots.catalogue import PLOTS
from bayes_ihlrt.spec.analysis import json_schema
from bayes_ihlrt.spec.catalogue import packaged_plans, packaged_specifications
from bayes_ihlrt.spec.plan import TrialPlan


def commands() -> Iterator[str]:
    """Yield each command, and each of its arguments and options with its default and help."""
    for name, command in sorted(get_command(app).commands.items()):
        yield f"command {name}: {_on_one_line(command.help)}"
        for option in command.params:
            words = _on_one_line(getattr(option, "help", None))
            yield f"command {name} {'/'.join(option.opts)} ({option.default!r}): {words}"


def _on_one_line(words: str | None) -> str:
    return re.sub(r"\s+", " ", words or "")


def keys(schema: Mapping[str, Any], start: str) -> Iterator[str]:
    """Yield every key of a file, by the class of its table, with its choices and default."""
    tables = {start: schema, **schema.get("$defs", {})}
    for table, content in tables.items():
        for choice in content.get("enum", ()):
            yield f"choice {table}: {choice}"
        for key, field in content.get("properties", {}).items():
            for choice in field.get("enum", ()):
                yield f"choice {field['title']}: {choice}"
            # An empty table and none at all say the same.
            default = field.get("default")
            yield f"key {table}.{key}, default {None if default == {} else default!r}"


def everything() -> list[str]:
    """Return all of it, in order."""
    plan = TrialPlan.model_json_schema(by_alias=True)
    found = [*commands(), *keys(json_schema(), "specification"), *keys(plan, "plan")]
    found += [f"figure {name}" for name in PLOTS]
    found += [f"packaged {name}" for name in (*packaged_specifications(), *packaged_plans())]
    return sorted(set(found))


_NAME = re.compile(r"command [^:(]*[^:( ]|key [^,]*|.*")
"""What a line names, before its default and help."""


def compared(earlier: Iterable[str], now: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the names that are gone, and what is told otherwise of those that are there."""
    was, told = _by_name(earlier), _by_name(now)
    gone = sorted(was.keys() - told.keys())
    both = sorted(was.keys() & told.keys())
    changed = [f"{was[name]}\n  now: {told[name]}" for name in both if was[name] != told[name]]
    return gone, changed


def _by_name(lines: Iterable[str]) -> dict[str, str]:
    """Return what is told of each name; tables of specifications and plans share names."""
    found: dict[str, list[str]] = {}
    for line in sorted(lines):
        found.setdefault(_NAME.match(line)[0], []).append(line)  # type: ignore[index]
    return {name: " and ".join(lines) for name, lines in found.items()}


def main() -> None:
    """Print the list, or what is gone from an earlier one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gone", type=Path, help="An earlier list.")
    earlier = parser.parse_args().gone
    found = everything()
    if earlier is None:
        print("\n".join(found))
        return
    lines = earlier.read_text("utf-8").splitlines()
    gone, changed = compared(lines, found)
    if changed:
        print(f"other defaults or helps: {len(changed)}", *changed, sep="\n")
    print(f"gone: {len(gone)} of {len(lines)}; there are {len(found)} now", *gone, sep="\n")
    sys.exit(bool(gone))


if __name__ == "__main__":
    main()
