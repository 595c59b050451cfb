"""The notebooks as they are committed; `.ci/run` executes them."""

import ast
import json
import re
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "docs" / "_ext"))
from generated_pages import reference_pages

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 1_000_000
OF_A_MACHINE = re.compile(
    r"(?<![\w.])/(?:root|home|work|tmp|usr|Users)/|site-packages|\w:\\\\Users"
)


def cells(path, kind):
    """Return the cells of one kind with their source as one text."""
    found = json.loads(path.read_text("utf-8"))["cells"]
    chosen = (cell for cell in found if cell["cell_type"] == kind)
    return [{**cell, "source": "".join(cell["source"])} for cell in chosen]


def parsed(cell):
    """Parse the code of a cell."""
    lines = cell["source"].splitlines()
    return ast.parse("\n".join(line for line in lines if not line.startswith("%")))


def python_of(path):
    """Parse the code of all cells."""
    return ast.Module([line for cell in cells(path, "code") for line in parsed(cell).body], [])


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 7


@pytest.fixture(scope="module")
def public():
    """Return the names that have a page in the reference."""
    pages = reference_pages().values()
    return {name for page in pages for name in re.findall(r"^   (bayes_ihlrt\.\S+)$", page, re.M)}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestNotebook:
    def test_it_is_small(self, path):
        assert path.stat().st_size < LARGEST

    def test_it_defines_nothing(self, path):
        defining = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        assert not [node for node in ast.walk(python_of(path)) if isinstance(node, defining)]

    def test_it_imports_public_names_only(self, path, public):
        taken = [node for node in ast.walk(python_of(path)) if isinstance(node, ast.ImportFrom)]
        names = [f"{node.module}.{each.name}" for node in taken for each in node.names]
        own = [name for name in names if name.startswith("bayes_ihlrt")]
        assert not [name for name in own if name not in public], "these have no page"

    def test_it_was_executed_from_top_to_bottom(self, path):
        counts = [cell["execution_count"] for cell in cells(path, "code")]
        assert counts == list(range(1, len(counts) + 1))

    def test_no_cell_failed_or_warned(self, path):
        outputs = [output for cell in cells(path, "code") for output in cell["outputs"]]
        assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]

    def test_what_is_drawn_is_seen(self, path):
        for cell in cells(path, "code"):
            calls = [node for node in ast.walk(parsed(cell)) if isinstance(node, ast.Call)]
            names = [getattr(call.func, "attr", getattr(call.func, "id", "")) for call in calls]
            if any(name == "plot" or name.startswith("plot_") for name in names):
                shown = [kind for output in cell["outputs"] for kind in output.get("data", {})]
                assert "image/png" in shown, cell["source"]

    def test_no_output_names_a_machine(self, path):
        outputs = [cell["outputs"] for cell in cells(path, "code")]
        assert not OF_A_MACHINE.findall(json.dumps(outputs))

    def test_it_opens_with_a_title(self, path):
        first = json.loads(path.read_text("utf-8"))["cells"][0]
        assert first["cell_type"] == "markdown"
        assert "".join(first["source"]).startswith("# ")

    def test_the_site_lists_it(self, path):
        assert f"notebooks/{path.stem}\n" in (ROOT / "docs/tutorials/index.md").read_text("utf-8")
