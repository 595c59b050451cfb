"""Walk the syntax tree of a formula: its terms, its columns, what is not allowed in it.

A text is judged by its letters, length and depth before anything of it is read, and a function call
by which functions there are and what each may be given.
"""

import ast
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.escaping import printable

LARGEST: Final = 1e12
"""Numbers of a formula are not above it."""
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
    return math.isfinite(value) and abs(value) <= LARGEST


PLACE: Final = "[outcome] formula"

LONGEST: Final = 10_000
"""Characters that a formula may have."""

MOST_TERMS: Final = 250
"""Terms that a formula may have once its products are written out."""

DEEPEST: Final = 12
"""Brackets and calls that may stand within each other."""

_NESTED: Final = 60
"""Depth of a syntax tree, below which no reader of it can run out of stack."""

# One sign is meant by one reading only: nothing here opens a text, a comment or a second line.
_FOREIGN: Final = re.compile(r"[^\w +*:(),=\[\].\-/]")

_NAMED: Final = {
    "\n": "a line break",
    "\r": "a line break",
    "\t": "a tab",
    "'": "a quote (')",
    '"': 'a quote (")',
    "`": "a backtick",
    "\\": "a backslash",
    "#": "'#'",
}


def text_faults(text: str) -> list[Fault]:
    """Return why the text of a formula is not to be read at all.

    Parameters
    ----------
    text : str
        The formula as written.

    Returns
    -------
    list of Fault
        Empty for a text of allowed characters, length and depth.

    Examples
    --------
    >>> text_faults("ihlrt * nlr + bs(age, df=3)")
    []
    >>> print(text_faults("C(stage, levels=['I', 'II'])")[0])
    [outcome] formula: it holds a quote ('), which no formula may. Use names of columns, numbers, \
and + * : ( ) , = [ ] . - /.
    """
    if len(text) > LONGEST:
        problem = f"it has {len(text):,} characters"
        return [Fault(PLACE, problem, f"Write at most {LONGEST:,}")]
    if "**" in text or "^" in text:
        problem = "powers ('**' and '^') are not supported"
        return [Fault(PLACE, problem, "Write interactions with ':'")]
    if foreign := dict.fromkeys(_FOREIGN.findall(text)):
        told = [_NAMED.get(sign) or _told(sign) for sign in foreign]
        listed = ", ".join(dict.fromkeys(told[:8])) + (" and more" if len(told) > 8 else "")
        remedy = "Use names of columns, numbers, and + * : ( ) , = [ ] . - /"
        return [Fault(PLACE, f"it holds {listed}, which no formula may", remedy)]
    if unicodedata.normalize("NFKC", text) != text:
        # Python reads such a letter as another one, and a column of the data has the first.
        odd = [sign for sign in text if unicodedata.normalize("NFKC", sign) != sign]
        problem = f"it holds {', '.join(map(_told, odd[:8])) or 'accents apart from their letters'}"
        return [Fault(PLACE, problem, "Write plain letters, and rename the column if need be")]
    if (depth := _brackets(text)) > DEEPEST:
        return [_too_deep(f"its brackets are nested {depth} deep")]
    return []


def tree_faults(tree: ast.expr) -> list[Fault]:
    """Return why a syntax tree is not to be walked: it is too deep, apart from its sum of terms.

    Parameters
    ----------
    tree : ast.expr
        Of the whole formula.

    Returns
    -------
    list of Fault
        Empty for a tree that can be walked.
    """
    level: list[ast.AST] = list(summands(tree))
    if len(level) > MOST_TERMS:
        return [too_many_terms(len(level))]
    for _ in range(_NESTED):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return []
    return [_too_deep("it is nested too deeply")]


def summands(node: ast.expr) -> list[ast.expr]:
    """Return the parts of a sum from left to right, however long it is.

    Parameters
    ----------
    node : ast.expr
        A sum, or a single part.

    Returns
    -------
    list of ast.expr
        Nodes that are no sums.
    """
    found: list[ast.expr] = []
    waiting = [node]
    while waiting:
        match waiting.pop():
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                waiting += [left, right]
            case part:
                found.append(part)
    return found[::-1]


def too_many_terms(count: int) -> Fault:
    """Return the fault of a formula with more terms than are let through."""
    problem = f"it has {count:,} terms or more with its products written out"
    return Fault(PLACE, problem, f"Write at most {MOST_TERMS}")


def plain_name(name: str) -> bool:
    """Whether a column's name is one that every reader of a formula reads alike.

    Parameters
    ----------
    name : str
        As it stands in the formula.

    Returns
    -------
    bool
        False for names that libraries keep for themselves (``__x__``).

    Examples
    --------
    >>> plain_name("größe"), plain_name("__builtins__")
    (True, False)
    """
    return name.isidentifier() and not name.startswith("__")


def _told(sign: str) -> str:
    return "a space that is no plain one" if sign.isspace() else f"'{printable(sign)}'"


def _brackets(text: str) -> int:
    depth = deepest = 0
    for sign in text:
        depth += (sign in "([") - (sign in ")]")
        deepest = max(deepest, depth)
    return deepest


def _too_deep(problem: str) -> Fault:
    return Fault(PLACE, problem, f"Nest brackets at most {DEEPEST} deep, and write the terms out")


FUNCTIONS: Final = frozenset(OPTIONS)
"""Functions allowed in a formula, with the meaning they have in the formulaic library."""

type Term = tuple[str, ...]


class Reader:
    """Walks a formula's syntax tree, collecting terms, columns and faults.

    Attributes
    ----------
    columns : list of str
        Names that it reads from the data.
    called : set of str
        Functions that it calls.
    faults : list of Fault
        What is not allowed.
    """

    def __init__(self) -> None:
        self.columns: list[str] = []
        self.called: set[str] = set()
        self.faults: list[Fault] = []

    def refuse(self, problem: str, remedy: str) -> None:
        """Note a fault."""
        self.faults.append(Fault(PLACE, problem, remedy))

    def formula(self, tree: ast.expr) -> tuple[Term, ...]:
        """Expand a whole formula, and compare its names with each other.

        Parameters
        ----------
        tree : ast.expr
            Of a formula whose text and depth are allowed.

        Returns
        -------
        tuple of Term
            In order of appearance.

        Raises
        ------
        SpecificationError
            Its products have too many terms; other faults are collected.
        """
        found = self.terms(tree)
        for name in sorted(self.called & set(self.columns)):
            self.refuse(f"'{name}' is both a function and a column", "Rename the column")
        return found

    def terms(self, node: ast.expr) -> tuple[Term, ...]:
        """Expand a node into its terms."""
        match node:
            case ast.BinOp(op=ast.Add()):
                parts = [self.terms(part) for part in summands(node)]
                return self._few(_unique(tuple(term for part in parts for term in part)))
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                a, b = self.terms(left), self.terms(right)
                return self._few(_unique(a + b + self._crossed(a, b)))
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self._crossed(self.terms(left), self.terms(right))
            case ast.Constant(value=1) if node.value is not True:
                return ()
            case ast.Name(id=name):
                self._column(name)
                return ((name,),)
            case ast.Call():
                before = len(self.columns)
                if self._call(node) and len(self.columns) == before:
                    self.refuse(f"'{ast.unparse(node)}' reads no column", "Name one, or remove it")
                return ((ast.unparse(node),),)
        self.refuse(
            f"'{ast.unparse(node).replace('**', ':')}' is not allowed",
            "Use column names, '+', '*', ':' and functions; the baseline hazard is the intercept, "
            "so '0' and '-1' have no meaning. A column whose name is no plain word is given one by "
            "aliases = { name = 'its name in the file' } in [data]",
        )
        return ()

    def _few(self, terms: tuple[Term, ...]) -> tuple[Term, ...]:
        """Stop where products multiply: what comes after would only multiply further."""
        if len(terms) > MOST_TERMS:
            raise SpecificationError("formula", [*self.faults, too_many_terms(len(terms))])
        return terms

    def _crossed(self, a: tuple[Term, ...], b: tuple[Term, ...]) -> tuple[Term, ...]:
        if len(a) * len(b) > MOST_TERMS**2:
            raise SpecificationError("formula", [*self.faults, too_many_terms(len(a) * len(b))])
        return self._few(_cross(a, b))

    def _column(self, name: str) -> None:
        if not plain_name(name):
            self.refuse(
                f"'{name}' is no plain name of a column",
                "Rename the column with letters, digits and single underscores",
            )
        self.columns.append(name)

    def _call(self, node: ast.Call) -> bool:
        """Check a function call: a known function of columns and numbers, nothing else."""
        name = ast.unparse(node.func)
        if name not in FUNCTIONS:
            self.refuse(f"function '{name}' is not allowed", nearest(name, FUNCTIONS))
            return False
        self.called.add(name)
        problems = list(call_problems(node))
        for problem, remedy in problems:
            self.refuse(problem, remedy)
        if node.args and not isinstance(node.args[0], ast.Starred):
            self._argument(node.args[0])
        return not problems

    def _argument(self, node: ast.expr) -> None:
        match node:
            case ast.Name(id=name):
                self._column(name)
            case ast.Call():
                self._call(node)
            case ast.Constant(value=value):
                if problem := number_problem(value):
                    self.refuse(f"'{ast.unparse(node)}' is not allowed: {problem}", "Use numbers")
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                self._argument(operand)
            case ast.BinOp(
                left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), right=right
            ):
                self._argument(left)
                self._argument(right)
            case _:
                self.refuse(
                    f"'{ast.unparse(node)}' is not allowed inside a function",
                    "Use column names and numbers",
                )


def _cross(a: tuple[Term, ...], b: tuple[Term, ...]) -> tuple[Term, ...]:
    return _unique(tuple(tuple(dict.fromkeys(x + y)) for x, y in product(a, b)))


def _unique(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """Drop repeated terms; ``a:b`` and ``b:a`` are the same term."""
    seen: dict[frozenset[str], Term] = {}
    for term in terms:
        seen.setdefault(frozenset(term), term)
    return tuple(seen.values())
