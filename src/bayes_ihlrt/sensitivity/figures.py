"""What the figures of a sensitivity study draw."""

import numpy as np
import xarray as xr

from bayes_ihlrt.batch.result import MEMBER
from bayes_ihlrt.sensitivity.study import SensitivityResult


def sensitivity_figures(result: SensitivityResult) -> dict[str, xr.Dataset]:
    """Return the dataset of every figure, by the name of the figure.

    Parameters
    ----------
    result : SensitivityResult
        A sensitivity study.

    Returns
    -------
    dict of str to xarray.Dataset
        ``prior_grid``, ``tipping_points``, ``confounding_contour`` and ``specification_curve``,
        where the study could be done.
    """
    own = result.spec.treatment
    treatment = result.spec.labels.of(None if own is None else own.name)
    name = result.spec.name
    titles = {
        "grid": ("prior_grid", f"{name}: hazard ratio of {treatment} by choice of priors"),
        "tipping": (
            "tipping_points",
            f"{name}: at which prior of {treatment} the answer changes",
        ),
        "confounding": (
            "confounding_contour",
            f"{name}: unmeasured confounder and P(hazard ratio of {treatment} below 1)",
        ),
    }
    found = {}
    for study, (figure, title) in titles.items():
        if study in result.checks:
            data = _grid(result) if study == "grid" else result.checks[study].data
            alone = ", one changed at a time" if data.attrs.get("alone") else ""
            found[figure] = _titled(data, title + alone, result)
    structure = result.checks.get("structure")
    # Nothing to draw where no analysis could be estimated: the table says why of each.
    if structure is not None and np.isfinite(structure.data["median"].to_numpy()).any():
        found["specification_curve"] = _titled(
            structure.data,
            f"{name}: hazard ratio of {treatment} by analysis",
            result,
        )
    return found


def _titled(data: xr.Dataset, title: str, result: SensitivityResult) -> xr.Dataset:
    return data.assign_attrs(title=title, synthetic=int(result.synthetic))


def _grid(result: SensitivityResult) -> xr.Dataset:
    """Hazard ratio at the reference by cell, sorted, the stated one marked.

    Where there are more than a page holds, priors that are changed together are left to the table.
    """
    data = result.checks["grid"].data
    reference = None if result.spec.modifier is None else result.spec.modifier.reference
    label = "log_hazard_ratio" if reference is None else f"log_hazard_ratio at {reference:g}"
    part = data.sel(quantity=label)
    order = np.argsort(part["median"].to_numpy(), kind="stable")
    single = part["priors_changed"].to_numpy()[order] <= 1
    if alone := len(order) > _MOST and not single.all():
        order = order[single]
    columns = {name: ("cell", np.exp(part[name].to_numpy()[order])) for name in _BOUNDS}
    return xr.Dataset(
        {
            **columns,
            "probability": ("cell", part["probability"].to_numpy()[order]),
            "stated": ("cell", part[MEMBER].to_numpy()[order] == 0),
            "label": ("cell", part["prior"].to_numpy()[order]),
        },
        attrs={"threshold": data.attrs["threshold"], "alone": int(alone)},
    )


_MOST = 40
"""Rows that a figure of a page holds."""


_BOUNDS = ("q2.5", "median", "q97.5")
