"""Write the figures of the demo and of its report that README and docs show, and its answer.

    python tools/docs_figures.py [--browser chromium]

Runs `bayes-ihlrt demo` in a scratch folder, copies its figures, takes the first screen of its
report at the width of a desk and of a phone, and puts the first lines of its answer into README.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FIGURES = Path(__file__).parents[1] / "docs" / "figures"
README = FIGURES.parents[1] / "README.md"
QUOTED = "```text\n"
CAREFUL = "What to be careful about"
SCREENS = {"report-desktop.png": (1280, 800), "report-phone.png": (390, 844)}


def main() -> None:
    """Run the demo and keep its pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--browser", default="chromium")
    browser = parser.parse_args().browser
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "demo"
        program = [str(Path(sys.executable).with_name("bayes-ihlrt")), "demo", "--quiet"]
        subprocess.run([*program, "--out", str(folder)], check=True)
        for figure in (folder / "figures").glob("*.png"):
            shutil.copy(figure, FIGURES / figure.name)
        for name, (width, height) in SCREENS.items():
            options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
            options += [f"--window-size={width},{height}", f"--screenshot={FIGURES / name}"]
            page = (folder / "report.html").as_uri()
            subprocess.run([browser, *options, page], check=True, capture_output=True)
        quote((folder / "summary.txt").read_text("utf-8"))


def quote(answer: str) -> None:
    """Put an answer into README, up to the first thing to be careful about."""
    lines = [line.rstrip() for line in answer.splitlines()]
    shown = [*lines[: lines.index(CAREFUL) + 3], "  ..."]
    before, _, rest = README.read_text("utf-8").partition(QUOTED)
    after = rest[rest.index("```") :]
    README.write_text(before + QUOTED + "\n".join(shown) + "\n" + after, "utf-8")


if __name__ == "__main__":
    main()
