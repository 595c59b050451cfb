"""The page of validations names tests and reports that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "validation"
PAGE = (FOLDER / "README.md").read_text("utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and "agreement" not in line]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_a_row_names_tests_that_exist(row):
    named = re.findall(r"`(tests/[^`]+)`", row)
    assert named
    for path in named:
        assert any(ROOT.glob(path)), path


def test_every_report_is_listed():
    linked = set(re.findall(r"\]\((\w+)\.md\)", PAGE))
    written = {path.stem for path in FOLDER.glob("*.md")} - {"README", "index"}
    assert linked == written
