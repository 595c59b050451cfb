"""The treatment's hazard ratio in subgroups: as the model shrinks it, and by itself."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.patients import subgroup_labels, subgroup_weights
from bayes_ihlrt.inference.fitted import FittedModel

Floats = NDArray[np.float64]
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
            names.append(_name(column, level))
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
            names.append(_name(column, level))
    values = np.array(table).T
    labels_of = ("ratio", "low", "high", "patients", "events_treated", "events_untreated")
    return xr.Dataset(
        {name: (SUBGROUP, row) for name, row in zip(labels_of, values, strict=True)},
        coords={SUBGROUP: names},
    )


def _name(column: str, level: str) -> str:
    """Column and level; the level alone where it says the column, as ``centre-1``."""
    return level if level.startswith(column) else f"{column} {level}"


def _ratio(events: list[float], months: list[float]) -> tuple[float, float, float]:
    if min(events) == 0.0 or min(months) == 0.0:
        return np.nan, np.nan, np.nan
    log_ratio = np.log(events[0] / months[0]) - np.log(events[1] / months[1])
    error = 1.959963984540054 * np.sqrt(1.0 / events[0] + 1.0 / events[1])
    low, middle, high = np.exp([log_ratio - error, log_ratio, log_ratio + error])
    return float(middle), float(low), float(high)
