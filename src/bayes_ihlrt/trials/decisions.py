"""Decisions from stored statistics: no simulation and no fit, so thresholds can be tried freely."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.spec.rules import LookSpec, Rule
from bayes_ihlrt.spec.trial import TrialDesign
from bayes_ihlrt.trials.quantities import statements
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
    enriched : ndarray of bool, shape (trials,)
        Whether enrolment was switched.
    places : ndarray of int, shape (trials, looks)
        Stage of each look on the trial's path; beyond its end as if it had gone on.
    stopped, extended : ndarray of int, shape (trials,)
        Look, from 0, at which accrual was stopped, and at which the trial was enlarged; -1 where it
        was not.
    """

    verdict: NDArray[np.int64]
    look: NDArray[np.int64]
    stage: NDArray[np.int64]
    enriched: NDArray[np.bool_]
    places: NDArray[np.int64]
    stopped: NDArray[np.int64]
    extended: NDArray[np.int64]

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
    path, enlarges = np.full(count, -1), design.extension is not None
    running = np.ones(count, dtype=bool)
    verdict = np.full(count, int(Verdict.INCONCLUSIVE))
    places = np.zeros((count, last + 1), dtype=np.int64)
    end, stopped = np.full(count, last), np.full(count, -1)
    for number, look in enumerate(design.looks):
        places[:, number] = _places(where, number, path, extended=enlarges)
        if number == last:
            for stop in set(stopped[stopped >= 0].tolist()):
                places[stopped == stop, last] = where.index(Stage(last, stop, stopped=True))
        here = probability[np.arange(count), places[:, number]]
        success = holds(look.efficacy, here, known)
        if look.efficacy_enriched and not enlarges:
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
        changed = holds(look.extend if enlarges else look.enrich, here, known)
        path[running & (path < 0) & changed] = number
    stage, never = places[np.arange(count), end], np.full(count, -1)
    enriched, extended = (never, path) if enlarges else (path, never)
    return Decisions(verdict, end, stage, enriched >= 0, places, stopped, extended)


def _places(
    where: Sequence[Stage], number: int, path: NDArray[np.int64], *, extended: bool
) -> NDArray[np.int64]:
    """Return the stage of a look on each trial's path, its switch or its extension."""
    found = np.full(len(path), where.index(Stage(number)))
    for switch in set(path[path >= 0].tolist()):
        found[path == switch] = where.index(Stage(number, switch, extended=extended))
    return found


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
