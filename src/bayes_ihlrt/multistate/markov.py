r"""State occupation over a stretch of constant hazards, exactly, for many patients at once.

With the generator Q of a Markov process and any rate L that no state leaves faster,
P = I + Q / L is a matrix of probabilities, and (uniformisation)

.. math::

    p e^{Qh} = \sum_k \mathrm{Pois}(k; Lh) \, p P^k, \qquad
    \int_0^h p e^{Qs} ds = \frac{1}{L} \sum_k \Pr(\mathrm{Pois}(Lh) > k) \, p P^k.

All terms are positive, so that nothing cancels; the sums are cut where what is left out is below
1e-13. L differs between patients and draws, so that each pays for its own hazards.

References
----------
Jensen A. Skand Aktuarietidskr 1953;36:87-91, doi 10.1080/03461238.1953.10419459.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LEFT_OUT: Final = 1e-13
_LONGEST: Final = 8.0
"""Expected steps in one stretch: exp(-8) times the largest term loses no digit."""
_SHORTEST: Final = 1e-3
"""Smallest L h, which keeps the tail probabilities' rounding below 1e-13 of the stretch."""


@dataclass(frozen=True)
class Generator:
    """Hazards between states that are passed through in one direction.

    Parameters
    ----------
    moves : sequence of (int, int, ndarray)
        From which state to which, and the hazard per month, shape (n,) or more
        dimensions; each at most once.
    exits : ndarray, shape (states, n, ...)
        Hazard per month of the event in each state.
    """

    moves: Sequence[tuple[int, int, Floats]]
    exits: Floats


def advance(occupied: Floats, generator: Generator, width: float) -> tuple[Floats, Floats]:
    """Return state probabilities after a stretch of constant hazards, and the time spent.

    Parameters
    ----------
    occupied : ndarray, shape (states, n, ...)
        Probability of each transient state at the beginning.
    generator : Generator
        Hazards.
    width : float
        Length of the stretch, months.

    Returns
    -------
    occupied : ndarray, shape (states, n, ...)
        Probability of each transient state at the end.
    months : ndarray, shape (states, n, ...)
        Expected months in each state; times its exit hazard, the probability of the event there.

    Examples
    --------
    >>> alone = Generator((), np.array([[0.1, 0.2]]))
    >>> after, months = advance(np.ones((1, 2)), alone, 10.0)
    >>> after[0].round(6).tolist(), months[0].round(6).tolist()
    ([0.367879, 0.135335], [6.321206, 4.323324])
    """
    leaving = generator.exits.copy()
    for source, _, rate in generator.moves:
        leaving[source] += rate
    fastest = np.maximum(leaving.max(axis=0), _SHORTEST / width)
    stretches = max(1, ceil(float(fastest.max()) * width / _LONGEST))
    stay = 1.0 - leaving / fastest
    moves = [(source, target, rate / fastest) for source, target, rate in generator.moves]
    total = np.zeros_like(occupied)
    for _ in range(stretches):
        occupied, months = _sums(occupied, stay, moves, fastest, width / stretches)
        total += months
    return occupied, total


def _sums(
    term: Floats,
    stay: Floats,
    moves: Sequence[tuple[int, int, Floats]],
    fastest: Floats,
    width: float,
) -> tuple[Floats, Floats]:
    expected = fastest * width
    weight, beyond = np.exp(-expected), -np.expm1(-expected)
    after, months = weight * term, beyond * term
    # In place: in a loop of few operations on arrays in the cache, new arrays cost the most.
    term, following, product = term.copy(), np.empty_like(term), np.empty_like(term)
    for number in range(1, terms(float(expected.max()))):
        np.multiply(stay, term, out=following)
        for source, target, share in moves:
            following[target] += np.multiply(share, term[source], out=product[0])
        term, following = following, term
        weight *= np.divide(expected, number, out=product[0])
        beyond -= weight
        np.maximum(beyond, 0.0, out=beyond)
        after += np.multiply(weight, term, out=product)
        months += np.multiply(beyond, term, out=product)
    return after, months / fastest


def terms(expected: float) -> int:
    """Return how many terms leave out less than 1e-13 of a Poisson distribution.

    Parameters
    ----------
    expected : float
        Its mean.

    Returns
    -------
    int
        At least 1.

    Examples
    --------
    >>> terms(0.1), terms(1.0)
    (9, 16)
    """
    weight = exp(-expected)
    left, number = 1.0 - weight, 1
    while left > _LEFT_OUT:
        weight *= expected / number
        left -= weight
        number += 1
        if number > expected and weight < _LEFT_OUT:
            break
    return number
