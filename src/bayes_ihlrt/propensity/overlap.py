"""Overlap: propensities and strata that treated and control share, and those that they do not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.errors import DataError, Fault, nearest
from bayes_ihlrt.propensity.balance import ARMS
from bayes_ihlrt.propensity.subsets import Mask, intervals_of, levels_of

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]

MOST_LEVELS: Final = 5
"""Numbers with more values than this are told in thirds."""
_SAMPLES: Final = ["unweighted", "weighted"]
_QUANTILES: Final = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def outside(propensity: ArrayLike, trim: float) -> NDArray[np.bool_]:
    """Return which propensities are outside ``[trim, 1 - trim]``.

    Parameters
    ----------
    propensity : array_like
        Probabilities of treatment.
    trim : float
        Share, e.g. 0.01.

    Returns
    -------
    ndarray of bool
        Of the same shape.

    References
    ----------
    Crump RK, Hotz VJ, Imbens GW, Mitnik OA. Dealing with limited overlap in estimation of average
    treatment effects. Biometrika 2009;96:187-99, doi 10.1093/biomet/asn055.

    Examples
    --------
    >>> outside([0.005, 0.5, 0.995], 0.01).tolist()
    [True, False, True]
    """
    chance = np.asarray(propensity, dtype=np.float64)
    return np.asarray((chance < trim) | (chance > 1.0 - trim))


def overlap_data(
    propensity: ArrayLike,
    treated: ArrayLike,
    weights: ArrayLike,
    *,
    bins: int = 20,
) -> "xr.Dataset":
    """Return the distribution of the propensity in each arm, before and after weighting.

    Parameters
    ----------
    propensity : array_like, shape (rows,)
        Probability of treatment.
    treated : array_like, shape (rows,)
        0/1.
    weights : array_like, shape (rows,)
        Balancing weights.
    bins : int
        Number of bins between 0 and 1.

    Returns
    -------
    xarray.Dataset
        ``share`` (arm, sample, bin): part of the arm's rows, or of its weight; ``edge``;
        ``quantile`` (arm, probability) of the propensity; ``beyond`` (arm): part of the arm's
        rows whose propensity lies beyond all of the other arm's; ``rows`` (arm).

    Raises
    ------
    DataError
        When an arm has no rows or no weight.

    Examples
    --------
    >>> overlap = overlap_data([0.2, 0.6, 0.1, 0.4], [1, 1, 0, 0], np.ones(4), bins=2)
    >>> overlap["share"].sel(arm="treated", sample="unweighted").values.tolist()
    [0.5, 0.5]
    >>> overlap["beyond"].values.tolist()
    [0.5, 0.5]
    """
    chance = np.asarray(propensity, dtype=np.float64)
    arm = np.asarray(treated, dtype=np.float64) == 1.0
    weight = np.asarray(weights, dtype=np.float64)
    sides = dict(zip(ARMS, (arm, ~arm), strict=True))
    empty = [name for name, side in sides.items() if weight[side].sum() <= 0.0]
    if empty:
        remedy = "Check who counts as treated, and the weights"
        raise DataError(
            "overlap", [Fault(f"{n} arm", "has no rows with weight", remedy) for n in empty]
        )
    edges = np.linspace(0.0, 1.0, bins + 1)
    samples = (np.ones(len(chance)), weight)
    share = [
        [np.histogram(chance[side], edges, weights=w[side])[0] / w[side].sum() for w in samples]
        for side in sides.values()
    ]
    import xarray as xr

    return xr.Dataset(
        {
            "share": (("arm", "sample", "bin"), np.asarray(share)),
            "edge": ("edges", edges),
            "quantile": (
                ("arm", "probability"),
                [np.quantile(chance[side], _QUANTILES) for side in sides.values()],
            ),
            "beyond": ("arm", [_beyond(chance[side], chance[~side]) for side in sides.values()]),
            "rows": ("arm", [int(side.sum()) for side in sides.values()]),
        },
        coords={"arm": list(ARMS), "sample": _SAMPLES, "probability": list(_QUANTILES)},
    )


def positivity_table(
    rows: Columns, treated: ArrayLike, *, covariates: Sequence[str]
) -> "xr.Dataset":
    """Return how many rows of each arm lie in each stratum of each covariate.

    Parameters
    ----------
    rows : mapping of str to ndarray, shape (rows,)
        Covariates on the scale of the data, and ``patient``.
    treated : array_like, shape (rows,)
        0/1.
    covariates : sequence of str
        Text and numbers of few values are told level by level, other numbers in thirds.

    Returns
    -------
    xarray.Dataset
        ``rows`` and ``patients`` (stratum, arm); ``empty`` (stratum): one arm has nobody, so
        that the data say nothing about the effect there; ``covariate`` (stratum).

    Raises
    ------
    DataError
        When a covariate is missing.

    Examples
    --------
    >>> rows = {"response": np.array([1.0, 1.0, 0.0]), "patient": np.array(["a", "b", "c"])}
    >>> table = positivity_table(rows, [1, 0, 0], covariates=["response"])
    >>> table["stratum"].values.tolist(), table["empty"].values.tolist()
    (['response 0', 'response 1'], [True, False])
    """
    wanted = ["patient", *covariates]
    missing = [
        Fault("positivity", f"no column '{n}'", nearest(n, rows)) for n in wanted if n not in rows
    ]
    if missing:
        raise DataError("positivity", missing)
    arm = np.asarray(treated, dtype=np.float64) == 1.0
    strata = {name: _strata(name, rows[name]) for name in covariates}
    masks = [mask for found in strata.values() for mask in found.values()]
    cells = [[mask & side for side in (arm, ~arm)] for mask in masks]
    counts = np.asarray([[int(cell.sum()) for cell in row] for row in cells])
    people = [[len(set(rows["patient"][cell].tolist())) for cell in row] for row in cells]
    import xarray as xr

    return xr.Dataset(
        {
            "rows": (("stratum", "arm"), counts),
            "patients": (("stratum", "arm"), people),
            "empty": ("stratum", (counts == 0).any(axis=1)),
        },
        coords={
            "stratum": [label for found in strata.values() for label in found],
            "arm": list(ARMS),
            "covariate": ("stratum", [name for name, found in strata.items() for _ in found]),
        },
    )


def _strata(name: str, values: NDArray[np.generic]) -> dict[str, Mask]:
    few = values.dtype.kind in "OUS" or len(set(values.tolist())) <= MOST_LEVELS
    return levels_of(name, values) if few else intervals_of(name, values)


def _beyond(own: Floats, other: Floats) -> float:
    return float(np.mean((own < other.min()) | (own > other.max())))
