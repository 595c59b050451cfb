"""What an installation brings: no tools for those who only run it, licences, pins, extras."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tools import licences

from bayes_ihlrt.errors import MissingExtraError
from bayes_ihlrt.report import manuscript

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT, UV = PYPROJECT["project"], PYPROJECT["tool"]["uv"]
EXTRAS = PROJECT["optional-dependencies"]


def name_of(line):
    return canonicalize_name(Requirement(line).name)


@pytest.fixture(scope="module")
def core():
    return licences.closure(PROJECT["dependencies"])


def test_the_first_command_of_the_readme_installs_no_tools(core):
    assert UV["default-groups"] == []
    groups = PYPROJECT["dependency-groups"]
    tools = {name_of(line) for group in groups.values() for line in group}
    assert {"mypy", "playwright", "pytest", "sphinx"} <= tools
    assert not core & tools


def test_what_serves_one_command_only_is_an_extra(core):
    assert len(core) <= 64
    assert not core & {"python-docx", "lxml", "openpyxl", "starlette", "uvicorn", "distributed"}


def test_the_page_of_licences_is_current():
    told = "run python3 -m uv run --all-extras --no-extra gpu python tools/licences.py"
    assert licences.PAGE.read_text("utf-8") == licences.page(), told


def test_no_package_is_under_a_licence_that_would_bind_this_one():
    found = {name: licences.licence(name) for name in licences.brought()}
    assert not [name for name, told in found.items() if re.search(r"GPL|Proprietary", told)]


def test_a_package_without_a_licence_is_told(monkeypatch):
    nothing = SimpleNamespace(metadata=SimpleNamespace(get=lambda _: None, get_all=lambda *_: []))
    monkeypatch.setattr(licences, "distribution", lambda _: nothing)
    with pytest.raises(SystemExit, match="quiet states no licence"):
        licences.licence("quiet")


def test_constraints_pin_all_that_is_installed_and_name_no_host():
    text = (ROOT / "constraints.txt").read_text("utf-8")
    assert "://" not in text
    pinned = [Requirement(line) for line in text.splitlines() if not line.startswith("#")]
    names = {canonicalize_name(one.name) for one in pinned}
    assert set(licences.brought()) <= names
    assert all(re.fullmatch(r"==[^,*]+", str(one.specifier)) for one in pinned)
    assert {line for line in text.splitlines() if line[0] != "#"} <= set(
        UV["constraint-dependencies"]
    )


def test_extras_that_errors_name_exist():
    sources = "\n".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    named = set(re.findall(r'MissingExtraError\(\s*"(\w+)"', sources))
    assert named <= EXTRAS.keys()
    assert {"word", "explore", "distributed"} <= named


def test_an_export_without_the_extra_says_how_to_install_it(tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(manuscript, "find_spec", lambda n: None if n == "docx" else found(n))
    with pytest.raises(MissingExtraError) as error:
        manuscript.write_exports(None, tmp_path / "out")
    assert "python3 -m pip install 'bayes-ihlrt[word]'" in str(error.value)
    assert "uv run --extra word" in str(error.value)
    assert not (tmp_path / "out").exists()


def test_pythons_that_are_named_are_those_that_are_allowed():
    named = [
        line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)
    ]
    assert named == ["3.12", "3.13", "3.14"]
    assert PROJECT["requires-python"] == f">={named[0]}"
