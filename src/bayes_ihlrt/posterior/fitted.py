"""Fits of a model: the specification bound to its data, and the draws of the engine chosen for it.

The engine that draws from a posterior is chosen here and nowhere else. Fits by the batched engine
share compiled functions with their neighbours.
"""

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.compiled import CompiledModel, compile_model
from bayes_ihlrt.batch.result import POSITION
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.limits import MAX_K_HAT
from bayes_ihlrt.model.prepared import PreparedModel, prepare
from bayes_ihlrt.names import Engine
from bayes_ihlrt.plain import short_repr
from bayes_ihlrt.posterior import nuts
from bayes_ihlrt.posterior.laplace import resampled, sample_laplace
from bayes_ihlrt.posterior.quality import Quality, check_convergence
from bayes_ihlrt.posterior.tree import constrained
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.sampler import SamplerSpec


def sample(
    compiled: CompiledModel, settings: SamplerSpec | None = None, *, progress: bool = False
) -> xr.DataTree:
    """Draw from a model's posterior.

    Parameters
    ----------
    compiled : CompiledModel
        Model and data. Change outcomes, patient weights or prior hyperparameters by
        `CompiledModel.changed` and sample again: nothing is compiled anew.
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
    bayes_ihlrt.posterior.quality.check_convergence : Refuses draws that are not to be trusted.

    Examples
    --------
    With ``prepared``, a constant hazard of the heart transplants (see `prepare`):

    >>> tree = sample(compile_model(prepared), SamplerSpec(engine="laplace", draws=250))
    >>> tree["log_likelihood"]["time"].dims
    ('chain', 'draw', 'patient')
    """
    settings = settings or SamplerSpec()
    match settings.engine:
        case Engine.NUTS:
            return nuts.sample(compiled, settings, progress=progress)
        case Engine.LAPLACE:
            return sample_laplace(compiled, settings)


def compile_programs(compiled: CompiledModel, settings: SamplerSpec) -> None:
    """Compile what `sample` will run, where that takes seconds; at once if it is compiled already.

    Parameters
    ----------
    compiled : CompiledModel
        Model and data.
    settings : SamplerSpec
        Engine and number of chains.
    """
    if settings.engine is Engine.NUTS:
        nuts.compile_chains(compiled, settings)


Floats = NDArray[np.float64]


@short_repr("person_time", "convergence.verdict")
@dataclass(frozen=True)
class FittedModel:
    """A posterior with everything needed to interpret it.

    Parameters
    ----------
    prepared : PreparedModel
        Specification, encoder, hazard and priors.
    person_time : PersonTime
        The rows that were fitted.
    tree : xarray.DataTree
        Draws and their diagnostics.
    convergence : Quality
        How good the draws are, by the engine that drew them.
    reference : ndarray, shape (samples,), optional
        Log relative hazard of the patient whose hazard the baseline is; of covariates all 0 if
        left out. Predictors are relative to it.

    Examples
    --------
    With ``result = run_fit(load_spec("primary"), "ihlrt_synthetic")`` and ``fit = result.fit``:

    >>> fit.posterior["ihlrt"].dims, fit.coefficients.shape
    (('chain', 'draw'), (4000, 5))
    >>> sorted(fit.baseline)
    ['log_rate', 'log_shape']
    """

    prepared: PreparedModel
    person_time: PersonTime
    tree: xr.DataTree
    convergence: Quality
    reference: Floats | None = None

    @property
    def posterior(self) -> xr.Dataset:
        """The posterior draws, dimensions ``chain, draw, ...``."""
        return self.tree["posterior"].to_dataset()

    @cached_property
    def _drawn(self) -> xr.Dataset:
        """The same, made once: it is asked for by every draw of every estimand."""
        return self.posterior

    @cached_property
    def spent(self) -> dict[tuple[float, bytes], Floats]:
        """Baseline cumulative hazards that `estimands.averaging.spent` remembers."""
        return {}

    def __getstate__(self) -> dict[str, object]:
        """Return the parameters alone: what is remembered is made again."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def draws(self, name: str) -> Floats:
        """Return a parameter's draws with chain and draw joined, shape (samples, ...)."""
        values = self._drawn[name].to_numpy()
        return values.reshape(-1, *values.shape[2:]).astype(np.float64)

    @property
    def coefficients(self) -> Floats:
        """Log hazard ratios in the order of the design matrix, shape (samples, covariates)."""
        columns = self.prepared.encoder.columns
        samples = self._drawn.sizes["chain"] * self._drawn.sizes["draw"]
        if not columns:
            return np.empty((samples, 0))
        return np.stack([self.draws(name) for name in columns], axis=1)

    @property
    def baseline(self) -> dict[str, Floats]:
        """Parameters of the baseline hazard, shape (samples,) or (samples, intervals)."""
        return {name: self.draws(name) for name in self.prepared.hazard.parameters}


def fit_model(
    spec: ModelSpec,
    person_time: PersonTime,
    settings: SamplerSpec | None = None,
    *,
    allow_nonconverged: bool = False,
    progress: bool = False,
) -> FittedModel:
    """Fit a model to person-time, by NUTS unless the settings say otherwise.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    person_time : PersonTime
        Rows, months.
    settings : SamplerSpec, optional
        Engine, draws, chains, seed.
    allow_nonconverged : bool
        Return draws that did not converge instead of raising.
    progress : bool
        Show a progress bar.

    Returns
    -------
    FittedModel
        The posterior.

    Raises
    ------
    SpecificationError
        When specification and data do not fit together.
    ConvergenceError
        When the draws are not to be trusted.

    Examples
    --------
    >>> from bayes_ihlrt.analysis.check import check_analysis
    >>> from bayes_ihlrt.spec.read import load_spec
    >>> checked = check_analysis(load_spec("heart"), "heart")
    >>> quick = SamplerSpec(engine="laplace", draws=250)
    >>> fit = fit_model(checked.spec.model, checked.person_time, quick)
    >>> fit.posterior["transplant"].shape
    (4, 250)
    """
    prepared = prepare(spec, person_time)
    tree = sample(compile_model(prepared), settings, progress=progress)
    found = check_convergence(tree, allow_nonconverged=allow_nonconverged)
    return FittedModel(prepared, person_time, tree, found)


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
    shared = compile_model(prepared)
    members = shared.members({"weight": prepared.arrays.data["weight"][None]})
    found = shared.engine.posteriors(
        members, keep=(POSITION,), draws=settings.total, seed=settings.seed
    )
    k_hat = float(found.diagnostics["k_hat"][0])
    if not k_hat <= MAX_K_HAT and not fall_back:
        problem = f"the Laplace approximation does not hold (Pareto k-hat {k_hat:.2f})"
        raise ConvergenceError(problem, "Choose the flexible baseline in [outcome.hazard]")
    if not k_hat <= MAX_K_HAT:
        nuts = settings.model_copy(update={"engine": Engine.NUTS})
        return fit_model(spec, person_time, nuts)
    positions, stats = resampled(found, settings)
    posterior = constrained(shared, positions)
    tree = xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})
    tree.attrs = {
        "engine": Engine.LAPLACE.value,
        "seed": settings.seed,
    }
    return FittedModel(prepared, person_time, tree, check_convergence(tree))
