"""Mixture priors: how much they are worth, and posteriors under them.

The posterior under a mixture of priors is a mixture of the components' posteriors, with weights
proportional to prior weight times evidence (the normalising constant). Each component is a member
of a batch.

References
----------
Neuenschwander B, Weber S, Schmidli H, O'Hagan A. Predictively consistent prior effective sample
sizes. Biometrics 2020;76:578-587, doi 10.1111/biom.13252.
Schmidli H, Gsteiger S, Roychoudhury S, O'Hagan A, Spiegelhalter D, Neuenschwander B. Robust
meta-analytic-predictive priors in clinical trials with historical control information. Biometrics
2014;70:1023-1032, doi 10.1111/biom.12242.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import norm

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import Z_975, Prior
from bayes_ihlrt.sensitivity.effects import PublishedEffect
from bayes_ihlrt.sensitivity.evidence import Discount, evidence_prior
from bayes_ihlrt.sensitivity.reverse_bayes import UNIT_INFORMATION

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MixturePrior:
    """A mixture of normal priors on a log hazard ratio.

    Parameters
    ----------
    weights : tuple of float
        Positive, with sum 1.
    components : tuple of Prior
        Normal priors on the parameter itself.

    Raises
    ------
    SpecificationError
        Weights or components are not as described; every fault is listed.
    """

    weights: tuple[float, ...]
    components: tuple[Prior, ...]

    def __post_init__(self) -> None:
        """Refuse what is no mixture."""
        faults = []
        if len(self.weights) != len(self.components) or not self.weights:
            problem = f"{len(self.weights)} weights for {len(self.components)} components"
            faults.append(Fault("weights", problem, "Give one weight to each component"))
        if any(not w > 0.0 for w in self.weights) or abs(sum(self.weights) - 1.0) > 1e-9:
            problem = f"found {list(self.weights)}"
            faults.append(Fault("weights", problem, "Give positive weights with sum 1"))
        if any(each.dist is not Dist.NORMAL for each in self.components):
            problem = f"found {', '.join(each.dist.value for each in self.components)}"
            faults.append(Fault("components", problem, "Use Normal components"))
        if faults:
            raise SpecificationError("mixture prior", faults)

    @property
    def _moments(self) -> tuple[Floats, Floats, Floats]:
        means = np.asarray([each.mu for each in self.components], dtype=np.float64)
        sds = np.asarray([each.sigma for each in self.components], dtype=np.float64)
        return np.asarray(self.weights), means, sds

    def log_density(self, values: Floats) -> Floats:
        """Return the log density at log hazard ratios of any shape."""
        weights, means, sds = self._moments
        return np.asarray(logsumexp(norm.logpdf(values[..., None], means, sds), b=weights, axis=-1))

    @property
    def events(self) -> float:
        """Expected local-information-ratio effective sample size, in events.

        E[-d2 log p / dx2] over the information of one event, 1 / 4 (two arms of equal size): the
        prior's curvature, averaged over the prior. A normal prior is worth 4 / sd^2.
        """
        weights, means, sds = self._moments
        low, high = (means - 12.0 * sds).min(), (means + 12.0 * sds).max()
        grid = np.linspace(low, high, 200_001)
        parts = weights * norm.pdf(grid[:, None], means, sds)
        density = parts.sum(axis=1)
        kept = density > 0.0
        share = parts[kept] / density[kept, None]
        pull = (means - grid[kept, None]) / sds**2
        slope = (share * pull).sum(axis=1)
        curvature = (share * (pull**2 - sds**-2)).sum(axis=1) - slope**2
        information = -np.trapezoid(density[kept] * curvature, grid[kept])
        return float(UNIT_INFORMATION * information)

    def posterior_weights(self, log_evidence: Floats) -> Floats:
        """Return the components' posterior weights.

        Parameters
        ----------
        log_evidence : ndarray, shape (components,)
            Log normalising constant of each component's posterior.

        Returns
        -------
        ndarray, shape (components,)
            With sum 1.
        """
        score = np.log(self.weights) + log_evidence
        return np.asarray(np.exp(score - logsumexp(score)))


def robust_prior(
    selection: Sequence[PublishedEffect],
    discount: Discount,
    *,
    weight: float = 0.5,
    vague_hr: float = 0.25,
) -> MixturePrior:
    """Return a mixture of the prior from published effects and a vague one around no effect.

    Parameters
    ----------
    selection : sequence of PublishedEffect
        Of a treatment that is added, on one outcome, from different patients.
    discount : Discount
        Between-study sd and bias.
    weight : float
        Prior probability that the published effects tell of this cohort.
    vague_hr : float
        Hazard ratio that the vague prior passes with probability 2.5 %.

    Returns
    -------
    MixturePrior
        Two normal components.
    """
    vague = Prior(dist=Dist.NORMAL, mu=0.0, sigma=abs(log(vague_hr)) / Z_975)
    return MixturePrior((weight, 1.0 - weight), (evidence_prior(selection, discount), vague))
