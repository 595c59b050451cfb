"""NUTS of compiled models: one posterior by several chains, or those of many data sets.

Chains run beside each other on the cores of the machine, a few steps a call, so that an interrupt
is noticed and progress is told.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from threading import Event
from time import perf_counter
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.chains import (
    MOST_STEPS,
    STATS,
    ChainPrograms,
    Place,
    chain_programs,
    first_state,
    schedule,
)
from bayes_ihlrt.batch.compiled import CompiledModel
from bayes_ihlrt.batch.density import JaxDensity
from bayes_ihlrt.limits import available_cores
from bayes_ihlrt.names import Engine
from bayes_ihlrt.posterior.tree import SAMPLE, assemble, constrained, describe_nothing
from bayes_ihlrt.spec.sampler import SamplerSpec

type Arrays = Mapping[str, jax.Array]
type Floats = NDArray[np.float64]
type Advanced = Callable[[int], None]

_TARGET: Final = 0.9
_TARGET_OF_WALKS: Final = 0.99
_SPREAD: Final = 1.5
"""Standard deviation of the chains' starts, in posterior standard deviations."""
_A_CALL: Final = 0.25
"""Seconds that a call aims at: what an interrupt waits for."""
_FIRST_STEPS: Final = 10


@dataclass(frozen=True, eq=False)
class Chains:
    """Chains of one posterior.

    Parameters
    ----------
    positions : ndarray, shape (chains, draws, dims)
        Unconstrained.
    stats : xarray.Dataset
        ``diverging``, ``tree_depth``, ``step_size``, ``energy``, ``lp`` and ``acceptance_rate``
        over ``chain, draw``.
    """

    positions: Floats
    stats: xr.Dataset


def sample(
    compiled: CompiledModel, settings: SamplerSpec | None = None, *, progress: bool = False
) -> xr.DataTree:
    """Draw from a model's posterior by NUTS.

    Parameters
    ----------
    compiled : CompiledModel
        Model and data.
    settings : SamplerSpec, optional
        Draws, chains, seed.
    progress : bool
        Show a progress bar.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior``, ``sample_stats``, ``log_likelihood`` (by patient), ``log_prior``,
        ``observed_data`` and ``constant_data``; dimensions ``chain, draw, patient, ...``.

    See Also
    --------
    bayes_ihlrt.posterior.quality.check_convergence : Refuses draws that are not to be trusted.
    """
    settings = settings or SamplerSpec()
    began = perf_counter()
    with _progress(settings, shown=progress) as advanced:
        drawn = draw_chains(compiled, settings, advanced=advanced)
    attrs = {
        "inference_library": "blackjax",
        "inference_library_version": version("blackjax"),
        "engine": Engine.NUTS.value,
        "seed": settings.seed,
        "tune": settings.tune,
        "sampling_seconds": perf_counter() - began,
    }
    return assemble(compiled, drawn.positions, drawn.stats, attrs=attrs)


def compile_chains(compiled: CompiledModel, settings: SamplerSpec) -> None:
    """Compile what `sample` runs, on every core; at once where it is compiled already.

    Parameters
    ----------
    compiled : CompiledModel
        Model and data.
    settings : SamplerSpec
        Number of chains.
    """
    tasks = [(_placed, compiled, settings), (_idle, compiled), (describe_nothing, compiled)]
    _in_threads(tasks, Event())


def sample_parameters(compiled: CompiledModel, settings: SamplerSpec) -> xr.DataTree:
    """Draw by NUTS, and return nothing but ``posterior`` and ``sample_stats``.

    Parameters
    ----------
    compiled : CompiledModel
        Model and data.
    settings : SamplerSpec
        Draws, chains, seed.

    Returns
    -------
    xarray.DataTree
        For refits of which only the draws are read.
    """
    drawn = draw_chains(compiled, settings)
    return _parameters(compiled, drawn)


def sample_many(
    compiled: list[CompiledModel], settings: SamplerSpec, *, seeds: list[int]
) -> list[xr.DataTree]:
    """Draw the posteriors of many data sets of one structure, as many at a time as there are cores.

    Parameters
    ----------
    compiled : list of CompiledModel
        Model and data; those of the same shapes share a program.
    settings : SamplerSpec
        Draws and chains.
    seeds : list of int
        One for each.

    Returns
    -------
    list of xarray.DataTree
        ``posterior`` and ``sample_stats`` of each, in order.
    """
    stop = Event()

    def one(model: CompiledModel, seed: int) -> Chains:
        own = settings.model_copy(update={"seed": seed})
        placed = _placed(model, own)
        parts = [_run(model, placed, own, chain, stop, None) for chain in range(own.chains)]
        return _joined(parts)

    tasks = [(one, model, seed) for model, seed in zip(compiled, seeds, strict=True)]
    drawn = _in_threads(tasks, stop)
    return [_parameters(model, chains) for model, chains in zip(compiled, drawn, strict=True)]


def draw_chains(
    compiled: CompiledModel, settings: SamplerSpec, *, advanced: Advanced | None = None
) -> Chains:
    """Run the chains of one posterior.

    Parameters
    ----------
    compiled : CompiledModel
        Model and data.
    settings : SamplerSpec
        Draws, chains, seed.
    advanced : callable, optional
        Told how many steps some chain has taken more.

    Returns
    -------
    Chains
        Warm-up left out.
    """
    stop = Event()
    placed = _in_threads([(_placed, compiled, settings)], Event())[0]
    tasks = [
        (_run, compiled, placed, settings, chain, stop, advanced)
        for chain in range(settings.chains)
    ]
    return _joined(_in_threads(tasks, stop))


@dataclass(frozen=True, eq=False)
class _Placed:
    programs: ChainPrograms
    data: Arrays
    place: Place
    starts: jax.Array


def _placed(compiled: CompiledModel, settings: SamplerSpec) -> _Placed:
    programs = chain_programs(compiled.engine.kernels)
    data = {name: jnp.asarray(values) for name, values in compiled.data.items()}
    start = jnp.asarray(compiled.density.start)
    shape = (settings.chains, len(compiled.density.start))
    whitened = _SPREAD * np.random.default_rng(settings.seed).normal(size=shape)
    return _Placed(programs, data, *programs.place(data, start, jnp.asarray(whitened)))


def _idle(compiled: CompiledModel) -> None:
    """Advance a chain by no step."""
    programs, dims = chain_programs(compiled.engine.kernels), len(compiled.density.start)
    data = {name: jnp.asarray(values) for name, values in compiled.data.items()}
    place = Place(jnp.zeros(dims), jnp.eye(dims))
    steps = (jnp.asarray(0), jnp.asarray(0), jnp.asarray(np.zeros((MOST_STEPS, 3), np.int64)))
    key = jax.random.fold_in(jax.random.key(0), 0)
    programs.advance(data, place, first_state(jnp.zeros(dims)), key, steps, jnp.asarray(_TARGET))


def _run(
    compiled: CompiledModel,
    placed: _Placed,
    settings: SamplerSpec,
    number: int,
    stop: Event,
    advanced: Advanced | None,
) -> tuple[Floats, Floats]:
    """Run one chain; return its positions and statistics after warm-up."""
    target = jnp.asarray(settings.target_accept or _target_accept(compiled.density))
    table = schedule(settings.tune, settings.draws)
    chain = first_state(placed.starts[number])
    key = jax.random.fold_in(jax.random.key(settings.seed), number)
    positions = np.empty((len(table), compiled.density.start.size))
    stats = np.empty((len(table), len(STATS)))
    done, size = 0, _FIRST_STEPS
    while done < len(table) and not stop.is_set():
        count, began = min(size, len(table) - done), perf_counter()
        rows = np.full((MOST_STEPS, table.shape[1]), 0)
        rows[:count] = table[done : done + count]
        steps = (jnp.asarray(done), jnp.asarray(count), jnp.asarray(rows))
        chain, kept = placed.programs.advance(placed.data, placed.place, chain, key, steps, target)
        positions[done : done + count] = np.asarray(kept.positions)[:count]
        stats[done : done + count] = np.asarray(kept.stats)[:count]
        done += count
        # The first call may have compiled, which says nothing of steps.
        a_step = (perf_counter() - began) / count
        size = MOST_STEPS if done == count else int(np.clip(_A_CALL / a_step, 1, MOST_STEPS))
        if advanced is not None:
            advanced(count)
    return positions[settings.tune :], stats[settings.tune :]


def _in_threads(tasks: list[tuple[Any, ...]], stop: Event) -> list[Any]:
    """Run tasks on every core; an interrupt is noticed here while JAX computes in the threads."""
    pool = ThreadPoolExecutor(min(len(tasks), available_cores()))
    try:
        futures: list[Future[Any]] = [pool.submit(*task) for task in tasks]
        for future in as_completed(futures):
            future.result()
        return [future.result() for future in futures]
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _joined(parts: list[tuple[Floats, Floats]]) -> Chains:
    positions, stats = (np.stack(arrays) for arrays in zip(*parts, strict=True))
    coords = {name: np.arange(size) for name, size in zip(SAMPLE, positions.shape[:2], strict=True)}
    columns = {name: (SAMPLE, stats[..., place]) for place, name in enumerate(STATS)}
    found = xr.Dataset(columns, coords=coords)
    found["diverging"] = found["diverging"].astype(bool)
    found["tree_depth"] = found["tree_depth"].astype(np.int64)
    return Chains(positions, found)


def _parameters(compiled: CompiledModel, drawn: Chains) -> xr.DataTree:
    tree = xr.DataTree.from_dict(
        {"posterior": constrained(compiled, drawn.positions), "sample_stats": drawn.stats}
    )
    tree.attrs = {"engine": Engine.NUTS.value, "sample_dims": list(SAMPLE)}
    return tree


def _target_accept(density: JaxDensity) -> float:
    """Return the acceptance rate to tune to: random walks take small steps at large scales.

    Of 30 random walks of 100 patients, 4 chains of 1,000 + 1,000, 3 had divergent transitions at
    0.9, 1 at 0.95, none at 0.99, which takes a quarter more time.
    """
    return _TARGET_OF_WALKS if "walk_step" in density.model.named_vars else _TARGET


@contextmanager
def _progress(settings: SamplerSpec, *, shown: bool) -> Iterator[Advanced | None]:
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        total = settings.chains * (settings.tune + settings.draws)
        task = bar.add_task("sampling", total=total)
        yield lambda count: bar.advance(task, count)
