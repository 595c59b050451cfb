"""Make a design matrix of a formula that was read: the one place that the formula library is used.

It is given factors, each written anew from the checked syntax tree, and never a formula's text:
its own reader reads some texts otherwise than Python does.
"""

import ast
import warnings
from collections.abc import Callable
from typing import Final

import formulaic
import numpy as np
import pandas as pd
from formulaic.errors import FormulaicError
from formulaic.parser.types import Factor, Term

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.escaping import variable_name
from bayes_ihlrt.model.formula import Formula
from bayes_ihlrt.model.predictor import Predictor

_CENTRED: Final = ", constraints='center'"
_REFUSALS: Final = (FormulaicError, ArithmeticError, LookupError, NameError, TypeError, ValueError)


def design_matrix(
    formula: Formula, frame: pd.DataFrame, predictor: Predictor
) -> formulaic.ModelMatrix:
    """Return the design matrix of a formula, and within it what was learnt from the rows.

    Parameters
    ----------
    formula : Formula
        From `parse_formula`.
    frame : DataFrame
        The columns that it reads.
    predictor : Predictor
        The linear predictor that it makes, for messages.

    Returns
    -------
    formulaic.ModelMatrix
        With a constant column first, of full rank where categories are concerned.

    Raises
    ------
    SpecificationError
        A function cannot be computed from these rows, or gives what is no finite number.
    """
    constant = Term([Factor("1", eval_method="literal")])
    terms = [constant, *(Term([_factor(text) for text in term]) for term in formula.terms)]
    parts = formulaic.SimpleFormula(terms)

    def make() -> formulaic.ModelMatrix:
        return formulaic.model_matrix(
            parts, frame, context=None, na_action="raise", ensure_full_rank=True
        )

    return _computed(make, formula.text, predictor)


def remade_matrix(
    state: formulaic.ModelSpec, frame: pd.DataFrame, predictor: Predictor
) -> formulaic.ModelMatrix:
    """Return the design matrix of other rows with what was learnt from the first.

    Parameters
    ----------
    state : formulaic.ModelSpec
        Of a matrix that `design_matrix` made.
    frame : DataFrame
        The same columns for other rows.
    predictor : Predictor
        The linear predictor, for messages.

    Returns
    -------
    formulaic.ModelMatrix
        The same columns.

    Raises
    ------
    SpecificationError
        A function cannot be computed from these rows, or gives what is no finite number.
    """
    shown = ", ".join(told(term) for term in state.formula)
    return _computed(lambda: state.get_model_matrix(frame), shown, predictor)


def coefficient_names(matrix: formulaic.ModelMatrix, predictor: Predictor) -> tuple[str, ...]:
    """Return the names of the coefficients, which graphs and files can give to variables.

    Parameters
    ----------
    matrix : formulaic.ModelMatrix
        From `design_matrix`.
    predictor : Predictor
        The linear predictor, for messages.

    Returns
    -------
    tuple of str
        One for each column but the constant.

    Raises
    ------
    SpecificationError
        Two names are the same once they are such.
    """
    given = [told(name) for name in matrix.columns[1:]]
    names = [variable_name(name) for name in given]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        alike = ", ".join(repr(each) for each in given if variable_name(each) in twice)
        fault = Fault("design matrix", f"these cannot be told apart: {alike}", "Rename the levels")
        raise SpecificationError(f"{predictor.table} formula", [fault])
    return tuple(names)


def told(name: object) -> str:
    """Return a column or term of the library as it is called everywhere else.

    Parameters
    ----------
    name : object
        Column or term of a matrix that `design_matrix` made.

    Returns
    -------
    str
        Without what the package itself adds to a function's options.
    """
    return str(name).replace(_CENTRED, "")


def _factor(text: str) -> Factor:
    if text.isidentifier():
        return Factor(text, eval_method="lookup")
    tree = ast.parse(text, mode="eval")
    for node in ast.walk(tree):
        # Without it the columns of these splines add up to the constant, the baseline's own.
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"cr", "cc"}:
            node.keywords.append(ast.keyword("constraints", ast.Constant("center")))
    return Factor(ast.unparse(tree), eval_method="python")


def _computed(
    make: Callable[[], formulaic.ModelMatrix], text: str, predictor: Predictor
) -> formulaic.ModelMatrix:
    where = f"{predictor.table} formula"
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # What is divided by zero or is a logarithm of a negative is told as a fault below.
            warnings.simplefilter("ignore", RuntimeWarning)
            matrix = make()
    except _REFUSALS as error:
        reason = " ".join(told(error).split())
        problem = f"'{text}' cannot be computed from these data ({reason or type(error).__name__})"
        remedy = "Check that its functions suit the values of the columns: logarithms need "
        remedy += "positive numbers, splines fewer columns than there are different values"
        raise SpecificationError(where, [Fault("design matrix", problem, remedy)]) from error
    wrong = ~np.isfinite(np.asarray(matrix, dtype=np.float64)).all(axis=0)
    if wrong.any():
        names = ", ".join(told(name) for name in matrix.columns[wrong])
        problem = f"not every value of {names} is a finite number"
        remedy = "Logarithms need positive numbers, divisors other than 0, exponentials small ones"
        raise SpecificationError(where, [Fault("design matrix", problem, remedy)])
    return matrix
