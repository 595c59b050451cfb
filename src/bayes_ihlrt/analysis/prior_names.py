"""Check the priors of a specification against its formula, before there are data."""

import re

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.model.parameters import ResolvedPrior, stated_priors
from bayes_ihlrt.model.spec import ModelSpec


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
