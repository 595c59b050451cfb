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

SLOW = {"arviz", "jax", "matplotlib", "nutpie", "pandas", "pymc", "pytensor", "scipy", "xarray"}

# What the command line needs in order to say `--help` and to `check` a cohort.
QUICK = sorted(
    f"bayes_ihlrt.{unit}"
    for unit in {*architecture.LIGHT_ON_LOAD, "model", "inference", "cli"}
    if unit in {module.unit for module in architecture.read_package(SOURCE).values()}
)


def loaded_by(statement):
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_import_loads_neither_pymc_nor_jax_nor_pandas():
    loaded = loaded_by("import bayes_ihlrt")
    assert "bayes_ihlrt" in loaded
    assert not loaded & {*SLOW, "numpy", "pyarrow", "pydantic"}


@pytest.mark.parametrize("module", QUICK)
def test_quick_modules_load_nothing_slow(module):
    loaded = loaded_by(f"import {module}")
    assert module in loaded
    assert not loaded & SLOW


def test_a_public_name_loads_its_own_module_only():
    loaded = loaded_by("import bayes_ihlrt\nbayes_ihlrt.DataError")
    assert "bayes_ihlrt.errors" in loaded
    assert "bayes_ihlrt.priors" not in loaded
