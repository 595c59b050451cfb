"""The gate: draws that are not to be trusted are an error, not a footnote.

References
----------
Vehtari A, Gelman A, Simpson D, Carpenter B, Bürkner P-C. Rank-normalization, folding, and
localization: an improved R-hat. Bayesian Anal 2021;16:667-718, doi 10.1214/20-BA1221.
Vehtari A, Simpson D, Gelman A, Yao Y, Gabry J. Pareto smoothed importance sampling. J Mach Learn
Res 2024;25(72):1-58.
"""

from dataclasses import dataclass

import arviz_stats
import numpy as np
import xarray as xr

from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.limits import MAX_K_HAT, MAX_R_HAT, MIN_ESS
from bayes_ihlrt.names import Engine, PropensityUncertainty
from bayes_ihlrt.posterior.weighted_gate import WeightedDiagnosis, weighted_diagnosis


@dataclass(frozen=True)
class Convergence:
    """Worst diagnostics of Markov chains over all parameters.

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

    @property
    def remedy(self) -> str:
        """What to do about failures."""
        return (
            "Raise tune, draws or target_accept in [sampler], state tighter priors, or simplify "
            "the model"
        )

    @property
    def numbers(self) -> dict[str, float | str | None]:
        """Diagnostics by name; those of other engines are None."""
        return {
            "engine": Engine.NUTS.value,
            "r_hat": self.r_hat,
            "ess_bulk": self.ess_bulk,
            "ess_tail": self.ess_tail,
            "divergences": self.divergences,
            "worst": self.worst,
            "k_hat": None,
            "ess": None,
        }

    @property
    def verdict(self) -> str:
        """Whether the draws can be trusted, with the numbers that say so."""
        word = "FAILED, do not use these numbers" if self.failures else "passed"
        smallest = min(self.ess_bulk, self.ess_tail)
        return (
            f"Convergence {word}: R-hat at most {self.r_hat:.3f}, effective sample size at least "
            f"{smallest:,.0f}, {self.divergences} divergent transitions."
        )


@dataclass(frozen=True)
class Approximation:
    """How good an importance-corrected approximation is.

    Parameters
    ----------
    k_hat : float
        Pareto shape of the importance weights.
    ess : float
        Effective sample size of the weighted draws.
    draws : int
        Weighted draws.
    """

    k_hat: float
    ess: float
    draws: int

    @property
    def failures(self) -> tuple[str, ...]:
        """What is wrong, in words; empty when the draws can be trusted."""
        found = []
        if not self.k_hat <= MAX_K_HAT:
            found.append(f"Pareto k-hat {self.k_hat:.2f} (allowed: {MAX_K_HAT})")
        if not self.ess >= MIN_ESS:
            found.append(f"effective sample size {self.ess:.0f} (needed: {MIN_ESS:.0f})")
        return tuple(found)

    @property
    def remedy(self) -> str:
        """What to do about failures."""
        return (
            "The Laplace approximation does not fit this posterior, or has too few draws: set "
            "engine = 'nuts' in [sampler], or raise draws where only the sample size is too small"
        )

    @property
    def error(self) -> float:
        """Monte Carlo standard error of a mean, in posterior standard deviations."""
        return float(np.sqrt(1.0 / self.ess + 1.0 / self.draws))

    @property
    def quality(self) -> str:
        """That this is an approximation, and how good, in one line."""
        return (
            "Laplace approximation with importance correction, not MCMC: Pareto k-hat "
            f"{self.k_hat:.2f} (good below {MAX_K_HAT}), effective sample {self.ess:,.0f} of "
            f"{self.draws:,}"
        )

    @property
    def numbers(self) -> dict[str, float | str | None]:
        """Diagnostics by name; those of other engines are None."""
        nothing = dict.fromkeys(("r_hat", "ess_bulk", "ess_tail", "divergences", "worst"))
        return {"engine": Engine.LAPLACE.value, **nothing, "k_hat": self.k_hat, "ess": self.ess}

    @property
    def verdict(self) -> str:
        """Whether the draws can be trusted, with the numbers that say so."""
        word = "FAILED, do not use these numbers" if self.failures else "passed"
        return (
            f"Approximation {word}: Pareto k-hat {self.k_hat:.2f}, effective sample size "
            f"{self.ess:,.0f}; R-hat is not defined, there are no chains."
        )


type Diagnosis = Convergence | Approximation | WeightedDiagnosis


def convergence(tree: xr.DataTree) -> Diagnosis:
    """Return the worst diagnostics of a posterior, by the engine that drew it.

    Parameters
    ----------
    tree : xarray.DataTree
        With groups ``posterior`` and ``sample_stats``.

    Returns
    -------
    Convergence, Approximation or WeightedDiagnosis
        Worst R-hat, effective sample sizes and the number of divergences of Markov chains; Pareto
        k-hat and effective sample size of a Laplace approximation; failed draws of a bootstrap and
        whatever else weighted analyses are drawn by.
    """
    if tree.attrs.get("engine") in set(PropensityUncertainty):
        return weighted_diagnosis(tree)
    if tree.attrs.get("engine") == Engine.LAPLACE.value:
        stats = tree["sample_stats"]
        sizes = tree["posterior"].sizes
        draws = sizes["chain"] * sizes["draw"]
        return Approximation(float(stats["k_hat"]), float(stats["ess"]), draws)
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


def check_convergence(tree: xr.DataTree, *, allow_nonconverged: bool = False) -> Diagnosis:
    """Raise when the draws are not to be trusted.

    Parameters
    ----------
    tree : xarray.DataTree
        With groups ``posterior`` and ``sample_stats``.
    allow_nonconverged : bool
        Return the diagnostics instead of raising.

    Returns
    -------
    Convergence, Approximation or WeightedDiagnosis
        The diagnostics.

    Raises
    ------
    ConvergenceError
        When R-hat > 1.01, an effective sample size < 400 or any transition diverged; of a Laplace
        approximation when k-hat > 0.7 or the effective sample size < 400; of a
        weighted analysis when more than 1 % of its draws have no mode or no good posterior.
    """
    found = convergence(tree)
    if found.failures and not allow_nonconverged:
        message = f"the posterior is not to be trusted: {'; '.join(found.failures)}"
        raise ConvergenceError(message, found.remedy)
    return found
