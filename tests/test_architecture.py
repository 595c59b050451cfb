"""The package keeps its floors and budgets, and the checker would notice if it did not."""

import re
import tomllib
from pathlib import Path

import pytest

import architecture

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / architecture.PACKAGE

# (path within the package, rule) to the ADR that grants the exception.
EXCEPTIONS: dict[tuple[str, str], str] = {}

# Imported under another name than the one they are installed by, or through a named requirement.
PROVIDED = {
    "netcdf4": ["netCDF4"],
    "arviz": ["arviz", "arviz_base", "arviz_plots", "arviz_stats", "matplotlib"],
    "pymc": ["pymc", "pytensor"],
    "pydantic": ["pydantic", "pydantic_core"],
    "tomli-w": ["tomli_w"],
    "jinja2": ["jinja2", "markupsafe"],
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


def test_every_floor_is_read(package):
    assert {"", "names", "errors", "clinical", "priors", "data"} <= {
        module.unit for module in package.values()
    }


def lines(count, indent="    "):
    return "".join(f"{indent}x{i} = {i}\n" for i in range(count))


SOUND = {
    "__init__.py": (
        "from typing import TYPE_CHECKING\n"
        "from bayes_ihlrt._lazy import lazy_names\n"
        "if TYPE_CHECKING:\n"
        "    from bayes_ihlrt.cli import main as main\n"
    ),
    "_lazy.py": "from importlib import import_module\nload = import_module('bayes_ihlrt.cli')\n",
    "names.py": "from enum import StrEnum\n",
    "errors.py": "from bayes_ihlrt.names import Dist\n",
    "data/__init__.py": "from bayes_ihlrt.data.cohort import Cohort\n",
    "data/schema.py": "import numpy as np\nfrom bayes_ihlrt import names\n",
    "data/cohort.py": (
        "from typing import TYPE_CHECKING\n"
        "from bayes_ihlrt.data import schema\n"
        "if TYPE_CHECKING:\n"
        "    import pandas as pd\n"
        "def frame():\n"
        '    """Return a frame."""\n'
        "    import pandas as pd\n"
    ),
    "hazards/__init__.py": "import numpy as np\n",
    "model/__init__.py": "import pymc as pm\nfrom bayes_ihlrt import hazards\n",
    "plots.py": "from bayes_ihlrt.errors import Fault\n",
    "cli.py": (
        "from bayes_ihlrt import data, plots\n"
        "def main():\n"
        '    """Run.\n\n' + lines(60) + '    """\n' + lines(39)
    ),
}

PLANTED = {
    "upward": ({"data/a.py": "import bayes_ihlrt.model"}, "data (floor 1) imports model (floor 3)"),
    "upward for types": (
        {"names.py": "if TYPE_CHECKING:\n    from bayes_ihlrt.data import schema"},
        "names (floor 0) imports data (floor 1)",
    ),
    "strangers on one floor": (
        {"trials/__init__.py": "import bayes_ihlrt.sensitivity", "sensitivity/__init__.py": ""},
        "trials (floor 6) imports sensitivity (floor 6)",
    ),
    "order within a floor": (
        {"names.py": "from bayes_ihlrt import errors", "errors.py": ""},
        "names (floor 0) imports errors (floor 0)",
    ),
    "hazards import model": (
        {"hazards/weibull.py": "from bayes_ihlrt.model import x", "model/__init__.py": ""},
        "hazards (floor 3) imports model (floor 3)",
    ),
    "no floor": ({"utils.py": ""}, "'utils' stands on no floor"),
    "an import of no floor": ({"data/a.py": "import bayes_ihlrt.utils"}, "data (floor 1) imports"),
    "the leaf computes": (
        {"plots.py": "from bayes_ihlrt.estimands import rmst"},
        "plots (floor leaf) imports estimands",
    ),
    "the leaf below the top": (
        {"estimands/__init__.py": "from bayes_ihlrt import plots", "plots.py": ""},
        "estimands (floor 5) imports plots",
    ),
    "the public face": ({"data/a.py": "from bayes_ihlrt import Cohort"}, "public face"),
    "a relative import": ({"data/a.py": "from .cohort import Cohort"}, "relative import"),
    "cycle": (
        {
            "data/a.py": "from bayes_ihlrt.data import b",
            "data/b.py": "import bayes_ihlrt.data.c",
            "data/c.py": "from bayes_ihlrt.data.a import x",
        },
        "[cycle] data.",
    ),
    "cycle through the folder's face": (
        {
            "data/__init__.py": "from bayes_ihlrt.data.a import x",
            "data/a.py": "from bayes_ihlrt.data import y",
        },
        "[cycle] data",
    ),
    "own import inside a function": (
        {"data/a.py": "def f():\n    from bayes_ihlrt.names import Dist"},
        "names inside a function",
    ),
    "own import inside a method": (
        {"data/a.py": "class A:\n    def f(self):\n        import bayes_ihlrt.names"},
        "names inside a function",
    ),
    "import by name": (
        {"data/a.py": "import importlib\nm = importlib.import_module('bayes_ihlrt.model')"},
        "[hidden-import] importlib.import_module",
    ),
    "pandas on load": ({"data/a.py": "import pandas as pd"}, "[heavy-on-load] pandas"),
    "pandas on load by a branch": (
        {"data/a.py": "if TYPE_CHECKING:\n    pass\nelse:\n    import pandas"},
        "[heavy-on-load] pandas",
    ),
    "scipy on load in a class": (
        {"clinical.py": "class A:\n    import scipy.stats"},
        "scipy.stats",
    ),
    "pydantic in hazards": ({"hazards/a.py": "import pydantic"}, "[heavy-on-load] pydantic"),
    "a long file": ({"names.py": lines(301, "")}, "301 lines, 300 allowed"),
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
    faults = found(sources)
    assert len(faults) == 1, faults
    assert expected in faults[0]
    assert faults[0].startswith(tuple(sources))


def test_checker_notices_an_undeclared_import():
    planted = architecture.parse_package({"data/a.py": "import sys\nimport lifelines.utils as u\n"})
    faults = list(architecture.undeclared_faults(planted, declared=["numpy"]))
    assert [str(fault) for fault in faults] == ["data/a.py:2: [undeclared] lifelines"]


def test_properties_and_overloads_count_once():
    body = (
        "    @overload\n    def f(self): ...\n    @overload\n    def f(self, x): ...\n"
        "    @property\n    def g(self): ...\n    @g.setter\n    def g(self, x): ...\n"
        "    def _h(self): ...\n    def __repr__(self): ...\n"
    )
    (node,) = architecture.Module("names.py", "class A:\n" + body).tree.body
    assert architecture.public_methods(node) == {"f", "g"}
