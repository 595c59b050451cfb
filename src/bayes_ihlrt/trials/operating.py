"""Operating characteristics with their Monte Carlo error, from decisions and statistics."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

from bayes_ihlrt.priors import Z_975
from bayes_ihlrt.spec.rules import Quantity
from bayes_ihlrt.spec.trial import TrialDesign
from bayes_ihlrt.trials.decisions import Decisions, Table, Verdict, decide
from bayes_ihlrt.trials.external import effect_information, worth
from bayes_ihlrt.trials.quantities import Target, benefit_at, statement_bound, statements

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


def weighed(value: float, error: float, count: float) -> Estimated:
    """Return a share with Wilson's interval, of as many trials as its error is worth.

    Parameters
    ----------
    value, error : float
        The share and its standard error.
    count : float
        Trials that it rests on: where it always or never happened its error is 0, and says nothing.

    Returns
    -------
    Estimated
        Its interval lies within 0 and 1; a share that is known has none.

    Examples
    --------
    >>> none = weighed(0.0, 0.0, 400)
    >>> round(none.low, 4), round(none.high, 4)
    (0.0, 0.0095)
    """
    own = value * (1.0 - value)
    if own > 0.0 and error == 0.0:
        return Estimated(value, error, value, value)
    low, high = wilson(value, own / error**2 if own > 0.0 else count)
    return Estimated(value, error, low, high)


def wilson(value: float, worth: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share of so many trials, which need not be whole."""
    scale = 1.0 + Z_975**2 / worth
    middle = (value + 0.5 * Z_975**2 / worth) / scale
    own = max(value * (1.0 - value), 0.0)
    half = Z_975 / scale * float(np.sqrt(own / worth + 0.25 * Z_975**2 / worth**2))
    return max(min(middle - half, value), 0.0), min(max(middle + half, value), 1.0)


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
class NoEffect:
    """How often nothing is there, under the truths that trials were drawn from.

    There is no effect where the true value does not meet the statement of the last look's first
    efficacy rule: with a hazard ratio below 1 where the true one is 1 or more.

    Parameters
    ----------
    statement : str
        What is true where there is an effect.
    before : Estimated
        Probability of no effect before the trial.
    after_success, after_failure : Estimated or None
        The same given that the trial succeeds, and that it does not; None where none does.
    """

    statement: str
    before: Estimated
    after_success: Estimated | None
    after_failure: Estimated | None


TYPE_ONE: Final = "type I error"


def success_is(none: NDArray[np.bool_] | None, *, drawn: bool) -> str:
    """Return what the share of successful trials is called under a truth.

    Parameters
    ----------
    none : ndarray of bool, shape (trials,), or None
        In which trials there is no effect, see `absent`.
    drawn : bool
        Whether the truth differs from trial to trial.

    Returns
    -------
    str
        "assurance" where the truth is drawn; "type I error" where the statement of the last look's
        rule is false of it, whatever the hazard ratio; else "power".

    Examples
    --------
    >>> success_is(np.ones(1000, dtype=bool), drawn=False)
    'type I error'
    """
    if drawn:
        return "assurance"
    return TYPE_ONE if none is not None and none.all() else "power"


def successes(design: TrialDesign, table: Table, means: str) -> NDArray[np.bool_]:
    """Return which trials count as successes wherever success is told.

    Parameters
    ----------
    design : TrialDesign
        The design.
    table : mapping of str to ndarray
        Statistics of its trials.
    means : str
        See `success_is`.

    Returns
    -------
    ndarray of bool, shape (trials,)
        By the rules; a type I error of a design whose futility rules need not be followed is that
        of a trial that never does, the worst case.
    """
    despite = means == TYPE_ONE and not design.binding_futility
    return np.asarray(decide(design, table, futility=not despite).verdict == Verdict.SUCCESS)


type Weighted = Sequence[tuple[float, NDArray[np.bool_], NDArray[np.bool_]]]
"""Weight of a scenario; in each of its trials whether it counts, and whether it is asked of."""


def ratio(parts: Weighted) -> Estimated | None:
    """Return the probability that a trial counts among those asked of, over weighted scenarios.

    Parameters
    ----------
    parts : sequence of tuple
        See `Weighted`.

    Returns
    -------
    Estimated or None
        With the standard error of a ratio, and Wilson's interval; None where no trial is asked of.

    Examples
    --------
    >>> success = np.arange(1000) < 400
    >>> found = ratio([(1.0, np.arange(1000) < 20, success)])
    >>> round(found.estimate, 3), round(found.mcse, 4)
    (0.05, 0.0109)
    """
    whole = sum(weight * float(of.mean()) for weight, _, of in parts)
    if whole == 0.0:
        return None
    found = sum(weight * float((hits & of).mean()) for weight, hits, of in parts) / whole
    squared = sum(
        weight**2 * float(np.var((hits & of) - found * of)) / len(of) for weight, hits, of in parts
    )
    error = float(np.sqrt(squared)) / whole
    # As many equal trials as the weighted ones that are asked of are worth.
    count = whole**2 / sum(weight**2 * float(of.mean()) / len(of) for weight, _, of in parts)
    return weighed(min(found, 1.0), error, count)


def absent(
    design: TrialDesign, table: Table, targets: Sequence[Target]
) -> NDArray[np.bool_] | None:
    """Return in which trials there is no effect; None where the truth has no such value.

    Parameters
    ----------
    design : TrialDesign
        The design.
    table : mapping of str to ndarray
        Statistics of its trials.
    targets : sequence of Target
        What ``truth`` is of.

    Returns
    -------
    ndarray of bool, shape (trials,), or None
        See `NoEffect`.
    """
    rule = design.looks[-1].efficacy[0]
    truth = np.asarray(table["truth"])[:, list(targets).index(Target.of_rule(rule))]
    if not np.isfinite(truth).all():
        return None
    # Weights of a quadrature leave 1e-16 of a difference that is none.
    away = truth - statement_bound(rule)
    return np.asarray(away > -_NOTHING if rule.below is not None else away < _NOTHING)


_NOTHING: Final = 1e-9


def edge(design: TrialDesign) -> float:
    """Return the hazard ratio at which the last look's statement turns false.

    Parameters
    ----------
    design : TrialDesign
        The design.

    Returns
    -------
    float
        1 where its first efficacy rule is on survival or months: no effect.
    """
    rule = design.looks[-1].efficacy[0]
    bound = rule.below if rule.below is not None else rule.above
    return bound if bound is not None and rule.quantity is Quantity.HAZARD_RATIO else 1.0


@dataclass(frozen=True)
class Compared:
    """What a test without a model finds in the same trials; their own stops are not applied to it.

    Parameters
    ----------
    test : str
        Its name.
    levels : tuple of float
        One-sided level at each look, 0 for none.
    rejects : Estimated
        Share of all trials in which it rejects at one of its looks.
    by_look : tuple of Estimated
        Share in which it rejects first at each look.
    alike : Estimated
        Share in which it and the trial's rules come to the same conclusion.
    without : int
        Trials in which it had no answer at one of its looks: it does not reject there.
    """

    test: str
    levels: tuple[float, ...]
    rejects: Estimated
    by_look: tuple[Estimated, ...]
    alike: Estimated
    without: int


@dataclass(frozen=True)
class Borrowed:
    """What external controls bring, where each trial ended.

    Parameters
    ----------
    patients : int
        How many they are.
    worth : Estimated or None
        Control events that they are worth, by the sd of the log hazard ratio (`external.worth`).
    without : int
        Trials whose log hazard ratio gives no such number.
    """

    patients: int
    worth: Estimated | None
    without: int


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
    success, futility, enriched, accrual_stopped, extended : Estimated
        Shares of trials.
    success_without_futility : Estimated
        Success if futility rules were ignored.
    success_is : str
        Type I error, power or assurance, see `success_is`.
    success_told : Estimated
        One of the two, see `successes`: what is told wherever success is.
    expected_n, expected_events, expected_months : Estimated
        Means where each trial ended.
    targets : tuple of OnTarget
        Estimates; the first is the log hazard ratio at the reference.
    by_look : tuple of AtLook
        Looks in order.
    at_values : tuple of AtValue
        One for each of the design's `report_at`; none without an efficacy rule on a hazard ratio at
        the last look.
    compared : tuple of Compared
        One for each of the design's `comparators`.
    no_effect : NoEffect or None
        None where the truth gives the rule's quantity no value.
    borrowed : Borrowed or None
        None without external controls.
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
    extended: Estimated
    success_without_futility: Estimated
    success_is: str
    success_told: Estimated
    expected_n: Estimated | None
    expected_events: Estimated | None
    expected_months: Estimated | None
    targets: tuple[OnTarget, ...]
    by_look: tuple[AtLook, ...]
    at_values: tuple[AtValue, ...] = ()
    compared: tuple[Compared, ...] = ()
    no_effect: NoEffect | None = None
    borrowed: Borrowed | None = None

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
    drawn: bool = False,
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
    drawn : bool
        Whether the scenario's truth differs from trial to trial.

    Returns
    -------
    OperatingCharacteristics
        With Monte Carlo error.
    """
    done = decide(design, table)
    events = table["events_control"] + table["events_treated"]
    lost, causes = _failures(table, done)
    means = success_is(absent(design, table, targets), drawn=drawn)
    return OperatingCharacteristics(
        *names,
        trials=len(done.verdict),
        failed=lost,
        causes=causes,
        success=share(done.verdict == Verdict.SUCCESS),
        futility=share(done.verdict == Verdict.FUTILITY),
        enriched=share(done.enriched),
        accrual_stopped=share(done.stopped >= 0),
        extended=share(done.extended >= 0),
        success_without_futility=share(
            decide(design, table, futility=False).verdict == Verdict.SUCCESS
        ),
        success_is=means,
        success_told=share(successes(design, table, means)),
        expected_n=average(done.at(table["enrolled"]).astype(np.float64)),
        expected_events=average(done.at(events).astype(np.float64)),
        expected_months=average(done.at(table["months"])),
        targets=tuple(
            _on_target(target, number, table, done) for number, target in enumerate(targets)
        ),
        by_look=tuple(_at_look(look, table, done) for look in range(len(design.looks))),
        at_values=_at_values(design, table, done),
        compared=_compared(design, table, done),
        no_effect=no_effect([(1.0, design, table)], targets),
        borrowed=_borrowed(design, table, done),
    )


def _borrowed(design: TrialDesign, table: Table, done: Decisions) -> Borrowed | None:
    if design.external is None:
        return None
    treated, control = (
        done.at(table[f"events_{arm}"]).astype(np.float64) for arm in ("treated", "control")
    )
    told = effect_information(design)
    found = worth(done.at(table["sd"])[:, 0], treated, control, prior=told)
    lost = int((~np.isfinite(found)).sum())
    return Borrowed(design.external.patients, average(found), lost)


def no_effect(
    parts: Sequence[tuple[float, TrialDesign, Table]], targets: Sequence[Target]
) -> NoEffect | None:
    """Return how often there is no effect, before a trial and after it, over weighted scenarios.

    Parameters
    ----------
    parts : sequence of tuple
        Weight of each scenario, the design, and statistics of its trials.
    targets : sequence of Target
        What ``truth`` is of.

    Returns
    -------
    NoEffect or None
        None where one of the truths gives the rule's quantity no value.
    """
    nothing = [absent(design, table, targets) for _, design, table in parts]
    if any(one is None for one in nothing):
        return None
    each = [
        (weight, none, successes(design, table, success_is(none, drawn=False)))
        for (weight, design, table), none in zip(parts, nothing, strict=True)
        if none is not None
    ]
    before = ratio([(weight, none, np.ones(len(none), dtype=bool)) for weight, none, _ in each])
    if before is None:
        return None
    return NoEffect(
        parts[0][1].looks[-1].efficacy[0].statement.about.removeprefix("P(").removesuffix(")"),
        before,
        ratio(each),
        ratio([(weight, none, ~success) for weight, none, success in each]),
    )


def _compared(design: TrialDesign, table: Table, done: Decisions) -> tuple[Compared, ...]:
    looks, found = len(design.looks), []
    for number, test in enumerate(design.comparators):
        levels = test.levels(looks)
        z = done.along(np.asarray(table["comparators"])[:, :, number])
        asked = np.asarray(levels) > 0.0
        with np.errstate(invalid="ignore"):
            beyond = (norm.sf(z) < np.asarray(levels)) & asked
        rejects = beyond.any(axis=1)
        first = np.where(rejects, beyond.argmax(axis=1), -1)
        found.append(
            Compared(
                test.name,
                levels,
                share(rejects),
                tuple(share(first == look) for look in range(looks)),
                share(rejects == (done.verdict == Verdict.SUCCESS)),
                int((~np.isfinite(z) & asked).any(axis=1).sum()),
            )
        )
    return tuple(found)


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
