"""Survival of clones by strategy: weighted product-limit curves, redrawn with the patients.

Clones of both strategies are alike until one deviates, so that their hazards are not proportional
and no model of a hazard ratio gives months. Here each strategy's survival is that of its weighted
clones,

    S(t) = prod_{u <= t} (1 - sum_r w_r d_r(u) / sum_r w_r y_r(u)),

with events d, rows at risk y, and w the product of a patient's weight and the row's: nothing is
assumed of the hazards. Draws reweight patients and refit the propensity as the linked bootstrap
does, and are moved to the spread that halving each patient's weight shows.

References
----------
Cole SR, Hernan MA. Adjusted survival curves with inverse probability weights. Comput Methods
Programs Biomed 2004;75:45-49, doi 10.1016/j.cmpb.2003.10.004.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.errors import ConvergenceError, Fault, SpecificationError
from bayes_ihlrt.names import STRATEGY
from bayes_ihlrt.weighted.analysis import WeightedAnalysis
from bayes_ihlrt.weighted.bootstrap import GROUPS, degrees_of_freedom, widened
from bayes_ihlrt.weighted.models import NO_MODE, Models, Starts

Floats = NDArray[np.float64]
_AT_ONCE: Final = 5_000_000
"""Numbers by draw and row that are held at a time."""


def weighted_survival(
    rows: Mapping[str, NDArray[np.generic]], weights: Floats, horizon: float
) -> tuple[Floats, Floats]:
    """Return survival at a month, and the restricted mean up to it, of weighted rows.

    Parameters
    ----------
    rows : mapping of str to ndarray, shape (rows,)
        ``start``, ``stop`` (months) and ``event`` (0/1).
    weights : ndarray, shape (draws, rows)
        Weights of the rows, 0 or more.
    horizon : float
        Months.

    Returns
    -------
    survival : ndarray, shape (draws,)
        S(horizon).
    months : ndarray, shape (draws,)
        The area below S up to the horizon.

    Raises
    ------
    SpecificationError
        Follow-up ends before the month while survival is above 0.

    Examples
    --------
    >>> rows = {"start": np.zeros(4), "stop": np.array([2.0, 4.0, 6.0, 9.0]),
    ...         "event": np.array([1.0, 1.0, 0.0, 0.0])}
    >>> survival, months = weighted_survival(rows, np.ones((1, 4)), 8.0)
    >>> float(survival[0]), float(months[0])
    (0.5, 5.5)
    """
    start, stop = (rows[name].astype(np.float64) for name in ("start", "stop"))
    died = (rows["event"].astype(np.float64) == 1.0) & (stop <= horizon)
    times, which = np.unique(stop[died], return_inverse=True)
    deaths = np.zeros((len(weights), len(times)))
    np.add.at(deaths.T, which, weights[:, died].T)
    at_risk = _before(start, times, weights) - _before(stop, times, weights)
    # Where nobody at risk has a weight nothing happens either.
    hazard = deaths / np.where(at_risk > 0.0, at_risk, 1.0)
    survival = np.cumprod(np.maximum(1.0 - hazard, 0.0), axis=1)
    _check_followed(stop, horizon, survival)
    before = np.concatenate([np.ones((len(weights), 1)), survival], axis=1)
    widths = np.diff(np.concatenate([[0.0], times, [horizon]]))
    return before[:, -1], before @ widths


def _before(moment: Floats, times: Floats, weights: Floats) -> Floats:
    """Return the weight of the rows whose moment lies before each time."""
    order = np.argsort(moment, kind="stable")
    total = np.concatenate(
        [np.zeros((len(weights), 1)), np.cumsum(weights[:, order], axis=1)], axis=1
    )
    number = np.searchsorted(moment[order], times, side="left")
    return np.asarray(total[:, number])


def _check_followed(stop: Floats, horizon: float, survival: Floats) -> None:
    last = float(stop.max())
    dead = survival.shape[1] > 0 and bool((survival[:, -1] <= 0.0).all())
    if last >= horizon or dead:
        return
    problem = (
        f"months gained up to month {horizon:g} are not known: nobody who keeps to a strategy is "
        f"followed beyond month {last:.3g}"
    )
    remedy = f"Choose a horizon of at most {np.floor(last):g} months"
    raise SpecificationError("clones", [Fault("horizon", problem, remedy)])


def strategy_survival(
    analysis: WeightedAnalysis, horizon: float, *, names: tuple[str, str], draws: int, seed: int
) -> xr.Dataset:
    """Draw survival of both strategies of a clone design.

    Parameters
    ----------
    analysis : WeightedAnalysis
        Clones and the models of their weights.
    horizon : float
        Months.
    names : tuple of str
        What the strategies of untreated and of treated clones are called.
    draws : int
        Number of draws.
    seed : int
        The same seed gives the same draws.

    Returns
    -------
    xarray.Dataset
        ``survival`` at the horizon and ``rmst`` up to it (months), dimensions ``chain`` (one),
        ``draw``, ``strategy``.

    Raises
    ------
    ConvergenceError
        The propensity has no mode in more than one draw of a hundred, or at half a patient's
        weight.
    SpecificationError
        A strategy is not followed up to the horizon.
    """
    models = Models(analysis)
    once = models.at_once()
    rng = np.random.default_rng(seed)
    patients = len(analysis.patients)
    count = min(patients, GROUPS)
    group = np.arange(patients)
    if count < patients:
        group = rng.permutation(patients) % count
    half = 1.0 - 0.5 * (group == np.arange(count)[:, None])
    halved = _curves(models, once.starts, half, None, horizon)
    centre = _curves(models, once.starts, np.ones((1, patients)), None, horizon)
    random = rng.dirichlet(np.ones(patients), draws) * patients
    found = _curves(models, once.starts, random, rng, horizon)
    if len(halved) < count or len(found) < 0.99 * draws:
        raise ConvergenceError(NO_MODE)
    shift = 2.0 * (halved - centre)
    known = degrees_of_freedom(len(models.analysis.patients), groups=GROUPS)
    moved = widened(found, shift.T @ shift, rng, freedom=known).reshape(1, -1, 2, 2)
    dims = ("chain", "draw", STRATEGY)
    return xr.Dataset(
        {"survival": (dims, moved[..., 0]), "rmst": (dims, moved[..., 1])},
        coords={STRATEGY: list(names)},
    )


def _curves(
    models: Models,
    starts: Starts,
    patient: Floats,
    rng: np.random.Generator | None,
    horizon: float,
) -> Floats:
    """Return survival and months of both strategies, shape (draws, 4), of draws with a mode."""
    analysis = models.analysis
    rows = analysis.emulation.person_time
    who = analysis.of_outcome[rows.patient_index]
    size = max(1, _AT_ONCE // rows.n_rows)
    parts = []
    for first in range(0, len(patient), size):
        found, own = models.possible(patient[first : first + size], starts, rng)
        weights = analysis.weights(found.initiation, found.grace, own) * own[:, who]
        both = []
        for arm in (0.0, 1.0):
            kept = analysis.arm == arm
            table = {name: rows.columns[name][kept] for name in ("start", "stop", "event")}
            both += [*weighted_survival(table, weights[:, kept], horizon)]
        parts.append(np.stack(both, axis=1))
    return np.concatenate(parts)
