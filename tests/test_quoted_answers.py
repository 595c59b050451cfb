"""Guides quote what commands print, and `tools/docs_figures.py` writes what they quote."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import docs_figures  # noqa: E402

PRINTED = """What it is.

Endpoint: overall survival.
  power  70.2%

+/- is one Monte Carlo standard error.
residuals  no flag  (p = 0.43; a factor of 2
    found with probability 0.61).
"""


@pytest.mark.parametrize("name", docs_figures.STUDIES)
def test_a_page_has_a_place_for_what_is_quoted(name):
    study = docs_figures.STUDIES[name]
    if study.page is None:
        pytest.skip("its figures alone are shown")
    text = (ROOT / study.page).read_text("utf-8")
    assert docs_figures.in_block(text, 0, "told") != text
    if study.parts:
        block = text[docs_figures.after_mark(text, name) :].partition("```text\n")[2]
        told = block.partition("```")[0]
        assert all(part.begins in told for part in study.parts)


def test_what_is_printed_comes_into_its_block_and_its_sentence(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(
        '```text\nold\n```\nhere "a factor of 2 found with probability 0.5" and\n'
        "<!-- quoted: mine -->\n```text\nolder\n```\nend\n"
    )
    out = tmp_path / "mine"
    out.mkdir()
    (out / "summary.txt").write_text(
        "Does it help?\n  Yes.\n\nWhat to be careful about\n  a.\n  b, and\n  on.\n  c."
    )
    (tmp_path / "mine.txt").write_text(PRINTED)
    study = docs_figures.Study(
        "mine",
        page="page.md",
        parts=(docs_figures.Part("Endpoint:", "+/-"),),
        numbers=(r"a factor of 2 found with probability 0\.\d+",),
    )
    monkeypatch.setattr(docs_figures, "ROOT", tmp_path)
    monkeypatch.setitem(docs_figures.STUDIES, "mine", study)
    _, text = docs_figures.quoted("mine", out)
    assert text == (
        "```text\nDoes it help?\n  Yes.\n\n"
        "What to be careful about\n  a.\n  b, and\n  on.\n  ...\n```\n"
        'here "a factor of 2 found with probability 0.61" and\n'
        "<!-- quoted: mine -->\n```text\nEndpoint: overall survival.\n  power  70.2%\n```\nend\n"
    )


def test_the_last_value_of_a_block_of_python_is_quoted():
    assert docs_figures.last_value("```python\na = [1, 2]\nsum(a), 0.5\n```\n") == "(3, 0.5)"


@pytest.mark.slow
@pytest.mark.parametrize("name", [*docs_figures.STUDIES, *docs_figures.PYTHON])
def test_what_guides_quote_is_what_commands_print(name, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["docs_figures.py", name, "--check", "--out", str(tmp_path)])
    docs_figures.main()
