"""Every check of one fitted model, with a verdict each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.checks.accuracy import cross_validate, usable_horizons
from bayes_ihlrt.checks.calibration import calibration_data
from bayes_ihlrt.checks.families import compare_hazards, effect_by_period
from bayes_ihlrt.checks.leave_out import LeaveOut, leave_one_out
from bayes_ihlrt.checks.prior_curves import prior_survival
from bayes_ihlrt.checks.result import ModelChecks, Verdict, cannot_tell, not_computed
from bayes_ihlrt.checks.risk_sets import hazard_check, residual_check, survival_check
from bayes_ihlrt.checks.scans import scan_check, untold
from bayes_ihlrt.checks.score import since_start
from bayes_ihlrt.checks.terms import is_weighted, values_of
from bayes_ihlrt.checks.verdicts import (
    calibration_verdict,
    centre_verdict,
    discrimination_verdict,
    family_verdict,
    influence_verdict,
    omitted_centres,
    prior_verdict,
    residual_verdicts,
)
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import OPTION, Fault, SpecificationError
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.parts import Failure, attempted
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
    patients: LeaveOut | None = None,
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
    patients : LeaveOut, optional
        What `leave_out_patients` gave of the model with the same seed, where it is there already.
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
        When weights or observation times do not belong to the rows, or times of observation are
        given for an event between scans.
    """
    tell = stage or _silent
    _check_lengths(fit, row_weights, observed_from)
    fit = fit if row_weights is None else _weighted(fit, row_weights)
    work = _Work([], {}, [])
    tell("comparing events with expected events")
    _of_events(fit, work, observed_from, seed=seed)
    tell("drawing from the priors")
    work.figure("prior_survival", lambda: prior_survival(fit, seed=seed))
    if fit.person_time.overlapping:
        reason = "Of patients with several histories there is no one observed curve."
        work.verdicts.append(cannot_tell("prior", reason))
    else:
        work.verdict(
            "prior",
            lambda: prior_verdict(work.figures["prior_survival"], until=_last_month(fit)),
            of="prior_survival",
        )
    loo = centres = None
    if is_weighted(fit) or fit.person_time.overlapping:
        reason = (
            "Not defined: the draws of an analysis with weights, or with several histories a "
            "patient, are no posterior given single patients."
        )
        work.verdicts += [cannot_tell(check, reason) for check in _LEFT_OUT]
    else:
        about = (centre, seed)
        loo, centres = _of_patients(fit, work, tuple(horizons), patients, about=about, tell=tell)
    return ModelChecks(tuple(work.verdicts), work.figures, loo, centres, tuple(work.failures))


def _between_scans(fit: FittedModel) -> bool:
    return fit.person_time.uncertain is not None


@dataclass
class _Work:
    """Checks of one model as they are done; what one of them runs into stays with it."""

    verdicts: list[Verdict]
    figures: dict[str, xr.Dataset]
    failures: list[Failure]

    def part[T](self, name: str, compute: Callable[[], T], checks: Sequence[str] = ()) -> T | None:
        """Compute what checks rest on; where that fails, none of them can tell."""
        found = attempted(name, compute)
        if isinstance(found, Failure):
            self.failures.append(found)
            self.verdicts += [not_computed(check, found) for check in checks]
            return None
        return found

    def figure(self, name: str, draw: Callable[[], xr.Dataset]) -> None:
        found = self.part(name, draw)
        if found is not None:
            self.figures[name] = found

    def verdict(self, check: str, judge: Callable[[], Verdict], *, of: str) -> None:
        """Judge a figure, which may be missing."""
        lost = next((each for each in self.failures if each.part == of), None)
        if lost is not None:
            self.verdicts.append(not_computed(check, lost))
            return
        found = self.part(check, judge, checks=(check,))
        if found is not None:
            self.verdicts.append(found)


def _of_events(fit: FittedModel, work: _Work, observed_from: Floats | None, *, seed: int) -> None:
    """Compare events with expected events, at their times or between scans."""
    if _between_scans(fit):
        work.verdicts += untold()
        work.figure("survival_check", lambda: scan_check(fit, seed=seed))
        return
    work.verdicts += residual_verdicts(fit, observed_from)
    work.failures += [v.failure for v in work.verdicts if v.failure is not None]
    work.figure("survival_check", lambda: survival_check(fit, seed=seed))
    work.figure("hazard_check", lambda: hazard_check(fit, seed=seed))


def _of_patients(
    fit: FittedModel,
    work: _Work,
    horizons: tuple[float, ...],
    patients: LeaveOut | None,
    *,
    about: tuple[str | None, int],
    tell: Stage,
) -> tuple[LeaveOut | None, LeaveOut | None]:
    """Run the checks that need a posterior given single patients."""
    seed = about[1]
    if not _between_scans(fit):
        work.figure("residuals", lambda: residual_check(fit))
    periods = work.part("effect_by_period", lambda: since_start(fit))
    if periods is not None:
        tell("fitting an effect of treatment for each period")
        work.figure("effect_by_period", lambda: effect_by_period(fit, periods, seed=seed))
    tell("leaving out patients and centres")
    left = work.part(
        "leave-one-out",
        lambda: leave_one_out(
            fit.prepared, values_of(fit), fit.person_time, seed=seed, patients=patients
        ),
        checks=_LEFT_OUT[:3],
    )
    if left is not None:
        _judge_left_out(fit, work, left, about=about, tell=tell)
    if _between_scans(fit):
        work.verdicts += untold(*_LEFT_OUT[3:])
        return left or (None, None)
    tell("predicting patients from the others")
    found = work.part(
        "cross-validation",
        lambda: _cross_validated(fit, horizons, seed=seed),
        checks=_LEFT_OUT[3:],
    )
    if found is not None:
        work.verdicts += found[0]
        work.figures |= found[1]
    return left or (None, None)


def _judge_left_out(
    fit: FittedModel,
    work: _Work,
    left: tuple[LeaveOut, LeaveOut | None],
    *,
    about: tuple[str | None, int],
    tell: Stage,
) -> None:
    """Judge patients and centres, and other hazards by how well they predict patients."""
    loo, centres = left
    shift = _shift(fit, loo)
    work.figures["influence"] = _influence(loo, shift)
    work.verdicts.append(influence_verdict(loo, shift))
    if centres is None and _between_scans(fit):
        work.verdicts += untold("centres")
    else:
        work.verdict(
            "centres",
            lambda: omitted_centres(fit, about[0]) if centres is None else centre_verdict(centres),
            of="leave-one-out",
        )
    tell("fitting other baseline hazards")
    work.figure("hazard_families", lambda: compare_hazards(fit, loo, seed=about[1]))
    families = work.figures.get("hazard_families")
    if families is not None:
        work.failures += [
            Failure(f"hazard family: {name}", str(reason), str(remedy))
            for name, reason, remedy in zip(
                families["family"].to_numpy(),
                families["reason"].to_numpy(),
                families["remedy"].to_numpy(),
                strict=True,
            )
            if reason
        ]
    work.verdict(
        "hazard family",
        lambda: family_verdict(work.figures["hazard_families"]),
        of="hazard_families",
    )


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
    effect = log_hazard_ratio(fit).to_numpy().ravel()[:: loo.every]
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
        Fault(OPTION, problem, f"Give one finite value for each {unit}", option=name)
        for name, (found, names, unit) in wanted.items()
        if found is not None and (problem := _problem(np.asarray(found), names))
    ]
    if observed_from is not None and _between_scans(fit):
        problem = "an event between scans has no time that could be compared with it"
        remedy = "Leave it out, and name the column as `entry` in [data]"
        faults.append(Fault(OPTION, problem, remedy, option="observed_from"))
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
