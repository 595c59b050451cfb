"""Confounders that are measured again at visits, whose course the g-formula does not model."""

from typing import Final

from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.errors import Fault
from bayes_ihlrt.model.formula import parse_formula

_AGE: Final = "_age"


def measured_and_read(spec: AnalysisSpec) -> tuple[str, ...]:
    """Return the covariates measured at visits that the outcome or the propensity reads.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.

    Returns
    -------
    tuple of str
        Columns of ``[visits] covariates``, in its order.
    """
    if spec.visits is None:
        return ()
    read = set(spec.outcome.parsed.columns)
    if spec.propensity is not None:
        read |= set(parse_formula(spec.propensity.formula).columns)
    if spec.modifier is not None and spec.modifier.name in read:
        read.add(spec.modifier.column)
    return tuple(name for name in spec.visits.covariates if name in read or f"{name}{_AGE}" in read)


def unmodelled(names: tuple[str, ...]) -> Fault:
    """Return why there is no g-formula where covariates change at visits.

    Parameters
    ----------
    names : tuple of str
        From `measured_and_read`.

    Returns
    -------
    Fault
        For the rung's line.
    """
    verb = "changes" if len(names) == 1 else "change"
    return Fault(
        "g-formula",
        f"{', '.join(names)} {verb} at visits, and the course under a strategy is not modelled: "
        "what treatment does to it, and it to treatment, cannot be simulated",
        "Read the sequential trials and the clones, which adjust for it as it was at each decision",
    )


def held_note(names: tuple[str, ...]) -> str:
    """Return that a g-formula holds covariates at their first value; empty where there are none.

    Parameters
    ----------
    names : tuple of str
        From `measured_and_read`.

    Returns
    -------
    str
        A sentence.
    """
    if not names:
        return ""
    keeps = "keeps its" if len(names) == 1 else "keep their"
    return (
        f"HELD AT TIME ZERO: {', '.join(names)}, measured at visits, {keeps} value at time zero in "
        "this rung; where later values decide on treatment it is confounded by them."
    )
