"""The list of what the package can do: what is gone is told, and what changed apart from it."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def tool():
    """Return the tool, which is no part of the package."""
    file = Path(__file__).parents[2] / "tools" / "capabilities.py"
    spec = importlib.util.spec_from_file_location("capabilities", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_names_are_compared_and_changes_told_apart(tool):
    before = [
        "command plan --audit (None): Fits redone.",
        "command plan: Simulate a trial (slowly): of each design.",
        "key TrialDesign.arms, default {'control': 1, 'block': 4}",
        "choice Engine: nuts",
        "choice Engine: laplace",
    ]
    now = [
        "command plan --audit (20): Fits redone.",
        "command plan: Simulate a trial (slowly): of each design.",
        "command plan --audited (None): Another one.",
        "key TrialDesign.arms, default {'control': 2}",
        "choice Engine: nuts",
    ]
    gone, changed = tool.compared(before, now)
    assert gone == ["choice Engine: laplace"]
    assert [each.partition("\n  now: ")[::2] for each in changed] == [
        (before[0], now[0]),
        (before[2], now[3]),
    ]


def test_each_capability_is_one_line_with_a_name(tool):
    found = tool.everything()
    assert not [line for line in found if "\n" in line]
    names = tool._by_name(found)
    assert len(names) > 500
    assert "command fit --data" in {name.split("/")[0] for name in names}
    # Of a plan and of a specification.
    assert names["key TreatmentSpec.start"].count("default") == 2
