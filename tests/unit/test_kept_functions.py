"""Functions that the next process loads: the same numbers, without a graph or a trace of it."""

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from bayes_ihlrt.batch import kept
from bayes_ihlrt.batch.compiled import compile_model
from bayes_ihlrt.batch.density import jax_density, prepared_density
from bayes_ihlrt.batch.engine import BatchEngine
from bayes_ihlrt.batch.kept import KeptFunction
from bayes_ihlrt.batch.program_cache import SWITCH, ProgramFolder
from bayes_ihlrt.hazards import registry
from bayes_ihlrt.hazards.exponential import Exponential

POSITION = """
    import numpy as np
    from bayes_ihlrt.analysis.check import check_analysis
    from bayes_ihlrt.batch import density
    from bayes_ihlrt.batch.compiled import compile_model
    from bayes_ihlrt.model.prepared import prepare
    from bayes_ihlrt.spec.model import ModelSpec
    from bayes_ihlrt.spec.read import load_spec

    spec = load_spec("heart")
    told = spec.model.model_dump(exclude_none=True) | {"modifier": None}
    told["outcome"] = {"formula": "transplant", "hazard": {"family": "exponential"}}
    told["priors"] = {name: spec.priors[name] for name in ("transplant", "baseline")}
    prepared = prepare(ModelSpec.model_validate(told), check_analysis(spec, "heart").person_time)
    rewritten, made = [], density._function
    density._function = lambda *all, **some: rewritten.append(0) or made(*all, **some)
    compiled = compile_model(prepared)
    found = compiled.engine.posteriors(
        compiled.members({"weight": np.ones((2, 103))}), draws=50, seed=3
    )
    print(len(rewritten), float(found.draws["transplant"].sum()).hex())
"""


@dataclass(frozen=True)
class Elsewhere(Exponential):
    """A hazard of which the package's source says nothing."""

    name = "elsewhere"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "FOLDER", ProgramFolder(tmp_path))
    return tmp_path


def doubled(counted, identity="double"):
    """Return a function that counts how often it is traced."""

    def double(x, *, times=1):
        counted.append(times)
        return {"twice": 2.0 * x * times, "sum": (x.sum(), None)}

    return KeptFunction(double, identity, static=("times",))


@pytest.mark.slow
def test_another_process_neither_rewrites_nor_traces(tmp_path):
    told = os.environ | {SWITCH: str(tmp_path)}
    command = [sys.executable, "-c", textwrap.dedent(POSITION)]
    told["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    runs = []
    for _ in range(2):
        done = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        runs.append(done.stdout.split())
    (first, numbers), (second, again) = runs
    assert int(first) > 0
    assert int(second) == 0
    assert numbers == again


def test_the_second_traces_nothing(folder):
    traced = []
    x = np.arange(3.0)
    first = doubled(traced)(x, times=3)
    assert traced == [3]
    assert len(list(folder.iterdir())) == 1
    second = doubled(traced)(x, times=3)
    assert traced == [3]
    np.testing.assert_array_equal(first["twice"], second["twice"])
    assert second["sum"][1] is None


@pytest.mark.parametrize(
    ("other", "times"),
    [(np.arange(4.0), 1), (np.arange(3.0, dtype=np.float32), 1), (np.arange(3.0), 2)],
)
def test_other_shapes_types_and_static_arguments_are_other_programs(folder, other, times):
    traced = []
    doubled(traced)(np.arange(3.0))
    found = doubled(traced)(other, times=times)
    np.testing.assert_allclose(found["twice"], 2.0 * other * times)
    assert len(traced) == 2


def test_another_identity_or_source_is_another_program(folder, monkeypatch):
    traced = []
    doubled(traced)(np.arange(3.0))
    doubled(traced, "another")(np.arange(3.0))
    assert len(traced) == 2
    monkeypatch.setattr(kept, "_source", lambda: "changed")
    doubled(traced)(np.arange(3.0))
    assert len(traced) == 3


def test_what_jax_is_told_is_part_of_it(folder):
    traced = []
    doubled(traced)(np.arange(3.0))
    with jax.default_matmul_precision("float32"):
        doubled(traced)(np.arange(3.0))
    assert len(traced) == 2


@pytest.mark.parametrize("content", [b"", b"no program", "half"])
def test_a_file_that_was_cut_off_is_made_anew(folder, content):
    traced = []
    doubled(traced)(np.arange(3.0))
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    found = doubled(traced)(np.arange(3.0))
    assert found["twice"].tolist() == [0.0, 2.0, 4.0]
    assert len(traced) == 2
    doubled(traced)(np.arange(3.0))
    assert len(traced) == 2


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "FOLDER", ProgramFolder(tmp_path / "missing"))
    assert doubled([])(np.arange(2.0))["twice"].tolist() == [0.0, 2.0]


@pytest.mark.parametrize(
    "given", [ProgramFolder(None, "no room"), ProgramFolder("/a/folder/told/jax", stated=True)]
)
def test_without_a_folder_of_ones_own_nothing_is_kept(given, monkeypatch):
    monkeypatch.setattr(kept, "FOLDER", given)
    monkeypatch.setattr(kept, "_read", lambda _: pytest.fail("looked for a program"))
    assert doubled([])(np.arange(2.0))["twice"].tolist() == [0.0, 2.0]


def test_what_has_no_identity_or_is_traced_is_not_kept(folder):
    doubled([], "")(np.arange(3.0))
    double = doubled([])
    inside = jax.jit(lambda x: double(x)["twice"])(jnp.arange(3.0))
    assert inside.tolist() == [0.0, 2.0, 4.0]
    assert not list(folder.iterdir())


def test_hazards_from_elsewhere_are_never_kept(example_prepared, monkeypatch):
    assert compile_model(example_prepared).density.identity

    monkeypatch.setitem(registry.FAMILIES, "elsewhere", Elsewhere)
    other = replace(example_prepared, hazard=Elsewhere())
    assert not compile_model(other).density.identity


def test_a_constant_of_the_graph_is_part_of_its_identity():
    def identity(rate):
        with pm.Model() as model:
            pm.Exponential(
                "time", pm.Deterministic("rate", pt.as_tensor(rate) * pm.Gamma("g", 2, 1))
            )
        return jax_density(model, identity="gamma").identity

    assert identity(0.5) == identity(0.5)
    assert identity(0.5) != identity(0.6)


def test_data_that_are_constants_of_a_program_belong_to_it(folder, example_prepared, monkeypatch):
    """Without shared data a kernel has those of its graph built in."""

    def rate(prepared):
        engine = BatchEngine(prepared_density(prepared))
        patients = engine.density.arrays()["weight"].shape
        found = engine.modes({"weight": np.ones((1, *patients))}).parameters
        return float(found["log_rate"][0])

    arrays = example_prepared.arrays
    slower = dict(arrays.data)
    for name in ("exposure", "exit_time", "entry_time", "start", "stop"):
        if name in slower:
            slower[name] = 2.0 * slower[name]
    other = replace(example_prepared, arrays=replace(arrays, data=slower))
    kept_rates = rate(example_prepared), rate(other)
    assert list(folder.iterdir())
    monkeypatch.setattr(kept, "FOLDER", ProgramFolder(None, "switched off"))
    assert kept_rates == pytest.approx((rate(example_prepared), rate(other)), abs=1e-9)
    assert kept_rates[1] < kept_rates[0] - 0.5
