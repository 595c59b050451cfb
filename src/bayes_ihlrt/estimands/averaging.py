r"""Averages over patients inside each draw, and nodes for the areas under their survival curves.

Under one treatment state a patient's survival depends on the patient through the linear predictor
alone, so that an average over patients is one over the linear predictor's values, and few of them
are enough. A strategy that switches to treatment in month s has two such stretches: in the second
each patient weighs what is left at s,

.. math::

    S(t) = \sum_i w_i e^{-e^{\eta_i} H(t)}, \quad t \le s; \qquad
    S(t) = \sum_i w_i e^{-e^{\eta_i} H(s)} \; e^{-e^{\eta_i'} \{H(t) - H(s)\}}, \quad t > s.

Areas are taken piece by piece, between the months at which a hazard may jump.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.estimands.population import Population
from bayes_ihlrt.estimands.predictors import condense, predictors
from bayes_ihlrt.estimands.sums import WIDTH, draws_at_a_time, exponential_sums
from bayes_ihlrt.limits import available_cores
from bayes_ihlrt.posterior.fitted import FittedModel

Floats = NDArray[np.float64]
_NEWTON: Final = 500
_TOLERANCE: Final = 1e-9
"""Relative length of the last step: convergence being quadratic, the error is then its square."""


@dataclass(frozen=True)
class Stretch:
    """A stretch of follow-up in one treatment state.

    Parameters
    ----------
    begin : float
        Month.
    eta : ndarray, shape (samples, values)
        Values of the linear predictor.
    weights : ndarray, shape (samples, values) or (1, values)
        Share of the population with each value, times its survival to `begin`.
    """

    begin: float
    eta: Floats
    weights: Floats


def stretches(fit: FittedModel, population: Population, start: float) -> tuple[Stretch, ...]:
    """Return the stretches of a strategy.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    population : Population
        Who is averaged over.
    start : float
        Month from which everybody is treated; infinite for never.

    Returns
    -------
    tuple of Stretch
        One, or two where treatment starts later than month 0.
    """
    known = population.stretches.get(start)
    if known is None or known[0] is not fit:
        known = population.stretches[start] = (fit, _stretches(fit, population, start))
    return known[1]


def _stretches(fit: FittedModel, population: Population, start: float) -> tuple[Stretch, ...]:
    if start <= 0.0:
        return (Stretch(0.0, *population.condensed_treated),)
    first = Stretch(0.0, *population.condensed_untreated)
    if np.isinf(start):
        return (first,)
    hazard = spent(fit, 0.0, np.array([start]))

    def remaining(draws: slice) -> Floats:
        decline = np.exp(population.untreated[draws]) * -hazard[draws]
        left: Floats = population.weights_of(draws) * np.exp(decline)
        return left

    left = predictors(population.untreated.shape, remaining)
    return first, Stretch(start, *condense(population.treated, left))


def spent(fit: FittedModel, begin: float, times: Floats) -> Floats:
    """Return the baseline cumulative hazard from a month on.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    begin : float
        Month.
    times : ndarray, shape (times,)
        Months; 0 is returned for those before `begin`.

    Returns
    -------
    ndarray, shape (samples, times)
        H(t) - H(begin).
    """
    known, key = fit.spent, (begin, times.tobytes())
    if key not in known:
        hazard, theta = fit.prepared.hazard, fit.baseline
        low = np.full_like(times, begin)
        basis = hazard.increment_basis(np, low, np.maximum(times, low))
        found = hazard.cumulative_hazard(np, basis, theta)
        known[key] = np.broadcast_to(found, (len(next(iter(theta.values()))), len(times)))
        while len(known) > _FEW:
            known.pop(next(iter(known)))
    return known[key]


_FEW: Final = 8
"""Sets of months that are remembered: those of one population after the other are the same."""


def averaged(
    fit: FittedModel,
    population: Population,
    times: Floats,
    starts: Sequence[float],
    *,
    deaths: bool = False,
) -> Floats:
    """Return the average over patients of survival, or of what the hazard takes from it.

    Strategies are alike until one of them treats: that stretch is averaged once for all of them.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    population : Population
        Who is averaged over.
    times : ndarray, shape (times,)
        Months.
    starts : sequence of float
        For each strategy the month from which everybody is treated; infinite for never.
    deaths : bool
        Average exp(eta_i) S_i(t), which times the baseline hazard is the density of the event,
        instead of S_i(t).

    Returns
    -------
    ndarray, shape (samples, strategies, times)
        One curve a draw and strategy. At the month of a switch it is the curve before it.
    """
    result = np.empty((population.untreated.shape[0], len(starts), len(times)))
    parts = [stretches(fit, population, start) for start in starts]
    shared = times <= max((start for start in starts if start > 0.0), default=-np.inf)
    if shared.any():
        untreated = next(own[0] for own, start in zip(parts, starts, strict=True) if start > 0.0)
        common = np.empty((len(result), len(times)))
        hazard = spent(fit, 0.0, times[shared])
        common[:, shared] = _sums(untreated, hazard, deaths=deaths)
    for number, (own, start) in enumerate(zip(parts, starts, strict=True)):
        before = (times <= start) & (start > 0.0)
        if before.any():
            result[:, number, before] = common[:, before]
        if not before.all():
            hazard = spent(fit, own[-1].begin, times[~before])
            result[:, number, ~before] = _sums(own[-1], hazard, deaths=deaths)
    return result


def _sums(part: Stretch, hazard: Floats, *, deaths: bool) -> Floats:
    samples, values = part.eta.shape
    total = np.zeros((samples, hazard.shape[1]))
    height = draws_at_a_time(values, samples)

    def add(top: int) -> None:
        draw = slice(top, top + height)
        weights = part.weights if len(part.weights) == 1 else part.weights[draw]
        for left in range(0, values, WIDTH):
            some = slice(left, left + WIDTH)
            ratio = np.exp(part.eta[draw, some])
            share = weights[:, some]
            mass = share * ratio if deaths else np.broadcast_to(share, ratio.shape)
            nothing = np.zeros_like(ratio)
            found = exponential_sums(mass[:, None], ratio[:, None], nothing, hazard[draw, None])
            total[draw] += found[:, 0]

    in_threads(add, range(0, samples, height))
    return total


def in_threads(work: Callable[[int], None], tops: range) -> None:
    """Do the work of every block of draws in threads.

    Nearly all of the time is in exponentials, which do not hold the interpreter's lock.

    Parameters
    ----------
    work : callable
        Given the first draw of a block, does it.
    tops : range
        First draws.
    """
    # Each thread takes the next block from one iterator, which costs less than a task for each.
    left = iter(tops)

    def blocks() -> None:
        for top in left:
            work(top)

    cores = available_cores()
    with ThreadPoolExecutor(cores) as pool:
        # Threads begin without the caller's context, of which NumPy's handling of overflow is part.
        begun = [pool.submit(copy_context().run, blocks) for _ in range(cores)]
        for each in begun:
            each.result()


def time_to_level(
    fit: FittedModel, population: Population, start: float, *, level: float
) -> Floats:
    """Return the month in which the average survival falls to a level.

    Newton's method in the cumulative hazard, in which log S is convex: it approaches the root from
    the left and cannot pass it. The month follows from the hazard's own inverse, so that there is
    no error of interpolation.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    population : Population
        Who is averaged over.
    start : float
        Month from which everybody is treated; infinite for never.
    level : float
        Between 0 and 1.

    Returns
    -------
    ndarray, shape (samples,)
        Months; infinite where the hazard never spends enough.
    """
    parts = stretches(fit, population, start)
    result = np.zeros(parts[0].eta.shape[0])
    for part in parts:
        left = np.broadcast_to(part.weights.sum(axis=-1), result.shape)
        # In the first stretch everybody is alive; of later ones those draws count in which the
        # level has not been reached by its begin.
        open_ = left > level
        target = _hazard_to_level(part, open_, level=level)
        begin = np.array([part.begin])
        found = fit.prepared.hazard.time_at(np, begin, target[:, None], fit.baseline)[:, 0]
        result = np.where(open_, found, result)
    return result


def _hazard_to_level(part: Stretch, open_: NDArray[np.bool_], *, level: float) -> Floats:
    """Baseline cumulative hazard at which a stretch's survival is at the level; 0 if not open."""
    ratio, hazard = np.exp(part.eta), np.zeros(len(part.eta))
    weights = np.broadcast_to(part.weights, ratio.shape)
    active = np.flatnonzero(open_)
    for _ in range(_NEWTON):
        if not active.size:
            return hazard
        mass = weights[active] * np.exp(ratio[active] * -hazard[active, None])
        alive = mass.sum(axis=1)
        step = np.log(alive / level) * alive / (mass * ratio[active]).sum(axis=1)
        hazard[active] += step
        active = active[step > _TOLERANCE * hazard[active]]
    message = f"the hazard at survival {level:g} was not found in {_NEWTON} steps"
    raise ArithmeticError(message)


_NODES: Final = 32


def pieces(
    fit: FittedModel, starts: Sequence[float], begin: float, end: float
) -> tuple[float, ...]:
    """Return months between which no strategy's hazard jumps.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    starts : sequence of float
        Months in which strategies switch to treatment.
    begin, end : float
        First and last month.

    Returns
    -------
    tuple of float
        Increasing, from `begin` to `end`.
    """
    cuts = getattr(fit.prepared.hazard, "cuts", ())
    inner = sorted({cut for cut in (*cuts, *starts) if begin < cut < end})
    return (begin, *inner, end)


def quadrature(
    edges: Sequence[float], *, first: int = _NODES, later: int = _NODES, power: int = 3
) -> tuple[Floats, Floats]:
    """Return nodes and weights that integrate a survival curve over consecutive intervals.

    Parameters
    ----------
    edges : sequence of float
        Increasing, 0 or more.
    first, later : int
        Nodes of the first interval and of each other; fewer serve where intervals are short.
    power : int
        Power of time near zero in which nodes are even: the higher, the steeper f may be there.

    Returns
    -------
    nodes : ndarray, shape (nodes,)
        Where to evaluate a function f.
    weights : ndarray, shape (nodes,)
        The integral of f is ``(weights * f(nodes)).sum()``.

    Examples
    --------
    >>> nodes, weights = quadrature((0.0, 2.0))
    >>> round(float((weights * nodes**2).sum()), 10)
    2.6666666667
    """
    nodes, weights = [], []
    for number, (low, high) in enumerate(pairwise(edges)):
        x, w = np.polynomial.legendre.leggauss(later if number else first)
        unit, share = (x + 1.0) / 2.0, w / 2.0
        width = high - low
        if low == 0.0:
            nodes.append(width * unit**power)
            weights.append(width * share * power * unit ** (power - 1))
        else:
            nodes.append(low + width * unit)
            weights.append(width * share)
    return np.concatenate(nodes), np.concatenate(weights)


def increasing(what: str, low: float, high: float, *, equal: bool = False) -> tuple[float, float]:
    """Return two months, or raise when they do not increase.

    Parameters
    ----------
    what : str
        What they are, for the message.
    low, high : float
        Months.
    equal : bool
        Whether they may be the same.

    Returns
    -------
    tuple of float
        Low and high.

    Raises
    ------
    SpecificationError
        When they are negative or do not increase.

    Examples
    --------
    >>> increasing("interval", 0.0, 12.0)
    (0.0, 12.0)
    """
    if not (0.0 <= low < high or (equal and 0.0 <= low == high)):
        problem = f"found {low:g} and then {high:g}"
        fault = Fault(what, problem, "Give months that are 0 or more and increase")
        raise SpecificationError("estimand", [fault])
    return low, high
