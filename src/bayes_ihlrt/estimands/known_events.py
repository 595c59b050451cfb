r"""How many events a hazard without treatment is known by, and what others add to them.

d events tell a log hazard with variance 1 / d: a variance v is that of K = 1 / v events. With draws
x of mean m, K moves with each of them by

.. math:: I = -\frac{(x - m)^2 - v}{v^2},

so that its Monte Carlo error is that of the mean of I, and the error of a difference of two such
numbers is that of the mean of their difference, draw by draw, whatever random numbers they share.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr

from bayes_ihlrt.estimands.averaging import spent
from bayes_ihlrt.estimands.contrasts import diagnostics
from bayes_ihlrt.estimands.population import sample_population
from bayes_ihlrt.posterior.fitted import FittedModel

_TIMES: Final = tuple(share / 10.0 for share in range(1, 11))
"""Quantiles of the times of events at which a hazard is looked at."""
_TOLD: Final = 2.0
"""Monte Carlo standard errors from zero at which a sign is told."""


@dataclass(frozen=True, eq=False)
class KnownEvents:
    """Events that a hazard without treatment is known by.

    Parameters
    ----------
    number : float
        1 / variance.
    influence : xarray.DataArray
        What each draw moves it by, dimensions ``chain, draw``.
    error : float or None
        Monte Carlo error of a mean of these draws in standard deviations; None of chains.
    """

    number: float
    influence: xr.DataArray
    error: float | None


@dataclass(frozen=True)
class AddedEvents:
    """Events that others add to what is known without treatment.

    Parameters
    ----------
    number : float
        Below 0 where less is known with them.
    error : float
        Its Monte Carlo standard error.

    Examples
    --------
    >>> AddedEvents(12.0, 1.5).sign, AddedEvents(0.4, 1.5).sign, AddedEvents(-9.0, 1.5).sign
    (1, 0, -1)
    """

    number: float
    error: float

    @property
    def sign(self) -> int:
        """1 or -1; 0 where the number is within two standard errors of 0."""
        if not abs(self.number) > _TOLD * self.error:
            return 0
        return 1 if self.number > 0.0 else -1


def known_events(fit: FittedModel) -> KnownEvents:
    """Return how many events the hazard without treatment is known by.

    The log cumulative hazard without treatment of one patient, the average of those who had the
    event without it, is read at the time at which it is known best, where what is not known of the
    hazard's shape adds least. Survival averaged over patients would not do: the more they differ,
    the less of the hazard's uncertainty it shows.

    Parameters
    ----------
    fit : FittedModel
        The posterior, with the rows of the cohort.

    Returns
    -------
    KnownEvents
        What a prior adds is in it, and gone from the difference of two such numbers.
    """
    rows = fit.person_time
    stop, event = (rows.columns[name].astype(np.float64) for name in ("stop", "event"))
    times = np.unique(np.quantile(stop[event > 0.0], _TIMES))
    own = np.bincount(rows.patient_index, event * _untreated(fit), len(rows.patients))
    patients = sample_population(fit, weights=own if own.any() else None)
    predictor, shares = patients.condensed_untreated
    with np.errstate(divide="ignore", over="ignore"):
        level = np.log(spent(fit, 0.0, times))
    drawn = level + (predictor * shares).sum(axis=1)[:, None]
    variance = drawn.var(axis=0)
    best = drawn[:, int(np.where(np.isfinite(variance), variance, np.inf).argmin())]
    v = float(best.var())
    sizes = fit.posterior.sizes
    moved = -((best - best.mean()) ** 2 - v) / v**2
    influence = xr.DataArray(
        moved.reshape(sizes["chain"], sizes["draw"]), dims=("chain", "draw"), name="value"
    )
    return KnownEvents(1.0 / v, influence, fit.convergence.error)


def added_events(with_them: FittedModel, alone: FittedModel) -> AddedEvents:
    """Return what others add to the events that a hazard without treatment is known by.

    Parameters
    ----------
    with_them, alone : FittedModel
        Two posteriors of one cohort, with as many chains and draws.

    Returns
    -------
    AddedEvents
        The difference of `known_events`, with its Monte Carlo error.
    """
    more, less = known_events(with_them), known_events(alone)
    moved = more.influence - less.influence
    errors = [each.error for each in (more, less) if each.error is not None]
    if errors:
        error = float(moved.std()) * max(errors)
    else:
        found = diagnostics(moved.to_dataset(name="value"))["value"]
        error = float(found.sel(diagnostic="mcse_mean"))
    return AddedEvents(more.number - less.number, error)


def _untreated(fit: FittedModel) -> np.ndarray:
    """1 in rows without treatment."""
    rows, treatment = fit.person_time, fit.prepared.spec.treatment
    given = rows.columns.get(str(treatment), np.zeros(rows.n_rows))
    return np.asarray(given.astype(np.float64) == 0.0, dtype=np.float64)
