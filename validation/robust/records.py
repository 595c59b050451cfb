"""Records of JSON files that are made up: whole, with what is said of them."""

from inspect import isclass
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from bayes_ihlrt.plain import json_text
from bayes_ihlrt.schema.base import Record


def filled(model: type[Record], content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a record with whatever is of no interest, so that it is whole."""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    found = dict(content)
    for name, field in fields.items():
        if name in found:
            found[name] = _inside(field.annotation, found[name])
        elif field.is_required():
            found[name] = _nothing(field.annotation)
    return found


def _inside(annotation: Any, value: Any) -> Any:
    for part in (annotation, *get_args(annotation)):
        if isclass(part) and issubclass(part, Record) and isinstance(value, dict):
            return filled(part, value)
        if get_origin(part) is list and isinstance(value, list):
            return [_inside(get_args(part)[0], each) for each in value]
        if get_origin(part) is dict and isinstance(value, dict):
            return {key: _inside(get_args(part)[1], each) for key, each in value.items()}
    return value


def _nothing(annotation: Any) -> Any:
    parts = get_args(annotation)
    if NoneType in parts:
        return None
    if get_origin(annotation) is Literal:
        return parts[0]
    if isclass(annotation) and issubclass(annotation, Record):
        return filled(annotation, {})
    return (get_origin(annotation) or annotation)()


def write_json(content: dict[str, Any], file: Path) -> None:
    """Write a JSON file, whatever it holds."""
    file.write_text(f"{json_text(content)}\n", "utf-8")
