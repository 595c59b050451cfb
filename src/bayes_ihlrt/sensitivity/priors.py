"""Priors of a study: those raised to a power, those with a name, and mixtures.

Every distribution of the package is closed under powers: p(x)^a, normalised, has other
hyperparameters and the same form. A power-scaled prior is thus a member of a batch like any other.

The posterior under a mixture of priors is a mixture of the components' posteriors, with weights
proportional to prior weight times evidence (the normalising constant). Each component is a member
of a batch.

References
----------
Kallioinen N, Paananen T, Bürkner P-C, Vehtari A. Detecting and diagnosing prior and likelihood
sensitivity with power-scaling. Stat Comput 2024;34:57, doi 10.1007/s11222-023-10366-5.
Neuenschwander B, Weber S, Schmidli H, O'Hagan A. Predictively consistent prior effective sample
sizes. Biometrics 2020;76:578-587, doi 10.1111/biom.13252.
Schmidli H, Gsteiger S, Roychoudhury S, O'Hagan A, Spiegelhalter D, Neuenschwander B. Robust
meta-analytic-predictive priors in clinical trials with historical control information. Biometrics
2014;70:1023-1032, doi 10.1111/biom.12242.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import norm

from bayes_ihlrt.clinical.effects import UNIT_INFORMATION, PublishedEffect
from bayes_ihlrt.clinical.evidence import Discount, evidence_prior
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import Z_975, Prior

Z_95: Final = 1.6448536269514722
"""The 95 % quantile of the standard normal distribution."""
FLAT_SD: Final = 10.0
"""Sd (log hazard ratio) of a prior that is flat over every hazard ratio that could be believed."""


def power_scaled(prior: Prior, power: float) -> Prior:
    """Return the prior whose density is proportional to that of `prior` to a power.

    The density is that of the quantity which the prior describes (`Prior.on`): of a median
    survival where a median survival was stated.

    Parameters
    ----------
    prior : Prior
        The prior.
    power : float
        Above 1 narrower, below 1 wider.

    Returns
    -------
    Prior
        Of the same distribution.

    Raises
    ------
    SpecificationError
        The power has no finite integral.

    Examples
    --------
    >>> power_scaled(Prior(dist="Normal", mu=0.4, sigma=0.2), 0.25).hyperparameters
    {'mu': 0.4, 'sigma': 0.4}
    """
    # To a power that is none no density can be raised.
    found = prior.distribution.power(prior.numbers, power) if power > 0.0 else {"power": power}
    positive = [name for name in found if name != "mu"]
    if any(not found[name] > 0.0 for name in positive):
        problem = f"{prior.dist.value} {prior.hyperparameters} to the power {power:g} is improper"
        remedy = "Use a power nearer to 1, or a prior with lighter tails"
        raise SpecificationError("power scaling", [Fault("prior", problem, remedy)])
    return prior.model_copy(update=found)


def sceptical_prior(alternative: float) -> Prior:
    """Return a normal prior around no effect that gives the alternative little chance.

    log HR ~ Normal(0, abs(log alternative) / 1.645), so that a hazard ratio beyond the alternative
    has probability 5 %.

    Parameters
    ----------
    alternative : float
        Hazard ratio, other than 1.

    Returns
    -------
    Prior
        On the log hazard ratio.

    References
    ----------
    Spiegelhalter DJ, Freedman LS, Parmar MKB. J R Stat Soc A 1994;157:357-416,
    doi 10.2307/2983527.

    Examples
    --------
    >>> round(sceptical_prior(0.65).sigma, 4)
    0.2619
    """
    return Prior(dist=Dist.NORMAL, mu=0.0, sigma=abs(log(alternative)) / Z_95)


def enthusiastic_prior(alternative: float) -> Prior:
    """Return a normal prior around the alternative that gives no effect little chance.

    log HR ~ Normal(log alternative, abs(log alternative) / 1.645): a hazard ratio beyond 1 has
    probability 5 %.

    Parameters
    ----------
    alternative : float
        Hazard ratio, other than 1.

    Returns
    -------
    Prior
        On the log hazard ratio.

    Examples
    --------
    >>> prior = enthusiastic_prior(0.65)
    >>> round(prior.mu, 4), round(prior.sigma, 4)
    (-0.4308, 0.2619)
    """
    return sceptical_prior(alternative).model_copy(update={"mu": log(alternative)})


def flat_prior() -> Prior:
    """Return a normal prior that is flat over every log hazard ratio that could be believed."""
    return Prior(dist=Dist.NORMAL, mu=0.0, sigma=FLAT_SD)


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
