"""Row weights of a design from the propensities of its decisions.

With e_j the probability of initiating treatment at decision j, given what was known at it:

======================  =======================================================================
rows of                 weight
======================  =======================================================================
fixed, landmark         balancing weight of the target at the decision
sequential, treated     balancing weight of the target at the decision, times g
sequential, controls    the same, times 1 / P(untreated since): prod 1 / (1 - e_j) over decisions
                        passed at visits; exp(sum o_j f_j), o_j = e_j / (1 - e_j), over intervals
                        between visits of which a share f_j was passed
clone "never"           prod 1 / (1 - e_j) over decisions passed untreated
clone "within m"        1 before m; at m and after 1 / P(treated within m | at risk at m), or, with
                        time-varying weights, 1 / e_j of those who started at their last chance
======================  =======================================================================

A numerator may depend on nothing that the outcome model does not hold: decisions differ in who is
still untreated, and a numerator that knows the decision's number mixes them differently in each arm
(ADR 0022). So g, the stabilising factor of sequential trials, depends on the months since the trial
began alone and is the same in both arms (`designs.thinning`), and the balancing weights of ``ate``
have the share of the arm among all decisions.

References
----------
Robins JM, Hernan MA, Brumback B. Epidemiology 2000;11:550-560,
doi 10.1097/00001648-200009000-00011.
Cain LE, Robins JM, Lanoy E, et al. Int J Biostat 2010;6:18, doi 10.2202/1557-4679.1212.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_ihlrt.designs.decisions import Decisions
from bayes_ihlrt.designs.emulation import Emulation
from bayes_ihlrt.errors import DataError, Fault, SpecificationError
from bayes_ihlrt.names import DesignKind, EstimandTarget
from bayes_ihlrt.propensity.targets import balancing_weight

Floats = NDArray[np.float64]


def row_weights(
    emulation: Emulation,
    propensity: ArrayLike,
    *,
    target: EstimandTarget,
    grace: ArrayLike | None = None,
    passing: ArrayLike | None = None,
    patient_weight: ArrayLike | None = None,
    stabilise: bool = False,
) -> Floats:
    """Return the weight of each row of person-time, for any number of draws at once.

    Parameters
    ----------
    emulation : Emulation
        Person-time and decisions.
    propensity : array_like, shape (..., decisions)
        Probability of initiating treatment at each decision.
    target : EstimandTarget
        Population in which treated and control are compared; clones are compared in the whole
        cohort (``ate``).
    grace : array_like, shape (..., patients at risk at the end of grace), optional
        Probability of treatment within the grace period, for clones whose emulation has `grace`.
    passing : array_like, shape (..., intervals passed), optional
        The same for the intervals between visits of an emulation that has `passed`.
    patient_weight : array_like, shape (..., patients), optional
        Weights of the cohort's patients (`Decisions.patients`), e.g. of a Bayesian bootstrap, by
        which the share of the arm is averaged; 1 each if left out.
    stabilise : bool
        Late follow-up of sequential trials counts less, alike in both arms, and for target ``ate``
        the share of the arm is the numerator. Other balancing weights are bounded and have no
        stabilised form, and those of clones have to sum to the number naturally at risk.

    Returns
    -------
    ndarray, shape (..., rows)
        Weights, not normalised. Patient weights are not multiplied in.

    Raises
    ------
    SpecificationError
        Target, design and arguments do not go together.
    DataError
        What was received had probability 0, so that a weight would be infinite.

    Examples
    --------
    >>> from bayes_ihlrt.data import Cohort, DataSpec, TreatmentSpec
    >>> from bayes_ihlrt.designs import emulate
    >>> treatment = TreatmentSpec(
    ...     name="ihlrt", start="ihlrt_months", design="landmark", landmark=3.0)
    >>> cohort = Cohort.from_frame(
    ...     {"id": ["a", "b"], "os": [10.0, 7.0], "death": [1, 1], "ihlrt_months": [2.0, None]},
    ...     DataSpec(patient="id", time="os", event="death"), treatment)
    >>> found = emulate(cohort, treatment)
    >>> row_weights(found, [0.25, 0.25], target=EstimandTarget.ATE).round(3).tolist()
    [4.0, 1.333]
    """
    given = {"grace": grace is not None, "passing": passing is not None}
    clones = _check(emulation, target, given=given, stabilise=stabilise)
    chance = _probabilities(propensity, emulation.decisions)
    columns = emulation.person_time.columns
    if emulation.passed is None:
        weight = _passing(emulation, chance)
    else:
        weight = _passing_in_parts(emulation, _probabilities(passing, emulation.passed))
    if not clones:
        averaged = stabilise and target is EstimandTarget.ATE
        own = _share(emulation.decisions, patient_weight) if averaged else None
        base = balancing_weight(target, chance, emulation.decisions.initiated, share=own)
        if stabilise and "counted" in columns:
            weight = weight * columns["counted"].astype(np.float64)
        return np.asarray(base[..., columns["decision"].astype(np.intp)] * weight)
    table, earning = emulation.decisions, chance
    if emulation.grace is not None and grace is not None:
        table, earning = emulation.grace, _probabilities(grace, emulation.grace)
    earned = columns["earned"].astype(np.intp)
    rows = np.flatnonzero(earned >= 0)
    pointer, inverse = np.unique(earned[rows], return_inverse=True)
    received = earning[..., pointer]
    _refuse_impossible(received == 0.0, "treated", table, pointer)
    factor = 1.0 / received
    leading = np.broadcast_shapes(weight.shape[:-1], factor.shape[:-1])
    result = np.array(np.broadcast_to(weight, (*leading, weight.shape[-1])))
    result[..., rows] *= factor[..., inverse]
    return result


def _passing(emulation: Emulation, chance: Floats) -> Floats:
    """Return prod 1 / (1 - e_j) over the decisions that each row's patient has passed."""
    table = emulation.decisions
    passed = np.flatnonzero(_marked(emulation, table.n_rows) & (table.initiated == 0.0))
    _refuse_impossible(chance[..., passed] == 1.0, "left untreated", table, passed)
    gained = np.zeros_like(chance)
    gained[..., passed] = -np.log1p(-chance[..., passed])
    return np.asarray(np.exp(_sums(emulation, gained)))


def _passing_in_parts(emulation: Emulation, chance: Floats) -> Floats:
    """Return exp(sum o_j f_j) over the intervals of which each row's patient has passed f_j."""
    table, columns = emulation.passed, emulation.person_time.columns
    if table is None:
        message = "row_weights asks only where there are intervals"
        raise AssertionError(message)
    wrong = np.flatnonzero((chance == 1.0).reshape(-1, table.n_rows).any(axis=0))
    _refuse_impossible(chance[..., wrong] == 1.0, "left untreated", table, wrong)
    odds = chance / (1.0 - chance)
    total = _sums(emulation, odds)
    for pointer, part in (("opened_in", "passed_opened"), ("lies_in", "passed_here")):
        share = columns[part].astype(np.float64)
        total = total + odds[..., columns[pointer].astype(np.intp)] * share
    return np.asarray(np.exp(total))


def _marked(emulation: Emulation, n: int) -> NDArray[np.bool_]:
    """Return which of n decisions some row has passed."""
    columns = emulation.person_time.columns
    # Differences of the cumulative count mark the decisions that some row has passed.
    marks = np.zeros(n + 1)
    np.add.at(marks, columns["passed_from"].astype(np.intp), 1.0)
    np.add.at(marks, columns["passed_to"].astype(np.intp), -1.0)
    return np.asarray(np.cumsum(marks)[:-1] > 0.0)


def _sums(emulation: Emulation, values: Floats) -> Floats:
    """Return the sum of values over what each row's patient has passed."""
    columns = emulation.person_time.columns
    total = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    np.cumsum(values, axis=-1, out=total[..., 1:])
    first, after = (columns[name].astype(np.intp) for name in ("passed_from", "passed_to"))
    return np.asarray(total[..., after] - total[..., first])


def _share(table: Decisions, patient_weight: ArrayLike | None) -> Floats:
    """Return P(initiate) over all decisions, shape (..., 1)."""
    weight = np.ones(len(table.patients)) if patient_weight is None else patient_weight
    weight = np.asarray(weight, dtype=np.float64)[..., table.patient_index]
    return np.asarray((weight @ table.initiated / weight.sum(axis=-1))[..., None])


def _check(
    emulation: Emulation, target: EstimandTarget, *, given: dict[str, bool], stabilise: bool
) -> bool:
    """Refuse what does not go together; return whether the design has clones."""
    clones = emulation.person_time.provenance.design is DesignKind.CLONE_CENSOR_WEIGHT
    faults = []
    if clones and target is not EstimandTarget.ATE:
        problem = f"clones follow their strategies in the whole cohort, and it is '{target.value}'"
        remedy = "Use estimand 'ate', or design 'sequential' for other populations"
        faults.append(Fault("estimand", problem, remedy))
    if clones and stabilise:
        # A share of one time would shift weight between those who started at different times.
        problem = "clones have no stabilised weights"
        faults.append(Fault("stabilise", problem, "Leave it out"))
    if (emulation.passed is not None) != given["passing"]:
        needed = emulation.passed is not None
        problem = "it is missing" if needed else "the design has no intervals between visits"
        remedy = (
            "Give the probability of initiating treatment for each row of `passed`"
            if needed
            else "Leave it out: weights come from the decisions"
        )
        faults.append(Fault("passing", problem, remedy))
    if (emulation.grace is not None) != given["grace"]:
        needed = emulation.grace is not None
        problem = "it is missing" if needed else "the design has no baseline model of the grace"
        remedy = (
            "Give the probability of treatment within the grace period for each row of `grace`"
            if needed
            else "Leave it out: weights come from the decisions"
        )
        faults.append(Fault("grace", problem, remedy))
    if faults:
        raise SpecificationError("weights", faults)
    return clones


def _probabilities(values: ArrayLike | None, table: Decisions) -> Floats:
    chance = np.asarray(values, dtype=np.float64)
    if chance.shape[-1:] != (table.n_rows,):
        problem = f"shape {chance.shape} does not end in the number of decisions, {table.n_rows}"
        fault = Fault("propensity", problem, "Give one probability for each decision")
        raise SpecificationError("weights", [fault])
    if not np.all((chance >= 0.0) & (chance <= 1.0)):
        problem = "there are values below 0, above 1 or missing"
        fault = Fault("propensity", problem, "Give probabilities, not their logits")
        raise DataError("weights", [fault])
    return chance


def _refuse_impossible(
    wrong: NDArray[np.bool_], what: str, table: Decisions, pointer: NDArray[np.intp]
) -> None:
    if not wrong.any():
        return
    rows = pointer[np.flatnonzero(wrong.reshape(-1, wrong.shape[-1]).any(axis=0))]
    who = list(dict.fromkeys(table.columns["patient"][rows].tolist()))
    named = ", ".join(str(name) for name in who[:10]) + (" ..." if len(who) > 10 else "")
    problem = f"patients were {what} where that had probability 0 ({named})"
    remedy = "Use a formula with fewer terms or a narrower prior in [propensity]"
    raise DataError("weights", [Fault("propensity", problem, remedy)])
