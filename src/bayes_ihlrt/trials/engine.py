"""Run units here, on this machine's cores, or on a Dask cluster; resume what was finished."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

from bayes_ihlrt.errors import Fault, InputError, MissingExtraError
from bayes_ihlrt.inference.cores import available_cores
from bayes_ihlrt.trials.store import Store
from bayes_ihlrt.trials.units import UNIT, Statistics, Task, joined, run_unit, simulator

type Progress = Callable[[int, int], None]
"""Called with the trials that are done and the trials in all."""


class Pool(Protocol):
    """Where units run."""

    def run(self, task: Task, units: Iterable[int]) -> Iterator[tuple[int, Statistics]]:
        """Yield units with their statistics as they finish, in any order."""
        ...


@dataclass(frozen=True)
class LocalPool:
    """Threads of this process: JAX releases the interpreter while it computes.

    Parameters
    ----------
    workers : int
        Units at a time.
    """

    workers: int

    def run(self, task: Task, units: Iterable[int]) -> Iterator[tuple[int, Statistics]]:
        """Yield units with their statistics as they finish.

        Parameters
        ----------
        task : Task
            Design, scenario, seed.
        units : iterable of int
            Their numbers.

        Yields
        ------
        tuple of int and dict
            Number of the unit and its statistics.
        """
        simulator(task)
        with ThreadPoolExecutor(self.workers) as pool:
            waiting = {pool.submit(run_unit, task, unit): unit for unit in units}
            try:
                for done in as_completed(waiting):
                    yield waiting[done], done.result()
            finally:
                pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class DaskPool:
    """Workers of a Dask cluster; a unit whose worker dies runs again on another.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    """

    client: Any

    def run(self, task: Task, units: Iterable[int]) -> Iterator[tuple[int, Statistics]]:
        """Yield units with their statistics as they finish.

        Parameters
        ----------
        task : Task
            Design, scenario, seed.
        units : iterable of int
            Their numbers.

        Yields
        ------
        tuple of int and dict
            Number of the unit and its statistics.
        """
        from distributed import as_completed as as_finished

        # The task travels with every unit: data scattered to one worker would die with it.
        waiting = {
            self.client.submit(run_unit, task, unit, pure=False, retries=10): unit for unit in units
        }
        try:
            for done in as_finished(list(waiting), loop=self.client.loop):
                unit, found = waiting.pop(done), done.result()
                done.release()
                yield unit, found
        finally:
            self.client.cancel(list(waiting))


@contextmanager
def open_pool(scheduler: str | None = None, *, workers: int | None = None) -> Iterator[Pool]:
    """Give a place to run units.

    Parameters
    ----------
    scheduler : str, optional
        Address of a Dask scheduler, e.g. ``"tcp://10.0.0.5:8786"``; this process without it.
    workers : int, optional
        Units at a time in this process; one for each core by default.

    Yields
    ------
    Pool
        Closed afterwards; the cluster itself is left as it is.

    Raises
    ------
    MissingExtraError
        The extra ``distributed`` is not installed.
    InputError
        The scheduler does not answer.
    """
    if scheduler is None:
        yield LocalPool(workers or available_cores())
        return
    if find_spec("distributed") is None:
        raise MissingExtraError("distributed", "a run on a Dask cluster (--scheduler)")
    from distributed import Client

    try:
        client = Client(scheduler, timeout="20s", set_as_default=False)
    except (OSError, ValueError) as error:
        problem = f"no Dask scheduler answers there ({str(error) or type(error).__name__})"
        remedy = "Start one with `dask scheduler`, and give its address, e.g. tcp://host:8786"
        raise InputError("--scheduler", [Fault(scheduler, problem, remedy)]) from error
    try:
        yield DaskPool(client)
    finally:
        client.close()


def run_trials(
    task: Task,
    trials: int,
    *,
    pool: Pool,
    store: Store | None = None,
    progress: Progress | None = None,
) -> Statistics:
    """Simulate and analyse trials of a design under a scenario.

    The result depends on the task and the number of trials alone, not on the pool, and not on
    whether the run was interrupted: with a store, units that were finished are read again.

    Parameters
    ----------
    task : Task
        Design, scenario, seed.
    trials : int
        Number of trials.
    pool : Pool
        Where units run.
    store : Store, optional
        Where finished units are kept.
    progress : callable, optional
        Told the trials that are done.

    Returns
    -------
    dict of str to ndarray, leading axis trials
        See `Simulator.statistics`.
    """
    units = range(-(-trials // UNIT))
    fingerprint = task.fingerprint
    found: dict[int, Statistics] = {}
    if store is not None:
        kept = {unit: store.read(fingerprint, unit) for unit in units}
        found = {unit: table for unit, table in kept.items() if table is not None}
    tell = progress or _say_nothing
    tell(min(len(found) * UNIT, trials), trials)
    missing = [unit for unit in units if unit not in found]
    if missing:
        for unit, table in pool.run(task, missing):
            if store is not None:
                store.write(fingerprint, unit, table)
            found[unit] = table
            tell(min(len(found) * UNIT, trials), trials)
    whole = joined([found[unit] for unit in units])
    return {name: values[:trials] for name, values in whole.items()}


def _say_nothing(done: int, total: int) -> None:
    del done, total
