"""Kaplan-Meier survival that honours entry times and weights; medians, Aalen-Johansen."""

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri

from bayes_ihlrt.names import CAUSE, TIME

Floats = NDArray[np.float64]
_HALF: Final = 1e-12


def kaplan_meier(
    start: Floats, stop: Floats, event: Floats, *, weight: Floats | None = None
) -> xr.Dataset:
    """Return the Kaplan-Meier estimate from start-stop rows.

    S(t) = prod over event times u <= t of (1 - d_u / n_u), where n_u is the weight of the rows
    with start < u <= stop, so that delayed entry and time-varying states are handled as they are.

    Parameters
    ----------
    start, stop : ndarray, shape (rows,)
        Months.
    event : ndarray, shape (rows,)
        1 when the row ends with the event.
    weight : ndarray, shape (rows,), optional
        Row weights; 1 by default.

    Returns
    -------
    xarray.Dataset
        ``survival`` and ``at_risk`` over ``time`` (0 and the event times, months).

    References
    ----------
    Kaplan EL, Meier P. J Am Stat Assoc 1958;53:457-481, doi 10.1080/01621459.1958.10501452.

    Examples
    --------
    >>> result = kaplan_meier(np.zeros(3), np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 1.0]))
    >>> result["survival"].values.round(3).tolist()
    [1.0, 0.667, 0.0]
    """
    w = np.ones(len(stop)) if weight is None else weight
    times = np.unique(stop[event > 0.0])
    deaths = np.bincount(
        np.searchsorted(times, stop[event > 0.0]), (w * event)[event > 0.0], minlength=len(times)
    )
    at_risk = _weight_at_or_after(stop, w, times) - _weight_at_or_after(start, w, times)
    curve = np.cumprod(1.0 - deaths / np.where(at_risk > 0.0, at_risk, 1.0))
    entered = w[start <= 0.0].sum()
    return xr.Dataset(
        {
            "survival": (TIME, np.concatenate([[1.0], curve])),
            "at_risk": (TIME, np.concatenate([[entered], at_risk])),
        },
        coords={TIME: np.concatenate([[0.0], times])},
    )


def on_curve(
    curve: tuple[Floats, Floats], times: Floats, *, straight: bool
) -> tuple[Floats, Floats]:
    """Return points on a curve as it is drawn.

    Parameters
    ----------
    curve : tuple of ndarray
        Times and survival.
    times : ndarray, shape (points,)
        Months.
    straight : bool
        Whether it is drawn straight between its points, and not in steps.

    Returns
    -------
    times : ndarray, shape (points,)
        Months, as given.
    survival : ndarray, shape (points,)
        On the curve at these times.

    Examples
    --------
    >>> on_curve((np.array([0.0, 2.0]), np.array([1.0, 0.5])), np.array([1.0]), straight=True)
    (array([1.]), array([0.75]))
    """
    if straight:
        return times, np.interp(times, *curve)
    place = np.searchsorted(curve[0], times, side="right") - 1
    return times, curve[1][np.maximum(place, 0)]


def aalen_johansen(start: Floats, stop: Floats, cause: NDArray[np.integer]) -> xr.Dataset:
    """Return the Aalen-Johansen estimate of cumulative incidence from start-stop rows.

    F_j(t) = sum over event times u <= t of S(u-) d_j(u) / n(u), with S the Kaplan-Meier estimate
    of all causes and n(u) the rows with start < u <= stop: delayed entry and time-varying states
    are handled as they are.

    Parameters
    ----------
    start, stop : ndarray, shape (rows,)
        Months.
    cause : ndarray of int, shape (rows,)
        Number of the cause with which the row ends, from 1; 0 where it ends without.

    Returns
    -------
    xarray.Dataset
        ``incidence`` over ``event_cause`` (numbers from 1) and ``time`` (0 and the event times,
        months), ``survival`` and ``at_risk`` over ``time``.

    References
    ----------
    Aalen OO, Johansen S. Scand J Stat 1978;5:141-150.

    Examples
    --------
    Of three, one dies of cause 1, one of cause 2, one is censored in between:

    >>> result = aalen_johansen(np.zeros(3), np.array([1.0, 2.0, 3.0]), np.array([1, 0, 2]))
    >>> result["incidence"].values.round(3).tolist()
    [[0.0, 0.333, 0.333], [0.0, 0.0, 0.667]]
    """
    curve = kaplan_meier(start, stop, (cause > 0).astype(np.float64))
    times, at_risk = curve[TIME].to_numpy()[1:], curve["at_risk"].to_numpy()[1:]
    before = curve["survival"].to_numpy()[:-1]
    numbers = np.arange(1, int(cause.max(initial=0)) + 1)
    steps = [
        np.bincount(np.searchsorted(times, stop[cause == number]), minlength=len(times))
        * before
        / np.where(at_risk > 0.0, at_risk, 1.0)
        for number in numbers
    ]
    sums = [np.concatenate([[0.0], np.cumsum(step)]) for step in steps]
    return curve.assign(
        incidence=((CAUSE, TIME), np.array(sums).reshape(len(numbers), len(times) + 1))
    ).assign_coords({CAUSE: numbers})


def restricted_area(curve: xr.Dataset, horizon: float) -> float:
    """Return the area under a Kaplan-Meier curve up to a horizon.

    Parameters
    ----------
    curve : xarray.Dataset
        From `kaplan_meier`.
    horizon : float
        Months; within follow-up, since the curve is level beyond its last event.

    Returns
    -------
    float
        Restricted mean survival time, months.

    References
    ----------
    Irwin JO. J Hyg 1949;47:188-189, doi 10.1017/S0022172400014443.

    Examples
    --------
    >>> curve = kaplan_meier(np.zeros(2), np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    >>> restricted_area(curve, 2.0)
    1.5
    """
    edges = np.minimum(np.append(curve[TIME].to_numpy(), np.inf), horizon)
    return float((curve["survival"].to_numpy() * np.diff(edges)).sum())


def _weight_at_or_after(values: Floats, weight: Floats, times: Floats) -> Floats:
    """Total weight of the values >= each time."""
    order = np.argsort(values)
    cumulative: Floats = np.concatenate([[0.0], np.cumsum(weight[order])])
    below: Floats = cumulative[np.searchsorted(values[order], times, side="left")]
    remaining: Floats = cumulative[-1] - below
    return remaining


def median_time(curve: xr.Dataset, *, level: float = 0.95) -> tuple[float, float, float]:
    """Return the median of a Kaplan-Meier curve with its interval.

    The limits are the months at which the pointwise band on the log(-log) scale, with Greenwood's
    variance, passes one half.

    Parameters
    ----------
    curve : xarray.Dataset
        From `kaplan_meier`, unweighted.
    level : float
        Of the interval.

    Returns
    -------
    tuple of float
        Median, lower and upper limit, months; infinite where the curve or the band does not reach
        one half.

    References
    ----------
    Brookmeyer R, Crowley J. Biometrics 1982;38:29-41, doi 10.2307/2530286.

    Examples
    --------
    >>> curve = kaplan_meier(np.zeros(5), np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.ones(5))
    >>> median_time(curve)[0]
    3.0
    """
    times, alive = curve[TIME].to_numpy()[1:], curve["survival"].to_numpy()
    at_risk = curve["at_risk"].to_numpy()[1:]
    left = alive[1:] / np.where(alive[:-1] > 0.0, alive[:-1], 1.0)
    middle = alive[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        # The deaths at each time, of those at risk: Greenwood's d / (n (n - d)).
        variance = np.cumsum((1.0 - left) / (at_risk * left))
        error = ndtri(0.5 + level / 2.0) * np.sqrt(variance) / np.abs(np.log(middle))
        low, high = (middle ** np.exp(sign * error) for sign in (1.0, -1.0))
    # Where nobody is left the variance has no value: the curve is at zero, its upper limit unknown.
    low, high = np.where(middle > 0.0, low, 0.0), np.where(middle > 0.0, high, 1.0)
    # A half of an even number of patients is one, whatever rounding made of the product.
    found = (np.flatnonzero(part <= 0.5 + _HALF) for part in (middle, low, high))
    first = [float(times[where[0]]) if len(where) else np.inf for where in found]
    return first[0], first[1], first[2]
