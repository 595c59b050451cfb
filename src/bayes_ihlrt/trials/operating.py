"""Operating characteristics with their Monte Carlo error, from decisions and statistics."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

from bayes_ihlrt.priors import Z_975
from bayes_ihlrt.spec.rules import Quantity
from bayes_ihlrt.spec.trial import TrialDesign
from bayes_ihlrt.trials.decisions import (
    Decisions,
    Table,
    Verdict,
    absent,
    claim_told,
    decide,
    failures,
    is_one_truth,
    success_is,
    successes,
)
from bayes_ihlrt.trials.external import effect_information, worth
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

    There is no effect where a claim of success is false of the truth, see `decisions`: that the
    hazard ratio is below 1 where the true one is 1 or more. Futility rules are followed, binding
    or not: a success before and after is that of the same trial.

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


class Part(NamedTuple):
    """The trials of one scenario, of which some are asked of and some count.

    Parameters
    ----------
    weight : float
        Weight of the scenario.
    hits : ndarray of bool, shape (trials,)
        Whether each trial counts.
    of : ndarray of bool, shape (trials,), or None
        Whether it is asked of; None for every trial.
    known : bool
        Whether all trials count, or none, because the truth is one: no chance is in it.
    """

    weight: float
    hits: NDArray[np.bool_]
    of: NDArray[np.bool_] | None = None
    known: bool = False

    def moments(self) -> Floats:
        """Return shares of hits and misses, how far their limits are off, and how they go along.

        Returns
        -------
        ndarray, shape (8,)
            Weighted shares; squares of what Wilson's limits of hits and misses are away, below and
            above; products of the two with their correlation, for either limit of their ratio.
        """
        of = np.ones(len(self.hits), dtype=bool) if self.of is None else self.of
        shares, away = np.zeros(2), np.zeros((2, 2))
        for side, which in enumerate((self.hits, ~self.hits)):
            found = share(which & of)
            shares[side] = found.estimate
            certain = self.known and (self.of is None or not which.any())
            if not certain:
                away[side] = [found.estimate - found.low, found.high - found.estimate]
        rest = float(np.prod(1.0 - shares))
        every = bool(of.all())
        together = 1.0 if every else float(np.sqrt(np.prod(shares) / rest)) if rest else 0.0
        w, square = self.weight, self.weight**2
        crossed = together * np.array([away[0, 0] * away[1, 1], away[0, 1] * away[1, 0]])
        return np.concatenate([w * shares, square * away.ravel() ** 2, square * crossed])


def ratio(parts: Sequence[Part]) -> Estimated | None:
    """Return the probability that a trial counts among those asked of, over weighted scenarios.

    With H and M the weighted shares of hits and misses the probability is H / (H + M). Its limits
    are those of the ratio H / M by the method of variance estimates recovery, from Wilson's limits
    of each share: whether a share was 0 or 1 makes no difference to how it is treated.

    Parameters
    ----------
    parts : sequence of Part
        One a scenario.

    Returns
    -------
    Estimated or None
        With the standard error of a ratio; None where no trial is asked of. Without an interval
        where it is known.

    References
    ----------
    Donner A, Zou GY. Closed-form confidence intervals for functions of the normal mean and
    standard deviation. Stat Methods Med 2012;21:347-359, doi 10.1177/0962280210383082.

    Examples
    --------
    >>> success = np.arange(1000) < 400
    >>> found = ratio([Part(1.0, np.arange(1000) < 20, success)])
    >>> round(found.estimate, 3), round(found.mcse, 4), round(found.low, 3), round(found.high, 3)
    (0.05, 0.0109, 0.033, 0.076)
    """
    moments = np.sum([part.moments() for part in parts], axis=0)
    hits, misses, hits_low, hits_high, misses_low, misses_high, low, high = moments.tolist()
    whole = hits + misses
    if whole == 0.0:
        return None
    found, squared = hits / whole, 0.0
    for part in parts:
        of = np.ones(len(part.hits), dtype=bool) if part.of is None else part.of
        squared += part.weight**2 * float(np.var((part.hits & of) - found * of)) / len(of)
    return Estimated(
        found,
        float(np.sqrt(squared)) / whole,
        min(_lower(hits, misses, hits_low, misses_high, low), found),
        max(1.0 - _lower(misses, hits, misses_low, hits_high, high), found),
    )


def _lower(hits: float, misses: float, below: float, above: float, crossed: float) -> float:
    """Return the lower limit of a share of hits, from squared distances of its parts' limits."""
    least = hits**2 - below
    if least <= 0.0:
        return 0.0
    root = 2.0 * hits * misses * crossed + crossed**2 + misses**2 * below + least * above
    return least / (least + hits * misses + crossed + float(np.sqrt(root)))


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
    beyond : int
        Trials in which they are worth more than any number, and which are not in the mean.
    without : int
        Trials of which it is not known.
    """

    patients: int
    worth: Estimated | None
    beyond: int
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
    lost, causes = failures(table, done)
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
        no_effect=no_effect([(1.0, design, table, drawn)], targets),
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
    beyond, lost = int(np.isposinf(found).sum()), int(np.isnan(found).sum())
    return Borrowed(design.external.patients, average(found), beyond, lost)


def no_effect(
    parts: Sequence[tuple[float, TrialDesign, Table, bool]], targets: Sequence[Target]
) -> NoEffect | None:
    """Return how often there is no effect, before a trial and after it, over weighted scenarios.

    Parameters
    ----------
    parts : sequence of tuple
        Weight of each scenario, the design, statistics of its trials, and whether the scenario's
        truth differs from trial to trial.
    targets : sequence of Target
        What ``truth`` is of.

    Returns
    -------
    NoEffect or None
        None where one of the truths gives a rule's quantity no value.
    """
    asked: tuple[list[Part], ...] = ([], [], [])
    for weight, design, table, drawn in parts:
        done = decide(design, table)
        plain, enriched = absent(design, table, targets)
        if plain is None or enriched is None:
            return None
        none, same = np.where(done.enriched, enriched, plain), bool((plain == enriched).all())
        known = not drawn and same and is_one_truth(design, table, targets)
        won = done.verdict == Verdict.SUCCESS
        for each, of in zip(asked, (None, won, ~won), strict=True):
            each.append(Part(weight, none, of, known))
    before, success, failure = (ratio(each) for each in asked)
    if before is None:
        return None
    return NoEffect(claim_told(parts[0][1]), before, success, failure)


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
        rule.threshold if rule.below is not None else 1.0 - rule.threshold
        for rule in design.looks[-1].efficacy
        if rule.quantity is Quantity.HAZARD_RATIO and rule.claims_less
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
