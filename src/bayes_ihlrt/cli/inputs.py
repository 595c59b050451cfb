"""Specification and data as the command line names them."""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_module
from bayes_ihlrt.names import Identifiers

if TYPE_CHECKING:
    from bayes_ihlrt.analysis import check as analysis_check
    from bayes_ihlrt.cohort.load import Cohort
    from bayes_ihlrt.spec.analysis import AnalysisSpec
else:
    analysis_check = lazy_module("bayes_ihlrt.analysis.check")


def where(*, keep: bool) -> Identifiers:
    """Return where patients are called by their identifiers: everywhere, where the user keeps them.

    Parameters
    ----------
    keep : bool
        Whether the user asked for it.

    Returns
    -------
    Identifiers
        Otherwise nowhere, faults included.
    """
    return Identifiers.EVERYWHERE if keep else Identifiers.NOWHERE


def read(
    spec: str,
    data: "str | None",
    seed: int | None,
    *,
    identifiers: Identifiers = Identifiers.NOWHERE,
) -> "tuple[AnalysisSpec, Cohort]":
    """Return specification and cohort, with the seed of the command line where it has one."""
    source = analysis_check.data_source(spec, data)
    found, cohort = analysis_check.read_inputs(spec, source, identifiers=identifiers)
    if seed is not None:
        sampler = found.sampler.model_copy(update={"seed": seed})
        found = found.model_copy(update={"sampler": sampler})
    return found, cohort
