"""What a reader has to know before believing a result, in sentences, and what data it rests on.

The data are told by counts, fingerprints and what patients are called: a cohort can go without the
identifiers of its patients.
"""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.analysis.modifier import begins_at_zero
from bayes_ihlrt.analysis.uninformed import outside_notes, reach_of, silent_intervals
from bayes_ihlrt.cohort.datasets import follow_up_fingerprint
from bayes_ihlrt.cohort.doubts import doubts
from bayes_ihlrt.cohort.identifiers import renamed
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.read import SparseEventsWarning, warn_if_sparse
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.model.predictor import linear_in_modifier, names_in
from bayes_ihlrt.names import Adjustment, DesignKind, EstimandTarget, Identifiers
from bayes_ihlrt.spec.analysis import AnalysisSpec, covariates, weighted_to
from bayes_ihlrt.spec.estimands import PopulationKind

NUMBERS, IDENTIFIERS = "numbers", "identifiers"


def patient_labels(cohort: Cohort) -> str:
    """Return what the patients of a result are called.

    Parameters
    ----------
    cohort : Cohort
        As an analysis holds it.

    Returns
    -------
    str
        ``"numbers"``, in the order of the data file, or ``"identifiers"``.
    """
    return NUMBERS if cohort.identifiers is Identifiers.NOWHERE else IDENTIFIERS


def numbered(cohort: Cohort) -> Cohort:
    """Return a cohort with numbers for identifiers; itself where results may hold them.

    Parameters
    ----------
    cohort : Cohort
        The cohort.

    Returns
    -------
    Cohort
        ``patient`` is ``"1"``, ``"2"``, ... in the order of the file.

    Examples
    --------
    >>> from bayes_ihlrt.spec.data import DataSpec
    >>> data = DataSpec(patient="id", time="months", event="death")
    >>> frame = {"id": ["K7", "B2"], "months": [5.0, 2.0], "death": [1, 0]}
    >>> numbered(Cohort.from_frame(frame, data)).columns["patient"].tolist()
    ['1', '2']
    """
    if cohort.identifiers is not Identifiers.COHORT:
        return cohort
    patient = cohort.columns["patient"]
    # A cohort that was put together from columns does not know the order of a file.
    known = dict.fromkeys([*patient.tolist(), *cohort.dropped])
    numbers = cohort.numbers or {label: str(place) for place, label in enumerate(known, start=1)}
    visits = cohort.visits
    if visits is not None:
        visits = visits.relabelled(renamed(visits.columns["patient"], numbers))
    return replace(
        cohort,
        columns={**cohort.columns, "patient": renamed(patient, numbers)},
        dropped={numbers[label]: reason for label, reason in cohort.dropped.items()},
        visits=visits,
        identifiers=Identifiers.NOWHERE,
        numbers={},
        ties={numbers[label]: month for label, month in cohort.ties.items()},
    )


def data_summary(cohort: Cohort, rows: PersonTime) -> dict[str, Any]:
    """Return the counts of a cohort and its fingerprint.

    Parameters
    ----------
    cohort : Cohort
        The data.
    rows : PersonTime
        The rows that the design made of them.

    Returns
    -------
    dict
        ``patients, rows, events, months, fingerprint, follow_up`` (fingerprint of patients, times
        and events alone), ``name, synthetic, dropped``, `patient_labels`.
    """
    length = _floats(rows.columns["stop"]) - _floats(rows.columns["start"])
    return {
        "patients": len(rows.patients),
        "rows": rows.n_rows,
        "events": rows.events,
        "months": float(length.sum()),
        "fingerprint": cohort.fingerprint,
        "follow_up": follow_up_fingerprint(cohort.columns),
        "name": cohort.attrs.get("name"),
        "synthetic": bool(cohort.attrs.get("synthetic", False)),
        "patient_labels": patient_labels(cohort),
        "dropped": {**cohort.dropped, **rows.provenance.dropped},
    }


def identified(cohort: Cohort) -> list[str]:
    """Return that results call patients by their identifiers, where the user asked for it.

    Parameters
    ----------
    cohort : Cohort
        The data.

    Returns
    -------
    list of str
        One sentence or none.
    """
    if cohort.identifiers is not Identifiers.EVERYWHERE:
        return []
    return [
        "IDENTIFIERS KEPT: results and files call patients by the identifiers of the data file; "
        "they are not to be passed on."
    ]


def _floats(values: NDArray[np.generic]) -> NDArray[np.float64]:
    return values.astype(np.float64)


_FEW = 30.0
"""Patients a group below which late entry moved coefficients by a twentieth or more."""


def delayed_entry(spec: AnalysisSpec, rows: PersonTime) -> list[str]:
    """Return whom averages are over where patients enter late, and what groups make of it.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    rows : PersonTime
        Rows of a design.

    Returns
    -------
    list of str
        Empty where everybody is followed from the beginning.
    """
    first = np.flatnonzero(np.diff(rows.patient_index, prepend=-1))
    entry = rows.columns["start"][first].astype(np.float64)
    late = int((entry > 0.0).sum())
    if not late:
        return []
    who = counted(late, "patient", "patients")
    told = f"DELAYED ENTRY: {who} of {len(entry)} came under observation late (the last in month "
    told += f"{entry.max():.3g}). "
    if spec.estimands.population is PopulationKind.TIME_ZERO:
        told += (
            "Averages are over everybody at time zero: each patient stands for 1/S(entry), those "
            "like them who died before included."
        )
    else:
        told += (
            "Averages are over patients who lived to enter, not over everybody at time zero, whose "
            'survival is lower: that is `population = "time-zero"`.'
        )
    return [told, *_selected_groups(spec, rows, patients=len(entry))]


def uncorrelated_slopes(spec: AnalysisSpec) -> list[str]:
    """Return that intercepts and slopes of groups are independent, and what that does.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.

    Returns
    -------
    list of str
        One sentence for each group with a slope.
    """
    of = spec.labels.of
    return [
        f"Intercepts and slopes of {of(term.group)} are taken as uncorrelated. Where a "
        f"{of(term.group)} with a higher hazard has another effect of {of(term.slope)}, the "
        "average effect is pulled away from the truth (a correlation of -0.8 moved a log hazard "
        "ratio of -0.57 to -0.64)."
        for term in spec.outcome.groups
        if term.slope is not None
    ]


def _selected_groups(spec: AnalysisSpec, rows: PersonTime, *, patients: int) -> list[str]:
    """Effects of groups are selected by who lives to enter, and the likelihood does not know."""
    groups = [term.group for term in spec.outcome.groups]
    sizes = {name: patients / len(set(rows.columns[name].tolist())) for name in groups}
    few = [name for name, size in sizes.items() if size < _FEW]
    of = spec.labels.of
    return [
        f"With late entry and {sizes[name]:.3g} patients a {of(name)}, effects of covariates, the "
        f"sd of {of(name)} and the shape of the hazard come out too small: who lives to enter "
        f"comes from a {of(name)} with a lower hazard, which the likelihood does not know (with sd "
        "1 and entry up to month 40 a coefficient lost 5 % at 25 patients each, 12 % at 7, 24 % at "
        "2)."
        for name in few
    ]


def starts_left_out(rows: PersonTime) -> list[str]:
    """Return how many controls are not followed from their own treatment on, and why.

    Parameters
    ----------
    rows : PersonTime
        Rows of a design.

    Returns
    -------
    list of str
        One sentence a reason; empty where every start counts.
    """
    reasons = list(rows.provenance.unfollowed.values())
    return [
        f"{counted(reasons.count(reason), 'control', 'controls')} not followed from the start of "
        f"their own treatment on: {reason}."
        for reason in dict.fromkeys(reasons)
    ]


SYNTHETIC: Final = "SYNTHETIC DATA"
IMMORTAL: Final = "IMMORTAL TIME"
FIRST: Final = ("INCOMPLETE", IMMORTAL, SYNTHETIC)
"""How notes begin that come before everything that is read from the result."""
CLOCKS: Final[Mapping[DesignKind, str]] = {
    DesignKind.LANDMARK: "the landmark",
    DesignKind.SEQUENTIAL: "the decision",
}
"""Where the months of a design count from, where that is not time zero."""


def analysis_notes(
    spec: AnalysisSpec, cohort: Cohort, rows: PersonTime, *, n_parameters: int
) -> tuple[str, ...]:
    """Return what has to be known of an analysis, most important first.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    cohort : Cohort
        The data.
    rows : PersonTime
        The rows that the design made of them.
    n_parameters : int
        Number of parameters of the model.

    Returns
    -------
    tuple of str
        Immortal time, synthetic data, identifiers that were kept, another clock than time zero,
        how files were read, patients left out, what may have been misread (`cohort.doubts`), few
        events or none in an arm or interval, extrapolation (horizons, start of treatment,
        modifier), where the main effect is read, delayed entry, slopes of groups that are taken
        as uncorrelated.
    """
    notes = [*_immortal_time(rows), *_synthetic(cohort), *identified(cohort)]
    notes += clock_notes(rows)
    notes += [*cohort.notes, *_left_out(cohort, rows)]
    read = covariates(spec.treatment, spec.modifier, spec.outcome)
    groups = {term.group for term in spec.outcome.groups}
    notes += doubts(
        cohort,
        spec.data,
        spec.treatment,
        covariates=spec.covariates,
        predictors=[name for name in read if name not in groups],
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SparseEventsWarning)
        warn_if_sparse(rows.events, n_parameters)
    notes += [str(warning.message) for warning in caught]
    if spec.treatment is not None:
        adjusted = spec.propensity is not None and spec.propensity.adjust is not Adjustment.NONE
        notes += without_events(rows, spec.treatment.name, weighted=adjusted)
    notes += silent_intervals(spec, rows)
    notes += [*_two_populations(spec), *_modifier_after_treatment(spec, rows)]
    asked = spec.estimands
    notes += outside_notes(
        spec, reach_of(spec, rows), months=asked.horizons, values=asked.at, start=spec.treat_from
    )
    notes += _main_effect(spec, rows)
    return (*notes, *delayed_entry(spec, rows), *uncorrelated_slopes(spec))


def _immortal_time(rows: PersonTime) -> list[str]:
    months = rows.provenance.immortal_months
    if months == 0.0:
        return []
    return [
        f"{IMMORTAL}: {months:.1f} person-months before treatment, in which treated patients "
        "could not die, are counted as treated. The effect of treatment is overstated by design; "
        "this result shows the bias and says nothing about the treatment."
    ]


def _synthetic(cohort: Cohort) -> list[str]:
    if not cohort.attrs.get("synthetic", False):
        return []
    return [f"{SYNTHETIC}: these were simulated, no patient is in them. Nothing follows for care."]


def clock(rows: PersonTime) -> str:
    """Return where the months of person-time count from.

    Parameters
    ----------
    rows : PersonTime
        Rows of a design.

    Returns
    -------
    str
        ``"time zero"``, ``"the landmark"`` or ``"the decision"``.
    """
    return CLOCKS.get(rows.provenance.design, "time zero")


def clock_notes(rows: PersonTime) -> list[str]:
    """Return that months count from another moment than time zero.

    Parameters
    ----------
    rows : PersonTime
        Rows of a design.

    Returns
    -------
    list of str
        One sentence or none.
    """
    origin = clock(rows)
    if rows.provenance.design not in CLOCKS:
        return []
    return [
        f"MONTHS COUNT FROM {origin.upper()}, not from time zero: survival, months gained and "
        f"horizons are of patients still at risk then."
    ]


def left_out(dropped: Mapping[str, str], *, total: int) -> list[str]:
    """Return how many patients were left out, and why.

    Parameters
    ----------
    dropped : mapping of str to str
        Reason by patient.
    total : int
        Patients of the data file.

    Returns
    -------
    list of str
        One sentence a reason.

    Examples
    --------
    >>> left_out({"P1": "no event time", "P7": "no event time"}, total=80)
    ['2 patients of 80 left out: no event time.']
    """
    reasons = list(dropped.values())
    return [
        f"{counted(reasons.count(reason), 'patient', 'patients')} of {total} left out: {reason}."
        for reason in dict.fromkeys(reasons)
    ]


def without_events(rows: PersonTime, treatment: str, *, weighted: bool) -> list[str]:
    """Return what follows where nobody had the event in an arm.

    Parameters
    ----------
    rows : PersonTime
        Rows of a design.
    treatment : str
        Column that says whether a row is treated, 0/1.
    weighted : bool
        Whether a propensity adjusts the analysis.

    Returns
    -------
    list of str
        One sentence or none.
    """
    columns = {name: rows.columns[name].astype(np.float64) for name in ("start", "stop", "event")}
    months = columns["stop"] - columns["start"]
    treated = rows.columns[treatment].astype(np.float64) == 1.0
    arms = {"treated": treated, "untreated": ~treated}
    silent = {
        name: float(months[own].sum())
        for name, own in arms.items()
        if own.any() and not columns["event"][own].any()
    }
    if not silent:
        return []
    where = " and ".join(f"the {arm} ({spent:,.1f} person-months)" for arm, spent in silent.items())
    narrow = " The interval of a weighted analysis may be too narrow then." if weighted else ""
    return [
        f"NO EVENT among {where}: how far the hazard ratio may lie from 1 is the prior's answer, "
        f"not the data's. Report the prior with it.{narrow}"
    ]


def _two_populations(spec: AnalysisSpec) -> list[str]:
    """Tell where weights stand for others than those who are averaged over."""
    stated, weighted = spec.estimands.population, weighted_to(spec.propensity)
    everybody = {PopulationKind.SAMPLE, PopulationKind.BOOTSTRAP}
    if stated is None or weighted is None or stated.value == weighted.value:
        return []
    if weighted is EstimandTarget.ATE and stated in everybody:
        return []
    return [
        f"TWO POPULATIONS: weights stand for '{weighted.value}' and estimands average over "
        f"'{stated.value}': covariates of the [outcome] formula are those of the latter, all else "
        "is as in the former. Leave out population in [estimands] to have one."
    ]


def _modifier_after_treatment(spec: AnalysisSpec, rows: PersonTime) -> list[str]:
    """Tell of patients whose modifier changes while they are treated."""
    if spec.modifier is None or spec.treatment is None:
        return []
    history = rows.patient_index
    treated = rows.columns[spec.treatment.name].astype(np.float64) == 1.0
    values = rows.columns[spec.modifier.column]
    moved = (history[1:] == history[:-1]) & treated[:-1] & (values[1:] != values[:-1])
    for name in {"trial", "clone"} & {*rows.columns}:
        moved &= rows.columns[name][1:] == rows.columns[name][:-1]
    count, of = len(np.unique(history[1:][moved])), len(np.unique(history[treated]))
    if not count:
        return []
    name = spec.labels.of(spec.modifier.name)
    return [
        f"{name.upper()} CHANGES AFTER TREATMENT STARTS in {count} of {of} treated patients: "
        f"hazard ratios by {name} go by its present value, which treatment may have moved. They "
        f"are not the effect in patients who had that {name} when treatment was decided on; for "
        "that use a column with its value at time zero, or design 'sequential'."
    ]


def _left_out(cohort: Cohort, rows: PersonTime) -> list[str]:
    own = rows.provenance.dropped
    total = len(rows.patients) + len(cohort.dropped) + len(own)
    told = [*left_out(cohort.dropped, total=total), *left_out(own, total=total)]
    return [*told, *starts_left_out(rows)]


def _main_effect(spec: AnalysisSpec, rows: PersonTime) -> list[str]:
    """Where the coefficient of treatment is not its effect at the reference."""
    modifier, treatment = spec.modifier, spec.treatment
    if modifier is None or treatment is None or linear_in_modifier(spec.model):
        return []
    own, labels = {modifier.name, modifier.column}, spec.labels
    bent = [
        factor
        for term in spec.outcome.parsed.terms
        if treatment.name in term
        for factor in term
        if factor not in {treatment.name, modifier.name} and own & names_in(factor)
    ]
    if not bent:
        return []
    where = f"not the effect at the reference, {modifier.reference:g}"
    if all(begins_at_zero(factor, modifier.name) for factor in bent):
        lowest = float(rows.columns[modifier.column].astype(np.float64).min())
        called = labels.of(modifier.name)
        where = f"the effect at the lowest {called} of the cohort, {lowest:g}, {where}"
    return [
        f"With {' and '.join(map(labels.term, dict.fromkeys(bent)))} the coefficient "
        f"{labels.of(treatment.name)}, and so its "
        f"prior, is {where}."
    ]
