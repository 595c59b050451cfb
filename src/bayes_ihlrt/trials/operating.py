"""Operating characteristics with their Monte Carlo error, from decisions and statistics."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from bayes_ihlrt.priors import Z_975
from bayes_ihlrt.spec.rules import Quantity
from bayes_ihlrt.spec.trial import TrialDesign
from bayes_ihlrt.trials.decisions import Decisions, Table, Verdict, decide
from bayes_ihlrt.trials.quantities import Target, benefit_at, statements

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimated:
    """A number that was found by simulation.

    Parameters
    ----------
    estimate : float
        The mean over trials.
    mcse : float
        Its Monte Carlo standard error.
    low, high : float
        95 % interval of the Monte Carlo error: Wilson's for a share.
    """

    estimate: float
    mcse: float
    low: float
    high: float


def share(hits: NDArray[np.bool_]) -> Estimated:
    """Return a share of trials with its Wilson interval.

    Parameters
    ----------
    hits : ndarray of bool, shape (trials,)
        Whether it happened.

    Returns
    -------
    Estimated
        The standard error is 0 where it always or never happened; the interval is not.

    Examples
    --------
    >>> found = share(np.arange(1000) < 25)
    >>> round(found.estimate, 4), round(found.mcse, 4), round(found.low, 4), round(found.high, 4)
    (0.025, 0.0049, 0.017, 0.0366)
    """
    n, count = len(hits), int(np.count_nonzero(hits))
    p = count / n
    limits = binomtest(count, n).proportion_ci(0.95, method="wilson")
    return Estimated(p, float(np.sqrt(p * (1 - p) / n)), float(limits.low), float(limits.high))


def average(values: Floats) -> Estimated | None:
    """Return a mean over trials with its Monte Carlo standard error; None without two values.

    Parameters
    ----------
    values : ndarray, shape (trials,)
        NaN where a trial has none.

    Returns
    -------
    Estimated or None
        Mean, standard error and the interval of 1.96 standard errors.
    """
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return None
    mean, error = float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known)))
    return Estimated(mean, error, mean - Z_975 * error, mean + Z_975 * error)


UNTRUSTED: Final = (
    "posterior not to be trusted (Pareto k-hat of importance weights above 0.7, or a profile that "
    "could not be followed)"
)
"""Why a posterior counts as a failed fit although a mode was found."""


@dataclass(frozen=True)
class AtLook:
    """What happens at one look, over all trials.

    Parameters
    ----------
    look : int
        Number of the look, from 1.
    reached, success, futility : Estimated
        Share of all trials that get there, and that end there one way or the other.
    months, enrolled, events : Estimated or None
        Means over the trials that get there.
    followed : float or None
        Share of the trials that get there whose posterior was followed along its profile, events
        being few.
    """

    look: int
    reached: Estimated
    success: Estimated
    futility: Estimated
    months: Estimated | None
    enrolled: Estimated | None
    events: Estimated | None
    followed: float | None


@dataclass(frozen=True)
class OnTarget:
    """How well one target is estimated, where each trial ended.

    Parameters
    ----------
    target : str
        Name of the target.
    truth : float or None
        Its true value, averaged over trials; None where it has none.
    estimate : Estimated or None
        Mean of the posterior means.
    bias : Estimated or None
        Posterior mean minus truth.
    rmse : Estimated or None
        Root of the mean squared error; its standard error by the delta method.
    coverage : Estimated or None
        Share of 95 % intervals that hold the truth.
    """

    target: str
    truth: float | None
    estimate: Estimated | None
    bias: Estimated | None
    rmse: Estimated | None
    coverage: Estimated | None


@dataclass(frozen=True)
class AtValue:
    """What is shown of patients with one value of the modifier, where each trial ended.

    Parameters
    ----------
    at : float
        Value of the modifier, on the scale of the data.
    threshold : float
        Of the last look's first efficacy rule on a hazard ratio.
    shown : Estimated
        Share of trials with P(hazard ratio < 1) above it at that value.
    """

    at: float
    threshold: float
    shown: Estimated


@dataclass(frozen=True)
class OperatingCharacteristics:
    """Operating characteristics of one design under one scenario.

    Parameters
    ----------
    design, scenario : str
        Names.
    trials : int
        Trials simulated.
    failed : int
        Trials with a failed fit at a look that they reached.
    causes : mapping of str to int
        Failed fits by cause.
    success, futility, enriched, accrual_stopped : Estimated
        Shares of trials. Success is type I error, power or assurance, as the scenario is.
    success_without_futility : Estimated
        Success if futility rules were ignored.
    expected_n, expected_events, expected_months : Estimated
        Means where each trial ended.
    targets : tuple of OnTarget
        Estimates; the first is the log hazard ratio at the reference.
    by_look : tuple of AtLook
        Looks in order.
    at_values : tuple of AtValue
        One for each of the design's `report_at`; none without an efficacy rule on a hazard ratio at
        the last look.
    """

    design: str
    scenario: str
    trials: int
    failed: int
    causes: Mapping[str, int]
    success: Estimated
    futility: Estimated
    enriched: Estimated
    accrual_stopped: Estimated
    success_without_futility: Estimated
    expected_n: Estimated | None
    expected_events: Estimated | None
    expected_months: Estimated | None
    targets: tuple[OnTarget, ...]
    by_look: tuple[AtLook, ...]
    at_values: tuple[AtValue, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, with ``bias`` and ``coverage`` of the first target on top."""
        found = asdict(self)
        first = found["targets"][0]
        return found | {"bias": first["bias"], "coverage": first["coverage"]}


def operating_characteristics(
    design: TrialDesign,
    table: Table,
    targets: tuple[Target, ...],
    *,
    names: tuple[str, str] = ("design", "scenario"),
) -> OperatingCharacteristics:
    """Summarise simulated trials.

    Parameters
    ----------
    design : TrialDesign
        The design.
    table : mapping of str to ndarray
        Statistics of its trials.
    targets : tuple of Target
        What ``mean`` and ``sd`` are of.
    names : tuple of str
        Names of design and scenario.

    Returns
    -------
    OperatingCharacteristics
        With Monte Carlo error.
    """
    done = decide(design, table)
    events = table["events_control"] + table["events_treated"]
    lost, causes = _failures(table, done)
    return OperatingCharacteristics(
        *names,
        trials=len(done.verdict),
        failed=lost,
        causes=causes,
        success=share(done.verdict == Verdict.SUCCESS),
        futility=share(done.verdict == Verdict.FUTILITY),
        enriched=share(done.enriched),
        accrual_stopped=share(done.stopped >= 0),
        success_without_futility=share(
            decide(design, table, futility=False).verdict == Verdict.SUCCESS
        ),
        expected_n=average(done.at(table["enrolled"]).astype(np.float64)),
        expected_events=average(done.at(events).astype(np.float64)),
        expected_months=average(done.at(table["months"])),
        targets=tuple(
            _on_target(target, number, table, done) for number, target in enumerate(targets)
        ),
        by_look=tuple(_at_look(look, table, done) for look in range(len(design.looks))),
        at_values=_at_values(design, table, done),
    )


def _at_look(look: int, table: Table, done: Decisions) -> AtLook:
    reached, ended = done.reached[:, look], done.look == look
    followed = done.along(table["followed"])[:, look]
    values = {
        "months": table["months"],
        "enrolled": table["enrolled"],
        "events": table["events_control"] + table["events_treated"],
    }
    means = {
        name: average(done.along(array)[reached, look].astype(np.float64))
        for name, array in values.items()
    }
    return AtLook(
        look + 1,
        share(reached),
        share(ended & (done.verdict == Verdict.SUCCESS)),
        share(ended & (done.verdict == Verdict.FUTILITY)),
        **means,
        followed=float(followed[reached].mean()) if reached.any() else None,
    )


def _at_values(design: TrialDesign, table: Table, done: Decisions) -> tuple[AtValue, ...]:
    thresholds = [
        rule.more_than
        for rule in design.looks[-1].efficacy
        if rule.quantity is Quantity.HAZARD_RATIO and rule.more_than is not None
    ]
    if not thresholds:
        return ()
    probability, known = done.at(table["probability"]), statements(design)
    found = []
    for at in design.report_at:
        # A failed fit has no probability, which is above nothing.
        with np.errstate(invalid="ignore"):
            above = probability[:, known.index(benefit_at(at))] > thresholds[0]
        found.append(AtValue(at, thresholds[0], share(above)))
    return tuple(found)


def _on_target(target: Target, number: int, table: Table, done: Decisions) -> OnTarget:
    mean, sd = done.at(table["mean"])[:, number], done.at(table["sd"])[:, number]
    truth = table["truth"][:, number]
    error = mean - truth
    known = np.isfinite(error)
    if not known.any():
        return OnTarget(target.name, None, average(mean), None, None, None)
    squared = average(error**2)
    rmse = None
    if squared is not None and squared.estimate > 0.0:
        root = float(np.sqrt(squared.estimate))
        mcse = squared.mcse / (2.0 * root)
        rmse = Estimated(root, mcse, root - Z_975 * mcse, root + Z_975 * mcse)
    covered = share(np.abs(error[known]) <= Z_975 * sd[known])
    mean_truth = float(truth[known].mean())
    return OnTarget(target.name, mean_truth, average(mean), average(error), rmse, covered)


def _failures(table: Table, done: Decisions) -> tuple[int, dict[str, int]]:
    """Count trials with a failed fit at a look that they reached, and why the fits failed."""
    lost = ~done.along(table["converged"]) & done.reached
    arms = {arm: done.along(table[f"events_{arm}"]) == 0 for arm in ("control", "treated")}
    causes = {f"no event in the {arm} arm": int((lost & none).sum()) for arm, none in arms.items()}
    other = lost & ~arms["control"] & ~arms["treated"]
    untrusted = done.along(table["untrusted"])
    causes[UNTRUSTED] = int((other & untrusted).sum())
    causes["no mode found"] = int((other & ~untrusted).sum())
    failed = int(lost.any(axis=1).sum())
    return failed, {name: count for name, count in causes.items() if count}
