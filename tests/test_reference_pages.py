"""Pages of the reference that are made from the specification: every key, with what uses it."""

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import BaseModel

from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.spec.sensitivity import SensitivitySpec

sys.path.append(str(Path(__file__).parents[1] / "docs" / "_ext"))
import specification_pages as pages

PAGES = {
    "plan": (pages.plan_page, TrialPlan),
    "sensitivity": (pages.sensitivity_page, SensitivitySpec),
}


def keys_of(model, seen):
    """Return the keys of a table and of the tables in it, as files write them."""
    seen.add(model)
    found = []
    for name, field in model.model_fields.items():
        found.append(field.alias or name)
        for part in re.findall(r"[A-Za-z_.]+", repr(field.annotation)):
            inner = getattr(import_module(model.__module__), part.rpartition(".")[2], None)
            if isinstance(inner, type) and issubclass(inner, BaseModel) and inner not in seen:
                found += keys_of(inner, seen)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_every_key(name):
    make, model = PAGES[name]
    shown = set(re.findall(r"^\| `([^`]+)` \|", make(), flags=re.MULTILINE))
    expected = set(keys_of(model, set())) - {"priors"}
    assert len(expected) > 25
    assert expected <= shown


@pytest.mark.parametrize("name", PAGES)
def test_what_uses_a_key_can_be_imported(name):
    used = set(re.findall(r"\| `([a-z_.]+)` \|$", PAGES[name][0](), flags=re.MULTILINE))
    assert len(used) > 5
    for path in used:
        module, _, function = path.rpartition(".")
        assert callable(getattr(import_module(f"bayes_ihlrt.{module}"), function)), path


def test_a_key_without_a_function_is_told(monkeypatch):
    monkeypatch.delitem(pages.STUDIES, "audit")
    with pytest.raises(KeyError, match="no function is named for sensitivity: audit"):
        pages.sensitivity_page()
