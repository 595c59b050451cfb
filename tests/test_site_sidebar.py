"""The sidebar of the site is the theme's own: a small site is built with and without ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("furo", reason="the site's tools are in the group docs, not installed here")

EXTENSIONS = Path(__file__).parents[1] / "docs" / "_ext"
PAGES = {
    "index": ("Home & away", ["one", "part/index", "also <this> <part/deep/first>", "/genindex"]),
    "one": ("A page with *words* in it", []),
    "part/index": ("Part", ["first", "deep/index", "Elsewhere <https://example.org>"]),
    "part/first": ("First", []),
    "part/deep/index": ("Deep", ["first", "second one"]),
    "part/deep/first": ("First of all", []),
    "part/deep/second one": ("Second", []),
}


def built(folder, *extensions):
    """Build the pages and return them by name."""
    source, out = folder / "source", folder / "site"
    for name, (title, below) in PAGES.items():
        page = source / f"{name}.rst"
        page.parent.mkdir(parents=True, exist_ok=True)
        tree = [".. toctree::", "   :hidden:", "", *(f"   {each}" for each in below)]
        page.write_text("\n".join([title, "=" * 30, "", "Text.", "", "A section", "-" * 9, *tree]))
    lines = [f"extensions = {list(extensions)}", "html_theme = 'furo'", "html_copy_source = False"]
    (source / "conf.py").write_text("\n".join(lines))
    command = [sys.executable, "-m", "sphinx", "-q", str(source), str(out)]
    searched = os.pathsep.join([str(EXTENSIONS), os.environ.get("PYTHONPATH", "")])
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": searched})
    return {str(page.relative_to(out)): page.read_text("utf-8") for page in out.rglob("*.html")}


def test_every_page_is_that_of_the_theme(tmp_path):
    theirs, ours = built(tmp_path / "theirs"), built(tmp_path / "ours", "sidebar")
    assert len(theirs) > len(PAGES)
    assert theirs["part/deep/first.html"].count("current-page") == 1
    assert theirs["part/deep/first.html"].count('checked=""') == 4
    assert ours == theirs
