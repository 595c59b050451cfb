"""A posterior by the batched engine that shares compiled functions with its neighbours."""

import xarray as xr

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.inference.engines import outcome_engine
from bayes_ihlrt.inference.fitted import FittedModel, fit_model
from bayes_ihlrt.inference.gate import check_convergence
from bayes_ihlrt.inference.laplace import resampled
from bayes_ihlrt.inference.limits import MAX_K_HAT
from bayes_ihlrt.inference.settings import SamplerSpec
from bayes_ihlrt.model.build import prepare
from bayes_ihlrt.model.spec import ModelSpec
from bayes_ihlrt.names import Engine


def fit_shared(
    spec: ModelSpec, person_time: PersonTime, settings: SamplerSpec, *, fall_back: bool = True
) -> FittedModel:
    """Fit a model by the batched engine, and by NUTS where that is not good enough.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    person_time : PersonTime
        Rows, months.
    settings : SamplerSpec
        Draws, chains, seed.
    fall_back : bool
        Draw by NUTS where k-hat is too high; otherwise that is an error.

    Returns
    -------
    FittedModel
        ``tree.attrs["engine"]`` says which engine drew; without log-likelihood by patient for
        the batched engine.

    Raises
    ------
    ConvergenceError
        The effective sample size of the approximation is too small, or NUTS was needed and its
        draws are not to be trusted.
    """
    prepared = prepare(spec, person_time)
    shared = outcome_engine(prepared)
    members = shared.members({"weight": prepared.arrays.data["weight"][None]})
    found = shared.engine.posteriors(members, draws=settings.total, seed=settings.seed)
    k_hat = float(found.diagnostics["k_hat"][0])
    if not k_hat <= MAX_K_HAT and not fall_back:
        problem = f"the Laplace approximation does not hold (Pareto k-hat {k_hat:.2f})"
        raise ConvergenceError(problem, "Choose the flexible baseline in [outcome.hazard]")
    if not k_hat <= MAX_K_HAT:
        nuts = settings.model_copy(update={"engine": Engine.NUTS})
        return fit_model(spec, person_time, nuts)
    posterior, stats = resampled(found, settings)
    tree = xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})
    tree.attrs = {
        "engine": Engine.LAPLACE.value,
        "seed": settings.seed,
    }
    return FittedModel(prepared, person_time, tree, check_convergence(tree))
