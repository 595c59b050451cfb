"""The patients and how they were followed, as plain data that a report keeps, and as its tables."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bayes_ihlrt.analysis.fit import FitResult
from bayes_ihlrt.analysis.follow_up import (
    follow_up_by_arm,
    follow_up_by_state,
    patient_flow,
    treatment_starts,
)
from bayes_ihlrt.analysis.patients import table_one
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.errors import RefusedError
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.report.document import Section, embedded
from bayes_ihlrt.results.outputs import Output
from bayes_ihlrt.results.table import Table, count, estimate, figure, text
from bayes_ihlrt.spec.analysis import AnalysisSpec

_UNITS: Final = "Median (quartiles) of numbers, patients (%) of categories, at time zero."
_BALANCED: Final = "Standardised mean differences below 0.1 in size count as balanced."
_SHOWN: Final = ("flow", "treatment_starts")
_COURSES: Final = "swimmer"
PATIENT_FIGURES: Final = frozenset({*_SHOWN, _COURSES})
"""Figures that describe the patients."""
_NOTE: Final = (
    "Reverse Kaplan-Meier: the end of follow-up counts as the event, and who had the event before "
    "is censored."
)
_BY_STATE: Final = (
    " Told by state, for ever and never treated are known in hindsight only: the start of "
    "treatment ends untreated time."
)
_BY_ARM: Final = (
    " Told by arm, as the design puts patients or their clones into arms when its clock starts; "
    "who leaves a strategy is censored there. Without weights."
)


def brief_follow_up(result: FitResult) -> dict[str, Any]:
    """Return how patients were followed, as plain data.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    dict
        ``states`` of `follow_up_by_arm`, or else of `follow_up_by_state`, and ``by`` which;
        ``starts`` of `treatment_starts` (None without a treatment) and ``flow`` of `patient_flow`.
    """
    cohort, treatment = result.checked.cohort, result.spec.treatment
    name = None if treatment is None else treatment.name
    called = result.spec.labels.of(name)
    rows = result.checked.person_time
    arms = None if treatment is None else follow_up_by_arm(cohort, rows, treatment, called=called)
    return {
        "states": arms or follow_up_by_state(cohort, name),
        "by": "arm" if arms else "state",
        "starts": None if name is None else {"name": called, **treatment_starts(cohort, name)},
        "flow": patient_flow(cohort, rows, treatment, called=called),
    }


def follow_up_sections(output: Output) -> list[Section]:
    """Return what the design made of the patients, and for how long they were followed.

    Parameters
    ----------
    output : Output
        What `fit` wrote.

    Returns
    -------
    list of Section
        Patients at time zero, where there are covariates; flow and follow-up; folded, every
        patient's own course, where it was drawn.
    """
    drawn = {found.name: found for found in embedded(_files(output))}
    patients = characteristics_table(output)
    found: list[Section] = []
    if patients is not None:
        found.append(Section("characteristics", "Patients at time zero", tables=(patients,)))
    found.append(
        Section(
            "follow-up",
            "Patient flow and follow-up",
            _sentences(output),
            tables=(_follow_up_table(output),),
            figures=tuple(drawn[name] for name in _SHOWN if name in drawn),
        )
    )
    if _COURSES in drawn:
        title = "Course of each patient"
        found.append(Section("courses", title, figures=(drawn[_COURSES],), folded=True))
    return found


def _files(output: Output) -> list[Path]:
    return [file for file in output.figures if file.stem in PATIENT_FIGURES]


def _sentences(output: Output) -> tuple[str, ...]:
    """When treatment started, and what became of the others; none without a treatment."""
    found = output.brief["follow_up"]["starts"]
    if found is None:
        return ()
    name, patients = found["name"], counted(found["patients"], "patient", "patients")
    told = f"Of {patients}, {found['started']:,} started {name} under observation"
    if found["months"] is not None:
        low, middle, high = found["months"]
        told += f", at month {middle:.1f} in the median (quartiles {low:.1f} to {high:.1f})"
    if found["before"]:
        told += f"; {found['before']:,} had started it before"
    return (
        f"{told}. Of those never treated, {found['event']:,} had the event and {found['ended']:,} "
        "reached the end of follow-up without it.",
    )


def _follow_up_table(output: Output) -> Table:
    """A row a state, with the median of follow-up."""
    rows = output.brief["follow_up"]["states"]
    columns = (
        text("Patients", "state"),
        text("Followed from", "since"),
        count("Number", "patients"),
        count("Events", "events"),
        count("Person-months", "months"),
        estimate("Median follow-up, months (95 % interval)", 1, missing="not reached"),
    )
    by_arm = output.brief["follow_up"]["by"] == "arm"
    note = _NOTE + (_BY_ARM if by_arm else _BY_STATE if len(rows) > 1 else "")
    told = tuple({**row, "state": _capital(row["state"])} for row in rows)
    return Table("follow-up", "Length of follow-up", columns, told, note)


def flow_table(output: Output) -> Table:
    """Return the numbers of the figure of patient flow.

    Parameters
    ----------
    output : Output
        What `fit` wrote.

    Returns
    -------
    Table
        From the patients in the data to how each arm ended.
    """
    flow: Mapping[str, Any] = output.brief["follow_up"]["flow"]
    rows = [{"step": "Patients in the data", "number": flow["assessed"]}]
    rows += [_of("Left out", lost["reason"], lost["patients"]) for lost in flow["left_out"]]
    rows.append({"step": "Analysed", "number": flow["analysed"]})
    for arm in flow["arms"]:
        rows += _of_arm(flow, arm)
    rows += [_of("Shortened", lost["reason"], lost["patients"]) for lost in flow["shortened"]]
    columns = (text("Step", "step"), count("Number", "number"))
    return Table("flow", "Patients in the design", columns, tuple(rows))


def _of_arm(flow: Mapping[str, Any], arm: Mapping[str, Any]) -> list[dict[str, Any]]:
    name = _capital(arm["arm"])
    rows = [_of(name, flow["unit"], arm["follow_ups"])]
    if arm["follow_ups"] != arm["patients"]:
        rows.append(_of(name, "patients", arm["patients"]))
    rows.append(_of(name, "with the event", arm["events"]))
    if arm["censored"]:
        rows.append(_of(name, flow["why"], arm["censored"]))
    return [*rows, _of(name, "followed to the end without it", arm["ended"])]


def _of(part: str, told: str, number: int) -> dict[str, Any]:
    return {"step": f"{part}: {told}", "number": number}


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def brief_characteristics(spec: AnalysisSpec, cohort: Cohort) -> dict[str, Any] | None:
    """Return the table of `table_one` as plain data.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    cohort : Cohort
        Its patients.

    Returns
    -------
    dict or None
        ``arms``, ``patients``, ``rows`` and ``note``; None without a treatment or covariates, or
        where an arm has nobody.
    """
    treatment = spec.treatment
    if treatment is None:
        return None
    labels = spec.labels
    landmark = treatment.landmarks[0] if len(treatment.landmarks) == 1 else None
    try:
        found = table_one(
            cohort,
            treatment.name,
            landmark=landmark,
            called=labels.of(treatment.name),
        )
    except RefusedError:
        # Nobody is in an arm, as the table of the data tells: there is nothing to set side by side.
        return None
    if not found.rows:
        return None
    missing = cohort.missing
    return {
        "arms": list(found.arms),
        "patients": list(found.patients),
        "rows": [
            {
                "name": labels.characteristic(row.name),
                "total": row.total,
                "treated": row.treated,
                "untreated": row.untreated,
                "missing": missing.get(row.name.partition(": ")[0], 0),
                "smd": row.smd if math.isfinite(row.smd) else None,
            }
            for row in found.rows
        ],
        "left_out": len(cohort.dropped),
        "note": found.note,
    }


def characteristics_table(output: Output) -> Table | None:
    """Return the table of patients at time zero.

    Parameters
    ----------
    output : Output
        What `fit` wrote.

    Returns
    -------
    Table or None
        A row a covariate or level, with the standardised mean difference; None where
        `brief_characteristics` is.
    """
    found = output.brief["table_one"]
    if found is None:
        return None
    treated, untreated = (
        f"{arm} (n = {patients:,})"
        for arm, patients in zip(found["arms"], found["patients"], strict=True)
    )
    left_out = found["left_out"]
    missing = (count("Missing, of all in the data", "missing"),) if left_out else ()
    columns = (
        text("Characteristic", "name"),
        replace(text(f"All (n = {sum(found['patients']):,})", "total"), numeric=True),
        replace(text(treated, "treated"), numeric=True),
        replace(text(untreated, "untreated"), numeric=True),
        figure("Standardised mean difference", "smd", 2, missing="not defined"),
        *missing,
    )
    lacking = (
        f"{left_out:,} patients lack a value and are left out; the other columns are of the rest."
        if left_out
        else "No value is missing."
    )
    note = f"{_UNITS} {lacking} {_BALANCED} {found['note']}"
    return Table("characteristics", "Patients by treatment", columns, tuple(found["rows"]), note)
