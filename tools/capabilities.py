"""What the package can do, as one list: commands with their options, keys of specifications, names.

python3 tools/capabilities.py > before.txt    # of one version
python3 tools/capabilities.py --gone before.txt    # in another: what it had and this one has not
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
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
        yield f"command {name}: {command.help}"
        for option in command.params:
            words = re.sub(r"\s+", " ", getattr(option, "help", None) or "")
            yield f"command {name} {'/'.join(option.opts)} ({option.default!r}): {words}"


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


def main() -> None:
    """Print the list, or what is gone from an earlier one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gone", type=Path, help="An earlier list.")
    earlier = parser.parse_args().gone
    found = everything()
    if earlier is None:
        print("\n".join(found))
        return
    gone = sorted(set(earlier.read_text("utf-8").splitlines()) - set(found))
    print("\n".join(gone) or f"nothing is gone; {len(found)} capabilities")
    sys.exit(bool(gone))


if __name__ == "__main__":
    main()
