"""Read a model formula without evaluating it: its terms, its columns, its faults.

The formula library evaluates Python, so only the operators ``+ * :``, column names, numbers and
the functions in `FUNCTIONS` are let through, and the library is given no text that was written by
a user: `model.encode` hands it the factors of `Formula.terms`, written anew from the syntax tree
that was checked here. Nothing here imports it, so that `bayes-ihlrt check` answers at once.
"""

import ast
import re
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.spec.formula_reader import FUNCTIONS, PLACE, Reader, Term, text_faults, tree_faults

__all__ = [
    "FUNCTIONS",
    "Formula",
    "GroupTerm",
    "Term",
    "check_readable",
    "parse_formula",
    "parse_group",
    "without_terms",
]

_GROUP: Final = re.compile(r"\( *1 *(?:\+ *(?P<slope>\w+) *)?\| *(?P<group>\w+) *\)")


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
    faults = text_faults(text)
    if faults:
        raise SpecificationError("formula", faults)
    try:
        # A number that runs into a name is read with a warning, of which nobody here is told.
        with warnings.catch_warnings(action="error", category=SyntaxWarning):
            # ':' binds tighter than '*' in formulas; among Python's operators '**' does.
            tree = ast.parse(text.strip().replace(":", "**"), mode="eval").body
    except SyntaxError:
        fault = Fault(PLACE, f"cannot read '{text}'", "Write, for example, 'ihlrt * nlr + albi'")
        raise SpecificationError("formula", [fault]) from None
    if faults := tree_faults(tree):
        raise SpecificationError("formula", faults)
    reader = Reader()
    terms = reader.formula(tree)
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
    parts = [part for part in re.split(r"(?<=\)) *\+ *", text.strip()) if part]
    matches = [_GROUP.fullmatch(part) for part in parts]
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
