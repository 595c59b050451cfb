"""The ladder of one competing cause: the others end follow-up, and no months are told.

The hazard ratio of a cause is of those who have had none of them yet, so that every design reads it
with the others as censoring. Months are not: they would be those of a world in which nobody has
another cause, and incidence needs all hazards at once, which `analysis.cause_fit` has.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from bayes_ihlrt.analysis.causes import cause_cohort, cause_spec
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.errors import OPTION, Fault, RefusedError, SpecificationError
from bayes_ihlrt.files.messages import enumerated
from bayes_ihlrt.ladder.rungs import RungPlan
from bayes_ihlrt.names import CAUSE
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.data_file import EventSpec

NO_MONTHS: Final = (
    "those of one cause alone are of a world in which nobody dies of anything else; `fit` tells "
    "months lost by cause"
)


@dataclass(frozen=True, eq=False)
class OneCause:
    """Which of several causes a ladder is of.

    Parameters
    ----------
    name : str
        The cause.
    events : int
        Patients who had it.
    others : mapping of str to int
        Patients by the other cause that ended their follow-up.
    cohort : Cohort
        The data with all causes, by which results of the same patients know each other.
    """

    name: str
    events: int
    others: Mapping[str, int]
    cohort: Cohort

    @property
    def brief(self) -> str:
        """What the hazard ratios are of, in a line."""
        return (
            f"Hazard ratios of {self.name} alone, other causes being censored; no months are told."
        )

    @property
    def note(self) -> str:
        """What is censored, and why there are no months."""
        ended = [f"{name} in {count:,}" for name, count in self.others.items()]
        return (
            f"ONE CAUSE of several: {self.name} in {self.events:,} patients. Other causes end "
            f"follow-up as censoring does ({enumerated(ended, len(ended))}), and hazard ratios are "
            f"of {self.name} among those with no cause yet. No months are told: {NO_MONTHS}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the part of ``result.json``."""
        return {"name": self.name, "events": self.events, "others": dict(self.others)}


def of_one_cause(
    spec: AnalysisSpec, cohort: Cohort, cause: str | None
) -> tuple[AnalysisSpec, Cohort, OneCause | None]:
    """Return the analysis and cohort of the cause that is asked for.

    Parameters
    ----------
    spec : AnalysisSpec
        Of one event, or of competing causes.
    cohort : Cohort
        Read by it.
    cause : str or None
        One of its causes; None of one event.

    Returns
    -------
    tuple of AnalysisSpec, Cohort and OneCause or None
        Those of one event as they are.

    Raises
    ------
    RefusedError
        There are several causes and none is asked for.
    SpecificationError
        There is no such cause.
    DataError
        The cohort was read without causes.
    """
    if cause is None and not spec.data.causes:
        return spec, cohort, None
    if cause is None:
        raise RefusedError(spec.name, [_which(spec)])
    if not spec.data.causes:
        problem = f"'{cause}' is asked for, and the event has no competing causes"
        remedy = (
            "Leave it out, or name the causes: event = { column = 'cause', values = { tumour = 1, "
            "liver = 2 } }"
        )
        raise SpecificationError(spec.name, [Fault("cause", problem, remedy)])
    own, one = cause_spec(spec, cause), cause_cohort(cohort, cause)
    met = Counter(cohort.columns[CAUSE][cohort.columns["event"] > 0.0].tolist())
    others = {name: met[name] for name in spec.data.causes if name != cause}
    return own, one, OneCause(cause, met[cause], others, cohort)


def without_months(plan: RungPlan) -> RungPlan:
    """Return a rung of one cause, which tells a hazard ratio alone.

    Parameters
    ----------
    plan : RungPlan
        A rung of one event.

    Returns
    -------
    RungPlan
        Refused where it is of states: what they simulate is months.
    """
    if plan.states is None:
        return replace(plan, no_months=NO_MONTHS)
    fault = Fault(
        plan.rung,
        "it simulates months, and those of one cause alone are of a world in which nobody dies of "
        "anything else",
        "Remove `response` from [ladder], or run the ladder of death of any cause",
    )
    return replace(plan, refused=fault)


def _which(spec: AnalysisSpec) -> Fault:
    """Say that a ladder is of one cause, and how to name it."""
    causes = spec.data.causes
    event = spec.data.event
    codes = sum(event.causes.values(), ()) if isinstance(event, EventSpec) else ()
    listed = ", ".join(f"'{code}'" for code in codes)
    return Fault(
        "[data] event",
        f"it has competing causes ({', '.join(causes)}), and a ladder is of one",
        f"Name it with {OPTION}, the others being censored. Or name the codes of all causes for "
        f"death of any cause: event = {{ column = '{spec.data.event_column}', "
        f"values = [{listed}] }}",
        option=f"cause={causes[0]!r}",
    )
