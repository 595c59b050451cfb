"""Signals end a command at once and leave nothing behind: real processes, at several moments."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bayes_ihlrt.cli import interrupts

COMMAND = [sys.executable, "-c", "from bayes_ihlrt.cli.start import main; main()"]
PATIENCE = 2.0
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
WORDS = {signal.SIGINT: "Interrupted. Nothing was written.", signal.SIGTERM: "Terminated. "}
BEGUN = ("Interrupted", "Terminated")
ROOT = Path(__file__).parents[2]
FIT = ("fit", "primary", "--data", "ihlrt_synthetic", "--out", "out")


def start(arguments, folder, *, after, before=()):
    process = subprocess.Popen(
        [*before, *COMMAND, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    if isinstance(after, float):
        time.sleep(after)
        return process, b""
    told = b""
    while after.encode() not in told:
        assert select.select([process.stderr], [], [], 120)[0], told
        part = os.read(process.stderr.fileno(), 4096)
        assert part, told
        told += part
    return process, told


def ended(arguments, folder, number, *, after, before=()):
    """Return what a command told, and how long it took to end."""
    process, told = start(arguments, folder, after=after, before=before)
    with process:
        process.send_signal(number)
        since = time.monotonic()
        errors = process.communicate(timeout=60)[1]
        took = time.monotonic() - since
    return process.returncode, (told + errors).decode(), took


def check_end(arguments, folder, number, *, after):
    status, told, took = ended(arguments, folder, number, after=after)
    assert status == STATUS[number], told
    assert WORDS[number] in told
    assert "Traceback" not in told
    assert took < PATIENCE
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)
def test_a_fit_that_has_begun_ends_at_once(number, tmp_path):
    check_end(FIT, tmp_path, number, after="loading the samplers")


EARLY = """
import os, sys
class Loading:
    def find_spec(self, name, path=None, target=None):
        if name == "bayes_ihlrt.cli.interrupts":
            os.kill(os.getpid(), NUMBER)
sys.meta_path.insert(0, Loading())
from bayes_ihlrt.cli.start import main
main()
"""


@pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)
def test_signals_are_looked_after_before_the_rest_is_loaded(number, tmp_path):
    code = EARLY.replace("NUMBER", str(int(number)))
    done = subprocess.run(
        [sys.executable, "-c", code, "init", "new"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == STATUS[number]
    assert done.stderr.decode() in {f"{words}. Nothing was written.\n" for words in BEGUN}
    assert list(tmp_path.iterdir()) == []


def test_what_was_written_is_told_by_folder_where_it_is_much(monkeypatch):
    few, many = [Path("a") / str(n) for n in range(6)], [Path("b") / str(n) for n in range(2_000)]
    monkeypatch.setattr(interrupts, "placed", lambda: (Path("new"), *few, *many))
    told = "new, a/0, a/1, a/2, a/3, a/4, a/5, 2,000 files in b"
    assert interrupts.what_was_written() == f"Written before: {told}."


@pytest.mark.slow
def test_check_and_init_end_at_every_moment():
    command = [sys.executable, "-m", "validation.robust.signals", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)["rows"]
    assert [row["refused"] for row in rows] == [[]] * 8
    assert sum(row["tried"] for row in rows) == 28


@pytest.mark.slow
@pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)
@pytest.mark.parametrize("stage", ["compiling the model", "sampling", "drawing and writing"])
def test_a_fit_ends_at_every_stage(stage, number, tmp_path):
    check_end(FIT, tmp_path, number, after=stage)


@pytest.mark.slow
@pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)
@pytest.mark.parametrize("delay", [1.0, 4.0, 8.0, 12.0])
@pytest.mark.parametrize(
    "arguments",
    [
        ("ladder", "ladder", "--data", "ihlrt_synthetic", "--out", "out"),
        ("sensitivity", "sensitivity/primary", "--data", "ihlrt_synthetic", "--out", "out"),
        ("diagnose", "primary", "--data", "ihlrt_synthetic", "--out", "out"),
        ("plan", "fixed_os", "--trials", "2000000"),
        ("explore", "fixed_os", "--no-open"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_other_commands_end_whenever(arguments, delay, number, tmp_path):
    check_end(arguments, tmp_path, number, after=delay)


@pytest.mark.slow
def test_what_runs_in_the_background_of_a_script_ignores_ctrl_c(tmp_path):
    ignoring = ["bash", "-c", "trap '' INT; exec \"$@\"", "bash"]
    arguments = ("check", "primary", "--data", "ihlrt_synthetic")
    status, told, _ = ended(arguments, tmp_path, signal.SIGINT, after=1.0, before=ignoring)
    assert status == 0, told


def run(arguments, folder, stdout):
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=folder, stdout=stdout, stderr=subprocess.PIPE, check=False
    )
    return done.returncode, done.stderr.decode()


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="there is no full device here")
def test_a_full_output_is_told_with_what_was_written(tmp_path):
    with FULL.open("w") as full:
        told = run(("init", "new"), tmp_path, full)
    message = "Error: standard output cannot be written (no space left on device). "
    assert told == (1, f"{message}Written before: new.\n")
    assert len(list((tmp_path / "new").iterdir())) == 3


def test_a_reader_that_has_left_is_told(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    told = run(("--help",), tmp_path, writing)
    os.close(writing)
    message = "Error: standard output cannot be written (broken pipe). Nothing was written.\n"
    assert told == (1, message)


def test_a_closed_output_is_no_fault(tmp_path):
    command = ["bash", "-c", 'exec "$@" >&-', "bash", *COMMAND, "init", "new"]
    done = subprocess.run(command, cwd=tmp_path, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(list((tmp_path / "new").iterdir())) == 3
