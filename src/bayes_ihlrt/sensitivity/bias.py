"""What an unmeasured confounder would have to be: E-values, and a grid of confounders.

References
----------
VanderWeele TJ, Ding P. Sensitivity analysis in observational research: introducing the E-value. Ann
Intern Med 2017;167:268-274, doi 10.7326/M16-2607. Lin DY, Psaty BM, Kronmal RA. Assessing the
sensitivity of regression results to unmeasured confounders in observational studies. Biometrics
1998;54:948-963, doi 10.2307/2533848.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def e_value(risk_ratio: ArrayLike) -> Floats:
    """Return the E-value of a risk ratio.

    RR + sqrt(RR (RR - 1)) for RR above 1, of 1 / RR below: the strength, as a risk ratio with
    treatment and with outcome, that an unmeasured confounder needs to explain the effect away.

    Parameters
    ----------
    risk_ratio : array_like
        Positive.

    Returns
    -------
    ndarray
        At least 1.

    Examples
    --------
    >>> e_value([3.9, 0.8]).round(2).tolist()
    [7.26, 1.81]
    """
    ratio = np.asarray(risk_ratio, dtype=np.float64)
    above = np.maximum(ratio, 1.0 / ratio)
    return np.asarray(above + np.sqrt(above * (above - 1.0)))


def risk_ratio(hazard_ratio: ArrayLike, *, common: bool) -> Floats:
    """Return the risk ratio that a hazard ratio stands for.

    (1 - 0.5^sqrt(HR)) / (1 - 0.5^sqrt(1 / HR)) where the outcome is common (above 15 % by the end
    of follow-up), the hazard ratio itself where it is rare.

    Parameters
    ----------
    hazard_ratio : array_like
        Positive.
    common : bool
        Whether the outcome is common.

    Returns
    -------
    ndarray
        Risk ratio.

    Examples
    --------
    >>> e_value(risk_ratio(0.56, common=True)).round(3).item()
    2.35
    """
    ratio = np.asarray(hazard_ratio, dtype=np.float64)
    if not common:
        return ratio
    root = np.sqrt(ratio)
    return np.asarray((1.0 - 0.5**root) / (1.0 - 0.5 ** (1.0 / root)))


def bias_factor(strength: ArrayLike, treated: ArrayLike, untreated: ArrayLike) -> Floats:
    """Return observed over true hazard ratio with a binary confounder left out.

    (G P1 + 1 - P1) / (G P0 + 1 - P0).

    Parameters
    ----------
    strength : array_like
        Hazard ratio G of the confounder.
    treated, untreated : array_like
        Share P1 of the treated and P0 of the untreated who have it.

    Returns
    -------
    ndarray
        Below 1 where the confounder makes treatment look better than it is.

    Examples
    --------
    >>> bias_factor(2.0, 0.2, 0.6).round(3).item()
    0.75
    """
    g, p1, p0 = (np.asarray(x, dtype=np.float64) for x in (strength, treated, untreated))
    return np.asarray((g * p1 + 1.0 - p1) / (g * p0 + 1.0 - p0))


def tipping_prevalence(factor: float, strength: Floats, treated: float) -> Floats:
    """Return the share of the untreated at which a confounder makes a given bias.

    Solves (G P1 + 1 - P1) / (G P0 + 1 - P0) = factor for P0.

    Parameters
    ----------
    factor : float
        Observed over true hazard ratio.
    strength : ndarray
        Hazard ratio G of the confounder.
    treated : float
        Share P1 of the treated.

    Returns
    -------
    ndarray
        Shares; NaN where no share between 0 and 1 does it.

    Examples
    --------
    >>> tipping_prevalence(0.75, np.array([2.0, 1.1]), 0.2).round(3).tolist()
    [0.6, nan]
    """
    excess = strength - 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        share = ((1.0 + excess * treated) / factor - 1.0) / excess
    return np.where((share >= 0.0) & (share <= 1.0), share, np.nan)


@dataclass(frozen=True)
class BiasPrior:
    """What is believed of an unmeasured binary confounder.

    Parameters
    ----------
    log_strength : tuple of float
        Mean and sd of its log hazard ratio on the outcome.
    treated, untreated : tuple of float
        Beta parameters of its share among treated and untreated.
    """

    log_strength: tuple[float, float] = (np.log(2.0), 0.25)
    treated: tuple[float, float] = (4.0, 6.0)
    untreated: tuple[float, float] = (6.0, 4.0)

    def log_factors(self, draws: int, seed: int) -> Floats:
        """Return draws of the log bias factor.

        Parameters
        ----------
        draws : int
            Number of draws.
        seed : int
            Seed.

        Returns
        -------
        ndarray, shape (draws,)
            Subtract one from each draw of the log hazard ratio.
        """
        rng = np.random.default_rng(seed)
        strength = np.exp(rng.normal(*self.log_strength, draws))
        treated, untreated = rng.beta(*self.treated, draws), rng.beta(*self.untreated, draws)
        return np.log(bias_factor(strength, treated, untreated))
