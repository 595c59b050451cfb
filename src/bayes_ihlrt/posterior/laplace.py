"""One posterior by the batched engine, with the result's contract of NUTS.

The Laplace approximation is drawn from and weighed (`importance`), and the weighted draws are
resampled to equal weights, so that whatever reads draws of NUTS reads these.
"""

from importlib.metadata import version
from time import perf_counter

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.compiled import CompiledModel
from bayes_ihlrt.batch.importance import resample
from bayes_ihlrt.batch.result import MEMBER, POSITION, WEIGHT, BatchPosterior
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.names import Engine
from bayes_ihlrt.posterior.tree import SAMPLE, assemble
from bayes_ihlrt.spec.sampler import SamplerSpec

Floats = NDArray[np.float64]


def sample_laplace(compiled: CompiledModel, settings: SamplerSpec) -> xr.DataTree:
    """Draw from the Laplace approximation of a posterior, corrected by importance weights.

    Parameters
    ----------
    compiled : CompiledModel
        Model and data.
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
    members = {"weight": compiled.data["weight"][None]}
    began = perf_counter()
    found = compiled.engine.posteriors(
        members, keep=(POSITION,), draws=settings.total, seed=settings.seed
    )
    seconds = perf_counter() - began
    if len(found.failed):
        message = (
            "the posterior is not to be trusted: no mode was found from "
            f"{int(found.diagnostics['tries'][0])} starts, so there is nothing to approximate"
        )
        remedy = "Set engine = 'nuts' in [sampler], state tighter priors, or simplify the model"
        raise ConvergenceError(message, remedy)
    positions, stats = resampled(found, settings)
    attrs = {
        "inference_library": "jax",
        "inference_library_version": version("jax"),
        "engine": Engine.LAPLACE.value,
        "seed": settings.seed,
        "sampling_seconds": seconds,
    }
    return assemble(compiled, positions, stats, attrs=attrs)


def resampled(found: BatchPosterior, settings: SamplerSpec) -> tuple[Floats, xr.Dataset]:
    """Return positions of equal weight by chain and draw, and what is known of them."""
    weights = found.draws[WEIGHT].to_numpy()[0]
    picked = resample(weights[None], draws=settings.total, seed=settings.seed)[0]
    shape = (settings.chains, settings.draws)
    positions = found.draws[POSITION].isel({MEMBER: 0}).to_numpy()[picked]
    coords = {name: np.arange(size) for name, size in zip(SAMPLE, shape, strict=True)}
    diagnostics = found.diagnostics.isel({MEMBER: 0}, drop=True)
    stats = xr.Dataset(
        {
            **{name: diagnostics[name] for name in ("k_hat", "ess", "log_evidence")},
            "log_weight": (SAMPLE, np.log(weights[picked]).reshape(shape)),
        },
        coords=coords,
    )
    return positions.reshape(*shape, -1), stats
