"""Write the figures of the packaged synthetic cohort that README and docs show, and the answers.

    python tools/docs_figures.py [demo checks ladder subgroups] [--out DIR] [--browser chromium]

Runs the commands of `STUDIES` (all of them, or those named), copies their figures, takes the first
screen of the demo's report at the width of a desk and of a phone, and puts answers where README and
the guides quote them. With `--out` what the commands wrote is kept, and taken from there next time.
"""

import argparse
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


class Study(NamedTuple):
    """A command, which of its figures are shown, and the page that quotes its answer."""

    command: str
    figures: tuple[str, ...]
    page: str | None = None


STUDIES = {
    "demo": Study("demo", ("*",), "README.md"),
    "checks": Study(
        "diagnose primary --data ihlrt_synthetic",
        ("survival_check", "influence", "risk_calibration"),
        "docs/howto/diagnose.md",
    ),
    "ladder": Study("ladder ladder --data ihlrt_synthetic", ("ladder",), "docs/howto/ladder.md"),
    "subgroups": Study("fit subgroups --data ihlrt_synthetic", ("subgroups",)),
}


def main() -> None:
    """Run the commands and keep their pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=", ".join(STUDIES))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--browser", default="chromium")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.studies) - set(STUDIES)):
        parser.error(f"no study is called {', '.join(unknown)}; there are {', '.join(STUDIES)}")
    with tempfile.TemporaryDirectory() as scratch:
        for name in asked.studies or STUDIES:
            show(STUDIES[name], (asked.out or Path(scratch)) / name)
            if name == "demo":
                take_screens((asked.out or Path(scratch)) / name, asked.browser)


def show(study: Study, folder: Path) -> None:
    """Run a command where its output is not there yet; copy its figures, quote its answer."""
    if not (folder / "summary.txt").exists():
        program = str(Path(sys.executable).with_name("bayes-ihlrt"))
        options = ["--quiet", "--out", str(folder)]
        subprocess.run([program, *study.command.split(), *options], check=True)
    for shown in study.figures:
        found = sorted((folder / "figures").glob(f"{shown}.png"))
        if not found:
            sys.exit(f"{study.command}: it drew no figure {shown}")
        for figure in found:
            shutil.copy(figure, FIGURES / figure.name)
    if study.page is not None:
        quote((folder / "summary.txt").read_text("utf-8"), ROOT / study.page)


def take_screens(folder: Path, browser: str) -> None:
    """Take the first screen of a report at every width."""
    page = (folder / "report.html").resolve().as_uri()
    for name, (width, height) in SCREENS.items():
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        options += [f"--window-size={width},{height}", f"--screenshot={FIGURES / name}"]
        subprocess.run([browser, *options, page], check=True, capture_output=True)


def quote(answer: str, page: Path) -> None:
    """Put an answer into the first block of text of a page, up to the first caution."""
    lines = [line.rstrip() for line in answer.splitlines()]
    shown = [*lines[: lines.index(CAREFUL) + 3], "  ..."]
    before, _, rest = page.read_text("utf-8").partition(QUOTED)
    after = rest[rest.index("```") :]
    page.write_text(before + QUOTED + "\n".join(shown) + "\n" + after, "utf-8")


if __name__ == "__main__":
    main()
