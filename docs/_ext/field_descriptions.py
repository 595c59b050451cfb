"""Fields of a specification in the reference: their descriptions become a Parameters section."""

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

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
    """Return the names of the types that a field may have, without None."""
    shown = " or ".join(dict.fromkeys(_names(field.annotation)))
    return shown if field.is_required() else f"{shown}, optional"


def _names(annotation: Any) -> Iterator[str]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _names(arguments[0])
    elif origin in {Union, UnionType}:
        for argument in arguments:
            yield from _names(argument)
    elif annotation is not NoneType:
        yield str(getattr(origin or annotation, "__name__", annotation))


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
