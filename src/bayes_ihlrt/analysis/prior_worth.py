"""What priors of log hazard ratios are worth in events, and which of them need a justification.

What default priors are measured by is taken from the cohort once, and held in the specification.

d events tell a log hazard ratio with information d v, where v is the variance of its covariate over
the patients at risk: p (1 - p) of a treatment that a share p of the follow-up is under, 1 of a
covariate per standard deviation, p (1 - p) times the variance of c of a product of treatment and c.
A prior whose curvature, averaged over itself, is i is thus worth i / v events of the cohort: a
normal one 1 / (sd^2 v), which is 4 / sd^2 of two arms of equal size. Other covariates are taken as
balanced. Of the outcome the total number of events is read and nothing by treatment.

References
----------
Spiegelhalter DJ, Freedman LS, Parmar MKB. Bayesian approaches to randomized trials. J R Stat Soc A
1994;157:357-416, doi 10.2307/2983527. Schoenfeld DA. Sample-size formula for the
proportional-hazards regression model. Biometrics 1983;39:499-503, doi 10.2307/2531021. Hsieh FY,
Lavori PW. Sample-size calculations for the Cox proportional hazards regression model with nonbinary
covariates. Control Clin Trials 2000;21:552-560, doi 10.1016/S0197-2456(00)00104-5. Morita S, Thall
PF, Müller P. Determining the effective sample size of a parametric prior. Biometrics
2008;64:595-602, doi 10.1111/j.1541-0420.2007.00888.x.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt._lazy import lazy_module
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import first_treated, follow_up
from bayes_ihlrt.errors import Fault
from bayes_ihlrt.escaping import as_written
from bayes_ihlrt.files.cells import number_labels
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.priors import PerUnit, Prior, PriorScale
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.model import ModelSpec, PriorScales, rounded_months, time_zero
from bayes_ihlrt.spec.parameters import ResolvedPrior, stated_priors
from bayes_ihlrt.spec.prior_sets import JUSTIFICATION
from bayes_ihlrt.spec.treatment import TreatmentSpec

if TYPE_CHECKING:
    from bayes_ihlrt.model import prepared
else:
    # Formulas take a second to load, and faults of the files are told before.
    prepared = lazy_module("bayes_ihlrt.model.prepared")

EQUAL_ARMS: Final = 0.5
"""Share under treatment in a trial of two equal arms, in which 4 / sd^2 events tell as much."""
INFORMATIVE: Final = 0.25
"""Share of the cohort's events beyond which a prior is informative: a fifth of what is known then
comes from it."""
EVEN: Final = (0.45, 0.55)
"""Prior probability of a hazard ratio below 1 within which a prior takes no side."""
WORTH_NOTE: Final = (
    "Worth: events of this cohort that would tell a log hazard ratio as precisely as the prior, "
    "other covariates being balanced; they grow with the square of how narrow the prior is."
)
_AS_DEFAULT: Final = 1.01
_STATED: Final = frozenset({"specification", "specification default"})


def with_scales(spec: AnalysisSpec, cohort: Cohort) -> AnalysisSpec:
    """Hold a cohort's scales in a specification, unless it holds some already.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    cohort : Cohort
        All of its patients.

    Returns
    -------
    AnalysisSpec
        Every variant of it, rung and refit has the same priors.
    """
    if spec.scales is not None:
        return spec
    return spec.model_copy(update={"scales": cohort_scales(cohort, spec.treatment)})


def cohort_scales(cohort: Cohort, treatment: TreatmentSpec | None = None) -> PriorScales:
    """Return the longest follow-up of a cohort, rounded, and its covariates at time zero.

    Parameters
    ----------
    cohort : Cohort
        The patients.
    treatment : TreatmentSpec, optional
        The treatment.

    Returns
    -------
    PriorScales
        What was first measured at a visit counts with its first value.
    """
    patient = number_labels(cohort.columns["patient"])
    found = time_zero(cohort.columns, patient)
    if cohort.visits is not None:
        found = _first_visits(cohort) | found
    longest = float(cohort.columns["stop"].max())
    return PriorScales(rounded_months(longest), found, first_treated(cohort.columns, treatment))


def _first_visits(cohort: Cohort) -> dict[str, NDArray[np.generic]]:
    """Return measurements at the first visits of all patients, where every patient has one."""
    visits = cohort.visits
    if visits is None:
        return {}
    patients = list(dict.fromkeys(cohort.columns["patient"].tolist()))
    seen = visits.columns["patient"].tolist()
    first = {patient: row for row, patient in reversed(list(enumerate(seen)))}
    if not set(patients) <= first.keys():
        return {}
    rows = [first[patient] for patient in patients]
    return {name: visits.columns[name][rows] for name in visits.measured if name in visits.columns}


@dataclass(frozen=True)
class Worth:
    """Events that the prior of a term is worth.

    Parameters
    ----------
    low, high : float
        Of the coefficients of the term; equal where it has one.

    Examples
    --------
    >>> Worth(16.2, 16.2).words, Worth(0.001, 0.001).words, Worth(2.0, 7.4).words
    ('about 16 events', 'below 1 event', 'about 2 to 7 events')
    """

    low: float
    high: float

    @property
    def words(self) -> str:
        """The number in words."""
        low, high = round(self.low), round(self.high)
        if high < 1:
            return "below 1 event"
        if low == high:
            return f"about {counted(high, 'event', 'events')}"
        return f"about {low:,} to {high:,} events"


def treated_share(spec: AnalysisSpec, cohort: Cohort) -> float:
    """Return the share of the cohort's follow-up that is under treatment.

    Parameters
    ----------
    spec : AnalysisSpec
        The analysis.
    cohort : Cohort
        The patients.

    Returns
    -------
    float
        Person-months after the start of treatment over all; NaN without a treatment.
    """
    if spec.treatment is None:
        return float("nan")
    start, stop = cohort.columns["start"], cohort.columns["stop"]
    if spec.treatment.name in cohort.columns:
        under = (stop - start) * cohort.columns[spec.treatment.name]
    else:
        under = np.maximum(stop - np.maximum(start, cohort.columns["treatment_start"]), 0.0)
    return float(under.sum() / (stop - start).sum())


@dataclass(frozen=True)
class _Coefficient:
    """A coefficient with its prior, as stated and as the package would state it."""

    term: str
    stated: ResolvedPrior
    worth: float
    default_worth: float


def _coefficients(
    spec: AnalysisSpec, cohort: Cohort, share: float | None = None
) -> dict[str, _Coefficient]:
    """Every coefficient; terms for coefficients where time zero does not hold all columns."""
    model = _with_switches(spec, cohort)
    found = prepared.patient_columns(model)
    known = found or {name: (name, float("nan")) for name in model.outcome.parsed.term_names}
    terms = {name: term for name, (term, _) in known.items()}
    share = treated_share(spec, cohort) if share is None else share
    treatment = model.treatment
    bare = model.model_copy(update={"priors": {}, "prior_base": None})
    own, default = stated_priors(_of(model, terms), terms), stated_priors(bare, terms)

    def events(prior: Prior, name: str) -> float:
        term, sd = known[name]
        factors = set(term.split(":"))
        variance = share * (1.0 - share) if treatment in factors else 1.0
        if factors == {treatment}:
            return _per_event(prior, variance)
        # Per standard deviation the covariate's own cancels, and need not be known.
        if prior.per is not PerUnit.UNIT:
            return _per_event(prior.model_copy(update={"per": PerUnit.UNIT}), variance)
        return _per_event(prior, variance * sd**2)

    return {
        name: _Coefficient(
            terms[name],
            own[name],
            events(own[name].prior, name),
            events(default[name].prior, name),
        )
        for name in terms
    }


def _per_event(prior: Prior, variance: float) -> float:
    return prior.information / variance if variance > 0.0 else float("nan")


def _of(model: ModelSpec, terms: Mapping[str, str]) -> ModelSpec:
    """The model with priors of these coefficients alone: others are checked elsewhere."""
    names = {*terms, *map(as_written, terms), *terms.values(), "default"}
    kept = {name: prior for name, prior in model.priors.items() if name in names}
    return model.model_copy(update={"priors": kept})


def _with_switches(spec: AnalysisSpec, cohort: Cohort) -> ModelSpec:
    """Scales of the cohort in which what switches during follow-up varies: whether it ever does."""
    scales, visits = spec.scales, cohort.visits
    if scales is None or visits is None or not visits.switches:
        return spec.model
    _, first = np.unique(follow_up(cohort.columns).row_patient, return_index=True)
    ever = {
        name: np.isfinite(cohort.columns[column][first]).astype(np.float64)
        for name, column in visits.switches.items()
    }
    held = PriorScales(scales.months, {**scales.patients, **ever})
    return spec.model.model_copy(update={"scales": held})


def prior_worths(
    spec: AnalysisSpec, cohort: Cohort, *, share: float | None = None
) -> dict[str, Worth]:
    """Return the events that the prior of each log hazard ratio is worth.

    Parameters
    ----------
    spec : AnalysisSpec
        With the scales of the cohort.
    cohort : Cohort
        The patients.
    share : float, optional
        Share of the follow-up under treatment; that of the cohort by default.

    Returns
    -------
    dict of str to Worth
        By term of the formula, events of this cohort; a term is left out whose covariates are not
        known at time zero and whose prior is per unit.
    """
    found: dict[str, list[float]] = {}
    for each in _coefficients(spec, cohort, share).values():
        if isfinite(each.worth):
            found.setdefault(each.term, []).append(each.worth)
    return {term: Worth(min(values), max(values)) for term, values in found.items()}


def justification_faults(spec: AnalysisSpec, cohort: Cohort) -> list[Fault]:
    """Return the informative priors of a specification that nothing justifies.

    A prior of one's own is informative where it is worth more than the package's own and more than
    a quarter of the cohort's events; of treatment and what its effect depends on, also where it
    takes a side. Priors of the package and of packaged sets, which have sources, are not.

    Parameters
    ----------
    spec : AnalysisSpec
        With the scales of the cohort.
    cohort : Cohort
        The patients.

    Returns
    -------
    list of Fault
        One a line of ``[priors]``.
    """
    if spec.prior_justification is not None or not spec.priors:
        return []
    treatment = None if spec.treatment is None else spec.treatment.name
    faults: dict[str, Fault] = {}
    for name, each in _coefficients(spec, cohort).items():
        if each.stated.source not in _STATED:
            continue
        effect = treatment in each.term.split(":")
        reasons = [*(_side(each.stated.prior) if effect else ()), *_weight(each, cohort.events)]
        aliases = (name, as_written(name), each.term)
        key = next((alias for alias in aliases if alias in spec.priors), "default")
        if reasons and key not in faults:
            remedy = (
                f'Add the line {JUSTIFICATION} = "..." to [priors] and say there what it rests '
                "on, or leave the package's own prior"
            )
            faults[key] = Fault(f"[priors] {key}", f"it {' and '.join(reasons)}", remedy)
    return list(faults.values())


def _side(prior: Prior) -> list[str]:
    itself = PriorScale.EXP if prior.positive else PriorScale.PARAMETER
    if prior.on is not itself:
        return []
    even = 1.0 if prior.positive else 0.0
    chance = prior.distribution.below(prior.numbers, even)
    if EVEN[0] <= chance <= EVEN[1]:
        return []
    return [
        f"takes a side before the data (a hazard ratio below 1 has probability {chance:.2f} "
        f"and not {EVEN[0]:g} to {EVEN[1]:g})"
    ]


def _weight(each: _Coefficient, events: int) -> list[str]:
    narrow = each.worth > _AS_DEFAULT * each.default_worth
    if not narrow or each.worth <= INFORMATIVE * events:
        return []
    worth = Worth(each.worth, each.worth).words
    return [f"is worth {worth} beside the cohort's {events:,} (up to a quarter of them needs none)"]
