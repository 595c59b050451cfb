"""Which members of a batch are still to be done, in chunks of one shape, and with which starts."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import jax
import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault, SpecificationError, nearest

Floats = NDArray[np.float64]
type Members = Mapping[str, NDArray[np.generic]]

RESTARTS: Final = 3
"""Further starts for a member whose first one fails."""

FROM_FALLBACK: Final = 2
"""First attempt that begins around the graph's own start instead of the given one."""

_JITTER: Final = (0.0, 0.5, 0.05, 0.5)
"""Scatter of each attempt; half a unit is far for the coefficient of a covariate like age."""

_MOST: Final = {"cpu": 512, "gpu": 32_768, "tpu": 32_768}
"""Members at work at a time, in all threads together, which bounds memory."""
_WORKING_SET: Final = {"cpu": 4_000_000, "gpu": 2_000_000_000, "tpu": 2_000_000_000}
"""Bytes of rows x dimensions that a chunk works on: a core's cache, or part of a GPU's memory."""


@dataclass(frozen=True)
class Turn:
    """Members that are run together.

    Parameters
    ----------
    members : ndarray of int, shape (chunk,)
        Their numbers; the last one is repeated to fill a chunk.
    fresh : ndarray of bool, shape (chunk,)
        False for repetitions.
    starts : ndarray, shape (chunk, dims)
        Unconstrained starts; NaN for repetitions.
    """

    members: NDArray[np.int64]
    fresh: NDArray[np.bool_]
    starts: Floats


@dataclass
class Roster:
    """The members of a batch and how far each has come.

    Parameters
    ----------
    total : int
        Number of members.
    fallback : ndarray, shape (dims,)
        Where the last starts are scattered around, should those around the first fail.
    converged : ndarray of bool, shape (total,)
        Those that are done.
    tries : ndarray of int, shape (total,)
        Starts that each has used.
    """

    total: int
    fallback: Floats
    converged: NDArray[np.bool_] = field(init=False)
    tries: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        """Nobody is done."""
        self.converged = np.zeros(self.total, dtype=bool)
        self.tries = np.zeros(self.total, dtype=np.int64)

    def run[T](
        self,
        work: Callable[[Turn], T],
        start: Floats | None,
        *,
        chunk: int,
        seed: int,
        threads: int,
    ) -> list[T]:
        """Work through all turns, several at a time: JAX frees the interpreter while it computes.

        Parameters
        ----------
        work : callable
            What to do with a turn; it calls `record`.
        start : ndarray, optional
            As for `rounds`; the fallback by default.
        chunk, seed : int
            As for `rounds`.
        threads : int
            Turns at a time.

        Returns
        -------
        list
            What the turns gave, in their order.
        """
        with ThreadPoolExecutor(threads) as pool:
            begin = self.fallback if start is None else start
            rounds = self.rounds(begin, chunk=chunk, seed=seed)
            return [found for turns in rounds for found in pool.map(work, turns)]

    def rounds(self, start: Floats, *, chunk: int, seed: int) -> Iterator[list[Turn]]:
        """Yield everybody once, then those who failed from other starts.

        Parameters
        ----------
        start : ndarray, shape (dims,) or (total, dims)
            First start, one for all or one for each.
        chunk : int
            Members of a turn.
        seed : int
            Of the jitter of further starts, which depends on the member alone.

        Yields
        ------
        list of Turn
            In any order or at the same time; call `record` for each before the next round.
        """
        each = np.broadcast_to(start, (self.total, start.shape[-1]))
        for attempt in range(1 + RESTARTS):
            waiting = np.flatnonzero(~self.converged)
            turns = []
            for first in range(0, len(waiting), chunk):
                chosen = waiting[first : first + chunk]
                members = _filled(chosen, chunk)
                starts = each[members] if attempt < FROM_FALLBACK else self.fallback
                if attempt:
                    starts = starts + np.stack([_jitter(m, attempt, seed, start) for m in members])
                fresh = np.arange(chunk) < len(chosen)
                # Without a density at its start a repetition ends at once.
                starts = np.where(fresh[:, None], starts, np.nan)
                turns.append(Turn(members, fresh, starts))
            yield turns

    def record(self, turn: Turn, good: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Note who succeeded.

        Parameters
        ----------
        turn : Turn
            From `rounds`.
        good : ndarray of bool, shape (chunk,)
            Success of each place of the turn.

        Returns
        -------
        ndarray of int
            Places of the turn that are new successes.
        """
        self.tries[turn.members[turn.fresh]] += 1
        places = np.flatnonzero(good & turn.fresh)
        self.converged[turn.members[places]] = True
        return places


def _filled(chosen: NDArray[np.int64], chunk: int) -> NDArray[np.int64]:
    return np.concatenate([chosen, np.full(chunk - len(chosen), chosen[-1])])


def _jitter(member: int, attempt: int, seed: int, start: Floats) -> Floats:
    rng = np.random.default_rng([seed, int(member), attempt])
    return np.asarray(_JITTER[attempt] * rng.standard_normal(start.shape[-1]))


def take(members: Members, chosen: NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
    """Return the data of some members; those of neighbours without a copy."""
    first, last = int(chosen[0]), int(chosen[-1])
    if np.array_equal(chosen, np.arange(first, last + 1)):
        return {name: values[first : last + 1] for name, values in members.items()}
    return {name: values[chosen] for name, values in members.items()}


def count_members(members: Members, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Return the number of members, or every fault of their data.

    Parameters
    ----------
    members : mapping of str to ndarray
        Data that vary.
    shapes : mapping of str to tuple of int
        Shape of each array of the graph.

    Returns
    -------
    int
        Length of the leading axis.

    Raises
    ------
    SpecificationError
        Nothing varies, a name is unknown, a shape differs, or lengths differ.
    """
    faults = []
    for name, values in members.items():
        if name not in shapes:
            problem = f"the graph has no data of this name; it has {', '.join(sorted(shapes))}"
            faults.append(Fault(f"'{name}'", problem, nearest(name, shapes)))
        elif values.shape[1:] != shapes[name]:
            problem = f"a member has shape {values.shape[1:]}, the graph needs {shapes[name]}"
            faults.append(Fault(f"'{name}'", problem, "Pad rows with zero exposure"))
    lengths = {name: len(values) for name, values in members.items()}
    if len(set(lengths.values())) != 1:
        told = ", ".join(f"{name} {n}" for name, n in lengths.items()) or "nothing varies"
        faults.append(Fault("members", f"need one common length; found {told}", "Align them"))
    if faults:
        raise SpecificationError("batch", faults)
    return next(iter(lengths.values()))


def chunk_size(
    total: int, shapes: Mapping[str, tuple[int, ...]], *, dims: int, threads: int = 1
) -> int:
    """Return how many members to run at a time on the device that JAX uses.

    Parameters
    ----------
    total : int
        Members in all.
    shapes : mapping of str to tuple of int
        Shape of each array of the graph, the longest by rows of person-time.
    dims : int
        Dimensions of a position.
    threads : int
        Chunks that run at the same time.

    Returns
    -------
    int
        At least 1, and at most a thread's share of `total`.
    """
    device = jax.default_backend()
    rows = max(max(shape, default=1) for shape in shapes.values())
    fitting = _WORKING_SET[device] // (8 * rows * (dims + 1))
    share, most = -(-total // threads), max(_MOST[device] // threads, 1)
    return int(np.clip(fitting, 1, min(share, most)))
