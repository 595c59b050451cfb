"""Units of work: blocks of trials that any process can run, with the same result.

They run here, on this machine's cores, or on a Dask cluster. Finished units are on disk, written
whole or not at all, and a later run finds them again and resumes there.
"""

import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import OPTION, Fault, InputError, MissingExtraError
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.limits import available_cores
from bayes_ihlrt.spec.scenario import ScenarioSpec
from bayes_ihlrt.spec.trial import TrialDesign
from bayes_ihlrt.storage.claims import replace_file
from bayes_ihlrt.trials.analysis import TrialAnalysis, build_analysis, engine_settings
from bayes_ihlrt.trials.simulator import BLOCK, Simulator
from bayes_ihlrt.trials.truth import DesignPrior, truth_source

UNIT_BLOCKS: Final = 4
"""Blocks of a unit, the least that is written to disk or sent to a worker."""
UNIT: Final = UNIT_BLOCKS * BLOCK
"""Trials of a unit."""

type Statistics = dict[str, NDArray[Any]]

_STATISTICS: Final = "4"
"""Changes with the columns of `Simulator.statistics`: a run never goes on from others."""
_KEPT: Final = 8
_PAUSE: Final = 0.02
"""Seconds between two looks for a finished unit."""
_LOOK: Final = 1.0
"""Seconds between two looks for workers."""
_ANALYSES: Final[OrderedDict[str, TrialAnalysis]] = OrderedDict()
_SIMULATORS: Final[OrderedDict[str, Simulator]] = OrderedDict()
_LOCK: Final = Lock()


@dataclass(frozen=True, eq=False)
class Task:
    """A design under a scenario with a seed: all that its trials depend on.

    Parameters
    ----------
    design : TrialDesign
        The design.
    scenario : ScenarioSpec
        The truth.
    seed : int
        Seed of all streams.
    prior : DesignPrior, optional
        Draws of the posterior that the scenario names.
    """

    design: TrialDesign
    scenario: ScenarioSpec
    seed: int
    prior: DesignPrior | None = None

    @property
    def fingerprint(self) -> str:
        """What tells the task's results from any other's; 16 hex digits.

        Design, scenario, seed, draws of a prior, the engine of the posteriors with its settings,
        and versions.
        """
        parts = [_STATISTICS, self.design.model_dump_json(), self.scenario.model_dump_json()]
        parts += [str(self.seed), engine_settings(self.design)]
        parts += [version(name) for name in ("bayes-ihlrt", "jax", "pymc")]
        digest = sha256("\n".join(parts).encode())
        if self.prior is not None:
            theta = [self.prior.theta[name] for name in sorted(self.prior.theta)]
            for values in (*theta, self.prior.modifier, self.prior.effect, self.prior.interaction):
                digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()[:16]


def simulator(task: Task) -> Simulator:
    """Return the simulator of a task, built once in a process.

    Parameters
    ----------
    task : Task
        Design, scenario, seed.

    Returns
    -------
    Simulator
        Scenarios of one design share its compiled model.
    """
    with _LOCK:
        key = task.fingerprint
        if key not in _SIMULATORS:
            source = truth_source(task.scenario, task.prior)
            _keep(_SIMULATORS, key, Simulator(_analysis(task.design), source, task.seed))
        return _SIMULATORS[key]


def _analysis(design: TrialDesign) -> TrialAnalysis:
    key = design.model_dump_json()
    if key not in _ANALYSES:
        _keep(_ANALYSES, key, build_analysis(design))
    return _ANALYSES[key]


def _keep[T](kept: OrderedDict[str, T], key: str, value: T) -> None:
    kept[key] = value
    while len(kept) > _KEPT:
        kept.popitem(last=False)


def run_unit(task: Task, unit: int) -> Statistics:
    """Simulate and analyse one unit of trials.

    Parameters
    ----------
    task : Task
        Design, scenario, seed.
    unit : int
        Trials unit x 1,024 to unit x 1,024 + 1,023.

    Returns
    -------
    dict of str to ndarray, leading axis trials
        See `Simulator.statistics`.
    """
    return unit_statistics(simulator(task), unit)


def unit_statistics(found: Simulator, unit: int) -> Statistics:
    """Simulate and analyse one unit of trials.

    Parameters
    ----------
    found : Simulator
        Of the task.
    unit : int
        Number of the unit.

    Returns
    -------
    dict of str to ndarray, leading axis trials
        See `Simulator.statistics`.
    """
    blocks = range(unit * UNIT_BLOCKS, (unit + 1) * UNIT_BLOCKS)
    return joined([found.statistics(found.block(number)) for number in blocks])


def joined(parts: list[Statistics]) -> Statistics:
    """Put the statistics of several blocks or units together."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


FOLDER: Final = "trials"
"""Where finished units lie below a plan's folder."""


@dataclass(frozen=True)
class Store:
    """A folder of finished units.

    Parameters
    ----------
    folder : Path
        Made when the first unit is written.
    writes : bool
        Whether finished units are kept; an archive is only read.
    """

    folder: Path
    writes: bool = True

    def path(self, fingerprint: str, unit: int) -> Path:
        """Return the file of a unit."""
        return self.folder / fingerprint / f"{unit:06d}.npz"

    def read(self, fingerprint: str, unit: int) -> Statistics | None:
        """Return a finished unit, or None where there is none that can be read.

        Parameters
        ----------
        fingerprint : str
            Of the task.
        unit : int
            Number of the unit.

        Returns
        -------
        dict of str to ndarray or None
            Its statistics.
        """
        path = self.path(fingerprint, unit)
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as found:
                return {name: found[name] for name in found.files}
        except (zipfile.BadZipFile, EOFError, ValueError, KeyError):
            # A disk that lost power may leave a torn file; the unit is simulated again.
            return None

    def write(self, fingerprint: str, unit: int, found: Statistics) -> None:
        """Write a finished unit.

        Parameters
        ----------
        fingerprint : str
            Of the task.
        unit : int
            Number of the unit.
        found : dict of str to ndarray
            Its statistics.
        """
        if not self.writes:
            return
        path = self.path(fingerprint, unit)
        # The stub takes names for options.
        replace_file(path, lambda file: np.savez(file, **found))  # type: ignore[arg-type]


type Progress = Callable[[int, int], None]
"""Called with the trials that are done and the trials in all."""


class Pool(Protocol):
    """Where units run."""

    @property
    def lost(self) -> int:
        """Workers that were lost; their units ran again on others."""
        ...

    def run(self, task: Task, units: Iterable[int]) -> Generator[tuple[int, Statistics]]:
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

    @property
    def lost(self) -> int:
        """None: threads live as long as their process."""
        return 0

    def run(self, task: Task, units: Iterable[int]) -> Generator[tuple[int, Statistics]]:
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
    patience : float
        Seconds without any worker after which a run is given up.
    """

    client: Any
    patience: float = 60.0
    _seen: set[str] = field(default_factory=set, init=False)
    _gone: set[str] = field(default_factory=set, init=False)

    @property
    def lost(self) -> int:
        """Workers that were lost; their units ran again on others."""
        return len(self._gone)

    def _look(self) -> bool:
        """Note which workers are gone, and return whether one is left."""
        here = set(self.client.nthreads())
        self._gone.update(self._seen - here)
        self._seen.update(here)
        return bool(here)

    def run(self, task: Task, units: Iterable[int]) -> Generator[tuple[int, Statistics]]:
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

        Raises
        ------
        InputError
            No worker is left.
        """
        from distributed import as_completed as as_finished

        # The task travels with every unit: data scattered to one worker would die with it.
        waiting = {
            self.client.submit(run_unit, task, unit, pure=False, retries=10): unit for unit in units
        }
        # With results: what is finished may be lost with its worker before it is fetched.
        finished = as_finished(list(waiting), loop=self.client.loop, with_results=True)
        try:
            while waiting:
                self._wait(finished, len(waiting))
                done, found = next(finished)
                unit = waiting.pop(done)
                done.release()
                yield unit, found
            self._look()
        finally:
            self.client.cancel(list(waiting))

    def _wait(self, finished: Any, missing: int) -> None:
        """Wait for the next unit, and raise where nobody is left to compute it."""
        last = looked = time.monotonic()
        self._look()
        while not finished.has_ready():
            time.sleep(_PAUSE)
            if (now := time.monotonic()) - looked < _LOOK:
                continue
            looked = now
            if self._look():
                last = now
            elif now - last > self.patience:
                raise _nobody(self.lost, missing)


def _nobody(lost: int, missing: int) -> InputError:
    what = counted(lost, "worker was", "workers were")
    left = counted(missing, "unit", "units")
    problem = f"no worker is left ({what} lost); {left} of {UNIT:,} trials are not computed"
    remedy = f"Start workers and run it again: given {OPTION}, it goes on from there"
    return InputError("plan", [Fault("the Dask cluster", problem, remedy, option="out")])


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
        raise MissingExtraError("distributed", "a run on a Dask cluster")
    from distributed import Client

    try:
        client = Client(scheduler, timeout="20s", set_as_default=False)
    except (OSError, ValueError) as error:
        problem = f"no Dask scheduler answers there ({str(error) or type(error).__name__})"
        remedy = "Start one with `dask scheduler`, and give its address, e.g. tcp://host:8786"
        fault = Fault(f"{OPTION}, {scheduler}", problem, remedy, option="scheduler")
        raise InputError("plan", [fault]) from error
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
        Told the trials that are done; what it raises ends the run.

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
        # Closed at once where `progress` raises: nothing that is left goes on computing.
        with closing(pool.run(task, missing)) as finished:
            for unit, table in finished:
                if store is not None:
                    store.write(fingerprint, unit, table)
                found[unit] = table
                tell(min(len(found) * UNIT, trials), trials)
    whole = joined([found[unit] for unit in units])
    return {name: values[:trials] for name, values in whole.items()}


def _say_nothing(done: int, total: int) -> None:
    del done, total
