"""The same seed on the same machine gives the same numbers, whatever the threads and the cache."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bayes_ihlrt.analysis.check import read_cohort
from bayes_ihlrt.estimands import averaging
from bayes_ihlrt.ladder.fit import fit_rung
from bayes_ihlrt.ladder.rungs import plan_rungs
from bayes_ihlrt.posterior import tree
from bayes_ihlrt.spec.estimands import EstimandSpec
from bayes_ihlrt.spec.read import load_spec

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "determinism.py"


def run(what, *, cores, programs):
    """Return what a command gives in a process of its own."""
    environment = {**os.environ, "BAYES_IHLRT_PROGRAMS": str(programs)}
    command = [sys.executable, str(SCRIPT), what, cores]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def same(left, right):
    """Tell whether two results are equal but for the last digits of their numbers."""
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return left == pytest.approx(right, rel=1e-9, nan_ok=True)
    return left == right


def agree(what, folder):
    """Compare one core and two, with programs compiled anew and read back."""
    first = run(what, cores="1", programs=folder / "programs")
    assert run(what, cores="1", programs=folder / "programs") == first, "warm cache"
    warm = run(what, cores="2", programs=folder / "programs")
    # Sums of large tables are divided among cores: the last digit of a check depends on them.
    assert same(warm, first) if what == "diagnose" else warm == first, "two cores"
    assert run(what, cores="2", programs=folder / "others") == warm, "two cores, cold cache"


@pytest.mark.parametrize("cores", [1, 2])
def test_a_rung_is_the_same_on_any_number_of_threads(rung, monkeypatch, cores):
    for module in (averaging, tree):
        monkeypatch.setattr(module, "available_cores", lambda: cores)
    found = rung()
    assert found == rung()
    monkeypatch.undo()
    assert found == rung()


@pytest.fixture(scope="module")
def rung():
    """Return what estimates a crude rung: an approximate posterior and months averaged over it."""
    spec = load_spec("heart")
    changes = {
        "modifier": None,
        "outcome": spec.outcome.model_copy(update={"formula": "transplant"}),
        "priors": {name: spec.priors[name] for name in ("transplant", "baseline")},
        "estimands": EstimandSpec(),
        "ladder": spec.ladder.model_copy(update={"draws": 1000}),
    }
    spec = spec.model_copy(update=changes)
    cohort = read_cohort(spec, "heart")
    plan = next(plan for plan in plan_rungs(spec, cohort) if plan.rung == "split")
    return lambda: fit_rung(spec, cohort, plan, horizon=24.0).to_dict()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["laplace", "nuts", "ladder", "sensitivity", "diagnose", "plan"])
def test_every_command_is_the_same_again(what, tmp_path):
    if hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core only")
    agree(what, tmp_path)
