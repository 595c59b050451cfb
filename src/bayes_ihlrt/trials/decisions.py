"""Decisions from stored statistics, and what a success says of the truth: nothing is simulated.

A success claims what every efficacy rule of the last look asks for: those for trials that were
enriched, where there are such. There is no effect where one of these claims is false of the truth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.spec.rules import LookSpec, Quantity, Rule
from bayes_ihlrt.spec.trial import TrialDesign
from bayes_ihlrt.trials.quantities import Target, statement_bound, statements
from bayes_ihlrt.trials.stages import Stage, stages

Floats = NDArray[np.float64]
type Table = Mapping[str, NDArray[Any]]
"""Statistics of trials by name, leading axes (trials, stages): see `Simulator.statistics`."""


class Verdict(IntEnum):
    """How a trial ended."""

    INCONCLUSIVE = 0
    """The last look was reached and its rule was not met."""
    SUCCESS = 1
    FUTILITY = 2


@dataclass(frozen=True, eq=False)
class Decisions:
    """What became of each trial.

    Parameters
    ----------
    verdict : ndarray of int, shape (trials,)
        See `Verdict`.
    look : ndarray of int, shape (trials,)
        Number of the look, from 0, at which the trial ended.
    stage : ndarray of int, shape (trials,)
        Number of the stage: the look on the trial's path.
    switch : ndarray, shape (trials,)
        Value from which patients were enrolled after an enrichment; NaN without.
    places : ndarray of int, shape (trials, looks)
        Stage of each look on the trial's path; beyond its end as if it had gone on.
    stopped, extended : ndarray of int, shape (trials,)
        Look, from 0, at which accrual was stopped, and at which the trial was enlarged; -1 where it
        was not.
    """

    verdict: NDArray[np.int64]
    look: NDArray[np.int64]
    stage: NDArray[np.int64]
    switch: Floats
    places: NDArray[np.int64]
    stopped: NDArray[np.int64]
    extended: NDArray[np.int64]

    @property
    def enriched(self) -> NDArray[np.bool_]:
        """Whether enrolment was switched, shape (trials,)."""
        found: NDArray[np.bool_] = np.isfinite(self.switch)
        return found

    def at(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return statistics of shape (trials, stages, ...) at the stage where each trial ended."""
        found: NDArray[Any] = values[np.arange(len(values)), self.stage]
        return found

    def along(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return statistics of shape (trials, stages) at every look, shape (trials, looks)."""
        return np.take_along_axis(values, self.places, axis=1)

    @property
    def reached(self) -> NDArray[np.bool_]:
        """Whether each trial reached each look, shape (trials, looks)."""
        looks, stopped = np.arange(self.places.shape[1]), self.stopped[:, None]
        # From where accrual stops a trial goes on to the last look.
        passed = (stopped >= 0) & (looks > stopped) & (looks < looks[-1])
        found: NDArray[np.bool_] = (looks <= self.look[:, None]) & ~passed
        return found


def holds(rules: Sequence[Rule], probability: Floats, known: Sequence[Rule]) -> NDArray[np.bool_]:
    """Return whether all rules of a list hold; an empty list never does.

    Parameters
    ----------
    rules : sequence of Rule
        Efficacy, futility or other rules of a look.
    probability : ndarray, shape (trials, statements)
        Probability of each known statement; NaN where the fit failed, which meets no rule.
    known : sequence of Rule
        The statements, by column.

    Returns
    -------
    ndarray of bool, shape (trials,)
        Met by the trial.
    """
    met = np.full(len(probability), bool(rules))
    for rule in rules:
        found = probability[:, known.index(rule.statement)]
        with np.errstate(invalid="ignore"):
            met &= found < rule.threshold if rule.more_than is None else found > rule.threshold
    return met


def decide(design: TrialDesign, table: Table, *, futility: bool = True) -> Decisions:
    """Apply a design's rules to stored statistics.

    At each look efficacy is asked first, then futility, then whether accrual stops, which leads to
    the last look, then whether the trial is enlarged, then enrichment. A trial is enlarged, or
    enriched, once and for all.

    Parameters
    ----------
    design : TrialDesign
        The design; its thresholds may differ from those of the run, its statements not.
    table : mapping of str to ndarray
        With ``probability`` of shape (trials, stages, statements).
    futility : bool
        False: go on where a futility rule is met (a non-binding rule's worst case).

    Returns
    -------
    Decisions
        One for each trial.
    """
    known, where = statements(design), stages(design)
    probability = np.asarray(table["probability"], dtype=np.float64)
    count, last = len(probability), len(design.looks) - 1
    path, switch = np.full(count, -1), np.full(count, np.nan)
    enlarges = design.extension is not None
    running = np.ones(count, dtype=bool)
    verdict = np.full(count, int(Verdict.INCONCLUSIVE))
    places = np.zeros((count, last + 1), dtype=np.int64)
    end, stopped = np.full(count, last), np.full(count, -1)
    for number, look in enumerate(design.looks):
        places[:, number] = _places(where, number, path, switch)
        if number == last:
            for stop in set(stopped[stopped >= 0].tolist()):
                places[stopped == stop, last] = where.index(Stage(last, stop, stopped=True))
        here = probability[np.arange(count), places[:, number]]
        success = holds(look.efficacy, here, known)
        if look.efficacy_enriched:
            success = np.where(path >= 0, holds(look.efficacy_enriched, here, known), success)
        futile = holds(look.futility, here, known) if futility else np.zeros(count, dtype=bool)
        ends = success | futile | (number == last)
        asked = running & ((stopped < 0) | (number == last))
        now = asked & ends
        verdict[now & futile] = Verdict.FUTILITY
        verdict[now & success] = Verdict.SUCCESS
        end[now] = number
        running &= ~now
        stopped[asked & ~now & holds(look.stop_accrual, here, known)] = number
        # No design has both.
        free = running & (path < 0)
        if enlarges:
            changed = free & holds(look.extend, here, known)
        else:
            chosen = _region(design, look, here, known)
            changed = free & np.isfinite(chosen)
            switch[changed] = chosen[changed]
        path[changed] = number
    stage, never = places[np.arange(count), end], np.full(count, -1)
    return Decisions(verdict, end, stage, switch, places, stopped, path if enlarges else never)


def _region(
    design: TrialDesign, look: LookSpec, probability: Floats, known: Sequence[Rule]
) -> Floats:
    """Return from which value patients are enrolled further on; NaN where that does not change.

    The least at which, and at all of those above, the enrich rules hold.
    """
    values = design.population.switches
    chosen, above = np.full(len(probability), np.nan), np.ones(len(probability), dtype=bool)
    for value, rules in zip(values[::-1], look.enrich_from(values)[::-1], strict=True):
        above &= holds(rules, probability, known)
        chosen[above] = value
    return chosen


def _places(
    where: Sequence[Stage], number: int, path: NDArray[np.int64], switch: Floats
) -> NDArray[np.int64]:
    """Return the stage of a look on each trial's path, its switch or its extension."""
    found = np.full(len(path), where.index(Stage(number)))
    for stage in where:
        if stage.look == number and stage.path is not None and not stage.stopped:
            same = np.isnan(switch) if stage.switch is None else switch == stage.switch
            found[(path == stage.path) & same] = where.index(stage)
    return found


UNTRUSTED: Final = (
    "posterior not to be trusted (Pareto k-hat of importance weights above 0.7, or a profile that "
    "could not be followed)"
)
"""Why a posterior counts as a failed fit although a mode was found."""


def failures(table: Table, done: Decisions) -> tuple[int, dict[str, int]]:
    """Return how many trials had a failed fit at a look that they reached, and why fits failed.

    Parameters
    ----------
    table : mapping of str to ndarray
        Statistics of trials.
    done : Decisions
        What became of them.

    Returns
    -------
    tuple of int and dict of str to int
        Trials; failed fits by cause.
    """
    lost = ~done.along(table["converged"]) & done.reached
    arms = {arm: done.along(table[f"events_{arm}"]) == 0 for arm in ("control", "treated")}
    causes = {f"no event in the {arm} arm": int((lost & none).sum()) for arm, none in arms.items()}
    other = lost & ~arms["control"] & ~arms["treated"]
    untrusted = done.along(table["untrusted"])
    causes[UNTRUSTED] = int((other & untrusted).sum())
    causes["no mode found"] = int((other & ~untrusted).sum())
    failed = int(lost.any(axis=1).sum())
    return failed, {name: count for name, count in causes.items() if count}


def with_thresholds(design: TrialDesign, efficacy: Sequence[float | None]) -> TrialDesign:
    """Return the design with other thresholds of efficacy.

    Parameters
    ----------
    design : TrialDesign
        The design.
    efficacy : sequence of float or None
        For each look the threshold of its first efficacy rule; None leaves it.

    Returns
    -------
    TrialDesign
        With the same statements.
    """
    looks = [_raised(look, value) for look, value in zip(design.looks, efficacy, strict=True)]
    return design.model_copy(update={"looks": tuple(looks)})


def _raised(look: LookSpec, threshold: float | None) -> LookSpec:
    if threshold is None or not look.efficacy:
        return look
    first = look.efficacy[0]
    key = "less_than" if first.more_than is None else "more_than"
    return look.model_copy(
        update={"efficacy": (first.model_copy(update={key: threshold}), *look.efficacy[1:])}
    )


type Falsehood = NDArray[np.bool_] | None
"""In which trials a claim is false of the truth; None where the truth does not say."""
TYPE_ONE: Final = "type I error"
MIXED: Final = "type I error or power, by enrichment"
_NOTHING: Final = 1e-9


def claims(design: TrialDesign) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Return the rules whose claims a success makes: in a trial as planned, and in an enriched one.

    Parameters
    ----------
    design : TrialDesign
        The design.

    Returns
    -------
    tuple of tuple of Rule
        Those of the last look; twice the same where enrichment changes none.
    """
    last = design.looks[-1]
    return last.efficacy, last.efficacy_enriched or last.efficacy


def claim_told(design: TrialDesign) -> str:
    """Return what a success says.

    Parameters
    ----------
    design : TrialDesign
        The design.

    Returns
    -------
    str
        Every claim, e.g. ``"hazard ratio < 1 and rmst to 24 > 0"``.
    """
    plain, enriched = (" and ".join(rule.claim for rule in rules) for rules in claims(design))
    return plain if enriched == plain else f"{plain} (after an enrichment {enriched})"


def absent(
    design: TrialDesign, table: Table, targets: Sequence[Target]
) -> tuple[Falsehood, Falsehood]:
    """Return in which trials there is no effect, had they not been enriched, and had they been.

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
    tuple of ndarray of bool, shape (trials,), or None
        One claim that is false is enough. None where no claim is known to be false and the truth
        has no value for one of them.
    """
    truth, places = np.asarray(table["truth"]), list(targets)
    plain, enriched = (
        _no_effect(truth, places, tuple(dict.fromkeys(rules))) for rules in claims(design)
    )
    return plain, enriched


def _no_effect(truth: Floats, places: list[Target], rules: Sequence[Rule]) -> Falsehood:
    false, unknown = np.zeros((2, len(truth)), dtype=bool)
    for rule in rules:
        away = truth[:, places.index(Target.of_rule(rule))] - statement_bound(rule)
        # Weights of a quadrature leave 1e-16 of a difference that is none.
        with np.errstate(invalid="ignore"):
            false |= away > -_NOTHING if rule.claims_less else away < _NOTHING
        unknown |= np.isnan(away)
    return None if (unknown & ~false).any() else false


def is_one_truth(design: TrialDesign, table: Table, targets: Sequence[Target]) -> bool:
    """Return whether what a success claims is about the same true values in every trial.

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
    bool
        False where, say, months gained differ with a control median that is drawn.
    """
    read = {list(targets).index(Target.of_rule(rule)) for each in claims(design) for rule in each}
    values = np.nan_to_num(np.asarray(table["truth"])[:, sorted(read)])
    return bool((np.ptp(values, axis=0) < _NOTHING).all())


def success_is(none: tuple[Falsehood, Falsehood], *, drawn: bool) -> str:
    """Return what the share of successful trials is called under a truth.

    Parameters
    ----------
    none : tuple of ndarray of bool, shape (trials,), or None
        In which trials there is no effect, see `absent`.
    drawn : bool
        Whether the truth differs from trial to trial.

    Returns
    -------
    str
        "assurance" where the truth is drawn; "type I error" where a claim of success is false of
        it, whatever the hazard ratio; `MIXED` where that holds for trials that were enriched and
        not for others, or the other way round; else "power".

    Examples
    --------
    >>> false = np.ones(1000, dtype=bool)
    >>> success_is((false, false), drawn=False)
    'type I error'
    """
    if drawn:
        return "assurance"
    wrong = [each is not None and bool(each.all()) for each in none]
    return TYPE_ONE if all(wrong) else MIXED if any(wrong) else "power"


def successes(design: TrialDesign, table: Table, means: str) -> NDArray[np.bool_]:
    """Return which trials count as successes where success under one truth is told.

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
        By the rules; see `despite_futility`.
    """
    follows = not despite_futility(design, means)
    return np.asarray(decide(design, table, futility=follows).verdict == Verdict.SUCCESS)


def despite_futility(design: TrialDesign, means: str) -> bool:
    """Return whether success is told of trials that go on where a futility rule is met.

    Parameters
    ----------
    design : TrialDesign
        The design.
    means : str
        See `success_is`.

    Returns
    -------
    bool
        Where futility rules need not be followed, a type I error, in whatever part of the trials,
        is that of a trial that never does: the worst case.
    """
    return means in {TYPE_ONE, MIXED} and design.free_futility


def edge(design: TrialDesign) -> float:
    """Return the hazard ratio from which on a success is an error, whatever the trial's path.

    Parameters
    ----------
    design : TrialDesign
        The design.

    Returns
    -------
    float
        A rule on survival or months counts as 1: no effect.
    """
    each = claims(design)
    ratios = [rule for rules in each for rule in rules if rule.quantity is Quantity.HAZARD_RATIO]
    if ratios and not any(rule.claims_less for rule in ratios):
        return min(max(_bounds(rules)) for rules in each)
    return max(min(_bounds(rules)) for rules in each)


def _bounds(rules: Sequence[Rule]) -> list[float]:
    """Return the hazard ratios at which rules turn false; the first that does makes the error."""
    ratios = [rule for rule in rules if rule.quantity is Quantity.HAZARD_RATIO]
    stated = [rule.above if rule.below is None else rule.below for rule in ratios]
    bounds = [1.0 if bound is None else bound for bound in stated]
    return bounds + ([1.0] if len(ratios) < len(rules) else [])
