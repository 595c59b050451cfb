"""Balance of covariates between treated and control, before and after weighting.

The standardised mean difference of a covariate in a subset of rows is

    (weighted mean of the treated - weighted mean of the controls) / sqrt((s1^2 + s0^2) / 2)

with s the unweighted standard deviations in the arms of that subset, so that weighting cannot make
it smaller by changing its unit. Below 0.1 counts as balanced.

References
----------
Austin PC, Stuart EA. Moving towards best practice when using inverse probability of treatment
weighting. Stat Med 2015;34:3661-79, doi 10.1002/sim.6607.
Yang S, Lorenzi E, Papadogeorgou G, Wojdyla DM, Li F, Thomas LE. Propensity score weighting for
causal subgroup analysis. Stat Med 2021;40:4294-309, doi 10.1002/sim.9029.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_ihlrt.propensity.difference import standardised_difference
from bayes_ihlrt.propensity.subsets import Subsets
from bayes_ihlrt.propensity.targets import effective_sample_size

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]

BALANCED: Final = 0.1
"""Largest absolute standardised mean difference that counts as balanced."""
EVERYBODY: Final = "all"
ARMS: Final = ("treated", "control")


def balance_data(
    covariates: Mapping[str, Floats],
    treated: ArrayLike,
    weights: ArrayLike,
    *,
    patient: NDArray[np.generic],
    subsets: Subsets | None = None,
) -> "xr.Dataset":
    """Return balance over everybody and within subsets of rows.

    Parameters
    ----------
    covariates : mapping of str to ndarray, shape (rows,)
        As from `covariate_columns`.
    treated : array_like, shape (rows,)
        0/1.
    weights : array_like, shape (rows,)
        Balancing weights.
    patient : ndarray, shape (rows,)
        Each row's patient.
    subsets : mapping of str to ndarray of bool, optional
        For example thirds of the modifier (`intervals_of`) or trials (`levels_of`).

    Returns
    -------
    xarray.Dataset
        ``smd`` (subset, covariate, sample), where sample is unweighted or weighted and NaN means
        that an arm has too few rows to tell; ``rows``, ``patients``, ``ess`` and ``max_weight``
        (subset, arm); ``variance_inflation`` (subset): the variance of a difference of weighted
        means over that of unweighted ones, (1/ESS1 + 1/ESS0) / (1/n1 + 1/n0).

    References
    ----------
    Yang S, et al. Stat Med 2021, doi 10.1002/sim.9029.

    Examples
    --------
    >>> covariates = {"nlr": np.array([2.0, 4.0, 6.0, 2.0])}
    >>> patient = np.array(["a", "b", "c", "d"], dtype=object)
    >>> balance = balance_data(covariates, [1, 1, 0, 0], [1.0, 1.0, 0.5, 1.5], patient=patient)
    >>> balance["smd"].sel(subset="all", covariate="nlr").values.round(2).tolist()
    [-0.45, 0.0]
    """
    matrix = np.stack([np.asarray(values, dtype=np.float64) for values in covariates.values()], 1)
    arm = np.asarray(treated, dtype=np.float64) == 1.0
    weight = np.asarray(weights, dtype=np.float64)
    masks = {EVERYBODY: np.ones(len(arm), dtype=bool), **(subsets or {})}
    smd = [
        [
            standardised_difference(matrix[mask], arm[mask], values[mask])
            for values in (np.ones(len(arm)), weight)
        ]
        for mask in masks.values()
    ]
    sizes = [_sizes(arm[mask], weight[mask], patient[mask]) for mask in masks.values()]
    dims = ("subset", "arm")
    import xarray as xr

    found = xr.Dataset(
        {
            "smd": (("subset", "sample", "covariate"), np.asarray(smd)),
            **{name: (dims, [size[name] for size in sizes]) for name in sizes[0]},
        },
        coords={
            "subset": list(masks),
            "sample": ["unweighted", "weighted"],
            "covariate": list(covariates),
            "arm": list(ARMS),
        },
        attrs={"balanced": BALANCED},
    )
    return found.transpose("subset", "covariate", "sample", "arm").assign(
        variance_inflation=_reciprocals(found["ess"]) / _reciprocals(found["rows"])
    )


def _sizes(
    arm: NDArray[np.bool_], weight: Floats, patient: NDArray[np.generic]
) -> dict[str, list[float]]:
    ess = effective_sample_size(weight, arm)
    sides = (arm, ~arm)
    return {
        "rows": [float(side.sum()) for side in sides],
        "patients": [float(len(set(patient[side].tolist()))) for side in sides],
        "ess": [float(ess.treated), float(ess.control)],
        "max_weight": [float(weight[side].max(initial=0.0)) for side in sides],
    }


def _reciprocals(counts: "xr.DataArray") -> "xr.DataArray":
    """Sum over arms of one over a count; an empty arm leaves nothing to compare (NaN)."""
    return (1.0 / counts.where(counts > 0.0)).sum("arm", skipna=False)
