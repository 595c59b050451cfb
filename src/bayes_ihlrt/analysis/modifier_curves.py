"""Effect, survival and restricted mean survival over the effect modifier, ready to be shown.

What a slider of the report moves: computed once from all draws, at the values of the specification
and at a few more between the outer twentieths of the cohort.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.analysis.estimates import strategies, weigher
from bayes_ihlrt.analysis.fit import FitResult, modifier_of_patients
from bayes_ihlrt.analysis.notes import clock
from bayes_ihlrt.estimands.contrasts import chance_above, finite_or_none, probability, summarise
from bayes_ihlrt.estimands.curves import Strategy, restricted_means, survival
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.population import Population, populations_at
from bayes_ihlrt.names import STRATEGY, TIME, ModifierTransform
from bayes_ihlrt.posterior.fitted import FittedModel

Floats = NDArray[np.float64]
_MOST_TIMES: Final = 60
_VALUES: Final = 7
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
        Increasing, on the scale of the data: the specification's values and the reference, where
        the cohort has such values, and seven from the 5 % to the 95 % quantile of the cohort,
        equally spaced on the scale of the model and rounded to two digits. Empty without a
        modifier or treatment, and where `estimates` tells no survival.
    """
    modifier, observed = result.spec.modifier, modifier_of_patients(result)
    if modifier is None or result.spec.treatment is None or not _tells_survival(result):
        return []
    low, high = (float(q) for q in np.quantile(observed, [0.05, 0.95]))
    space = np.geomspace if modifier.transform is ModifierTransform.LOG2 else np.linspace
    between = [float(f"{value:.2g}") for value in space(low, high, _VALUES)]
    # Rounding may carry a value beyond the cohort, where splines are not defined.
    asked = {*between, modifier.reference, *result.spec.estimands.at}
    return sorted(value for value in asked if observed.min() <= value <= observed.max())


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
    weigh = weigher(result.spec, result.propensity)
    weights = weigh(result.fit)
    after = populations_at(result.fit, asked, weights=weights)
    before: Iterable[Population | None] = itertools.repeat(None, len(asked))
    if result.before is not None:
        before = populations_at(result.before, asked, weights=weigh(result.before))
    ratios = _hazard_ratios(result, asked, weights)
    return [
        {
            "at": at,
            "hazard_ratio": ratio,
            **_set_of(result, months, compared, after=patients, before=expected),
        }
        for at, ratio, patients, expected in zip(asked, ratios, after, before, strict=True)
    ]


def _set_of(
    result: FitResult,
    months: Floats,
    compared: tuple[Strategy, ...],
    *,
    after: Population,
    before: Population | None,
) -> dict[str, Any]:
    fit, horizons = result.fit, result.spec.estimands.horizons
    curves = summarise(survival(fit, months, compared, population=after))
    by_horizon = _by_horizon(fit, horizons, compared, after)
    expected = None
    if result.before is not None and before is not None:
        expected = _by_horizon(result.before, horizons, compared, before)
    start = compared[-1].start
    return {
        "survival": {
            strategy.name: {
                name: curves[name].sel({STRATEGY: strategy.name}).to_numpy().tolist()
                for name in _SHOWN
            }
            for strategy in compared
        },
        **{
            name: [
                _compared(
                    draws,
                    month,
                    same=month <= start,
                    before=None if expected is None else expected[name][place],
                )
                for place, (month, draws) in enumerate(zip(horizons, found, strict=True))
            ]
            for name, found in by_horizon.items()
        },
    }


def _hazard_ratios(
    result: FitResult, asked: tuple[float | None, ...], weights: Floats | None
) -> list[dict[str, float | None]]:
    """Hazard ratio at each value, and the prior probability that treatment lowers the hazard."""
    found = []
    before: list[xr.DataArray | None] = [None] * len(asked)
    if result.before is not None:
        own = weigher(result.spec, result.propensity)(result.before)
        before = list(_log_hazard_ratios(result.before, asked, own))
    for draws, prior in zip(_log_hazard_ratios(result.fit, asked, weights), before, strict=True):
        chance = None
        if prior is not None:
            values = prior.to_numpy()
            chance = float(chance_above(np.zeros_like(values), values).mean())
        found.append(
            {
                **_row(xr.apply_ufunc(np.exp, draws)),
                "prob_benefit": finite_or_none(probability(draws < 0.0)),
                "prior_prob_benefit": chance,
            }
        )
    return found


def _log_hazard_ratios(
    fit: FittedModel, asked: tuple[float | None, ...], weights: Floats | None
) -> Iterator[xr.DataArray]:
    values = [at for at in asked if at is not None]
    at_values = log_hazard_ratio(fit, values, weights=weights)
    place = iter(range(len(values)))
    for at in asked:
        if at is None:
            yield log_hazard_ratio(fit, weights=weights)
        else:
            yield at_values.isel({at_values.dims[-1]: next(place)}, drop=True)


def _by_horizon(
    fit: FittedModel,
    horizons: tuple[float, ...],
    compared: tuple[Strategy, ...],
    patients: Population,
) -> dict[str, list[xr.DataArray]]:
    at_horizons = survival(fit, horizons, compared, population=patients)
    months = restricted_means(fit, horizons, compared, population=patients)
    return {
        "survival_at": [at_horizons.sel({TIME: month}, drop=True) for month in horizons],
        "rmst": [months.sel({TIME: month}, drop=True) for month in horizons],
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
        never, treated = (draws.sel({STRATEGY: name}, drop=True) for name in names)
        benefit = None if same else finite_or_none(probability(treated > never))
        found["difference"] = {**_row(treated - never), "prob_benefit": benefit}
        if before is not None and not same:
            prior = [before.sel({STRATEGY: name}).to_numpy() for name in names]
            found["difference"]["prior_prob_benefit"] = float(
                chance_above(prior[1], prior[0]).mean()
            )
    return found


def _row(draws: xr.DataArray) -> dict[str, float | None]:
    summary = summarise(draws)
    return {name: finite_or_none(summary[name]) for name in _SHOWN}
