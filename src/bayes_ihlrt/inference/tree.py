"""The result's contract: the groups that draws of any engine are put into."""

from collections.abc import Mapping

import pymc as pm
import xarray as xr

from bayes_ihlrt.inference.density import pointwise_density


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
