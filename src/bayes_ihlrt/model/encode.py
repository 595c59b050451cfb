"""Encode covariates as a design matrix that can be remade for other patients and strategies."""

from collections.abc import Mapping
from dataclasses import dataclass

import formulaic
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.model.formula import parse_formula
from bayes_ihlrt.model.formula_matrix import (
    coefficient_names,
    design_matrix,
    remade_matrix,
    told,
)
from bayes_ihlrt.model.modifier_form import held_sd, modifier_values, patients_sd
from bayes_ihlrt.model.predictor import OUTCOME, Predictor, Rows, name_faults
from bayes_ihlrt.model.spec import ModelSpec, ModifierSpec
from bayes_ihlrt.names import ModifierTransform

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
        self._check_levels(frame)
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

    def _check_levels(self, frame: pd.DataFrame) -> None:
        if self.formula_state is None:
            return
        for factor, (_, state) in self.formula_state.encoder_state.items():
            known = state.get("categories")
            name = next(iter(parse_formula(told(factor)).columns))
            if known is not None and name in frame:
                unseen = sorted(set(frame[name].astype(str)) - {str(level) for level in known})
                if unseen:
                    self._refuse_levels(name, unseen, tuple(str(level) for level in known))

    def _refuse_levels(self, name: str, unseen: list[str], known: tuple[str, ...]) -> None:
        raise SpecificationError(
            f"{self.predictor.table} formula",
            [
                Fault(
                    f"column {name}",
                    f"level(s) {', '.join(unseen)} did not occur in the cohort that was fitted",
                    f"Allowed: {', '.join(known)}",
                )
            ],
        )


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
    matrix = design_matrix(outcome.parsed, frame, predictor)
    state = matrix.model_spec
    names = coefficient_names(matrix, predictor)
    terms = {
        names[position - 1]: told(term)
        for term, positions in state.term_indices.items()
        for position in positions
        if position > 0
    }
    _check_rank(np.asarray(matrix, dtype=np.float64), names, predictor)
    return Encoder(spec, names, terms, levels, sd, state, predictor)


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
    frame = {name: columns[name] for name in spec.outcome.parsed.columns if name in columns}
    if spec.modifier is not None and spec.modifier.name in spec.outcome.parsed.columns:
        raw = columns[spec.modifier.column].astype(np.float64)
        frame[spec.modifier.name] = modifier_values(spec.modifier, raw, sd)
    return pd.DataFrame(frame)


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
