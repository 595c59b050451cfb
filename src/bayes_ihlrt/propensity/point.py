"""Propensities at the mode, by NumPy alone: what `check` can know before anything is sampled.

The coefficients and the group effects maximise likelihood times prior, the standard deviations of
groups held at the median of their prior. Without groups this is the mode of the model itself.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.priors import Prior, PriorScale
from bayes_ihlrt.spec.propensity import INTERCEPT

if TYPE_CHECKING:
    from bayes_ihlrt.propensity.model import PreparedPropensity


Floats = NDArray[np.float64]

_STEPS: Final = 100
_LONGEST: Final = 3.0
"""Longest step in any linear predictor: far from the mode the quadratic overshoots."""
_CLOSE: Final = 1e-9


def propensity(logit: Floats) -> Floats:
    """Return 1 / (1 + exp(-logit)), the probability of starting treatment.

    Parameters
    ----------
    logit : ndarray
        Log odds.

    Returns
    -------
    ndarray
        Probabilities, of the same shape.

    Examples
    --------
    >>> propensity(np.array([0.0, 800.0, -800.0])).tolist()
    [0.5, 1.0, 0.0]
    """
    small = np.exp(-np.abs(logit))
    return np.asarray(np.where(logit >= 0.0, 1.0, small) / (1.0 + small), dtype=np.float64)


class _Location(NamedTuple):
    """Normal (nu infinite) or Student t prior of a coefficient."""

    mu: float
    sigma: float
    nu: float


def point_propensity(
    prepared: "PreparedPropensity", *, at: "PreparedPropensity | None" = None
) -> Floats:
    """Return the probability of treatment at each decision, at the mode.

    Parameters
    ----------
    prepared : PreparedPropensity
        Specification bound to decisions.
    at : PreparedPropensity, optional
        The same specification bound to the decisions at which it is read; those it is fitted to if
        left out.

    Returns
    -------
    ndarray, shape (decisions,)
        Probabilities; every patient counts once.
    """
    design, priors = _columns(prepared)
    initiated = np.asarray(prepared.data["initiation"], dtype=np.float64)
    mu, sigma, nu = (np.array(values) for values in zip(*priors, strict=True))
    place = mu.copy()
    for _ in range(_STEPS):
        chance = propensity(design @ place)
        away = place - mu
        # A Student t is a normal whose precision falls with the distance (nu infinite: does not).
        precision = (1.0 + 1.0 / nu) / (np.square(sigma) + np.square(away) / nu)
        slope = design.T @ (initiated - chance) - precision * away
        curvature = (design.T * (chance * (1.0 - chance))) @ design + np.diag(precision)
        step = np.linalg.solve(curvature, slope)
        step *= min(1.0, _LONGEST / max(float(np.abs(design @ step).max()), _CLOSE))
        place = place + step
        if float(np.abs(design @ step).max()) < _CLOSE:
            break
    return propensity((design if at is None else _columns(at)[0]) @ place)


def _columns(prepared: "PreparedPropensity") -> tuple[Floats, list[_Location]]:
    """Return intercept, covariates and group indicators, with the prior of each coefficient."""
    data = prepared.data
    design = np.asarray(data["design"], dtype=np.float64)
    parts = [np.ones((len(design), 1)), design - np.asarray(data["design_centre"])]
    names = (INTERCEPT, *prepared.encoder.columns)
    priors = [_location(prepared.priors[name].prior) for name in names]
    for indicators, scale in _groups(prepared):
        parts.append(indicators)
        priors += [_Location(0.0, scale, np.inf)] * indicators.shape[1]
    return np.concatenate(parts, axis=1), priors


def _groups(prepared: "PreparedPropensity") -> Iterator[tuple[Floats, float]]:
    for term in prepared.encoder.spec.outcome.groups:
        index = np.asarray(prepared.data[f"{term.group}_index"], dtype=np.intp)
        levels = len(prepared.encoder.levels[term.group])
        own = (index[:, None] == np.arange(levels)).astype(np.float64)
        yield own, median_of_scale(prepared.priors[f"sd_{term.group}"].prior)
        if term.slope is not None:
            slope = np.asarray(prepared.data[f"{term.group}_{term.slope}"], dtype=np.float64)
            yield (
                own * slope[:, None],
                median_of_scale(prepared.priors[f"sd_{term.group}:{term.slope}"].prior),
            )


def _location(prior: Prior) -> _Location:
    nu = np.inf if prior.nu is None else prior.nu
    return _Location(prior.mu or 0.0, prior.sigma or 1.0, float(nu))


def median_of_scale(prior: Prior) -> float:
    """Return about the median of a standard deviation, whose prior may be of its precision.

    Parameters
    ----------
    prior : Prior
        Of the standard deviation.

    Returns
    -------
    float
        Of the standard deviation itself.
    """
    found = prior.distribution.middle(prior.numbers)
    return float(found**-0.5) if prior.on is PriorScale.PRECISION else found
