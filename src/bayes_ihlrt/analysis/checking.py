"""Check an analysis against its data without sampling, and tell what would be fitted."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_ihlrt import model as models
from bayes_ihlrt.analysis.columns import covariates
from bayes_ihlrt.analysis.data_summary import data_summary
from bayes_ihlrt.analysis.modifier_check import check_modifier
from bayes_ihlrt.analysis.notes import analysis_notes
from bayes_ihlrt.analysis.prior_names import term_priors
from bayes_ihlrt.analysis.prior_scales import with_scales
from bayes_ihlrt.analysis.propensity_check import CheckedPropensity, check_propensity
from bayes_ihlrt.analysis.reading import read_file
from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.data.cohort import Cohort, load_cohort
from bayes_ihlrt.data.numbering import numbered
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import DataError, SpecificationError
from bayes_ihlrt.model.formula import Term
from bayes_ihlrt.model.parameters import ResolvedPrior
from bayes_ihlrt.model.predictor import OUTCOME, name_faults
from bayes_ihlrt.model.smoothing import automatic_cuts, event_times
from bayes_ihlrt.names import HazardFamily, Identifiers

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

type CohortSource = "str | Path | Cohort | pd.DataFrame | Mapping[str, ArrayLike]"


@dataclass(frozen=True)
class CheckedAnalysis:
    """A specification and data that belong together.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    cohort : Cohort
        The validated data, in months.
    person_time : PersonTime
        The rows that the model reads.
    priors : mapping of str to ResolvedPrior
        Prior of each term and parameter as it is stated, and where it comes from.
    n_parameters : int
        Number of parameters: coefficients, baseline, scales.
    notes : tuple of str
        What a reader has to know, most important first.
    propensity : CheckedPropensity or None
        The propensity model on the decisions of the design; None without ``[propensity]``.
    """

    spec: AnalysisSpec
    cohort: Cohort
    person_time: PersonTime
    priors: Mapping[str, ResolvedPrior]
    n_parameters: int
    notes: tuple[str, ...]
    propensity: CheckedPropensity | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: counts, terms, priors, notes."""
        provenance = self.person_time.provenance
        return {
            "schema": 1,
            "name": self.spec.name,
            "seed": self.spec.sampler.seed,
            "data": data_summary(self.cohort, self.person_time),
            "design": provenance.design.value,
            "treated": dict(provenance.treated) if self.spec.treatment else None,
            "untreated": dict(provenance.untreated) if self.spec.treatment else None,
            "terms": list(self.spec.outcome.parsed.term_names),
            "parameters": self.n_parameters,
            "priors": {
                name: {
                    **stated.prior.model_dump(mode="json", exclude_none=True),
                    "source": stated.source,
                }
                for name, stated in self.priors.items()
            },
            "propensity": None if self.propensity is None else self.propensity.to_dict(),
            "notes": list(self.notes),
        }


def read_inputs(
    spec: str | Path, data: str | Path, *, identifiers: Identifiers = Identifiers.COHORT
) -> tuple[AnalysisSpec, Cohort]:
    """Read a specification and its data; faults of both are told at once.

    Parameters
    ----------
    spec : str or Path
        TOML file, or name of a packaged specification.
    data : str or Path
        CSV file, or name of a packaged data set.
    identifiers : Identifiers
        Where patients are called by their identifiers.

    Returns
    -------
    spec : AnalysisSpec
        The specification.
    cohort : Cohort
        The data.

    Raises
    ------
    SpecificationError
        The specification is at fault; with the faults of the data where they can be known.
    DataError
        Only the data are at fault.
    """
    name, found = read_file(spec)
    if not found.faults:
        return found.spec, read_cohort(found.spec, data, identifiers=identifiers)
    if found.tells_columns:
        tables = found.tables
        treatment = tables.get("treatment")
        columns = covariates(treatment, tables.get("modifier"), tables["outcome"])
        try:
            also: dict[str, Any] = {"visits": tables.get("visits"), "identifiers": identifiers}
            load_cohort(data, tables["data"], treatment, covariates=columns, **also)
        except DataError as error:
            both = [*found.faults, *error.faults]
            raise SpecificationError(f"{name} and {error.subject}", both) from None
    raise SpecificationError(name, found.faults)


def read_cohort(
    spec: AnalysisSpec, data: CohortSource, *, identifiers: Identifiers = Identifiers.COHORT
) -> Cohort:
    """Return the cohort that an analysis reads.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    data : str, Path, Cohort, DataFrame or mapping
        CSV file, name of a packaged data set, cohort, or columns in memory.
    identifiers : Identifiers
        Where patients are called by their identifiers; a cohort says so itself.

    Returns
    -------
    Cohort
        With the covariates of the model.

    Raises
    ------
    DataError
        With every fault of the data.
    """
    if isinstance(data, Cohort):
        return data
    also: dict[str, Any] = {"visits": spec.visits, "identifiers": identifiers}
    also["covariates"] = spec.covariates
    if isinstance(data, str | Path):
        return load_cohort(data, spec.data, spec.treatment, **also)
    return Cohort.from_frame(data, spec.data, spec.treatment, **also)


def check_analysis(spec: AnalysisSpec, data: CohortSource) -> CheckedAnalysis:
    """Check an analysis without sampling; patients are numbers then unless identifiers are kept.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    data : str, Path, Cohort, DataFrame or mapping
        CSV file, name of a packaged data set, cohort, or columns in memory.

    Returns
    -------
    CheckedAnalysis
        Person-time, priors and notes.

    Raises
    ------
    DataError
        With every fault of the data.
    SpecificationError
        Specification and data do not fit together.
    RefusedError
        The design would mislead and was not acknowledged, or needs weights and has none.

    Examples
    --------
    >>> from bayes_ihlrt.analysis.reading import load_spec
    >>> check_analysis(load_spec("heart"), "heart").n_parameters
    6
    """
    cohort = numbered(read_cohort(spec, data))
    spec = with_scales(spec, cohort)
    changing = () if cohort.visits is None else cohort.visits.updated
    updated = tuple(name for name in spec.covariates if name in changing)
    propensity = check_propensity(spec.propensity, cohort, spec.treatment, model=spec.model)
    rows = (
        person_time(cohort, spec.treatment, updated=updated)
        if propensity is None
        else propensity.emulation.person_time
    )
    check_modifier(spec, rows)
    _check_formula(spec, rows)
    priors = term_priors(spec.model)
    count = count_parameters(spec, rows, priors)
    notes = analysis_notes(spec, cohort, rows, n_parameters=count)
    if propensity is not None:
        notes = (*propensity.warning, *notes, *propensity.notes)
    return CheckedAnalysis(spec, cohort, rows, priors, count, notes, propensity)


def _check_formula(spec: AnalysisSpec, rows: PersonTime) -> None:
    """Check names, and compute functions: whether they suit the data shows in no other way."""
    groups = [(term.group, term.slope) for term in spec.outcome.groups]
    if faults := name_faults(OUTCOME, spec.outcome.parsed.columns, groups):
        raise SpecificationError("model", faults)
    factors = {factor for term in spec.outcome.parsed.terms for factor in term}
    if not all(factor.isidentifier() for factor in factors):
        # The formula library takes a second to load, and columns alone do not need it.
        models.build_encoder(spec.model, rows)


def count_parameters(
    spec: AnalysisSpec, rows: PersonTime, priors: Mapping[str, ResolvedPrior]
) -> int:
    """Return the number of parameters that the data have to inform.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    rows : PersonTime
        Rows with the covariates, for the number of categories.
    priors : mapping of str to ResolvedPrior
        One for each term and parameter.

    Returns
    -------
    int
        Coefficients, baseline and scales; group effects are counted by their scale only, and
        a spline with an unstated number of columns as one.

    Raises
    ------
    SpecificationError
        There are too few event times to place the cuts of a piecewise hazard.
    """
    formula = spec.outcome.parsed
    beside = [name for name in priors if name not in formula.term_names]
    hazard = spec.outcome.hazard
    intervals = 0
    if hazard.family is HazardFamily.PIECEWISE:
        times, events = event_times(rows)
        intervals = len(hazard.cuts or automatic_cuts(times, events=events))
    return len(beside) + intervals + sum(_columns_of(term, rows) for term in formula.terms)


def _columns_of(term: Term, rows: PersonTime) -> int:
    count = 1
    for factor in term:
        name = factor.removeprefix("C(").removesuffix(")")
        if name.isidentifier() and name in rows.columns:
            values = rows.columns[name]
            categories = factor != name or values.dtype == object
            count *= len(set(values.tolist())) - 1 if categories else 1
    return count
