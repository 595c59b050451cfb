"""Balance of covariates between treated and control, before and after weighting.

The standardised mean difference of a covariate in a subset of rows is

    (weighted mean of the treated - weighted mean of the controls) / sqrt((s1^2 + s0^2) / 2)

with s the unweighted standard deviations in the arms of that subset, so that weighting cannot make
it smaller by changing its unit. Below 0.1 counts as balanced.

Balance over everybody does not imply balance where the effect is read: a covariate may be out of
balance one way at a low value of the modifier and the other way at a high one.

References
----------
Austin PC, Stuart EA. Moving towards best practice when using inverse probability of treatment
weighting. Stat Med 2015;34:3661-79, doi 10.1002/sim.6607.
Yang S, Lorenzi E, Papadogeorgou G, Wojdyla DM, Li F, Thomas LE. Propensity score weighting for
causal subgroup analysis. Stat Med 2021;40:4294-309, doi 10.1002/sim.9029.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.errors import DataError, Fault, nearest
from bayes_ihlrt.propensity.weights import effective_sample_size

if TYPE_CHECKING:
    import xarray as xr


Floats = NDArray[np.float64]


def standardised_difference(matrix: Floats, arm: NDArray[np.bool_], weight: Floats) -> Floats:
    """Return weighted means of the treated less the others' over the unweighted spread in the arms.

    Parameters
    ----------
    matrix : ndarray, shape (rows, covariates)
        Covariates.
    arm : ndarray of bool, shape (rows,)
        Who is treated.
    weight : ndarray, shape (rows,)
        Weights, not negative.

    Returns
    -------
    ndarray, shape (covariates,)
        NaN where an arm has fewer than two rows or no weight, infinite where a covariate is
        constant in both arms and differs.

    Examples
    --------
    >>> one = np.array([[2.0], [4.0], [6.0], [2.0]])
    >>> treated = np.array([True, True, False, False])
    >>> standardised_difference(one, treated, np.array([1.0, 1.0, 0.5, 1.5])).tolist()
    [0.0]
    """
    counts = arm.sum(), (~arm).sum()
    totals = weight[arm].sum(), weight[~arm].sum()
    if min(counts) < 2 or min(totals) <= 0.0:
        return np.full(matrix.shape[1], np.nan)
    means = [
        weight[side] @ matrix[side] / total for side, total in zip((arm, ~arm), totals, strict=True)
    ]
    spread = np.sqrt((matrix[arm].var(axis=0, ddof=1) + matrix[~arm].var(axis=0, ddof=1)) / 2.0)
    gap = means[0] - means[1]
    # A covariate that is constant in both arms is balanced if it is the same in both.
    constant = np.where(np.isclose(gap, 0.0, atol=1e-12), 0.0, np.copysign(np.inf, gap))
    return np.divide(gap, spread, out=constant, where=spread > 0.0)


Mask = NDArray[np.bool_]
Subsets = Mapping[str, Mask]


def levels_of(name: str, values: NDArray[np.generic]) -> dict[str, Mask]:
    """Return one subset for each level of a column, e.g. each trial or centre.

    Parameters
    ----------
    name : str
        The column's name, for the labels.
    values : ndarray, shape (rows,)
        Numbers or text.

    Returns
    -------
    dict of str to ndarray of bool, shape (rows,)
        By label, in the order of the levels.

    Examples
    --------
    >>> list(levels_of("trial", np.array([0.0, 1.0, 0.0])))
    ['trial 0', 'trial 1']
    """
    levels = sorted(set(values.tolist()))
    return {f"{name} {_word(level)}": np.asarray(values == level) for level in levels}


def intervals_of(
    name: str, values: NDArray[np.generic], *, cuts: Sequence[float] | None = None
) -> dict[str, Mask]:
    """Return one subset for each interval of a number, e.g. thirds of the modifier.

    Parameters
    ----------
    name : str
        The column's name, for the labels.
    values : ndarray, shape (rows,)
        Numbers on the scale of the data.
    cuts : sequence of float, optional
        Where one interval ends and the next begins; a value on a cut belongs to the upper one.
        Thirds of the rows by default.

    Returns
    -------
    dict of str to ndarray of bool, shape (rows,)
        By label, from low to high; intervals without rows are left out.

    Raises
    ------
    DataError
        When cuts do not increase.

    Examples
    --------
    >>> list(intervals_of("nlr", np.array([1.0, 2.0, 3.0, 8.0]), cuts=[2.0, 5.0]))
    ['nlr < 2', 'nlr 2 to 5', 'nlr >= 5']
    """
    numbers = np.asarray(values, dtype=np.float64)
    inner = np.quantile(numbers, (1 / 3, 2 / 3)).tolist() if cuts is None else list(cuts)
    if cuts is not None and any(later <= earlier for earlier, later in pairwise(inner)):
        found = Fault(f"cuts of {name}", f"found {inner}", "List them in increasing order")
        raise DataError("strata", [found])
    inner = list(dict.fromkeys(inner))
    index = np.searchsorted(inner, numbers, side="right")
    middle = [f"{name} {low:.3g} to {high:.3g}" for low, high in pairwise(inner)]
    labels = [f"{name} < {inner[0]:.3g}", *middle, f"{name} >= {inner[-1]:.3g}"]
    subsets = {label: np.asarray(index == number) for number, label in enumerate(labels)}
    return {label: mask for label, mask in subsets.items() if mask.any()}


def covariate_columns(rows: Columns, names: Sequence[str]) -> dict[str, Floats]:
    """Return covariates as numbers: text becomes one 0/1 column for each level.

    Parameters
    ----------
    rows : mapping of str to ndarray, shape (rows,)
        Covariates.
    names : sequence of str
        Those that balance is told of.

    Returns
    -------
    dict of str to ndarray, shape (rows,)
        A column of two levels is told once, by the second.

    Raises
    ------
    DataError
        When a covariate is missing.

    Examples
    --------
    >>> rows = {"albi": np.array([-2.5, -1.9]), "sex": np.array(["f", "m"], dtype=object)}
    >>> {name: values.tolist() for name, values in covariate_columns(rows, ["albi", "sex"]).items()}
    {'albi': [-2.5, -1.9], 'sex: m': [0.0, 1.0]}
    """
    missing = [
        Fault("balance", f"no column '{n}'", nearest(n, rows)) for n in names if n not in rows
    ]
    if missing:
        raise DataError("balance", missing)
    columns: dict[str, Floats] = {}
    for name in names:
        values = rows[name]
        if values.dtype.kind not in "OUS":
            columns[name] = np.asarray(values, dtype=np.float64)
            continue
        levels = sorted(set(values.tolist()))
        for level in levels[1:] if len(levels) == 2 else levels:
            columns[f"{name}: {level}"] = np.asarray(values == level, dtype=np.float64)
    return columns


def _word(level: object) -> str:
    return f"{level:g}" if isinstance(level, (int, float)) else str(level)


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
