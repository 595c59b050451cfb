"""What the text of a formula may hold before anything of it is read: letters, length, depth."""

import ast
import re
import unicodedata
from typing import Final

from bayes_ihlrt.errors import Fault
from bayes_ihlrt.escaping import printable

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
