"""Follow a few patients under a strategy, through the stretches in which hazards are constant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.transition_rows import Transition
from bayes_ihlrt.estimands.markov import Generator, advance
from bayes_ihlrt.estimands.states import Move, StateSpace
from bayes_ihlrt.estimands.strategies import Course, Rule

Floats = NDArray[np.float64]
Step = tuple[Transition, int]
"""A transition and the state that it leaves."""


@dataclass(frozen=True)
class Patients:
    """A few patients: everything that following them under a strategy reads.

    Parameters
    ----------
    space : StateSpace
        States and steps.
    cuts : mapping of Transition to tuple of float
        Months at which each baseline hazard changes.
    levels : mapping of Transition to ndarray, shape (samples, intervals)
        Baseline hazards per month.
    ratios : mapping of (Transition, int) to ndarray, shape (samples, patients)
        Hazard ratios by transition and state.
    first : ndarray of bool, shape (3, patients)
        Who is treated, has responded, has progressed at time zero.
    shares : ndarray, shape (patients,)
        Weight in the average.
    """

    space: StateSpace
    cuts: Mapping[Transition, tuple[float, ...]]
    levels: Mapping[Transition, Floats]
    ratios: Mapping[Step, Floats]
    first: NDArray[np.bool_]
    shares: Floats


def follow(patients: Patients, course: Course, grid: Floats) -> Floats:
    """Return the states of patients under a strategy, averaged with their shares.

    Parameters
    ----------
    patients : Patients
        Hazards, states at time zero, shares.
    course : Course
        The strategy.
    grid : ndarray, shape (times,)
        Months, increasing.

    Returns
    -------
    ndarray, shape (2, times, states + 1, samples)
        Probability of each state and then of the event; expected months in each.
    """
    space = patients.space
    occupied = _at_zero(patients, course)
    spent, happened = np.zeros_like(occupied), np.zeros(occupied.shape[1:])
    cuts = {cut for own in patients.cuts.values() for cut in own}
    changes = [t for t in (*cuts, course.month) if t < grid[-1]]
    edges = np.unique([0.0, *grid, *changes])
    result = np.zeros((2, len(grid), len(space.states) + 1, occupied.shape[1]))
    if grid[0] == 0.0:
        _record(result[:, 0], occupied, spent, happened, month=0.0, shares=patients.shares)
    for low, high in pairwise(edges):
        moves = _moves(space, course, before=high <= course.month)
        live = _reached(occupied, moves)
        generator = _generator(patients, moves, live, month=(low + high) / 2.0)
        occupied[live], months = advance(occupied[live], generator, float(high - low))
        spent[live] += months
        happened += (generator.exits * months).sum(axis=0)
        if high == course.month:
            _start_all(occupied, space)
        number = int(np.searchsorted(grid, high))
        if grid[number] == high:
            _record(
                *(result[:, number], occupied, spent, happened),
                month=float(high),
                shares=patients.shares,
            )
    return result


def _at_zero(patients: Patients, course: Course) -> Floats:
    """Put each patient into the state at time zero that the strategy allows."""
    treated, responded, progressed = patients.first
    if course.rule is Rule.AT_RESPONSE:
        treated = responded
    elif not course.follows_cohort:
        treated = np.zeros_like(treated)
    samples = next(iter(patients.levels.values())).shape[0]
    occupied = np.zeros((len(patients.space.states), samples, len(treated)))
    for place, state in enumerate(patients.space.states):
        here = (treated == state.treated) & (responded == state.responded)
        occupied[place] = here & (progressed == state.progressed)
    if course.month == 0.0:
        _start_all(occupied, patients.space)
    return occupied


def _moves(space: StateSpace, course: Course, *, before: bool) -> tuple[Move, ...]:
    """Return the steps that a strategy leaves, `before` its month or after."""
    starts = course.rule is Rule.AS_OBSERVED or (course.rule is Rule.WITHIN and before)
    kept = [m for m in space.moves if starts or m.transition is not Transition.INITIATION]
    if course.rule is Rule.AT_RESPONSE:
        kept = [
            replace(m, target=space.position(replace(space.states[m.target], treated=True)))
            if m.transition is Transition.RESPONSE
            else m
            for m in kept
        ]
    return tuple(kept)


def _reached(occupied: Floats, moves: Sequence[Move]) -> list[int]:
    """Return the states that anybody is in or gets into; moves lead to later states only."""
    reached = {place for place, values in enumerate(occupied) if values.any()}
    for move in moves:
        if move.source in reached:
            reached.add(move.target)
    return sorted(reached)


def _generator(
    patients: Patients, moves: Sequence[Move], live: Sequence[int], *, month: float
) -> Generator:
    """Return the hazards between the states that are reached, at a month."""
    place = {state: position for position, state in enumerate(live)}

    def rate(transition: Transition, state: int) -> Floats:
        interval = int(np.searchsorted(patients.cuts[transition], month))
        level = patients.levels[transition][:, interval, None]
        hazard: Floats = level * patients.ratios[transition, state]
        return hazard

    steps = [
        (place[move.source], place[move.target], rate(move.transition, move.source))
        for move in moves
        if move.source in place
    ]
    exits = np.stack([rate(patients.space.exits[state], state) for state in live])
    return Generator(steps, exits)


def _start_all(occupied: Floats, space: StateSpace) -> None:
    """Treat all who are untreated and progression-free."""
    for place, state in enumerate(space.states):
        if not state.treated and not state.progressed:
            occupied[space.position(replace(state, treated=True))] += occupied[place]
            occupied[place] = 0.0


def _record(
    result: Floats,
    occupied: Floats,
    spent: Floats,
    happened: Floats,
    *,
    month: float,
    shares: Floats,
) -> None:
    """Average over the patients."""
    result[0, :-1], result[0, -1] = occupied @ shares, happened @ shares
    result[1, :-1] = spent @ shares
    result[1, -1] = month * shares.sum() - result[1, :-1].sum(axis=0)
