"""Every check of one fitted model, with a verdict each."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.checks.accuracy import cross_validate, usable_horizons
from bayes_ihlrt.checks.calibration import calibration_data
from bayes_ihlrt.checks.families import compare_hazards, effect_by_period
from bayes_ihlrt.checks.leave_out import LeaveOut, leave_one_out
from bayes_ihlrt.checks.prior_curves import prior_survival
from bayes_ihlrt.checks.result import ModelChecks, Verdict, cannot_tell
from bayes_ihlrt.checks.risk_sets import hazard_check, residual_check, survival_check
from bayes_ihlrt.checks.score import since_start
from bayes_ihlrt.checks.terms import values_of
from bayes_ihlrt.checks.verdicts import (
    calibration_verdict,
    centre_verdict,
    discrimination_verdict,
    family_verdict,
    influence_verdict,
    is_weighted,
    omitted_centres,
    prior_verdict,
    residual_verdicts,
)
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.posterior.fitted import FittedModel

Floats = NDArray[np.float64]
type Stage = Callable[[str], None]
_FEWEST: Final = 10
_NAMED: Final = 3
_LEFT_OUT: Final = ("influence", "centres", "hazard family", "calibration", "discrimination")


def examine(
    fit: FittedModel,
    *,
    horizons: Sequence[float] = (12.0, 24.0),
    row_weights: Floats | None = None,
    observed_from: Floats | None = None,
    centre: str | None = None,
    seed: int = 20260101,
    stage: Stage | None = None,
) -> ModelChecks:
    """Check a fitted model and say of each check what it found.

    Events against expected events by stratum and period, residuals, proportional hazards, further
    interactions and curvature, delayed entry; leave-one-out by patient and by centre; other
    baseline hazards; calibration and discrimination for unseen patients; the priors.

    Parameters
    ----------
    fit : FittedModel
        The model.
    horizons : sequence of float
        Months after entry at which predictions are judged.
    row_weights : ndarray, shape (rows,), optional
        Weights of a weighted analysis, for every row of the person-time.
    observed_from : ndarray, shape (patients,), optional
        Months at which patients came under observation, where follow-up was counted from an earlier
        time.
    centre : str, optional
        Column of the rows that names the centre, which is checked where the model leaves it out.
    seed : int
        Seed of replicated counts, of the division into folds and of further posteriors.
    stage : callable, optional
        Told what begins, in a few words.

    Returns
    -------
    ModelChecks
        Verdicts and the data of the figures.

    Raises
    ------
    SpecificationError
        When weights or observation times do not belong to the rows.
    """
    tell = stage or _silent
    _check_lengths(fit, row_weights, observed_from)
    fit = fit if row_weights is None else _weighted(fit, row_weights)
    tell("comparing events with expected events")
    verdicts = residual_verdicts(fit, observed_from)
    figures = {
        "survival_check": survival_check(fit, seed=seed),
        "hazard_check": hazard_check(fit, seed=seed),
    }
    tell("drawing from the priors")
    figures["prior_survival"] = prior_survival(fit, seed=seed)
    verdicts.append(prior_verdict(figures["prior_survival"], until=_last_month(fit)))
    found = _of_patients(fit, tuple(horizons), centre=centre, seed=seed, tell=tell)
    return replace(
        found,
        verdicts=(*verdicts, *found.verdicts),
        figures={**figures, **found.figures},
    )


def _of_patients(
    fit: FittedModel, horizons: tuple[float, ...], *, centre: str | None, seed: int, tell: Stage
) -> ModelChecks:
    """Run the checks that need a posterior given single patients."""
    if is_weighted(fit) or fit.person_time.overlapping:
        reason = (
            "Not defined: the draws of an analysis with weights, or with several histories a "
            "patient, are no posterior given single patients."
        )
        return ModelChecks(tuple(cannot_tell(check, reason) for check in _LEFT_OUT), {}, None, None)
    figures = {"residuals": residual_check(fit)}
    periods = since_start(fit)
    if periods is not None:
        tell("fitting an effect of treatment for each period")
        figures["effect_by_period"] = effect_by_period(fit, periods, seed=seed)
    tell("leaving out patients and centres")
    loo, centres = leave_one_out(fit.prepared, values_of(fit), fit.person_time, seed=seed)
    shift = _shift(fit, loo)
    figures["influence"] = _influence(loo, shift)
    tell("fitting other baseline hazards")
    figures["hazard_families"] = compare_hazards(fit, loo, seed=seed)
    tell("predicting patients from the others")
    predicted, calibration = _cross_validated(fit, horizons, seed=seed)
    verdicts = (
        influence_verdict(loo, shift),
        omitted_centres(fit, centre) if centres is None else centre_verdict(centres),
        family_verdict(figures["hazard_families"]),
        *predicted,
    )
    return ModelChecks(verdicts, figures | calibration, loo, centres)


def _cross_validated(
    fit: FittedModel, horizons: tuple[float, ...], *, seed: int
) -> tuple[list[Verdict], dict[str, xr.Dataset]]:
    usable = usable_horizons(fit, horizons)
    if not usable:
        reason = (
            "At no horizon have ten patients had the event, and ten been followed beyond it, "
            "before a change of treatment."
        )
        return [cannot_tell(check, reason) for check in _LEFT_OUT[-2:]], {}
    found = cross_validate(fit, usable, seed=seed)
    data = calibration_data(found)
    return [calibration_verdict(found), discrimination_verdict(data)], {"risk_calibration": data}


def _shift(fit: FittedModel, loo: LeaveOut) -> Floats | None:
    """Change of the treatment's log hazard ratio without each patient, posterior sds."""
    if fit.prepared.spec.treatment is None:
        return None
    effect = log_hazard_ratio(fit).to_numpy().ravel()
    moved = (loo.weights @ effect - effect.mean()) / effect.std()
    return np.where(loo.refitted | loo.unreliable, np.nan, moved)


def _influence(loo: LeaveOut, shift: Floats | None) -> xr.Dataset:
    nothing = np.full(len(loo.elpd), np.nan)
    return xr.Dataset(
        {
            "k_hat": ("patient", loo.k_hat),
            "elpd": ("patient", loo.elpd),
            "refitted": ("patient", loo.refitted),
            "shift": ("patient", nothing if shift is None else shift),
        },
        coords={"patient": loo.labels},
    )


def _last_month(fit: FittedModel) -> float:
    """Last month at which ten patients are at risk."""
    stops = np.sort(fit.person_time.exit_time)
    return float(stops[-min(_FEWEST, len(stops))])


def _weighted(fit: FittedModel, weights: Floats) -> FittedModel:
    columns = {**fit.person_time.columns, "weight": weights}
    return replace(fit, person_time=PersonTime(columns, fit.person_time.provenance))


def _check_lengths(
    fit: FittedModel, row_weights: Floats | None, observed_from: Floats | None
) -> None:
    rows = fit.person_time
    places = [f"number {number}" for number in range(rows.n_rows)]
    wanted = {
        "row_weights": (row_weights, places, "row of the person-time"),
        "observed_from": (observed_from, [str(name) for name in rows.patients], "patient"),
    }
    faults = [
        Fault(name, problem, f"Give one finite value for each {unit}")
        for name, (found, names, unit) in wanted.items()
        if found is not None and (problem := _problem(np.asarray(found), names))
    ]
    if faults:
        raise SpecificationError("checks", faults)


def _problem(found: Floats, names: Sequence[str]) -> str | None:
    """Tell how many values there are, or for whom there is none that is finite."""
    if len(found) != len(names):
        return f"{len(found)} values, and {len(names)} are needed"
    missing = [name for name, known in zip(names, np.isfinite(found), strict=True) if not known]
    if not missing:
        return None
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    shown = ", ".join(missing[:_NAMED])
    return f"no finite value for {len(missing)} of {len(names)}: {shown}{more}"


def _silent(_: str) -> None:
    return None
