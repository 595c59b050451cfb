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
from bayes_ihlrt.errors import DataError, Fault
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
    from bayes_ihlrt.estimands import averaging, contrasts, population
    from bayes_ihlrt.estimands.mitigation import Weigh
    from bayes_ihlrt.model.prepared import PreparedModel
    from bayes_ihlrt.posterior.fitted import FittedModel
    from bayes_ihlrt.spec.model import ModelSpec
    from bayes_ihlrt.weighted import external as weighted_external
    from bayes_ihlrt.weighted import robust as weighted_robust
    from bayes_ihlrt.weighted.external import BoundExternal
else:
    # The formula library takes a second to load, and faults of the files are told before it is.
    averaging = lazy_module("bayes_ihlrt.estimands.averaging")
    contrasts = lazy_module("bayes_ihlrt.estimands.contrasts")
    estimates = lazy_module("bayes_ihlrt.analysis.estimates")
    population = lazy_module("bayes_ihlrt.estimands.population")
    weighted_external = lazy_module("bayes_ihlrt.weighted.external")
    weighted_robust = lazy_module("bayes_ihlrt.weighted.robust")

_WEIGHT: Final = "external_weight"
_TIMES: Final = tuple(share / 10.0 for share in range(1, 11))
"""Quantiles of the times of events at which a hazard is looked at."""
_ROUNDED: Final = 1e-3
"""Share by which weights that were rounded may sum to more than patients."""
SUBJECT: Final = "external controls"
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
    def notes(self) -> tuple[str, ...]:
        """Whether they are no patients, and how their file was read."""
        dropped = self.cohort.dropped
        gone = left_out(dropped, total=len(dropped) + self.cohort.n_patients)
        told = tuple(f"External controls: {note}" for note in (*self.cohort.notes, *gone))
        if not self.cohort.attrs.get("synthetic", False):
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
        synthetic = bool(self.cohort.attrs.get("synthetic", False))
        counts = self.bound.counted() | {"dropped": dict(Counter(self.cohort.dropped.values()))}
        return {**kept, **counts, **about, "synthetic": synthetic}


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
        They do not fit the specification.
    """
    external, treatment = spec.external, spec.treatment
    if external is None or treatment is None:
        return None
    given = external.data if source is None else source
    _refuse_treated(spec, given, treatment)
    cohort = _read(spec, external, given)
    others = _untreated_rows(cohort, treatment)
    # What is written lies elsewhere, and says no place of the data.
    named = external.model_copy(update={"data": Path(external.data).name})
    bound = weighted_external.bind_external(prepared, rows, others, named)
    return CheckedExternal(cohort, others, bound)


def _read(spec: AnalysisSpec, external: ExternalSpec, source: "ExternalSource") -> Cohort:
    """The cohort of external controls, with what each of them counts."""
    extra = external.weight_column
    # Labels may be of columns that only the cohort has.
    own = file_data(spec.data, None, spec.modifier).model_copy(update={"labels": {}})
    columns = (*spec.covariates, *(() if extra is None else (extra,)))
    # One hospital, or one stage, is what a registry may be of: the cohort has the others.
    constants = frozenset({*columns, *(() if own.centre is None else (own.centre,))})
    also: dict[str, Any] = {"identifiers": Identifiers.NOWHERE, "covariates": columns}
    also["allowed"] = Allowed(constants)
    if isinstance(source, str | Path):
        cohort = load_cohort(source, own, None, **also)
    else:
        cohort = Cohort.from_frame(source, own, None, **also)
    cohort = numbered(cohort)
    weights = np.ones(cohort.n_rows) if extra is None else _weights(cohort, extra)
    kept = {n: v for n, v in cohort.columns.items() if n != extra or n in spec.covariates}
    return replace(cohort, columns={**kept, _WEIGHT: weights})


def _weights(cohort: Cohort, column: str) -> np.ndarray:
    """What each external control counts; refused where it is no weight."""
    where, values = f"column '{column}'", cohort.columns[column]
    if values.dtype == object:
        fault = Fault(where, "it holds text", "Name a column of numbers as weight_column")
        raise DataError(SUBJECT, [fault])
    weights = values.astype(np.float64)
    wrong = ~(np.isfinite(weights) & (weights >= 0.0))
    if wrong.any():
        verb = "row has" if wrong.sum() == 1 else "rows have"
        problem = f"{wrong.sum()} {verb} no weight (a number from 0 on is one)"
        raise DataError(SUBJECT, [Fault(where, problem, "Correct the column weight_column names")])
    # Weights are of patients: who has several rows counts once, by the largest.
    each = np.zeros(cohort.n_patients)
    _, place = np.unique(cohort.columns["patient"].astype(str), return_inverse=True)
    np.maximum.at(each, place, weights)
    if each.sum() > cohort.n_patients * (1.0 + _ROUNDED):
        many = counted(cohort.n_patients, "patient", "patients")
        problem = f"weights sum to {each.sum():,.6g} for {many}, who would count as more"
        raise DataError(SUBJECT, [Fault(where, problem, "Divide them by their mean")])
    return weights


def _refuse_treated(spec: AnalysisSpec, source: "ExternalSource", treatment: TreatmentSpec) -> None:
    """Refuse treated patients, where the file has the columns of treatment at all."""
    data, subject = spec.data, SUBJECT
    given = (*treatment.starts, *(() if treatment.column is None else (treatment.column,)))
    names = {data.aliases.get(name, name) for name in given}
    if isinstance(source, str | Path):
        path, about = find_data(source)
        form, subject = FileForm() if "licence" in about else data.form, path.name
        table = read_file(path, Wanted(frozenset(names)), form=form)
    else:
        table = read_frame(source, wanted=names, subject=subject)
    treated = np.zeros(table.n_rows, dtype=bool)
    for values in table.columns.values():
        cells = read_cells(values)
        text = cells.text if len(cells.text) else np.array([f"{n:.15g}" for n in cells.numbers])
        said = ~cells.missing & ~np.isin(text.astype(str), [str(code) for code in data.never])
        treated |= said if treatment.column is None else said & (cells.numbers != 0.0)
    if not treated.any():
        return
    many = counted(int(treated.sum()), "row", "rows")
    problem = f"{many} of external controls tell of treatment ({', '.join(table.columns)})"
    raise DataError(subject, [Fault("[external] data", problem, _untreat(treatment))])


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


def known_events(fit: "FittedModel") -> float:
    """Return how many events the hazard without treatment is known by.

    d events tell a log hazard with variance 1 / d. The log cumulative hazard without treatment of
    one patient, the average of those who had the event without it, is read at the time at which it
    is known best, where what is not known of the hazard's shape adds least. Survival averaged over
    patients would not do: the more they differ, the less of the hazard's uncertainty it shows.

    Parameters
    ----------
    fit : FittedModel
        The posterior, with the rows of the cohort.

    Returns
    -------
    float
        1 / variance. What a prior adds is in it, and gone from the difference of two such numbers.
    """
    rows = fit.person_time
    stop, event = (rows.columns[name].astype(np.float64) for name in ("stop", "event"))
    times = np.unique(np.quantile(stop[event > 0.0], _TIMES))
    own = np.bincount(rows.patient_index, event * _untreated(fit), len(rows.patients))
    patients = population.sample_population(fit, weights=own if own.any() else None)
    predictor, shares = patients.condensed_untreated
    with np.errstate(divide="ignore", over="ignore"):
        level = np.log(averaging.spent(fit, 0.0, times))
    variance = (level + (predictor * shares).sum(axis=1)[:, None]).var(axis=0)
    return float(1.0 / variance[np.isfinite(variance)].min())


def _untreated(fit: "FittedModel") -> np.ndarray:
    """1 in rows without treatment."""
    rows, treatment = fit.person_time, fit.prepared.spec.treatment
    given = rows.columns.get(str(treatment), np.zeros(rows.n_rows))
    return np.asarray(given.astype(np.float64) == 0.0, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Borrowed:
    """Posteriors with and without external controls.

    Parameters
    ----------
    checked : CheckedExternal
        Who they are.
    fit, alone : FittedModel
        With them, and of the cohort alone.
    alike : float or None
        Posterior probability of the narrow component of a robust MAP prior.
    """

    checked: CheckedExternal
    fit: "FittedModel"
    alone: "FittedModel"
    alike: float | None

    def again(self, model: "ModelSpec", settings: SamplerSpec) -> "FittedModel":
        """Return the posterior with them under another model of the same rows."""
        bound = self.checked.bound.under(model)
        return weighted_robust.draw_external(bound, settings).fit


def borrow(
    checked: CheckedExternal,
    alone: "FittedModel",
    settings: SamplerSpec,
    *,
    allow_nonconverged: bool = False,
    progress: bool = False,
) -> Borrowed:
    """Draw from the posterior with external controls.

    Parameters
    ----------
    checked : CheckedExternal
        Who they are.
    alone : FittedModel
        The posterior of the cohort alone.
    settings : SamplerSpec
        Engine, draws, chains, seed.
    allow_nonconverged : bool
        Return draws that did not converge instead of raising.
    progress : bool
        Show the sampler's progress bar.

    Returns
    -------
    Borrowed
        Both posteriors.

    Raises
    ------
    ConvergenceError
        The draws are not to be trusted.
    """
    also = {"allow_nonconverged": allow_nonconverged, "progress": progress}
    drawn = weighted_robust.draw_external(checked.bound, settings, **also)
    return Borrowed(checked, drawn.fit, alone, drawn.alike)


@dataclass(frozen=True)
class ExternalResult:
    """What external controls change in the answer of an analysis.

    Parameters
    ----------
    checked : CheckedExternal
        Who they are.
    alone : tuple of Estimate
        Estimates of the cohort alone.
    worth : float
        Events without treatment that they stand for: `known_events` with them less without them.
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
    worth: float
    own: float
    alike: float | None = None
    difference: dict[str, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the part of ``result.json``."""
        return {
            **self.checked.to_dict(),
            "worth": self.worth,
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
    worth = known_events(borrowed.fit) - known_events(own)
    events = float(own.person_time.provenance.untreated["events"])
    difference = None
    if borrowed.checked.spec.prior is not None:
        found = contrasts.summarise(borrowed.fit.posterior[EXTERNAL])
        difference = {str(name): float(value) for name, value in found.items()}
    return ExternalResult(borrowed.checked, alone, worth, events, borrowed.alike, difference)
