"""Write the figures of packaged data and plans that README and docs show, and what they quote.

    python tools/docs_figures.py [STUDY ...] [--out DIR] [--browser chromium] [--check]

Runs the commands of `STUDIES` (all of them, or those named), copies their figures, takes the first
screen of the demo's report at the width of a desk and of a phone, and puts what commands print
where README and the guides quote it: the answer into the first block of text of a page, parts of
`--tables` into the block after `<!-- quoted: NAME -->`, and single numbers into their sentences.
With `--out` what the commands wrote is kept, and taken from there next time. With `--check` nothing
is written, and what a page quotes otherwise is told.
"""

import argparse
import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "figures"
QUOTED = "```text\n"
CAREFUL = "What to be careful about"
SCREENS = {"report-desktop.png": (1280, 800), "report-phone.png": (390, 844)}


class Part(NamedTuple):
    """Lines that `--tables` prints, from one that begins so to before one that begins otherwise."""

    begins: str
    ends: str


class Study(NamedTuple):
    """A command, which of its figures are shown, and the page that quotes it.

    `parts` stand after the mark of the study, `numbers` are patterns of a sentence of the page.
    """

    command: str
    figures: tuple[str, ...] = ()
    page: str | None = None
    answer: bool = True
    parts: tuple[Part, ...] = ()
    numbers: tuple[str, ...] = ()


STUDIES = {
    "demo": Study("demo", ("*",), "README.md"),
    "checks": Study(
        "diagnose primary --data ihlrt_synthetic",
        ("survival_check", "influence", "risk_calibration"),
        "docs/howto/diagnose.md",
        numbers=(r"a factor of 2 found with probability 0\.\d+",),
    ),
    "ladder": Study("ladder ladder --data ihlrt_synthetic", ("ladder",), "docs/howto/ladder.md"),
    "subgroups": Study("fit subgroups --data ihlrt_synthetic", ("subgroups",)),
    "plan": Study(
        "plan fixed_os --trials 1000",
        page="docs/howto/plan.md",
        parts=(Part("Endpoint:", "+/- is one"), Part("Audit:", "6,000 trials in")),
    ),
    "plan_sizes": Study(
        "plan group_sequential --trials 2048",
        page="docs/howto/plan.md",
        answer=False,
        parts=(Part("Success over sample size", "+/- is one"),),
    ),
}
PYTHON = {"sample_size": "docs/howto/plan.md"}
"""Pages whose block of Python before the mark is run, and its last value quoted."""
WIDTH = "110"


def main() -> None:
    """Run the commands and keep their pictures and words."""
    parser = argparse.ArgumentParser(description=__doc__)
    known = [*STUDIES, *PYTHON]
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=", ".join(known))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--browser", default="chromium")
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.studies) - set(known)):
        parser.error(f"no study is called {', '.join(unknown)}; there are {', '.join(known)}")
    differ = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in asked.studies or known:
            folder = (asked.out or Path(scratch)) / name
            if name in STUDIES:
                run(STUDIES[name], folder)
                if not asked.check:
                    copy_figures(STUDIES[name], folder)
            if name == "demo" and not asked.check:
                take_screens(folder, asked.browser)
            page, text = quoted(name, folder)
            if page is not None and text != page.read_text("utf-8"):
                differ.append(f"{page.relative_to(ROOT)} quotes '{name}' otherwise")
                if not asked.check:
                    page.write_text(text, "utf-8")
    if asked.check and differ:
        sys.exit("\n".join(differ))


def run(study: Study, folder: Path) -> None:
    """Run a command where its output is not there yet, and keep what it prints beside it."""
    printed = folder.with_name(f"{folder.name}.txt")
    if (folder / "summary.txt").exists() and printed.exists():
        return
    program = str(Path(sys.executable).with_name("bayes-ihlrt"))
    options = [] if study.command == "demo" else ["--tables"]
    command = [program, *study.command.split(), *options, "--out", str(folder)]
    wide = {**os.environ, "COLUMNS": WIDTH}
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=wide)
    printed.write_text(told.stdout, "utf-8")


def copy_figures(study: Study, folder: Path) -> None:
    """Copy the figures of a command that the docs show."""
    for shown in study.figures:
        found = sorted((folder / "figures").glob(f"{shown}.png"))
        if not found:
            sys.exit(f"{study.command}: it drew no figure {shown}")
        for figure in found:
            shutil.copy(figure, FIGURES / figure.name)


def quoted(name: str, folder: Path) -> tuple[Path | None, str]:
    """Return the page of a study, and its text with what the study says."""
    if name in PYTHON:
        page = ROOT / PYTHON[name]
        text = page.read_text("utf-8")
        place = after_mark(text, name)
        return page, in_block(text, place, last_value(text[:place]))
    study = STUDIES[name]
    if study.page is None:
        return None, ""
    page = ROOT / study.page
    text = page.read_text("utf-8")
    printed = folder.with_name(f"{folder.name}.txt").read_text("utf-8")
    if study.answer:
        text = in_block(text, 0, first_lines((folder / "summary.txt").read_text("utf-8")))
    if study.parts:
        parts = (lines_of(printed, part) for part in study.parts)
        text = in_block(text, after_mark(text, name), "\n\n".join(parts))
    for pattern in study.numbers:
        found = re.search(pattern, " ".join(printed.split()))
        if found is None or re.search(pattern, text) is None:
            sys.exit(f"{study.command}: nothing like '{pattern}' is printed or quoted")
        text = re.sub(pattern, found[0], text)
    return page, text


def first_lines(answer: str) -> str:
    """Return an answer up to its first caution, or whole where no more is told."""
    lines = [line.rstrip() for line in answer.strip().splitlines()]
    shown = lines.index(CAREFUL) + 3 if CAREFUL in lines else len(lines)
    # Not in the middle of a sentence.
    while shown < len(lines) and not lines[shown - 1].endswith("."):
        shown += 1
    return "\n".join([*lines[:shown], *["  ..."] * (shown < len(lines))])


def lines_of(printed: str, part: Part) -> str:
    """Return the lines of a part."""
    lines = [line.rstrip() for line in printed.splitlines()]
    begins = [i for i, line in enumerate(lines) if line.startswith(part.begins)]
    ends = [
        i for i, line in enumerate(lines) if begins and i > begins[0] and line.startswith(part.ends)
    ]
    if not ends:
        sys.exit(f"nothing printed goes from '{part.begins}' to '{part.ends}'")
    return "\n".join(lines[begins[0] : ends[0]])


def last_value(text: str) -> str:
    """Run the last block of Python of a text and return what its last line is worth."""
    code = text.rpartition("```python\n")[2].partition("```")[0]
    *before, last = ast.parse(code).body
    if not isinstance(last, ast.Expr):
        sys.exit("the block of Python does not end in a value")
    names: dict[str, object] = {"bi": importlib.import_module("bayes_ihlrt")}
    exec(compile(ast.Module(before, []), "page", "exec"), names)
    return repr(eval(compile(ast.Expression(last.value), "page", "eval"), names))


def after_mark(text: str, name: str) -> int:
    """Return where the mark of a study stands in a page."""
    return text.index(f"<!-- quoted: {name} -->")


def in_block(text: str, begin: int, words: str) -> str:
    """Put words into the first block of text after a place."""
    first = text.index(QUOTED, begin) + len(QUOTED)
    return text[:first] + words.rstrip() + "\n" + text[text.index("```", first) :]


def take_screens(folder: Path, browser: str) -> None:
    """Take the first screen of a report at every width."""
    page = (folder / "report.html").resolve().as_uri()
    for name, (width, height) in SCREENS.items():
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        options += [f"--window-size={width},{height}", f"--screenshot={FIGURES / name}"]
        subprocess.run([browser, *options, page], check=True, capture_output=True)


if __name__ == "__main__":
    main()
