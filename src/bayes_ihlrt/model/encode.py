"""Covariates as a design matrix that can be remade for other patients and strategies.

The formula library is used here alone. It is given factors, each written anew from the checked
syntax tree, and never a formula's text: its own reader reads some texts otherwise than Python does.

Rows with the same covariates share a linear predictor, which is then computed once.
"""

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import formulaic
import numpy as np
import pandas as pd
from formulaic.errors import FormulaicError
from formulaic.parser.types import Factor, Term
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.escaping import variable_name
from bayes_ihlrt.model.predictor import (
    OUTCOME,
    Predictor,
    Rows,
    held_sd,
    modifier_values,
    name_faults,
    patients_sd,
)
from bayes_ihlrt.model.spline_domain import beyond_bounds, bound_faults
from bayes_ihlrt.names import ModifierTransform
from bayes_ihlrt.spec.formula import Formula, parse_formula
from bayes_ihlrt.spec.model import ModelSpec, ModifierSpec

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
            # What a library will do otherwise one day is no word for who writes a formula.
            warnings.simplefilter("ignore", DeprecationWarning)
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


Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Encoder:
    """The linear predictor's columns, with everything learnt from the cohort that made them.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    columns : tuple of str
        Coefficient names, e.g. ``("ihlrt", "nlr", "ihlrt:nlr", "albi")``.
    terms : mapping of str to str
        Term of the formula that each coefficient belongs to.
    levels : mapping of str to tuple of str
        Levels of each group column, sorted.
    modifier_sd : float
        Standard deviation that ``standardise`` divides by (1 for other transforms).
    formula_state : formulaic.ModelSpec or None
        Reference levels, spline knots and the like; None without covariates.
    predictor : Predictor
        The linear predictor that the columns belong to.
    """

    spec: ModelSpec
    columns: tuple[str, ...]
    terms: Mapping[str, str]
    levels: Mapping[str, tuple[str, ...]]
    modifier_sd: float
    formula_state: formulaic.ModelSpec | None
    predictor: Predictor = OUTCOME

    @property
    def references(self) -> dict[str, str]:
        """Level that the others of a category are compared with, by factor of the formula."""
        found: dict[str, str] = {}
        if self.formula_state is None:
            return found
        for factor, (_, state) in self.formula_state.encoder_state.items():
            known = state.get("categories")
            if known is None or not len(known):
                continue
            name = told(factor)
            used = {level for level in map(str, known) if f"{name}[T.{level}]" in self._labels}
            left = [level for level in map(str, known) if level not in used]
            if used and len(left) == 1:
                found[name] = left[0]
        return found

    @property
    def _labels(self) -> set[str]:
        names = () if self.formula_state is None else self.formula_state.column_names
        return {part for name in names for part in told(name).split(":")}

    def design(self, columns: Columns) -> Floats:
        """Return the design matrix of some rows.

        Parameters
        ----------
        columns : mapping of str to ndarray, shape (rows,)
            Covariates on the scale of the data (the modifier untransformed).

        Returns
        -------
        ndarray, shape (rows, covariates)
            Without an intercept: that is the baseline hazard.

        Raises
        ------
        SpecificationError
            When a categorical covariate has a level that the cohort did not have.
        """
        rows = len(next(iter(columns.values())))
        if self.formula_state is None:
            return np.empty((rows, 0))
        frame = formula_frame(self.spec, columns, self.modifier_sd)
        self._check_values(frame)
        matrix = remade_matrix(self.formula_state, frame, self.predictor)
        return np.asarray(matrix, dtype=np.float64)[:, 1:]

    def group_index(self, columns: Columns, group: str) -> NDArray[np.int64]:
        """Return the position of each row's group level, shape (rows,)."""
        levels = np.asarray(self.levels[group], dtype=object)
        labels = group_labels(columns[group])
        unseen = sorted(set(labels) - set(levels))
        if unseen:
            self._refuse_levels(group, unseen, self.levels[group])
        return np.searchsorted(levels, labels).astype(np.int64)

    def slope_values(self, columns: Columns, slope: str) -> Floats:
        """Return the covariate of a group's slope, transformed if it is the modifier, (rows,)."""
        modifier = self.spec.modifier
        if modifier is not None and slope == modifier.name:
            raw = columns[modifier.column].astype(np.float64)
            return modifier_values(modifier, raw, self.modifier_sd)
        return columns[slope].astype(np.float64)

    def _check_values(self, frame: pd.DataFrame) -> None:
        """Refuse what the formula was not learnt for: levels, text for numbers, splines' ends."""
        if self.formula_state is None:
            return
        state, faults = self.formula_state, []
        for factor, (_, kept) in state.encoder_state.items():
            known, read = kept.get("categories"), parse_formula(told(factor)).columns
            if known is None:
                faults += [_text_fault(name, frame[name]) for name in read if _is_text(frame, name)]
                continue
            levels = tuple(map(str, known))
            name = next(iter(read))
            unseen = sorted(set(frame[name].astype(str)) - set(levels)) if name in frame else []
            faults += [_level_fault(name, unseen, levels)] if unseen else []
        factors = [told(factor) for term in state.formula for factor in term.factors]
        learnt = {told(text): kept for text, kept in state.transform_state.items()}
        beyond = beyond_bounds(factors, frame.items(), learnt)
        faults += bound_faults(beyond, self.spec.modifier, sd=self.modifier_sd)
        if faults:
            raise SpecificationError(f"{self.predictor.table} formula", list(dict.fromkeys(faults)))

    def _refuse_levels(self, name: str, unseen: list[str], known: tuple[str, ...]) -> None:
        fault = _level_fault(name, unseen, known)
        raise SpecificationError(f"{self.predictor.table} formula", [fault])


def _level_fault(name: str, unseen: list[str], known: tuple[str, ...]) -> Fault:
    problem = f"level(s) {', '.join(unseen)} did not occur in the cohort that was fitted"
    return Fault(f"column {name}", problem, f"Allowed: {', '.join(known)}")


def _is_text(frame: pd.DataFrame, name: str) -> bool:
    return name in frame and not pd.api.types.is_numeric_dtype(frame[name])


def _text_fault(name: str, values: pd.Series) -> Fault:
    some = ", ".join(sorted({each for each in values if isinstance(each, str)})[:3])
    problem = f"it holds text ({some}), and numbers in the cohort that was fitted"
    return Fault(f"column {name}", problem, "Write numbers, as the cohort has them")


def build_encoder(spec: ModelSpec, rows: Rows, *, predictor: Predictor = OUTCOME) -> Encoder:
    """Learn the encoding of a model's covariates from rows, e.g. person-time.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    rows : Rows
        With every column that the formula reads, sorted by patient.
    predictor : Predictor
        The linear predictor that the formula makes.

    Returns
    -------
    Encoder
        Remakes the design matrix for any rows.

    Raises
    ------
    SpecificationError
        When a column is missing, the modifier cannot be transformed, or columns of the design
        matrix are constant or linearly dependent.
    """
    outcome = spec.outcome
    _check_columns(spec, rows, predictor)
    levels = {
        group.group: tuple(sorted(set(group_labels(rows.columns[group.group]))))
        for group in outcome.groups
    }
    sd = _modifier_sd(spec.modifier, rows)
    if spec.scales is not None and predictor is OUTCOME:
        sd = held_sd(spec, sd)
    if not outcome.formula:
        return Encoder(spec, (), {}, levels, sd, None, predictor)
    frame = formula_frame(spec, rows.columns, sd)
    beyond = beyond_bounds(sum(outcome.parsed.terms, ()), frame.items())
    if faults := bound_faults(beyond, spec.modifier, sd=sd):
        raise SpecificationError(f"{predictor.table} formula", faults)
    matrix = design_matrix(outcome.parsed, frame, predictor)
    state = matrix.model_spec
    names = coefficient_names(matrix, predictor)
    _check_rank(np.asarray(matrix, dtype=np.float64), names, predictor)
    return Encoder(spec, names, terms_of(state, names), levels, sd, state, predictor)


def terms_of(state: formulaic.ModelSpec, names: tuple[str, ...]) -> dict[str, str]:
    """Return the term of the formula that each coefficient belongs to."""
    return {
        names[position - 1]: told(term)
        for term, positions in state.term_indices.items()
        for position in positions
        if position > 0
    }


def group_labels(values: NDArray[np.generic]) -> NDArray[np.object_]:
    """Return the labels of a group column as text; whole numbers lose their decimal point.

    Parameters
    ----------
    values : ndarray, shape (rows,)
        Text or numbers.

    Returns
    -------
    ndarray of str, shape (rows,)
        Labels.

    Examples
    --------
    >>> group_labels(np.array([1.0, 2.0])).tolist()
    ['1', '2']
    >>> group_labels(np.array(["north", "south"])).tolist()
    ['north', 'south']
    """
    if values.dtype == object or np.issubdtype(values.dtype, np.str_):
        return values.astype(object)
    return np.asarray(
        [str(value).removesuffix(".0") for value in values.astype(np.float64).tolist()],
        dtype=object,
    )


def formula_frame(spec: ModelSpec, columns: Columns, sd: float) -> pd.DataFrame:
    """Return the columns that a formula reads, the modifier transformed by a divisor `sd`."""
    read = spec.outcome.parsed.columns
    frame: dict[str, Any] = {name: columns[name] for name in read if name in columns}
    if spec.modifier is not None and spec.modifier.name in spec.outcome.parsed.columns:
        raw = columns[spec.modifier.column].astype(np.float64)
        frame[spec.modifier.name] = modifier_values(spec.modifier, raw, sd)
    for name, level in spec.outcome.reference.items():
        frame[name] = _with_first(frame[name], level)
    return pd.DataFrame(frame)


def _with_first(values: NDArray[np.generic], level: str) -> pd.Categorical:
    """A category whose first level, with which formulas compare the others, is the one stated."""
    levels = sorted(set(values.tolist()))
    first = [each for each in levels if _level_text(each) == level]
    return pd.Categorical(values, [*first, *(each for each in levels if each not in first)])


def _is_category(spec: ModelSpec, name: str) -> bool:
    """Whether the formula makes categories of a column of numbers."""
    return re.search(rf"\bC\(\s*{re.escape(name)}\b", spec.outcome.formula) is not None


def _level_text(level: object) -> str:
    return f"{level:g}" if isinstance(level, float) else str(level)


def _modifier_sd(modifier: ModifierSpec | None, rows: Rows) -> float:
    if modifier is None:
        return 1.0
    values = rows.columns[modifier.column].astype(np.float64)
    if modifier.transform is ModifierTransform.LOG2 and values.min() <= 0.0:
        patients = rows.columns["patient"]
        lowest, wrong = patients[values.argmin()], set(patients[values <= 0.0])
        raise SpecificationError(
            "[modifier]",
            [
                Fault(
                    f"column {modifier.column}",
                    f"transform 'log2' needs positive values; found {values.min():g} "
                    f"(patient {lowest}; {len(wrong)} in all)",
                    "Correct the values or use transform 'identity'",
                )
            ],
        )
    return patients_sd(values, rows.patient_index)


def _check_columns(spec: ModelSpec, rows: Rows, predictor: Predictor) -> None:
    present = set(rows.columns)
    wanted = dict.fromkeys(spec.outcome.parsed.columns, f"{predictor.table} formula")
    wanted |= {term.group: f"{predictor.table} group" for term in spec.outcome.groups}
    wanted |= {term.slope: f"{predictor.table} group" for term in spec.outcome.groups if term.slope}
    if spec.modifier is not None:
        wanted.pop(spec.modifier.name, None)
        wanted[spec.modifier.column] = "[modifier] column"
    faults = [
        Fault(place, f"no column '{name}'", nearest(name, present))
        for name, place in wanted.items()
        if name not in present
    ]
    for name, level in spec.outcome.reference.items():
        seen = sorted(set(map(_level_text, rows.columns[name].tolist()))) if name in present else []
        numeric = name in present and rows.columns[name].dtype != object
        if numeric and not _is_category(spec, name):
            problem = f"{name} holds numbers, which have no level to compare with"
            remedy = f"Remove the line, or write C({name}) in the formula to make it a category"
            faults.append(Fault(f"{predictor.table} reference", problem, remedy))
        elif seen and level not in seen:
            problem = f"no row of {name} has the value '{level}'"
            faults.append(Fault(f"{predictor.table} reference", problem, nearest(level, seen)))
    groups = [(term.group, term.slope) for term in spec.outcome.groups]
    faults += name_faults(predictor, spec.outcome.parsed.columns, groups)
    if faults:
        raise SpecificationError("model", faults)


def _check_rank(matrix: Floats, names: tuple[str, ...], predictor: Predictor) -> None:
    """Refuse columns that the others determine: their coefficients are not identified."""
    scale = np.linalg.norm(matrix, axis=0)
    scaled = matrix / np.where(scale > 0.0, scale, 1.0)
    if np.linalg.matrix_rank(scaled) == matrix.shape[1]:
        return
    _, _, directions = np.linalg.svd(scaled, full_matrices=False)
    involved = np.abs(directions[-1]) > 1e-8
    labels = (predictor.level, *names)
    culprits = [label for label, hit in zip(labels, involved, strict=True) if hit]
    raise SpecificationError(
        f"{predictor.table} formula",
        [
            Fault(
                "design matrix",
                f"these columns determine one another: {', '.join(culprits)}",
                f"Remove one of them (a constant column repeats {predictor.level})",
            )
        ],
    )


def covariate_patterns(
    spec: ModelSpec, columns: Columns
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Number the distinct values of everything that the linear predictor reads.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    columns : mapping of str to ndarray, shape (rows,)
        Covariates on the scale of the data.

    Returns
    -------
    pattern : ndarray, shape (rows,)
        Each row's pattern, numbered from 0 in order of appearance.
    first : ndarray, shape (patterns,)
        A row of each pattern.
    """
    names = [*spec.outcome.parsed.columns]
    for term in spec.outcome.groups:
        names += [term.group, *([term.slope] if term.slope is not None else [])]
    if spec.modifier is not None:
        transformed = spec.modifier
        names = [transformed.column if n == transformed.name else n for n in names]
    pattern = np.zeros(len(next(iter(columns.values()))), dtype=np.intp)
    for name in dict.fromkeys(names):
        values, levels = pd.factorize(columns[name])
        pattern, _ = pd.factorize(pattern * len(levels) + values)
    first = np.flatnonzero(~pd.Series(pattern).duplicated().to_numpy())
    return pattern.astype(np.intp), first
