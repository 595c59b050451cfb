"""Sequential trials: at every decision those who start treatment against those who do not.

References
----------
Hernan MA, Alonso A, Logan R, et al. Epidemiology 2008;19:766-779,
doi 10.1097/EDE.0b013e3181875e61.
Gran JM, Roysland K, Wolbers M, et al. Stat Med 2010;29:2757-2768, doi 10.1002/sim.4048.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.data.schema import TreatmentSpec
from bayes_ihlrt.data.starts import SAME_TIME, by_patient_and_time
from bayes_ihlrt.designs.decisions import Decisions, decisions
from bayes_ihlrt.designs.emulation import Emulation
from bayes_ihlrt.designs.person_time import Columns, PersonTime
from bayes_ihlrt.designs.rows import History, Ints, cut, floats, history, provenance
from bayes_ihlrt.errors import Fault, RefusedError
from bayes_ihlrt.names import Crossover, DesignKind

_NOBODY: Final = -1
_OF_DECISIONS: Final = frozenset({"patient", "number", "time", "until", "initiated"})


def sequential_emulation(cohort: Cohort, treatment: TreatmentSpec) -> Emulation:
    """Start a trial at every decision and follow its patients from the time it is settled.

    Treated are those whose treatment was initiated at the decision, controls all others. Under
    the rule ``at-visit`` the clock starts at the visit; under ``between-visits`` at the next
    decision time, among those still at risk: months in which patients had to live on to be treated
    count for nobody. Controls who are treated later are censored then (``crossover = "censor"``),
    and their rows are cut at later decisions, or are followed on (``"ignore"``).

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
    found = decisions(cohort, treatment)
    censor = treatment.crossover is not Crossover.IGNORE
    if censor:
        require_modelled(found, "set design = 'sequential' and crossover = 'ignore' in [treatment]")
    pieces, trial, censored = _follow(history(cohort, treatment.name), found, censor=censor)
    columns = _columns(found, pieces, trial, treatment=treatment.name, censor=censor)
    story = provenance(
        DesignKind.SEQUENTIAL,
        columns,
        treatment.name,
        dropped=_without_trial(found, columns["patient"].tolist()),
        censored=censored,
        starts=found.rule,
    )
    return Emulation(PersonTime(columns, story), found, treatment.name)


def _follow(past: History, found: Decisions, *, censor: bool) -> tuple[Columns, Ints, int]:
    """Return rows in months since time zero, the decision of each, and how many end early."""
    began = found.initiated == 1.0
    limit = np.full(found.n_rows, np.inf)
    if censor:
        limit = np.where(began, np.inf, past.known.treated_from[found.patient_index])
    trial, row = past.of(found.patient_index)
    start = np.maximum(past.start[row], found.settled[trial])
    stop = np.minimum(past.stop[row], limit[trial])
    whole = past.stop[row] <= limit[trial] + SAME_TIME
    event = np.where(whole, past.event[row], 0.0)
    keep = stop > start + SAME_TIME
    rows = {"start": start[keep], "stop": stop[keep], "event": event[keep]}
    trial = trial[keep]
    # Rows that need no cut are given to nobody, who has no decisions.
    who = np.where(began[trial] | (not censor), _NOBODY, found.patient_index[trial])
    pieces, parent = cut(rows, who, patient=found.patient_index, time=found.settled)
    return pieces, trial[parent], int(np.sum(keep & ~whole))


def _columns(
    found: Decisions, pieces: Columns, trial: Ints, *, treatment: str, censor: bool
) -> dict[str, NDArray[np.generic]]:
    began, origin = found.initiated[trial] == 1.0, found.settled[trial]
    start, stop = floats(pieces["start"]), floats(pieces["stop"])
    keys = by_patient_and_time(found.patient_index, found.settled)
    reached = by_patient_and_time(found.patient_index[trial], start + SAME_TIME)
    passed = np.searchsorted(keys, reached, side="right")
    pays = ~began & censor
    number = floats(found.columns["number"])[trial]
    covariates = {k: v[trial] for k, v in found.columns.items() if k not in _OF_DECISIONS}
    return {
        **covariates,
        "patient": found.columns["patient"][trial],
        "start": start - origin,
        "stop": stop - origin,
        "event": pieces["event"],
        "weight": np.ones(len(trial)),
        treatment: began.astype(np.float64),
        "trial": number,
        "stratum": number,
        "decision": trial,
        "passed_from": np.where(pays, trial + 1, 0),
        "passed_to": np.where(pays, np.maximum(passed, trial + 1), 0),
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


def _without_trial(found: Decisions, used: list[str]) -> dict[str, str]:
    entered, decided = set(used), set(found.columns["patient"].tolist())
    reasons = {}
    for who in found.patients.tolist():
        if who in entered:
            continue
        if who in found.outside:
            reasons[str(who)] = found.outside[who]
        elif who in decided:
            reasons[str(who)] = "no follow-up after a decision"
        else:
            reasons[str(who)] = "no decision while untreated, eligible and under observation"
    return reasons
