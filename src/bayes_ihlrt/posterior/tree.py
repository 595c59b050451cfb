"""The result's contract: the groups that draws of any engine and their densities are put into.

The log-likelihood is told by patient and the log-prior by parameter, for every draw, of the
compiled model itself.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.compiled import CompiledModel
from bayes_ihlrt.limits import available_cores

Floats = NDArray[np.float64]
SAMPLE: Final = ("chain", "draw")
_AT_A_TIME: Final = 250
_MOST_NUMBERS: Final = 2_000_000
"""Log-likelihoods that one call holds at most."""


def assemble(
    compiled: CompiledModel, positions: Floats, stats: xr.Dataset, *, attrs: Mapping[str, object]
) -> xr.DataTree:
    """Put draws, their densities and the data together.

    Parameters
    ----------
    compiled : CompiledModel
        Model and data.
    positions : ndarray, shape (chains, draws, dims)
        Unconstrained.
    stats : xarray.Dataset
        What the engine says of its draws.
    attrs : mapping of str to object
        Engine, library, seed.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior``, ``sample_stats``, ``log_likelihood`` (by patient), ``log_prior``,
        ``observed_data`` and ``constant_data``.
    """
    shape = positions.shape[:2]
    units, unit = len(compiled.coords[compiled.unit]), compiled.unit
    parameters: dict[str, Floats] = {}
    prior: dict[str, Floats] = {}
    likelihood = np.empty((shape[0] * shape[1], units))
    for first, part in _described(compiled, positions.reshape(-1, positions.shape[-1])):
        last = first + len(part[1])
        likelihood[first:last] = part[1]
        for store, found in ((parameters, part[0]), (prior, part[2])):
            for name, values in found.items():
                whole = store.setdefault(name, np.empty((len(likelihood), *values.shape[1:])))
                whole[first:last] = values
    tree = xr.DataTree.from_dict(
        {
            "posterior": _labelled(compiled, parameters, shape),
            "sample_stats": stats,
            "observed_data": _observed(compiled, unit),
            "constant_data": _constant(compiled, unit),
            "log_likelihood": _labelled(compiled, {"time": likelihood}, shape),
            "log_prior": _labelled(compiled, prior, shape),
        }
    )
    tree.attrs = {**attrs, "sample_dims": list(SAMPLE)}
    return tree


def constrained(compiled: CompiledModel, positions: Floats) -> xr.Dataset:
    """Return every parameter on its own scale.

    Parameters
    ----------
    compiled : CompiledModel
        Model and data.
    positions : ndarray, shape (chains, draws, dims)
        Unconstrained.

    Returns
    -------
    xarray.Dataset
        Dimensions ``chain, draw`` and those of the parameter.
    """
    flat = jnp.asarray(positions.reshape(-1, positions.shape[-1]))
    data = {name: jnp.asarray(values) for name, values in compiled.data.items()}
    found = compiled.engine.kernels.own_scale(data, {}, flat)
    values = {name: np.asarray(array) for name, array in found.items()}
    return _labelled(compiled, values, positions.shape[:2])


def describe_nothing(compiled: CompiledModel) -> None:
    """Compile what describes draws."""
    for _ in _described(compiled, compiled.density.start[None]):
        pass


type _Part = tuple[dict[str, Floats], Floats, dict[str, Floats]]


def _described(compiled: CompiledModel, positions: Floats) -> Iterator[tuple[int, _Part]]:
    """Describe draws in parts of one size, of which memory holds few, several at a time."""
    units = len(compiled.coords[compiled.unit])
    size = int(np.clip(_MOST_NUMBERS // units, 10, _AT_A_TIME))
    data = {name: jnp.asarray(values) for name, values in compiled.data.items()}

    def one(first: int) -> tuple[int, _Part]:
        part = positions[first : first + size]
        filled = np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])
        found = compiled.engine.kernels.describe(data, jnp.asarray(filled))
        cut: _Part = jax.tree.map(lambda values: np.asarray(values)[: len(part)], tuple(found))
        return first, (cut[0], cut[1][:, :units], cut[2])

    with ThreadPoolExecutor(available_cores()) as pool:
        yield from pool.map(one, range(0, len(positions), size))


def _labelled(
    compiled: CompiledModel, values: Mapping[str, Floats], shape: tuple[int, ...]
) -> xr.Dataset:
    known, arrays = compiled.density.model.named_vars_to_dims, {}
    for name, array in values.items():
        own = known.get(name) or [f"{name}_dim_{axis}" for axis in range(array.ndim - 1)]
        arrays[name] = ((*SAMPLE, *map(str, own)), array.reshape(*shape, *array.shape[1:]))
    used = {dim for dims, _ in arrays.values() for dim in dims[2:]}
    coords: dict[str, object] = {
        dim: np.arange(size) for dim, size in zip(SAMPLE, shape, strict=True)
    }
    coords |= {dim: list(labels) for dim, labels in compiled.coords.items() if dim in used}
    return xr.Dataset(arrays, coords=coords)


def _observed(compiled: CompiledModel, unit: str) -> xr.Dataset:
    labels = list(compiled.coords[unit])
    times = compiled.data["exit_time"][: len(labels)]
    return xr.Dataset({"time": (unit, times)}, coords={unit: labels})


def _constant(compiled: CompiledModel, unit: str) -> xr.Dataset:
    labels = list(compiled.coords[unit])
    hyper = list(compiled.coords["hyperparameter"])
    return xr.Dataset(
        {
            "weight": (unit, compiled.data["weight"][: len(labels)]),
            "hyperparameters": ("hyperparameter", compiled.data["hyperparameters"]),
        },
        coords={unit: labels, "hyperparameter": hyper},
    )
