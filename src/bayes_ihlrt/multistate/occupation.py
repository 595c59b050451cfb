"""State occupation under treatment strategies: the g-formula, one draw at a time.

Between two months at which a hazard may change, all hazards are constant, and the probabilities of
the states are those of a Markov process with that generator: exact, no simulation. A strategy
changes the generator (nobody starts treatment, or responders all do) or moves patients at its
month. Probabilities are averaged over patients inside each draw.

References
----------
Robins J. Math Model 1986;7:1393-1512, doi 10.1016/0270-0255(86)90088-6.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.multistate.fit import HazardRatios, TransitionFit
from bayes_ihlrt.multistate.markov import Generator, advance
from bayes_ihlrt.multistate.states import Course, Move, Rule, State, StateSpace, state_space
from bayes_ihlrt.names import STRATEGY, TIME
from bayes_ihlrt.spec.states import Transition

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


_CHUNK: Final = 20_000
"""Elements of a temporary array: a few dozen of them stay in the processor's cache."""
STATE: Final = "state"
EVENT: Final = "event"


def state_occupation(
    fit: TransitionFit,
    times: Sequence[float] | Floats,
    strategies: Sequence[Course],
    *,
    modifier_at: float | None = None,
    weights: Floats | None = None,
    unaffected: Collection[Transition] = (),
) -> xr.Dataset:
    """Return how likely each state is, and how long patients have been in it.

    P^a(t, s) = sum_i w_i P_i^a(t, s) for strategy a, state s and patient i, in each draw.

    Parameters
    ----------
    fit : TransitionFit
        Posteriors of all transitions.
    times : sequence of float, shape (times,)
        Months since therapy start, 0 or more.
    strategies : sequence of Course
        What to compare.
    modifier_at : float, optional
        Set everybody's modifier to this value; the cohort's own values otherwise.
    weights : ndarray, shape (patients,), optional
        Weights of the cohort's patients, e.g. of a subgroup; equal ones otherwise.
    unaffected : collection of Transition
        Transitions whose hazard under treatment is set to that without it: what is then gained is
        gained without the path through them.

    Returns
    -------
    xarray.Dataset
        ``probability`` and ``months`` (expected months in the state up to the time), dimensions
        ``chain, draw, strategy, time, state``; the last state is ``"event"``. Coordinates over
        ``state``: ``treated``, ``responded``, ``progressed``, ``event_free``.

    Raises
    ------
    SpecificationError
        When a strategy cannot be followed in these states, or an argument is out of range.
    """
    grid = np.unique(np.asarray(times, dtype=np.float64))
    space = state_space(fit.data)
    _check(fit, grid, strategies, modifier_at=modifier_at, weights=weights)
    _check_unaffected(fit, unaffected)
    patients = dict(fit.data.baseline)
    if modifier_at is not None and fit.spec.modifier is not None:
        patients[fit.spec.modifier.column] = np.full(len(patients["patient"]), modifier_at)
    shares = np.ones(len(patients["patient"])) if weights is None else weights
    shares = shares / shares.sum()
    cuts = {kind: fit.cuts(kind) for kind in fit.fits}
    levels = {kind: np.exp(fit.log_hazard(kind)) for kind in fit.fits}
    ratios = _hazard_ratios(fit, space, patients, unaffected)
    names = (fit.data.treatment, fit.data.response, fit.data.progression)
    nobody = np.zeros(len(shares))
    flags = np.stack([nobody if name is None else patients[name] for name in names])
    samples = fit.chains * fit.draws
    total = np.zeros((2, len(strategies), len(grid), len(space.states) + 1, samples))
    size = max(1, _CHUNK // samples)
    first, shares = _alike(ratios, flags.astype(np.float64), shares)
    for left in range(0, len(first), size):
        part = first[left : left + size]
        own = {step: ratio.of(part) for step, ratio in ratios.items()}
        few = Patients(space, cuts, levels, own, flags[:, part] == 1.0, shares[left : left + size])
        for number, course in enumerate(strategies):
            total[:, number] += follow(few, course, grid)
    return _dataset(fit, space, total, grid, strategies)


def _hazard_ratios(
    fit: TransitionFit, space: StateSpace, columns: Columns, unaffected: Collection[Transition]
) -> dict[Step, HazardRatios]:
    """Return every hazard that is needed, by transition and state."""
    wanted = {(move.transition, move.source) for move in space.moves}
    wanted |= {(transition, place) for place, transition in enumerate(space.exits)}
    found = {}
    for transition, place in wanted:
        known = zip(fit.data.flags, _flags(fit, space.states[place]), strict=True)
        own = {name: np.full(len(columns["patient"]), float(flag)) for name, flag in known}
        if transition in unaffected:
            own[fit.data.treatment] = np.zeros(len(columns["patient"]))
        found[transition, place] = fit.hazard_ratios(transition, {**columns, **own})
    return found


def _alike(
    ratios: Mapping[Step, HazardRatios], flags: Floats, shares: Floats
) -> tuple[NDArray[np.intp], Floats]:
    """Return one patient of all who have the same hazards, with the shares of all of them."""
    parts = [flags.T]
    for ratio in ratios.values():
        parts.append(ratio.design)
        for _, level, factor in ratio.groups:
            parts += [level[:, None].astype(np.float64), factor[:, None]]
    rows = np.ascontiguousarray(np.concatenate(parts, axis=1))
    _, first, which = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return first, np.bincount(which.ravel(), weights=shares)


def _flags(fit: TransitionFit, state: State) -> list[bool]:
    """Return a state's flags in the order of the names in `Transitions.flags`."""
    names = (fit.data.treatment, fit.data.response, fit.data.progression)
    return [flag for flag, name in zip(state.flags, names, strict=True) if name is not None]


def _dataset(
    fit: TransitionFit,
    space: StateSpace,
    total: Floats,
    grid: Floats,
    strategies: Sequence[Course],
) -> xr.Dataset:
    dims = ("chain", "draw", STRATEGY, TIME, STATE)
    values = np.moveaxis(total, -1, 1).reshape(2, fit.chains, fit.draws, *total.shape[1:-1])
    flags = {
        "treated": [state.treated for state in space.states],
        "responded": [state.responded for state in space.states],
        "progressed": [state.progressed for state in space.states],
        "event_free": [True for _ in space.states],
    }
    return xr.Dataset(
        {"probability": (dims, values[0]), "months": (dims, values[1])},
        coords={
            STRATEGY: [course.name for course in strategies],
            TIME: grid,
            STATE: [*space.labels, EVENT],
            **{name: (STATE, [*known, False]) for name, known in flags.items()},
        },
    )


def _check(
    fit: TransitionFit,
    grid: Floats,
    strategies: Sequence[Course],
    *,
    modifier_at: float | None,
    weights: Floats | None,
) -> None:
    faults = []
    names = [course.name for course in strategies]
    if not len(grid) or not np.isfinite(grid).all() or grid[0] < 0.0 or grid[-1] == 0.0:
        remedy = "Give months since therapy start, 0 or more, at least one above 0"
        faults.append(Fault("times", f"found {grid.tolist()}", remedy))
    if not names or len(set(names)) != len(names):
        remedy = "Give at least one strategy, each once"
        faults.append(Fault("strategies", f"found {names}", remedy))
    if fit.data.response is None and Rule.AT_RESPONSE in {course.rule for course in strategies}:
        remedy = "Give the states a response, or leave the strategy out"
        problem = "treatment cannot start at response: response is not among the states"
        faults.append(Fault("strategies", problem, remedy))
    if modifier_at is not None and fit.spec.modifier is None:
        faults.append(Fault("modifier_at", "the states have no modifier", "Add `modifier`"))
    if weights is not None:
        patients = len(fit.data.baseline["patient"])
        sound = weights.shape == (patients,) and np.isfinite(weights).all()
        if not sound or (weights < 0.0).any() or weights.sum() <= 0.0:
            problem = f"they are not {patients} numbers of 0 or more, one a patient"
            faults.append(Fault("weights", problem, "Give one weight for each patient"))
    if faults:
        raise SpecificationError("state occupation", faults)


def _check_unaffected(fit: TransitionFit, unaffected: Collection[Transition]) -> None:
    lacking = [kind for kind in unaffected if kind not in fit.fits]
    if lacking:
        known = ", ".join(kind.value for kind in fit.fits)
        problem = f"there is no transition {', '.join(map(repr, map(str, lacking)))}"
        fault = Fault("unaffected", problem, f"Allowed: {known}")
        raise SpecificationError("state occupation", [fault])
