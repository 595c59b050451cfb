"""Fit cohorts whose truth is made outside the package and write docs/validation/outside.md.

python validation/write_outside.py                  # every mechanism: about an hour of two cores
python validation/write_outside.py shares early     # these alone, printed and not written
python validation/write_outside.py --rows FOLDER    # mechanisms whose rows are there are not run
python validation/write_outside.py --rows FOLDER --kept    # none is run; the page names the absent
"""

import argparse
import importlib
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PAGE = ROOT / "docs" / "validation" / "outside.md"
PRECISION = {"log HR": 0.015, "months": 0.1}
FAR, UNUSUAL, SHARE = 3.0, 2.0, 0.05
INTRODUCTION = """# Bias where truth is made outside

Cohorts come from `validation/outside`, which imports nothing of the package and shares none of its
assumptions; each row is one design and estimand under a truth that is adverse to it. `z` is the
difference in Monte Carlo standard errors. Asked of the rows that are meant to be right: errors of
at most 0.015 (log hazard ratio) or 0.1 (months), no row beyond 3, at most one in twenty beyond 2.

Written by `python validation/write_outside.py` at {commits}.

{verdict}

"""
COLUMNS = "| design | estimand | truth is adverse because | true | found | error | z | cohorts | |"


def main(wanted: list[str], folder: Path | None, *, kept: bool = False) -> None:
    """Print the rows of these mechanisms, or write the page from all, or from what was kept."""
    names = sorted(path.stem for path in (ROOT / "validation" / "bias").glob("*.py"))
    names = [name for name in names if name not in {"__init__", "fits", "row"}]
    absent = [name for name in names if kept and not _is_kept(name, folder)]
    names = [name for name in names if name not in absent]
    rows, commits = [], {}
    for name in [name for name in names if not wanted or name in wanted]:
        found, commits[name] = _rows(name, folder)
        rows += found
    table = "\n".join([COLUMNS, "|---|---|---|---|---|---|---|---|---|", *map(_line, rows)]) + "\n"
    if wanted:
        print(table)
        print(verdict(rows))
        return
    told = f" Not run: {', '.join(absent)}." if absent else ""
    page = INTRODUCTION.format(commits=_told(commits), verdict=verdict(rows) + told)
    PAGE.write_text(page + table, encoding="utf-8")


def _is_kept(name: str, folder: Path | None) -> bool:
    return folder is not None and (folder / f"{name}.json").exists()


def _rows(name: str, folder: Path | None) -> tuple[list, str]:
    """Return rows of a mechanism and the commit that made them: run, or as a stopped run left."""
    row = importlib.import_module("validation.bias.row").Bias
    kept = None if folder is None else folder / f"{name}.json"
    if kept is not None and kept.exists():
        found = json.loads(kept.read_text(encoding="utf-8"))
        return [row(*each) for each in found["rows"]], found["commit"]
    print(f"{name} ...", file=sys.stderr, flush=True)
    rows, commit = importlib.import_module(f"validation.bias.{name}").rows(), _commit()
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({"commit": commit, "rows": rows}), encoding="utf-8")
    return rows, commit


def _told(commits: dict[str, str]) -> str:
    """Say which commit made which mechanisms' rows."""
    by = {each: [name for name, own in commits.items() if own == each] for each in commits.values()}
    if len(by) == 1:
        return f"commit `{next(iter(by))}`"
    return "; ".join(f"commit `{each}` ({', '.join(names)})" for each, names in by.items())


def verdict(rows: list) -> str:
    """Say whether what was asked holds, with the rows that break it."""
    asked = [row for row in rows if row.expected]
    far = [row for row in asked if abs(row.z) > FAR]
    unusual = [row for row in asked if abs(row.z) > UNUSUAL]
    vague = [row for row in asked if row.mcse > PRECISION[row.unit]]
    told = [
        f"{len(asked)} rows are meant to be right: {len(far)} beyond {FAR:g} errors, "
        f"{len(unusual)} beyond {UNUSUAL:g} ({SHARE * len(asked):.1f} allowed), {len(vague)} less "
        "precise than asked."
    ]
    for what, found in (("Beyond 3", far), ("Less precise than asked", vague)):
        if found:
            named = "; ".join(f"{row.design}, {row.mechanism}" for row in found)
            told.append(f"{what}: {named}.")
    return " ".join(told)


def _line(row: object) -> str:
    note = "" if row.expected else "not meant to be right"
    cells = (
        row.design,
        row.estimand,
        row.mechanism,
        f"{row.truth:+.3f} {row.unit}",
        f"{row.estimate:+.3f}",
        f"{row.mcse:.3f}",
        f"{row.z:+.1f}",
        row.size,
        note,
    )
    return "| " + " | ".join(cells) + " |"


def _commit() -> str:
    git = ["git", "-C", str(ROOT), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mechanisms", nargs="*")
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--kept", action="store_true")
    asked = parser.parse_args()
    main(asked.mechanisms, asked.rows, kept=asked.kept)
