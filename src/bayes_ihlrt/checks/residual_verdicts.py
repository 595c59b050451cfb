"""Verdicts of the checks that compare events with expected events."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.checks.added_terms import (
    centre_columns,
    entry_columns,
    interaction_columns,
    late_columns,
    since_start,
    square_columns,
    unobserved_columns,
)
from bayes_ihlrt.checks.columns import Columns, cell_columns, hazard_columns
from bayes_ihlrt.checks.hazard_terms import column, values_of
from bayes_ihlrt.checks.residuals import exponential_score
from bayes_ihlrt.checks.score import Score, score_columns
from bayes_ihlrt.checks.verdict import Status, Verdict, cannot_tell
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.names import PropensityUncertainty

Floats = NDArray[np.float64]
_WORDS: Final[dict[str, tuple[Callable[[FittedModel], Columns | None], str, str, str]]] = {
    "survival": (
        cell_columns,
        "Events by treatment state, modifier and period are not those that the model predicts",
        "Predicted and observed events agree in every treatment state, modifier group and period",
        "",
    ),
    "hazard": (
        hazard_columns,
        "The hazard over time does not have this shape",
        "The shape of the hazard over time agrees with the events",
        "",
    ),
    "proportional hazards": (
        since_start,
        "The effect of treatment changes with time since its start",
        "The effect of treatment does not visibly change with time since its start",
        "There are fewer than 20 events after the start of treatment.",
    ),
    "covariates over time": (
        late_columns,
        "Effects of covariates change over follow-up",
        "Effects of covariates do not visibly change over follow-up",
        "There are no covariates, or fewer than 20 events.",
    ),
    "interaction": (
        interaction_columns,
        "The effect of treatment depends on the modifier in a way that the model lacks",
        "No further dependence of the treatment's effect on the modifier is visible",
        "The model has no treatment or no modifier.",
    ),
    "linearity": (
        square_columns,
        "The log hazard is not linear in a covariate",
        "The log hazard looks linear in the covariates",
        "No covariate takes more than two values.",
    ),
}
"""Columns, what a flag means, what its absence means, why the check may not apply."""


def scored(fit: FittedModel, found: Columns) -> Score:
    """Compare events with expected events along columns.

    Parameters
    ----------
    fit : FittedModel
        The model.
    found : Columns
        Columns of its rows.

    Returns
    -------
    Score
        Clustered by patient where rows are weighted or patients have several histories.
    """
    return score_columns(
        fit.prepared,
        values_of(fit),
        found.person_time,
        columns=found.values,
        labels=found.labels,
        clustered=is_weighted(fit) or fit.person_time.overlapping,
    )


_OF_SHAPE: Final = frozenset({"survival", "hazard"})
_OF_CHANGE: Final = frozenset({"proportional hazards", "covariates over time"})
_SHAPE_ALONE: Final = (
    "The hazard's shape alone can cause this, and its check is flagged too: choose a flexible "
    "baseline (family piecewise or mspline in [outcome.hazard]) and look again."
)


def is_weighted(fit: FittedModel) -> bool:
    """Return whether rows are weighted or the draws come from a weighted analysis.

    Parameters
    ----------
    fit : FittedModel
        The model.

    Returns
    -------
    bool
        True where the draws are no posterior given single patients.
    """
    engine = fit.tree.attrs.get("engine")
    weighted = bool((column(fit.person_time, "weight") != 1.0).any())
    return weighted or engine in set(PropensityUncertainty)


def residual_verdicts(fit: FittedModel, observed_from: Floats | None) -> list[Verdict]:
    """Return the verdicts of every check of events against expected events.

    Parameters
    ----------
    fit : FittedModel
        The model.
    observed_from : ndarray, shape (patients,), optional
        Months at which patients came under observation, where that is known.

    Returns
    -------
    list of Verdict
        By the names of the checks.
    """
    verdicts = []
    for check, (make, finding, nothing, missing) in _WORDS.items():
        found = make(fit)
        untreated = fit.prepared.spec.treatment is None and check == "proportional hazards"
        verdicts.append(
            cannot_tell(check, "The model has no treatment." if untreated else missing)
            if found is None
            else scored(fit, found).verdict(check, finding=finding, nothing=nothing)
        )
    return [*qualified(verdicts), _residuals(fit), _entry(fit, observed_from)]


def qualified(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return verdicts that claim no cause which the shape of the hazard can be too.

    Treatment starts late and covariates are compared late and early, so what the baseline hazard
    cannot bend to shows as an effect that changes.

    Parameters
    ----------
    verdicts : sequence of Verdict
        By the names of the checks.

    Returns
    -------
    list of Verdict
        Flags of effects that change say so where survival or hazard is flagged as well.

    Examples
    --------
    >>> flags = [Verdict(name, Status.FLAG, "Seen.") for name in ("hazard", "proportional hazards")]
    >>> qualified(flags)[1].reason.startswith("Seen. The hazard's shape alone can cause this")
    True
    """
    flagged = {found.check for found in verdicts if found.status is Status.FLAG}
    if not flagged & _OF_SHAPE:
        return list(verdicts)
    return [
        replace(found, reason=f"{found.reason} {_SHAPE_ALONE}")
        if found.check in _OF_CHANGE and found.status is Status.FLAG
        else found
        for found in verdicts
    ]


def omitted_centres(fit: FittedModel, centre: str | None) -> Verdict:
    """Tell whether centres differ that the model does not know.

    Parameters
    ----------
    fit : FittedModel
        A model without group effects.
    centre : str or None
        Column of its rows that names the centre.

    Returns
    -------
    Verdict
        That of the check "centres".
    """
    found = None if centre is None else centre_columns(fit, centre)
    if found is None:
        return cannot_tell("centres", "The data name no centres, or one only.")
    return scored(fit, found).verdict(
        "centres",
        finding=(
            "The hazard differs between centres, which the model leaves out: add "
            f'`group = "(1 | {centre})"` or the centre as a covariate'
        ),
        nothing="Centres, which the model leaves out, do not visibly differ in hazard",
    )


def _residuals(fit: FittedModel) -> Verdict:
    if is_weighted(fit) or fit.person_time.overlapping:
        reason = "Residuals of patients are defined for one unweighted history a patient."
        return cannot_tell("residuals", reason)
    return exponential_score(fit).verdict(
        "residuals",
        finding="Cox-Snell residuals are not exponential",
        nothing="Cox-Snell residuals look exponential",
    )


def _entry(fit: FittedModel, observed_from: Floats | None) -> Verdict:
    if observed_from is not None:
        return scored(fit, unobserved_columns(fit, observed_from)).verdict(
            "delayed entry",
            finding=(
                "Time before patients came under observation is counted as time at risk, in which "
                "nobody could be seen to have the event: give the column as `entry` in [data]"
            ),
            nothing="No time before observation is counted in a way that the events contradict",
        )
    found = entry_columns(fit)
    if found is None:
        reason = (
            "Everybody is followed from the same time; whether some came under observation later "
            "is not in these rows. If so, name the column that tells when."
        )
        return cannot_tell("delayed entry", reason)
    return scored(fit, found).verdict(
        "delayed entry",
        finding="Patients who came under observation later have another hazard",
        nothing="The hazard does not visibly depend on when patients came under observation",
    )
