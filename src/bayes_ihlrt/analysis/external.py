"""External controls of an analysis: read, borrowed, and what they change."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bayes_ihlrt._lazy import lazy_module
from bayes_ihlrt.analysis.notes import SYNTHETIC, left_out, numbered
from bayes_ihlrt.cohort.datasets import find_data
from bayes_ihlrt.cohort.load import Cohort, load_cohort
from bayes_ihlrt.cohort.rules import Allowed
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import DataError, Fault, SpecificationError
from bayes_ihlrt.files.cells import read_cells
from bayes_ihlrt.files.delimited import Wanted
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.files.readers import read_file
from bayes_ihlrt.files.table import read_frame
from bayes_ihlrt.names import DesignKind, Identifiers
from bayes_ihlrt.spec.analysis import AnalysisSpec, file_data
from bayes_ihlrt.spec.data_file import FileForm
from bayes_ihlrt.spec.external import EXTERNAL, Borrowing, ExternalSpec
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import ArrayLike

    from bayes_ihlrt.analysis import estimates
    from bayes_ihlrt.analysis.estimates import Estimate
    from bayes_ihlrt.estimands import contrasts, known_events, population
    from bayes_ihlrt.estimands.known_events import AddedEvents
    from bayes_ihlrt.estimands.mitigation import Weigh
    from bayes_ihlrt.model.prepared import PreparedModel
    from bayes_ihlrt.posterior.fitted import FittedModel
    from bayes_ihlrt.spec.model import ModelSpec
    from bayes_ihlrt.weighted import external as weighted_external
    from bayes_ihlrt.weighted import robust as weighted_robust
    from bayes_ihlrt.weighted.external import BoundExternal
else:
    # The formula library takes a second to load, and faults of the files are told before it is.
    contrasts = lazy_module("bayes_ihlrt.estimands.contrasts")
    estimates = lazy_module("bayes_ihlrt.analysis.estimates")
    known_events = lazy_module("bayes_ihlrt.estimands.known_events")
    population = lazy_module("bayes_ihlrt.estimands.population")
    weighted_external = lazy_module("bayes_ihlrt.weighted.external")
    weighted_robust = lazy_module("bayes_ihlrt.weighted.robust")

_WEIGHT: Final = "external_weight"
_ROUNDED: Final = 1e-3
"""Share by which weights that were rounded may sum to more than patients."""
SUBJECT: Final = "external controls"
_WEIGHTS: Final = "[external] weight_column"
_NAME_WEIGHTS: Final = (
    "Name a column of their file in which each has a number from 0 on, with a mean of at most 1, "
    "or remove weight_column: each counts as 1 then"
)
type ExternalSource = "str | Path | pd.DataFrame | Mapping[str, ArrayLike]"


@dataclass(frozen=True)
class CheckedExternal:
    """External controls that belong to an analysis.

    Parameters
    ----------
    cohort : Cohort
        Who they are.
    others : PersonTime
        Their rows, each with what it counts before any discount.
    bound : BoundExternal
        The model of cohort and external controls.
    """

    cohort: Cohort = field(repr=False)
    others: PersonTime = field(repr=False)
    bound: "BoundExternal" = field(repr=False)

    @property
    def spec(self) -> ExternalSpec:
        """How much of them is borrowed."""
        return self.bound.spec

    @property
    def synthetic(self) -> bool:
        """Whether they were simulated."""
        return bool(self.cohort.attrs.get("synthetic", False))

    @property
    def notes(self) -> tuple[str, ...]:
        """Whether they are no patients, and how their file was read."""
        dropped = self.cohort.dropped
        gone = left_out(dropped, total=len(dropped) + self.cohort.n_patients)
        told = tuple(f"External controls: {note}" for note in (*self.cohort.notes, *gone))
        if not self.synthetic:
            return told
        label = (
            f"{SYNTHETIC}: the external controls were simulated, no patient is in them. Nothing "
            "follows for care."
        )
        return (label, *told)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Who they are, and how much of them is borrowed."""
        found = self.bound.counted()
        events = counted(found["events"], "event", "events")
        if self.spec.weight_column is not None or self.spec.power is not None:
            events += f" ({found['weighted_events']:,.1f} as they are weighed)"
        return (
            f"{found['patients']:,} external controls with {events} over {found['months']:,.0f} "
            f"person-months, {borrowing_words(self.spec)}.",
            f"Why they may stand for controls, as the authors state it: {self.spec.justification}",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: how they are borrowed, counts, fingerprint."""
        stated = self.spec.model_dump(mode="json", exclude_none=True)
        kept = {
            name: stated.get(name) for name in ("borrow", "power", "sd", "nu", "vague_sd", "alike")
        }
        about = {"justification": self.spec.justification, "fingerprint": self.cohort.fingerprint}
        counts = self.bound.counted() | {"dropped": dict(Counter(self.cohort.dropped.values()))}
        return {**kept, **counts, **about, "synthetic": self.synthetic}


def borrowing_words(external: ExternalSpec) -> str:
    """Return how external controls are borrowed, in words.

    Parameters
    ----------
    external : ExternalSpec
        External controls.

    Returns
    -------
    str
        After "external controls".

    Examples
    --------
    >>> about = {"data": "registry.csv", "justification": "same hospitals"}
    >>> borrowing_words(ExternalSpec(borrow="power", power=0.5, **about))
    'borrowed by a power prior: each counts as 0.5 of a patient, and is taken to be alike'
    """
    weighed = "" if external.weight_column is None else ", each with its own weight"
    match external.borrow:
        case Borrowing.POWER:
            share = f"{external.power:g} of a patient"
            if weighed:
                share = f"{external.power:g} times its own weight"
            return f"borrowed by a power prior: each counts as {share}, and is taken to be alike"
        case Borrowing.COMMENSURATE:
            tails = "" if external.nu is None else f", Student t with {external.nu:g} df"
            return (
                "borrowed by a commensurate prior: their log hazard may differ from the cohort's "
                f"(sd {external.sd:g} before the data{tails}){weighed}"
            )
        case Borrowing.ROBUST_MAP:
            return (
                "borrowed by a robust MAP prior: with probability "
                f"{external.alike:g} they are alike (sd {external.sd:g} of the difference in log "
                f"hazard), else they may differ (sd {external.vague_sd:g}){weighed}"
            )


def check_external(
    spec: AnalysisSpec,
    rows: PersonTime,
    prepared: "PreparedModel",
    *,
    source: "ExternalSource | None" = None,
) -> CheckedExternal | None:
    """Read external controls and bind them to the model of a cohort.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    rows : PersonTime
        Rows of the cohort.
    prepared : PreparedModel
        The model on them.
    source : str, Path, DataFrame or mapping, optional
        Where external controls are; as the specification says without it.

    Returns
    -------
    CheckedExternal or None
        None where the specification has no external controls.

    Raises
    ------
    DataError
        With every fault of their data; patients who are treated are one.
    SpecificationError
        They do not fit the specification, or a covariate changes during follow-up.
    """
    external, treatment = spec.external, spec.treatment
    if external is None or treatment is None:
        return None
    given = external.data if source is None else source
    cohort = _read(spec, external, given, treated=_treated_faults(spec, given, treatment))
    others = _untreated_rows(cohort, treatment)
    _refuse_changing(spec.model, rows, others)
    # What is written lies elsewhere, and says no place of the data.
    named = external.model_copy(update={"data": Path(external.data).name})
    bound = weighted_external.bind_external(prepared, rows, others, named)
    return CheckedExternal(cohort, others, bound)


def _read(
    spec: AnalysisSpec, external: ExternalSpec, source: "ExternalSource", *, treated: list[Fault]
) -> Cohort:
    """The cohort of external controls, with what each of them counts."""
    extra = external.weight_column
    # Labels may be of columns that only the cohort has.
    own = file_data(spec.data, None, spec.modifier).model_copy(update={"labels": {}})
    columns = (*spec.covariates, *(() if extra is None else (extra,)))
    # One hospital, or one stage, is what a registry may be of: the cohort has the others.
    constants = frozenset({*columns, *(() if own.centre is None else (own.centre,))})
    also: dict[str, Any] = {"identifiers": Identifiers.NOWHERE, "covariates": columns}
    also["allowed"] = Allowed(constants)
    try:
        if isinstance(source, str | Path):
            cohort = numbered(load_cohort(source, own, None, **also))
        else:
            cohort = numbered(Cohort.from_frame(source, own, None, **also))
    except DataError as error:
        weight = None if extra in spec.covariates else extra
        faults = [_told_of_weights(fault, weight) for fault in error.faults]
        raise DataError(error.subject, [*treated, *faults]) from None
    if treated:
        raise DataError(SUBJECT, treated)
    weights = np.ones(cohort.n_rows) if extra is None else _weights(cohort, extra)
    kept = {n: v for n, v in cohort.columns.items() if n != extra or n in spec.covariates}
    return replace(cohort, columns={**kept, _WEIGHT: weights})


def _weights(cohort: Cohort, column: str) -> np.ndarray:
    """What each external control counts; refused where it is no weight."""
    values = cohort.columns[column]
    if values.dtype == object:
        fault = Fault(_WEIGHTS, f"column {column} holds text", _NAME_WEIGHTS)
        raise DataError(SUBJECT, [fault])
    weights = values.astype(np.float64)
    wrong = ~(np.isfinite(weights) & (weights >= 0.0))
    if wrong.any():
        problem = f"{counted(int(wrong.sum()), 'row has', 'rows have')} no number from 0 on"
        raise DataError(SUBJECT, [Fault(_WEIGHTS, f"column {column}: {problem}", _NAME_WEIGHTS)])
    # Weights are of patients: who has several rows counts once, by the largest.
    each = np.zeros(cohort.n_patients)
    _, place = np.unique(cohort.columns["patient"].astype(str), return_inverse=True)
    np.maximum.at(each, place, weights)
    if each.sum() > cohort.n_patients * (1.0 + _ROUNDED):
        many = counted(cohort.n_patients, "patient", "patients")
        problem = f"weights sum to {each.sum():,.6g} for {many}, who would count as more"
        remedy = f"Divide each by {each.mean():.6g}, their mean over patients"
        raise DataError(SUBJECT, [Fault(_WEIGHTS, f"column {column}: {problem}", remedy)])
    if not each.any():
        problem = f"column {column}: every weight is 0, and nobody would be borrowed"
        raise DataError(SUBJECT, [Fault(_WEIGHTS, problem, _NAME_WEIGHTS)])
    return weights


def _told_of_weights(fault: Fault, column: str | None) -> Fault:
    """A fault of the column of weights, which is no covariate, with what may be done about it."""
    if column is None or fault.where not in {f"column {column}", f"covariate {column}"}:
        return fault
    problem = fault.problem.replace("needed as a covariate, and there", "there")
    return Fault(_WEIGHTS, f"column {column}: {problem}", _NAME_WEIGHTS)


def _refuse_changing(model: "ModelSpec", rows: PersonTime, others: PersonTime) -> None:
    """Refuse covariates that change during follow-up, on either side.

    What external controls are worth is read from survival without treatment, which does not follow
    from a covariate's first value; and a value at time zero is not compared with a later one.
    """
    faults = []
    for where, each in (("the cohort", rows), ("[external] data", others)):
        names = population.changing_columns(model, each)
        if names:
            verb = "changes" if len(names) == 1 else "change"
            problem = (
                f"{', '.join(names)} {verb} during follow-up, and external controls are borrowed "
                "by covariates at time zero"
            )
            remedy = "Give every row of a patient the value at time zero, or remove [external]"
            faults.append(Fault(where, problem, remedy))
    if faults:
        raise SpecificationError(SUBJECT, faults)


def _treated_faults(
    spec: AnalysisSpec, source: "ExternalSource", treatment: TreatmentSpec
) -> list[Fault]:
    """Tell of treated patients, where the file has the columns of treatment at all."""
    data = spec.data
    given = (*treatment.starts, *(() if treatment.column is None else (treatment.column,)))
    names = {data.aliases.get(name, name) for name in given}
    if isinstance(source, str | Path):
        path, about = find_data(source)
        form = FileForm() if "licence" in about else data.form
        table = read_file(path, Wanted(frozenset(names)), form=form)
    else:
        table = read_frame(source, wanted=names, subject=SUBJECT)
    unclear: list[str] = []
    treated = np.zeros(table.n_rows, dtype=bool)
    for values in table.columns.values():
        cells = read_cells(values)
        text = cells.text if len(cells.text) else np.array([f"{n:.15g}" for n in cells.numbers])
        said = ~cells.missing & ~np.isin(text.astype(str), [str(code) for code in data.never])
        if treatment.column is not None:
            unclear += text[said & np.isnan(cells.numbers)].tolist()
            said &= ~np.isnan(cells.numbers) & (cells.numbers != 0.0)
        treated |= said
    faults = []
    if unclear:
        some = ", ".join(f"'{each}'" for each in sorted(set(unclear))[:3])
        problem = f"{counted(len(unclear), 'cell is', 'cells are')} neither 0 nor 1: {some}"
        remedy = "Write 0 where there is no treatment, or leave the column out"
        faults.append(Fault(f"column {treatment.column}", problem, remedy))
    if not treated.any():
        return faults
    many = counted(int(treated.sum()), "row", "rows")
    problem = f"{many} of external controls tell of treatment ({', '.join(table.columns)})"
    return [*faults, Fault("[external] data", problem, _untreat(treatment))]


def _untreat(treatment: TreatmentSpec) -> str:
    """What to do with treated patients; who is left out must not depend on the future."""
    if treatment.design is DesignKind.FIXED:
        return "Leave treated patients out: external controls are never treated"
    ended = "Leave out their rows under treatment and keep those before"
    if treatment.starts:
        ended = "End their follow-up where treatment begins and empty the cell"
    return (
        f"{ended}. Do not leave the patients out: those who died too early to be treated would "
        "remain"
    )


def _untreated_rows(cohort: Cohort, treatment: TreatmentSpec) -> PersonTime:
    """Rows of external controls: untreated from time zero on."""
    found = person_time(cohort)
    columns = {name: v for name, v in found.columns.items() if name != _WEIGHT}
    columns["weight"] = found.columns[_WEIGHT].astype(np.float64)
    columns[treatment.name] = np.zeros(found.n_rows)
    return PersonTime(columns, found.provenance)


@dataclass(frozen=True, eq=False)
class Borrowed:
    """Posteriors with and without external controls.

    Parameters
    ----------
    checked : CheckedExternal
        Who they are.
    drawn : DrawnExternal
        With them.
    alone : FittedModel
        Of the cohort alone.
    """

    checked: CheckedExternal
    drawn: "weighted_robust.DrawnExternal"
    alone: "FittedModel"

    def again(self, model: "ModelSpec", settings: SamplerSpec) -> "FittedModel":
        """Return the posterior with them under another model of the same rows."""
        bound = self.checked.bound.under(model)
        return weighted_robust.draw_external(bound, settings).fit


@dataclass(frozen=True)
class ExternalResult:
    """What external controls change in the answer of an analysis.

    Parameters
    ----------
    checked : CheckedExternal
        Who they are.
    alone : tuple of Estimate
        Estimates of the cohort alone.
    worth : AddedEvents
        Events without treatment that they stand for, with their Monte Carlo error.
    own : float
        Events of the cohort without treatment.
    alike : float or None
        Probability after the data of the narrow component of a robust MAP prior.
    difference : dict of str to float or None
        Summary of the log hazard of external controls less that of the cohort's own; None under a
        power prior, which takes them as alike.
    """

    checked: CheckedExternal = field(repr=False)
    alone: "tuple[Estimate, ...]" = field(repr=False)
    worth: "AddedEvents"
    own: float
    alike: float | None = None
    difference: dict[str, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the part of ``result.json``."""
        return {
            **self.checked.to_dict(),
            "worth": self.worth.number,
            "worth_mcse": self.worth.error,
            "control_events": self.own,
            "alike_after": self.alike,
            "log_hazard_difference": self.difference,
            "without": [estimate.to_dict() for estimate in self.alone],
        }


def external_result(
    borrowed: Borrowed, spec: AnalysisSpec, weigh: "Weigh", expected: "xr.Dataset"
) -> ExternalResult:
    """Tell what external controls are worth, and what the answer is without them.

    Parameters
    ----------
    borrowed : Borrowed
        Both posteriors.
    spec : AnalysisSpec
        Horizons, modifier values, strategies.
    weigh : callable
        From a fit to the weights of its patients.
    expected : xarray.Dataset
        Draws of every estimand before the data.

    Returns
    -------
    ExternalResult
        For tables, sentences and ``result.json``.
    """
    own = borrowed.alone
    drawn = estimates.draws_of(own, spec, weights=weigh(own))
    alone = estimates.estimate_all(drawn, spec, prior=expected)
    worth = known_events.added_events(borrowed.drawn.fit, own)
    events = float(own.person_time.provenance.untreated["events"])
    difference = None
    if borrowed.checked.spec.prior is not None:
        found = contrasts.summarise(borrowed.drawn.fit.posterior[EXTERNAL])
        difference = {str(name): float(value) for name, value in found.items()}
    alike = borrowed.drawn.alike
    return ExternalResult(borrowed.checked, alone, worth, events, alike, difference)
