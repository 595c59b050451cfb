"""Walk the syntax tree of a formula: its terms, its columns, what is not allowed in it."""

import ast
from itertools import product
from typing import Final

from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.model.formula_calls import OPTIONS, call_problems, number_problem
from bayes_ihlrt.model.formula_text import (
    MOST_TERMS,
    PLACE,
    plain_name,
    summands,
    too_many_terms,
)

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
            "so '0' and '-1' have no meaning",
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
