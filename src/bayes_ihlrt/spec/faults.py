"""Faults of a table in plain words: what pydantic found, told to who wrote the file."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bayes_ihlrt.errors import Fault, nearest
from bayes_ihlrt.spec.data_file import EVENT_FORMS

_CHOICE: Final = re.compile(r"'([^']*)'")
_ASIDES: Final = ("; ", ", for instance ", ", for example ", ": ")
_PRIOR_TAGS: Final = frozenset(
    {"distribution", "hazard-ratio", "median-survival", "adjacent-hazards", "one", "several"}
    | {"by-value", "between-scans", "of-one-event", "of-causes"}
)


def translated(
    error: ValidationError,
    table: str,
    *,
    fields: Mapping[str, str],
    key: str | None = None,
    whole: str = "the file as a whole",
) -> list[Fault]:
    """Return the faults that pydantic found in one table, in plain words.

    Parameters
    ----------
    error : pydantic.ValidationError
        What pydantic raised.
    table : str
        The table's name as in the file, e.g. ``"outcome"``; empty for the file itself.
    fields : mapping of str to str
        Allowed keys and their descriptions.
    key : str, optional
        Key of the table whose value was read, where it was not the table as a whole.
    whole : str
        What was read, for faults of no key of it.

    Returns
    -------
    list of Fault
        One for each fault, with its place in the file.
    """
    above = () if key is None else (key,)
    told = [_fault(found, table, (*above, *found["loc"]), fields) for found in error.errors()]
    return [fault if fault.where else replace(fault, where=whole) for fault in told]


def described(model: type[BaseModel]) -> dict[str, str]:
    """Return the description of each key of a table.

    Parameters
    ----------
    model : type of pydantic.BaseModel
        The table.

    Returns
    -------
    dict of str to str
        Empty where a key has none.
    """
    return {
        field.alias or name: field.description or "" for name, field in model.model_fields.items()
    }


def place(table: str, loc: Sequence[str | int]) -> str:
    """Return a place in a specification file, e.g. ``"[outcome.hazard] cuts, item 2"``.

    Parameters
    ----------
    table : str
        Name of the table; empty for the file itself.
    loc : sequence of str or int
        Keys below the table, then positions in a list.

    Returns
    -------
    str
        The place.

    Examples
    --------
    >>> place("outcome", ("hazard", "cuts", 1))
    '[outcome.hazard] cuts, item 2'
    """
    names = [str(part) for part in loc if isinstance(part, str) and part not in _PRIOR_TAGS]
    items = [f", item {part + 1}" for part in loc if isinstance(part, int)]
    tables = [table, *names[:-1]] if table else names[:-1]
    # In [priors] the key is the parameter and its own keys stand between braces.
    if table == "priors":
        tables, names = [table], [" ".join(names)]
    heading = f"[{'.'.join(tables)}]" if tables else ""
    return " ".join(part for part in (heading, *names[-1:]) if part) + "".join(items)


def shown(value: object) -> str:
    """Return a value as it is written in TOML, shortened.

    Parameters
    ----------
    value : object
        Anything that TOML can hold.

    Returns
    -------
    str
        For example ``"'overall survival'"``, ``"true"``, ``"[1, 2]"``, ``"a table"``.

    Examples
    --------
    >>> shown(True), shown("weeks"), shown({"a": 1})
    ('true', "'weeks'", 'a table')
    """
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, str):
        text = f"'{value}'"
    elif isinstance(value, bool | list):
        # Dates have no form in JSON, and none of their own in TOML that is longer.
        text = json.dumps(value, default=str)
    else:
        text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def split_remedy(message: str) -> tuple[str, str]:
    """Split the message of a validator into what is wrong and what to do.

    Parameters
    ----------
    message : str
        For example ``"cuts must increase; found [6, 3]"``.

    Returns
    -------
    tuple of str
        Problem and remedy.

    Examples
    --------
    >>> split_remedy("cuts must increase; found [6, 3]")
    ('cuts must increase', 'Found [6, 3]')
    """
    for aside in _ASIDES:
        problem, found, rest = message.partition(aside)
        if found:
            # "for instance" and "for example" are part of the remedy.
            remedy = aside.strip(", ") + f" {rest}" if aside.startswith(", ") else rest
            return problem, f"{remedy[0].upper()}{remedy[1:]}"
    return message, "Correct it"


def _fault(
    found: ErrorDetails, table: str, loc: Sequence[str | int], fields: Mapping[str, str]
) -> Fault:
    where, kind = place(table, loc), found["type"]
    # A table that may have several forms is answered with the keys of the one that was written.
    for tag in EVENT_FORMS.keys() & set(loc[:-1]):
        fields = described(EVENT_FORMS[str(tag)])
    if kind == "missing" and isinstance(loc[-1], str):
        return Fault(where, "it is missing", _how_to_add(table, loc[-1], fields))
    if kind == "extra_forbidden":
        return Fault(where, "there is no such key", nearest(str(loc[-1]), fields))
    if kind == "value_error":
        # A validator of a nested table speaks of the table, not of one of its keys.
        nested = bool(table) and table != "priors" and loc and isinstance(found["input"], dict)
        where = f"[{table}.{loc[0]}]" if nested else where
        return Fault(where, *split_remedy(found["msg"].removeprefix("Value error, ")))
    if kind in {"enum", "literal_error"}:
        expected, value = found["ctx"]["expected"], found["input"]
        choices = _CHOICE.findall(expected) or [expected]
        remedy = nearest(value if isinstance(value, str) else "", choices)
        return Fault(where, f"{shown(value)} is not one of the choices", remedy)
    return Fault(where, *(_TOLD[kind] if kind in _TOLD else _in_its_words)(found))


def _how_to_add(table: str, key: str, fields: Mapping[str, str]) -> str:
    if table == "priors":
        return (
            'State the prior as { dist = "Normal", mu = 0.0, sigma = 1.0 } or as '
            "{ hr_median = 0.75, hr_interval = [0.34, 1.64] }"
        )
    about = fields[key] if key in fields else ""
    aside = f" ({about[0].lower()}{about[1:].removesuffix('.')})" if about else ""
    return f"Add the line {key} = ...{aside}"


def _kind(must: str, remedy: str) -> Callable[[ErrorDetails], tuple[str, str]]:
    return lambda found: (f"it must be {must}, and is {shown(found['input'])}", remedy)


def _bound(words: str, limit: str) -> Callable[[ErrorDetails], tuple[str, str]]:
    return lambda found: (
        f"{shown(found['input'])} is out of range",
        f"It must be {words} {found['ctx'][limit]:g}",
    )


def _length(found: ErrorDetails) -> tuple[str, str]:
    context: dict[str, Any] = found["ctx"]
    low, high = context.get("min_length"), context.get("max_length")
    allowed = f"at least {low}" if low is not None else f"at most {high}"
    return f"it has {context['actual_length']} values", f"Give {allowed}"


def _in_its_words(found: ErrorDetails) -> tuple[str, str]:
    """Tell what pydantic may find and no rule here foresees, such as text of broken letters."""
    message = found["msg"]
    problem = f"{message[:1].lower()}{message[1:]}"
    return f"{problem}, and is {shown(found['input'])}", "Write a value of the kind that is asked"


_TEXT: Final = _kind("text", "Put it between double quotes")
_NUMBER: Final = _kind("a number", "Write it without quotes")
_WHOLE: Final = _kind("a whole number", "Write it without quotes and without a decimal point")
_LIST: Final = _kind("a list", "Write the values between square brackets, e.g. [12.0, 24.0]")
_TABLE: Final = _kind("a table", "Write its keys on lines below a heading in square brackets")

_TOLD: Final[Mapping[str, Callable[[ErrorDetails], tuple[str, str]]]] = {
    "string_type": _TEXT,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "bool_type": _kind("true or false", "Write true or false, without quotes"),
    "finite_number": _kind("a finite number", "Write a finite number"),
    "tuple_type": _LIST,
    "list_type": _LIST,
    "model_type": _TABLE,
    "dict_type": _TABLE,
    "greater_than": _bound("above", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("below", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "too_short": _length,
    "too_long": _length,
    "string_too_short": lambda _: ("it is empty", "Write a name between the quotes"),
    "missing": lambda _: ("it is missing", "Give two values, e.g. [0.34, 1.64]"),
}
