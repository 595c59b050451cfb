"""Follow-ups of sequential trials: whose, from when, and what controls pass on the way."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.data.schema import TreatmentSpec
from bayes_ihlrt.data.starts import SAME_TIME, FollowUp, by_patient_and_time, follow_up
from bayes_ihlrt.designs.decisions import Decisions, decision_table, decisions, require_both
from bayes_ihlrt.designs.grid import decision_grid
from bayes_ihlrt.designs.instants import Intervals, intervals
from bayes_ihlrt.names import StartRule

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class FollowUps:
    """Who enters which trial, and how controls' rows point to what they have passed untreated.

    Parameters
    ----------
    decisions : Decisions
        One row for each follow-up.
    passed : Decisions or None
        Intervals between visits, which pointers refer to under ``between-visits``; None where they
        refer to `decisions`.
    origin : ndarray, shape (follow-ups,)
        Month in which the clock starts.
    spans : Intervals or None
        The intervals behind `passed`, row by row.
    interval : ndarray of int, shape (follow-ups,)
        Row of `passed` in which the clock starts; -1 for the treated.
    early : frozenset of str
        Patients who were at risk of treatment after a visit, and in no trial at its instant.
    """

    decisions: Decisions
    passed: Decisions | None
    origin: Floats
    spans: Intervals | None = None
    interval: Ints | None = None
    early: frozenset[str] = frozenset()

    @property
    def decision(self) -> Ints:
        """Row of `decisions` of each follow-up."""
        return np.arange(self.decisions.n_rows)

    @property
    def patient(self) -> Ints:
        """Patient number of each follow-up."""
        return self.decisions.patient_index

    @property
    def treated(self) -> NDArray[np.bool_]:
        """Whether it is one of the treated."""
        return np.asarray(self.decisions.initiated == 1.0)

    @property
    def cuts(self) -> tuple[Ints, Floats]:
        """Patients and months at which weights of controls change, sorted."""
        if self.spans is None:
            return self.patient, self.origin
        gap = np.append(
            (self.spans.patient[1:] != self.spans.patient[:-1])
            | (self.spans.begin[1:] > self.spans.until[:-1] + SAME_TIME),
            True,
        )
        who = np.concatenate([self.spans.patient, self.spans.patient[gap]])
        time = np.concatenate([self.spans.begin, self.spans.until[gap]])
        order = np.lexsort((time, who))
        return who[order], time[order]

    def pointers(
        self, trial: Ints, start: Floats, pays: NDArray[np.bool_]
    ) -> dict[str, NDArray[np.generic]]:
        """Return what the patients of rows have passed untreated since their trial began.

        Parameters
        ----------
        trial : ndarray of int, shape (rows,)
            Follow-up of each row.
        start : ndarray, shape (rows,)
            Month in which it begins.
        pays : ndarray of bool, shape (rows,)
            Whether it is one of a control who is censored when treated.

        Returns
        -------
        dict of str to ndarray, shape (rows,)
            ``passed_from`` and ``passed_to``, what was passed in full, and under ``between-visits``
            ``opened_in`` with ``passed_opened`` and ``lies_in`` with ``passed_here``: the intervals
            in which the trial began and in which the row lies, and how much of each was passed.
        """
        if self.spans is not None and self.interval is not None:
            return _in_parts(self.spans, self.interval[trial], self.patient[trial], start, pays)
        keys = by_patient_and_time(self.patient, self.origin)
        reached = by_patient_and_time(self.patient[trial], start + SAME_TIME)
        passed = np.searchsorted(keys, reached, side="right")
        return {
            "passed_from": np.where(pays, trial + 1, 0),
            "passed_to": np.where(pays, np.maximum(passed, trial + 1), 0),
        }


def _in_parts(
    spans: Intervals, own: Ints, who: Ints, start: Floats, pays: NDArray[np.bool_]
) -> dict[str, NDArray[np.generic]]:
    own = np.where(pays, own, 0)
    keys = by_patient_and_time(spans.patient, spans.begin)
    reached = np.searchsorted(keys, by_patient_and_time(who, start + SAME_TIME), side="right")
    here = np.where(pays, np.maximum(reached - 1, own), 0)
    timing, length = spans.timing, np.maximum(spans.until - spans.begin, SAME_TIME)
    share = ((spans.instant - spans.begin) / length)[own]
    at_once = here == own
    # A row's weight is the average over its interval, whether or not the row lasts until its end:
    # a weight that knew of a death in it would be a consequence of the death.
    over = start >= spans.until[here] - SAME_TIME
    reached_in_own = np.where(at_once & ~over, timing.average(share), 1.0)
    here_part = np.where(over, 1.0, timing.average(np.zeros(1)))
    return {
        "passed_from": np.where(pays & ~at_once, own + 1, 0),
        "passed_to": np.where(pays & ~at_once, here, 0),
        "opened_in": own,
        "passed_opened": np.where(pays, reached_in_own - timing.by(share), 0.0),
        "lies_in": here,
        "passed_here": np.where(pays & ~at_once, here_part, 0.0),
    }


def follow_ups(cohort: Cohort, treatment: TreatmentSpec) -> FollowUps:
    """Return the follow-ups of sequential trials.

    Parameters
    ----------
    cohort : Cohort
        The cohort, with visits.
    treatment : TreatmentSpec
        The treatment.

    Returns
    -------
    FollowUps
        Sorted by patient and time.

    Raises
    ------
    SpecificationError
        There are no decision times, or nobody or everybody is treated at them.
    DataError
        A covariate of a patient is not known at a decision.
    """
    known = follow_up(cohort.columns, treatment.name)
    points = decision_grid(cohort, known, None)
    if points.rule is StartRule.AT_VISIT:
        found = decisions(cohort, treatment)
        return FollowUps(found, None, found.settled)
    spans = intervals(cohort, known, points)
    if spans is None:
        found = decisions(cohort, treatment)
        message = "decisions are refused where treatment starts in no interval"
        raise AssertionError(message)
    return _between_visits(cohort, treatment, known, spans)


def _between_visits(
    cohort: Cohort, treatment: TreatmentSpec, known: FollowUp, spans: Intervals
) -> FollowUps:
    waits, began = np.flatnonzero(spans.waits), np.flatnonzero(spans.began)
    source = np.concatenate([waits, began])
    treated = np.repeat([0.0, 1.0], [len(waits), len(began)])
    start = known.treated_from[spans.patient]
    origin = np.concatenate([spans.instant[waits], start[began]])
    order = np.lexsort((origin, spans.patient[source]))
    source, treated, origin = source[order], treated[order], origin[order]
    outside = {str(known.patients[who]): why for who, why in spans.outside.items()}
    found = decision_table(
        cohort,
        treatment,
        spans.patient[source],
        time=origin,
        columns={"number": spans.number[source], "until": origin.copy(), "initiated": treated},
        rule=StartRule.BETWEEN_VISITS,
        outside=outside,
    )
    require_both(found, treatment)
    early = frozenset(known.patients[np.setdiff1d(spans.patient, spans.patient[source])].tolist())
    kept = np.isin(spans.patient, spans.patient[waits])
    place = np.cumsum(kept) - 1
    spans = spans.where(kept)
    known_at = np.where(spans.began & ~spans.waits, start[kept], spans.instant)
    passed = decision_table(
        cohort,
        treatment,
        spans.patient,
        time=known_at,
        columns={
            "number": spans.number,
            "until": spans.until,
            "initiated": spans.began.astype(np.float64),
        },
        rule=StartRule.BETWEEN_VISITS,
    )
    interval = np.where(treated == 1.0, -1, place[source])
    return FollowUps(found, passed, origin, spans, interval, early)
