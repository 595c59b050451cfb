"""Balancing weights: from the propensity to the population in which treatment is compared.

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

References
----------
Li F, Morgan KL, Zaslavsky AM. Balancing covariates via propensity score weighting. J Am Stat Assoc
2018;113:390-400, doi 10.1080/01621459.2016.1260466.
Zhou Y, Matsouaka RA, Thomas L. Propensity score weighting under limited overlap and model
misspecification. Stat Methods Med Res 2020;29:3721-56, doi 10.1177/0962280220940334.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_ihlrt.errors import DataError, Fault, SpecificationError
from bayes_ihlrt.names import EstimandTarget

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
    return ArmValues(treated=_kish(values * arm), control=_kish(values * (1.0 - arm)))


def _kish(weights: Floats) -> Floats:
    squares = np.asarray(np.square(weights).sum(axis=-1))
    total = np.square(weights.sum(axis=-1))
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
