"""A fitted model: the specification bound to its data, and the draws."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.inference.gate import Diagnosis, check_convergence
from bayes_ihlrt.inference.sampling import sample
from bayes_ihlrt.inference.settings import SamplerSpec
from bayes_ihlrt.model.build import PreparedModel, build_graph, prepare
from bayes_ihlrt.model.spec import ModelSpec

Floats = NDArray[np.float64]


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
    convergence : Convergence, Approximation or WeightedDiagnosis
        Worst diagnostics, by the engine that drew.
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
    convergence: Diagnosis
    reference: Floats | None = None

    @property
    def posterior(self) -> xr.Dataset:
        """The posterior draws, dimensions ``chain, draw, ...``."""
        return self.tree["posterior"].to_dataset()

    def draws(self, name: str) -> Floats:
        """Return a parameter's draws with chain and draw joined, shape (samples, ...)."""
        values = self.posterior[name].to_numpy()
        return values.reshape(-1, *values.shape[2:]).astype(np.float64)

    @property
    def coefficients(self) -> Floats:
        """Log hazard ratios in the order of the design matrix, shape (samples, covariates)."""
        columns = self.prepared.encoder.columns
        samples = self.posterior.sizes["chain"] * self.posterior.sizes["draw"]
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
    >>> from bayes_ihlrt.analysis.checking import check_analysis
    >>> from bayes_ihlrt.analysis.reading import load_spec
    >>> checked = check_analysis(load_spec("heart"), "heart")
    >>> quick = SamplerSpec(engine="laplace", draws=250)
    >>> fit = fit_model(checked.spec.model, checked.person_time, quick)
    >>> fit.posterior["transplant"].shape
    (4, 250)
    """
    prepared = prepare(spec, person_time)
    tree = sample(build_graph(prepared), settings, progress=progress)
    found = check_convergence(tree, allow_nonconverged=allow_nonconverged)
    return FittedModel(prepared, person_time, tree, found)
