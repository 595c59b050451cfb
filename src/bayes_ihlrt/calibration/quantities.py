"""Test quantities of calibration: functions of the parameters, and of the data, of one replicate.

References
----------
Modrák M, Moon AH, Kim S, Bürkner P, Huurre N, Faltejsková K, Gelman A, Vehtari A. Simulation-based
calibration checking for Bayesian computation: the choice of test quantities shapes sensitivity.
Bayesian Anal 2025;20(2):461-488, doi 10.1214/23-BA1404.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.calibration.simulate import Template, Values, linear_predictor

Floats = NDArray[np.float64]
LOG_LIKELIHOOD: Final = "log-likelihood"
SURVIVAL: Final = "survival at 12 months"
_MONTHS: Final = 12.0
_OF_DATA: Final = ("increment_basis", "hazard_basis", "event", "exposure")


@dataclass(frozen=True, eq=False)
class Quantities:
    """The test quantities of a scenario, compiled once.

    Parameters
    ----------
    template : Template
        The scenario.
    """

    template: Template
    _function: Callable[..., jax.Array] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Wrap the function; JAX compiles it on first use."""
        object.__setattr__(self, "_function", jax.jit(self._derived))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters from which the quantities are made."""
        prepared = self.template.prepared
        effects: list[str] = []
        for term in prepared.spec.outcome.groups:
            effects.append(f"{term.group}_effect")
            effects += [f"{term.group}_effect:{term.slope}"] * (term.slope is not None)
        scales = [name for name, found in prepared.priors.items() if found.prior.positive]
        names = (*prepared.encoder.columns, *prepared.hazard.parameters, *scales, *effects)
        return tuple(dict.fromkeys(names))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the quantities, in the order of `evaluate`."""
        return (*(label for label, _, _ in self._elements()), LOG_LIKELIHOOD, SURVIVAL)

    def evaluate(self, values: Values, data: Mapping[str, NDArray[np.generic]]) -> Floats:
        """Return every quantity at some draws.

        Parameters
        ----------
        values : mapping of str to ndarray, shape (draws, ...)
            Of `parameters`.
        data : mapping of str to ndarray
            Arrays of one data set, from `simulate`.

        Returns
        -------
        ndarray, shape (draws, quantities)
            Effects in log hazard, survival as a probability.
        """
        plain = [
            values[name] if index is None else values[name][:, index]
            for _, name, index in self._elements()
        ]
        used = {name: values[name] for name in self.parameters}
        derived = self._function(used, {name: data[name] for name in _OF_DATA})
        return np.column_stack([*plain, np.asarray(derived)])

    def _elements(self) -> list[tuple[str, str, int | None]]:
        """List label, parameter and element; constants and all but one group level left out."""
        shapes = self.template.prepared.hazard.shapes
        found: list[tuple[str, str, int | None]] = []
        for name in self.parameters:
            if name.partition(":")[0].endswith("_effect"):
                found.append((f"{name}[0]", name, 0))
            elif not shapes.get(name, ()):
                found.append((name, name, None))
            else:
                # The first M-spline weight is fixed: only differences between them count.
                first = int(name == "log_weights")
                found += [(f"{name}[{i}]", name, i) for i in range(first, shapes[name][0])]
        return found

    def _derived(self, values: Mapping[str, jax.Array], data: Mapping[str, jax.Array]) -> jax.Array:
        """Return log-likelihood and survival of the reference patient, shape (draws, 2)."""
        prepared = self.template.prepared
        hazard = prepared.hazard
        theta = {name: values[name] for name in hazard.parameters}
        eta = linear_predictor(prepared, values)
        cumulative = hazard.cumulative_hazard(jnp, data["increment_basis"], theta)
        log_hazard = hazard.log_hazard(jnp, data["hazard_basis"], theta)
        rows = data["event"] * (log_hazard + eta) - data["exposure"] * jnp.exp(eta) * cumulative
        basis = hazard.increment_basis(np, np.zeros(1), np.full(1, _MONTHS))
        coefficients = [values[name] for name in prepared.encoder.columns]
        at_reference = sum(
            x * b for x, b in zip(self.template.reference, coefficients, strict=True)
        )
        spent = hazard.cumulative_hazard(jnp, basis, theta)[:, 0]
        return jnp.stack([rows.sum(axis=1), jnp.exp(-jnp.exp(at_reference) * spent)], axis=1)
