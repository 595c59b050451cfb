"""README.md read as a user reads it: every command in order, in one folder that was empty.

The commands run with the marker `readme` (`.ci/run`); what they are is checked always.
"""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from shutil import copytree
from typing import NamedTuple

import pytest

from bayes_ihlrt.cohort import datasets
from bayes_ihlrt.spec.read import parse_spec

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"

# The one thing that is not taken literally: these tests run in the environment that uv made.
WITH_UV = re.compile(r"(python3 -m pip install uv && )?python3 -m uv run (--(extra|group) \w+ )?")
# Done by `.ci/run` in a step of its own, which these tests are part of.
ELSEWHERE = "python3 -m uv run --group dev pytest"
PATIENCE = 3_000.0


class Step(NamedTuple):
    """One line of a shell block, or a whole Python block."""

    language: str
    text: str


def blocks(text):
    """Return language and content of every fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def steps():
    """Return what a reader types, in order."""
    found = []
    for language, content in blocks(README.read_text("utf-8")):
        if language == "python":
            found.append(Step(language, content))
        elif language == "sh":
            found += [Step(language, line) for line in content.splitlines() if line.strip()]
    return found


def bare(line):
    """Return a command without what makes the environment."""
    return WITH_UV.sub("", line)


def name_of(step):
    """Return a name for the test of a step."""
    return "python" if step.language == "python" else bare(step.text).partition("#")[0].strip()


TYPED = [step for step in steps() if step.text != ELSEWHERE]


def test_blocks_are_commands_python_or_output():
    assert {language for language, _ in blocks(README.read_text("utf-8"))} == {
        *("sh", "python", "text", "toml")
    }
    shell = [step.text for step in steps() if step.language == "sh"]
    assert len(shell) >= 12
    assert all(WITH_UV.match(line) for line in shell)


def test_the_short_specification_is_one():
    (text,) = (found for language, found in blocks(README.read_text("utf-8")) if language == "toml")
    assert parse_spec(text).treatment.name == "ihlrt"


def test_the_command_that_is_left_out_is_run_by_ci():
    assert ELSEWHERE in {step.text for step in steps()}
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    assert f"step tests {ELSEWHERE}\n" in ci
    assert f"step readme {ELSEWHERE} -m readme\n" in ci


def test_no_two_commands_write_into_one_folder():
    text = "\n".join(step.text for step in TYPED)
    named = re.findall(r"--out (\S+)", text)
    assert len(set(named)) == len(named)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """Return a folder with what a clone offers to README's commands, and the user's own cohort."""
    folder = tmp_path_factory.mktemp("readme")
    copytree(ROOT / "models", folder / "models")
    own = datasets.load("ihlrt_synthetic")
    columns = ["patient_id", "centre", "os_months", "death", "ihlrt_months", "nlr", "albi"]
    own[[*columns, "afp_high"]].to_csv(folder / "my_cohort.csv", index=False)
    return folder


def environment():
    """Return the variables of a shell in which the package is installed, without a browser."""
    programs = str(Path(sys.executable).parent)
    path = os.pathsep.join([programs, os.environ["PATH"]])
    return {**os.environ, "PATH": path, "BROWSER": "true"}


def run(command, folder):
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


def look_at_the_page(line, folder):
    """Run a command that serves a page until it is interrupted."""
    command = ["bash", "-c", f"exec {line}"]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True
    ) as served:
        try:
            address = served.stdout.readline().split()[0]
            with urllib.request.urlopen(address, timeout=60) as page:
                assert page.status == 200
                assert b"<html" in page.read()
            served.send_signal(signal.SIGINT)
            assert served.wait(PATIENCE) == 130
        finally:
            served.kill()


@pytest.mark.readme
@pytest.mark.parametrize("step", TYPED, ids=name_of)
def test_it_does_what_it_says(step, clone):
    if step.language == "python":
        run([sys.executable, "-c", step.text], clone)
    elif " explore " in step.text:
        look_at_the_page(bare(step.text), clone)
    else:
        run(["bash", "-c", bare(step.text)], clone)


@pytest.mark.readme
def test_what_was_promised_is_there(clone):
    whole = {"result.json", "specification.toml", "posterior.nc", "report.json", "manifest.json"}
    for folder in (
        "demo",
        "results",
        "out/primary",
        "out/ladder",
    ):
        assert whole <= {path.name for path in (clone / folder).iterdir()}, folder
        assert list((clone / folder / "figures").glob("*.png")), folder
    for file in (
        *("my_study/specification.toml", "demo/report.html", "results/summary.txt"),
        *("out/primary/checks.json", "out/sensitivity/result.json", "plans/fixed_os/result.json"),
        *("report.html", "exports/tables.docx", "exports/tables.tex", "exports/methods.md"),
        "exports/references.bib",
    ):
        assert (clone / file).stat().st_size > 0, file
    assert not list(clone.rglob("*unfinished*"))
