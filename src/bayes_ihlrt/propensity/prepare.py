"""Bind a propensity specification to the decisions that it explains."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.errors import DataError, Fault, SpecificationError, nearest
from bayes_ihlrt.escaping import as_written
from bayes_ihlrt.model.contrasts import orthonormal_basis
from bayes_ihlrt.model.encode import Encoder, build_encoder
from bayes_ihlrt.model.parameters import GROUP_SD, ResolvedPrior, assign_priors, group_scales
from bayes_ihlrt.model.predictor import Predictor
from bayes_ihlrt.model.spec import ModelSpec, ModifierSpec, OutcomeSpec
from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import PerUnit, Prior
from bayes_ihlrt.propensity.separation import (
    SeparationWarning,
    separating_columns,
    separation_message,
)
from bayes_ihlrt.propensity.spec import INTERCEPT, PropensitySpec

Floats = NDArray[np.float64]

INITIATED: Final = "initiated"
COEFFICIENT: Final = Prior(dist=Dist.NORMAL, mu=0.0, sigma=2.5, per=PerUnit.SD)
"""Wide enough to balance, narrow enough to be finite under separation.

With about 13 to 20 treated among 60 to 80 patients and 8 or 14 covariates, overlap weights at the
posterior mode had a root mean squared error within 1 % of the best of sd 0.5, 1, 1.5, 2.5, 5 and
100; sd 1 left more than twice as much bias (`benchmarks/propensity_prior.py`). A narrower prior
does not save degrees of freedom: it leaves confounding in.
"""
INTERCEPT_SD: Final = 1.5

_PREDICTOR: Final = Predictor(
    table="[propensity]",
    level="the intercept",
    reserved=frozenset(
        {
            *("chain", "covariate", "draw", "hyperparameter", "hyperparameters", "patient"),
            *("design", "design_centre", "ever_initiated", INITIATED, "initiation", INTERCEPT),
            *("row_unit", "until", "weight"),
        }
    ),
)


@dataclass(frozen=True)
class PreparedPropensity:
    """A propensity specification bound to decisions: everything but the graph.

    Parameters
    ----------
    spec : PropensitySpec
        The specification.
    encoder : Encoder
        Encoding of the covariates.
    priors : mapping of str to ResolvedPrior
        Every parameter's prior and its source.
    data : mapping of str to ndarray
        Values of the graph's `pm.Data` by name.
    crude : mapping of str to tuple of ndarray
        Crude contrasts between the levels of each group and their information, which choose
        sampling coordinates only.
    patients : ndarray of str, shape (patients,)
        Patient identifiers, in the order of the graph.
    separated : tuple of str
        Columns that tell some treated from the others without error; empty when all is well.
    """

    spec: PropensitySpec
    encoder: Encoder
    priors: Mapping[str, ResolvedPrior]
    data: Mapping[str, NDArray[np.generic]]
    crude: Mapping[str, tuple[Floats, Floats]]
    patients: NDArray[np.object_]
    separated: tuple[str, ...]

    def rebound(self, rows: Columns) -> "PreparedPropensity":
        """Return the same model bound to other decisions, to read propensities there.

        Parameters
        ----------
        rows : mapping of str to ndarray, shape (decisions,)
            As for `prepare_propensity`.

        Returns
        -------
        PreparedPropensity
            For `logit_propensity`.
        """
        data = _arrays(self.encoder, _Decisions(rows), self.encoder.design(rows))
        return replace(self, data={**data, "design_centre": self.data["design_centre"]})


@dataclass(frozen=True)
class _Decisions:
    """Decisions as rows for the encoder."""

    columns: Columns

    @cached_property
    def patient_index(self) -> NDArray[np.intp]:
        patient = self.columns["patient"]
        changes = patient[1:] != patient[:-1]
        return np.concatenate([[0], np.cumsum(changes)]).astype(np.intp)


def prepare_propensity(
    spec: PropensitySpec, rows: Columns, modifier: ModifierSpec | None
) -> PreparedPropensity:
    """Bind a propensity specification to decisions.

    Parameters
    ----------
    spec : PropensitySpec
        The specification.
    rows : mapping of str to ndarray, shape (decisions,)
        ``patient`` and ``initiated`` (0/1), the covariates at each decision, and ``time``
        (months) and ``number`` where the formula reads them; sorted by patient and time.
    modifier : ModifierSpec or None
        The effect modifier, for its name in the formula.

    Returns
    -------
    PreparedPropensity
        Encoder, priors and arrays.

    Raises
    ------
    SpecificationError
        When specification and decisions do not fit together.
    DataError
        When the decisions are not those of a treatment that starts once, or all alike.

    Warns
    -----
    SeparationWarning
        When covariates tell some treated patients from the others without error.
    """
    decisions = _Decisions(rows)
    _check_decisions(decisions)
    model = _as_model(spec, rows, modifier)
    encoder = build_encoder(model, decisions, predictor=_PREDICTOR)
    initiated = _floats(rows[INITIATED])
    design = encoder.design(rows)
    sds = dict(zip(encoder.columns, design.std(axis=0).tolist(), strict=True))
    separated = separating_columns(design, initiated, names=encoder.columns)
    if separated:
        warnings.warn(separation_message(separated), SeparationWarning, stacklevel=2)
    first = np.flatnonzero(np.diff(decisions.patient_index, prepend=-1))
    return PreparedPropensity(
        spec=spec,
        encoder=encoder,
        priors=_priors(spec, encoder, sds, share=float(initiated.mean())),
        data=_arrays(encoder, decisions, design),
        crude={
            group: _crude_contrasts(encoder.group_index(rows, group), initiated, levels=len(levels))
            for group, levels in encoder.levels.items()
        },
        patients=rows["patient"][first].astype(object),
        separated=separated,
    )


def _as_model(spec: PropensitySpec, rows: Columns, modifier: ModifierSpec | None) -> ModelSpec:
    """Return what the encoder reads; a modifier that the formula does not name is left out."""
    outcome = OutcomeSpec(formula=spec.formula, group=spec.group)
    slopes = {term.slope for term in outcome.groups}
    named = modifier is not None and modifier.name in {*outcome.parsed.columns, *slopes}
    if named and modifier is not None and modifier.column not in rows:
        missing = Fault("[modifier] column", f"no column '{modifier.column}'", nearest("", rows))
        raise SpecificationError("[propensity]", [missing])
    return ModelSpec(modifier=modifier if named else None, outcome=outcome)


def _priors(
    spec: PropensitySpec, encoder: Encoder, sds: Mapping[str, float], *, share: float
) -> dict[str, ResolvedPrior]:
    centre = float(np.log(share / (1.0 - share)))
    scales = group_scales(encoder.spec)
    defaults = dict.fromkeys(encoder.columns, COEFFICIENT)
    defaults |= {INTERCEPT: Prior(dist=Dist.NORMAL, mu=centre, sigma=INTERCEPT_SD)}
    defaults |= dict.fromkeys(scales, GROUP_SD)
    aliases: dict[str, tuple[str, ...]] = {
        n: (n, as_written(n), t) for n, t in encoder.terms.items()
    }
    aliases |= {INTERCEPT: (INTERCEPT,)} | {name: (name, "group_sd") for name in scales}
    stated = assign_priors(
        spec.priors, defaults, aliases=aliases, coefficients={INTERCEPT, *encoder.columns}
    )
    return {
        name: ResolvedPrior(given.prior.rescaled(sds.get(name, 1.0)), given.source)
        for name, given in stated.items()
    }


def _arrays(
    encoder: Encoder, decisions: _Decisions, design: Floats
) -> dict[str, NDArray[np.generic]]:
    initiated = _floats(decisions.columns[INITIATED])
    data: dict[str, NDArray[np.generic]] = {
        "design": design,
        "design_centre": design.mean(axis=0),
        "initiation": initiated,
        "row_unit": decisions.patient_index.astype(np.int64),
        "ever_initiated": np.bincount(decisions.patient_index, initiated),
    }
    data["weight"] = np.ones(len(data["ever_initiated"]))
    for term in encoder.spec.outcome.groups:
        data[f"{term.group}_index"] = encoder.group_index(decisions.columns, term.group)
        if term.slope is not None:
            slope = encoder.slope_values(decisions.columns, term.slope)
            data[f"{term.group}_{term.slope}"] = slope
    return data


def _crude_contrasts(
    index: NDArray[np.int64], initiated: Floats, *, levels: int
) -> tuple[Floats, Floats]:
    """Crude differences in log odds between groups, which choose sampling coordinates only."""
    count = np.bincount(index, minlength=levels) + 1.0
    share = (np.bincount(index, initiated, minlength=levels) + 0.5) / count
    contrasts = orthonormal_basis(levels)[:, 1:]
    information = np.square(contrasts).T @ (count * share * (1.0 - share))
    return contrasts.T @ np.log(share / (1.0 - share)), information


def _check_decisions(decisions: _Decisions) -> None:
    rows = decisions.columns
    missing = [name for name in ("patient", INITIATED) if name not in rows]
    if missing:
        raise DataError(
            "decisions",
            [Fault("columns", f"no column '{name}'", nearest(name, rows)) for name in missing],
        )
    faults = _value_faults(rows)
    if len(rows["patient"]):
        faults += _order_faults(decisions)
    if faults:
        raise DataError("decisions", faults)


def _value_faults(rows: Columns) -> list[Fault]:
    initiated = _floats(rows[INITIATED])
    wrong = ~np.isin(initiated, (0.0, 1.0))
    if wrong.any():
        first = int(np.argmax(wrong))
        found = f"found {initiated[first]:g} ({int(wrong.sum())} in all)"
        where = f"patient {rows['patient'][first]}, column {INITIATED}"
        return [Fault(where, found, "Allowed: 0 (not started) and 1 (started)")]
    if initiated.size and 0.0 < initiated.mean() < 1.0:
        return []
    who = "everybody" if initiated.size and initiated.all() else "nobody"
    return [
        Fault(
            f"column {INITIATED}",
            f"{who} started treatment at the {initiated.size} decisions, so there is nothing to "
            "compare",
            "Check the column with the start of treatment and who is eligible",
        )
    ]


def _order_faults(decisions: _Decisions) -> list[Fault]:
    """Return decisions that come after the start of treatment, or apart from their patient's."""
    patient, index = decisions.columns["patient"], decisions.patient_index
    if len(set(patient.tolist())) != index[-1] + 1:
        return [
            Fault("column patient", "rows of one patient are not together", "Sort by patient, time")
        ]
    started = _floats(decisions.columns[INITIATED])[:-1] == 1.0
    late = np.flatnonzero(started & (index[1:] == index[:-1]))
    names = dict.fromkeys(str(name) for name in patient[late].tolist())
    return [
        Fault(
            f"patient {name}",
            "has a decision after the one at which treatment started",
            "Leave out decisions of patients who have been treated",
        )
        for name in names
    ]


def _floats(values: NDArray[np.generic]) -> Floats:
    return np.asarray(values, dtype=np.float64)
