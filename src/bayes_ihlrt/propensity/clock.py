"""Models of treatment where decisions fall on one moment, and of intervals passed untreated."""

import re
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.decisions import Emulation
from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.spec.formula import parse_formula, without_terms
from bayes_ihlrt.spec.propensity import PropensitySpec

if TYPE_CHECKING:
    from bayes_ihlrt.propensity.model import PreparedPropensity

Floats = NDArray[np.float64]
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


def passing_model(
    initiation: "PreparedPropensity", emulation: Emulation
) -> "PreparedPropensity | None":
    """Return the model of initiation, bound to the intervals that controls pass.

    Parameters
    ----------
    initiation : PreparedPropensity
        Bound to the decisions.
    emulation : Emulation
        Person-time, decisions and intervals.

    Returns
    -------
    PreparedPropensity or None
        None where the design has no such intervals.
    """
    table = emulation.passed
    if table is None:
        return None
    fitted = emulation.decisions.columns
    return initiation.rebound({k: _within(v, fitted[k]) for k, v in table.columns.items()})


def _within(values: NDArray[np.generic], fitted: NDArray[np.generic]) -> NDArray[np.generic]:
    """Keep numbers within the range that a model has seen; splines do not go beyond it."""
    if not np.issubdtype(fitted.dtype, np.floating):
        return values
    seen = fitted.astype(np.float64)
    return np.clip(values.astype(np.float64), np.nanmin(seen), np.nanmax(seen))
