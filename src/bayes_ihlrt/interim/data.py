"""The patients of a running trial, from a file: arm, enrolment, follow-up, modifier."""

import operator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.analysis.notes import NUMBERS
from bayes_ihlrt.cohort.datasets import find_data, follow_up_fingerprint
from bayes_ihlrt.cohort.dates import read_dates
from bayes_ihlrt.cohort.identifiers import patient_labels
from bayes_ihlrt.cohort.load import Cohort, load_cohort
from bayes_ihlrt.cohort.rules import Allowed
from bayes_ihlrt.errors import OPTION, DataError, Fault, SpecificationError, nearest
from bayes_ihlrt.files.cells import read_cells
from bayes_ihlrt.files.delimited import Wanted
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.files.readers import read_file
from bayes_ihlrt.names import DAYS_PER_MONTH, DesignKind
from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.spec.rules import Combine, LookSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec
from bayes_ihlrt.spec.trial import TrialDesign

Floats = NDArray[np.float64]
_HALF_DAY: Final = 0.5 / DAYS_PER_MONTH + 1e-9
_NEARLY: Final = 0.05
"""Months by which a day may be missed: dates are whole days."""


@dataclass(frozen=True, eq=False)
class RunningTrial:
    """A trial as it stands, patients in the order of enrolment.

    Parameters
    ----------
    arrival : ndarray, shape (patients,)
        Months from the opening of the trial to enrolment.
    arm, modifier : ndarray, shape (patients,)
        1 in the treated arm; value of the modifier, NaN without one.
    stop : ndarray, shape (patients,)
        Months of follow-up.
    event, lost : ndarray of bool, shape (patients,)
        Whether the event was seen, and whether the patient is lost to follow-up without it.
    month : float
        Months from the opening of the trial to the day of the data.
    about : dict
        Counts and fingerprint, as in the results of other commands.
    notes : tuple of str
        How the file was read, and what was taken as known.
    completed : ndarray of bool, shape (patients,)
        Whether the patient was followed without the event for as long as anybody is.
    """

    arrival: Floats
    arm: Floats
    modifier: Floats
    stop: Floats
    event: NDArray[np.bool_]
    lost: NDArray[np.bool_]
    month: float
    about: dict[str, Any]
    notes: tuple[str, ...]
    completed: NDArray[np.bool_]

    def events(self, arm: float | None = None) -> int:
        """Return how many events were seen, in one arm or in both."""
        there = np.ones(len(self.arm), dtype=bool) if arm is None else self.arm == arm
        return int((self.event & there).sum())

    @property
    def followed(self) -> int:
        """Patients without an event who are followed still."""
        return int((~self.event & ~self.lost & ~self.completed).sum())


def due_looks(design: TrialDesign, trial: RunningTrial, *, stopped: bool = False) -> list[bool]:
    """Return which looks' times have come, by the conditions that simulated trials wait for.

    As there, no look comes before the one ahead of it.

    Parameters
    ----------
    design : TrialDesign
        The design.
    trial : RunningTrial
        The trial as it stands.
    stopped : bool
        Whether accrual was stopped: the last look waits for those who are enrolled.

    Returns
    -------
    list of bool
        One for each look.
    """
    met = (_due(look, design, trial, stopped=stopped) for look in design.looks)
    return list(accumulate(met, operator.and_))


def _due(look: LookSpec, design: TrialDesign, trial: RunningTrial, *, stopped: bool) -> bool:
    if trial.month >= design.max_months:
        return True
    here = len(trial.arrival)
    full = stopped or here >= design.patients
    met = []
    if look.calendar is not None:
        met.append(trial.month >= look.calendar)
    if look.min_follow_up is not None:
        whom = design.patients if look.patients is None else look.patients
        last = min(whom, here) if full else whom
        there = here >= last
        met.append(there and trial.month >= trial.arrival[last - 1] + look.min_follow_up)
    if look.events is not None:
        enough = trial.events() >= look.events
        # A number that is never reached counts as reached when nobody is followed any more.
        never = not enough and full and not trial.followed
        if never and (look.combine is Combine.ALL or not met):
            return True
        met.append(enough)
    return all(met) if look.combine is Combine.ALL else any(met)


def chosen_design(plan: TrialPlan, name: str | None) -> TrialDesign:
    """Return a design of a plan by its name, the plan's own without one.

    Parameters
    ----------
    plan : TrialPlan
        The plan.
    name : str or None
        Name of a variant.

    Returns
    -------
    TrialDesign
        The design.

    Raises
    ------
    SpecificationError
        There is none of this name, or it needs what an interim analysis does not read.
    """
    wanted = plan.name if name is None else name
    if wanted not in plan.designs:
        remedy = nearest(wanted, plan.designs)
        raise SpecificationError(plan.name, [Fault(f"design '{wanted}'", "there is none", remedy)])
    design = plan.designs[wanted]
    if faults := _not_read(design):
        raise SpecificationError(f"{plan.name}, design '{wanted}'", faults)
    return design


def _not_read(design: TrialDesign) -> list[Fault]:
    """What an interim analysis does not read from the data of a running trial."""
    treatment, covariates = design.treatment, sorted(design.population.covariates)
    enriched = any(look.enrich or look.efficacy_enriched for look in design.looks)
    remedy = "Analyse the data by `fit`, or name a design without it"
    asked = {
        "[design.treatment] analysed, periods": (
            "starts of treatment",
            not treatment.is_proportional,
        ),
        "[design.population] covariates": (
            f"covariates ({', '.join(covariates)})",
            bool(covariates),
        ),
        "[design.external]": ("external controls", design.external is not None),
        "[[design.looks]] enrich, efficacy_enriched": ("switch of enrolment", enriched),
    }
    found = [
        Fault(place, f"an interim analysis reads no {what}", remedy)
        for place, (what, there) in asked.items()
        if there
    ]
    if design.extension is not None:
        problem = "an interim analysis reads no rule that enlarges the trial"
        remedy = (
            "Name a plan without them: of the planned size before the trial is enlarged (it tells "
            "conditional power and predictive probability), of the larger size after it"
        )
        found.append(Fault("[design.extension], [[design.looks]] extend", problem, remedy))
    return found


def read_running(
    plan: TrialPlan, design: TrialDesign, source: str | Path, *, month: float | None = None
) -> RunningTrial:
    """Read the data of a running trial.

    Parameters
    ----------
    plan : TrialPlan
        With the meaning of the columns in `interim`.
    design : TrialDesign
        The design that is run.
    source : str or Path
        Data file, read as by every command.
    month : float, optional
        Months from the opening of the trial to the day of the data; the last day on which a
        patient was seen without it.

    Returns
    -------
    RunningTrial
        In months.

    Raises
    ------
    DataError
        With every fault of the data.
    """
    own = plan.interim
    treatment = TreatmentSpec(
        name=design.treatment.name, column=own.arm or design.treatment.name, design=DesignKind.FIXED
    )
    covariates = [] if design.modifier is None else [design.modifier.column]
    beside = [own.enrolled] if own.data.origin is None else []
    columns, allowed = [*covariates, *beside], Allowed(frozenset(beside), newcomers=True)
    cohort = load_cohort(source, own.data, treatment, covariates=columns, allowed=allowed)
    arrival, told = _enrolment(plan, cohort, source)
    stop, event = (np.asarray(cohort.columns[name], np.float64) for name in ("stop", "event"))
    # Those who came today were seen for half a day, which is no news of tomorrow.
    today = (event == 0.0) & (stop <= _HALF_DAY)
    seen = float(np.where(today, arrival, arrival + stop).max())
    at = seen if month is None else month
    if faults := _faults(design, arrival, at, seen):
        raise DataError(str(source), faults)
    completed = (event == 0.0) & (stop >= (design.max_follow_up or np.inf) - _NEARLY)
    lost = (event == 0.0) & ~completed & (arrival + stop < at - own.lost_after)
    told += _counts(plan, design, today, completed, lost)
    if month is None:
        told.append(f"The data are taken to be of month {at:.1f}, the last one with news.")
    order = np.argsort(arrival, kind="stable")
    return RunningTrial(
        arrival[order],
        np.asarray(cohort.columns[treatment.name], np.float64)[order],
        _modifier(design, cohort)[order],
        stop[order],
        (event == 1.0)[order],
        lost[order],
        at,
        _about(cohort, stop),
        (*cohort.notes, *told),
        completed[order],
    )


def _counts(plan: TrialPlan, design: TrialDesign, *which: NDArray[np.bool_]) -> list[str]:
    """Who came today, who completed follow-up, and who counts as lost."""
    said = (
        "with no follow-up yet (time 0): each counts as seen for half a day.",
        f"without an event completed the follow-up of {design.max_follow_up or np.inf:g} months.",
        f"without an event and without news for {plan.interim.lost_after:g} months count as "
        "lost to follow-up ([interim] lost_after).",
    )
    return [
        f"{counted(int(who.sum()), 'patient', 'patients')} {words}"
        for who, words in zip(which, said, strict=True)
        if who.any()
    ]


def _modifier(design: TrialDesign, cohort: Cohort) -> Floats:
    if design.modifier is None:
        return np.full(cohort.n_patients, np.nan)
    return np.asarray(cohort.columns[design.modifier.column], np.float64)


def _about(cohort: Cohort, stop: Floats) -> dict[str, Any]:
    return {
        "patients": cohort.n_patients,
        "rows": cohort.n_rows,
        "events": cohort.events,
        "months": float(stop.sum()),
        "fingerprint": cohort.fingerprint,
        "follow_up": follow_up_fingerprint(cohort.columns),
        "name": cohort.attrs.get("name"),
        "synthetic": bool(cohort.attrs.get("synthetic", False)),
        # Nothing that is written names a patient.
        "dropped": {str(n): why for n, why in enumerate(cohort.dropped.values(), 1)},
        "patient_labels": NUMBERS,
    }


def _enrolment(plan: TrialPlan, cohort: Cohort, source: str | Path) -> tuple[Floats, list[str]]:
    """Months from opening to enrolment, by numbers or by dates."""
    own, data = plan.interim, plan.interim.data
    origin = data.origin
    if origin is None:
        found = np.asarray(cohort.columns[own.enrolled], np.float64)
        return found * data.time_unit.months, []
    path, _ = find_data(source)
    wanted = Wanted(frozenset({data.patient, origin}), labels=frozenset({data.patient}))
    table = read_file(path, wanted, form=data.form)
    patient = patient_labels(table, data.patient)
    cells = {origin: read_cells(table.columns[origin])}
    days, faults, _ = read_dates(cells, data.date_order, patient=patient)
    if faults:
        raise DataError(str(source), faults)
    known = dict(zip(patient.tolist(), days[origin].tolist(), strict=True))
    enrolled = np.array([known[who] for who in cohort.columns["patient"].tolist()])
    first = float(enrolled.min()) if own.opened is None else float(own.opened.toordinal())
    told = (
        ["The trial is taken to have opened on the day of its first enrolment."]
        if own.opened is None
        else []
    )
    return (enrolled - first) / DAYS_PER_MONTH, told


def _faults(design: TrialDesign, arrival: Floats, at: float, seen: float) -> list[Fault]:
    found = []
    if len(arrival) > design.patients:
        problem = f"{len(arrival)} were found, and the design has {design.patients} at most"
        remedy = f"Name the design that is run by {OPTION}, or change `patients` of the plan"
        found.append(Fault("patients", problem, remedy, option="design"))
    if arrival.min() < 0.0:
        early = counted(int((arrival < 0.0).sum()), "patient is", "patients are")
        problem = f"{early} enrolled before the trial opened"
        found.append(Fault("enrolment", problem, "Correct the dates, or [interim] opened"))
    if seen > at + _NEARLY:
        problem = f"there is news of month {seen:.1f}, and the data are said to be of {at:.1f}"
        remedy = "Give the month of the data, or leave it out"
        found.append(Fault(OPTION, problem, remedy, option="month"))
    return found
