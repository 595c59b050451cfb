"""Row weights of a design from the propensities of its decisions, balancing weights among them.

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

The balancing weight leads from the propensity to the population in which treatment is compared.
With r the probability of the treatment that was received (e if treated, 1 - e if not):

========================  ===============================================
target                    weight
========================  ===============================================
overlap (ATO)             1 - r
treated (ATT)             1 if treated, (1 - r) / r if not
everybody (ATE)           1 / r; stabilised: share of the arm / r
matching (ATM)            min(1, (1 - r) / r)
entropy                   -[r log r + (1 - r) log(1 - r)] / r
========================  ===============================================

A numerator may depend on nothing that the outcome model does not hold: decisions differ in who is
still untreated, and a numerator that knows the decision's number mixes them differently in each arm
(ADR 0022). So g, the stabilising factor of sequential trials, depends on the months since the trial
began alone and is the same in both arms (`designs.sequential`), and the balancing weights of
``ate`` have the share of the arm among all decisions.

References
----------
Robins JM, Hernan MA, Brumback B. Epidemiology 2000;11:550-560,
doi 10.1097/00001648-200009000-00011.
Cain LE, Robins JM, Lanoy E, et al. Int J Biostat 2010;6:18, doi 10.2202/1557-4679.1212.
Li F, Morgan KL, Zaslavsky AM. Balancing covariates via propensity score weighting. J Am Stat Assoc
2018;113:390-400, doi 10.1080/01621459.2016.1260466.
Zhou Y, Matsouaka RA, Thomas L. Propensity score weighting under limited overlap and model
misspecification. Stat Methods Med Res 2020;29:3721-56, doi 10.1177/0962280220940334.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_ihlrt.designs.decisions import Decisions, Emulation
from bayes_ihlrt.errors import DataError, Fault, SpecificationError
from bayes_ihlrt.names import DesignKind, EstimandTarget

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ArmValues:
    """One quantity in each arm.

    Parameters
    ----------
    treated, control : ndarray
        Values of the treated and of the control arm; leading shape of what was reduced.
    """

    treated: Floats
    control: Floats


def balancing_weight(
    target: EstimandTarget,
    propensity: ArrayLike,
    treated: ArrayLike,
    *,
    share: ArrayLike | None = None,
) -> Floats:
    """Return h(e) / P(treatment received), the weight that balances covariates in a population.

    Parameters
    ----------
    target : EstimandTarget
        Population in which treated and control are compared.
    propensity : array_like
        Probability of treatment, of any shape, e.g. (draws, decisions).
    treated : array_like
        0/1, broadcast against the propensity.
    share : array_like, optional
        For everybody (ATE) only: probability of treatment given what the outcome model conditions
        on, e.g. the share treated; stabilises the weights, whose mean is then about 1.

    Returns
    -------
    ndarray
        Weights, of the shape that propensity, treatment and share broadcast to.

    Raises
    ------
    SpecificationError
        When `share` is given for a target that has no stabilised form.
    DataError
        When a propensity is not a probability, treatment is not 0/1, or somebody received what had
        probability zero, so that the weight is infinite.

    References
    ----------
    Li F, Morgan KL, Zaslavsky AM. J Am Stat Assoc 2018, doi 10.1080/01621459.2016.1260466.

    Examples
    --------
    >>> weights = balancing_weight(EstimandTarget.ATO, [0.2, 0.2], [1, 0])
    >>> weights.round(6).tolist()
    [0.8, 0.2]
    """
    if share is not None and target is not EstimandTarget.ATE:
        _refuse_share(target)
    chance, received = np.broadcast_arrays(
        np.asarray(propensity, dtype=np.float64), np.asarray(treated, dtype=np.float64)
    )
    _check_inputs(chance, received, share)
    arm = received == 1.0
    # The subtraction is done once, where it loses no digits that the caller gave.
    r, other = np.where(arm, chance, 1.0 - chance), np.where(arm, 1.0 - chance, chance)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = _weight(target, (r, other), arm, share)
    _refuse_infinite(weight, target)
    return weight


def normalise(weights: ArrayLike, patients: float) -> Floats:
    """Scale weights so that they sum to the number of patients.

    Parameters
    ----------
    weights : array_like, shape (..., rows)
        Weights; every vector along the last axis is scaled by itself.
    patients : float
        What each vector sums to afterwards.

    Returns
    -------
    ndarray, shape (..., rows)
        Scaled weights.

    Raises
    ------
    DataError
        When the weights of a vector add up to nothing.

    Examples
    --------
    >>> normalise([1.0, 3.0], 2).tolist()
    [0.5, 1.5]
    """
    values = np.asarray(weights, dtype=np.float64)
    total = values.sum(axis=-1, keepdims=True)
    if not np.all(total > 0.0):
        raise DataError(
            "balancing weights",
            [
                Fault(
                    "sum of the weights",
                    f"found {float(total.min()):g}, so there is nothing to scale",
                    "Check that both arms have patients with an open decision",
                )
            ],
        )
    return np.asarray(values * (patients / total), dtype=np.float64)


def effective_sample_size(weights: ArrayLike, treated: ArrayLike) -> ArmValues:
    """Return (sum w)^2 / sum w^2 in each arm: the unweighted sample that is as informative.

    Parameters
    ----------
    weights : array_like, shape (..., rows)
        Weights, not negative.
    treated : array_like, shape (rows,) or (..., rows)
        0/1.

    Returns
    -------
    ArmValues
        Effective sample sizes, shape (...); 0 in an arm without weight.

    References
    ----------
    Kish L. Survey Sampling. Wiley 1965.

    Examples
    --------
    >>> size = effective_sample_size([1.0, 1.0, 2.0, 0.0], [1, 1, 0, 0])
    >>> float(size.treated), float(size.control)
    (2.0, 1.0)
    """
    values = np.asarray(weights, dtype=np.float64)
    arm = np.asarray(treated, dtype=np.float64)
    return ArmValues(treated=kish(values * arm), control=kish(values * (1.0 - arm)))


def kish(weights: Floats) -> Floats:
    """Return Kish's effective number, whatever the weights are multiplied by.

    (sum w)^2 / sum w^2.

    Parameters
    ----------
    weights : ndarray, shape (..., units)
        Weights, 0 or more.

    Returns
    -------
    ndarray, shape (...)
        0 where nobody weighs anything.

    Examples
    --------
    >>> kish(np.array([[1.0, 1.0, 2.0], [1e-200, 1e-200, 0.0], [0.0, 0.0, 0.0]])).round(3).tolist()
    [2.667, 2.0, 0.0]
    """
    # Squares of very small weights are 0: all are told as shares of the largest.
    largest = np.asarray(weights.max(axis=-1, keepdims=True, initial=0.0))
    share = np.divide(weights, largest, out=np.zeros_like(weights), where=largest > 0.0)
    squares = np.asarray(np.square(share).sum(axis=-1))
    total = np.square(share.sum(axis=-1))
    return np.asarray(
        np.divide(total, squares, out=np.zeros_like(squares), where=squares > 0.0),
        dtype=np.float64,
    )


def _weight(
    target: EstimandTarget,
    chances: tuple[Floats, Floats],
    arm: NDArray[np.bool_],
    share: ArrayLike | None,
) -> Floats:
    r, other = chances
    match target:
        case EstimandTarget.ATO:
            return other
        case EstimandTarget.ATT:
            return np.where(arm, 1.0, other / r)
        case EstimandTarget.ATE:
            if share is None:
                return 1.0 / r
            part = np.asarray(share, dtype=np.float64)
            return np.where(arm, part, 1.0 - part) / r
        case EstimandTarget.ATM:
            return np.minimum(1.0, other / r)
        case EstimandTarget.ENTROPY:
            return -(_x_log_x(r) + _x_log_x(other)) / r


def _x_log_x(x: Floats) -> Floats:
    return np.asarray(x * np.log(np.where(x > 0.0, x, 1.0)), dtype=np.float64)


def _check_inputs(chance: Floats, received: Floats, share: ArrayLike | None) -> None:
    faults = [_probability_fault("propensity", chance)]
    if share is not None:
        faults.append(_probability_fault("share", np.asarray(share, dtype=np.float64)))
    wrong = received[~np.isin(received, (0.0, 1.0))]
    if wrong.size:
        faults.append(
            Fault("treated", f"found {wrong[0]:g}", "Allowed: 0 (control) and 1 (treated)")
        )
    found = [fault for fault in faults if fault is not None]
    if found:
        raise DataError("balancing weights", found)


def _probability_fault(where: str, values: Floats) -> Fault | None:
    wrong = values[~((values >= 0.0) & (values <= 1.0))]
    if not wrong.size:
        return None
    return Fault(
        where,
        f"found {wrong[0]:g} ({wrong.size} in all)",
        "Give probabilities between 0 and 1, not their logits",
    )


def _refuse_infinite(weight: Floats, target: EstimandTarget) -> None:
    infinite = ~np.isfinite(weight)
    if infinite.any():
        first = tuple(int(place) for place in np.argwhere(infinite)[0])
        raise DataError(
            "balancing weights",
            [
                Fault(
                    f"row {first[-1] if first else 0}",
                    f"the treatment received had probability 0, so the weight for '{target}' "
                    f"is infinite ({int(infinite.sum())} in all)",
                    "Leave out those whose treatment is certain (trim), or use estimand 'ato', "
                    "which gives them little weight",
                )
            ],
        )


def _refuse_share(target: EstimandTarget) -> None:
    raise SpecificationError(
        "balancing weights",
        [
            Fault(
                "share",
                f"given for target '{target}', which has no stabilised form",
                "Leave it out, or use target 'ate'",
            )
        ],
    )


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
    >>> from bayes_ihlrt.cohort.load import Cohort
    >>> from bayes_ihlrt.spec.data import DataSpec
    >>> from bayes_ihlrt.spec.treatment import TreatmentSpec
    >>> from bayes_ihlrt.designs.build import emulate
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
