"""Verdicts of the checks that leave patients out, and of the priors."""

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from bayes_ihlrt.checks.calibration import calibration_p
from bayes_ihlrt.checks.cross_validation import Predictions
from bayes_ihlrt.checks.leave_out import LeaveOut
from bayes_ihlrt.checks.score import ALPHA
from bayes_ihlrt.checks.verdict import Number, Status, Verdict, cannot_tell
from bayes_ihlrt.inference.limits import MAX_K_HAT

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
    told = f"{name}: elpd {gain:+.1f}, standard error {se:.1f}"
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
        Flagged where the Kaplan-Meier curve leaves the central 99 % of prior draws.
    """
    seen = data.sel(time=slice(0.0, until))
    low, high = seen["lowest"].min("strategy"), seen["highest"].max("strategy")
    outside = (seen["km"] < low - 1e-9) | (seen["km"] > high + 1e-9)
    if bool(outside.any()):
        month = float(seen["time"].to_numpy()[outside.to_numpy()][0])
        reason = f"Observed survival leaves what the priors allow (99 %) at month {month:.1f}."
        return Verdict("prior", Status.FLAG, reason, {"month": month})
    return Verdict("prior", Status.NO_FLAG, "The priors allow the survival that was observed.")
