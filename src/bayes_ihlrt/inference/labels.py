"""Arrays of a graph's parameters with the graph's own dimensions."""

from collections.abc import Mapping, Sequence

import numpy as np
import pymc as pm
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.inference.batch_result import MEMBER


def labelled(
    model: pm.Model, values: Mapping[str, ArrayLike], leading: tuple[str, ...]
) -> xr.Dataset:
    """Return parameters as a dataset.

    Parameters
    ----------
    model : pymc.Model
        The graph.
    values : mapping of str to array_like
        Parameters on their own scale, by name.
    leading : tuple of str
        Dimensions before those of the parameter, e.g. ``("draw",)``.

    Returns
    -------
    xarray.Dataset
        Dimensions `leading` and those of the graph, with its coordinates.
    """
    arrays = {}
    for name, array in values.items():
        found = np.asarray(array)
        own = model.named_vars_to_dims.get(name) or [
            f"{name}_dim_{axis}" for axis in range(found.ndim - len(leading))
        ]
        arrays[name] = ((*leading, *map(str, own)), found)
    used = {dim for dims, _ in arrays.values() for dim in dims}
    coords = {dim: list(model.coords[dim]) for dim in used & set(model.coords)}
    return xr.Dataset(arrays, coords=coords)


def of_members(
    model: pm.Model,
    values: Mapping[str, ArrayLike],
    members: NDArray[np.int64],
    places: NDArray[np.int64],
    *dims: str,
) -> xr.Dataset:
    """Return parameters of those members of a batch that succeeded.

    Parameters
    ----------
    model : pymc.Model
        The graph.
    values : mapping of str to array_like, shape (turn, ...)
        Parameters on their own scale, by name.
    members : ndarray, shape (succeeded,)
        Numbers of the members.
    places : ndarray, shape (succeeded,)
        Their places in `values`.
    *dims : str
        Dimensions between ``member`` and those of the parameter.

    Returns
    -------
    xarray.Dataset
        Dimension ``member``, `dims` and those of the graph.
    """
    chosen = {name: np.asarray(array)[places] for name, array in values.items()}
    return labelled(model, chosen, (MEMBER, *dims)).assign_coords({MEMBER: members})


def kept_names(model: pm.Model, keep: Sequence[str]) -> tuple[str, ...]:
    """Return the parameters whose draws are kept.

    Parameters
    ----------
    model : pymc.Model
        The graph.
    keep : sequence of str
        Names; all when empty.

    Returns
    -------
    tuple of str
        Names of the graph.

    Raises
    ------
    SpecificationError
        The graph has no such parameter.
    """
    known = [str(variable.name) for variable in model.unobserved_RVs]
    faults = [
        Fault(f"'{name}'", "the model has no such parameter", nearest(name, known))
        for name in keep
        if name not in known
    ]
    if faults:
        raise SpecificationError("batch, keep", faults)
    return tuple(keep) or tuple(known)
