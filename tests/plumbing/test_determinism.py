"""The same seed on the same machine gives the same numbers, whatever the threads and the cache."""

import math
import os

import pytest
from validation.robust.same import COMMANDS, CORES, compared, difference

from bayes_ihlrt.analysis.check import read_cohort
from bayes_ihlrt.estimands import averaging
from bayes_ihlrt.ladder.fit import fit_rung
from bayes_ihlrt.ladder.rungs import plan_rungs
from bayes_ihlrt.posterior import tree
from bayes_ihlrt.spec.estimands import EstimandSpec
from bayes_ihlrt.spec.read import load_spec


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


def test_what_differs_is_found_wherever_it_is():
    told = {"a": [1.0, {"b": 2.0}], "c": "x", "d": None, "e": math.nan, "f": True}
    assert difference(told, {**told}) == 0.0
    assert difference(told, told | {"a": [1.0, {"b": 2.0 + 1e-9}]}) == pytest.approx(5e-10)
    others = ({"c": "y"}, {"d": 0}, {"e": 1.0}, {"f": 1}, {"g": 1}, {"a": [1.0]})
    assert {difference(told, told | other) for other in others} == {math.inf}


@pytest.mark.slow
@pytest.mark.parametrize("what", COMMANDS)
def test_every_command_is_the_same_again(what, tmp_path):
    if hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core only")
    found = compared(what, tmp_path)
    assert found["numbers"] > 20
    # Sums of large tables are divided among cores: the last digit of a check depends on them.
    within = {CORES: 1e-9} if what == "diagnose" else {}
    assert all(apart <= within.get(where, 0.0) for where, apart in found["apart"].items()), found
