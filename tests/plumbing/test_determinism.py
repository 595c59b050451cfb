"""The same seed on the same machine gives the same numbers, whatever the threads and the cache."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "determinism.py"
SAME = ("1", "2")
"""Cores that a run may use."""


def run(what, *, cores, programs):
    """Return what a command gives in a process of its own."""
    environment = {**os.environ, "BAYES_IHLRT_PROGRAMS": str(programs)}
    command = [sys.executable, str(SCRIPT), what, cores]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def agree(what, folder):
    """Compare one core and two, with programs compiled anew and read back."""
    first = run(what, cores="1", programs=folder / "programs")
    assert run(what, cores="1", programs=folder / "programs") == first, "warm cache"
    assert run(what, cores="2", programs=folder / "programs") == first, "two cores"
    assert run(what, cores="2", programs=folder / "others") == first, "two cores, cold cache"


def test_an_approximate_fit_is_the_same_again(tmp_path):
    first = run("laplace", cores="1", programs=tmp_path / "programs")
    assert run("laplace", cores="2", programs=tmp_path / "programs") == first


@pytest.mark.slow
@pytest.mark.parametrize("what", ["laplace", "nuts", "ladder", "sensitivity", "diagnose", "plan"])
def test_every_command_is_the_same_again(what, tmp_path):
    if hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core only")
    agree(what, tmp_path)
