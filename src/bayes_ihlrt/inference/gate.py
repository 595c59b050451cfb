"""The convergence gate: draws that did not converge are an error, not a footnote.

References
----------
Vehtari A, Gelman A, Simpson D, Carpenter B, Bürkner P-C. Rank-normalization, folding, and
localization: an improved R-hat. Bayesian Anal 2021;16:667-718, doi 10.1214/20-BA1221.
"""

from dataclasses import dataclass
from typing import Final

import arviz_stats
import numpy as np
import xarray as xr

from bayes_ihlrt.errors import ConvergenceError

MAX_R_HAT: Final = 1.01
MIN_ESS: Final = 400.0


@dataclass(frozen=True)
class Convergence:
    """Worst diagnostics over all parameters.

    Parameters
    ----------
    r_hat : float
        Largest rank-normalised split R-hat.
    ess_bulk, ess_tail : float
        Smallest bulk and tail effective sample size.
    divergences : int
        Divergent transitions after warm-up.
    worst : str
        Parameter with the largest R-hat.
    """

    r_hat: float
    ess_bulk: float
    ess_tail: float
    divergences: int
    worst: str

    @property
    def failures(self) -> tuple[str, ...]:
        """What is wrong, in words; empty when the draws can be trusted."""
        found = []
        if not self.r_hat <= MAX_R_HAT:
            found.append(f"R-hat {self.r_hat:.3f} for {self.worst} (allowed: {MAX_R_HAT})")
        if not min(self.ess_bulk, self.ess_tail) >= MIN_ESS:
            smallest = min(self.ess_bulk, self.ess_tail)
            found.append(f"smallest effective sample size {smallest:.0f} (needed: {MIN_ESS:.0f})")
        if self.divergences > 0:
            found.append(f"{self.divergences} divergent transitions (allowed: 0)")
        return tuple(found)


def convergence(tree: xr.DataTree) -> Convergence:
    """Return the worst convergence diagnostics of a posterior.

    Parameters
    ----------
    tree : xarray.DataTree
        With groups ``posterior`` and ``sample_stats``.

    Returns
    -------
    Convergence
        Worst R-hat, effective sample sizes and the number of divergences.
    """
    posterior = tree["posterior"].to_dataset()
    # A draw that is not finite has no R-hat, and a maximum would pass over it.
    finite = {name: bool(np.isfinite(value).all()) for name, value in posterior.items()}
    r_hat = {
        name: float(value.max()) if finite[name] else np.inf
        for name, value in arviz_stats.rhat(posterior).items()
        if not finite[name] or bool(value.notnull().any())
    }
    bulk = arviz_stats.ess(posterior, method="bulk")
    tail = arviz_stats.ess(posterior, method="tail")
    worst = max(r_hat, key=lambda name: r_hat[name])
    return Convergence(
        r_hat=r_hat[worst],
        ess_bulk=min(float(value.min()) for value in bulk.values()),
        ess_tail=min(float(value.min()) for value in tail.values()),
        divergences=int(tree["sample_stats"]["diverging"].sum()),
        worst=str(worst),
    )


def check_convergence(tree: xr.DataTree, *, allow_nonconverged: bool = False) -> Convergence:
    """Raise when the chains did not converge.

    Parameters
    ----------
    tree : xarray.DataTree
        With groups ``posterior`` and ``sample_stats``.
    allow_nonconverged : bool
        Return the diagnostics instead of raising.

    Returns
    -------
    Convergence
        The diagnostics.

    Raises
    ------
    ConvergenceError
        When R-hat > 1.01, an effective sample size < 400 or any transition diverged.
    """
    found = convergence(tree)
    if found.failures and not allow_nonconverged:
        message = (
            f"the posterior is not to be trusted: {'; '.join(found.failures)}. "
            "Raise tune, draws or target_accept in [sampler], state tighter priors, or simplify "
            "the model"
        )
        raise ConvergenceError(message)
    return found
