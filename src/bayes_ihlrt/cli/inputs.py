"""Specification and data as the command line names them."""

from typing import TYPE_CHECKING

from bayes_ihlrt import analysis

if TYPE_CHECKING:
    from bayes_ihlrt.analysis import AnalysisSpec
    from bayes_ihlrt.data import Cohort


def read(spec: str, data: str, seed: int | None) -> "tuple[AnalysisSpec, Cohort]":
    """Return specification and cohort, with the seed of the command line where it has one."""
    found, cohort = analysis.read_inputs(spec, data)
    if seed is not None:
        sampler = found.sampler.model_copy(update={"seed": seed})
        found = found.model_copy(update={"sampler": sampler})
    return found, cohort
