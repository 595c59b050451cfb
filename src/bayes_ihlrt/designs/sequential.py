"""Sequential trials: those who start treatment against those who do not, from the same time on.

Controls who are treated later leave their trial, and those who stay make up for them by weights.
Where most have left, a few stand for all. From the month on by which the controls still untreated
are fewer than `FULL`, the months of both arms therefore count by

    g(u) = min(1, p(u) / FULL),

p(u) being the share of controls who are untreated u months after a trial began. It depends on u
alone and is the same for treated and controls: whatever the baseline hazard, trials of all
decisions are mixed alike in both arms at each u, and without an effect both arms have the same
weighted survival and the same weighted months. Weights that depend on the decision's number, or
that only controls have, do not leave that so (ADR 0022).

References
----------
Hernan MA, Alonso A, Logan R, et al. Epidemiology 2008;19:766-779,
doi 10.1097/EDE.0b013e3181875e61.
Gran JM, Roysland K, Wolbers M, et al. Stat Med 2010;29:2757-2768, doi 10.1002/sim.4048.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import SAME_TIME
from bayes_ihlrt.designs.decisions import Decisions, Emulation
from bayes_ihlrt.designs.follow_ups import FollowUps, follow_ups
from bayes_ihlrt.designs.person_time import (
    Floats,
    History,
    Ints,
    PersonTime,
    cut,
    history,
    provenance,
)
from bayes_ihlrt.errors import Fault, RefusedError
from bayes_ihlrt.names import Crossover, DesignKind
from bayes_ihlrt.spec.treatment import TreatmentSpec

FULL: Final = 0.25
"""Share of controls still untreated down to which follow-up counts in full."""
STEP: Final = 0.9
"""Ratio of one level of g to the one before."""


def still_untreated(start: Floats, stop: Floats, left: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the product-limit share of controls who have not been treated.

    Parameters
    ----------
    start, stop : ndarray, shape (rows,)
        Follow-up of controls, months since their trial began.
    left : ndarray of bool, shape (rows,)
        Whether it ends because treatment starts.

    Returns
    -------
    times : ndarray, shape (times,)
        When treatment starts, increasing.
    share : ndarray, shape (times,)
        The share after each.

    Examples
    --------
    >>> times, share = still_untreated(
    ...     np.zeros(4), np.array([1.0, 2.0, 2.0, 3.0]), np.array([True, False, True, False]))
    >>> times.tolist(), share.round(3).tolist()
    ([1.0, 2.0], [0.75, 0.5])
    """
    # Times that are the same apart from rounding are one time.
    times, count = np.unique(np.round(stop[left], 9), return_counts=True)
    before = times - SAME_TIME
    entered = np.searchsorted(np.sort(start), before, side="left")
    gone = np.searchsorted(np.sort(stop), before, side="left")
    at_risk = np.maximum(entered - gone, count)
    return times, np.cumprod(1.0 - count / at_risk)


def levels(times: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Return the months at which follow-up comes to count less, and how much it counts from there.

    Parameters
    ----------
    times, share : ndarray, shape (times,)
        As from `still_untreated`.

    Returns
    -------
    months : ndarray, shape (levels,)
        Increasing; before the first follow-up counts in full.
    counts : ndarray, shape (levels,)
        Decreasing.

    Examples
    --------
    >>> months, counts = levels(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, 0.2, 0.19, 0.1]))
    >>> months.tolist(), counts.round(3).tolist()
    ([2.0, 4.0], [0.8, 0.4])
    """
    factor = np.minimum(1.0, share / FULL)
    thinned = factor < 1.0
    with np.errstate(divide="ignore"):
        depth = np.where(thinned, np.floor(np.log(factor) / np.log(STEP)), -1.0)
    first = np.flatnonzero(np.diff(depth, prepend=-1.0) > 0.0)
    return times[first], factor[first]


def counted(start: Floats, months: Floats, counts: Floats) -> Floats:
    """Return how much rows count.

    Parameters
    ----------
    start : ndarray, shape (rows,)
        Beginning of each row, months since its trial began; no row goes across a level.
    months, counts : ndarray, shape (levels,)
        As from `levels`.

    Returns
    -------
    ndarray, shape (rows,)
        Between 0 and 1.
    """
    passed = np.searchsorted(months, start + SAME_TIME, side="right")
    return np.append(1.0, counts)[passed]


_NOBODY: Final = -1
_OF_DECISIONS: Final = frozenset({"patient", "number", "time", "until", "initiated"})


def sequential_emulation(cohort: Cohort, treatment: TreatmentSpec) -> Emulation:
    """Start a trial at every decision and follow its patients from there.

    Treated are those whose treatment starts at the decision, controls are others who are at risk
    and untreated then. Under the rule ``at-visit`` that is at the visit; under ``between-visits``
    the treated are followed from the start of treatment and controls from an instant of the same
    interval between visits (`designs.follow_ups`). Controls who are treated later are censored then
    (``crossover = "censor"``), their rows are cut at later decisions, and late follow-up counts
    less, alike in both arms (`designs.sequential`); or they are followed on (``"ignore"``).

    Parameters
    ----------
    cohort : Cohort
        The cohort, with visits.
    treatment : TreatmentSpec
        With `crossover`.

    Returns
    -------
    Emulation
        Months since the start of the trial; ``trial`` and ``stratum`` number the decision, and
        covariates are those of the decision.

    Raises
    ------
    SpecificationError
        There are no decision times, or nobody or everybody is treated at them.
    RefusedError
        Controls are to be censored at starts of treatment that have no decision.
    """
    entered = follow_ups(cohort, treatment)
    found = entered.decisions
    censor = treatment.crossover is not Crossover.IGNORE
    if censor:
        require_modelled(found, "set design = 'sequential' and crossover = 'ignore' in [treatment]")
    past = history(cohort, treatment.name)
    rows, trial, early = _followed(past, entered, censor=censor)
    points = still_untreated(*_waiting(rows, entered.treated[trial], early))
    months, counts = levels(*points)
    pieces, parent = cut(
        {name: rows[name] for name in ("start", "stop", "event")},
        np.zeros(len(trial), dtype=np.intp),
        patient=np.zeros(len(months), dtype=np.intp),
        time=months,
    )
    columns = {
        **_columns(entered, trial[parent], treatment.name),
        **pieces,
        **{name: rows[name][parent] for name in rows if name not in pieces},
        "counted": counted(pieces["start"], months, counts),
    }
    story = provenance(
        DesignKind.SEQUENTIAL,
        columns,
        treatment.name,
        dropped=_without_trial(entered, columns["patient"].tolist()),
        censored=int(early.sum()),
        starts=found.rule,
    )
    used = set(columns["patient"].tolist())
    lost = {who: why for who, why in found.outside.items() if who in used}
    rows_of_trials = PersonTime(columns, replace(story, unfollowed=lost))
    return Emulation(rows_of_trials, found, treatment.name, passed=entered.passed)


def _followed(
    past: History, entered: FollowUps, *, censor: bool
) -> tuple[dict[str, NDArray[np.generic]], Ints, NDArray[np.bool_]]:
    """Return rows on their trial's clock, whose they are, and which end by later treatment."""
    limit = np.full(len(entered.origin), np.inf)
    if censor:
        limit = np.where(entered.treated, np.inf, past.known.treated_from[entered.patient])
    trial, row = past.of(entered.patient)
    start = np.maximum(past.start[row], entered.origin[trial])
    stop = np.minimum(past.stop[row], limit[trial])
    whole = past.stop[row] <= limit[trial] + SAME_TIME
    event = np.where(whole, past.event[row], 0.0)
    keep = np.flatnonzero(stop > start + SAME_TIME)
    trial = trial[keep]
    pays = ~entered.treated[trial] & censor
    whom, when = entered.cuts
    # Rows that need no cut are given to nobody, who has no decisions.
    pieces, parent = cut(
        {"start": start[keep], "stop": stop[keep], "event": event[keep]},
        np.where(pays, entered.patient[trial], _NOBODY),
        patient=whom,
        time=when,
    )
    pointers = entered.pointers(trial[parent], pieces["start"], pays[parent])
    last = np.diff(np.append(parent, -1)) != 0
    early = ~whole[keep][parent] & last
    trial = trial[parent]
    clock = {name: pieces[name] - entered.origin[trial] for name in ("start", "stop")}
    return {**clock, "event": pieces["event"], **pointers}, trial, early


def _waiting(
    rows: dict[str, NDArray[np.generic]], treated: NDArray[np.bool_], early: NDArray[np.bool_]
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return the follow-up of controls: its rows, and which end because treatment starts."""
    control = ~treated
    return (
        rows["start"][control].astype(np.float64),
        rows["stop"][control].astype(np.float64),
        early[control],
    )


def _columns(entered: FollowUps, trial: Ints, treatment: str) -> dict[str, NDArray[np.generic]]:
    table, decision = entered.decisions.columns, entered.decision[trial]
    number = table["number"][decision].astype(np.float64)
    return {
        **{k: v[decision] for k, v in table.items() if k not in _OF_DECISIONS},
        "patient": table["patient"][decision],
        "weight": np.ones(len(trial)),
        treatment: entered.treated[trial].astype(np.float64),
        "trial": number,
        "stratum": number,
        "decision": decision,
        "earned": np.full(len(trial), -1),
    }


def require_modelled(found: Decisions, otherwise: str) -> None:
    """Refuse to censor patients at starts of treatment where they were not eligible.

    Parameters
    ----------
    found : Decisions
        The decisions.
    otherwise : str
        What else could be done.

    Raises
    ------
    RefusedError
        With the number of patients.
    """
    barred = [who for who, why in found.outside.items() if why == "treated where not eligible"]
    if barred:
        named = ", ".join(barred[:10]) + (" ..." if len(barred) > 10 else "")
        problem = (
            f"{len(barred)} patients were treated where they are marked as not eligible "
            f"({named}); to censor them there could not be made up for by weights"
        )
        remedy = (
            f"Leave `eligible` out and put that column into the [propensity] formula, or "
            f"{otherwise}"
        )
        raise RefusedError("[visits]", [Fault("eligible", problem, remedy)])


def _without_trial(entered: FollowUps, used: list[str]) -> dict[str, str]:
    found = entered.decisions
    kept, decided = set(used), set(found.columns["patient"].tolist())
    reasons = {}
    for who in found.patients.tolist():
        if who in kept:
            continue
        if who in found.outside:
            reasons[str(who)] = found.outside[who]
        elif who in decided:
            reasons[str(who)] = "no follow-up after a decision"
        elif who in entered.early:
            reasons[str(who)] = "event or end of follow-up before a trial"
        else:
            reasons[str(who)] = "no decision while untreated, eligible and under observation"
    return reasons
