"""What is doubtful in a cohort that has no fault: how its columns may have been misread.

Nothing is refused or changed here. Patients are called as the cohort calls them.
"""

import re
from collections.abc import Collection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.foretold import predictor_notes
from bayes_ihlrt.cohort.intervals import schedule_notes
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import SAME_TIME, FollowUp, follow_up
from bayes_ihlrt.cohort.unlikely import (
    Column,
    centre_unit_note,
    code_note,
    once_a_patient,
    range_note,
    spelling_note,
    unit_note,
    zero_starts,
)
from bayes_ihlrt.files.messages import counted, enumerated, patients
from bayes_ihlrt.labels import level_code
from bayes_ihlrt.names import CAUSE, LAST_FREE, TimeUnit
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.data_file import IntervalSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec

type Floats = NDArray[np.float64]

LONG_MEDIAN: Final = 240.0
LONG_LAST: Final = 480.0
"""Months of follow-up, median and longest, beyond which another unit is likelier."""
_CENSORING: Final = re.compile(r"(^|_)(cnsr|cens\w*|alive|survivors?|living)(_|$)", re.IGNORECASE)
_DAYS_APART: Final = (7, 14, 21, 28, 30)


def doubts(
    cohort: Cohort,
    data: DataSpec,
    treatment: TreatmentSpec | None,
    *,
    covariates: Collection[str],
    predictors: Collection[str] = (),
) -> list[str]:
    """Return what may have been misread, with the patients whom it concerns.

    Parameters
    ----------
    cohort : Cohort
        Without faults.
    data : DataSpec
        Meaning of the columns.
    treatment : TreatmentSpec or None
        The treatment.
    covariates : collection of str
        Columns that the analysis reads.
    predictors : collection of str
        Those of them that the hazard depends on.

    Returns
    -------
    list of str
        Sentences: ties, gaps, the time unit, the event's code, codes and units of covariates,
        spellings, covariates that know the outcome. Empty for ordinary data.
    """
    known = follow_up(cohort.columns, None if treatment is None else treatment.name)
    notes = [*_ties(cohort, known, treatment, data.time_unit), *_gaps(cohort)]
    notes += [*_long(known, data.time_unit), *_steps(known, data.time_unit)]
    notes += [*_inverted(cohort, known, data), *_times(cohort, known, data, treatment)]
    notes += schedule_notes(cohort.columns, None if treatment is None else treatment.name)
    for name in covariates:
        if name in cohort.columns and name not in _OWN:
            notes += _covariate(cohort, name, known, declared=name in data.units)
    if cohort.visits is not None:
        for name in cohort.visits.measured:
            if name in covariates:
                seen = cohort.visits.columns
                column = once_a_patient(name, seen[name], seen["patient"])
                notes += _values(column, declared=name in data.units)
    notes += _unused_levels(cohort, data)
    names = [name for name in predictors if name not in _OWN]
    return notes + predictor_notes(cohort, known, covariates=names)


_OWN: Final = frozenset(
    {"patient", "start", "stop", "event", CAUSE, LAST_FREE, "treatment_start", "centre"}
)


def _covariate(cohort: Cohort, name: str, known: FollowUp, *, declared: bool) -> list[str]:
    values, patient = cohort.columns[name], cohort.columns["patient"]
    if values.dtype == object:
        return spelling_note(name, values)
    column = once_a_patient(name, values, patient)
    notes = _values(column, declared=declared)
    if not notes and len(column.values) == len(known.patients):
        notes += unit_note(column, "value")
    if not notes and "centre" in cohort.columns and len(np.unique(column.values)) > 8:
        centre = dict(zip(patient.tolist(), cohort.columns["centre"].tolist(), strict=True))
        of = np.array([centre[who] for who in column.patient.tolist()], dtype=object)
        notes += centre_unit_note(column, of, "value")
    return notes


def _unused_levels(cohort: Cohort, data: DataSpec) -> list[str]:
    """Labels of levels that nobody has: a slip of the pen, or nobody of that kind is here."""
    notes = []
    for name, label in data.labels.items():
        own = "centre" if name == data.centre else name
        if own not in cohort.columns or not label.levels:
            continue
        found = {level_code(value) for value in cohort.columns[own].tolist()}
        lacking = [f"'{level}'" for level in label.levels if level not in found]
        if lacking:
            told = enumerated(sorted(f"'{level}'" for level in found), len(found))
            notes.append(
                f"LABELS of {name}: nobody has {enumerated(lacking, len(lacking))}; the data have "
                f"{told}."
            )
    return notes


def _values(column: Column, *, declared: bool) -> list[str]:
    notes, marked = code_note(column)
    return notes if declared else notes + range_note(column, marked)


def _times(
    cohort: Cohort, known: FollowUp, data: DataSpec, treatment: TreatmentSpec | None
) -> list[str]:
    """Codes and mixed units among times, in the unit of the file."""
    own = data.follow_up_columns[0]
    length = (known.end - known.entry) / data.time_unit.months
    column = Column(own, np.round(known.end / data.time_unit.months, 9), known.patients)
    notes, _ = code_note(column, codes_only=True)
    followed = Column(own, length, known.patients)
    notes += unit_note(followed, "time")
    if not notes and "centre" in cohort.columns:
        _, first = np.unique(known.row_patient, return_index=True)
        notes += centre_unit_note(followed, cohort.columns["centre"][first], "time")
    if treatment is not None and treatment.starts:
        notes += zero_starts(known.treated_from, " and ".join(treatment.starts))
    return notes


def _ties(
    cohort: Cohort, known: FollowUp, treatment: TreatmentSpec | None, unit: TimeUnit
) -> list[str]:
    if not cohort.ties or treatment is None:
        return []
    tied = np.array([label in cohort.ties for label in known.patients.tolist()], dtype=bool)
    rows = np.flatnonzero(tied)
    code = known.row_patient[cohort.columns["event"] == 1.0]
    events = int(np.isin(rows, code).sum())
    who = counted(len(rows), "patient starts", "patients start")
    head = (
        f"TREATED AS FOLLOW-UP ENDS: {who} {treatment.name} exactly at the end of follow-up, "
        f"{events} of them with the event ({patients(known.patients, rows)})"
    )
    if not treatment.treats_ties:
        return [
            f"{head}. By ties = 'untreated' they count as never treated, and their events against "
            "no treatment."
        ]
    moved = float((known.end - known.treated_from)[rows].max()) / unit.months
    return [
        f"{head}. Treatment is taken to come first: its start was moved {moved:.3g} {unit.value} "
        'earlier, and these events count as treated. For the opposite write ties = "untreated" '
        "in [treatment]."
    ]


def _gaps(cohort: Cohort) -> list[str]:
    """Person-time between the rows of a patient belongs to nobody."""
    patient = cohort.columns["patient"]
    start, stop = cohort.columns["start"], cohort.columns["stop"]
    apart = np.where(patient[1:] == patient[:-1], start[1:] - stop[:-1], 0.0)
    rows = np.flatnonzero(apart > SAME_TIME)
    if not len(rows):
        return []
    count = len(set(patient[rows].tolist()))
    return [
        f"GAPS: {counted(count, 'patient is', 'patients are')} not under observation for "
        f"{apart[rows].sum():.3g} months between rows ({patients(patient, rows)}). That time and "
        "what happened in it count for nothing; if they were followed, close the gaps."
    ]


def _long(known: FollowUp, unit: TimeUnit) -> list[str]:
    length = known.end - known.entry
    for what, months, limit in (
        ("median", float(np.median(length)), LONG_MEDIAN),
        ("longest", float(length.max()), LONG_LAST),
    ):
        if months > limit:
            shorter = [other.value for other in TimeUnit if other.months < unit.months]
            ask = f"are these {' or '.join(shorter)}?" if shorter else "are the times right?"
            return [
                f"LONG FOLLOW-UP: the {what} is {months / unit.months:.4g} {unit.value}, that is "
                f"{months / 12.0:.3g} years; {ask} `time_unit` in [data] says what they are."
            ]
    return []


def _steps(known: FollowUp, unit: TimeUnit) -> list[str]:
    """Steps between times that another unit would have."""
    times = np.round((known.end - known.entry) / unit.months, 6)
    whole = bool(np.all(times == np.round(times)))
    if len(times) < 10:
        return []
    step = int(np.gcd.reduce(times.astype(np.int64))) if whole else 0
    if unit in {TimeUnit.MONTHS, TimeUnit.WEEKS} and step in _DAYS_APART and np.ptp(times) > 0.0:
        return [
            f"DAYS? Every follow-up is a multiple of {step} {unit.value}, as days between visits "
            "are. `time_unit` in [data] says what the times are."
        ]
    halves = np.abs(2.0 * times - np.round(2.0 * times)) < 1e-6
    if unit is TimeUnit.DAYS and halves.mean() < 0.5 and times.max() < LONG_MEDIAN:
        return [
            f"PARTS OF DAYS: most follow-ups are no whole number of days, and the longest is "
            f"{times.max():.4g}; are these months? `time_unit` in [data] says what they are."
        ]
    return []


def _inverted(cohort: Cohort, known: FollowUp, data: DataSpec) -> list[str]:
    """An event column that may stand for censoring."""
    if isinstance(data.event, IntervalSpec):
        return []
    died = np.zeros(len(known.end), dtype=bool)
    died[known.row_patient[cohort.columns["event"] == 1.0]] = True
    name, length = data.event_column, known.end - known.entry
    remedy = "1 must stand for the event and 0 for censoring; if it is the opposite, exchange them"
    yes = {"1", "true", "yes"}
    codes = {"1"} if isinstance(data.event, str) else {code.lower() for code in data.event.codes}
    if _CENSORING.search(name) and codes & yes:
        return [
            f"CENSORING? The event's column is called {name}, and it is 1 in {int(died.sum())} of "
            f"{len(died)} patients: {remedy}."
        ]
    if min(died.sum(), (~died).sum()) < 5 or died.mean() < 0.5:
        return []
    place = np.searchsorted(np.sort(length[~died]), length[died], side="left")
    ahead = float(place.mean()) / int((~died).sum())
    if ahead < 0.9:
        return []
    return [
        f"CENSORING? {int(died.sum())} of {len(died)} patients have {name} = 1, and they are "
        f"followed longer than those with 0 in {ahead:.0%} of pairs, as the censored are: "
        f"{remedy}."
    ]
