"""Plain Laplace approximations of the members of a batch, and when they are refused."""

from dataclasses import dataclass, replace

import jax
import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault, RefusedError
from bayes_ihlrt.inference.jax_density import JaxDensity
from bayes_ihlrt.inference.marginal import Conditional

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BatchGaussians:
    """Normal approximations at the modes, in unconstrained coordinates.

    Parameters
    ----------
    mean : ndarray, shape (members, dims)
        Modes; NaN for a member that failed.
    factor : ndarray, shape (members, dims, dims)
        Lower Cholesky factors of the covariances.
    log_evidence : ndarray, shape (members,)
        Laplace approximation of the log normalising constant; minus infinity where it failed.
    tries : ndarray of int, shape (members,)
        Starts used.
    """

    mean: Floats
    factor: Floats
    log_evidence: Floats
    tries: NDArray[np.int64]

    @classmethod
    def empty(cls, members: int, dims: int) -> "BatchGaussians":
        """Return a batch of which nothing is known yet."""
        return cls(
            np.full((members, dims), np.nan),
            np.full((members, dims, dims), np.nan),
            np.full(members, -np.inf),
            np.zeros(members, dtype=np.int64),
        )

    def put(
        self, members: NDArray[np.int64], found: Conditional, places: NDArray[np.int64]
    ) -> None:
        """Store what was found at some places of a chunk."""
        factor = np.asarray(found.factor)[places]
        diagonal = np.einsum("mii->mi", factor).copy()
        rows = np.arange(factor.shape[-1])
        factor[:, rows, rows] = np.exp(diagonal)
        self.mean[members] = np.asarray(found.mean)[places]
        self.factor[members] = factor
        self.log_evidence[members] = np.asarray(found.log_marginal)[places]

    def with_tries(self, tries: NDArray[np.int64]) -> "BatchGaussians":
        """Return the same with the starts that each member used."""
        return replace(self, tries=tries)

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Whether a mode was found, shape (members,)."""
        return np.isfinite(self.log_evidence)


def check_gaussian(density: JaxDensity) -> None:
    """Refuse a model whose posterior no Gaussian can follow."""
    if density.scales:
        names = ", ".join(density.names[number] for number in density.scales)
        problem = f"group or smoothing scales ({names}) have skewed posteriors that reach zero"
        remedy = "Use importance-corrected posteriors, or a model without them"
        raise RefusedError("batch", [Fault("plain Laplace approximation", problem, remedy)])


def check_precision() -> None:
    """Refuse single precision."""
    if not jax.config.jax_enable_x64:
        problem = "it is switched off, and in single precision modes and weights are wrong"
        remedy = "Call jax.config.update('jax_enable_x64', True)"
        raise RefusedError("batch", [Fault("jax_enable_x64", problem, remedy)])
