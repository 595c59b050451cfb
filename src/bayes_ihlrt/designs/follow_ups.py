"""Follow-ups of sequential trials: whose, from when, and what controls pass on the way.

Where treatment starts between visits, whoever starts it is followed from the start, and so are
controls: patients under observation and untreated at the time at which their own clock starts. From
each visit on, treatment may start until the next one (after the last visit, for as long as is usual
between two); in that interval one instant is drawn for each patient from the times at which
treatment starts after a visit, whatever becomes of the patient, and those still at risk then are
controls from it on. Nobody has to live until a later visit to be counted, in neither arm: deaths
soon after treatment are deaths of the treated, and patients who die or are treated before the next
visit are controls until then.

With a the expected number of starts in an interval and F the distribution of their times in it, the
treated come at rate a dF and the controls at rate dF, so that a decision is one of treatment with
the odds a, and a patient stays untreated over a part of the interval with probability
exp(-a (F(end) - F(begin))).

References
----------
Suissa S, Moodie EEM, Dell'Aniello S. Pharmacoepidemiol Drug Saf 2017;26:459-468,
doi 10.1002/pds.4107 (controls at the time of each start).
Gran JM, Roysland K, Wolbers M, et al. Stat Med 2010;29:2757-2768, doi 10.1002/sim.4048.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import SAME_TIME, FollowUp, by_patient_and_time, follow_up
from bayes_ihlrt.designs.decisions import (
    Decisions,
    Grid,
    decision_grid,
    decision_table,
    decisions,
    require_both,
    under_observation,
)
from bayes_ihlrt.names import StartRule
from bayes_ihlrt.spec.treatment import TreatmentSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Flags = NDArray[np.bool_]

_GOLDEN: Final = (np.sqrt(5.0) - 1.0) / 2.0
"""Multiples of it, without the whole part, fill the unit interval evenly in any order."""


@dataclass(frozen=True)
class Timing:
    """Distribution of the times of starts within an interval, as a share of its length.

    Parameters
    ----------
    at : ndarray, shape (starts,)
        Increasing, from 0 to 1.
    mass : ndarray, shape (starts,)
        Adds up to 1.
    """

    at: Floats
    mass: Floats

    @classmethod
    def of(cls, leave: Floats, began: Flags) -> "Timing":
        """Return the distribution by which those at risk start treatment.

        Parameters
        ----------
        leave : ndarray, shape (intervals,)
            When a patient ceases to be at risk of a start, as a share of the interval.
        began : ndarray of bool, shape (intervals,)
            Whether that is a start.

        Returns
        -------
        Timing
            Increments of the cumulative hazard (Nelson-Aalen) over its total.
        """
        at, count = np.unique(leave[began], return_counts=True)
        gone = np.searchsorted(np.sort(leave), at - 1e-12, side="left")
        increment = count / np.maximum(len(leave) - gone, count)
        return cls(at, increment / increment.sum())

    def drawn(self, n: int) -> Floats:
        """Return n values of the distribution, evenly spread; the same n give the same values."""
        share = np.mod(0.5 + _GOLDEN * np.arange(n), 1.0)
        place = np.searchsorted(np.cumsum(self.mass), share, side="right")
        return np.asarray(self.at[np.minimum(place, len(self.at) - 1)])

    def by(self, share: Floats) -> Floats:
        """Return F, how much of the starts has come by a share of the interval."""
        place = np.searchsorted(self.at, share + 1e-12, side="right")
        return np.asarray(np.append(0.0, np.cumsum(self.mass))[place])

    def average(self, share: Floats) -> Floats:
        """Return the average of F from a share of the interval to its end."""
        place = np.searchsorted(self.at, share + 1e-12, side="right")
        left = np.append(np.cumsum((self.mass * (1.0 - self.at))[::-1])[::-1], 0.0)
        remaining = np.maximum(1.0 - share, 1e-12)
        # A start before the share counts over all that remains, a later one from its time on.
        return np.asarray(np.minimum(self.by(share) + left[place] / remaining, 1.0))


@dataclass(frozen=True)
class Intervals:
    """Intervals after visits in which an untreated, eligible patient could be treated.

    Parameters
    ----------
    patient, number : ndarray of int, shape (intervals,)
        Patient number (sorted), and number of the interval within the patient's.
    begin, until : ndarray, shape (intervals,)
        Months.
    began : ndarray of bool, shape (intervals,)
        Whether treatment starts in it.
    instant : ndarray, shape (intervals,)
        When the patient becomes a control.
    waits : ndarray of bool, shape (intervals,)
        Whether the patient is under observation and untreated then.
    timing : Timing
        When in an interval treatment starts.
    outside : dict of int to str
        Numbers of treated patients whose start lies in none, with the reason.
    """

    patient: Ints
    number: Ints
    begin: Floats
    until: Floats
    began: Flags
    instant: Floats
    waits: Flags
    timing: Timing
    outside: dict[int, str]

    def where(self, kept: Flags) -> "Intervals":
        """Return some of the intervals."""
        names = ("patient", "number", "begin", "until", "began", "instant", "waits")
        return replace(self, **{name: getattr(self, name)[kept] for name in names})


def intervals(cohort: Cohort, known: FollowUp, points: Grid) -> Intervals | None:
    """Return the intervals in which treatment may start.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    known : FollowUp
        Its patients.
    points : Grid
        Times of its visits or decisions.

    Returns
    -------
    Intervals or None
        None where treatment starts in none of them.
    """
    row, begin, until, number = _completed(cohort, known, points)
    patient = points.patient[row]
    start, end = known.treated_from[patient], known.end[patient]
    open_ = start > begin + SAME_TIME
    open_ &= under_observation(cohort, known, patient, begin)
    inside = open_ & (start <= until + SAME_TIME) & (start < end - SAME_TIME)
    moment = np.where(inside, start, begin)
    began = inside & points.eligible[row] & under_observation(cohort, known, patient, moment)
    keep = np.flatnonzero(open_ & points.eligible[row])
    outside = _outside(known, patient, begin, began=began, barred=inside & ~points.eligible[row])
    if not began.any():
        return None
    who, began = patient[keep], began[keep]
    length = np.maximum(until - begin, SAME_TIME)[keep]
    leave = np.minimum(np.minimum(start, end), until)[keep]
    timing = Timing.of((leave - begin[keep]) / length, began)
    instant = begin[keep] + timing.drawn(len(keep)) * length
    waits = under_observation(cohort, known, who, instant) & (start[keep] > instant + SAME_TIME)
    return Intervals(
        *(who, number[keep], begin[keep], until[keep], began, instant, waits, timing, outside)
    )


def _completed(
    cohort: Cohort, known: FollowUp, points: Grid
) -> tuple[Ints, Floats, Floats, NDArray[np.intp]]:
    """Carry each patient's grid on to the end of follow-up at the usual spacing.

    That the next visit is missing because the patient died must not make an interval shorter.
    """
    usual = _spacing(cohort, known, points)
    left = known.end[points.patient] - points.time
    times = np.where(points.last, np.ceil(left / usual - SAME_TIME), 1.0)
    count = np.maximum(times, 1.0).astype(np.intp)
    row = np.repeat(np.arange(len(count)), count)
    copy = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    begin = points.time[row] + usual * copy
    until = np.where(points.last[row], begin + usual, points.until[row])
    return row, begin, until, (points.number[row] + copy).astype(np.intp)


def _spacing(cohort: Cohort, known: FollowUp, points: Grid) -> float:
    if cohort.visits is not None and cohort.visits.every is not None:
        return float(cohort.visits.every)
    gaps = (points.until - points.time)[~points.last]
    if len(gaps):
        return float(np.median(gaps))
    return float(np.max(known.end[points.patient] - points.time, initial=SAME_TIME))


def _outside(
    known: FollowUp, patient: Ints, begin: Floats, *, began: Flags, barred: Flags
) -> dict[int, str]:
    n = len(known.patients)
    counts, unable = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    counts[patient[began]] = True
    unable[patient[barred]] = True
    first = np.full(n, np.inf)
    np.minimum.at(first, patient, begin)
    reasons = {}
    for who in np.flatnonzero((known.treated_from < known.end - SAME_TIME) & ~counts).tolist():
        if unable[who]:
            reasons[who] = "treated where not eligible"
        elif known.treated_from[who] <= first[who] + SAME_TIME:
            reasons[who] = "treated by the first decision"
        else:
            reasons[who] = "treated in a gap of observation"
    return reasons


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
