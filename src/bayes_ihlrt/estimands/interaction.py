"""The treatment's hazard ratio as a function of the modifier, and the hazards it is made of."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.estimands.population import cohort_rows
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.model.spec import ModifierSpec

Floats = NDArray[np.float64]
_ROWS: Final = 200_000
"""Rows that are encoded at once."""


def log_hazard_ratio(
    fit: FittedModel,
    at: Sequence[float] | Floats | None = None,
    *,
    weights: Floats | None = None,
) -> xr.DataArray:
    """Return the conditional log hazard ratio of treatment, by modifier value.

    b_A + b_Az z(m) for modifier value m; where treatment interacts with further covariates, their
    part is averaged over the patients within each draw. Centre-specific slopes are
    averaged likewise. A conditional hazard ratio is not collapsible: differences in survival and
    restricted mean survival are the primary estimands.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    at : sequence of float, optional
        Modifier values on the scale of the data; without them the cohort's own values.
    weights : ndarray, shape (patients,) or (samples, patients), optional
        What each patient weighs, e.g. `subgroup_weights`; equal weights by default.

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
    treatment, modifier = _parts(fit, modifier=at is not None)
    chains, draws = fit.posterior.sizes["chain"], fit.posterior.sizes["draw"]
    if at is None or modifier is None:
        values = _contrast(fit, treatment, None, weights)
        return xr.DataArray(values.reshape(chains, draws), dims=("chain", "draw"))
    values = _contrasts(fit, treatment, np.asarray(at, dtype=np.float64), weights)
    return xr.DataArray(
        values.reshape(chains, draws, len(at)),
        dims=("chain", "draw", modifier.name),
        coords={modifier.name: np.asarray(at, dtype=np.float64)},
    )


def joint_log_hazard(
    fit: FittedModel, at: Sequence[float], *, weights: Floats | None = None
) -> xr.DataArray:
    """Return the log hazard of untreated and treated patients at values of the modifier.

    Relative to untreated patients at the first value. All else is as in the patients, over whom it
    is averaged within each draw.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    at : sequence of float
        Modifier values on the scale of the data.
    weights : ndarray, shape (patients,) or (samples, patients), optional
        What each patient weighs; equal weights by default.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw``, the treatment's name (``"untreated"``, ``"treated"``) and the
        modifier's name; log hazard ratios.

    Raises
    ------
    SpecificationError
        When the model has no treatment or no modifier.
    """
    treatment, modifier = _parts(fit, modifier=True)
    name = "" if modifier is None else modifier.name
    strata = []
    for state in (0.0, 1.0):
        for value in at:
            rows = _in_state(cohort_rows(fit, modifier_at=float(value)), treatment, state)
            strata.append(mean_predictor(fit, rows, weights=weights))
    values = np.stack(strata, axis=-1)
    values = values - values[:, :1]
    chains, draws = fit.posterior.sizes["chain"], fit.posterior.sizes["draw"]
    return xr.DataArray(
        values.reshape(chains, draws, 2, len(at)),
        dims=("chain", "draw", treatment, name),
        coords={treatment: ["untreated", "treated"], name: np.asarray(at, dtype=np.float64)},
    )


def mean_predictor(fit: FittedModel, columns: Columns, *, weights: Floats | None = None) -> Floats:
    """Return the average linear predictor of some patients.

    Being linear, it is that of their average design: the draws are not taken patient by patient.
    Weights that differ from draw to draw give each draw an average design of its own.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    columns : mapping of str to ndarray, shape (patients,)
        Covariates on the scale of the data, and the treatment.
    weights : ndarray, shape (patients,) or (samples, patients), optional
        What each patient weighs; equal weights by default.

    Returns
    -------
    ndarray, shape (samples,)
        Log hazard ratios against the baseline hazard.
    """
    encoder = fit.prepared.encoder
    patients = len(columns["patient"])
    if weights is None:
        weights = np.ones(patients)
    shares = np.atleast_2d(weights / weights.sum(axis=-1, keepdims=True))
    mean: Floats = (fit.coefficients * (shares @ encoder.design(columns))).sum(axis=1)
    for term in encoder.spec.outcome.groups:
        effects = fit.draws(f"{term.group}_effect")
        level = encoder.group_index(columns, term.group)
        member = (level[:, None] == np.arange(effects.shape[1])).astype(np.float64)
        mean = mean + (effects * (shares @ member)).sum(axis=1)
        if term.slope is not None:
            slope = encoder.slope_values(columns, term.slope)
            of_slope = (shares * slope) @ member
            mean = mean + (fit.draws(f"{term.group}_effect:{term.slope}") * of_slope).sum(axis=1)
    return mean


def _parts(fit: FittedModel, *, modifier: bool) -> tuple[str, ModifierSpec | None]:
    spec = fit.prepared.spec
    if spec.treatment is None or (modifier and spec.modifier is None):
        missing = "treatment" if spec.treatment is None else "modifier"
        raise SpecificationError(
            "hazard ratio",
            [Fault("model", f"it has no {missing}", f"Add [{missing}] to the specification")],
        )
    return spec.treatment, spec.modifier


def _in_state(columns: Columns, treatment: str, state: float) -> Columns:
    return {**columns, treatment: np.full(len(columns["patient"]), state)}


def _contrasts(fit: FittedModel, treatment: str, values: Floats, weights: Floats | None) -> Floats:
    """Log hazard ratio at each value, shape (samples, values).

    The rows of many values are encoded at once: making a design matrix takes much longer than the
    matrix does.
    """
    encoder = fit.prepared.encoder
    rows = cohort_rows(fit)
    patients = len(rows["patient"])
    own = np.ones(patients) if weights is None else weights
    # Weights may differ by draw, shape (samples, patients).
    shares = np.atleast_2d(own / own.sum(axis=-1, keepdims=True))
    modifier = encoder.spec.modifier
    means = []
    for part in np.array_split(values, -(-len(values) * patients // _ROWS)):
        repeated = {name: np.tile(column, len(part)) for name, column in rows.items()}
        if modifier is not None:
            repeated[modifier.column] = np.repeat(part, patients)
        states = [_in_state(repeated, treatment, state) for state in (1.0, 0.0)]
        change = encoder.design(states[0]) - encoder.design(states[1])
        means.append(np.einsum("sp,vpk->svk", shares, change.reshape(len(part), patients, -1)))
    found: Floats = np.einsum("sk,svk->sv", fit.coefficients, _each(fit, np.concatenate(means, 1)))
    for term in encoder.spec.outcome.groups:
        if term.slope == treatment:
            level = encoder.group_index(rows, term.group)
            effects = fit.draws(f"{term.group}_effect:{term.slope}")
            member = (level[:, None] == np.arange(effects.shape[1])).astype(np.float64)
            found += (effects * (shares @ member)).sum(axis=1)[:, None]
    return found


def _each(fit: FittedModel, means: Floats) -> Floats:
    """One row of means for every sample, where all samples share one."""
    return np.broadcast_to(means, (len(fit.coefficients), *means.shape[1:]))


def _contrast(
    fit: FittedModel, treatment: str, modifier_at: float | None, weights: Floats | None
) -> Floats:
    rows = cohort_rows(fit, modifier_at=modifier_at)
    treated, untreated = (
        mean_predictor(fit, _in_state(rows, treatment, state), weights=weights)
        for state in (1.0, 0.0)
    )
    return treated - untreated
