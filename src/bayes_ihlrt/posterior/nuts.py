"""NUTS through nutpie: compile a graph once, sample it as often as its data change.

References
----------
Hoffman MD, Gelman A. The No-U-Turn Sampler. J Mach Learn Res 2014;15:1593-1623.
"""

from importlib.metadata import version
from time import perf_counter
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
import nutpie
import pymc as pm
import xarray as xr
from numpy.typing import NDArray
from nutpie.compile_pymc import CompiledPyMCModel

from bayes_ihlrt.names import COVARIATE, Engine
from bayes_ihlrt.posterior.tree import assemble
from bayes_ihlrt.spec.sampler import SamplerSpec

_COMPILED: Final[WeakKeyDictionary[pm.Model, CompiledPyMCModel]] = WeakKeyDictionary()
_TARGET: Final = 0.9
_TARGET_OF_WALKS: Final = 0.99
_STATS: Final = ("diverging", "tree_depth", "step_size", "energy", "lp", "acceptance_rate")
_RENAME: Final = {
    "depth": "tree_depth",
    "logp": "lp",
    "mean_tree_accept": "acceptance_rate",
}


def sample(
    model: pm.Model, settings: SamplerSpec | None = None, *, progress: bool = False
) -> xr.DataTree:
    """Draw from a model's posterior by NUTS.

    The first call compiles the model. Later calls with the same model object reuse the compiled
    function with whatever values its `pm.Data` hold then: change outcomes, patient weights or
    prior hyperparameters by ``pm.set_data`` and sample again.

    Parameters
    ----------
    model : pymc.Model
        A graph made by `build_model`.
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
    bayes_ihlrt.posterior.gate.check_convergence : Refuses draws that are not to be trusted.
    """
    settings = settings or SamplerSpec()
    compiled = _with_current_data(model)
    began = perf_counter()
    drawn = nutpie.sample(
        compiled,
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        target_accept=settings.target_accept or _target_accept(model),
        seed=settings.seed,
        save_warmup=False,
        progress_bar=progress,
    )
    return _assemble(model, drawn, settings, seconds=perf_counter() - began)


def compile_model(model: pm.Model) -> CompiledPyMCModel:
    """Compile a model's density and gradient, once for the life of the model object.

    Parameters
    ----------
    model : pymc.Model
        A graph made by `build_model`.

    Returns
    -------
    nutpie.CompiledPyMCModel
        What `sample` runs; later calls return the same object.
    """
    compiled = _COMPILED.get(model)
    if compiled is None:
        compiled = nutpie.compile_pymc_model(
            model, initial_points=_starting_points(model), jitter_rvs=_scattered(model)
        )
        _COMPILED[model] = compiled
    return compiled


def _target_accept(model: pm.Model) -> float:
    """Return the acceptance rate to tune to: random walks take small steps at large scales.

    Of 30 piecewise fits of 300 patients 19 had divergent transitions at 0.9, 4 at 0.95, none at
    0.99.
    """
    return _TARGET_OF_WALKS if "walk_step" in model.named_vars else _TARGET


def _starting_points(model: pm.Model) -> dict[str, NDArray[np.float64]]:
    """Start exponentials of parameters at 1: the mean of a vague prior may be a shape of 1,000."""
    free = (str(variable.name) for variable in model.free_RVs)
    dims = {name: model.named_vars_to_dims.get(name, ()) for name in free}
    return {
        name: np.ones([len(model.coords[dim]) for dim in own])
        for name, own in dims.items()
        if name.startswith("exp_") and name not in model.coords[COVARIATE]
    }


def _scattered(model: pm.Model) -> set[Any]:
    """Scatter the chains' starts by up to 1, but for coefficients, which have units.

    A coefficient of 1 per year of age multiplies hazards by exp(30): a chain would not return.
    """
    steady = {f"{prefix}{name}" for name in model.coords[COVARIATE] for prefix in ("", "exp_")}
    return {variable for variable in model.free_RVs if variable.name not in steady}


def _with_current_data(model: pm.Model) -> CompiledPyMCModel:
    compiled = compile_model(model)
    used = {variable.name for variable in compiled.shared_var_keys}
    values = {v.name: v.get_value() for v in model.data_vars if v.name in used}
    return compiled.with_data(**values)


def _assemble(
    model: pm.Model, drawn: xr.DataTree, settings: SamplerSpec, *, seconds: float
) -> xr.DataTree:
    """Put the groups of the package's contract together."""
    raw = drawn["sample_stats"].to_dataset()
    stats = raw.rename({old: new for old, new in _RENAME.items() if old in raw})
    attrs = {
        "inference_library": "nutpie",
        "inference_library_version": version("nutpie"),
        "engine": Engine.NUTS.value,
        "seed": settings.seed,
        "tune": settings.tune,
        "sampling_seconds": seconds,
    }
    kept = stats[[name for name in _STATS if name in stats]]
    return assemble(model, drawn["posterior"].to_dataset(), kept, attrs=attrs)
