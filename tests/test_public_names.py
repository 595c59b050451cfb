"""The names that `import bayes_ihlrt` offers exist, and say what they take and return."""

import ast
import inspect
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
    """Read the names that the type checker sees in the package's `__init__`."""
    tree = ast.parse(Path(bayes_ihlrt.__file__).read_text())
    (guard,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = (node for node in guard.body if isinstance(node, ast.ImportFrom))
    return {alias.name for node in imported for alias in node.names}


def test_types_and_run_time_offer_the_same_names():
    assert typed_names() == set(bayes_ihlrt.__all__)


@pytest.mark.parametrize("name", [*bayes_ihlrt.__all__, "__version__"])
def test_public_name_resolves(name):
    assert getattr(bayes_ihlrt, name) is not None


def test_dir_lists_the_public_names():
    assert set(bayes_ihlrt.__all__) <= set(dir(bayes_ihlrt))


def test_an_unknown_name_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="module 'bayes_ihlrt' has no attribute 'Cohrt'"):
        bayes_ihlrt.Cohrt  # noqa: B018


LAZY = [
    file.parent
    for file in Path(bayes_ihlrt.__file__).parent.rglob("__init__.py")
    if "lazy_names(" in file.read_text()
]


@pytest.mark.parametrize("package", LAZY, ids=lambda folder: folder.name)
def test_no_lazy_name_is_that_of_a_module_of_its_package(package):
    """Importing the module would put it in the place of what it defines."""
    tree = ast.parse((package / "__init__.py").read_text())
    tables = [
        {key.value for key in node.value.keys}
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_NAMES"
    ]
    assert tables
    modules = {file.stem for file in package.iterdir() if file.suffix == ".py" or file.is_dir()}
    assert not set.union(*tables) & modules


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
