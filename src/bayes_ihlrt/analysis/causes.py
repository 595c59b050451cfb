"""Competing causes as one analysis each: the others censored, everything else the same.

Given independent priors and no shared effects the likelihood of several causes is a product, and
each factor is that of one event with all others censored. Every cause is therefore checked, and
fitted, by what checks and fits one event.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from bayes_ihlrt.analysis.check import (
    CheckedAnalysis,
    CohortSource,
    check_analysis,
    read_cohort,
)
from bayes_ihlrt.analysis.notes import data_summary, numbered
from bayes_ihlrt.analysis.prior_worth import justification_faults, with_scales
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import (
    DataError,
    Fault,
    InputError,
    RefusedError,
    SpecificationError,
    nearest,
)
from bayes_ihlrt.names import CAUSE
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.data_file import EventSpec
from bayes_ihlrt.spec.states import CauseSpec


def cause_spec(spec: AnalysisSpec, cause: str) -> AnalysisSpec:
    """Return the analysis of one cause, patients who died of another being censored.

    Parameters
    ----------
    spec : AnalysisSpec
        With competing causes.
    cause : str
        One of them.

    Returns
    -------
    AnalysisSpec
        Of one event, with the formula, hazard and priors of the cause and a seed of its own.

    Raises
    ------
    SpecificationError
        There is no such cause.

    Examples
    --------
    >>> spec = AnalysisSpec.model_validate({
    ...     "name": "os", "outcome": {"formula": "ihlrt"},
    ...     "data": {"patient": "id", "time": "months",
    ...              "event": {"column": "cause", "values": {"tumour": 1, "liver": 2}}},
    ...     "treatment": {"name": "ihlrt", "start": "start"}})
    >>> cause_spec(spec, "liver").data.event.codes
    ('2',)
    """
    event = spec.data.event
    if not isinstance(event, EventSpec) or cause not in event.causes:
        fault = Fault("cause", f"there is no cause '{cause}'", nearest(cause, spec.data.causes))
        raise SpecificationError(spec.name, [fault])
    one = EventSpec(column=event.column, values=event.causes[cause])
    stated = spec.causes.get(cause, CauseSpec())
    return spec.model_copy(
        update={
            "name": f"{spec.name}, {cause}",
            "data": spec.data.model_copy(update={"event": one}),
            "outcome": stated.outcome(spec.outcome),
            "priors": stated.priors,
            "causes": {},
            "sampler": spec.sampler.numbered(spec.data.causes.index(cause)),
        }
    )


def cause_cohort(cohort: Cohort, cause: str) -> Cohort:
    """Return a cohort whose event is one cause.

    Parameters
    ----------
    cohort : Cohort
        Read with competing causes.
    cause : str
        One of them.

    Returns
    -------
    Cohort
        Patients who died of another cause are censored then.

    Raises
    ------
    DataError
        The cohort was read without causes.
    """
    if CAUSE not in cohort.columns:
        problem = "it was read without competing causes"
        remedy = "Read it with event = { column = ..., values = { ... } } in [data]"
        raise DataError("cohort", [Fault("column event_cause", problem, remedy)])
    columns = {name: values for name, values in cohort.columns.items() if name != CAUSE}
    own = (cohort.columns[CAUSE] == cause).astype(np.float64)
    return replace(cohort, columns={**columns, "event": cohort.columns["event"] * own})


@dataclass(frozen=True)
class CheckedCauses:
    """A specification with competing causes, and data that belong to it.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    cohort : Cohort
        The validated data, in months.
    person_time : PersonTime
        The rows, whose event is any of the causes.
    parts : mapping of str to CheckedAnalysis
        The analysis of each cause, in the order of the specification.
    notes : tuple of str
        What a reader has to know, most important first; of one cause alone with its name.
    """

    spec: AnalysisSpec
    cohort: Cohort
    person_time: PersonTime
    parts: Mapping[str, CheckedAnalysis]
    notes: tuple[str, ...]

    @property
    def events(self) -> dict[str, int]:
        """Number of patients who died of each cause."""
        return {name: part.person_time.events for name, part in self.parts.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: counts, and what each cause alone is checked for."""
        provenance = self.person_time.provenance
        treated = self.spec.treatment is not None
        return {
            "schema": 1,
            "name": self.spec.name,
            "seed": self.spec.sampler.seed,
            "data": data_summary(self.cohort, self.person_time),
            "design": provenance.design.value,
            "treated": dict(provenance.treated) if treated else None,
            "untreated": dict(provenance.untreated) if treated else None,
            "causes": [
                {"cause": name, "events": self.events[name], **_own(part)}
                for name, part in self.parts.items()
            ],
            "notes": list(self.notes),
        }


def _own(part: CheckedAnalysis) -> dict[str, Any]:
    told = part.to_dict()
    return {name: told[name] for name in ("terms", "references", "parameters", "priors")}


def check_causes(spec: AnalysisSpec, data: CohortSource) -> CheckedCauses:
    """Check an analysis of competing causes without sampling.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    data : str, Path, Cohort, DataFrame or mapping
        Data file, name of a packaged data set, cohort, or columns in memory.

    Returns
    -------
    CheckedCauses
        Each cause checked as one event.

    Raises
    ------
    DataError
        With every fault of the data.
    SpecificationError
        Specification and data do not fit together; every cause is told.
    RefusedError
        The design would mislead and was not acknowledged, or an informative prior has no
        justification.

    Examples
    --------
    >>> from bayes_ihlrt.spec.read import parse_spec
    >>> spec = parse_spec('''
    ... schema = 2
    ... name = "causes"
    ... [data]
    ... patient = "id"
    ... time = "months"
    ... event = { column = "cause", values = { a = 1, b = 2 } }
    ... [outcome]
    ... formula = ""
    ... ''')
    >>> frame = {"id": [1, 2, 3, 4], "months": [3.0, 5.0, 8.0, 9.0], "cause": [1, 1, 2, 0]}
    >>> check_causes(spec, frame).events
    {'a': 2, 'b': 1}
    """
    if not spec.data.causes:
        problem = "the event has no competing causes"
        remedy = "Name them: event = { column = 'cause', values = { tumour = 1, liver = 2 } }"
        raise SpecificationError(spec.name, [Fault("[data] event", problem, remedy)])
    cohort = numbered(read_cohort(spec, data))
    spec = with_scales(spec, cohort)
    _check_justification(spec, cohort)
    parts = _each(
        spec.data.causes,
        lambda name: check_analysis(cause_spec(spec, name), cause_cohort(cohort, name)),
    )
    columns = {name: values for name, values in cohort.columns.items() if name != CAUSE}
    rows = person_time(replace(cohort, columns=columns), spec.treatment)
    told = merged({name: part.notes for name, part in parts.items()})
    return CheckedCauses(spec, cohort, rows, MappingProxyType(parts), told)


def _check_justification(spec: AnalysisSpec, cohort: Cohort) -> None:
    """Refuse informative priors of any cause that nothing justifies."""
    faults = [
        replace(fault, where=fault.where.replace("[priors]", f"[causes.{name}.priors]"))
        for name in spec.data.causes
        for fault in justification_faults(cause_spec(spec, name), cause_cohort(cohort, name))
    ]
    if faults:
        raise RefusedError(spec.name, faults)


def _each(
    causes: tuple[str, ...], check: Callable[[str], CheckedAnalysis]
) -> dict[str, CheckedAnalysis]:
    """Check every cause; faults of all of them are told at once."""
    found: dict[str, CheckedAnalysis] = {}
    failed: dict[str, InputError] = {}
    for name in causes:
        try:
            found[name] = check(name)
        except InputError as error:
            failed[name] = error
    if not failed:
        return found
    first = next(iter(failed.values()))
    faults = {name: error.faults for name, error in failed.items()}
    shared = [fault for fault in first.faults if all(fault in own for own in faults.values())]
    if len(failed) == len(causes) and len(shared) == len(first.faults):
        raise first
    told = [
        replace(fault, where=f"cause {name}, {fault.where}")
        for name, own in faults.items()
        for fault in own
    ]
    raise type(first)(first.subject, told)


def merged(notes: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return notes of several causes: what holds of all of them once, the rest with its cause.

    Parameters
    ----------
    notes : mapping of str to tuple of str
        Notes by cause, most important first.

    Returns
    -------
    tuple of str
        In the order in which they are found.

    Examples
    --------
    >>> merged({"tumour": ("A.", "B."), "liver": ("A.", "C.")})
    ('A.', 'tumour (other causes censored): B.', 'liver (other causes censored): C.')
    """
    everywhere = [
        note
        for note in next(iter(notes.values()), ())
        if all(note in own for own in notes.values())
    ]
    own = [
        f"{name} (other causes censored): {note}"
        for name, told in notes.items()
        for note in told
        if note not in everywhere
    ]
    return (*everywhere, *own)
