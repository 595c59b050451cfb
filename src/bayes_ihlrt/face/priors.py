"""Priors by the names of their distributions."""

from pydantic import ValidationError

from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import Prior
from bayes_ihlrt.spec.faults import described, translated


def Normal(  # noqa: N802 - called as the distribution is
    mu: float,
    sigma: float,
    *,
    per: str = "unit",
    on: str = "parameter",
    at: float | None = None,
) -> Prior:
    """Return a normal prior.

    Parameters
    ----------
    mu, sigma : float
        Its mean and standard deviation.
    per : str
        For a coefficient: per ``"unit"`` of the covariate, or per ``"sd"`` at time zero.
    on : str
        What it is a prior of: ``"parameter"``, ``"exp"`` of the parameter, ``"precision"``,
        ``"log-median"`` or ``"log-cumulative-hazard"``.
    at : float, optional
        Months, for ``"log-cumulative-hazard"``.

    Returns
    -------
    Prior
        For `analysis` and `AnalysisSpec.with_prior`.

    Raises
    ------
    SpecificationError
        A number or a choice is not possible.

    Examples
    --------
    >>> Normal(0, 0.35).hyperparameters
    {'mu': 0.0, 'sigma': 0.35}
    """
    return _prior(Dist.NORMAL, {"mu": mu, "sigma": sigma}, per=per, on=on, at=at)


def StudentT(  # noqa: N802 - called as the distribution is
    nu: float,
    mu: float,
    sigma: float,
    *,
    per: str = "unit",
    on: str = "parameter",
    at: float | None = None,
) -> Prior:
    """Return a Student t prior.

    Parameters
    ----------
    nu, mu, sigma : float
        Its degrees of freedom, location and scale.
    per : str
        For a coefficient: per ``"unit"`` of the covariate, or per ``"sd"`` at time zero.
    on : str
        What it is a prior of: ``"parameter"``, ``"exp"`` of the parameter, ``"precision"``,
        ``"log-median"`` or ``"log-cumulative-hazard"``.
    at : float, optional
        Months, for ``"log-cumulative-hazard"``.

    Returns
    -------
    Prior
        For `analysis` and `AnalysisSpec.with_prior`.

    Raises
    ------
    SpecificationError
        A number or a choice is not possible.

    Examples
    --------
    >>> StudentT(4, 0, 1).dist.value
    'StudentT'
    """
    return _prior(Dist.STUDENT_T, {"nu": nu, "mu": mu, "sigma": sigma}, per=per, on=on, at=at)


def HalfNormal(  # noqa: N802 - called as the distribution is
    sigma: float,
    *,
    on: str = "parameter",
    at: float | None = None,
) -> Prior:
    """Return a half-normal prior of what is positive.

    Parameters
    ----------
    sigma : float
        Its scale.
    on : str
        What it is a prior of: ``"parameter"``, ``"exp"`` of the parameter, ``"precision"``,
        ``"log-median"`` or ``"log-cumulative-hazard"``.
    at : float, optional
        Months, for ``"log-cumulative-hazard"``.

    Returns
    -------
    Prior
        For `analysis` and `AnalysisSpec.with_prior`.

    Raises
    ------
    SpecificationError
        A number or a choice is not possible.

    Examples
    --------
    >>> HalfNormal(0.5).positive
    True
    """
    return _prior(Dist.HALF_NORMAL, {"sigma": sigma}, on=on, at=at)


def HalfStudentT(  # noqa: N802 - called as the distribution is
    nu: float,
    sigma: float,
    *,
    on: str = "parameter",
    at: float | None = None,
) -> Prior:
    """Return a half-t prior of what is positive.

    Parameters
    ----------
    nu, sigma : float
        Its degrees of freedom and scale.
    on : str
        What it is a prior of: ``"parameter"``, ``"exp"`` of the parameter, ``"precision"``,
        ``"log-median"`` or ``"log-cumulative-hazard"``.
    at : float, optional
        Months, for ``"log-cumulative-hazard"``.

    Returns
    -------
    Prior
        For `analysis` and `AnalysisSpec.with_prior`.

    Raises
    ------
    SpecificationError
        A number or a choice is not possible.

    Examples
    --------
    >>> HalfStudentT(3, 0.5).positive
    True
    """
    return _prior(Dist.HALF_STUDENT_T, {"nu": nu, "sigma": sigma}, on=on, at=at)


def Exponential(  # noqa: N802 - called as the distribution is
    lam: float,
    *,
    on: str = "parameter",
    at: float | None = None,
) -> Prior:
    """Return an exponential prior of what is positive.

    Parameters
    ----------
    lam : float
        Its rate.
    on : str
        What it is a prior of: ``"parameter"``, ``"exp"`` of the parameter, ``"precision"``,
        ``"log-median"`` or ``"log-cumulative-hazard"``.
    at : float, optional
        Months, for ``"log-cumulative-hazard"``.

    Returns
    -------
    Prior
        For `analysis` and `AnalysisSpec.with_prior`.

    Raises
    ------
    SpecificationError
        A number or a choice is not possible.

    Examples
    --------
    >>> Exponential(2).hyperparameters
    {'lam': 2.0}
    """
    return _prior(Dist.EXPONENTIAL, {"lam": lam}, on=on, at=at)


def Gamma(  # noqa: N802 - called as the distribution is
    alpha: float,
    beta: float,
    *,
    on: str = "parameter",
    at: float | None = None,
) -> Prior:
    """Return a gamma prior of what is positive.

    Parameters
    ----------
    alpha, beta : float
        Its shape and rate.
    on : str
        What it is a prior of: ``"parameter"``, ``"exp"`` of the parameter, ``"precision"``,
        ``"log-median"`` or ``"log-cumulative-hazard"``.
    at : float, optional
        Months, for ``"log-cumulative-hazard"``.

    Returns
    -------
    Prior
        For `analysis` and `AnalysisSpec.with_prior`.

    Raises
    ------
    SpecificationError
        A number or a choice is not possible.

    Examples
    --------
    >>> Gamma(2, 0.5, on="exp").on.value
    'exp'
    """
    return _prior(Dist.GAMMA, {"alpha": alpha, "beta": beta}, on=on, at=at)


def LogNormal(  # noqa: N802 - called as the distribution is
    mu: float,
    sigma: float,
    *,
    on: str = "parameter",
    at: float | None = None,
) -> Prior:
    """Return a log-normal prior of what is positive.

    Parameters
    ----------
    mu, sigma : float
        Its mean and standard deviation of the logarithm.
    on : str
        What it is a prior of: ``"parameter"``, ``"exp"`` of the parameter, ``"precision"``,
        ``"log-median"`` or ``"log-cumulative-hazard"``.
    at : float, optional
        Months, for ``"log-cumulative-hazard"``.

    Returns
    -------
    Prior
        For `analysis` and `AnalysisSpec.with_prior`.

    Raises
    ------
    SpecificationError
        A number or a choice is not possible.

    Examples
    --------
    >>> LogNormal(0, 1, on="exp").on.value
    'exp'
    """
    return _prior(Dist.LOG_NORMAL, {"mu": mu, "sigma": sigma}, on=on, at=at)


def _prior(
    dist: Dist, given: dict[str, float], *, on: str, at: float | None, per: str = "unit"
) -> Prior:
    """Check what was given, and tell it as a specification's faults are told."""
    options = {"on": (on, "parameter"), "at": (at, None), "per": (per, "unit")}
    stated = {key: value for key, (value, usual) in options.items() if value != usual}
    try:
        return Prior.model_validate({"dist": dist, **given, **stated})
    except ValidationError as error:
        faults = translated(error, "", fields=described(Prior), whole="the prior")
        raise SpecificationError(f"prior {dist.value}", faults) from None
