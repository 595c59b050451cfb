"""Which priors suit which parameter: a scale is positive, a log hazard ratio has either sign."""

from typing import Final

from bayes_ihlrt.errors import Fault
from bayes_ihlrt.hazards.piecewise import DEVIATION_NAME
from bayes_ihlrt.hazards.registry import FAMILIES
from bayes_ihlrt.priors import PerUnit, Prior, PriorScale


def domain_faults(name: str, prior: Prior, *, is_scale: bool, term: bool) -> list[Fault]:
    """Return the first reason why a prior cannot be a parameter's, if there is one.

    Parameters
    ----------
    name : str
        The parameter.
    prior : Prior
        What is stated of it.
    is_scale : bool
        It is a standard deviation.
    term : bool
        It is a coefficient.

    Returns
    -------
    list of Fault
        One or none.
    """
    where = f"prior '{name}'"
    checks = _scale_checks(prior) if is_scale else _location_checks(name, prior, term=term)
    return [Fault(where, problem, remedy) for wrong, problem, remedy in checks if wrong][:1]


_OF_SURVIVAL: Final = frozenset({PriorScale.LOG_MEDIAN, PriorScale.LOG_CUMULATIVE_HAZARD})


def _is_shape(name: str) -> bool:
    """Tell the parameters of a baseline's shape from those of its level."""
    levels = {family.level for family in FAMILIES.values()}
    return name not in levels and any(name in family.words for family in FAMILIES.values())


def _is_symmetric(prior: Prior) -> bool:
    return prior.on is PriorScale.PARAMETER and prior.mu == 0.0 and not prior.positive


def _scale_checks(prior: Prior) -> list[tuple[bool, str, str]]:
    allowed = {PriorScale.PARAMETER, PriorScale.PRECISION}
    return [
        (
            prior.on not in allowed or not prior.positive,
            f"a standard deviation is positive; found {prior.dist.value} on {prior.on}",
            "Use HalfNormal, HalfStudentT, Exponential, Gamma or LogNormal",
        ),
        (
            prior.per is not PerUnit.UNIT,
            "a standard deviation has no covariate that `per` could be measured by",
            f"Leave out per = '{prior.per.value}'",
        ),
    ]


def _location_checks(name: str, prior: Prior, *, term: bool) -> list[tuple[bool, str, str]]:
    itself = prior.on is PriorScale.PARAMETER
    return [
        (
            prior.on in _OF_SURVIVAL and (term or _is_shape(name)),
            "survival describes the baseline's level, not this parameter",
            "State it under 'baseline'",
        ),
        (
            name == DEVIATION_NAME and not _is_symmetric(prior),
            "the deviations of intervals from their mean have either sign and no location",
            "Use Normal or StudentT on itself with mu = 0",
        ),
        (
            name == "slope" and (prior.positive or not itself),
            "the slope has either sign",
            "Use Normal or StudentT on itself",
        ),
        (
            prior.positive and itself,
            f"{prior.dist.value} allows positive values only, and this parameter is on a log scale",
            'Use Normal or StudentT, or add on = "exp" to describe its exponential',
        ),
        (
            prior.on is PriorScale.PRECISION,
            "a precision describes a standard deviation, not this parameter",
            'Leave out on = "precision"',
        ),
        (
            prior.on is PriorScale.EXP and not prior.positive,
            f"an exponential is positive; found {prior.dist.value} on exp",
            "Use LogNormal, Gamma, Exponential, HalfNormal or HalfStudentT",
        ),
        (
            prior.positive and prior.per is not PerUnit.UNIT,
            f"per = 'sd' rescales Normal and StudentT; found {prior.dist.value}",
            "State the prior per unit of the covariate",
        ),
    ]
