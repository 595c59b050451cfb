"""The names that `import bayes_ihlrt` offers exist, and say what they take and return."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from numpydoc.validate import validate

import bayes_ihlrt

# Asked of public names on top of `numpydoc lint`, which does not see the fields of a dataclass.
DOCUMENTED = {"GL08", "PR01", "PR02", "RT03"}


def has_parameters(value):
    """Tell functions and classes with a constructor of their own from modules and subclasses."""
    own = {"__init__", "__signature__"} & set(getattr(value, "__dict__", ()))
    return inspect.isfunction(value) or (inspect.isclass(value) and bool(own))


def typed_names():
    """Read the names that the type checker sees in the package's stub."""
    tree = ast.parse(Path(bayes_ihlrt.__file__).with_suffix(".pyi").read_text())
    imported = (node for node in tree.body if isinstance(node, ast.ImportFrom))
    return {alias.name for node in imported for alias in node.names}


def test_types_and_run_time_offer_the_same_names():
    assert typed_names() == set(bayes_ihlrt.__all__)


VERBS = ("analysis", "fit", "summary", "estimates", "plot", "ladder", "sensitivity", "diagnose")
VERBS += ("plan", "report", "save", "load", "check")


def test_the_face_is_small_and_has_every_verb():
    assert set(VERBS) <= set(bayes_ihlrt.__all__)
    assert len(bayes_ihlrt.__all__) <= 48


@pytest.mark.parametrize("first", ["bayes_ihlrt.ladder.run", "bayes_ihlrt.report.html", "none"])
def test_a_room_does_not_take_the_place_of_the_verb_that_is_called_like_it(first):
    load = "" if first == "none" else f"import {first}; "
    code = (
        f"{load}import bayes_ihlrt as bi; before = [bi.analysis, bi.ladder]; "
        "from bayes_ihlrt.analysis.fit import FitResult; import bayes_ihlrt.sensitivity.study; "
        "from bayes_ihlrt.report import html; "
        "after = [bi.analysis, bi.ladder, bi.sensitivity, bi.report]; "
        "print(*(type(each).__name__ for each in before + after), html.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["function"] * 6 + ["bayes_ihlrt.report.html"]


@pytest.mark.parametrize("name", [*bayes_ihlrt.__all__, "__version__"])
def test_public_name_resolves(name):
    assert getattr(bayes_ihlrt, name) is not None


def test_dir_lists_the_public_names():
    assert set(bayes_ihlrt.__all__) <= set(dir(bayes_ihlrt))


def test_an_unknown_name_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="module 'bayes_ihlrt' has no attribute 'Cohrt'"):
        bayes_ihlrt.Cohrt  # noqa: B018


def undocumented(value):
    """Return what numpydoc misses; a described pydantic field is a documented parameter."""
    fields = getattr(value, "model_fields", {}).values()
    described = bool(fields) and all(field.description for field in fields)
    asked = DOCUMENTED - ({"PR01"} if described else set())
    errors = validate(f"{value.__module__}.{value.__name__}")["errors"]
    return [(code, text) for code, text in errors if code in asked]


@pytest.mark.parametrize("name", bayes_ihlrt.__all__)
def test_public_name_is_documented(name):
    value = getattr(bayes_ihlrt, name)
    assert value.__doc__
    assert not (has_parameters(value) and undocumented(value))


@pytest.mark.parametrize("name", bayes_ihlrt.__all__)
def test_public_name_shows_an_example_that_runs(name):
    """Doctests run all examples; this asks that there is one, and that it is not left out."""
    value = getattr(bayes_ihlrt, name)
    shown = inspect.getdoc(value) if inspect.isclass(value) or inspect.isfunction(value) else ">>>"
    assert ">>>" in shown
    assert "+SKIP" not in shown
