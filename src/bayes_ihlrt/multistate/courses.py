"""Survival under strategies from state occupation, their contrasts, the natural-course check."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.estimands.contrasts import contrast
from bayes_ihlrt.estimands.product_limit import kaplan_meier
from bayes_ihlrt.multistate.fit import TransitionFit
from bayes_ihlrt.multistate.occupation import STATE, state_occupation
from bayes_ihlrt.multistate.states import AS_OBSERVED, UNTREATED
from bayes_ihlrt.names import STRATEGY, TIME
from bayes_ihlrt.spec.states import Transition

Floats = NDArray[np.float64]
ENDPOINT: Final = "endpoint"


def strategy_survival(occupation: xr.Dataset) -> xr.Dataset:
    """Return survival and restricted mean survival under each strategy.

    S^a(t) is the probability of all states that are event-free, and RMST^a(t) the expected months
    in them up to t.

    Parameters
    ----------
    occupation : xarray.Dataset
        From `state_occupation`.

    Returns
    -------
    xarray.Dataset
        ``survival`` and ``rmst`` (months), dimensions ``chain, draw, strategy, time, endpoint``.
        The endpoint is ``"event"``; where progression is a state also
        ``"progression or event"``.
    """
    free = occupation["event_free"]
    endpoints = {"event": free}
    if bool(occupation["progressed"].any()):
        endpoints["progression or event"] = free & ~occupation["progressed"]
    parts = [occupation.where(states, 0.0).sum(STATE) for states in endpoints.values()]
    joined: xr.Dataset = xr.concat(parts, dim=xr.Variable(ENDPOINT, list(endpoints)))
    ordered = joined.transpose("chain", "draw", STRATEGY, TIME, ENDPOINT)
    return ordered.rename({"probability": "survival", "months": "rmst"})


def strategy_contrasts(occupation: xr.Dataset, reference: str = UNTREATED.name) -> xr.Dataset:
    """Return differences in survival and in restricted mean survival between strategies.

    Parameters
    ----------
    occupation : xarray.Dataset
        From `state_occupation`, with the reference among its strategies.
    reference : str
        Name of the strategy that is subtracted from each of the others.

    Returns
    -------
    xarray.Dataset
        ``survival`` and ``rmst`` (months), as from `strategy_survival`, above 0 where the strategy
        is better than the reference.

    Raises
    ------
    SpecificationError
        When the reference is not among the strategies, or there is no other.
    """
    return strategy_survival(occupation).map(contrast, reference=reference)


def natural_course(fit: TransitionFit, times: Sequence[float] | Floats) -> xr.Dataset:
    """Compare survival as the model has it, treatment as observed, with the product-limit curve.

    A model whose natural course does not reproduce the cohort's own survival cannot be trusted
    under other strategies. It should do so within the posterior's width wherever many are at risk,
    and where follow-up does not end for reasons that covariates explain.

    Parameters
    ----------
    fit : TransitionFit
        Posteriors of all transitions.
    times : sequence of float, shape (times,)
        Months since therapy start.

    Returns
    -------
    xarray.Dataset
        ``survival`` and ``difference`` (survival less `observed`) over ``chain, draw, time``, to be
        reduced by `summarise`; ``observed`` (product-limit estimate), ``standard_error`` (its own,
        by Greenwood's formula) and ``at_risk`` (patients) over ``time``.

    References
    ----------
    Young JG, Cain LE, Robins JM, O'Reilly EJ, Hernan MA. Stat Biosci 2011;3:119-143,
    doi 10.1007/s12561-011-9040-7.
    """
    occupation = state_occupation(fit, times, [AS_OBSERVED])
    endpoint = strategy_survival(occupation)["survival"].sel({ENDPOINT: "event"}, drop=True)
    model = endpoint.isel({STRATEGY: 0}, drop=True)
    observed = _product_limit(fit, model[TIME].to_numpy())
    return observed.assign(survival=model, difference=model - observed["observed"])


def _product_limit(fit: TransitionFit, grid: Floats) -> xr.Dataset:
    kinds = [Transition.EVENT, Transition.AFTER_PROGRESSION]
    tables = [fit.data.rows[kind].columns for kind in kinds if kind in fit.data.rows]
    start, stop, event = (
        np.concatenate([table[name].astype(np.float64) for table in tables])
        for name in ("start", "stop", "event")
    )
    curve = kaplan_meier(start, stop, event)
    steps, survival = curve[TIME].to_numpy(), curve["survival"].to_numpy()
    fewer = np.append(1.0, survival[1:] / np.where(survival[:-1] > 0.0, survival[:-1], 1.0))
    # d / (n (n - d)) of Greenwood's formula, with d / n = 1 - fewer.
    left = curve["at_risk"].to_numpy() * fewer
    terms = np.where(left > 0.0, (1.0 - fewer) / np.where(left > 0.0, left, 1.0), 0.0)
    last = np.searchsorted(steps, grid, side="right") - 1
    error = survival * np.sqrt(np.cumsum(terms))
    at_risk = ((start < grid[:, None]) & (stop >= grid[:, None])).sum(axis=1)
    return xr.Dataset(
        {
            "observed": (TIME, survival[last]),
            "standard_error": (TIME, error[last]),
            "at_risk": (TIME, at_risk),
        },
        coords={TIME: grid},
    )
