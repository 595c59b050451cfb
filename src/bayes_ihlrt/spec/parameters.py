"""Parameters of a model and the prior that each of them gets.

The priors of a specification are checked against its formula before there are data: a scale is
positive, a log hazard ratio has either sign.
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import log
from typing import Final

from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.escaping import as_written
from bayes_ihlrt.hazards.piecewise import DEVIATION_NAME
from bayes_ihlrt.hazards.registry import FAMILIES, level_of
from bayes_ihlrt.names import Dist, ModifierTransform
from bayes_ihlrt.priors import POSITIVE, AnyPrior, PerUnit, Prior, PriorScale
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.prior_sets import set_priors

BASELINE_SD: Final = 1.5
"""Of the log cumulative hazard at the reference time: survival there between 0 and 96 %."""
TREATMENT: Final = Prior(dist=Dist.NORMAL, mu=0.0, sigma=0.5)
"""Favours nobody: hazard ratio 1, between 0.38 and 2.66 with probability 95 %."""
INTERACTION: Final = Prior(dist=Dist.NORMAL, mu=0.0, sigma=0.25)
"""Per doubling of the modifier, or per standard deviation of what the effect depends on."""
COVARIATE: Final = Prior(dist=Dist.NORMAL, mu=0.0, sigma=1.0, per=PerUnit.SD)
UNKNOWN_MONTHS: Final = 100.0
"""Stands for the reference time where priors are looked at before there are data."""
GROUP_SD: Final = Prior(dist=Dist.HALF_NORMAL, sigma=0.5)


@dataclass(frozen=True)
class ResolvedPrior:
    """A parameter's prior and where it came from.

    Parameters
    ----------
    prior : Prior
        Per unit of the covariate, ready for the graph.
    source : str
        ``"specification"``, ``"specification default"``, ``"set <name>"`` or
        ``"package default"``.
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
        When a prior names no parameter, or has the wrong domain, or a coefficient is called as a
        parameter of the baseline; every fault is listed.
    """
    defaults = {name: _coefficient_default(spec, term) for name, term in terms.items()}
    baseline = _baseline_defaults(spec)
    if taken := sorted(terms.keys() & baseline.keys()):
        problem, where = "is a name that the model uses itself", "[outcome] formula"
        faults = [Fault(where, f"'{name}' {problem}", "Rename the column") for name in taken]
        raise SpecificationError("[outcome]", faults)
    defaults |= baseline
    defaults |= dict.fromkeys(group_scales(spec), GROUP_SD)
    aliases = {name: _aliases(spec, name, terms.get(name)) for name in defaults}
    found = assign_priors(spec.priors, defaults, aliases=aliases, coefficients=set(terms))
    return {name: _with_source(spec, prior, aliases[name]) for name, prior in found.items()}


def _with_source(spec: ModelSpec, found: ResolvedPrior, aliases: tuple[str, ...]) -> ResolvedPrior:
    """Tell which priors are those of the set that the specification builds on."""
    named = next((alias for alias in aliases if alias in spec.priors), None)
    if named is None or spec.prior_base is None:
        return found
    held = set_priors(
        spec.prior_base,
        formula=spec.outcome.formula,
        group=spec.outcome.group,
        treatment=spec.treatment,
        modifier=None if spec.modifier is None else (spec.modifier.name, spec.modifier.transform),
    )
    own = held.get(named) == spec.priors[named]
    return ResolvedPrior(found.prior, f"set {spec.prior_base}") if own else found


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
        faults += domain_faults(name, prior, is_scale=default.positive, term=name in coefficients)
        stated[name] = ResolvedPrior(prior, source)
    if faults:
        raise SpecificationError("[priors]", faults)
    return stated


def resolve_priors(
    spec: ModelSpec,
    terms: Mapping[str, str],
    sds: Mapping[str, float],
    row_sds: Mapping[str, float],
) -> dict[str, ResolvedPrior]:
    """Give every parameter its prior per unit of its covariate, ready for the graph.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    terms : mapping of str to str
        Formula term of each coefficient, in the order of the design matrix.
    sds : mapping of str to float
        Standard deviation of each column of the design matrix over patients at time zero.
    row_sds : mapping of str to float
        The same over rows of person-time.

    Returns
    -------
    dict of str to ResolvedPrior
        By parameter: coefficients, then baseline, then scales.

    Raises
    ------
    SpecificationError
        When a prior names no parameter, or has the wrong domain; every fault is listed.
    """
    found = {}
    for name, stated in stated_priors(spec, terms).items():
        by = row_sds if stated.prior.per is PerUnit.ROW_SD else sds
        found[name] = ResolvedPrior(stated.prior.rescaled(by.get(name, 1.0)), stated.source)
    return found


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
    factors = set(term.split(":"))
    if factors == {spec.treatment}:
        return TREATMENT
    if spec.treatment not in factors:
        return COVARIATE
    per_doubling = modifier is not None and modifier.transform is ModifierTransform.LOG2
    if modifier is not None and per_doubling and factors == {spec.treatment, modifier.name}:
        return INTERACTION
    return INTERACTION.model_copy(update={"per": PerUnit.SD})


def baseline_default(months: float) -> Prior:
    """Return the package's prior of a baseline: log H(months) ~ Normal(log log 2, 1.5).

    Parameters
    ----------
    months : float
        Reference time: the longest follow-up, rounded (`rounded_months`).

    Returns
    -------
    Prior
        The median of survival at that time is 50 %, its 95 % interval 0 to 96 %.
    """
    return Prior(
        dist=Dist.NORMAL,
        mu=log(log(2.0)),
        sigma=BASELINE_SD,
        on=PriorScale.LOG_CUMULATIVE_HAZARD,
        at=months,
    )


def _baseline_defaults(spec: ModelSpec) -> dict[str, Prior]:
    hazard = spec.outcome.hazard
    months = UNKNOWN_MONTHS if spec.scales is None else spec.scales.months
    family = FAMILIES[hazard.family]
    return {family.level: baseline_default(months), **family.default_priors(months, hazard)}


def _aliases(spec: ModelSpec, name: str, term: str | None) -> tuple[str, ...]:
    """Names under which a specification may state a parameter's prior, nearest first."""
    if term is not None:
        return (name, as_written(name), term)
    level = name == level_of(spec.outcome.hazard.family)
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


def term_priors(model: ModelSpec) -> dict[str, ResolvedPrior]:
    """Return the prior of each term and parameter of a model, as it is stated.

    A prior for one coefficient of a term, such as ``celltype[T.large]``, is passed over: which
    coefficients a term has is known from the data only.

    Parameters
    ----------
    model : ModelSpec
        The model.

    Returns
    -------
    dict of str to ResolvedPrior
        Terms in the order of the formula, then the baseline's parameters, then scales.

    Raises
    ------
    SpecificationError
        A prior names no parameter, or has the wrong domain; every fault is listed.

    Examples
    --------
    >>> model = ModelSpec.from_toml('outcome = { formula = "age" }')
    >>> list(term_priors(model))
    ['age', 'log_rate', 'log_shape']
    """
    terms = {name: name for name in model.outcome.parsed.term_names}
    stated = {
        name: prior
        for name, prior in model.priors.items()
        if name in terms or not of_one_coefficient(name, model)
    }
    return stated_priors(model.model_copy(update={"priors": stated}), terms)


def of_one_coefficient(name: str, model: ModelSpec) -> bool:
    """Whether a name is that of one coefficient of a term, such as ``celltype[T.large]``.

    Parameters
    ----------
    name : str
        Under which a prior is stated.
    model : ModelSpec
        The model.

    Returns
    -------
    bool
        False for the name of a term itself.

    Examples
    --------
    >>> model = ModelSpec.from_toml('outcome = { formula = "stage + bs(age, knots=[50, 70])" }')
    >>> of_one_coefficient("stage[T.I/II [a]]", model)
    True
    >>> of_one_coefficient("bs(age, knots=[50, 70])", model)
    False
    """
    terms = model.outcome.parsed
    if name in terms.term_names:
        return False
    patterns = (
        ":".join(rf"{re.escape(factor)}(\[.*\])?" for factor in term) for term in terms.terms
    )
    return any(re.fullmatch(pattern, name, re.DOTALL) for pattern in patterns)


def prior_faults(model: ModelSpec) -> list[Fault]:
    """Return what is wrong with the priors of a model.

    Parameters
    ----------
    model : ModelSpec
        The model.

    Returns
    -------
    list of Fault
        Empty when every prior belongs to a parameter and suits it.
    """
    try:
        term_priors(model)
    except SpecificationError as error:
        return list(error.faults)
    return []


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


_ONE_OF_POSITIVE: Final = f"Use {', '.join(POSITIVE[:-1])} or {POSITIVE[-1]}"
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
            _ONE_OF_POSITIVE,
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
            _ONE_OF_POSITIVE,
        ),
        (
            prior.positive and prior.per is not PerUnit.UNIT,
            f"per = 'sd' rescales Normal and StudentT; found {prior.dist.value}",
            "State the prior per unit of the covariate",
        ),
    ]
