"""Check an analysis and its propensity against the data without sampling: what would be fitted."""

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt._lazy import lazy_module
from bayes_ihlrt.analysis.comparability import check_overlap
from bayes_ihlrt.analysis.external import CheckedExternal, check_external
from bayes_ihlrt.analysis.modifier import check_modifier
from bayes_ihlrt.analysis.notes import analysis_notes, data_summary, numbered
from bayes_ihlrt.analysis.prior_worth import (
    Worth,
    justification_faults,
    prior_worths,
    with_scales,
)
from bayes_ihlrt.analysis.uninformed import count_parameters
from bayes_ihlrt.cohort.load import Cohort, load_cohort
from bayes_ihlrt.designs.build import emulate, person_time
from bayes_ihlrt.designs.decisions import Emulation
from bayes_ihlrt.designs.person_time import Columns, PersonTime
from bayes_ihlrt.errors import DataError, Fault, RefusedError, SpecificationError
from bayes_ihlrt.names import Adjustment, DesignKind, Identifiers
from bayes_ihlrt.propensity.clock import at_one_moment
from bayes_ihlrt.propensity.comparability import Comparability
from bayes_ihlrt.propensity.point import point_propensity
from bayes_ihlrt.spec.analysis import AnalysisSpec, covariates, file_data
from bayes_ihlrt.spec.formula import parse_formula
from bayes_ihlrt.spec.model import ModelSpec, ModifierSpec
from bayes_ihlrt.spec.parameters import ResolvedPrior, term_priors
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.spec.read import read_file
from bayes_ihlrt.spec.states import refuse_causes
from bayes_ihlrt.spec.treatment import TreatmentSpec

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

    from bayes_ihlrt.model import prepared as model_prepared
    from bayes_ihlrt.model.prepared import PreparedModel
    from bayes_ihlrt.propensity import model as propensity_model
    from bayes_ihlrt.propensity.model import PreparedPropensity
    from bayes_ihlrt.weighted import bound as weighted_bound
else:
    # The formula library takes a second to load, and faults of the files are told before it is.
    model_prepared = lazy_module("bayes_ihlrt.model.prepared")
    propensity_model = lazy_module("bayes_ihlrt.propensity.model")
    weighted_bound = lazy_module("bayes_ihlrt.weighted.bound")


_OVERCONFIDENT: Final = {
    DesignKind.SEQUENTIAL: "patients who start treatment would be compared with those who do not "
    "as if chance had decided, and a patient in several trials would count as several",
    DesignKind.CLONE_CENSOR_WEIGHT: "clones would leave follow-up when treatment is decided on as "
    "if chance had decided, and every patient would count as two",
}


@dataclass(frozen=True)
class CheckedPropensity:
    """A propensity specification bound to the decisions of the design.

    Parameters
    ----------
    spec : PropensitySpec
        The specification.
    emulation : Emulation
        Person-time and decisions.
    initiation : PreparedPropensity
        Encoder and priors of the model of initiation.
    notes : tuple of str
        Separation, if there is any.
    comparability : Comparability or None
        Whether the weighted arms can be compared, at the mode; None where nothing is weighted.
    """

    spec: PropensitySpec
    emulation: Emulation
    initiation: "PreparedPropensity"
    notes: tuple[str, ...]
    comparability: Comparability | None = None

    @property
    def warning(self) -> tuple[str, ...]:
        """What comes first: arms that cannot be compared; empty where they can."""
        found = "" if self.comparability is None else self.comparability.warning
        return (found,) if found else ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: what is stated, decisions, columns, priors, separated columns."""
        decisions, stated = self.emulation.decisions, self.spec.model_dump(mode="json")
        del stated["priors"]
        return {
            **stated,
            "decisions": decisions.n_rows,
            "initiated": int(decisions.initiated.sum()),
            "rule": decisions.rule.value,
            "columns": list(self.initiation.encoder.columns),
            "priors": {
                name: {
                    **found.prior.model_dump(mode="json", exclude_none=True),
                    "source": found.source,
                }
                for name, found in self.initiation.priors.items()
            },
            "separated": list(self.initiation.separated),
            "comparability": None if self.comparability is None else self.comparability.to_dict(),
        }


def check_propensity(
    spec: PropensitySpec | None,
    cohort: Cohort,
    treatment: TreatmentSpec | None,
    *,
    model: ModelSpec,
) -> CheckedPropensity | None:
    """Bind a propensity specification to the decisions of the design.

    Parameters
    ----------
    spec : PropensitySpec or None
        The specification.
    cohort : Cohort
        The data.
    treatment : TreatmentSpec or None
        The treatment and its design.
    model : ModelSpec
        The outcome model, with the modifier.

    Returns
    -------
    CheckedPropensity or None
        None without a specification.

    Raises
    ------
    RefusedError
        The design needs weights and has none, or an arm is worth too few patients and that was
        not acknowledged.
    SpecificationError
        The design has no decisions, or formula and data do not fit together.
    DataError
        A covariate of a patient is not known at a decision.
    """
    _refuse_overconfidence(spec, treatment)
    if spec is None:
        return None
    if treatment is None:
        problem = "it explains a treatment, and the analysis has none"
        fault = Fault("the table", problem, "Add a [treatment] table, or remove it")
        raise SpecificationError("[propensity]", [fault])
    _require_decisions(treatment)
    emulation = emulate(cohort, treatment)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        initiation = propensity_model.prepare_propensity(
            spec, emulation.decisions.columns, model.modifier
        )
        earned, notes = _check_grace(spec, emulation, model.modifier)
    found = check_overlap(
        emulation, (initiation, earned), spec=spec, model=model, grace=treatment.grace
    )
    told = dict.fromkeys(str(warning.message) for warning in caught)
    return CheckedPropensity(spec, emulation, initiation, (*told, *notes), found)


def _check_grace(
    spec: PropensitySpec, emulation: Emulation, modifier: ModifierSpec | None
) -> "tuple[PreparedPropensity | None, list[str]]":
    """Bind the model of treatment within the grace period, so that `fit` finds no other fault."""
    if emulation.grace is None:
        return None, []
    own = at_one_moment(spec, emulation.grace.columns)
    _refuse_what_has_not_happened(own, emulation.grace.columns)
    bound = propensity_model.prepare_propensity(own, emulation.grace.columns, modifier)
    if own is spec:
        return bound, []
    return bound, [
        "Treatment within the grace period is explained by covariates at time zero, where the time "
        "of the decision is the same for everybody: it is left out of that model, and stays in the "
        "model of starting at each visit."
    ]


def _refuse_what_has_not_happened(spec: PropensitySpec, columns: Columns) -> None:
    """Refuse covariates that tell nothing at time zero: nobody has responded then, say."""
    names = parse_formula(spec.formula).columns if spec.formula else ()
    alike = [name for name in names if name in columns and len(set(columns[name].tolist())) == 1]
    if alike:
        problem = (
            f"'baseline' reads what was known at time zero, where {', '.join(alike)} is the same "
            "for everybody"
        )
        remedy = (
            "Write grace_weights = 'time-varying', which reads it at each decision, or leave it "
            "out of the [propensity] formula"
        )
        raise SpecificationError(
            "[propensity]", [Fault("[treatment] grace_weights", problem, remedy)]
        )


def _refuse_overconfidence(spec: PropensitySpec | None, treatment: TreatmentSpec | None) -> None:
    if treatment is None or treatment.design not in _OVERCONFIDENT:
        return
    if spec is None:
        without = "without a [propensity] table"
        remedy = "Add the table with the formula of what treatment is decided on"
    elif spec.adjust is Adjustment.NONE:
        without, remedy = "with [propensity] adjust 'none'", "Set adjust = 'weights'"
    else:
        return
    problem = f"{without} {_OVERCONFIDENT[treatment.design]}"
    remedy += ", or use design 'split' or 'landmark'"
    fault = Fault(f"design '{treatment.design.value}'", problem, remedy)
    raise RefusedError("[treatment] design", [fault])


def _require_decisions(treatment: TreatmentSpec) -> None:
    if treatment.design not in {DesignKind.SPLIT, DesignKind.EVER_NEVER}:
        return
    problem = (
        f"design '{treatment.design.value}' follows patients from time zero and has no decisions "
        "on treatment, so nobody has a propensity"
    )
    remedy = (
        "Use design 'sequential', 'clone-censor-weight' or 'landmark' (`bayes-ihlrt ladder` "
        "compares them), or remove the table and put the confounders into the [outcome] formula"
    )
    raise SpecificationError("[propensity]", [Fault("[treatment] design", problem, remedy)])


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
    prepared : PreparedModel
        The outcome model bound to the rows: what is fitted where no propensity adjusts.
    propensity : CheckedPropensity or None
        The propensity model on the decisions of the design; None without ``[propensity]``.
    external : CheckedExternal or None
        Control patients from elsewhere; None without ``[external]``.
    """

    spec: AnalysisSpec
    cohort: Cohort = field(repr=False)
    person_time: PersonTime
    priors: Mapping[str, ResolvedPrior] = field(repr=False)
    n_parameters: int
    notes: tuple[str, ...] = field(repr=False)
    prepared: "PreparedModel" = field(repr=False)
    propensity: CheckedPropensity | None = field(default=None, repr=False)
    external: CheckedExternal | None = field(default=None, repr=False)

    @property
    def synthetic(self) -> bool:
        """Whether the cohort or its external controls were simulated."""
        others = self.external is not None and self.external.synthetic
        return others or bool(self.cohort.attrs.get("synthetic", False))

    @cached_property
    def worths(self) -> Mapping[str, Worth]:
        """Events of this cohort that the prior of each log hazard ratio is worth, by term."""
        return prior_worths(self.spec, self.cohort)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: counts, terms, priors with the events they are worth, notes."""
        provenance, worths = self.person_time.provenance, self.worths
        return {
            "schema": 1,
            "name": self.spec.name,
            "seed": self.spec.sampler.seed,
            "data": data_summary(self.cohort, self.person_time),
            "design": provenance.design.value,
            "treated": dict(provenance.treated) if self.spec.treatment else None,
            "untreated": dict(provenance.untreated) if self.spec.treatment else None,
            "terms": list(self.spec.outcome.parsed.term_names),
            "references": dict(self.prepared.encoder.references),
            "parameters": self.n_parameters,
            "priors": {
                name: {
                    **stated.prior.model_dump(mode="json", exclude_none=True),
                    "source": stated.source,
                    **({"events": asdict(worths[name])} if name in worths else {}),
                }
                for name, stated in self.priors.items()
            },
            "justification": self.spec.prior_justification,
            "propensity": None if self.propensity is None else self.propensity.to_dict(),
            "external": None if self.external is None else self.external.to_dict(),
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
        Data file, or name of a packaged data set.
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
    RefusedError
        An informative prior has no justification.
    """
    name, found = read_file(spec)
    if not found.faults:
        cohort = read_cohort(found.spec, data, identifiers=identifiers)
        if faults := justification_faults(with_scales(found.spec, cohort), cohort):
            raise RefusedError(name, faults)
        return found.spec, cohort
    if found.tells_columns:
        tables = found.tables
        treatment, modifier = tables.get("treatment"), tables.get("modifier")
        columns = covariates(treatment, modifier, tables["outcome"])
        own = file_data(tables["data"], treatment, modifier)
        try:
            also: dict[str, Any] = {"visits": tables.get("visits"), "identifiers": identifiers}
            load_cohort(data, own, treatment, covariates=columns, **also)
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
        Data file, name of a packaged data set, cohort, or columns in memory.
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
    own = file_data(spec.data, spec.treatment, spec.modifier)
    if isinstance(data, str | Path):
        return load_cohort(data, own, spec.treatment, **also)
    return Cohort.from_frame(data, own, spec.treatment, **also)


def check_analysis(spec: AnalysisSpec, data: CohortSource) -> CheckedAnalysis:
    """Check an analysis without sampling; patients are numbers then unless identifiers are kept.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    data : str, Path, Cohort, DataFrame or mapping
        Data file, name of a packaged data set, cohort, or columns in memory.

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
        The design would mislead and was not acknowledged, needs weights and has none, or the event
        has competing causes.

    Examples
    --------
    >>> from bayes_ihlrt.spec.read import load_spec
    >>> check_analysis(load_spec("heart"), "heart").n_parameters
    6
    """
    refuse_causes(spec.name, spec.data)
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
    prepared, priors = _bound(spec, rows, propensity), term_priors(spec.model)
    count = count_parameters(spec, rows, priors)
    notes = analysis_notes(spec, cohort, rows, n_parameters=count)
    if propensity is not None:
        notes = (*propensity.warning, *notes, *propensity.notes)
    external = check_external(spec, rows, prepared)
    if external is not None:
        spec, notes = spec.model_copy(update={"external": external.spec}), notes + external.notes
    return CheckedAnalysis(spec, cohort, rows, priors, count, notes, prepared, propensity, external)


def _bound(
    spec: AnalysisSpec, rows: PersonTime, propensity: CheckedPropensity | None
) -> "PreparedModel":
    """Bind the outcome model as `fit` will, so that it finds no other fault."""
    if propensity is None:
        return model_prepared.prepare(spec.model, rows)
    emulation, own = propensity.emulation, propensity.spec
    weighted_bound.refuse_misleading(emulation, spec.model, own)
    if own.adjust is Adjustment.NONE and own.trim is None:
        return model_prepared.prepare(spec.model, rows)

    def logit() -> NDArray[np.float64]:
        chance = point_propensity(propensity.initiation)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(chance) - np.log1p(-chance))

    bound = weighted_bound.bind_outcome(emulation, spec.model, own, logit)
    return bound.outcome
