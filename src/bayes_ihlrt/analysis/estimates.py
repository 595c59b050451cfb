"""Every estimand of an analysis, whom it averages over, and its summary.

Draws come first; they are reduced together at the end.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.analysis.propensity import PropensityResult
from bayes_ihlrt.estimands.contrasts import chance_above, finite_or_none, summarise
from bayes_ihlrt.estimands.curves import (
    NEVER,
    Strategy,
    labelled,
    restricted_means,
    survival,
    survival_quantile,
    treated_from,
)
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.mitigation import Weigh, equally
from bayes_ihlrt.estimands.population import (
    Population,
    bootstrap_weights,
    populations_at,
    time_zero_weights,
    treated_weights,
    undefined_survival,
)
from bayes_ihlrt.names import STRATEGY, TIME, EstimandTarget
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.estimands import PopulationKind

Floats = NDArray[np.float64]
AS_OBSERVED: Final = Strategy("as observed", math.inf)
"""Of a model without treatment: its patients as they are."""
RATIO: Final = "treated / untreated"


@dataclass(frozen=True)
class Estimate:
    """One posterior quantity with its summary.

    Parameters
    ----------
    estimand : str
        ``hazard_ratio``, ``survival``, ``rmst`` (months), ``median_survival`` (months),
        ``survival_quantile_0.25`` and the like (months by which that share has had the event), or
        ``number_needed_to_treat``.
    strategy : str or None
        The strategy that it describes; None for a contrast.
    contrast : str or None
        What is compared; None for one strategy.
    horizon : float or None
        Months since time zero; None where the estimand has none.
    at : float or None
        Value of the effect modifier, on the scale of the data; None for the cohort's own values.
    population : str
        Whose covariates are averaged over.
    summary : dict of str to (float or None)
        ``mean, sd, median, q2.5, q97.5``; None where not defined or infinite.
    prob_benefit : float or None
        Posterior probability that treatment is better: a hazard ratio below 1, a difference above
        0. None for one strategy, for the same ones, and where a median is not reached by either.
    prior_prob_benefit : float or None
        The same before the data.
    """

    estimand: str
    strategy: str | None
    contrast: str | None
    horizon: float | None
    at: float | None
    population: str
    summary: dict[str, float | None]
    prob_benefit: float | None
    prior_prob_benefit: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data with one level."""
        about = ("estimand", "strategy", "contrast", "horizon", "at", "population")
        chances = ("prob_benefit", "prior_prob_benefit")
        return {
            **{name: getattr(self, name) for name in about},
            **self.summary,
            **{name: getattr(self, name) for name in chances},
        }


@dataclass(frozen=True)
class Quantity:
    """One quantity before its draws are reduced.

    Parameters
    ----------
    estimand : str
        Name.
    draws : ndarray, shape (chain, draw)
        Draws.
    strategy, contrast : str or None
        As in `Estimate`.
    horizon, at : float or None
        As in `Estimate`.
    benefit : ndarray, shape (chain, draw), optional
        Where treatment is better, as `chance_above` counts; None where that is no question.
    undefined : bool
        Whether some draws are no number, so that there is no probability.
    """

    estimand: str
    draws: Floats
    strategy: str | None = None
    contrast: str | None = None
    horizon: float | None = None
    at: float | None = None
    benefit: Floats | None = None
    undefined: bool = False


def strategies(spec: AnalysisSpec) -> tuple[Strategy, ...]:
    """Return the treatment strategies that an analysis compares.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.

    Returns
    -------
    tuple of Strategy
        Never and treated; for a model without treatment its patients as observed.
    """
    if spec.treatment is None:
        return (AS_OBSERVED,)
    return NEVER, treated_from(spec.treat_from)


def estimate_all(
    fit: FittedModel,
    spec: AnalysisSpec,
    *,
    weights: Floats | None = None,
    prior: tuple[FittedModel, Floats | None] | None = None,
) -> tuple[Estimate, ...]:
    """Return every estimand that a specification asks for.

    Hazard ratios for the population's own modifier values, at each value of the modifier and at its
    reference, all else averaged over the population; survival, restricted mean
    survival, median and other quantiles of survival under each strategy and their difference, and
    the number needed to treat, for the cohort's own modifier values and with everybody's modifier
    set to each value.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    spec : AnalysisSpec
        Horizons, modifier values, strategies.
    weights : ndarray, shape (patients,) or (samples, patients), optional
        What each patient weighs in the averages; equal weights by default.
    prior : tuple of FittedModel and ndarray, optional
        The model with draws of its prior, and its weights, for probabilities before the data.

    Returns
    -------
    tuple of Estimate
        In that order.
    """
    rows = _rows(fit, spec, weights)
    before = None if prior is None else _rows(prior[0], spec, prior[1])
    found = reduced(rows, before, population=spec.population.value)
    return found + tuple(needed_to_treat(each) for each in found if _is_gain(each))


def reduced(
    rows: Sequence[Quantity], before: Sequence[Quantity] | None, *, population: str
) -> tuple[Estimate, ...]:
    """Return the summaries of quantities, reduced together.

    Parameters
    ----------
    rows : sequence of Quantity
        Draws.
    before : sequence of Quantity, optional
        The same before the data.
    population : str
        Whose covariates were averaged over.

    Returns
    -------
    tuple of Estimate
        In the same order.
    """
    expected: list[float | None] = [None] * len(rows)
    if before is not None:
        expected = [_chance(row) for row in before]
    summary = summarise(_stacked([row.draws for row in rows]))
    return tuple(
        Estimate(
            row.estimand,
            row.strategy,
            row.contrast,
            row.horizon,
            row.at,
            population,
            {str(name): finite_or_none(summary[name][i]) for name in summary.data_vars},
            None if row.undefined else _chance(row),
            expected[i],
        )
        for i, row in enumerate(rows)
    )


def _rows(fit: FittedModel, spec: AnalysisSpec, weights: Floats | None) -> list[Quantity]:
    rows = [] if spec.treatment is None else hazard_ratios(fit, spec, weights)
    asked = (None, *spec.estimands.at)
    if undefined_survival(fit):
        # The rows stay, without values, so that a reader sees what is not told.
        return rows + [row for at in asked for row in _undefined(fit, spec, at)]
    for at, patients in zip(asked, populations_at(fit, asked, weights=weights), strict=True):
        rows += _standardised(fit, spec, at, patients)
    return rows


def _chance(row: Quantity) -> float | None:
    return None if row.benefit is None else float(row.benefit.mean())


def _is_gain(found: Estimate) -> bool:
    return found.estimand == "survival" and found.prob_benefit is not None


def needed_to_treat(found: Estimate) -> Estimate:
    """Return the number needed to treat that belongs to a difference in survival.

    Parameters
    ----------
    found : Estimate
        Difference in survival at a month.

    Returns
    -------
    Estimate
        1 over the difference's median and 95 % limits, turned round: ``q2.5`` belongs to the upper
        limit. Negative numbers harm; where the limits have different signs the interval runs
        through infinity. No mean and no standard deviation: draws of it have none.
    """
    parts = {name: found.summary[name] for name in ("median", "q2.5", "q97.5")}
    over = {name: finite_or_none(1.0 / v) if v else None for name, v in parts.items()}
    summary = {"mean": None, "sd": None, "median": over["median"]}
    summary |= {"q2.5": over["q97.5"], "q97.5": over["q2.5"]}
    return replace(found, estimand="number_needed_to_treat", summary=summary)


def hazard_ratios(fit: FittedModel, spec: AnalysisSpec, weights: Floats | None) -> list[Quantity]:
    """Return the hazard ratio of treatment: averaged, and at values of the modifier.

    Parameters
    ----------
    fit : FittedModel
        The posterior of a model with the treatment.
    spec : AnalysisSpec
        Modifier and its values.
    weights : ndarray or None
        What each patient weighs.

    Returns
    -------
    list of Quantity
        For the population's own values first, then by value.
    """
    values: list[float | None] = [None]
    draws = log_hazard_ratio(fit, weights=weights).to_numpy()[..., None]
    if spec.modifier is not None:
        at = sorted({spec.modifier.reference, *spec.estimands.at})
        values += at
        conditional = log_hazard_ratio(fit, at, weights=weights).to_numpy()
        draws = np.concatenate([draws, conditional], axis=-1)
    return [
        Quantity(
            "hazard_ratio",
            np.exp(draws[..., i]),
            contrast=RATIO,
            at=value,
            benefit=chance_above(np.zeros_like(draws[..., i]), draws[..., i]),
        )
        for i, value in enumerate(values)
    ]


def _standardised(
    fit: FittedModel, spec: AnalysisSpec, at: float | None, patients: Population
) -> list[Quantity]:
    """Survival quantities of each strategy and their difference, at one modifier value."""
    compared, horizons = strategies(spec), spec.estimands.horizons
    curves = survival(fit, horizons, compared, population=patients)
    draws: dict[tuple[str, float | None], xr.DataArray] = {}
    for h in horizons:
        draws["survival", h] = curves.sel({TIME: h}, drop=True)
    months = restricted_means(fit, horizons, compared, population=patients)
    for h in horizons:
        draws["rmst", h] = months.sel({TIME: h}, drop=True)
    for name, share in _shares(spec).items():
        draws[name, None] = survival_quantile(fit, share, compared, population=patients)
    return _told(draws, start=compared[-1].start, at=at)


def _undefined(fit: FittedModel, spec: AnalysisSpec, at: float | None) -> list[Quantity]:
    compared = strategies(spec)
    samples = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    nothing = labelled(fit, np.full((samples, len(compared)), np.nan), compared)
    asked: list[tuple[str, float | None]] = [
        (name, horizon) for name in ("survival", "rmst") for horizon in spec.estimands.horizons
    ]
    asked += [(name, None) for name in _shares(spec)]
    return _told(dict.fromkeys(asked, nothing), start=compared[-1].start, at=at)


def _shares(spec: AnalysisSpec) -> dict[str, float]:
    named = {f"survival_quantile_{share:g}": share for share in spec.estimands.quantiles}
    return {"median_survival": 0.5, **named}


def _told(
    draws: dict[tuple[str, float | None], xr.DataArray], *, start: float, at: float | None
) -> list[Quantity]:
    return [
        row
        for (name, horizon), values in draws.items()
        for row in by_strategy(name, values, start=start, horizon=horizon, at=at)
    ]


def by_strategy(
    estimand: str,
    draws: xr.DataArray,
    *,
    start: float,
    horizon: float | None,
    at: float | None,
    less: bool = False,
) -> list[Quantity]:
    """Return each strategy, and their difference where there are two.

    Parameters
    ----------
    estimand : str
        Name.
    draws : xarray.DataArray
        Dimensions ``chain, draw, strategy``.
    start : float
        Month from which the treated strategy treats.
    horizon, at : float or None
        As in `Estimate`.
    less : bool
        Whether less of it is better, as of months lost.

    Returns
    -------
    list of Quantity
        Strategies in their order, then treated less never.
    """
    names = [str(name) for name in draws[STRATEGY].to_numpy()]
    values = draws.transpose("chain", "draw", STRATEGY).to_numpy()
    rows = [
        Quantity(estimand, values[..., i], strategy=name, horizon=horizon, at=at)
        for i, name in enumerate(names)
    ]
    if len(names) == 2:
        never, treated = values[..., 0], values[..., 1]
        # Where neither strategy reaches its median there is no difference to speak of.
        with np.errstate(invalid="ignore"):
            difference = treated - never
        same = horizon is not None and horizon <= start
        undefined = bool(np.isnan(difference).any())
        unknown = bool(np.isnan(values).any())
        better, worse = (never, treated) if less else (treated, never)
        rows.append(
            Quantity(
                estimand,
                difference,
                contrast=f"{names[1]} - {names[0]}",
                horizon=horizon,
                at=at,
                benefit=None if same or unknown else chance_above(better, worse),
                undefined=undefined,
            )
        )
    return rows


def _stacked(values: list[Floats]) -> xr.DataArray:
    return xr.DataArray(np.stack(values, axis=-1), dims=("chain", "draw", "row"))


OPEN: Final = (PopulationKind.ATO, PopulationKind.ATM, PopulationKind.ENTROPY)
"""Populations that are made of propensities."""


def weigher(spec: AnalysisSpec, propensity: PropensityResult | None) -> Weigh:
    """Return what gives each patient of a fit a weight, by the population of the analysis.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    propensity : PropensityResult or None
        Propensities, for the populations that they make: ``ato``, ``atm``, ``entropy``.

    Returns
    -------
    callable
        From a fit to weights; None for equal ones.
    """
    match spec.population:
        case PopulationKind.SAMPLE:
            return equally
        case PopulationKind.BOOTSTRAP:
            return partial(bootstrap_weights, seed=spec.sampler.seed)
        case PopulationKind.TIME_ZERO:
            return time_zero_weights
        case PopulationKind.ATT:
            return treated_weights
        case PopulationKind.ATO | PopulationKind.ATM | PopulationKind.ENTROPY as kind:
            return partial(_open, target=EstimandTarget(kind.value), propensity=propensity)


def _open(
    fit: FittedModel, *, target: EstimandTarget, propensity: PropensityResult | None
) -> Floats:
    del fit
    if propensity is None:
        message = f"a population '{target}' is checked with its propensity"
        raise AssertionError(message)
    return propensity.patient_weights[target]
