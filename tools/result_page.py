"""Write the page of every JSON file of a result, from the records that commands write by.

python tools/result_page.py

What stands below the line `BY_HAND` is kept as it is.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from bayes_ihlrt.schema.base import JsonFile, Record
from bayes_ihlrt.schema.files import FILES

PAGE = Path(__file__).parents[1] / "docs" / "result_json.md"

HEAD: Final = """\
# JSON of results

Written by `python tools/result_page.py` from the records that commands write by and that `report`,
`export` and `show` read by: a file with another key, or without one of these, is refused with the
name of the key. Schema version 1. Every key is always there unless its row says otherwise. JSON has
no number that is not defined, and none that is infinite (a median survival that is not reached):
both are `null`, where a row says "or `null`" behind a number; `not_finite` names the infinite ones.
A number without these words is never `null`. Times are months.

"""

BY_HAND: Final = "<!-- What follows is written by hand. -->\n"

MANY: Final = 8
"""Keys of another record that are not named again."""

PLAIN: Final[dict[Any, str]] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
}
"""Words of types; one that is not among them has none, and the page is not written."""


def page() -> str:
    """Return the text of the page."""
    seen: set[type[Record]] = set()
    made = "\n".join("".join(section(file, seen)) for file in FILES)
    below = PAGE.read_text("utf-8").partition(BY_HAND)[2]
    return f"{HEAD}{made}\n{BY_HAND}{below}"


def section(file: type[JsonFile], seen: set[type[Record]]) -> Iterator[str]:
    """Give a file, and behind it the records that no file before it has."""
    yield record(file, "#")
    waiting = [file]
    while waiting:
        for inner in records_in(waiting.pop(0)):
            if inner not in seen:
                seen.add(inner)
                waiting.append(inner)
                yield "\n" + record(inner, "##")


def record(model: type[Record], level: str) -> str:
    """Return the heading, the words and the keys of a record."""
    first, *rest = inspect.cleandoc(model.__doc__ or "").split("\n\n")
    words = [text.replace("\n", " ") for text in rest]
    if issubclass(model, JsonFile):
        words = [f"{level} {first.removesuffix('.')}", *words]
    else:
        words = [f"{level} {title(model)}", first, *words]
    table = "\n".join(["| key | holds | content |", "|---|---|---|", *rows(model)])
    return f"{'\n\n'.join([*words, table])}\n"


def rows(model: type[Record]) -> Iterator[str]:
    """Give the lines of a record's own keys, and one for those of the record that it extends."""
    above = model.__mro__[1]
    whole = issubclass(model, JsonFile) or above is Record
    fields = model.model_fields
    own = inspect.get_annotations(model)
    # What is seldom there stands last.
    for name in sorted(fields, key="not_finite".__eq__):
        if whole or name in own:
            yield row(model, name)
    if not whole:
        keys = [f"`{fields[n].alias or n}`" for n in fields if n not in own]
        named = ", ".join(keys) if len(keys) <= MANY else "and"
        yield f"| {named} | | {'the' if len(keys) <= MANY else 'all'} keys of {linked(above)} |"
    if further := any_other(model):
        held_by, told = get_args(further)
        yield f"| any other | {held(held_by)} | {told.description} |"


def any_other(model: type[Record]) -> Any:
    """Return what keys without a name of their own hold, with their words; None where all have."""
    if model.model_config.get("extra") != "allow":
        return None
    return get_args(inspect.get_annotations(model)["__pydantic_extra__"])[1]


def row(model: type[Record], name: str) -> str:
    """Return the line of a key."""
    field = model.model_fields[name]
    extra = field.json_schema_extra
    unit = str(extra["unit"]) if isinstance(extra, dict) else ""
    parts = get_args(field.annotation)
    if field.is_required() or float in parts:
        holds = held(field.annotation, unit)
    else:
        # None stands for a key that is left out; a number that is there may be undefined.
        holds = " or ".join(held(part, unit) for part in parts if part is not NoneType)
    return f"| `{field.alias or name}` | {holds} | {field.description} |"


def held(annotation: Any, unit: str = "") -> str:
    """Return what a value is, in words, with its unit."""
    parts = get_args(annotation)
    if get_origin(annotation) in {Union, UnionType}:
        told = [held(part, unit) for part in parts if part is not NoneType]
        whole = " or ".join(told)
        # What follows a colon is of each of several, and `null` is not.
        between = "; or " if ":" in whole or "`null`" in whole else " or "
        return f"{whole}{between}`null`" if NoneType in parts else whole
    if get_origin(annotation) is Literal:
        return "text" if isinstance(parts[0], str) else "whole number"
    if get_origin(annotation) is list:
        inner = held(parts[0], unit)
        # Who may be `null` is to be seen: each of them, or the list.
        return f"list of {inner}" if NoneType in get_args(parts[0]) else f"list: {inner}"
    if get_origin(annotation) is dict:
        return f"by name: {held(parts[1], unit)}"
    words = linked(annotation) if is_record(annotation) else PLAIN[annotation]
    return f"{words}, {unit}" if unit else words


def linked(model: type[Record]) -> str:
    """Return a link to a record."""
    return f"[{title(model).lower()}](#{slug(title(model))})"


def title(model: type[Record]) -> str:
    """Return the name of a record in words."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", model.__name__).capitalize()


def slug(words: str) -> str:
    """Return the anchor of a heading, as MyST and GitHub make it."""
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")


def records_in(model: type[Record]) -> list[type[Record]]:
    """Return the records that a record holds or extends, in the order of the page."""
    above = (
        [] if issubclass(model, JsonFile) else [one for one in model.__mro__[1:] if is_record(one)]
    )
    held_there = [field.annotation for field in model.model_fields.values()]
    found = (inner for each in (*held_there, any_other(model)) for inner in inside(each))
    return list(dict.fromkeys([*found, *above]))


def is_record(found: Any) -> bool:
    """Return whether a type is a record with keys."""
    return inspect.isclass(found) and issubclass(found, Record) and found is not Record


def inside(annotation: Any) -> Iterator[type[Record]]:
    """Give the records of a type."""
    if is_record(annotation):
        yield annotation
    for part in get_args(annotation):
        yield from inside(part)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
