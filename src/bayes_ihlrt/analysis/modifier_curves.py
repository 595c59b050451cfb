"""Effect, survival and restricted mean survival over the effect modifier, ready to be shown.

What a slider of the report moves: read from the draws of the estimates, at the values of the
specification and at a few more between the outer twentieths of the cohort; curves are averaged
here.
"""

from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.analysis.estimates import (
    also_at,
    observed_values,
    slider_values,
    strategies,
    weigher,
)
from bayes_ihlrt.analysis.fit import FitResult
from bayes_ihlrt.analysis.notes import clock
from bayes_ihlrt.estimands.contrasts import chance_above, finite_or_none, probability, summarise
from bayes_ihlrt.estimands.curves import Strategy, survival
from bayes_ihlrt.estimands.draws import at_value, gained
from bayes_ihlrt.estimands.population import populations_at
from bayes_ihlrt.names import HORIZON, STRATEGY

Floats = NDArray[np.float64]
_MOST_TIMES: Final = 60
_SHOWN: Final = ("median", "q2.5", "q97.5")


def modifier_curves(result: FitResult) -> dict[str, Any]:
    """Return what treatment does at each of several values of the modifier, as plain data.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    dict
        ``months`` of the curves and the ``clock`` that they count from, the ``population`` that is
        averaged over, ``strategies``, ``horizons``, ``values`` of the modifier, and ``sets``: first
        for the population's own values (``at`` None), then for each value; none without values. A
        set has ``survival`` by strategy (``median, q2.5, q97.5`` at each month), ``hazard_ratio``
        and, by horizon, ``survival_at`` and ``rmst`` of each strategy and of their difference,
        months, with ``prob_benefit``. None
        where not defined.
    """
    spec, compared = result.spec, strategies(result.spec)
    values = modifier_values(result)
    end = float(result.checked.person_time.exit_time.max())
    months = whole_months(end)
    asked = (None, *values) if values else ()
    return {
        "months": months.tolist(),
        "clock": clock(result.checked.person_time),
        "population": spec.population.words,
        "strategies": [strategy.name for strategy in compared],
        "horizons": list(spec.estimands.horizons),
        "values": values,
        "sets": _sets(result, months, compared, asked),
    }


def whole_months(end: float) -> Floats:
    """Return the times of curves: whole months, equally far apart, and the last.

    Parameters
    ----------
    end : float
        Last month of follow-up.

    Returns
    -------
    ndarray, shape (times,)
        From zero to `end`; every month where that is 60 times at most.

    Examples
    --------
    >>> whole_months(3.5).tolist(), whole_months(180.0)[:3].tolist()
    ([0.0, 1.0, 2.0, 3.0, 3.5], [0.0, 3.0, 6.0])
    """
    step = max(1.0, np.ceil(end / _MOST_TIMES))
    return np.append(np.arange(0.0, end, step), end)


def modifier_values(result: FitResult) -> list[float]:
    """Return the values of the modifier at which a reader may look.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    list of float
        See `estimates.slider_values`; empty without a modifier or treatment, and where `estimates`
        tells no survival.
    """
    if result.spec.treatment is None or not _tells_survival(result):
        return []
    return slider_values(result.spec, observed_values(result.fit))


def _tells_survival(result: FitResult) -> bool:
    """Whether survival is defined."""
    told = [e.summary["median"] for e in result.estimates if e.estimand == "survival"]
    return all(value is not None for value in told)


def _sets(
    result: FitResult,
    months: Floats,
    compared: tuple[Strategy, ...],
    asked: tuple[float | None, ...],
) -> list[dict[str, Any]]:
    if not asked:
        return []
    fit, spec, weigh = result.fit, result.spec, weigher(result.spec, result.propensity)
    patients = populations_at(fit, asked, weights=weigh(fit))
    drawn = also_at(result.draws, asked, fit, spec, weights=weigh(fit))
    before, expected = result.before, result.draws_before
    if before is not None and expected is not None:
        expected = also_at(expected, asked, before, spec, weights=weigh(before))
    return [
        _set_of(
            result,
            (at, summarise(survival(fit, months, compared, population=population))),
            after=at_value(drawn, at),
            before=None if expected is None else at_value(expected, at),
        )
        for at, population in zip(asked, patients, strict=True)
    ]


def _set_of(
    result: FitResult,
    drawn: tuple[float | None, xr.Dataset],
    *,
    after: xr.Dataset,
    before: xr.Dataset | None,
) -> dict[str, Any]:
    at, curves = drawn
    start = strategies(result.spec)[-1].start
    told = {"survival_at": "survival", "rmst": "rmst"}
    return {
        "at": at,
        "hazard_ratio": _hazard_ratio(after, before),
        "survival": {
            name: {
                shown: curves[shown].sel({STRATEGY: name}).to_numpy().tolist() for shown in _SHOWN
            }
            for name in after[STRATEGY].to_numpy().tolist()
        },
        **{
            name: [
                _compared(
                    after[estimand].sel({HORIZON: month}, drop=True),
                    month,
                    same=month <= start,
                    before=None
                    if before is None
                    else before[estimand].sel({HORIZON: month}, drop=True),
                )
                for month in result.spec.estimands.horizons
            ]
            for name, estimand in told.items()
        },
    }


def _hazard_ratio(after: xr.Dataset, before: xr.Dataset | None) -> dict[str, float | None]:
    """Hazard ratio, and the prior probability that treatment lowers the hazard."""
    draws, chance = after["log_hazard_ratio"], None
    if before is not None:
        values = before["log_hazard_ratio"].to_numpy()
        chance = float(chance_above(np.zeros_like(values), values).mean())
    return {
        **_row(xr.apply_ufunc(np.exp, draws)),
        "prob_benefit": finite_or_none(probability(draws < 0.0)),
        "prior_prob_benefit": chance,
    }


def _compared(
    draws: xr.DataArray, month: float, *, same: bool, before: xr.DataArray | None
) -> dict[str, Any]:
    """Each strategy, and the difference of two: treated less never."""
    names = [str(name) for name in draws[STRATEGY].to_numpy()]
    found: dict[str, Any] = {
        "horizon": month,
        **{name: _row(draws.sel({STRATEGY: name}, drop=True)) for name in names},
    }
    if len(names) == 2:
        gain = gained(draws)
        benefit = None if same else finite_or_none(probability(gain > 0.0))
        found["difference"] = {**_row(gain), "prob_benefit": benefit}
        if before is not None and not same:
            prior = [before.sel({STRATEGY: name}).to_numpy() for name in names]
            found["difference"]["prior_prob_benefit"] = float(
                chance_above(prior[1], prior[0]).mean()
            )
    return found


def _row(draws: xr.DataArray) -> dict[str, float | None]:
    summary = summarise(draws)
    return {name: finite_or_none(summary[name]) for name in _SHOWN}
