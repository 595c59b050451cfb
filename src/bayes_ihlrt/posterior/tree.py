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
LIKELIHOODS_KEPT: Final = 50_000_000
"""Draws x patients of which the log-likelihood is kept: 400 MB, in memory and in its file."""


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
        Groups ``posterior``, ``sample_stats``, ``log_prior``, ``observed_data``,
        ``constant_data`` and, of up to 50 million draws x patients, ``log_likelihood`` (by
        patient).
    """
    shape = positions.shape[:2]
    samples, unit = shape[0] * shape[1], compiled.unit
    likely = samples * len(compiled.coords[unit]) <= LIKELIHOODS_KEPT
    stores: dict[str, dict[str, Floats]] = {"posterior": {}, "log_likelihood": {}, "log_prior": {}}
    flat = positions.reshape(-1, positions.shape[-1])
    for first, part in _described(compiled, flat, likely=likely):
        for store, found in zip(stores.values(), part, strict=True):
            for name, values in found.items():
                whole = store.setdefault(name, np.empty((samples, *values.shape[1:])))
                whole[first : first + len(values)] = values
    groups = {
        name: _labelled(compiled, store, shape)
        for name, store in stores.items()
        if likely or name != "log_likelihood"
    }
    tree = xr.DataTree.from_dict(
        {
            "posterior": groups.pop("posterior"),
            "sample_stats": stats,
            "observed_data": _observed(compiled, unit),
            "constant_data": _constant(compiled, unit),
            **groups,
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
    for _ in _described(compiled, compiled.density.start[None], likely=True):
        pass


type _Part = tuple[dict[str, Floats], dict[str, Floats], dict[str, Floats]]


def _described(
    compiled: CompiledModel, positions: Floats, *, likely: bool
) -> Iterator[tuple[int, _Part]]:
    """Describe draws in parts of one size, of which memory holds few, several at a time."""
    units = len(compiled.coords[compiled.unit])
    size = int(np.clip(_MOST_NUMBERS // units, 10, _AT_A_TIME))
    data = {name: jnp.asarray(values) for name, values in compiled.data.items()}

    def one(first: int) -> tuple[int, _Part]:
        part = positions[first : first + size]
        filled = np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])
        found = compiled.engine.kernels.describe(data, jnp.asarray(filled), likely=likely)
        cut = jax.tree.map(lambda values: np.asarray(values)[: len(part)], tuple(found))
        likelihood = {} if cut[1] is None else {"time": cut[1][:, :units]}
        return first, (cut[0], likelihood, cut[2])

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
