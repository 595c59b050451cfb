"""Fields of a specification in the reference: their descriptions become a Parameters section."""

from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sphinx.application import Sphinx


def described_fields(model: type[BaseModel]) -> list[str]:
    """Return a numpydoc Parameters section from the fields of a pydantic model."""
    lines = ["", "Parameters", "----------"]
    for name, field in model.model_fields.items():
        lines += [f"{field.alias or name} : {_type(field)}", f"    {field.description}"]
    return lines


def _type(field: FieldInfo) -> str:
    shown = getattr(field.annotation, "__name__", str(field.annotation))
    return shown if field.is_required() else f"{shown}, optional"


def add_fields(
    app: Sphinx, kind: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    """Add the section where the docstring has none of its own."""
    del app, name, options
    if kind != "class" or not (isinstance(value, type) and issubclass(value, BaseModel)):
        return
    if "Parameters" in lines or not any(f.description for f in value.model_fields.values()):
        return
    first = next((i for i, line in enumerate(lines) if set(line) == {"-"}), len(lines) + 1) - 1
    lines[first:first] = [*described_fields(value)[1:], ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Run before numpydoc reads the docstring."""
    app.connect("autodoc-process-docstring", add_fields, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
