"""Leave-one-patient-out and leave-one-centre-out, refitted where importance sampling fails.

What a fit tells of patients left out and what its checks tell of them is the same. The posteriors
without some of the patients are members of one batch, and the patients are left out of them by
weights of zero.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import logsumexp

from bayes_ihlrt.batch.compiled import compile_model
from bayes_ihlrt.batch.importance import smooth
from bayes_ihlrt.batch.result import MEMBER, WEIGHT
from bayes_ihlrt.checks.pointwise import Pointwise, group_of_patients, pointwise
from bayes_ihlrt.checks.terms import Values, by_rows, parameter_names
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.limits import MAX_K_HAT
from bayes_ihlrt.model.prepared import PreparedModel

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Refits:
    """Posteriors of one model under several vectors of patient weights.

    Parameters
    ----------
    draws : xarray.Dataset
        Weighted draws, dimensions ``member, draw, ...``; failed members are missing.
    k_hat : ndarray, shape (members,)
        Pareto shape of each; infinite where it failed.
    """

    draws: xr.Dataset
    k_hat: Floats

    @property
    def trusted(self) -> NDArray[np.bool_]:
        """Members whose weights can be trusted (k-hat at most 0.7), shape (members,)."""
        return self.k_hat <= MAX_K_HAT

    def member(self, number: int) -> tuple[dict[str, Floats], Floats]:
        """Return a member's parameters by name, shape (draws, ...), and the draws' weights."""
        own = self.draws.sel({MEMBER: number})
        values = {str(name): array.to_numpy() for name, array in own.data_vars.items()}
        weights = values.pop(WEIGHT)
        # A draw of weight zero may lie where a parameter overflows; it counts for nothing.
        seen = weights > 0.0
        return {name: array[seen] for name, array in values.items()}, weights[seen]


def refit(
    prepared: PreparedModel, person_time: PersonTime, weights: Floats, *, draws: int, seed: int
) -> Refits:
    """Fit a model again under other patient weights.

    The encoding, the knots and the scale of the priors stay those of all patients.

    Parameters
    ----------
    prepared : PreparedModel
        The model.
    person_time : PersonTime
        The rows that were fitted.
    weights : ndarray, shape (members, patients)
        0 leaves a patient out.
    draws : int
        Draws a member.
    seed : int
        Seed.

    Returns
    -------
    Refits
        By the batched engine.
    """
    bound = by_rows(prepared, person_time)
    shared = compile_model(bound)
    # One at a time: another chunk would be compiled anew, for longer than a few dozen fits take.
    found = shared.engine.posteriors(
        shared.members({"weight": weights}),
        keep=parameter_names(bound),
        draws=draws,
        seed=seed,
        chunk=1,
    )
    return Refits(found.draws, found.diagnostics["k_hat"].to_numpy())


REFIT_DRAWS: Final = 4000
_MOST: Final = 20_000_000
"""Draws x patients that are looked at."""


@dataclass(frozen=True, eq=False)
class LeaveOut:
    """Predictive densities of what was left out.

    Parameters
    ----------
    labels : ndarray of str, shape (units,)
        Patients or centres.
    elpd : ndarray, shape (units,)
        Log predictive density of each, given all others.
    k_hat : ndarray, shape (units,)
        Pareto shape of the importance weights, before refitting.
    refitted : ndarray of bool, shape (units,)
        Where the model was fitted again because k-hat was above 0.7.
    unreliable : ndarray of bool, shape (units,)
        Where the new fit is not to be trusted either.
    weights : ndarray, shape (units, draws)
        Importance weight of each draw for the posterior without the unit.
    within : float
        Log predictive density given everybody, each unit included, summed.
    every : int
        Of how many draws one was looked at: of large cohorts not all are.
    below : ndarray, shape (units,), or None
        Of centres: the probability, from the others, of fewer events than the centre had (half of
        that of as many added), given its time at risk.
    """

    labels: NDArray[np.object_]
    elpd: Floats
    k_hat: Floats
    refitted: NDArray[np.bool_]
    unreliable: NDArray[np.bool_]
    weights: Floats
    within: float
    every: int = 1
    below: Floats | None = None

    @property
    def total(self) -> float:
        """Expected log predictive density, summed."""
        return float(self.elpd.sum())

    @property
    def se(self) -> float:
        """Standard error of `total`: sqrt(n) times the standard deviation of the terms."""
        if len(self.elpd) == 1:
            return np.nan
        return float(np.sqrt(len(self.elpd)) * self.elpd.std(ddof=1))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        worst = np.argsort(-self.k_hat)[:10]
        return {
            "elpd": self.total,
            "se": self.se if np.isfinite(self.se) else None,
            "left_out": len(self.elpd),
            "k_above_0.7": int((self.k_hat > MAX_K_HAT).sum()),
            "refitted": int(self.refitted.sum()),
            "unreliable": [str(label) for label in self.labels[self.unreliable]],
            "largest_k": [
                {
                    "left_out": str(self.labels[i]),
                    "k_hat": float(self.k_hat[i]) if np.isfinite(self.k_hat[i]) else None,
                    "elpd": float(self.elpd[i]),
                    "refitted": bool(self.refitted[i]),
                }
                for i in worst
            ],
        }


def leave_out_patients(
    prepared: PreparedModel, values: Values, person_time: PersonTime, *, seed: int
) -> LeaveOut:
    """Leave out every patient.

    elpd_i = log 1 / E[1 / p(y_i | theta, other patients of the centre)] over the posterior, by
    Pareto-smoothed importance sampling; where k-hat is above 0.7 the model is fitted again without
    the patient (or centre) and elpd_i = log E[p(y_i | theta, ...)] over that posterior.

    Parameters
    ----------
    prepared : PreparedModel
        The model.
    values : mapping of str to ndarray, shape (draws, ...)
        Posterior draws.
    person_time : PersonTime
        The rows that were fitted.
    seed : int
        Seed of the new fits.

    Returns
    -------
    LeaveOut
        By patient, the centre's effect integrated out given its other patients.

    References
    ----------
    Vehtari A, Gelman A, Gabry J. Stat Comput 2017;27:1413-1432, doi 10.1007/s11222-016-9696-4.
    """
    units = (np.arange(len(person_time.patients)), person_time.patients)
    return _left_out((prepared, person_time), values, units, seed=seed, centres=False)


def leave_one_out(
    prepared: PreparedModel,
    values: Values,
    person_time: PersonTime,
    *,
    seed: int,
    patients: LeaveOut | None = None,
) -> tuple[LeaveOut, LeaveOut | None]:
    """Leave out every patient, and every centre.

    Parameters
    ----------
    prepared : PreparedModel
        The model.
    values : mapping of str to ndarray, shape (draws, ...)
        Posterior draws.
    person_time : PersonTime
        The rows that were fitted.
    seed : int
        Seed of the new fits.
    patients : LeaveOut, optional
        From `leave_out_patients` of the same draws, where it is there already.

    Returns
    -------
    patients : LeaveOut
        See `leave_out_patients`.
    centres : LeaveOut or None
        By level of the first group term; None without groups, and of an event between scans.
    """
    if patients is None:
        patients = leave_out_patients(prepared, values, person_time, seed=seed)
    group = group_of_patients(prepared, person_time)
    if group is None or person_time.uncertain is not None:
        return patients, None
    levels = prepared.encoder.levels[prepared.spec.outcome.groups[0].group]
    units, fitted = (group, np.asarray(levels, dtype=object)), (prepared, person_time)
    return patients, _left_out(fitted, values, units, seed=seed + 1, centres=True)


def _left_out(
    fitted: tuple[PreparedModel, PersonTime],
    values: Values,
    units: tuple[NDArray[np.intp], NDArray[np.object_]],
    *,
    seed: int,
    centres: bool,
) -> LeaveOut:
    """Leave out units: each is the patients that carry its number."""
    number, labels = units
    draws = len(next(iter(values.values())))
    every = max(1, -(-draws * len(number) // _MOST))
    density = pointwise(fitted[0], {name: v[::every] for name, v in values.items()}, fitted[1])
    log_p = _density(density, centres=centres).T
    weights, k_hat, _ = _smoothed(-log_p)
    elpd = _log_mean(log_p, weights)
    below = None
    if centres and density.group_below is not None:
        below = np.sum(weights * density.group_below.T, axis=1)
    bad = np.flatnonzero(~(k_hat <= MAX_K_HAT))
    unreliable = np.zeros(len(labels), dtype=bool)
    if len(bad):
        kept = (number[None, :] != bad[:, None]).astype(np.float64)
        found = refit(*fitted, kept, draws=REFIT_DRAWS, seed=seed)
        unreliable[bad] = ~found.trusted
        for place in np.flatnonzero(found.trusted):
            own, share = found.member(int(place))
            unit, again = bad[place], pointwise(fitted[0], own, fitted[1])
            elpd[unit] = _log_mean(_density(again, centres=centres)[:, unit], share)
            if below is not None and again.group_below is not None:
                below[unit] = share @ again.group_below[:, unit]
    refitted = np.isin(np.arange(len(labels)), bad) & ~unreliable
    within = float(_log_mean(log_p, np.full(log_p.shape[1], 1.0 / log_p.shape[1])).sum())
    return LeaveOut(labels, elpd, k_hat, refitted, unreliable, weights, within, every, below)


def _smoothed(log_weights: Floats) -> tuple[Floats, Floats, Floats]:
    try:
        return smooth(log_weights)
    except ValueError as error:
        if "All tail values are the same" not in str(error):
            raise
        # Of draws that were let through though they are not to be trusted.
        problem = "the draws are copies of few, or all but a few mean the same"
        raise ConvergenceError(problem, "See why they did not converge") from error


def _density(density: Pointwise, *, centres: bool) -> Floats:
    if not centres:
        return density.by_patient
    if density.by_group is None:
        message = "groups are left out of a model that has none"
        raise AssertionError(message)
    return density.by_group


def _log_mean(log_values: Floats, weights: Floats) -> Floats:
    """Log of the weighted mean over the last axis."""
    with np.errstate(divide="ignore"):
        return np.asarray(logsumexp(np.log(weights) + log_values, axis=-1))
