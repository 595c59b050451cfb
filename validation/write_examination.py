"""Run every adverse input and write docs/validation/examination.md.

python validation/write_examination.py            # every item
python validation/write_examination.py 7 10       # these alone, printed and not written
python validation/write_examination.py 7 10 --replace   # these alone, put into the page
python validation/write_examination.py --rows FOLDER    # items whose rows are there are not run
"""

import argparse
import importlib
import json
import re
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
commit `{commit}`, which wrote this page{later}.

"""
LATER = ", but for items that were run again since: "
COLUMNS = ("item", "input", "right", "before", "after", "Monte Carlo error", "verdict")


def main(wanted: list[str], folder: Path | None, *, replace: bool = False) -> None:
    """Print the rows of these items, put them into the page, or write it from the rows of all."""
    names = sorted(path.stem for path in (ROOT / "validation" / "examination").glob("item_*.py"))
    if wanted:
        names = [name for name in names if name.removeprefix("item_").lstrip("0") in wanted]
    found = [_found(name, folder) for name in names]
    rows = [row for own, _ in found for row in own]
    words = [told for _, told in found if told]
    if not wanted:
        PAGE.write_text(page(rows, words, commit=_commit()), encoding="utf-8")
    elif replace:
        PAGE.write_text(replaced(PAGE.read_text("utf-8"), rows, words, commit=_commit()), "utf-8")
    else:
        print("\n\n".join([_table([_line(row) for row in rows]), *words]))


def page(
    rows: list[tuple[str, ...]],
    words: list[str],
    *,
    commit: str,
) -> str:
    """Return the page: an introduction, a line a row, and paragraphs on some items."""
    introduction = INTRODUCTION.format(commit=commit, later="")
    return _joined(introduction, [_line(row) for row in rows], words)


def replaced(text: str, rows: list[tuple[str, ...]], words: list[str], *, commit: str) -> str:
    """Return the page with rows and paragraphs of some items in the place of those it had."""
    head, _, rest = text.partition(_line(COLUMNS))
    table, _, told = rest.partition("\n\n")
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    items = list(dict.fromkeys(row[0] for row in rows))
    kept = [line for line in lines if _item(line) not in items]
    new = {item: [_line(row) for row in rows if row[0] == item] for item in items}
    for item, own in new.items():
        at = sum(_order(_item(line)) <= _order(item) for line in kept)
        kept[at:at] = own
    paragraphs = {_subject(each): each for each in told.strip().split("\n\n") if each}
    paragraphs |= {_subject(each): each for each in words}
    first = re.search(r"commit `(\w+)`, which", head)
    if first is None:
        raise ValueError("the page does not say which commit wrote it")
    again = dict(re.findall(r"(\d+(?: \([^)]*\))?) at `(\w+)`", head.partition(LATER)[2]))
    again |= dict.fromkeys(items, commit)
    listed = ", ".join(f"{item} at `{by}`" for item, by in sorted(again.items(), key=_order))
    introduction = INTRODUCTION.format(commit=first[1], later=LATER + listed)
    return _joined(introduction, kept, sorted(paragraphs.values(), key=_order))


def _joined(introduction: str, lines: list[str], words: list[str]) -> str:
    return "\n".join([introduction + _table(lines), *(f"{told}\n" for told in words)])


def _table(lines: list[str]) -> str:
    return "\n".join([_line(COLUMNS), "|" + "---|" * len(COLUMNS), *lines]) + "\n"


def _item(line: str) -> str:
    return line.split(" | ", maxsplit=1)[0].removeprefix("| ")


def _subject(paragraph: str) -> str:
    return paragraph.partition(". ")[0]


def _order(told: object) -> tuple[int, str]:
    """Order items, and what is told of them, by number and then by their text."""
    text = told[0] if isinstance(told, tuple) else str(told)
    return int(re.findall(r"\d+", text)[0]), text


def _found(name: str, folder: Path | None) -> tuple[list[tuple[str, ...]], str]:
    """Return rows of an item and what is said of them: run, or as a stopped run left them."""
    kept = None if folder is None else folder / f"{name}.json"
    if kept is not None and kept.exists():
        found = json.loads(kept.read_text(encoding="utf-8"))
        return [tuple(row) for row in found["rows"]], found["words"]
    print(f"{name} ...", file=sys.stderr, flush=True)
    item = importlib.import_module(f"validation.examination.{name}")
    rows = item.rows()
    words = item.words() if hasattr(item, "words") else ""
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({"rows": rows, "words": words}), encoding="utf-8")
    return rows, words


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _commit() -> str:
    git = ["git", "-C", str(ROOT), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("items", nargs="*")
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--replace", action="store_true", help="put the items into the page")
    asked = parser.parse_args()
    if asked.replace and not asked.items:
        parser.error("--replace puts named items into the page: name them")
    main(asked.items, asked.rows, replace=asked.replace)
