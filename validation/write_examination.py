"""Run every adverse input and write docs/validation/examination.md.

python validation/write_examination.py            # every item
python validation/write_examination.py 7 10       # these alone, printed and not written
python validation/write_examination.py --rows FOLDER   # items whose rows are there are not run
"""

import argparse
import importlib
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PAGE = ROOT / "docs" / "validation" / "examination.md"
INTRODUCTION = """# Adverse inputs, before and after

Inputs on which an earlier state of the package was wrong, misleading or rude, with the truth and
how it is known. Their simulators (`validation/outside`) import nothing of the package. `before` is
what commit `f2d7772` gave; `after` is what `python validation/write_examination.py` found at
commit `{commit}`, which wrote this page.

"""
COLUMNS = ("item", "input", "right", "before", "after", "Monte Carlo error", "verdict")


def main(wanted: list[str], folder: Path | None) -> None:
    """Print the rows of these items, or write the page from the rows of all."""
    names = sorted(path.stem for path in (ROOT / "validation" / "examination").glob("item_*.py"))
    if wanted:
        names = [name for name in names if name.removeprefix("item_").lstrip("0") in wanted]
    rows = [row for name in names for row in _rows(name, folder)]
    table = "\n".join([_line(COLUMNS), "|" + "---|" * len(COLUMNS), *map(_line, rows)]) + "\n"
    if wanted:
        print(table)
        return
    PAGE.write_text(INTRODUCTION.format(commit=_commit()) + table, encoding="utf-8")


def _rows(name: str, folder: Path | None) -> list[tuple[str, ...]]:
    """Run an item, or read its rows where a stopped run left them."""
    kept = None if folder is None else folder / f"{name}.json"
    if kept is not None and kept.exists():
        return [tuple(row) for row in json.loads(kept.read_text(encoding="utf-8"))]
    print(f"{name} ...", file=sys.stderr, flush=True)
    rows = importlib.import_module(f"validation.examination.{name}").rows()
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(rows), encoding="utf-8")
    return rows


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _commit() -> str:
    git = ["git", "-C", str(ROOT), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("items", nargs="*")
    parser.add_argument("--rows", type=Path)
    asked = parser.parse_args()
    main(asked.items, asked.rows)
