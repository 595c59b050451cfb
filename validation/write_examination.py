"""Run every adverse input and write docs/validation/examination.md.

python validation/write_examination.py            # every item
python validation/write_examination.py 7 10       # these alone, printed and not written
"""

import importlib
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


def main(wanted: list[str]) -> None:
    """Print the rows of these items, or write the page from the rows of all."""
    names = sorted(path.stem for path in (ROOT / "validation" / "examination").glob("item_*.py"))
    if wanted:
        names = [name for name in names if name.removeprefix("item_").lstrip("0") in wanted]
    rows = []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"validation.examination.{name}").rows()
    table = "\n".join([_line(COLUMNS), "|" + "---|" * len(COLUMNS), *map(_line, rows)]) + "\n"
    if wanted:
        print(table)
        return
    PAGE.write_text(INTRODUCTION.format(commit=_commit()) + table, encoding="utf-8")


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _commit() -> str:
    git = ["git", "-C", str(ROOT), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main(sys.argv[1:])
