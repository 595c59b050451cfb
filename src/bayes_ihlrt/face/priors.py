"""Priors by the names of their distributions."""

from collections.abc import Mapping
from typing import Final, TypedDict, Unpack, get_type_hints

from pydantic import ValidationError

from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.names import Dist
from bayes_ihlrt.priors import Prior
from bayes_ihlrt.spec.faults import described, translated


class PriorOptions(TypedDict, total=False):
    """What every prior may be told beside its hyperparameters.

    Parameters
    ----------
    on : str
        What it is a prior of: ``"parameter"``, ``"exp"`` of the parameter, ``"precision"``,
        ``"log-median"`` or ``"log-cumulative-hazard"``; the parameter without it.
    at : float
        Months, for ``"log-cumulative-hazard"``.
    per : str
        For a coefficient with a Normal or Student t prior: per ``"unit"`` of the covariate, or per
        ``"sd"`` at time zero; the unit without it. `analysis` refuses it elsewhere.

    Examples
    --------
    >>> options: PriorOptions = {"per": "sd"}
    >>> Normal(0, 1, **options).per.value
    'sd'
    """

    on: str
    at: float | None
    per: str


def Normal(  # noqa: N802 - called as the distribution is
    mu: float,
    sigma: float,
    **options: Unpack[PriorOptions],
) -> Prior:
    """Return a normal prior.

    Parameters
    ----------
    mu, sigma : float
        Its mean and standard deviation.
    **options
        ``on``, ``at`` and ``per``: see `PriorOptions`.

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
    return _prior(Dist.NORMAL, {"mu": mu, "sigma": sigma}, options)


def StudentT(  # noqa: N802 - called as the distribution is
    nu: float,
    mu: float,
    sigma: float,
    **options: Unpack[PriorOptions],
) -> Prior:
    """Return a Student t prior.

    Parameters
    ----------
    nu, mu, sigma : float
        Its degrees of freedom, location and scale.
    **options
        ``on``, ``at`` and ``per``: see `PriorOptions`.

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
    return _prior(Dist.STUDENT_T, {"nu": nu, "mu": mu, "sigma": sigma}, options)


def HalfNormal(  # noqa: N802 - called as the distribution is
    sigma: float,
    **options: Unpack[PriorOptions],
) -> Prior:
    """Return a half-normal prior of what is positive.

    Parameters
    ----------
    sigma : float
        Its scale.
    **options
        ``on``, ``at`` and ``per``: see `PriorOptions`.

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
    return _prior(Dist.HALF_NORMAL, {"sigma": sigma}, options)


def HalfStudentT(  # noqa: N802 - called as the distribution is
    nu: float,
    sigma: float,
    **options: Unpack[PriorOptions],
) -> Prior:
    """Return a half-t prior of what is positive.

    Parameters
    ----------
    nu, sigma : float
        Its degrees of freedom and scale.
    **options
        ``on``, ``at`` and ``per``: see `PriorOptions`.

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
    return _prior(Dist.HALF_STUDENT_T, {"nu": nu, "sigma": sigma}, options)


def Exponential(  # noqa: N802 - called as the distribution is
    lam: float,
    **options: Unpack[PriorOptions],
) -> Prior:
    """Return an exponential prior of what is positive.

    Parameters
    ----------
    lam : float
        Its rate.
    **options
        ``on``, ``at`` and ``per``: see `PriorOptions`.

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
    return _prior(Dist.EXPONENTIAL, {"lam": lam}, options)


def Gamma(  # noqa: N802 - called as the distribution is
    alpha: float,
    beta: float,
    **options: Unpack[PriorOptions],
) -> Prior:
    """Return a gamma prior of what is positive.

    Parameters
    ----------
    alpha, beta : float
        Its shape and rate.
    **options
        ``on``, ``at`` and ``per``: see `PriorOptions`.

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
    return _prior(Dist.GAMMA, {"alpha": alpha, "beta": beta}, options)


def LogNormal(  # noqa: N802 - called as the distribution is
    mu: float,
    sigma: float,
    **options: Unpack[PriorOptions],
) -> Prior:
    """Return a log-normal prior of what is positive.

    Parameters
    ----------
    mu, sigma : float
        Its mean and standard deviation of the logarithm.
    **options
        ``on``, ``at`` and ``per``: see `PriorOptions`.

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
    return _prior(Dist.LOG_NORMAL, {"mu": mu, "sigma": sigma}, options)


_USUAL: Final[Mapping[str, object]] = {"on": "parameter", "at": None, "per": "unit"}
"""What is not written into a specification."""


def _prior(dist: Dist, given: Mapping[str, float], options: PriorOptions) -> Prior:
    """Check what was given, and tell it as a specification's faults are told."""
    subject, allowed = f"prior {dist.value}", tuple(get_type_hints(PriorOptions))
    # The name says which distribution it is, and what it takes: no option may say otherwise.
    unknown = [key for key in options if key not in allowed]
    if unknown:
        problem, known = f"{dist.value} has no argument of that name", [*given, *allowed]
        faults = [Fault(f"argument '{key}'", problem, nearest(key, known)) for key in unknown]
        raise SpecificationError(subject, faults)
    stated = {key: value for key, value in options.items() if value != _USUAL[key]}
    try:
        return Prior.model_validate({"dist": dist, **given, **stated})
    except ValidationError as error:
        faults = translated(error, "", fields=described(Prior), whole="the prior")
        raise SpecificationError(subject, faults) from None
