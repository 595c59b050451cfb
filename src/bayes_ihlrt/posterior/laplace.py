"""One posterior by the batched engine, with the result's contract of NUTS.

The Laplace approximation is drawn from and weighed (`importance`), and the weighted draws are
resampled to equal weights, so that whatever reads draws of NUTS reads these.
"""

from importlib.metadata import version
from time import perf_counter
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
import pymc as pm
import xarray as xr

from bayes_ihlrt.batch.density import jax_density
from bayes_ihlrt.batch.engine import BatchEngine
from bayes_ihlrt.batch.importance import resample
from bayes_ihlrt.batch.result import DRAW, MEMBER, WEIGHT, BatchPosterior
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.names import Engine
from bayes_ihlrt.posterior.tree import assemble
from bayes_ihlrt.spec.sampler import SamplerSpec

_SAMPLE: Final = ("chain", "draw")
_ENGINES: Final[WeakKeyDictionary[pm.Model, BatchEngine]] = WeakKeyDictionary()


def batch_engine(model: pm.Model) -> BatchEngine:
    """Convert a graph for batches, once for the life of the model object.

    Parameters
    ----------
    model : pymc.Model
        A graph made by `build_model`.

    Returns
    -------
    BatchEngine
        With the data that the model holds now; later calls share its compiled functions.
    """
    found = _ENGINES.get(model)
    if found is None:
        found = BatchEngine(jax_density(model))
        _ENGINES[model] = found
    return found.with_data({str(each.name): each.get_value() for each in model.data_vars})


def sample_laplace(model: pm.Model, settings: SamplerSpec) -> xr.DataTree:
    """Draw from the Laplace approximation of a posterior, corrected by importance weights.

    The first call compiles the model. Later calls with the same model object reuse the compiled
    functions with whatever values its `pm.Data` hold then.

    Parameters
    ----------
    model : pymc.Model
        A graph made by `build_model`.
    settings : SamplerSpec
        Draws, chains (equal parts of the draws) and seed.

    Returns
    -------
    xarray.DataTree
        The groups of `sample`. ``sample_stats`` holds ``k_hat``, ``ess``, ``log_evidence`` (of the
        Laplace approximation) and the ``log_weight`` that each draw had before resampling.

    Raises
    ------
    ConvergenceError
        There is no posterior mode to begin with.
    """
    engine = batch_engine(model)
    members = {"weight": engine.data["weight"][None]}
    began = perf_counter()
    found = engine.posteriors(members, draws=settings.total, seed=settings.seed)
    seconds = perf_counter() - began
    if len(found.failed):
        message = (
            "the posterior is not to be trusted: no mode was found from "
            f"{int(found.diagnostics['tries'][0])} starts, so there is nothing to approximate"
        )
        remedy = "Set engine = 'nuts' in [sampler], state tighter priors, or simplify the model"
        raise ConvergenceError(message, remedy)
    posterior, stats = resampled(found, settings)
    attrs = {
        "inference_library": "jax",
        "inference_library_version": version("jax"),
        "engine": Engine.LAPLACE.value,
        "seed": settings.seed,
        "sampling_seconds": seconds,
    }
    return assemble(model, posterior, stats, attrs=attrs)


def resampled(found: BatchPosterior, settings: SamplerSpec) -> tuple[xr.Dataset, xr.Dataset]:
    """Return draws of equal weight by chain and draw, and what is known of them."""
    only = found.draws.isel({MEMBER: 0}, drop=True)
    weights = only[WEIGHT].to_numpy()
    picked = resample(weights[None], draws=settings.total, seed=settings.seed)[0]
    shape = (settings.chains, settings.draws)
    coords = {"chain": np.arange(settings.chains), "draw": np.arange(settings.draws)}
    arrays = {
        str(name): (
            (*_SAMPLE, *map(str, values.dims[1:])),
            values.to_numpy()[picked].reshape(*shape, *values.shape[1:]),
        )
        for name, values in only.transpose(DRAW, ...).drop_vars(WEIGHT).items()
    }
    posterior = xr.Dataset(arrays, coords={**only.coords, **coords})
    diagnostics = found.diagnostics.isel({MEMBER: 0}, drop=True)
    stats = xr.Dataset(
        {
            **{name: diagnostics[name] for name in ("k_hat", "ess", "log_evidence")},
            "log_weight": (_SAMPLE, np.log(weights[picked]).reshape(shape)),
        },
        coords=coords,
    )
    return posterior, stats
