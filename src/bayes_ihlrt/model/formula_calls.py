"""Function calls inside a formula: which functions there are, and what each may be given."""

import ast
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bayes_ihlrt.errors import nearest

_LARGEST: Final = 1e12
_KNOTS: Final = 30


@dataclass(frozen=True)
class _Whole:
    """A whole number between two others."""

    low: int
    high: int

    def fault(self, value: object) -> str:
        if (
            isinstance(value, int)
            and not isinstance(value, bool)
            and self.low <= value <= self.high
        ):
            return ""
        return f"a whole number from {self.low} to {self.high}"


@dataclass(frozen=True)
class _Number:
    """Any number."""

    def fault(self, value: object) -> str:
        return "" if _is_number(value) else "a number"


@dataclass(frozen=True)
class _Switch:
    """Yes or no."""

    def fault(self, value: object) -> str:
        return "" if isinstance(value, bool) else "True or False"


@dataclass(frozen=True)
class _Numbers:
    """A list of numbers."""

    def fault(self, value: object) -> str:
        good = isinstance(value, list) and 0 < len(value) <= _KNOTS
        if good and isinstance(value, list) and all(_is_number(each) for each in value):
            return ""
        return f"a list of 1 to {_KNOTS} numbers"


type _Kind = _Whole | _Number | _Switch | _Numbers

_DF: Final = _Whole(1, 30)
_ENDS: Final[Mapping[str, _Kind]] = {"lower_bound": _Number(), "upper_bound": _Number()}

OPTIONS: Final[Mapping[str, Mapping[str, _Kind]]] = {
    "C": {},
    "bs": {
        "df": _DF,
        "knots": _Numbers(),
        "degree": _Whole(0, 10),
        "include_intercept": _Switch(),
        **_ENDS,
    },
    "cc": {"df": _DF, "knots": _Numbers(), **_ENDS},
    "center": {},
    "cr": {"df": _DF, "knots": _Numbers(), **_ENDS},
    "exp": {},
    "log": {},
    "log10": {},
    "log2": {},
    "poly": {"degree": _Whole(1, 10), "raw": _Switch()},
    "scale": {"center": _Switch(), "scale": _Switch(), "ddof": _Whole(0, 1)},
}
"""Options of each function in the order of its definition in the formulaic library."""

type Problem = tuple[str, str]


def call_problems(node: ast.Call) -> Iterator[Problem]:
    """Tell what is wrong with a call, apart from the expression that it is given.

    Parameters
    ----------
    node : ast.Call
        A call of a name in `OPTIONS`.

    Yields
    ------
    tuple of str
        Problem and remedy.
    """
    name = ast.unparse(node.func)
    options = OPTIONS[name]
    if not node.args or any(isinstance(each, ast.Starred) for each in node.args):
        yield f"'{name}' is given nothing to work on", f"Write '{name}(column)'"
        return
    given: dict[str, ast.expr] = {}
    extra = node.args[1:]
    if len(extra) > len(options):
        yield f"'{name}' is given {len(node.args)} values", f"It takes {1 + len(options)} at most"
        extra = []
    given |= zip(options, extra, strict=False)
    for keyword in node.keywords:
        if keyword.arg is None or keyword.arg not in options:
            known = nearest(str(keyword.arg), options)
            yield f"'{name}' has no option '{keyword.arg or '**'}'", known
        elif keyword.arg in given:
            yield f"'{name}' is given '{keyword.arg}' twice", "Leave one of them out"
        else:
            given[keyword.arg] = keyword.value
    for option, value in given.items():
        if wanted := options[option].fault(_value(value)):
            yield f"{option} of '{name}' is '{ast.unparse(value)}'", f"Allowed: {wanted}"
    yield from _spline_problems(name, {key: _value(value) for key, value in given.items()})


def number_problem(value: object) -> str:
    """Return why a constant is no number that a formula may hold; empty for one that it may."""
    return "" if _is_number(value) else "constants are numbers of ordinary size"


def _spline_problems(name: str, given: Mapping[str, object]) -> Iterator[Problem]:
    if {"df", "knots"} <= given.keys():
        yield f"'{name}' is given both 'df' and 'knots'", "Leave one of them out"
    df, degree = given.get("df"), given.get("degree", 3)
    if name == "bs" and isinstance(df, int) and isinstance(degree, int):
        least = max(degree + bool(given.get("include_intercept", False)), 1)
        if df < least:
            yield f"df={df} is too few for 'bs' of degree {degree}", f"Allowed: {least} or more"


def _value(node: ast.expr) -> object:
    """The constant that a node is, numbers with their sign and lists of them; None for others."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [_value(element) for element in elements]
    return None


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and abs(value) <= _LARGEST
