"""Linear predictors: the effect modifier's scale and shape in them, and names that they refuse.

Nothing here imports the formula library, so that `bayes-ihlrt check` answers at once.
"""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault
from bayes_ihlrt.hazards.registry import names_of_parameters
from bayes_ihlrt.names import ModifierTransform
from bayes_ihlrt.spec.formula import parse_formula
from bayes_ihlrt.spec.model import ModelSpec, ModifierSpec

Floats = NDArray[np.float64]


def modifier_values(modifier: ModifierSpec, values: Floats, sd: float) -> Floats:
    """Return the modifier on the scale of the linear predictor.

    Parameters
    ----------
    modifier : ModifierSpec
        Transform and reference.
    values : ndarray
        Modifier on the scale of the data.
    sd : float
        Divisor of the transform ``standardise``.

    Returns
    -------
    ndarray
        Zero at the reference.
    """
    match modifier.transform:
        case ModifierTransform.LOG2:
            # What is no logarithm is told as a fault, with its column.
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.log2(values / modifier.reference)
        case ModifierTransform.IDENTITY:
            return values - modifier.reference
        case ModifierTransform.STANDARDISE:
            return (values - modifier.reference) / sd


def modifier_raw(modifier: ModifierSpec, values: Floats, sd: float) -> Floats:
    """Return the modifier on the scale of the data: the inverse of `modifier_values`.

    Parameters
    ----------
    modifier : ModifierSpec
        Transform and reference.
    values : ndarray
        Modifier on the scale of the linear predictor.
    sd : float
        Divisor of the transform ``standardise``.

    Returns
    -------
    ndarray
        The reference at zero.

    Examples
    --------
    >>> nlr = ModifierSpec(name="nlr", column="nlr", transform="log2", reference=3.0)
    >>> modifier_raw(nlr, modifier_values(nlr, np.array([1.5, 6.0]), 1.0), 1.0).tolist()
    [1.5, 6.0]
    """
    match modifier.transform:
        case ModifierTransform.LOG2:
            return np.asarray(modifier.reference * 2.0**values, dtype=np.float64)
        case ModifierTransform.IDENTITY:
            return values + modifier.reference
        case ModifierTransform.STANDARDISE:
            return values * sd + modifier.reference


def patients_sd(values: Floats, patient_index: NDArray[np.int64]) -> float:
    """Return the standard deviation that ``standardise`` divides by: of patients' first rows.

    Parameters
    ----------
    values : ndarray, shape (rows,)
        Modifier on the scale of the data.
    patient_index : ndarray, shape (rows,)
        Number of the patient of each row, increasing.

    Returns
    -------
    float
        1 where there is only one patient.
    """
    first = np.flatnonzero(np.diff(patient_index, prepend=-1))
    return float(values[first].std(ddof=1)) if len(first) > 1 else 1.0


def held_sd(spec: ModelSpec, own: float) -> float:
    """Return the held sd that the transform ``standardise`` divides by, else the rows' own.

    Parameters
    ----------
    spec : ModelSpec
        The model, with or without scales.
    own : float
        Standard deviation of the rows that are being encoded.

    Returns
    -------
    float
        Divisor of the modifier.
    """
    modifier, scales = spec.modifier, spec.scales
    if modifier is None or scales is None or modifier.column not in scales.patients:
        return own
    values = scales.patients[modifier.column].astype(np.float64)
    return patients_sd(values, np.arange(len(values)))


def modifier_factors(spec: ModelSpec) -> tuple[str, ...]:
    """Return the factors of a formula that read the modifier.

    Parameters
    ----------
    spec : ModelSpec
        The model.

    Returns
    -------
    tuple of str
        For example ``("nlr",)`` or ``("bs(nlr, df=3)",)``; empty without a modifier.
    """
    if spec.modifier is None or not spec.outcome.formula:
        return ()
    own = {spec.modifier.name, spec.modifier.column}
    factors = dict.fromkeys(factor for term in spec.outcome.parsed.terms for factor in term)
    return tuple(factor for factor in factors if names_in(factor) & own)


def linear_in_modifier(spec: ModelSpec) -> bool:
    """Return whether the log hazard is a straight line in the transformed modifier.

    Then a step of the modifier, such as a doubling, means the same wherever it is taken.

    Parameters
    ----------
    spec : ModelSpec
        The model.

    Returns
    -------
    bool
        False where the formula reads the modifier through a function (a spline, a polynomial, a
        logarithm), or its untransformed column beside it.

    Examples
    --------
    >>> from bayes_ihlrt.spec.read import load_spec
    >>> linear_in_modifier(load_spec("primary").model)
    True
    """
    modifier = spec.modifier
    if modifier is None:
        return True
    straight = modifier.transform is not ModifierTransform.LOG2
    allowed = {modifier.name, modifier.column} if straight else {modifier.name}
    slopes = {term.slope for term in spec.outcome.groups if term.slope is not None}
    raw = modifier.column != modifier.name and modifier.column in slopes
    return set(modifier_factors(spec)) <= allowed and (straight or not raw)


def simple_interaction(spec: ModelSpec) -> str | None:
    """Return the one coefficient that says how treatment's effect changes with the modifier.

    Parameters
    ----------
    spec : ModelSpec
        The model.

    Returns
    -------
    str or None
        ``"ihlrt:nlr"`` where that product is the only term that reads both, and the modifier enters
        as a straight line; None elsewhere, since no one coefficient tells it then.
    """
    if spec.modifier is None or spec.treatment is None or not linear_in_modifier(spec):
        return None
    if not spec.outcome.formula:
        return None
    own = {spec.modifier.name, spec.modifier.column}
    both = [
        term
        for term in spec.outcome.parsed.terms
        if spec.treatment in term and own & set().union(*(names_in(factor) for factor in term))
    ]
    if len(both) != 1 or set(both[0]) != {spec.treatment, spec.modifier.name}:
        return None
    return ":".join(both[0])


def names_in(factor: str) -> set[str]:
    """Return the names that a factor of a formula reads.

    Parameters
    ----------
    factor : str
        A column's name or a function of columns.

    Returns
    -------
    set of str
        Columns.

    Examples
    --------
    >>> sorted(names_in("bs(log(nlr) + age, df=3)"))
    ['age', 'nlr']
    """
    return set(parse_formula(factor).columns)


def calls_in(factor: str) -> list[ast.Call]:
    """Return every function call in a factor of a formula, the outermost first.

    Parameters
    ----------
    factor : str
        A column's name or a function of columns.

    Returns
    -------
    list of ast.Call
        Syntax, not evaluated.
    """
    tree = ast.parse(factor, mode="eval")
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


class Rows(Protocol):
    """Rows that covariates are encoded from, sorted by patient."""

    @property
    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Columns by name, shape (rows,)."""
        ...

    @property
    def patient_index(self) -> NDArray[np.intp]:
        """Each row's patient, numbered from 0."""
        ...


@dataclass(frozen=True)
class Predictor:
    """The linear predictor that a formula makes.

    Parameters
    ----------
    table : str
        Table of the specification, for messages, e.g. ``"[outcome]"``.
    level : str
        What stands for the constant column, e.g. ``"the baseline hazard"``.
    own : frozenset of str
        Dimensions, data and parameters of the graph, which no column's coefficient may shadow.
    has_hazard : bool
        Whether the graph has a baseline hazard, of whatever family.
    """

    table: str
    level: str
    own: frozenset[str]
    has_hazard: bool = False

    @property
    def reserved(self) -> frozenset[str]:
        """Names that no column may have; parameters of families that are registered too."""
        return self.own | names_of_parameters() if self.has_hazard else self.own


_PREFIXES: Final = ("sd_", "exp_", "precision_")
"""How the names of scales and of parameters on another scale begin."""


def name_faults(
    predictor: Predictor, columns: Iterable[str], groups: Iterable[tuple[str, str | None]]
) -> list[Fault]:
    """Return which names of a formula the graph gives itself.

    Parameters
    ----------
    predictor : Predictor
        The linear predictor.
    columns : iterable of str
        Names that the formula reads.
    groups : iterable of tuple of str
        Each group effect's column, and that of its slope or None.

    Returns
    -------
    list of Fault
        One for each name.
    """
    grouped = dict(groups)
    own = (*_PREFIXES, *(f"{group}_effect" for group in grouped))
    reserved = predictor.reserved
    taken = reserved | grouped.keys()
    wrong = {
        name: f"{predictor.table} formula"
        for name in columns
        if name in taken or name.startswith(own)
    }
    wrong |= {
        name: f"{predictor.table} group"
        for group, slope in grouped.items()
        for name in (group, slope, f"{group}_{slope}")
        if name is not None and (name in reserved or name.startswith(own))
    }
    return [
        Fault(place, f"'{name}' is a name that the model uses itself", "Rename the column")
        for name, place in wrong.items()
    ]


OUTCOME: Final = Predictor(
    table="[outcome]",
    level="the baseline hazard",
    own=frozenset(
        {
            *("basis", "chain", "covariate", "draw", "hyperparameter", "interval", "patient"),
            *("pattern", "step", "centre_points", "exit_time", "hyperparameters", "row_index"),
            *("rows", "time", "weight", "walk_step", "design_centre", "design_reference"),
            *("log_hazard_contrast", "time_centre", "hazard_basis", "interval_share"),
        }
    ),
    has_hazard=True,
)
