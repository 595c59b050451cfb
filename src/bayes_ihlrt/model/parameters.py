"""Which parameters a model has and which prior each of them gets."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.escaping import as_written
from bayes_ihlrt.model.spec import ModelSpec
from bayes_ihlrt.names import Dist, HazardFamily, ModifierTransform, Smoothing
from bayes_ihlrt.priors import (
    AdjacentHazardPrior,
    AnyPrior,
    HazardRatioPrior,
    MedianSurvivalPrior,
    PerUnit,
    Prior,
    PriorScale,
)

BASELINE: Final = MedianSurvivalPrior(median_survival=19.2, upper=60.0).to_prior()
"""Median overall survival of atezolizumab + bevacizumab in IMbrave150, wide upper bound."""
TREATMENT: Final = HazardRatioPrior(hr_median=0.75, hr_interval=(0.34, 1.64)).to_prior()
MODIFIER_PER_DOUBLING: Final = Prior(dist=Dist.NORMAL, mu=0.40, sigma=0.20)
INTERACTION: Final = Prior(dist=Dist.NORMAL, mu=0.0, sigma=0.25)
COVARIATE: Final = Prior(dist=Dist.NORMAL, mu=0.0, sigma=1.0, per=PerUnit.SD)
LOG_SHAPE: Final = Prior(dist=Dist.NORMAL, mu=0.0, sigma=0.5)
"""Weibull shapes between 0.38 and 2.66 with probability 95 %."""
SLOPE: Final = Prior(dist=Dist.NORMAL, mu=0.0, sigma=0.05)
"""The Gompertz hazard changes by less than a factor 1.10 a month with probability 95 %."""
SMOOTHING_SD: Final = AdjacentHazardPrior(hr_adjacent=2.0).to_prior()
DEVIATION: Final = Prior(dist=Dist.NORMAL, mu=0.0, sigma=20.0)
"""Independent intervals are estimated each by itself: all but flat, so that 20 intervals give the
maximum likelihood of the treatment within 0.02. The random walk and the M-spline smooth."""
DEVIATION_NAME: Final = "log_hazard_deviation"
GROUP_SD: Final = Prior(dist=Dist.HALF_NORMAL, sigma=0.5)

ANCHOR: Final = {
    HazardFamily.EXPONENTIAL: "log_rate",
    HazardFamily.WEIBULL: "log_rate",
    HazardFamily.GOMPERTZ: "log_rate",
    HazardFamily.PIECEWISE: "log_hazard",
    HazardFamily.MSPLINE: "log_scale",
}
"""The parameter of each hazard family that sets its level."""


@dataclass(frozen=True)
class ResolvedPrior:
    """A parameter's prior and where it came from.

    Parameters
    ----------
    prior : Prior
        Per unit of the covariate, ready for the graph.
    source : str
        ``"specification"``, ``"specification default"`` or ``"package default"``.
    """

    prior: Prior
    source: str


def stated_priors(spec: ModelSpec, terms: Mapping[str, str]) -> dict[str, ResolvedPrior]:
    """Give every parameter its prior as it is stated: named, else ``default``, else the package's.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    terms : mapping of str to str
        Formula term of each coefficient, in the order of the design matrix.

    Returns
    -------
    dict of str to ResolvedPrior
        By parameter: coefficients, then baseline, then scales.

    Raises
    ------
    SpecificationError
        When a prior names no parameter, or has the wrong domain; every fault is listed.
    """
    defaults = {name: _coefficient_default(spec, term) for name, term in terms.items()}
    defaults |= _baseline_defaults(spec)
    defaults |= dict.fromkeys(group_scales(spec), GROUP_SD)
    aliases = {name: _aliases(spec, name, terms.get(name)) for name in defaults}
    return assign_priors(spec.priors, defaults, aliases=aliases, coefficients=set(terms))


def assign_priors(
    given: Mapping[str, AnyPrior],
    defaults: Mapping[str, Prior],
    *,
    aliases: Mapping[str, tuple[str, ...]],
    coefficients: AbstractSet[str],
) -> dict[str, ResolvedPrior]:
    """Give every parameter the prior of its nearest name, else ``default``, else the package's.

    Parameters
    ----------
    given : mapping of str to prior
        What the specification states.
    defaults : mapping of str to Prior
        The package's prior of every parameter; a positive one belongs to a scale.
    aliases : mapping of str to tuple of str
        Names under which each parameter's prior may be stated, nearest first.
    coefficients : set of str
        Parameters that a median survival cannot describe.

    Returns
    -------
    dict of str to ResolvedPrior
        In the order of `defaults`.

    Raises
    ------
    SpecificationError
        When a prior names no parameter, or has the wrong domain; every fault is listed.
    """
    faults = _unknown_names(given, aliases)
    stated = {}
    for name, default in defaults.items():
        prior, source = _look_up(given, aliases[name], default)
        faults += _domain_faults(name, prior, is_scale=default.positive, term=name in coefficients)
        stated[name] = ResolvedPrior(prior, source)
    if faults:
        raise SpecificationError("[priors]", faults)
    return stated


def resolve_priors(
    spec: ModelSpec, terms: Mapping[str, str], sds: Mapping[str, float]
) -> dict[str, ResolvedPrior]:
    """Give every parameter its prior per unit of its covariate, ready for the graph.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    terms : mapping of str to str
        Formula term of each coefficient, in the order of the design matrix.
    sds : mapping of str to float
        Standard deviation of each column of the design matrix.

    Returns
    -------
    dict of str to ResolvedPrior
        By parameter: coefficients, then baseline, then scales.

    Raises
    ------
    SpecificationError
        When a prior names no parameter, or has the wrong domain; every fault is listed.
    """
    return {
        name: ResolvedPrior(stated.prior.rescaled(sds.get(name, 1.0)), stated.source)
        for name, stated in stated_priors(spec, terms).items()
    }


def group_scales(spec: ModelSpec) -> tuple[str, ...]:
    """Return the names of the group standard deviations, e.g. ``("sd_centre",)``."""
    names = []
    for term in spec.outcome.groups:
        names.append(f"sd_{term.group}")
        if term.slope is not None:
            names.append(f"sd_{term.group}:{term.slope}")
    return tuple(names)


def _coefficient_default(spec: ModelSpec, term: str) -> Prior:
    modifier = spec.modifier
    per_doubling = modifier is not None and modifier.transform is ModifierTransform.LOG2
    factors = set(term.split(":"))
    if factors == {spec.treatment}:
        return TREATMENT
    if modifier is not None and per_doubling:
        if factors == {modifier.name}:
            return MODIFIER_PER_DOUBLING
        if factors == {spec.treatment, modifier.name}:
            return INTERACTION
    return COVARIATE


def _baseline_defaults(spec: ModelSpec) -> dict[str, Prior]:
    hazard = spec.outcome.hazard
    parameters = {ANCHOR[hazard.family]: BASELINE}
    match hazard.family:
        case HazardFamily.WEIBULL:
            parameters["log_shape"] = LOG_SHAPE
        case HazardFamily.GOMPERTZ:
            parameters["slope"] = SLOPE
        case HazardFamily.PIECEWISE if hazard.smoothing is Smoothing.INDEPENDENT:
            parameters[DEVIATION_NAME] = DEVIATION
        case HazardFamily.PIECEWISE:
            parameters["smoothing_sd"] = SMOOTHING_SD
        case HazardFamily.MSPLINE:
            parameters["smoothing_sd"] = SMOOTHING_SD
        case _:
            pass
    return parameters


def _aliases(spec: ModelSpec, name: str, term: str | None) -> tuple[str, ...]:
    """Names under which a specification may state a parameter's prior, nearest first."""
    if term is not None:
        return (name, as_written(name), term)
    level = name == ANCHOR[spec.outcome.hazard.family]
    return (name, *["baseline"] * level, *["group_sd"] * name.startswith("sd_"))


def _look_up(
    given: Mapping[str, AnyPrior], aliases: tuple[str, ...], default: Prior
) -> tuple[Prior, str]:
    for alias in aliases:
        if alias in given:
            return given[alias].to_prior(), "specification"
    if "default" in given and not default.positive:
        return given["default"].to_prior(), "specification default"
    return default, "package default"


def _unknown_names(
    given: Mapping[str, AnyPrior], aliases: Mapping[str, tuple[str, ...]]
) -> list[Fault]:
    known = {"default", *(alias for names in aliases.values() for alias in names)}
    return [
        Fault(f"prior '{name}'", "the model has no such parameter", nearest(name, known))
        for name in given
        if name not in known
    ]


def _domain_faults(name: str, prior: Prior, *, is_scale: bool, term: bool) -> list[Fault]:
    """Return the first reason why a prior cannot be this parameter's, if there is one."""
    where = f"prior '{name}'"
    checks = _scale_checks(prior) if is_scale else _location_checks(name, prior, term=term)
    return [Fault(where, problem, remedy) for wrong, problem, remedy in checks if wrong][:1]


_OF_SURVIVAL: Final = frozenset({PriorScale.LOG_MEDIAN, PriorScale.LOG_CUMULATIVE_HAZARD})
_SHAPES: Final = frozenset({"log_shape", "slope", DEVIATION_NAME})


def _is_symmetric(prior: Prior) -> bool:
    return prior.on is PriorScale.PARAMETER and prior.mu == 0.0 and not prior.positive


def _scale_checks(prior: Prior) -> list[tuple[bool, str, str]]:
    allowed = {PriorScale.PARAMETER, PriorScale.PRECISION}
    return [
        (
            prior.on not in allowed or not prior.positive,
            f"a standard deviation is positive; found {prior.dist.value} on {prior.on}",
            "Use HalfNormal, HalfStudentT, Exponential, Gamma or LogNormal",
        )
    ]


def _location_checks(name: str, prior: Prior, *, term: bool) -> list[tuple[bool, str, str]]:
    itself = prior.on is PriorScale.PARAMETER
    return [
        (
            prior.on in _OF_SURVIVAL and (term or name in _SHAPES),
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
            prior.positive and prior.per is PerUnit.SD,
            f"per = 'sd' rescales Normal and StudentT; found {prior.dist.value}",
            "State the prior per unit of the covariate",
        ),
    ]
