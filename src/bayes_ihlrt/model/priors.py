"""Priors as graph nodes whose hyperparameters are data, so that a refit can change them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pymc.logprob.transforms import Transform
from pytensor.tensor import TensorVariable

from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import Prior, PriorScale
from bayes_ihlrt.spec.parameters import ResolvedPrior

HYPERPARAMETERS: Final = "hyperparameters"


class Softplus(Transform):  # type: ignore[misc]  # PyMC publishes no types
    """Sample a positive scale s as y with s = c log(1 + exp(y)).

    Far above c the coordinate is s itself, far below it is log s. The posterior of a scale that
    the data hardly tell is close to normal in it, where that of log s has a long left tail: at 80
    patients in five centres the effective sample size rose by 40 % and steps fell by 30 %.

    Parameters
    ----------
    unit : float
        The constant c, on the scale of the parameter (a standard deviation of log hazards).
    """

    name = "softplus"

    def __init__(self, unit: float) -> None:
        self.unit = unit

    def forward(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
        """Return y for a scale s."""
        del inputs
        scaled = value / self.unit
        return scaled + pt.log(-pt.expm1(-scaled))

    def backward(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
        """Return s for a coordinate y."""
        del inputs
        return self.unit * pt.softplus(value)

    def log_jac_det(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
        """Return log ds/dy."""
        del inputs
        return np.log(self.unit) - pt.softplus(-value)


_SOFTPLUS: Final = Softplus(0.1)


@dataclass(frozen=True)
class GraphPriors:
    """The priors of a graph and the data vector that holds their hyperparameters.

    Parameters
    ----------
    priors : mapping of str to Prior
        By parameter.
    values : mapping of str to dict of str to TensorVariable
        Hyperparameters of each parameter as elements of the data vector.
    """

    priors: Mapping[str, Prior]
    values: Mapping[str, Mapping[str, TensorVariable]]

    def sample(
        self,
        name: str,
        *,
        dims: str | None = None,
        shift: TensorVariable | float = 0.0,
        stretch: TensorVariable | float = 1.0,
        stored: str | None = None,
    ) -> TensorVariable:
        """Add a parameter's random variable to the model on the stack.

        Parameters
        ----------
        name : str
            The parameter whose prior is meant.
        dims : str, optional
            Dimension of a vector parameter.
        shift, stretch : TensorVariable or float
            The variable is shift + stretch x parameter. Only for priors with a location.
        stored : str, optional
            The variable's name, when it is not the parameter's.

        Returns
        -------
        TensorVariable
            The (shifted and stretched) parameter.
        """
        prior = self.priors[name]
        hyper = {h: self.values[name][h] for h in prior.hyperparameters}
        if "mu" in hyper and prior.dist is not Dist.LOG_NORMAL:
            hyper["mu"] = shift + stretch * hyper["mu"]
            hyper["sigma"] = stretch * hyper["sigma"]
        distribution = getattr(pm, prior.dist.value)
        match prior.on:
            case PriorScale.EXP:
                natural = distribution(f"exp_{name}", **hyper, dims=dims)
                return pm.Deterministic(stored or name, pt.log(natural), dims=dims)
            case PriorScale.PRECISION:
                precision = distribution(f"precision_{name}", **hyper, dims=dims)
                return pm.Deterministic(stored or name, precision**-0.5, dims=dims)
            case _ if prior.positive:
                return distribution(stored or name, **hyper, dims=dims, default_transform=_SOFTPLUS)
            case _:
                return distribution(stored or name, **hyper, dims=dims)

    def has_location(self, name: str) -> bool:
        """Whether the parameter's prior can be shifted: a Normal or Student t on itself."""
        prior = self.priors[name]
        return prior.dist in {Dist.NORMAL, Dist.STUDENT_T} and prior.on in {
            PriorScale.PARAMETER,
            PriorScale.LOG_MEDIAN,
            PriorScale.LOG_CUMULATIVE_HAZARD,
        }


def chance_below(prior: Prior, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the prior probability that a coefficient is below each of several edges.

    Parameters
    ----------
    prior : Prior
        Of a coefficient: on itself or on its exponential.
    edges : ndarray
        On the scale of the coefficient.

    Returns
    -------
    ndarray
        The distribution function at the edges.

    Examples
    --------
    >>> prior = Prior(dist="Normal", mu=-0.5, sigma=0.5)
    >>> chance_below(prior, np.array([-0.5, 0.0])).round(3).tolist()
    [0.5, 0.841]
    """
    known = getattr(pm, prior.dist.value).dist(**prior.hyperparameters)
    at = np.exp(edges) if prior.on is PriorScale.EXP else edges
    return np.asarray(np.exp(pm.logcdf(known, pt.as_tensor(at)).eval()), dtype=np.float64)


def hyperparameter_labels(resolved: Mapping[str, ResolvedPrior]) -> list[str]:
    """Return the labels of the hyperparameter vector, e.g. ``"ihlrt.mu"``."""
    return [f"{name}.{h}" for name, r in resolved.items() for h in _numbers(r.prior)]


def hyperparameter_vector(resolved: Mapping[str, ResolvedPrior]) -> np.ndarray:
    """Return the values of the hyperparameter vector, in the order of its labels."""
    return np.asarray([v for r in resolved.values() for v in _numbers(r.prior).values()])


def add_hyperparameters(resolved: Mapping[str, ResolvedPrior]) -> GraphPriors:
    """Add the hyperparameter vector to the model on the stack.

    Parameters
    ----------
    resolved : mapping of str to ResolvedPrior
        Every parameter's prior.

    Returns
    -------
    GraphPriors
        From which the parameters are sampled.
    """
    labels = hyperparameter_labels(resolved)
    pm.modelcontext(None).add_coord("hyperparameter", labels)
    vector = pm.Data(HYPERPARAMETERS, hyperparameter_vector(resolved), dims="hyperparameter")
    values = {
        name: {h: vector[labels.index(f"{name}.{h}")] for h in _numbers(r.prior)}
        for name, r in resolved.items()
    }
    return GraphPriors({name: r.prior for name, r in resolved.items()}, values)


def _numbers(prior: Prior) -> dict[str, float]:
    """Hyperparameters, and the time that a prior on the cumulative hazard speaks of."""
    at = {} if prior.at is None else {"at": prior.at}
    return prior.hyperparameters | at
