"""The treatment's hazard ratio as a function of the modifier."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.estimands.population import cohort_rows
from bayes_ihlrt.inference.fitted import FittedModel

Floats = NDArray[np.float64]


def log_hazard_ratio(fit: FittedModel, at: Sequence[float] | Floats | None = None) -> xr.DataArray:
    """Return the conditional log hazard ratio of treatment, by modifier value.

    b_A + b_Az z(m) for modifier value m; where treatment interacts with further covariates, their
    part is averaged over the cohort's patients within each draw. Centre-specific slopes are
    averaged likewise. A conditional hazard ratio is not collapsible: differences in survival and
    restricted mean survival are the primary estimands.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    at : sequence of float, optional
        Modifier values on the scale of the data; without them the cohort's own values.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw`` and, with `at`, the modifier's name. Below 0: the hazard is
        lowered.

    Raises
    ------
    SpecificationError
        When the model has no treatment, or `at` is given for a model without modifier.

    Examples
    --------
    With ``result = run_fit(load_spec("primary"), "ihlrt_synthetic")`` and ``fit = result.fit``:

    >>> log_hazard_ratio(fit, at=[2.0, 3.0, 5.0]).dims
    ('chain', 'draw', 'nlr')
    >>> at_reference = log_hazard_ratio(fit, at=[3.0]).squeeze("nlr")
    >>> bool(abs(at_reference - fit.posterior["ihlrt"]).max() < 1e-12)
    True
    """
    spec = fit.prepared.spec
    if spec.treatment is None or (at is not None and spec.modifier is None):
        missing = "treatment" if spec.treatment is None else "modifier"
        raise SpecificationError(
            "hazard ratio",
            [Fault("model", f"it has no {missing}", f"Add [{missing}] to the specification")],
        )
    chains, draws = fit.posterior.sizes["chain"], fit.posterior.sizes["draw"]
    if at is None or spec.modifier is None:
        return xr.DataArray(_contrast(fit, None).reshape(chains, draws), dims=("chain", "draw"))
    values = np.stack([_contrast(fit, float(value)) for value in at], axis=-1)
    return xr.DataArray(
        values.reshape(chains, draws, len(at)),
        dims=("chain", "draw", spec.modifier.name),
        coords={spec.modifier.name: np.asarray(at, dtype=np.float64)},
    )


def _contrast(fit: FittedModel, modifier_at: float | None) -> Floats:
    """Average over patients, shape (samples,); being linear, of the design and not of the draws."""
    encoder, treatment = fit.prepared.encoder, str(fit.prepared.spec.treatment)
    rows = cohort_rows(fit, modifier_at=modifier_at)
    patients = len(rows["patient"])
    states = [{**rows, treatment: np.full(patients, state)} for state in (0.0, 1.0)]
    untreated, treated = (encoder.design(state) for state in states)
    contrast = fit.coefficients @ (treated - untreated).mean(axis=0)
    for term in encoder.spec.outcome.groups:
        if term.slope is not None:
            before, after = (encoder.slope_values(state, term.slope) for state in states)
            slopes = fit.draws(f"{term.group}_effect:{term.slope}")
            level = encoder.group_index(rows, term.group)
            shares = np.bincount(level, after - before, minlength=slopes.shape[1]) / patients
            contrast = contrast + slopes @ shares
    return np.asarray(contrast)
