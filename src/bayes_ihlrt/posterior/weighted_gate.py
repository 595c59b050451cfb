"""How well the draws of a weighted analysis are known, and what their intervals include."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayes_ihlrt.limits import MAX_FAILED, MAX_K_HAT, MIN_ESS
from bayes_ihlrt.names import PropensityUncertainty

UNCALIBRATED = "uncalibrated"
_APPROXIMATE = (
    "The Laplace approximation does not fit this posterior: use uncertainty 'linked-bootstrap', "
    "state tighter priors, or use fewer terms in the formulas"
)
_MEANING = {
    PropensityUncertainty.PLUGIN: (
        "Weighted likelihood and prior at one set of propensities, {draws:,} draws, no posterior: "
        "UNCALIBRATED, intervals take "
        "the propensities as known and weighted person-time as if it had been observed; for "
        "intervals to report use uncertainty 'linked-bootstrap'"
    ),
    PropensityUncertainty.SANDWICH: (
        "Weighted likelihood and prior, {draws:,} draws, no posterior: corrected by the sandwich "
        "of the patients' scores: intervals allow for weights and for several rows a patient, and "
        "take the propensities as known"
    ),
}


@dataclass(frozen=True)
class Resampling:
    """How a linked Bayesian bootstrap went.

    Parameters
    ----------
    draws : int
        Bootstrap draws that have a mode.
    failed : int
        Draws without one, left out.
    """

    draws: int
    failed: int

    @property
    def failures(self) -> tuple[str, ...]:
        """What is wrong, in words; empty when the draws can be trusted."""
        if self.failed <= MAX_FAILED * (self.draws + self.failed):
            return ()
        total = self.draws + self.failed
        return (f"{self.failed} of {total} bootstrap draws have no mode (allowed: 1 %)",)

    @property
    def remedy(self) -> str:
        """What to do about failures."""
        return (
            "State tighter priors, use fewer terms in the formulas, or choose a design that uses "
            "more patients"
        )

    @property
    def error(self) -> float:
        """Monte Carlo standard error of a mean, in posterior standard deviations."""
        return float(np.sqrt(1.0 / self.draws))

    @property
    def quality(self) -> str:
        """What the draws are, in one line."""
        return (
            f"Linked bootstrap of a weighted analysis, {self.draws:,} draws: its probabilities are "
            "bootstrap probabilities, not posterior ones; intervals include the uncertainty of "
            "the weights and how far the estimate hangs on single patients"
        )

    @property
    def numbers(self) -> dict[str, float | str | None]:
        """Diagnostics by name; those of other engines are None."""
        names = ("r_hat", "ess_bulk", "ess_tail", "divergences", "worst", "k_hat")
        return {
            "engine": PropensityUncertainty.LINKED_BOOTSTRAP.value,
            **dict.fromkeys(names),
            "ess": float(self.draws),
        }

    @property
    def verdict(self) -> str:
        """Whether the draws can be trusted, with the numbers that say so."""
        word = "FAILED, do not use these numbers" if self.failures else "passed"
        return (
            f"Bootstrap {word}: {self.draws:,} draws, {self.failed} without a mode; draws are "
            "independent, R-hat is not defined."
        )


@dataclass(frozen=True)
class AtMode:
    """How good an approximate posterior is that rests on the mode of the propensities.

    Parameters
    ----------
    uncertainty : PropensityUncertainty
        ``plugin`` or ``sandwich``.
    k_hat : float
        Pareto shape of the importance weights.
    ess : float
        Effective sample size of the weighted draws.
    draws : int
        Draws.
    """

    uncertainty: PropensityUncertainty
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
        return _APPROXIMATE

    @property
    def error(self) -> float:
        """Monte Carlo standard error of a mean, in posterior standard deviations."""
        return float(np.sqrt(1.0 / self.ess + 1.0 / self.draws))

    @property
    def quality(self) -> str:
        """What the draws are, in one line."""
        return _MEANING[self.uncertainty].format(draws=self.draws)

    @property
    def numbers(self) -> dict[str, float | str | None]:
        """Diagnostics by name; those of other engines are None."""
        nothing = dict.fromkeys(("r_hat", "ess_bulk", "ess_tail", "divergences", "worst"))
        return {"engine": self.uncertainty.value, **nothing, "k_hat": self.k_hat, "ess": self.ess}

    @property
    def verdict(self) -> str:
        """Whether the draws can be trusted, with the numbers that say so."""
        word = "FAILED, do not use these numbers" if self.failures else "passed"
        plugin = self.uncertainty is PropensityUncertainty.PLUGIN
        label = " UNCALIBRATED: the propensities are taken as known." if plugin else ""
        return (
            f"Approximation ({self.uncertainty.value}) {word}: Pareto k-hat {self.k_hat:.2f}, "
            f"effective sample size {self.ess:,.0f}; R-hat is not defined, there are no chains."
            f"{label}"
        )


@dataclass(frozen=True)
class CutPosterior:
    """How good the approximate posteriors are that a cut posterior pools.

    Parameters
    ----------
    members : int
        Draws of the propensities.
    bad : int
        Draws of the propensities whose posterior was not found or has a Pareto k-hat above 0.7.
    k_hat : float
        Pareto shape of the posterior of the propensities, the larger one of two.
    draws : int
        Draws of the outcome model, pooled.
    """

    members: int
    bad: int
    k_hat: float
    draws: int

    @property
    def failures(self) -> tuple[str, ...]:
        """What is wrong, in words; empty when the draws can be trusted."""
        found = []
        if not self.k_hat <= MAX_K_HAT:
            found.append(f"Pareto k-hat {self.k_hat:.2f} of the propensities (allowed: 0.7)")
        if not self.bad <= MAX_FAILED * self.members:
            found.append(
                f"{self.bad} of {self.members} posteriors have none or a Pareto k-hat above 0.7 "
                "(allowed: 1 %)"
            )
        return tuple(found)

    @property
    def remedy(self) -> str:
        """What to do about failures."""
        return _APPROXIMATE

    @property
    def error(self) -> float:
        """Monte Carlo standard error of a mean, in posterior standard deviations, at most."""
        return float(np.sqrt(1.0 / self.members))

    @property
    def quality(self) -> str:
        """What the draws are, in one line."""
        return (
            f"Cut distribution, {self.draws:,} draws over {self.members} draws of the "
            "propensities: intervals include the uncertainty of the propensities, as a rule more "
            "than once"
        )

    @property
    def numbers(self) -> dict[str, float | str | None]:
        """Diagnostics by name; those of other engines are None."""
        nothing = dict.fromkeys(("r_hat", "ess_bulk", "ess_tail", "divergences", "worst"))
        engine = PropensityUncertainty.CUT.value
        return {"engine": engine, **nothing, "k_hat": self.k_hat, "ess": float(self.members)}

    @property
    def verdict(self) -> str:
        """Whether the draws can be trusted, with the numbers that say so."""
        word = "FAILED, do not use these numbers" if self.failures else "passed"
        return (
            f"Cut distribution {word}: {self.members} draws of the propensities (Pareto k-hat "
            f"{self.k_hat:.2f}), {self.bad} of them without a good posterior of the outcome; R-hat "
            "is not defined, there are no chains."
        )


type WeightedDiagnosis = Resampling | AtMode | CutPosterior


def weighted_diagnosis(tree: xr.DataTree) -> WeightedDiagnosis:
    """Return what is known of the draws of a weighted analysis.

    Parameters
    ----------
    tree : xarray.DataTree
        With the attribute ``engine``, a value of `PropensityUncertainty`, and what it needs.

    Returns
    -------
    Resampling, AtMode or CutPosterior
        By the engine.
    """
    about, draws = tree.attrs, tree["posterior"].sizes["draw"]
    match PropensityUncertainty(about["engine"]):
        case PropensityUncertainty.LINKED_BOOTSTRAP:
            return Resampling(draws, int(about["failed"]))
        case PropensityUncertainty.CUT:
            members, bad = int(about["members"]), int(about["bad"])
            return CutPosterior(members, bad, float(about["k_hat"]), draws)
        case PropensityUncertainty.PLUGIN | PropensityUncertainty.SANDWICH as kind:
            return AtMode(kind, float(about["k_hat"]), float(about["ess"]), draws)
