"""Read a model formula without evaluating it: its terms, its columns, its faults.

Formulas evaluate Python when a design matrix is made, so only the operators ``+ * :``, column
names, numbers and the functions in `FUNCTIONS` are let through. Nothing here imports the formula
library, so that `bayes-ihlrt check` answers at once.
"""

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import product
from typing import Final

from bayes_ihlrt.errors import Fault, SpecificationError, nearest

FUNCTIONS: Final = frozenset(
    {"C", "bs", "cc", "center", "cr", "exp", "log", "log10", "log2", "poly", "scale"}
)
"""Functions allowed in a formula, with the meaning they have in the formulaic library."""

_GROUP: Final = re.compile(r"^\(\s*1\s*(?:\+\s*(?P<slope>\w+)\s*)?\|\s*(?P<group>\w+)\s*\)$")

Term = tuple[str, ...]


@dataclass(frozen=True)
class Formula:
    """A formula's terms in order of appearance and the columns they read.

    Parameters
    ----------
    text : str
        The formula as written.
    terms : tuple of tuple of str
        Each term as its factors; ``("ihlrt", "nlr")`` is the interaction ``ihlrt:nlr``.
    columns : tuple of str
        Names that the formula reads from the data, in order of appearance.
    """

    text: str
    terms: tuple[Term, ...]
    columns: tuple[str, ...]

    @property
    def term_names(self) -> tuple[str, ...]:
        """Terms as written in results, e.g. ``"ihlrt:nlr"``."""
        return tuple(":".join(term) for term in self.terms)


@dataclass(frozen=True)
class GroupTerm:
    """A group effect: an intercept, and optionally a slope, for each level of a column.

    Parameters
    ----------
    group : str
        Column whose levels are the groups, e.g. ``"centre"``.
    slope : str or None
        Column whose coefficient also varies between groups.
    """

    group: str
    slope: str | None = None


def parse_formula(text: str) -> Formula:
    """Read the right-hand side of a model formula.

    Parameters
    ----------
    text : str
        For example ``"ihlrt * nlr + albi + bs(age, df=3)"``. ``a * b`` is ``a + b + a:b``.

    Returns
    -------
    Formula
        Its terms and columns.

    Raises
    ------
    SpecificationError
        When the formula cannot be read or uses what is not allowed; every fault is listed.

    Examples
    --------
    >>> parse_formula("ihlrt * nlr + albi").term_names
    ('ihlrt', 'nlr', 'ihlrt:nlr', 'albi')
    """
    reader = _Reader()
    terms: tuple[Term, ...] = ()
    if "**" in text or "^" in text:
        reader.refuse("powers ('**' and '^') are not supported", "Write interactions with ':'")
    else:
        try:
            # ':' binds tighter than '*' in formulas; among Python's operators '**' does.
            tree = ast.parse(text.strip().replace(":", "**"), mode="eval").body
        except SyntaxError:
            reader.refuse(f"cannot read '{text}'", "Write, for example, 'ihlrt * nlr + albi'")
        else:
            terms = reader.terms(tree)
    if reader.faults:
        raise SpecificationError("formula", reader.faults)
    return Formula(text=text, terms=terms, columns=tuple(dict.fromkeys(reader.columns)))


def without_terms(formula: str, names: Collection[str]) -> str:
    """Return a formula without the terms that read some columns.

    Parameters
    ----------
    formula : str
        Right-hand side; may be empty.
    names : collection of str
        Columns that are not to be read.

    Returns
    -------
    str
        What is left, with interactions written out.

    Examples
    --------
    >>> without_terms("nlr * time + albi", {"time"})
    'nlr + albi'
    """
    if not formula:
        return ""
    terms = parse_formula(formula).term_names
    kept = [term for term in terms if not set(parse_formula(term).columns) & set(names)]
    return " + ".join(kept)


def parse_group(text: str) -> tuple[GroupTerm, ...]:
    """Read the group part of a model.

    Parameters
    ----------
    text : str
        ``"(1 | centre)"``, ``"(1 + ihlrt | centre)"``, or several joined by ``+``.

    Returns
    -------
    tuple of GroupTerm
        One for each pair of brackets; empty for an empty text.

    Raises
    ------
    SpecificationError
        When the text has another form or names a group twice.

    Examples
    --------
    >>> parse_group("(1 + ihlrt | centre)")
    (GroupTerm(group='centre', slope='ihlrt'),)
    """
    parts = [part for part in re.split(r"(?<=\))\s*\+\s*", text.strip()) if part]
    matches = [_GROUP.match(part) for part in parts]
    terms = tuple(GroupTerm(m["group"], m["slope"]) for m in matches if m is not None)
    faults = [
        Fault(
            "[outcome] group",
            f"cannot read '{part}'",
            "Write '(1 | centre)' or '(1 + ihlrt | centre)', joined by '+'",
        )
        for part, match in zip(parts, matches, strict=True)
        if match is None
    ]
    names = [term.group for term in terms]
    faults += [
        Fault("[outcome] group", f"'{name}' is named twice", "Give one pair of brackets a group")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    if faults:
        raise SpecificationError("group", faults)
    return terms


def check_readable(formula: str, group: str) -> None:
    """Check that a model's formula and group can be read.

    Parameters
    ----------
    formula : str
        Right-hand side; empty for none.
    group : str
        Group effects; empty for none.

    Raises
    ------
    ValueError
        As pydantic validators report faults; every fault is told.
    """
    faults = []
    for text, parse in ((formula, parse_formula), (group, parse_group)):
        try:
            if text:
                parse(text)
        except SpecificationError as error:
            faults += [f"{fault.problem}. {fault.remedy}" for fault in error.faults]
    if faults:
        raise ValueError("; ".join(faults))


class _Reader:
    """Walks a formula's syntax tree, collecting terms, columns and faults."""

    def __init__(self) -> None:
        self.columns: list[str] = []
        self.faults: list[Fault] = []

    def refuse(self, problem: str, remedy: str) -> None:
        self.faults.append(Fault("[outcome] formula", problem, remedy))

    def terms(self, node: ast.expr) -> tuple[Term, ...]:
        """Expand a node into its terms."""
        match node:
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return _unique(self.terms(left) + self.terms(right))
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                a, b = self.terms(left), self.terms(right)
                return _unique(a + b + _cross(a, b))
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return _cross(self.terms(left), self.terms(right))
            case ast.Constant(value=1):
                return ()
            case ast.Name(id=name):
                self.columns.append(name)
                return ((name,),)
            case ast.Call():
                self._call(node)
                return ((ast.unparse(node),),)
        self.refuse(
            f"'{ast.unparse(node).replace('**', ':')}' is not allowed",
            "Use column names, '+', '*', ':' and functions; the baseline hazard is the intercept, "
            "so '0' and '-1' have no meaning",
        )
        return ()

    def _call(self, node: ast.Call) -> None:
        """Check a function call: a known function of columns and numbers, nothing else."""
        name = ast.unparse(node.func)
        if name not in FUNCTIONS:
            self.refuse(f"function '{name}' is not allowed", nearest(name, FUNCTIONS))
            return
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            self._argument(argument)

    def _argument(self, node: ast.expr) -> None:
        match node:
            case ast.Name(id=name):
                self.columns.append(name)
            case ast.Call():
                self._call(node)
            case ast.Constant():
                return
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                self._argument(operand)
            case ast.BinOp(
                left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), right=right
            ):
                self._argument(left)
                self._argument(right)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                for element in elements:
                    self._argument(element)
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
