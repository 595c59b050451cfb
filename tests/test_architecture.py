"""The package keeps its floors and budgets, and the checker would notice if it did not."""

import ast
import re
import tomllib
from inspect import signature
from pathlib import Path

import pytest
from typer.main import get_command

import architecture
from bayes_ihlrt.cli.app import flag as cli_flag
from bayes_ihlrt.cli.main import app
from bayes_ihlrt.face.specify import analysis
from bayes_ihlrt.interim.monitor import Settings
from bayes_ihlrt.spec.analysis import json_schema
from bayes_ihlrt.spec.plan import TrialPlan

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / architecture.PACKAGE

# (path within the package, rule) to the ADR that grants the exception.
EXCEPTIONS: dict[tuple[str, str], str] = {
    (f"hazards/{file}.py", "class-methods"): "0037" for file in ("protocol", "piecewise", "mspline")
} | {("errors.py", "flag"): "0041"}

# Imported under another name than the one they are installed by, or through a named requirement.
PROVIDED = {
    "netcdf4": ["netCDF4"],
    "arviz": ["arviz", "arviz_base", "arviz_plots", "arviz_stats", "matplotlib"],
    "pymc": ["pymc", "pytensor"],
    "pydantic": ["pydantic", "pydantic_core"],
    "tomli-w": ["tomli_w"],
    "jinja2": ["jinja2", "markupsafe"],
    "lazy-loader": ["lazy_loader"],
    "python-docx": ["docx"],
}


@pytest.fixture(scope="module")
def package():
    return architecture.read_package(SOURCE)


def declared_imports():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    stated = [*project["dependencies"], *(line for extra in extras for line in extra)]
    names = [re.match(r"[\w-]+", line)[0] for line in stated]
    return [name for written in names for name in PROVIDED.get(written, [written])]


@pytest.mark.parametrize("rule", architecture.RULES)
def test_package_keeps_rule(rule, package):
    faults = sorted(architecture.RULES[rule](package))
    unexcused = [fault for fault in faults if (fault.path, fault.rule) not in EXCEPTIONS]
    assert not unexcused, "\n" + "\n".join(map(str, unexcused))


def test_imports_are_declared(package):
    faults = sorted(architecture.undeclared_faults(package, declared=declared_imports()))
    assert not faults, "\n" + "\n".join(map(str, faults))


def test_exceptions_are_used_and_explained(package):
    faults = [fault for rule in architecture.RULES.values() for fault in rule(package)]
    assert set(EXCEPTIONS) <= {(fault.path, fault.rule) for fault in faults}
    records = {path.name[:4] for path in (ROOT / "docs" / "adr").glob("*.md")}
    assert set(EXCEPTIONS.values()) <= records


def keys(whole, node, path=""):
    """Yield each table of a file with each of its keys, from the file's JSON schema."""
    for part in (node, *node.get("anyOf", ()), *node.get("oneOf", ())):
        own = whole["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        if own is not node and ("anyOf" in own or "oneOf" in own):
            yield from keys(whole, own, path)
        for key, value in own.get("properties", {}).items():
            yield path, key
            yield from keys(whole, value, f"{path}.{key}".lstrip("."))
        for each in (own.get("additionalProperties"), own.get("items")):
            if isinstance(each, dict):
                yield from keys(whole, each, path)


def strange_tables(package):
    """Return what texts call tables and keys, and no file has, or Python has no argument for."""
    spec, plan = json_schema(), TrialPlan.model_json_schema(by_alias=True)
    arguments = signature(analysis).parameters
    known = {each for each in keys(spec, spec) if each[0].partition(".")[0] in arguments}
    known |= {("", name) for name in arguments if name in spec["properties"]}
    # Plans are files in Python too.
    known |= set(keys(plan, plan))
    known |= {(f"{table}.{key}".lstrip("."), "") for table, key in known}
    return architecture.tables(package) - known


def test_tables_that_texts_name_are_those_of_files_and_of_python(package):
    """`[treatment] design` is a key of a file's table, and of an argument of `analysis`."""
    assert {("treatment", "design"), ("design.outcome", "formula")} <= architecture.tables(package)
    assert strange_tables(package) == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[treatment] disign", {("treatment", "disign")}),
        ("Add a [treatmnt] table", {("treatmnt", "")}),
        ("[population] covariates", {("population", ""), ("population", "covariates")}),
        ("[[looks]] enrich", {("looks", "")}),
        ("Read it with `time` in [data]", set()),
    ],
)
def test_a_table_that_is_none_is_found(text, found):
    planted = architecture.parse_package({"designs/build.py": f"PLACE = {text!r}\n"})
    assert strange_tables(planted) == found


def test_options_are_those_of_a_command_and_of_a_function(package):
    named = architecture.options(package)
    assert {"overwrite", "keep_identifiers", "month"} <= named
    flags = {
        flag
        for command in get_command(app).commands.values()
        for option in command.params
        for flag in option.opts
    }
    assert {option for option in named if cli_flag(option) not in flags} == set()
    arguments = {
        argument.arg
        for module in package.values()
        if module.unit != "cli"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.arguments)
        for argument in (*node.args, *node.kwonlyargs)
    }
    fields = set(Settings.__dataclass_fields__)
    assert named <= arguments | fields


def test_every_floor_is_read(package):
    assert {"", "names", "errors", "clinical", "priors", "cohort"} <= {
        module.unit for module in package.values()
    }


def lines(count, indent="    "):
    return "".join(f"{indent}x{i} = {i}\n" for i in range(count))


SOUND = {
    "__init__.py": (
        "from typing import TYPE_CHECKING\n"
        "from bayes_ihlrt._lazy import lazy_names\n"
        "if TYPE_CHECKING:\n"
        "    from bayes_ihlrt.cli.main import main as main\n"
    ),
    "_lazy.py": "from importlib import import_module\nload = import_module('bayes_ihlrt.cli')\n",
    "names.py": "from enum import StrEnum\n",
    "errors.py": "from bayes_ihlrt.names import Dist\n",
    "cohort/__init__.py": '"""Reading files. No models."""\n',
    "spec/data.py": "import numpy as np\nfrom bayes_ihlrt import names\n",
    "cohort/load.py": (
        "from typing import TYPE_CHECKING\n"
        "from bayes_ihlrt.spec import data as schema\n"
        "if TYPE_CHECKING:\n"
        "    import pandas as pd\n"
        "def frame():\n"
        '    """Return a frame."""\n'
        "    import pandas as pd\n"
    ),
    "hazards/weibull.py": "import numpy as np\n",
    "model/graph.py": "import pymc as pm\nfrom bayes_ihlrt.hazards import weibull\n",
    "plots/effects.py": "from bayes_ihlrt.errors import Fault\n",
    "report/fit.py": (
        '"""Written by `fit --out`."""\n'
        "from bayes_ihlrt.plots import effects\n"
        "def f():\n    return Fault('a -- b', 'c', f'Give {OPTION}', option='overwrite=True')\n"
    ),
    "cli/fit.py": "told = 'Name a folder with --out'\n",
    "cli/main.py": (
        "from bayes_ihlrt.cohort import load\n"
        "def main():\n"
        '    """Run.\n\n' + lines(300) + '    """\n' + lines(39)
    ),
}

PLANTED = {
    "upward": (
        {"cohort/a.py": "import bayes_ihlrt.model"},
        "cohort (floor 5) imports model (floor 7)",
    ),
    "upward for types": (
        {"names.py": "if TYPE_CHECKING:\n    from bayes_ihlrt.spec import data as schema"},
        "names (floor 0) imports spec (floor 3)",
    ),
    "strangers on one floor": (
        {"trials/a.py": "import bayes_ihlrt.sensitivity.b", "sensitivity/b.py": ""},
        "trials (floor 14) imports sensitivity (floor 14)",
    ),
    "no floor": ({"utils.py": ""}, "'utils' stands on no floor"),
    "an import of no floor": (
        {"cohort/a.py": "import bayes_ihlrt.utils"},
        "cohort (floor 5) imports",
    ),
    "the leaf computes": (
        {"plots/a.py": "from bayes_ihlrt.estimands.curves import rmst"},
        "plots (floor leaf) imports estimands",
    ),
    "the leaf below the top": (
        {"estimands/a.py": "from bayes_ihlrt.plots import b", "plots/b.py": ""},
        "estimands (floor 11) imports plots",
    ),
    "the public face": ({"cohort/a.py": "from bayes_ihlrt import Cohort"}, "public face"),
    "a relative import": ({"cohort/a.py": "from .cohort import Cohort"}, "relative import"),
    "cycle": (
        {
            "cohort/a.py": "from bayes_ihlrt.cohort import b",
            "cohort/b.py": "import bayes_ihlrt.cohort.c",
            "cohort/c.py": "from bayes_ihlrt.cohort.a import x",
        },
        "[cycle] cohort.",
    ),
    "a room that offers names": (
        {"cohort/__init__.py": '"""Reading."""\nfrom bayes_ihlrt.names import x'},
        "[inner-face]",
    ),
    "a room that does not say what it holds": ({"cohort/__init__.py": ""}, "[inner-face]"),
    "a crowded room": (
        {f"cohort/a{number}.py": "" for number in range(26)} | {"cohort": ""},
        "cohort:1: [room-files] 26 files, 25 allowed",
    ),
    "own import inside a function": (
        {"cohort/a.py": "def f():\n    from bayes_ihlrt.names import Dist"},
        "names inside a function",
    ),
    "own import inside a method": (
        {"cohort/a.py": "class A:\n    def f(self):\n        import bayes_ihlrt.names"},
        "names inside a function",
    ),
    "import by name": (
        {"cohort/a.py": "import importlib\nm = importlib.import_module('bayes_ihlrt.model')"},
        "[hidden-import] importlib.import_module",
    ),
    "pandas on load": ({"cohort/a.py": "import pandas as pd"}, "[heavy-on-load] pandas"),
    "pandas on load by a branch": (
        {"cohort/a.py": "if TYPE_CHECKING:\n    pass\nelse:\n    import pandas"},
        "[heavy-on-load] pandas",
    ),
    "scipy on load in a class": (
        {"clinical.py": "class A:\n    import scipy.stats"},
        "scipy.stats",
    ),
    "pydantic in hazards": ({"hazards/a.py": "import pydantic"}, "[heavy-on-load] pydantic"),
    "a long file": (
        {"names.py": '"""Say.\n\nMore."""\n# why\n\n' + lines(301, "")},
        "301 lines of code, 300 allowed",
    ),
    "a long function": (
        {"names.py": 'def f():\n    """Say."""\n' + lines(40)},
        "f: 41 lines, 40 allowed",
    ),
    "a long method": (
        {"names.py": "class A:\n    def f(self):\n" + lines(40, "        ")},
        "f: 41 lines",
    ),
    "a large class": (
        {"names.py": "class A:\n" + "".join(f"    def f{i}(self): ...\n" for i in range(9))},
        "A: 9 public methods, 8 allowed",
    ),
    "Potential": ({"model/a.py": "pm.Potential('x', y)"}, "pm.Potential drops the patient"),
    "Potential imported": ({"model/a.py": "from pymc import Potential"}, "Potential drops"),
    "Censored": ({"model/a.py": "pm.Censored('x', y)"}, "pm.Censored gives NaN"),
    "bare except": ({"names.py": "try:\n    x\nexcept:\n    y"}, "bare except"),
    "a promise": ({"names.py": "# TODO: later"}, "[banned] TODO"),
    "a flag below the command line": (
        {"spec/a.py": "told = f'Name another folder, or add --overwrite ({x})'"},
        "[flag] --overwrite",
    ),
    "an option that no fault has": (
        {"spec/a.py": "def f():\n    return Fault('a', 'b', f'Give {OPTION}')"},
        "[option] f gives none",
    ),
    "a stub": ({"names.py": "def f():\n    raise NotImplementedError"}, "NotImplementedError"),
}


def found(sources):
    planted = architecture.parse_package(sources)
    return [str(fault) for rule in architecture.RULES.values() for fault in rule(planted)]


def test_checker_passes_a_sound_package():
    assert found(SOUND) == []


@pytest.mark.parametrize("case", PLANTED)
def test_checker_notices(case):
    sources, expected = PLANTED[case]
    faults = found({path: text for path, text in sources.items() if path.endswith(".py")})
    assert len(faults) == 1, faults
    assert expected in faults[0]
    assert faults[0].startswith(tuple(sources))


def test_checker_notices_an_undeclared_import():
    planted = architecture.parse_package(
        {"cohort/a.py": "import sys\nimport lifelines.utils as u\n"}
    )
    faults = list(architecture.undeclared_faults(planted, declared=["numpy"]))
    assert [str(fault) for fault in faults] == ["cohort/a.py:2: [undeclared] lifelines"]


def test_properties_and_overloads_count_once():
    body = (
        "    @overload\n    def f(self): ...\n    @overload\n    def f(self, x): ...\n"
        "    @property\n    def g(self): ...\n    @g.setter\n    def g(self, x): ...\n"
        "    def _h(self): ...\n    def __repr__(self): ...\n"
    )
    (node,) = architecture.Module("names.py", "class A:\n" + body).tree.body
    assert architecture.public_methods(node) == {"f", "g"}


def test_rooms_form_no_circle():
    """Two rooms may import each other without any circle of files."""
    planted = {
        "cohort/a.py": "import bayes_ihlrt.spec.a",
        "cohort/b.py": "",
        "spec/a.py": "",
        "spec/b.py": "import bayes_ihlrt.cohort.b",
    }
    assert any("[room-cycle]" in fault for fault in found(planted))
