"""Importing what answers at once loads nothing slow, and the public names are all there.

What is loaded is looked at, not the time it took: PyMC alone costs seconds.
"""

import ast
import subprocess
import sys
from pathlib import Path

import architecture
import pytest

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


def public_table():
    """Read the names that the type checker sees in the package's `__init__`."""
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    (guard,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = (node for node in guard.body if isinstance(node, ast.ImportFrom))
    return {alias.name for node in imported for alias in node.names}


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


def test_types_and_run_time_offer_the_same_names():
    assert public_table() == set(bayes_ihlrt.__all__)


@pytest.mark.parametrize("name", [*bayes_ihlrt.__all__, "__version__"])
def test_public_name_resolves(name):
    assert getattr(bayes_ihlrt, name) is not None


def test_dir_lists_the_public_names():
    assert set(bayes_ihlrt.__all__) <= set(dir(bayes_ihlrt))


def test_an_unknown_name_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="module 'bayes_ihlrt' has no attribute 'Cohrt'"):
        bayes_ihlrt.Cohrt  # noqa: B018
