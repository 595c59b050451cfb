"""The treatment's hazard ratio by modifier and by subgroup, and interaction on the additive scale.

Interaction on the additive scale comes from the hazards of the four strata of two exposures. With
HR_ij the hazard ratio of exposures i and j against the stratum without either,

    RERI = HR_11 - HR_10 - HR_01 + 1,  AP = RERI / HR_11,  S = (HR_11 - 1) / (HR_10 + HR_01 - 2).

They were made for exposures that harm. With one that protects they contradict each other, so the
stratum with the lowest hazard of all four becomes the reference and both exposures are turned
accordingly: both then harm [1]_.

In subgroups the hazard ratio is told as the model shrinks it, and by itself.

References
----------
.. [1] Knol MJ, VanderWeele TJ, Groenwold RHH, Klungel OH, Rovers MM, Grobbee DE. Eur J Epidemiol
   2011;26:433-438, doi 10.1007/s10654-011-9554-9.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.estimands.contrasts import probability
from bayes_ihlrt.estimands.population import cohort_rows, subgroup_labels, subgroup_weights
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.spec.model import ModifierSpec

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
        treated, untreated = _designs(fit, repeated, treatment)
        change = treated - untreated
        means.append(np.einsum("sp,vpk->svk", shares, change.reshape(len(part), patients, -1)))
    found: Floats = np.einsum("sk,svk->sv", fit.coefficients, _each(fit, np.concatenate(means, 1)))
    for term in encoder.spec.outcome.groups:
        if term.slope == treatment:
            level = encoder.group_index(rows, term.group)
            effects = fit.draws(f"{term.group}_effect:{term.slope}")
            member = (level[:, None] == np.arange(effects.shape[1])).astype(np.float64)
            found += (effects * (shares @ member)).sum(axis=1)[:, None]
    return found


def _designs(fit: FittedModel, columns: Columns, treatment: str) -> tuple[Floats, Floats]:
    """Return the design matrices with and without treatment, encoded at once."""
    states = [_in_state(columns, treatment, state) for state in (1.0, 0.0)]
    both = {name: np.concatenate([each[name] for each in states]) for name in states[0]}
    treated, untreated = np.split(fit.prepared.encoder.design(both), 2)
    return treated, untreated


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


_SAMPLE: Final = ("chain", "draw")


def additive_interaction(log_hazard: xr.DataArray, *, recode: bool = True) -> xr.Dataset:
    """Return RERI, attributable proportion and synergy index in each draw.

    Parameters
    ----------
    log_hazard : xarray.DataArray
        Dimensions ``chain, draw`` and one of length 2 for each exposure: the log hazard (or log
        odds) of the four strata, up to a constant.
    recode : bool
        Make the stratum with the lowest mean log hazard the reference, the same in every draw.
        Otherwise the first level of both exposures is.

    Returns
    -------
    xarray.Dataset
        ``reri``, ``ap`` and ``synergy`` over ``chain, draw``; the synergy index is NaN in draws in
        which HR_10 + HR_01 is not above 2. ``hr_11``, ``hr_10``, ``hr_01`` are the hazard ratios
        they are made of. Attributes: ``reference``, labels of the reference stratum by exposure;
        ``prob_reference``, how probable it is that this stratum has the lowest hazard.

    Raises
    ------
    SpecificationError
        When there are not two exposures with two levels each.

    Examples
    --------
    Oral cancer by smoking and alcohol (Rothman and Keller 1972), odds ratios as hazard ratios:

    >>> odds = np.log([[3 / 20, 8 / 18], [6 / 12, 225 / 166]])
    >>> strata = xr.DataArray(odds[None, None], dims=("chain", "draw", "smoker", "drinker"))
    >>> found = additive_interaction(strata)
    >>> [round(found[name].item(), 3) for name in ("reri", "ap", "synergy")]
    [3.74, 0.414, 1.87]
    """
    exposures = [str(dim) for dim in log_hazard.dims if dim not in _SAMPLE]
    if [log_hazard.sizes[name] for name in exposures] != [2, 2]:
        sizes = ", ".join(f"{name} {log_hazard.sizes[name]}" for name in exposures) or "none"
        problem = f"two exposures with two levels each are needed; found {sizes}"
        remedy = "Give dimensions chain, draw and one of length 2 for each exposure"
        raise SpecificationError("additive interaction", [Fault("log_hazard", problem, remedy)])
    strata = log_hazard.transpose(*_SAMPLE, *exposures)
    mean = strata.mean(_SAMPLE).to_numpy()
    first, second = np.unravel_index(int(mean.argmin()), (2, 2)) if recode else (0, 0)
    turned = strata.assign_coords({name: strata.get_index(name) for name in exposures}).isel(
        {exposures[0]: [first, 1 - first], exposures[1]: [second, 1 - second]}
    )
    ratio = np.exp(turned.to_numpy() - turned.to_numpy()[:, :, :1, :1])
    lowest = strata.to_numpy()[:, :, first, second] <= strata.to_numpy().min(axis=(2, 3))
    labels = {name: str(turned.get_index(name)[0]) for name in exposures}
    found = _measures(*(ratio[:, :, i, j] for i, j in ((1, 0), (0, 1), (1, 1))))
    certainty = float(probability(xr.DataArray(lowest, dims=_SAMPLE)))
    return found.assign_attrs(reference=labels, prob_reference=certainty)


def _measures(hr_10: np.ndarray, hr_01: np.ndarray, hr_11: np.ndarray) -> xr.Dataset:
    reri, apart = hr_11 - hr_10 - hr_01 + 1.0, hr_10 + hr_01 - 2.0
    synergy = np.full_like(apart, np.nan)
    np.divide(hr_11 - 1.0, apart, out=synergy, where=apart > 0.0)
    values = {"reri": reri, "ap": reri / hr_11, "synergy": synergy}
    values |= {"hr_10": hr_10, "hr_01": hr_01, "hr_11": hr_11}
    return xr.Dataset({name: (_SAMPLE, array) for name, array in values.items()})


SUBGROUP = "subgroup"


def subgroup_log_hazard_ratio(
    fit: FittedModel, columns: Sequence[str], *, weights: Floats | None = None
) -> xr.DataArray:
    """Return the log hazard ratio of treatment in every level of some columns.

    Averaged over the level's patients within each draw. Where the model has a group term with the
    treatment as slope, ``(1 + ihlrt | afp_high)``, the effects of its levels are shrunken towards
    each other by as much as the data ask for; without any such term or interaction, subgroups
    differ by nothing but what the model assumes.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    columns : sequence of str
        Columns of the person-time that define subgroups.
    weights : ndarray, shape (patients,) or (samples, patients), optional
        What each patient weighs within the subgroup; equal weights by default.

    Returns
    -------
    xarray.DataArray
        Dimensions ``chain, draw, subgroup``; subgroups are named ``"afp_high 1"``, or
        ``"centre-1"`` where the level says the column. NaN where nobody in it has a weight.

    Raises
    ------
    SpecificationError
        When there is no such column, or the model has no treatment.

    Examples
    --------
    >>> found = subgroup_log_hazard_ratio(fit, ["afp_high"])
    >>> found.dims
    ('chain', 'draw', 'subgroup')
    >>> found["subgroup"].values.tolist()
    ['afp_high 0', 'afp_high 1']
    """
    parts, names = [], []
    for column in columns:
        for level in sorted(set(subgroup_labels(fit, column))):
            own = subgroup_weights(fit, column, level)
            own = own if weights is None else own * weights
            known = bool((own.sum(axis=-1) > 0.0).all())
            found = log_hazard_ratio(fit, weights=own if known else None)
            parts.append(found if known else xr.full_like(found, np.nan))
            names.append(_name(fit, column, level))
    joined: xr.DataArray = xr.concat(parts, dim=xr.Variable(SUBGROUP, names))
    return joined.transpose("chain", "draw", SUBGROUP)


def crude_rate_ratios(fit: FittedModel, columns: Sequence[str]) -> xr.Dataset:
    """Return events per month, treated over untreated, in every level of some columns.

    (d1 / T1) / (d0 / T0) with the interval exp(log ratio +- 1.96 sqrt(1/d1 + 1/d0)): what each
    subgroup says by itself, without a model, unadjusted and unweighted.

    Parameters
    ----------
    fit : FittedModel
        Its person-time is read and its posterior is not.
    columns : sequence of str
        Columns that define subgroups.

    Returns
    -------
    xarray.Dataset
        ``ratio``, ``low``, ``high`` (NaN where an arm has no events), ``patients``,
        ``events_treated`` and ``events_untreated`` over ``subgroup``.

    References
    ----------
    Rothman KJ, Greenland S, Lash TL. Modern Epidemiology, 3rd ed. 2008, chapter 14.
    """
    rows, treatment = fit.person_time, str(fit.prepared.spec.treatment)
    treated = rows.columns[treatment].astype(np.float64) == 1.0
    event = rows.columns["event"].astype(np.float64)
    months = rows.columns["stop"].astype(np.float64) - rows.columns["start"].astype(np.float64)
    table: list[tuple[float, ...]] = []
    names = []
    for column in columns:
        labels = subgroup_labels(fit, column)
        for level in sorted(set(labels)):
            here = (labels == level)[rows.patient_index]
            counts = [float(event[here & arm].sum()) for arm in (treated, ~treated)]
            spent = [float(months[here & arm].sum()) for arm in (treated, ~treated)]
            table.append((*_ratio(counts, spent), float((labels == level).sum()), *counts))
            names.append(_name(fit, column, level))
    values = np.array(table).T
    labels_of = ("ratio", "low", "high", "patients", "events_treated", "events_untreated")
    return xr.Dataset(
        {name: (SUBGROUP, row) for name, row in zip(labels_of, values, strict=True)},
        coords={SUBGROUP: names},
    )


def _name(fit: FittedModel, column: str, level: str) -> str:
    """Column and level; the level alone where it says the column, as ``centre-1``."""
    labels = fit.prepared.spec.labels
    if column in labels.texts:
        return labels.part(column, level)
    return level if level.startswith(column) else f"{column} {level}"


def _ratio(events: list[float], months: list[float]) -> tuple[float, float, float]:
    if min(events) == 0.0 or min(months) == 0.0:
        return np.nan, np.nan, np.nan
    log_ratio = np.log(events[0] / months[0]) - np.log(events[1] / months[1])
    error = 1.959963984540054 * np.sqrt(1.0 / events[0] + 1.0 / events[1])
    low, middle, high = np.exp([log_ratio - error, log_ratio, log_ratio + error])
    return float(middle), float(low), float(high)
