"""Arrays of a graph's parameters with the graph's own dimensions."""

from collections.abc import Mapping

import numpy as np
import pymc as pm
import xarray as xr
from numpy.typing import ArrayLike


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
