"""The result's contract: the groups that draws of any engine and their densities are put into.

The log-likelihood is told by patient and the log-prior by parameter, for every draw of the graph
itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
import pymc as pm
import xarray as xr
from numpy.typing import NDArray
from pymc.model.transform.conditioning import remove_value_transforms

_SAMPLE: Final = ("chain", "draw")


@dataclass(frozen=True)
class PointwiseDensity:
    """A model's log-density, term by term, compiled once.

    Parameters
    ----------
    untransformed : pymc.Model
        The model with parameters on their own scale, so that densities carry no Jacobian.
    function : callable
        Maps values of the free variables, arrays of float64, to the log-density of each observed
        and free variable.
    """

    untransformed: pm.Model
    function: Any

    def evaluate(self, model: pm.Model, posterior: xr.Dataset) -> dict[str, xr.Dataset]:
        """Return the groups ``log_likelihood`` and ``log_prior`` of some draws.

        Parameters
        ----------
        model : pymc.Model
            The model whose data are current.
        posterior : xarray.Dataset
            Draws of its free variables.

        Returns
        -------
        dict of str to xarray.Dataset
            Dimensions ``chain, draw`` and those of the variable.
        """
        for data in model.data_vars:
            self.untransformed[data.name].set_value(data.get_value())
        clone = self.untransformed
        draws = [
            np.ascontiguousarray(posterior[value.name].to_numpy(), dtype=np.float64)
            for value in clone.value_vars
        ]
        chains, length = posterior.sizes["chain"], posterior.sizes["draw"]
        stores: list[NDArray[np.float64]] = []
        for sample in range(chains * length):
            at = (*divmod(sample, length), ...)
            terms = self.function(*(values[at] for values in draws))
            if not stores:
                stores = [np.empty((chains, length, *np.shape(term))) for term in terms]
            for store, term in zip(stores, terms, strict=True):
                store[at] = term
        names = [variable.name for variable in (*clone.observed_RVs, *clone.free_RVs)]
        values = dict(zip(names, stores, strict=True))
        coords: dict[Any, Any] = dict(posterior.coords) | _unit_coords(model)
        return {
            "log_likelihood": _dataset(model, {"time": values.pop("time")}, coords),
            "log_prior": _dataset(model, values, coords),
        }


_DENSITIES: Final[WeakKeyDictionary[pm.Model, PointwiseDensity]] = WeakKeyDictionary()


def pointwise_density(model: pm.Model) -> PointwiseDensity:
    """Compile a model's pointwise log-density, once for the life of the model object.

    Parameters
    ----------
    model : pymc.Model
        A graph made by `build_model`.

    Returns
    -------
    PointwiseDensity
        Later calls return the same object.
    """
    found = _DENSITIES.get(model)
    if found is None:
        clone = remove_value_transforms(model)
        variables = [*clone.observed_RVs, *clone.free_RVs]
        # One call: each goes through the rewrites of the whole graph.
        terms = clone.logp(vars=variables, sum=False)
        function = clone.compile_fn(
            terms, inputs=clone.value_vars, point_fn=False, on_unused_input="ignore"
        )
        # Checking what a draw is takes longer than its density.
        function.trust_input = True
        found = PointwiseDensity(clone, function)
        _DENSITIES[model] = found
    return found


def _unit_coords(model: pm.Model) -> dict[str, list[str]]:
    unit = str(model.named_vars_to_dims["time"][0])
    return {unit: list(model.coords[unit])}


def _dataset(
    model: pm.Model, values: Mapping[str, NDArray[np.float64]], coords: Mapping[Any, Any]
) -> xr.Dataset:
    arrays = {}
    for name, array in values.items():
        named = model.named_vars_to_dims.get(name)
        own = named or [f"{name}_dim_{axis}" for axis in range(array.ndim - 2)]
        arrays[name] = ((*_SAMPLE, *map(str, own)), array)
    used = {dim for dims, _ in arrays.values() for dim in dims}
    return xr.Dataset(arrays, coords={name: c for name, c in coords.items() if name in used})


def assemble(
    model: pm.Model, posterior: xr.Dataset, stats: xr.Dataset, *, attrs: Mapping[str, object]
) -> xr.DataTree:
    """Put draws, their densities and the data together.

    Parameters
    ----------
    model : pymc.Model
        The model whose data are current.
    posterior : xarray.Dataset
        Draws of all its variables, dimensions ``chain, draw, ...``.
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
    visible = [variable.name for variable in model.unobserved_RVs]
    tree = xr.DataTree.from_dict(
        {
            "posterior": posterior[visible],
            "sample_stats": stats,
            "observed_data": _observed(model),
            "constant_data": _constant(model),
            **pointwise_density(model).evaluate(model, posterior),
        }
    )
    tree.attrs = {**attrs, "sample_dims": ["chain", "draw"]}
    return tree


def _observed(model: pm.Model) -> xr.Dataset:
    unit = model.named_vars_to_dims["time"][0]
    labels = list(model.coords[unit])
    return xr.Dataset({"time": (unit, model["exit_time"].get_value())}, coords={unit: labels})


def _constant(model: pm.Model) -> xr.Dataset:
    unit = model.named_vars_to_dims["time"][0]
    labels = list(model.coords[unit])
    hyper = list(model.coords["hyperparameter"])
    return xr.Dataset(
        {
            "weight": (unit, model["weight"].get_value()),
            "hyperparameters": ("hyperparameter", model["hyperparameters"].get_value()),
        },
        coords={unit: labels, "hyperparameter": hyper},
    )
