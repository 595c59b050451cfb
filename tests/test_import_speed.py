"""Importing what answers at once loads nothing slow.

What is loaded is looked at, not the time it took: PyMC alone costs seconds.
"""

import subprocess
import sys
from pathlib import Path

import pytest

import architecture
import bayes_ihlrt

SOURCE = Path(bayes_ihlrt.__file__).parent

SLOW = {"arviz", "jax", "blackjax", "matplotlib", "pandas", "pymc", "pytensor", "scipy", "xarray"}

# Rooms that the command line needs in order to say `--help` and to read a cohort.
QUICK = sorted({*architecture.LIGHT_ON_LOAD, "cli"})


def modules_of(room):
    found = architecture.read_package(SOURCE).values()
    return [f"bayes_ihlrt.{module.name}" for module in found if module.unit == room]


def loaded_by(statement):
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_import_loads_neither_pymc_nor_jax_nor_pandas():
    loaded = loaded_by("import bayes_ihlrt")
    assert "bayes_ihlrt" in loaded
    assert not loaded & {*SLOW, "numpy", "pyarrow", "pydantic"}


def test_commands_look_for_garbage_rarely_and_the_package_leaves_it_to_its_user():
    code = "import gc; before = gc.get_threshold(); import {}; print(gc.get_threshold() == before)"
    for module, same in (("bayes_ihlrt", "True"), ("bayes_ihlrt.cli.start", "False")):
        command = [sys.executable, "-c", code.format(module)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert done.stdout.strip() == same, module


@pytest.mark.parametrize("room", QUICK)
def test_quick_rooms_load_nothing_slow(room):
    modules = modules_of(room)
    loaded = loaded_by(f"import {', '.join(modules)}")
    assert modules
    assert set(modules) <= loaded
    assert not loaded & SLOW


def test_a_public_name_loads_its_own_module_only():
    loaded = loaded_by("import bayes_ihlrt\nbayes_ihlrt.DataError")
    assert "bayes_ihlrt.errors" in loaded
    assert "bayes_ihlrt.priors" not in loaded
