"""Which engine draws from a posterior: the one place where it is chosen."""

from collections.abc import Callable
from typing import Final, cast

import pymc as pm
import xarray as xr

from bayes_ihlrt._lazy import lazy_names
from bayes_ihlrt.inference import nuts
from bayes_ihlrt.inference.settings import SamplerSpec
from bayes_ihlrt.names import Engine

# JAX is loaded by those who ask for it.
_LAPLACE: Final = "bayes_ihlrt.inference.laplace"
_load, _ = lazy_names(__name__, {"sample_laplace": _LAPLACE, "batch_engine": _LAPLACE})


def sample(
    model: pm.Model, settings: SamplerSpec | None = None, *, progress: bool = False
) -> xr.DataTree:
    """Draw from a model's posterior.

    The first call compiles the model. Later calls with the same model object reuse the compiled
    function with whatever values its `pm.Data` hold then: change outcomes, patient weights or
    prior hyperparameters by ``pm.set_data`` and sample again.

    Parameters
    ----------
    model : pymc.Model
        A graph made by `build_model`.
    settings : SamplerSpec, optional
        Engine, draws, chains, seed.
    progress : bool
        Show the progress bar of NUTS; the Laplace engine takes seconds and has none.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior``, ``sample_stats``, ``log_likelihood`` (by patient), ``log_prior``,
        ``observed_data`` and ``constant_data``; dimensions ``chain, draw, patient, ...``. The
        attribute ``engine`` says what drew them.

    Raises
    ------
    ConvergenceError
        The Laplace engine found no posterior mode.

    See Also
    --------
    bayes_ihlrt.inference.gate.check_convergence : Refuses draws that are not to be trusted.

    Examples
    --------
    With ``prepared``, a constant hazard of the heart transplants (see `prepare`):

    >>> from bayes_ihlrt.model.build import build_graph
    >>> tree = sample(build_graph(prepared), SamplerSpec(engine="laplace", draws=250))
    >>> tree["log_likelihood"]["time"].dims
    ('chain', 'draw', 'patient')
    """
    settings = settings or SamplerSpec()
    match settings.engine:
        case Engine.NUTS:
            return nuts.sample(model, settings, progress=progress)
        case Engine.LAPLACE:
            draw = cast("Callable[[pm.Model, SamplerSpec], xr.DataTree]", _load("sample_laplace"))
            return draw(model, settings)


def compile_model(model: pm.Model, settings: SamplerSpec) -> None:
    """Compile a model for an engine, once for the life of the model object.

    Parameters
    ----------
    model : pymc.Model
        A graph made by `build_model`.
    settings : SamplerSpec
        Which engine.
    """
    match settings.engine:
        case Engine.NUTS:
            nuts.compile_model(model)
        case Engine.LAPLACE:
            convert = cast("Callable[[pm.Model], object]", _load("batch_engine"))
            convert(model)
