"""What a batch of posteriors returns: modes or weighted draws by member, and how each came out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.inference.importance import MAX_K_HAT

Floats = NDArray[np.float64]
MEMBER: Final = "member"
DRAW: Final = "draw"
WEIGHT: Final = "weight"


@dataclass(frozen=True, eq=False)
class BatchModes:
    """Modes of the members of a batch.

    Parameters
    ----------
    parameters : xarray.Dataset
        Every parameter on its own scale, dimensions ``member, ...``; failed members are left out.
    positions : ndarray, shape (members, dims)
        Unconstrained; NaN for a member that failed.
    tries : ndarray of int, shape (members,)
        Starts used.
    """

    parameters: xr.Dataset
    positions: Floats
    tries: NDArray[np.int64]

    @property
    def failed(self) -> NDArray[np.int64]:
        """Numbers of the members without a mode."""
        return np.flatnonzero(np.isnan(self.positions).any(axis=1))


@dataclass(frozen=True, eq=False)
class BatchPosterior:
    """Posteriors of the members of a batch.

    Parameters
    ----------
    draws : xarray.Dataset
        Dimensions ``member, draw, ...``, with the normalised importance weight as ``weight``; or
        what `reduce` made of it. Failed members are left out.
    diagnostics : xarray.Dataset
        By member, failed ones included: ``converged``, ``k_hat`` and ``ess`` (infinite and 0 where
        it failed), ``tries``, ``log_evidence``.
    """

    draws: xr.Dataset
    diagnostics: xr.Dataset

    @property
    def failed(self) -> NDArray[np.int64]:
        """Numbers of the members without a posterior."""
        return np.flatnonzero(~self.diagnostics["converged"].to_numpy())

    @property
    def flagged(self) -> NDArray[np.int64]:
        """Numbers of the members that failed or whose Pareto k-hat is above 0.7."""
        return np.flatnonzero(~(self.diagnostics["k_hat"].to_numpy() <= MAX_K_HAT))

    def __str__(self) -> str:
        """Tell in one line how good the approximation is."""
        k_hat = self.diagnostics["k_hat"].to_numpy()
        lost, high = len(self.failed), len(self.flagged) - len(self.failed)
        middle = float(np.median(k_hat))
        return (
            f"{len(k_hat):,} approximate posteriors (Laplace, importance-corrected): {lost} "
            f"without a mode, {high} with Pareto k-hat above {MAX_K_HAT}; median k-hat {middle:.2f}"
        )
