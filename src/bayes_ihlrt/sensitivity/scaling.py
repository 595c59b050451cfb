"""Priors raised to a power, and the named priors of a study.

Every distribution of the package is closed under powers: p(x)^a, normalised, has other
hyperparameters and the same form. A power-scaled prior is thus a member of a batch like any other.

References
----------
Kallioinen N, Paananen T, Bürkner P-C, Vehtari A. Detecting and diagnosing prior and likelihood
sensitivity with power-scaling. Stat Comput 2024;34:57, doi 10.1007/s11222-023-10366-5.
"""

from collections.abc import Callable, Mapping
from math import log, sqrt
from typing import Final

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import Prior

Z_95: Final = 1.6448536269514722
"""The 95 % quantile of the standard normal distribution."""
FLAT_SD: Final = 10.0
"""Sd (log hazard ratio) of a prior that is flat over every hazard ratio that could be believed."""

_POWERS: Final[Mapping[Dist, Callable[[Prior, float], dict[str, float]]]] = {
    Dist.NORMAL: lambda p, a: {"mu": _value(p.mu), "sigma": _value(p.sigma) / sqrt(a)},
    Dist.HALF_NORMAL: lambda p, a: {"sigma": _value(p.sigma) / sqrt(a)},
    Dist.STUDENT_T: lambda p, a: {"mu": _value(p.mu), **_student(p, a)},
    Dist.HALF_STUDENT_T: lambda p, a: {**_student(p, a)},
    Dist.EXPONENTIAL: lambda p, a: {"lam": a * _value(p.lam)},
    Dist.GAMMA: lambda p, a: {
        "alpha": a * (_value(p.alpha) - 1.0) + 1.0,
        "beta": a * _value(p.beta),
    },
    Dist.LOG_NORMAL: lambda p, a: {
        "mu": _value(p.mu) - (a - 1.0) * _value(p.sigma) ** 2 / a,
        "sigma": _value(p.sigma) / sqrt(a),
    },
}


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
    found = _POWERS[prior.dist](prior, power)
    positive = [name for name in found if name != "mu"]
    if power <= 0.0 or any(not found[name] > 0.0 for name in positive):
        problem = f"{prior.dist.value} {prior.hyperparameters} to the power {power:g} is improper"
        remedy = "Use a power nearer to 1, or a prior with lighter tails"
        raise SpecificationError("power scaling", [Fault("prior", problem, remedy)])
    return prior.model_copy(update=found)


def sceptical_prior(alternative: float) -> Prior:
    """Return a normal prior around no effect that gives the alternative little chance.

    log HR ~ Normal(0, |log alternative| / 1.645), so that a hazard ratio beyond the alternative
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

    log HR ~ Normal(log alternative, |log alternative| / 1.645): a hazard ratio beyond 1 has
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


def _student(prior: Prior, power: float) -> dict[str, float]:
    nu, sigma = _value(prior.nu), _value(prior.sigma)
    scaled = power * (nu + 1.0) - 1.0
    return {"nu": scaled, "sigma": sigma * sqrt(nu / scaled) if scaled > 0.0 else sigma}


def _value(number: float | None) -> float:
    if number is None:
        message = "a prior has its hyperparameters"
        raise AssertionError(message)
    return number
