"""The one likelihood: a patient-level observed variable over flat rows of person-time.

For patient i with rows r, weight w_i, event indicator d_r and row weight c_r

    log L_i = w_i sum_r { d_r [log h0(stop_r) + x_r'b] - c_r exp(x_r'b) [H0(stop_r) - H0(start_r)] }

which is exact for right censoring, delayed entry and covariates that change between rows. Where the
event of patient i happened between two scans, at the ends of rows, the rows I between them count
together,

    log L_i = w_i { -sum_(r not in I) c_r H_r + log[1 - exp(-sum_(r in I) c_r H_r)] }

with H_r = exp(x_r'b) [H0(stop_r) - H0(start_r)]: that is log[S(last scan without) - S(scan with)],
whatever changes in between, less the log of S at entry.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.tensor import TensorVariable

from bayes_ihlrt.errors import BayesIhlrtError
from bayes_ihlrt.hazards.protocol import Hazard
from bayes_ihlrt.model.arrays import PATTERN, UNCERTAIN

Floats = NDArray[np.float64]
_SIGNATURE = "(r),(r),(r),(r),(r),(r),(p),(p),(r),(r),(k)->(p)"
_BETWEEN_SCANS = _SIGNATURE.replace("->", ",(r)->")
_LEAST_RISK = 1e-300
"""Hazard between two scans below which its logarithm could not be computed."""


def observe(
    hazard: Hazard,
    theta: Mapping[str, TensorVariable],
    eta: TensorVariable,
    data: Mapping[str, TensorVariable],
    *,
    unit: str,
    from_zero: bool = False,
) -> TensorVariable:
    """Add the observed exit times to the model on the stack.

    Parameters
    ----------
    hazard : Hazard
        Baseline hazard.
    theta : mapping of str to TensorVariable
        Its parameters.
    eta : TensorVariable, shape (rows,)
        Linear predictor, log hazard ratio.
    data : mapping of str to TensorVariable
        The graph's data.
    unit : str
        ``"patient"`` or ``"pattern"``.
    from_zero : bool
        Every row begins at time zero.

    Returns
    -------
    TensorVariable, shape (patients,)
        The observed variable ``time``. Its density is that of the exit times in the data and is
        minus infinity elsewhere: the rows would have to change with the exit time.
    """
    shortcut = getattr(hazard, "cumulative_from_zero", None) if from_zero else None
    cumulative = shortcut or hazard.cumulative_hazard
    flat = pt.concatenate([pt.atleast_1d(theta[name]) for name in hazard.parameters])
    between = [data[UNCERTAIN]] if UNCERTAIN in data else []
    return pm.CustomDist(
        "time",
        hazard.log_hazard(pt, data["hazard_basis"], theta),
        cumulative(pt, data["increment_basis"], theta),
        eta,
        data["event"],
        data["exposure"],
        data["row_unit"],
        data["weight"],
        data["exit_time"],
        data["start"],
        data["stop"],
        flat,
        *between,
        logp=_between_scans if between else _log_likelihood,
        random=_refuse_patterns if unit == PATTERN else _simulator(hazard),
        signature=_BETWEEN_SCANS if between else _SIGNATURE,
        observed=data["exit_time"],
        dims=unit,
    )


def _log_likelihood(value: TensorVariable, *parameters: TensorVariable) -> TensorVariable:
    log_hazard, increment, eta, event, exposure, row_unit, weight, exit_time = parameters[:8]
    rows = event * (log_hazard + eta) - exposure * pt.exp(eta) * increment
    units = pt.inc_subtensor(pt.zeros_like(exit_time)[row_unit], rows)
    return pt.switch(pt.eq(value, exit_time), weight * units, -np.inf)


def _between_scans(value: TensorVariable, *parameters: TensorVariable) -> TensorVariable:
    log_hazard, increment, eta, event, exposure, row_unit, weight, exit_time = parameters[:8]
    uncertain = parameters[-1]
    risk = exposure * pt.exp(eta) * increment
    rows = (1.0 - uncertain) * (event * (log_hazard + eta) - risk)
    zeros = pt.zeros_like(exit_time)
    units = pt.inc_subtensor(zeros[row_unit], rows)
    between = pt.inc_subtensor(zeros[row_unit], uncertain * risk)
    units = units + log_found(between, pt.inc_subtensor(zeros[row_unit], uncertain))
    return pt.switch(pt.eq(value, exit_time), weight * units, -np.inf)


def log_found(risk: TensorVariable, rows: TensorVariable) -> TensorVariable:
    """Return log(1 - exp(-risk)): that an event happened between two scans.

    Parameters
    ----------
    risk : TensorVariable
        Cumulative hazard between them.
    rows : TensorVariable
        Rows between them; 0 for a patient without an event between scans.

    Returns
    -------
    TensorVariable
        Accurate for small and large risks, in value and derivatives; 0 without rows.
    """
    found, low = pt.gt(rows, 0.0), risk < np.log(2.0)
    small = pt.log(-pt.expm1(-pt.switch(found & low, pt.maximum(risk, _LEAST_RISK), 1.0)))
    large = pt.log1p(-pt.exp(-pt.switch(low, 1.0, risk)))
    return pt.switch(found, pt.switch(low, small, large), 0.0)


def _simulator(hazard: Hazard) -> Callable[..., Floats]:
    """Return the random generator of the observed variable for one hazard."""

    def random(*parameters: Floats, rng: np.random.Generator, size: object = None) -> Floats:
        del size  # the number of patients is that of the data
        _, increment, eta, _, _, row_unit, _, exit_time, start, _, flat = parameters[:11]
        rows = (start, increment, eta, row_unit.astype(np.int64))
        target = rng.exponential(size=len(exit_time))
        return event_times(hazard, unflatten(hazard, flat), target, rows=rows)

    return random


def event_times(
    hazard: Hazard,
    theta: Mapping[str, Floats],
    target: Floats,
    *,
    rows: tuple[Floats, Floats, Floats, NDArray[np.int64]],
) -> Floats:
    """Return the times at which patients' cumulative hazards reach their targets.

    Covariates follow the patient's rows and stay as in the last row after it, so a time may lie
    beyond the end of follow-up: censor it where the design censors.

    Parameters
    ----------
    hazard : Hazard
        Baseline hazard.
    theta : mapping of str to ndarray
        Its parameters, one draw.
    target : ndarray, shape (patients,)
        Standard exponential variates: cumulative hazards since entry.
    rows : tuple of ndarray, each of shape (rows,)
        Start (months), baseline increment H0(stop) - H0(start), linear predictor, patient number.

    Returns
    -------
    ndarray, shape (patients,)
        Event times, months since time zero; infinite where the target is never reached.
    """
    start, increment, eta, patient = rows
    # No standard exponential variate comes near 1,000; larger sums would swallow later patients.
    risk = np.minimum(np.exp(eta) * increment, 1e3)
    total = np.cumsum(risk)
    first = np.flatnonzero(np.diff(patient, prepend=-1))
    before = total - risk - (total - risk)[first][patient]
    reached = (before + risk > target[patient]) | (np.diff(patient, append=-1) != 0)
    hit = np.full(len(target), len(patient))
    np.minimum.at(hit, patient[reached], np.flatnonzero(reached))
    remaining = np.maximum(target - before[hit], 0.0) * np.exp(-eta[hit])
    return np.asarray(hazard.time_at(np, start[hit], remaining, theta), dtype=np.float64)


def unflatten(hazard: Hazard, flat: Floats) -> dict[str, Floats]:
    """Split a vector into a hazard's parameters, in the order of `hazard.parameters`."""
    theta: dict[str, Floats] = {}
    position = 0
    for name in hazard.parameters:
        shape = hazard.shapes[name]
        width = int(np.prod(shape, dtype=int))
        theta[name] = flat[position : position + width].reshape(shape)
        position += width
    return theta


def _refuse_patterns(*_: object, **__: object) -> Floats:
    message = (
        "event times of single patients cannot be drawn from a model that was reduced to "
        "sufficient statistics"
    )
    raise BayesIhlrtError(message)
