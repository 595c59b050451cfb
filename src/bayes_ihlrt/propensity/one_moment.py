"""Models of treatment whose decisions all fall on one moment, where the clock tells nothing."""

import re
from typing import Final

import numpy as np

from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.model.formula import parse_formula, without_terms
from bayes_ihlrt.propensity.spec import PropensitySpec

CLOCK: Final = ("time", "number")
"""Names in a propensity's formula that are of the decision and of no patient."""


def without_clock(spec: PropensitySpec, names: frozenset[str]) -> PropensitySpec:
    """Return a specification without the terms that read some names, and without their priors.

    Parameters
    ----------
    spec : PropensitySpec
        The specification.
    names : frozenset of str
        Among `CLOCK`.

    Returns
    -------
    PropensitySpec
        The same one where nothing reads them.

    Examples
    --------
    >>> spec = PropensitySpec(formula="nlr * time + bs(time, df=3) + albi")
    >>> without_clock(spec, frozenset({"time"})).formula
    'nlr + albi'
    """
    terms = parse_formula(spec.formula).term_names if spec.formula else ()
    gone = {_parts(term) for term in terms if set(parse_formula(term).columns) & names}
    if not gone:
        return spec
    priors = {name: prior for name, prior in spec.priors.items() if _parts(name) not in gone}
    return spec.model_copy(update={"formula": without_terms(spec.formula, names), "priors": priors})


def at_one_moment(spec: PropensitySpec, columns: Columns) -> PropensitySpec:
    """Return a specification without the clock where it is the same at all decisions.

    Parameters
    ----------
    spec : PropensitySpec
        The specification.
    columns : mapping of str to ndarray, shape (decisions,)
        The decisions.

    Returns
    -------
    PropensitySpec
        The same one where decisions are at several times.
    """
    constant = {
        name
        for name in CLOCK
        if name in columns and len(np.unique(columns[name].astype(float))) < 2
    }
    return without_clock(spec, frozenset(constant))


def _parts(name: str) -> frozenset[str]:
    """Return the factors of a term or coefficient, e.g. of ``"bs(time, df=3)[2]:nlr"``."""
    return frozenset(re.sub(r"\[[^\]]*\]", "", name).split(":"))
