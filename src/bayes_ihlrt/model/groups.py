"""Group effects u ~ Normal(0, sd) in coordinates that the sampler finds easy.

The effects of C groups are written in an orthonormal basis whose first vector is constant, so the
first coordinate is their mean. Independent normal effects have independent normal coordinates in
any orthonormal basis: the model is unchanged. The data determine the level of the hazard *plus* the
mean effect, and the mean alone only through its prior; sampling that sum as the central level
(see `baseline`) leaves the mean nearly independent of everything else.

References
----------
Betancourt M, Girolami M. Hamiltonian Monte Carlo for hierarchical models. 2015,
doi 10.1201/b18502-5 (centred and non-centred coordinates).
"""

from typing import Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.tensor import TensorVariable

from bayes_ihlrt.model.graph_priors import GraphPriors

CENTRED_FROM_RATIO: Final = 10.0
"""Ratio of between-group to sampling variance from which deviations are sampled in centred form."""


def groups_are_distinct(
    index: NDArray[np.int64], event: NDArray[np.float64], months: NDArray[np.float64]
) -> bool:
    """Tell whether the data separate the groups so well that the centred form mixes better.

    Compares the variance of the groups' crude log rates with its sampling part, the mean of
    1 / events. Only the geometry depends on it, never the model.

    Parameters
    ----------
    index : ndarray, shape (rows,)
        Group of each row.
    event, months : ndarray, shape (rows,)
        Events and time at risk.

    Returns
    -------
    bool
        False when a group has no event.

    Examples
    --------
    >>> rows = np.arange(4)
    >>> groups_are_distinct(rows, np.array([50.0, 55.0, 45.0, 50.0]), np.full(4, 1000.0))
    False
    >>> groups_are_distinct(rows, np.array([500.0, 900.0, 300.0, 500.0]), np.full(4, 1000.0))
    True
    """
    deaths = np.bincount(index, event)
    if len(deaths) < 2 or deaths.min() <= 0.0:
        return False
    log_rate = np.log(deaths / np.bincount(index, months))
    return bool(log_rate.var(ddof=1) >= CENTRED_FROM_RATIO * np.mean(1.0 / deaths))


def add_group_effect(
    group: str, slope: str | None, priors: GraphPriors, *, centred: bool
) -> TensorVariable:
    """Add the effects of the levels of one group to the model on the stack.

    Parameters
    ----------
    group : str
        Group column, also the dimension's name.
    slope : str or None
        Column whose coefficient varies; None for the intercept.
    priors : GraphPriors
        Holds the prior of ``sd_<group>`` or ``sd_<group>:<slope>``.
    centred : bool
        Sample deviations from the mean effect in centred form, for well separated groups.

    Returns
    -------
    TensorVariable, shape (levels,)
        Log hazard ratios against the typical group.
    """
    suffix = f":{slope}" if slope is not None else ""
    name = f"{group}_effect{suffix}"
    scale = priors.sample(f"sd_{group}{suffix}")
    basis = orthonormal_basis(len(pm.modelcontext(None).coords[group]))
    levels = basis.shape[0]
    mean = scale * pm.Normal(f"{name}_mean_standard", 0.0, 1.0)
    if centred:
        deviations = pm.Normal(f"{name}_deviation", 0.0, scale, shape=levels - 1)
    else:
        deviations = scale * pm.Normal(f"{name}_standard", 0.0, 1.0, shape=levels - 1)
    effect = basis[:, 0] * mean + pt.dot(pt.as_tensor(basis[:, 1:]), deviations)
    return pm.Deterministic(name, effect, dims=group)


def orthonormal_basis(levels: int) -> NDArray[np.float64]:
    """Return an orthonormal basis whose first vector is constant.

    Parameters
    ----------
    levels : int
        Number of groups.

    Returns
    -------
    ndarray, shape (levels, levels)
        Columns are the basis vectors (Helmert contrasts after the first).

    Examples
    --------
    >>> basis = orthonormal_basis(4)
    >>> bool(np.allclose(basis.T @ basis, np.eye(4)))
    True
    """
    basis = np.zeros((levels, levels))
    basis[:, 0] = 1.0 / np.sqrt(levels)
    for k in range(1, levels):
        basis[:k, k] = 1.0 / np.sqrt(k * (k + 1))
        basis[k, k] = -k / np.sqrt(k * (k + 1))
    return basis
