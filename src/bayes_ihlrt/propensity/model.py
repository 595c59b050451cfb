"""A propensity specification bound to the decisions that it explains, and a warning of separation.

Where covariates tell the treated from the others without error, the likelihood of a logistic model
has no maximum: the prior alone keeps the propensities away from 0 and 1. Separation holds if some b
has s_r x_r'b >= 0 in every row (s = 1 if treated, -1 if not) and more in at least one, which a
linear programme decides.

References
----------
Albert A, Anderson JA. On the existence of maximum likelihood estimates in logistic regression
models. Biometrika 1984;71:1-10, doi 10.1093/biomet/71.1.1.
"""

import warnings
from collections.abc import Mapping, Sequence
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
from bayes_ihlrt.model.predictor import Predictor
from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import PerUnit, Prior
from bayes_ihlrt.spec.model import ModelSpec, ModifierSpec, OutcomeSpec
from bayes_ihlrt.spec.parameters import GROUP_SD, ResolvedPrior, assign_priors, group_scales
from bayes_ihlrt.spec.propensity import INTERCEPT, PropensitySpec

Floats = NDArray[np.float64]


class SeparationWarning(UserWarning):
    """Covariates tell some treated patients from the others without error."""


def separating_columns(design: Floats, treated: Floats, *, names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that separate treated from untreated rows, wholly or in part.

    Parameters
    ----------
    design : ndarray, shape (rows, columns)
        Covariates without a constant column.
    treated : ndarray, shape (rows,)
        0/1.
    names : sequence of str
        Names of the columns.

    Returns
    -------
    tuple of str
        Every column that separates by itself; if there is none, the columns of a combination
        that does; empty without separation.

    References
    ----------
    Albert A, Anderson JA. Biometrika 1984;71:1-10, doi 10.1093/biomet/71.1.1.

    Examples
    --------
    >>> albi, response = np.array([-3.0, -1.0, -2.0, -2.5]), np.array([0.0, 0.0, 1.0, 0.0])
    >>> design = np.column_stack([albi, response])
    >>> separating_columns(design, np.array([0.0, 0.0, 1.0, 1.0]), names=["albi", "response"])
    ('response',)
    """
    alone = tuple(
        name
        for name, column in zip(names, design.T, strict=True)
        if _ordered(column[treated == 1.0], column[treated == 0.0])
    )
    return alone or _combination(design, treated, names)


def _ordered(treated: Floats, control: Floats) -> bool:
    """Whether one arm's values all lie at or beyond the other's."""
    return bool(treated.min() >= control.max() or treated.max() <= control.min())


def _combination(design: Floats, treated: Floats, names: Sequence[str]) -> tuple[str, ...]:
    from scipy.optimize import linprog

    if not names:
        return ()
    scaled = (design - design.mean(axis=0)) / design.std(axis=0)
    signed = np.where(treated == 1.0, 1.0, -1.0)[:, None] * np.column_stack(
        [np.ones(len(design)), scaled]
    )
    found = linprog(
        -signed.mean(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1.0, 1.0)
    )
    # The solver keeps its constraints to 1e-7; columns have standard deviation 1.
    if found.x is None or (signed @ found.x).max() < 1e-4:
        return ()
    return tuple(name for name, b in zip(names, found.x[1:], strict=True) if abs(b) > 1e-6)


def separation_message(separated: tuple[str, ...]) -> str:
    """Say which covariates tell the arms apart, and what to do.

    Parameters
    ----------
    separated : tuple of str
        As from `separating_columns`.

    Returns
    -------
    str
        Sentences.
    """
    names, verb = ", ".join(separated), "tells" if len(separated) == 1 else "tell"
    return (
        f"PS separation: {names} {verb} some treated patients from the untreated without error. "
        "There nobody of the other arm can be compared with them, and their propensities are what "
        "the prior makes them. Leave such patients out, merge the categories, or leave the "
        "covariate out if it does not confound; `positivity_table` counts who is where."
    )


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
    own=frozenset(
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
        Values of the graph's `pm.Data` by name. Crude contrasts between the levels of a group
        (``<group>_estimate``) and their information choose sampling coordinates only.
    patients : ndarray of str, shape (patients,)
        Patient identifiers, in the order of the graph.
    separated : tuple of str
        Columns that tell some treated from the others without error; empty when all is well.
    """

    spec: PropensitySpec
    encoder: Encoder
    priors: Mapping[str, ResolvedPrior]
    data: Mapping[str, NDArray[np.generic]]
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
        index = encoder.group_index(decisions.columns, term.group)
        levels = len(encoder.levels[term.group])
        data[f"{term.group}_index"] = index
        estimate, information = _crude_contrasts(index, initiated, levels=levels)
        data |= {f"{term.group}_estimate": estimate, f"{term.group}_information": information}
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
