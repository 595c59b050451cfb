"""Verdicts of the checks: on patients left out, other hazards, predictions, priors, residuals."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from bayes_ihlrt.checks.accuracy import Predictions
from bayes_ihlrt.checks.calibration import calibration_p
from bayes_ihlrt.checks.leave_out import LeaveOut
from bayes_ihlrt.checks.result import Number, Status, Verdict, cannot_tell, not_computed
from bayes_ihlrt.checks.risk_sets import exponential_score
from bayes_ihlrt.checks.score import (
    ALPHA,
    Score,
    centre_columns,
    entry_columns,
    interaction_columns,
    late_columns,
    score_columns,
    since_start,
    square_columns,
    unobserved_columns,
)
from bayes_ihlrt.checks.terms import (
    Columns,
    cell_columns,
    hazard_columns,
    is_weighted,
    values_of,
)
from bayes_ihlrt.limits import MAX_K_HAT
from bayes_ihlrt.parts import Failure, attempted
from bayes_ihlrt.posterior.fitted import FittedModel

Floats = NDArray[np.float64]
_LARGE_SHIFT: Final = 1.0
_BETTER: Final = 4.0
_STANDARD_ERRORS: Final = 2.0
_GROUPS: Final = 2
_FAR: Final = float(stats.norm.isf(ALPHA / 2.0))
_FEWEST: Final = 20


def influence_verdict(loo: LeaveOut, shift: Floats | None) -> Verdict:
    """Tell whether single patients carry the result.

    Parameters
    ----------
    loo : LeaveOut
        By patient.
    shift : ndarray, shape (patients,), optional
        Change of the treatment's log hazard ratio without each patient, in posterior standard
        deviations; NaN where the model was fitted again.

    Returns
    -------
    Verdict
        Flagged where k-hat is above 0.7 or a change is above 1.
    """
    bad = loo.k_hat > MAX_K_HAT
    moved = np.zeros(len(bad), bool) if shift is None else np.abs(shift) > _LARGE_SHIFT
    numbers: dict[str, Number] = {
        "k_above_0.7": int(bad.sum()),
        "refitted": int(loo.refitted.sum()),
        "unreliable": int(loo.unreliable.sum()),
        "largest_k": float(loo.k_hat.max()),
        "largest_shift_in_sd": None if shift is None else float(np.nanmax(np.abs(shift))),
    }
    named = [str(label) for label in loo.labels[bad | moved]]
    if not named:
        reason = f"No single patient carries the result (largest Pareto k {loo.k_hat.max():.2f})."
        return Verdict("influence", Status.NO_FLAG, reason, numbers)
    again = "; the model was fitted again without each" if loo.refitted.any() else ""
    reason = f"The posterior hangs on single patients: {', '.join(named[:5])}{again}."
    return Verdict("influence", Status.FLAG, reason, numbers)


def centre_verdict(centres: LeaveOut) -> Verdict:
    """Tell whether each centre is as the others predict.

    Parameters
    ----------
    centres : LeaveOut
        By centre.

    Returns
    -------
    Verdict
        Flagged where a centre's number of events has a probability below 0.01, corrected for the
        number of centres.
    """
    if centres.below is None:
        return cannot_tell("centres", "The model has no group effects of single patients.")
    tail = 2.0 * np.minimum(centres.below, 1.0 - centres.below)
    worst = int(np.argmin(tail))
    p = float(min(1.0, tail[worst] * len(tail)))
    numbers: dict[str, Number] = {
        "p": p,
        "worst": str(centres.labels[worst]),
        "elpd": centres.total,
    }
    if len(tail) <= _GROUPS or centres.unreliable.any():
        reason = "There are too few centres, or no posterior without one of them can be trusted."
        return Verdict("centres", Status.CANNOT_TELL, reason, numbers)
    if p < ALPHA:
        reason = f"{centres.labels[worst]} is not as the other centres predict (p = {p:.2g})."
        return Verdict("centres", Status.FLAG, reason, numbers)
    reason = f"Every centre's events are as the other centres predict (p = {p:.2f})."
    return Verdict("centres", Status.NO_FLAG, reason, numbers)


def family_verdict(data: xr.Dataset) -> Verdict:
    """Tell whether another baseline hazard predicts left-out patients better.

    Parameters
    ----------
    data : xarray.Dataset
        From `compare_hazards`.

    Returns
    -------
    Verdict
        Flagged where one is better by more than 4 and by more than 2 standard errors.
    """
    others = data.isel(family=slice(1, None))
    difference = others["difference"].to_numpy()
    if not np.isfinite(difference).any():
        return cannot_tell("hazard family", "No other family could be fitted.")
    best = int(np.nanargmax(difference))
    gain, se = float(difference[best]), float(others["difference_se"][best])
    name = str(others["family"].to_numpy()[best])
    numbers: dict[str, Number] = {"best_other": name, "difference": gain, "difference_se": se}
    numbers |= {"stacking_weight": float(data["weight"][0])}
    told = f"{name}: elpd {gain:+z.1f}, standard error {se:.1f}"
    if gain > max(_BETTER, _STANDARD_ERRORS * se):
        reason = f"Another hazard predicts patients better ({told})."
        return Verdict("hazard family", Status.FLAG, reason, numbers)
    reason = f"No other hazard predicts patients clearly better ({told})."
    return Verdict("hazard family", Status.NO_FLAG, reason, numbers)


def calibration_verdict(found: Predictions) -> Verdict:
    """Tell whether predicted risks of unseen patients are as high as they should be.

    Parameters
    ----------
    found : Predictions
        Cross-validated.

    Returns
    -------
    Verdict
        Flagged where p < 0.01.
    """
    if found.failed or found.deaths.sum() < _FEWEST:
        reason = "There are fewer than 20 events, or a part of the patients could not be predicted."
        return cannot_tell("calibration", reason)
    by = calibration_p(found)
    worst = min(by, key=lambda name: by[name])
    # Each division may flag by chance.
    p = min(1.0, len(by) * by[worst])
    numbers: dict[str, Number] = {"p": p, "worst": worst}
    numbers |= {f"p by {name}": value for name, value in by.items()}
    told = f"by {', '.join(name for name in by)}"
    if p < ALPHA:
        reason = f"Events of unseen patients are not as many as predicted by {worst} (p = {p:.2g})."
        return Verdict("calibration", Status.FLAG, reason, numbers)
    reason = (
        f"Events of unseen patients are as many as predicted, {told} (p = {p:.2f}). Gross faults "
        "only are seen here: 'linearity' looks at the form of covariates, 'hazard' at that of time."
    )
    return Verdict("calibration", Status.NO_FLAG, reason, numbers)


def discrimination_verdict(data: xr.Dataset) -> Verdict:
    """Tell whether predictions rank unseen patients.

    Parameters
    ----------
    data : xarray.Dataset
        From `calibration_data`.

    Returns
    -------
    Verdict
        At the last horizon; flagged where the ranking is worse than chance.
    """
    last = data.isel(horizon=-1)
    auc, se, month = float(last["auc"]), float(last["auc_se"]), float(last["horizon"])
    numbers: dict[str, Number] = {"horizon": month, "auc": auc, "auc_se": se}
    numbers |= {
        "brier": float(last["brier"]),
        "brier_without_covariates": float(last["brier_null"]),
    }
    told = f"AUC {auc:.2f}, standard error {se:.2f}, {month:g} months after entry"
    if auc + _FAR * se < 0.5:
        reason = f"Predictions rank unseen patients worse than chance ({told})."
        return Verdict("discrimination", Status.FLAG, reason, numbers)
    if not auc - 1.96 * se > 0.5:
        reason = f"Whether predictions rank unseen patients better than chance is open ({told})."
        return Verdict("discrimination", Status.CANNOT_TELL, reason, numbers)
    reason = f"Predictions rank unseen patients better than chance ({told})."
    return Verdict("discrimination", Status.NO_FLAG, reason, numbers)


def prior_verdict(data: xr.Dataset, *, until: float) -> Verdict:
    """Tell whether the priors had ruled out what was observed.

    Parameters
    ----------
    data : xarray.Dataset
        From `prior_survival`.
    until : float
        Last month at which ten patients are at risk.

    Returns
    -------
    Verdict
        Flagged where the 99 % interval of the observed curve, Kaplan-Meier's or Turnbull's, leaves
        the central 99 % of prior draws.
    """
    seen = data.sel(time=slice(0.0, until))
    low, high = seen["lowest"].min("strategy"), seen["highest"].max("strategy")
    outside = (seen["km_high"] < low - 1e-9) | (seen["km_low"] > high + 1e-9)
    if bool(outside.any()):
        month = float(seen["time"].to_numpy()[outside.to_numpy()][0])
        reason = f"Observed survival leaves what the priors allow (99 %) at month {month:.1f}."
        return Verdict("prior", Status.FLAG, reason, {"month": month})
    return Verdict("prior", Status.NO_FLAG, "The priors allow the survival that was observed.")


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
    for check in _WORDS:
        verdicts.append(_tried(check, lambda check=check: _of_counts(fit, check)))  # type: ignore[misc]
    residuals = _tried("residuals", lambda: _residuals(fit))
    entry = _tried("delayed entry", lambda: _entry(fit, observed_from))
    return [*qualified(verdicts), residuals, entry]


def _tried(check: str, judge: Callable[[], Verdict]) -> Verdict:
    found = attempted(check, judge)
    return not_computed(check, found) if isinstance(found, Failure) else found


def _of_counts(fit: FittedModel, check: str) -> Verdict:
    make, finding, nothing, missing = _WORDS[check]
    found = make(fit)
    if found is None:
        untreated = fit.prepared.spec.treatment is None and check == "proportional hazards"
        return cannot_tell(check, "The model has no treatment." if untreated else missing)
    return scored(fit, found).verdict(check, finding=finding, nothing=nothing)


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
