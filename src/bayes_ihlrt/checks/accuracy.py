"""How good predicted survival is under censoring: Brier score, AUC, calibration by risk group.

References
----------
Graf E, Schmoor C, Sauerbrei W, Schumacher M. Stat Med 1999;18:2529-2545,
doi 10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5 (Brier score).
Uno H, Cai T, Tian L, Wei LJ. J Am Stat Assoc 2007;102:527-537, doi 10.1198/016214507000000149
(weighted AUC).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.estimands.product_limit import kaplan_meier
from bayes_ihlrt.names import TIME

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error.

    Parameters
    ----------
    value, se : float
        Estimate and standard error; the censoring weights count as known.
    """

    value: float
    se: float


def censoring_weights(time: Floats, event: Floats, horizon: float) -> Floats:
    """Return inverse-probability-of-censoring weights at a horizon.

    1 / G(t-) for an event at t up to the horizon, 1 / G(horizon) for those followed beyond it, 0
    for those censored before it; G is the Kaplan-Meier estimate of remaining uncensored.

    Parameters
    ----------
    time, event : ndarray, shape (patients,)
        Months from the origin of the prediction to the event (1) or to censoring (0).
    horizon : float
        Months.

    Returns
    -------
    ndarray, shape (patients,)
        Their mean is about 1.

    Examples
    --------
    >>> censoring_weights(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 0, 1, 1]), 3.5).round(2)
    array([1. , 0. , 1.5, 1.5])
    """
    # At a tie the event comes first: censoring at t removes nobody who has the event at t.
    curve = kaplan_meier(np.zeros(len(time)), time + 1e-9 * (event == 0.0), 1.0 - event)
    steps, remaining = curve[TIME].to_numpy(), curve["survival"].to_numpy()
    before = np.searchsorted(steps, np.minimum(time, horizon), side="left")
    at_horizon = np.searchsorted(steps, horizon, side="right")
    chance = remaining[np.where(time > horizon, at_horizon, np.maximum(before, 1)) - 1]
    known = (time > horizon) | (event == 1.0)
    return np.asarray(known / np.where(chance > 0.0, chance, np.inf))


def brier_score(time: Floats, event: Floats, survival: Floats, horizon: float) -> Estimate:
    """Return the Brier score of predicted survival at a horizon.

    BS(h) = mean over patients of w_i (1[t_i > h] - S_i(h))^2, w_i from `censoring_weights`.

    Parameters
    ----------
    time, event : ndarray, shape (patients,)
        Months to the event (1) or to censoring (0).
    survival : ndarray, shape (patients,)
        Predicted probability of being event-free at the horizon.
    horizon : float
        Months.

    Returns
    -------
    Estimate
        0 is perfect; 0.25 is what a constant 0.5 gives.

    Examples
    --------
    >>> brier_score(np.array([1.0, 5.0]), np.ones(2), np.array([0.2, 0.9]), 2.0).value
    0.025
    """
    terms = censoring_weights(time, event, horizon) * ((time > horizon) - survival) ** 2
    return Estimate(float(terms.mean()), float(terms.std(ddof=1) / np.sqrt(len(terms))))


def dynamic_auc(time: Floats, event: Floats, survival: Floats, horizon: float) -> Estimate:
    """Return the cumulative/dynamic AUC at a horizon.

    The probability that of a patient with the event by the horizon and one without, the former has
    the lower predicted survival; cases weighted by `censoring_weights`, ties counted one half.

    Parameters
    ----------
    time, event : ndarray, shape (patients,)
        Months to the event (1) or to censoring (0).
    survival : ndarray, shape (patients,)
        Predicted probability of being event-free at the horizon.
    horizon : float
        Months.

    Returns
    -------
    Estimate
        NaN where there is no case or no control.

    Examples
    --------
    >>> dynamic_auc(np.array([1.0, 2.0, 9.0, 9.0]), np.ones(4), np.array([0.1, 0.6, 0.5, 0.9]),
    ...             5.0).value
    0.75
    """
    weight = censoring_weights(time, event, horizon)
    case, control = (time <= horizon) & (weight > 0.0), time > horizon
    if not case.any() or not control.any():
        return Estimate(np.nan, np.nan)
    w = weight[case]
    won = survival[case][:, None] < survival[control]
    pairs = won + 0.5 * (survival[case][:, None] == survival[control])
    of_case, of_control = pairs.mean(axis=1), w @ pairs / w.sum()
    auc = float(w @ of_case / w.sum())
    variance = np.sum(w**2 * (of_case - auc) ** 2) / w.sum() ** 2
    variance += np.sum((of_control - auc) ** 2) / len(of_control) ** 2
    return Estimate(auc, float(np.sqrt(variance)))


def observed_by_group(
    time: Floats, event: Floats, group: NDArray[np.intp], horizon: float
) -> tuple[Floats, Floats]:
    """Return Kaplan-Meier survival at a horizon in each group, with Greenwood's standard error.

    Parameters
    ----------
    time, event : ndarray, shape (patients,)
        Months to the event (1) or to censoring (0).
    group : ndarray of int, shape (patients,)
        Numbered from 0.
    horizon : float
        Months.

    Returns
    -------
    survival : ndarray, shape (groups,)
        NaN where nobody is followed to the horizon and somebody is censored before it.
    se : ndarray, shape (groups,)
        Likewise.
    """
    found, error = [], []
    for number in range(int(group.max()) + 1):
        own = group == number
        curve = kaplan_meier(np.zeros(own.sum()), time[own], event[own])
        last = np.searchsorted(curve[TIME].to_numpy(), horizon, side="right") - 1
        survival = curve["survival"].to_numpy()[: last + 1]
        fewer = survival[1:] / np.where(survival[:-1] > 0.0, survival[:-1], 1.0)
        left = curve["at_risk"].to_numpy()[1 : last + 1] * fewer
        terms = np.where(left > 0.0, (1.0 - fewer) / np.where(left > 0.0, left, 1.0), 0.0)
        known = time[own].max() >= horizon or survival[-1] == 0.0
        found.append(survival[-1] if known else np.nan)
        error.append(survival[-1] * np.sqrt(terms.sum()) if known else np.nan)
    return np.array(found), np.array(error)
