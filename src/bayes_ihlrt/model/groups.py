"""Group effects u ~ Normal(0, sd) in coordinates that the sampler finds easy.

The effects of C groups are written in an orthonormal basis whose first vector is constant, so the
first coordinate is their mean. Independent normal effects have independent normal coordinates in
any orthonormal basis: the model is unchanged. The data determine the level of the hazard *plus* the
mean effect, and the mean alone only through its prior; sampling that sum as the central level
(see `baseline`) leaves the mean nearly independent of everything else.

The remaining coordinates d, contrasts between groups, are sampled standardised by their approximate
conditional posterior given sd. With a crude estimate e of d and its information I (events), that is
Normal(e sd^2 I / (1 + sd^2 I), sd^2 / (1 + sd^2 I)). It is the non-centred form where the data say
nothing about the groups (I = 0) and the centred one where they say much; in between neither of
those two mixes well.

References
----------
Betancourt M, Girolami M. Hamiltonian Monte Carlo for hierarchical models. 2015,
doi 10.1201/b18502-5 (centred and non-centred coordinates).
"""

from dataclasses import dataclass

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pymc.logprob.transforms import Transform
from pytensor.tensor import TensorVariable

from bayes_ihlrt.model.contrasts import orthonormal_basis
from bayes_ihlrt.model.priors import GraphPriors
from bayes_ihlrt.names import GroupParametrisation

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CrudeContrasts:
    """What the data say about the differences between groups, as data of the graph.

    Parameters
    ----------
    estimate : TensorVariable, shape (levels - 1,)
        Coordinates of the crude log rates in the orthonormal basis, constant vector left out.
    information : TensorVariable, shape (levels - 1,)
        One over their sampling variance: average events.
    """

    estimate: TensorVariable
    information: TensorVariable


class Conditional(Transform):  # type: ignore[misc]  # PyMC publishes no types
    """Standardise d ~ Normal(0, sd) by its approximate conditional posterior given sd.

    Parameters
    ----------
    crude : CrudeContrasts
        Estimate and information of d.
    """

    name = "conditional"

    def __init__(self, crude: CrudeContrasts) -> None:
        self.crude = crude

    def forward(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
        """Return the standardised coordinate of d."""
        mean, scale = self._moments(inputs[-1])
        return (value - mean) / scale

    def backward(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
        """Return d."""
        mean, scale = self._moments(inputs[-1])
        return mean + scale * value

    def log_jac_det(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
        """Return log of dd / d(coordinate)."""
        _, scale = self._moments(inputs[-1])
        return pt.log(scale) + pt.zeros_like(value)

    def _moments(self, sd: TensorVariable) -> tuple[TensorVariable, TensorVariable]:
        weight = sd**2 * self.crude.information
        return self.crude.estimate * weight / (1.0 + weight), sd / pt.sqrt(1.0 + weight)


def add_group_effect(
    term: tuple[str, str | None],
    priors: GraphPriors,
    *,
    parametrisation: GroupParametrisation,
    crude: CrudeContrasts | None = None,
) -> TensorVariable:
    """Add the effects of the levels of one group to the model on the stack.

    Parameters
    ----------
    term : tuple of str and (str or None)
        Group column, also the dimension's name; and the column whose coefficient varies, None
        for the intercept.
    priors : GraphPriors
        Holds the prior of ``sd_<group>`` or ``sd_<group>:<slope>``.
    parametrisation : GroupParametrisation
        Coordinates of the deviations from the mean effect.
    crude : CrudeContrasts, optional
        For ``auto``; without it ``auto`` is non-centred.

    Returns
    -------
    TensorVariable, shape (levels,)
        Log hazard ratios against the typical group.
    """
    group, slope = term
    suffix = f":{slope}" if slope is not None else ""
    name = f"{group}_effect{suffix}"
    scale = priors.sample(f"sd_{group}{suffix}")
    basis = orthonormal_basis(len(pm.modelcontext(None).coords[group]))
    shape = basis.shape[0] - 1
    mean = scale * pm.Normal(f"{name}_mean_standard", 0.0, 1.0)
    match parametrisation:
        case GroupParametrisation.CENTRED:
            deviations = pm.Normal(f"{name}_deviation", 0.0, scale, shape=shape)
        case GroupParametrisation.AUTO if crude is not None:
            # PyMC does not find data that a transform alone reads.
            zero = pt.zeros_like(crude.estimate) + pt.zeros_like(crude.information)
            deviations = pm.Normal(
                f"{name}_deviation", zero, scale, shape=shape, default_transform=Conditional(crude)
            )
        case _:
            deviations = scale * pm.Normal(f"{name}_standard", 0.0, 1.0, shape=shape)
    effect = basis[:, 0] * mean + pt.dot(pt.as_tensor(basis[:, 1:]), deviations)
    return pm.Deterministic(name, effect, dims=group)
