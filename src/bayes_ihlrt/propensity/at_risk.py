"""Do weights restore the patients that a design takes out? Their sum against the number at risk."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.decisions import Emulation
from bayes_ihlrt.designs.person_time import history
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.names import DesignKind, EstimandTarget, StartRule
from bayes_ihlrt.propensity.weight_sums import FollowedRows
from bayes_ihlrt.propensity.weights import balancing_weight

Floats = NDArray[np.float64]

TIMES: Final = 40
"""Number of times, at most, at which sums are read if none are given."""


@dataclass(frozen=True)
class WeightSums:
    """Sum of weights at risk by arm, and the number naturally at risk.

    Parameters
    ----------
    times : ndarray, shape (times,)
        Months on the design's clock.
    treated, control : ndarray, shape (..., times)
        Sum of the weights of rows with start <= time < stop.
    expected : ndarray, shape (..., times)
        Number of patients naturally at risk, nobody censored by the design; with another target
        than everybody, each counts as much as the target does.
    """

    times: Floats
    treated: Floats
    control: Floats
    expected: Floats


def weight_sums(
    emulation: Emulation,
    weights: ArrayLike,
    cohort: Cohort,
    *,
    target: EstimandTarget = EstimandTarget.ATE,
    propensity: ArrayLike | None = None,
    times: ArrayLike | None = None,
) -> WeightSums:
    """Return the sum of weights at risk at times, by arm, and what it should be.

    Both arms stand for the same patients, so both sums should follow the number naturally at risk
    within sampling error as long as treatment has not changed who survives. Weights must not be
    stabilised. A sum that leaves the number already early, or jumps, shows a wrong model of
    initiation; one that drifts apart slowly may be the effect of treatment. Under the rule
    ``between-visits`` those of clones who start leave a gap until the decision is settled: their
    sums are to be read at decision times.

    Parameters
    ----------
    emulation : Emulation
        Person-time and decisions.
    weights : array_like, shape (..., rows)
        Unstabilised weights of its rows.
    cohort : Cohort
        The cohort that it was made from.
    target : EstimandTarget
        Population of the weights.
    propensity : array_like, shape (..., decisions), optional
        Probability of initiating treatment at each decision; needed for other targets than
        everybody.
    times : array_like, shape (times,), optional
        Months on the design's clock. If left out, the first decision times where these are the same
        for all patients, or else evenly spaced up to the time that a tenth of rows pass.

    Returns
    -------
    WeightSums
        Sums by arm and their expectation.

    Raises
    ------
    SpecificationError
        The population is defined by propensities that are not given.

    Examples
    --------
    >>> from bayes_ihlrt.spec.data import DataSpec
    >>> from bayes_ihlrt.spec.treatment import TreatmentSpec
    >>> from bayes_ihlrt.designs.build import emulate
    >>> treatment = TreatmentSpec(
    ...     name="ihlrt", start="ihlrt_months", design="landmark", landmark=3.0)
    >>> cohort = Cohort.from_frame(
    ...     {"id": ["a", "b"], "os": [10.0, 7.0], "death": [1, 1], "ihlrt_months": [2.0, None]},
    ...     DataSpec(patient="id", time="os", event="death"), treatment)
    >>> found = emulate(cohort, treatment)
    >>> sums = weight_sums(found, [2.0, 2.0], cohort, times=[0.0, 5.0])
    >>> sums.treated.tolist(), sums.control.tolist(), sums.expected.tolist()
    ([2.0, 2.0], [2.0, 0.0], [2.0, 1.0])
    """
    rows = emulation.person_time.columns
    start, stop = rows["start"].astype(np.float64), rows["stop"].astype(np.float64)
    value = np.asarray(weights, dtype=np.float64)
    arm = rows[emulation.treatment].astype(np.float64)
    at = _times(emulation) if times is None else np.asarray(times, dtype=np.float64)
    natural = _natural(emulation, cohort, target, propensity)
    return WeightSums(
        times=at,
        treated=_at_risk(start, stop, value * arm, times=at),
        control=_at_risk(start, stop, value * (1.0 - arm), times=at),
        expected=_at_risk(*natural, times=at),
    )


def followed_rows(
    emulation: Emulation,
    weights: ArrayLike,
    cohort: Cohort,
    *,
    target: EstimandTarget = EstimandTarget.ATE,
    propensity: ArrayLike | None = None,
) -> tuple[dict[str, FollowedRows], FollowedRows]:
    """Return the rows of each arm and the natural follow-up, for `weight_sum_data`.

    Parameters
    ----------
    emulation : Emulation
        Person-time and decisions.
    weights : array_like, shape (rows,)
        Unstabilised weights of its rows.
    cohort : Cohort
        The cohort that it was made from.
    target : EstimandTarget
        Population of the weights.
    propensity : array_like, shape (decisions,), optional
        Needed for other targets than everybody.

    Returns
    -------
    arms : dict of str to FollowedRows
        ``treated`` and ``control``.
    natural : FollowedRows
        Follow-up that the design does not end.

    Raises
    ------
    SpecificationError
        The population is defined by propensities that are not given.
    """
    rows = emulation.person_time.columns
    start, stop = rows["start"].astype(np.float64), rows["stop"].astype(np.float64)
    value = np.asarray(weights, dtype=np.float64)
    treated = rows[emulation.treatment] == 1.0
    arms = {"treated": treated, "control": ~treated}
    followed = {name: FollowedRows(start[arm], stop[arm], value[arm]) for name, arm in arms.items()}
    return followed, FollowedRows(*_natural(emulation, cohort, target, propensity))


def _times(emulation: Emulation) -> Floats:
    table, person_time = emulation.decisions, emulation.person_time
    if table.rule is StartRule.BETWEEN_VISITS and emulation.passed is None:
        settled = np.unique(np.round(table.settled, 9))
        clones = person_time.provenance.design is DesignKind.CLONE_CENSOR_WEIGHT
        points = settled if clones else settled - settled[0]
        if len(points) < table.n_rows / 2:
            return points[:TIMES]
    stop = person_time.columns["stop"].astype(np.float64)
    return np.linspace(0.0, float(np.quantile(stop, 0.9)), TIMES)


def _natural(
    emulation: Emulation,
    cohort: Cohort,
    target: EstimandTarget,
    propensity: ArrayLike | None,
) -> tuple[Floats, Floats, Floats]:
    """Return start, stop and share of the target of follow-ups that the design does not end."""
    past = history(cohort, emulation.treatment)
    person_time, table = emulation.person_time, emulation.decisions
    if person_time.provenance.design is DesignKind.CLONE_CENSOR_WEIGHT:
        used = set(person_time.patients.tolist())
        keep = np.array([name in used for name in past.known.patients.tolist()], dtype=bool)
        rows = keep[past.patient]
        return past.start[rows], past.stop[rows], np.ones(int(rows.sum()))
    trial, row = past.of(table.patient_index)
    origin = emulation.origin[trial]
    start = np.maximum(past.start[row], origin) - origin
    stop = past.stop[row] - origin
    between = emulation.passed is not None
    if target is EstimandTarget.ATE and not between:
        return start, stop, np.ones(len(trial))
    if propensity is None:
        problem = f"it is missing, and it defines the population of target '{target.value}'"
        remedy = "Give the probability of initiating treatment at each decision"
        raise SpecificationError("weight sums", [Fault("propensity", problem, remedy)])
    chance = np.asarray(propensity, dtype=np.float64)
    if between:
        # Treated and controls are drawn from those at risk; controls are a plain sample of them.
        waits = table.initiated == 0.0
        tilt = np.where(waits, balancing_weight(target, chance, np.zeros(table.n_rows)), 0.0)
        return start, stop, tilt[..., trial]
    # A target weighs a patient by h(e): the weight of a treated patient times the chance of it.
    tilt = chance * balancing_weight(target, chance, np.ones(table.n_rows))
    return start, stop, tilt[..., trial]


def _at_risk(start: Floats, stop: Floats, weight: Floats, *, times: Floats) -> Floats:
    inside = (start[:, None] <= times) & (times < stop[:, None])
    return np.asarray(weight @ inside.astype(np.float64))
