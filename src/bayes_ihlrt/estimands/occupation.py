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
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.designs.transition_rows import Transition
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.estimands.following import Patients, Step, follow
from bayes_ihlrt.estimands.states import State, StateSpace, state_space
from bayes_ihlrt.estimands.strategies import Course, Rule
from bayes_ihlrt.estimands.transition_fit import HazardRatios, TransitionFit
from bayes_ihlrt.names import STRATEGY, TIME

Floats = NDArray[np.float64]
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
