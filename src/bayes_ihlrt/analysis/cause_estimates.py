"""Estimands of competing causes: months and incidence of each, survival of all, and trades."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.analysis.estimates import (
    Estimate,
    Quantity,
    by_strategy,
    hazard_ratio_values,
    hazard_ratios,
    reduced,
    strategies,
    weigher,
)
from bayes_ihlrt.estimands.causes import (
    Fits,
    Populations,
    cause_populations,
    cumulative_incidence,
    stands_for,
    without_other_causes,
)
from bayes_ihlrt.estimands.contrasts import chance_above
from bayes_ihlrt.estimands.draws import Asked, estimate_draws
from bayes_ihlrt.names import CAUSE, STRATEGY, TIME
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.estimands import PopulationKind

Floats = NDArray[np.float64]
NAIVE = "one_minus_kaplan_meier"
"""What would be said of a cause if nobody died of another: no probability of this world."""


@dataclass(frozen=True)
class CauseEstimate:
    """One posterior quantity, of one cause or of all of them.

    Parameters
    ----------
    cause : str or None
        Which; None for all causes together.
    estimate : Estimate
        ``survival``, ``rmst`` (months) of all causes; ``cumulative_incidence``, ``months_lost``,
        ``hazard_ratio`` (cause-specific) and ``one_minus_kaplan_meier`` of one. Of probabilities
        of death and months lost a benefit is less.
    """

    cause: str | None
    estimate: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return plain data with one level."""
        return {"cause": self.cause, **self.estimate.to_dict()}


@dataclass(frozen=True)
class Trade:
    """Whether treatment exchanges deaths of one cause for deaths of another.

    Parameters
    ----------
    fewer, more : str
        Causes: of the first fewer months are lost, of the second more.
    horizon : float
        Months since time zero.
    at : float or None
        Value of the effect modifier; None for the cohort's own values.
    probability : float
        That treatment does both.
    prior_probability : float or None
        The same before the data; None where it is not known.
    """

    fewer: str
    more: str
    horizon: float
    at: float | None
    probability: float
    prior_probability: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "fewer": self.fewer,
            "more": self.more,
            "horizon": self.horizon,
            "at": self.at,
            "probability": self.probability,
            "prior_probability": self.prior_probability,
        }


type Months = Mapping[float | None, tuple[xr.DataArray, xr.DataArray]]
"""Months lost by cause under each strategy, after and before the data, by modifier value."""


def cause_weights(fits: Fits, spec: AnalysisSpec) -> Floats | None:
    """Return what each patient weighs in averages, by the population of the analysis.

    Parameters
    ----------
    fits : mapping of str to FittedModel
        The posterior of each cause.
    spec : AnalysisSpec
        Whose covariates are averaged over.

    Returns
    -------
    ndarray or None
        None for equal weights.
    """
    if spec.population is PopulationKind.TIME_ZERO:
        return stands_for(fits)
    return weigher(spec, None)(next(iter(fits.values())))


def cause_estimates(
    fits: Fits, before: Fits, spec: AnalysisSpec, parts: Mapping[str, AnalysisSpec]
) -> tuple[tuple[CauseEstimate, ...], Months]:
    """Return every estimand of competing causes.

    Parameters
    ----------
    fits, before : mapping of str to FittedModel
        The posterior of each cause, and the model with draws of its prior.
    spec : AnalysisSpec
        Horizons, modifier values, strategies.
    parts : mapping of str to AnalysisSpec
        The analysis of each cause alone.

    Returns
    -------
    estimates : tuple of CauseEstimate
        For the cohort's own modifier values and with everybody's modifier set to each value.
    months : mapping
        Draws of the months lost, for `trades`.
    """
    after_rows, months = _rows(fits, spec, parts)
    before_rows, expected = _rows(before, spec, parts)
    quantities = [row for _, row in after_rows]
    found = reduced(quantities, [row for _, row in before_rows], population=spec.population.value)
    estimates = tuple(
        CauseEstimate(cause, estimate)
        for (cause, _), estimate in zip(after_rows, found, strict=True)
    )
    return estimates, {at: (months[at], expected[at]) for at in months}


type _Rows = list[tuple[str | None, Quantity]]


def _rows(
    fits: Fits, spec: AnalysisSpec, parts: Mapping[str, AnalysisSpec]
) -> tuple[_Rows, dict[float | None, xr.DataArray]]:
    weights = cause_weights(fits, spec)
    rows: _Rows = []
    months = {}
    asked = (None, *spec.estimands.at)
    for at, people in zip(asked, cause_populations(fits, asked, weights=weights), strict=True):
        found, months[at] = _of_strategies(fits, spec, at, people)
        rows += found
    for name, part in parts.items():
        treatment = part.treatment
        if treatment is not None and treatment.name in part.outcome.parsed.columns:
            told = Asked((), hazard_ratio_values(part))
            draws = estimate_draws(fits[name], told, weights=weights)
            rows += [(name, row) for row in hazard_ratios(draws, part)]
    return rows, months


def _of_strategies(
    fits: Fits, spec: AnalysisSpec, at: float | None, people: Populations
) -> tuple[_Rows, xr.DataArray]:
    """Everything at one modifier value, months before probabilities."""
    compared, horizons = strategies(spec), sorted(set(spec.estimands.horizons))
    found = cumulative_incidence(fits, horizons, compared, populations=people)
    row = partial(by_strategy, start=compared[-1].start, at=at)
    rows: _Rows = []
    for horizon in horizons:
        now = found.sel({TIME: horizon}, drop=True)
        rows += [(None, each) for each in row("rmst", now["rmst"], horizon=horizon)]
        rows += [(None, each) for each in row("survival", now["survival"], horizon=horizon)]
        for cause in fits:
            own = now.sel({CAUSE: cause}, drop=True)
            for name, values in (
                ("months_lost", own["months_lost"]),
                ("cumulative_incidence", own["incidence"]),
            ):
                rows += [(cause, each) for each in row(name, values, horizon=horizon, less=True)]
    naive = without_other_causes(fits, horizons, compared, populations=people)
    for horizon in horizons:
        for cause in fits:
            values = naive.sel({TIME: horizon, CAUSE: cause}, drop=True)
            told = row(NAIVE, values, horizon=horizon, less=True)
            rows += [(cause, each) for each in told if each.strategy is not None]
    return rows, found["months_lost"].sel({TIME: horizons[-1]}, drop=True)


def trades(months: Months, spec: AnalysisSpec) -> tuple[Trade, ...]:
    """Return whether treatment exchanges deaths of the first cause for those of each other.

    P(fewer months lost to the one and more to the other), up to the last horizon.

    Parameters
    ----------
    months : mapping
        From `cause_estimates`.
    spec : AnalysisSpec
        The specification.

    Returns
    -------
    tuple of Trade
        From the cause that is named first to each of the others, by modifier value; empty without
        a treatment, or where the strategies are the same up to the horizon.
    """
    horizon = max(spec.estimands.horizons)
    if spec.treatment is None or spec.treat_from >= horizon:
        return ()
    first, *others = spec.data.causes
    return tuple(
        Trade(first, other, horizon, at, chance, _or_none(_traded(expected, first, other)))
        for at, (found, expected) in months.items()
        for other in others
        if (chance := _or_none(_traded(found, first, other))) is not None
    )


def _traded(months: xr.DataArray, fewer: str, more: str) -> float:
    """Share of draws in which months lost to one cause fall and to the other rise."""
    never, treated = (months.isel({STRATEGY: i}, drop=True) for i in (0, 1))
    change = {
        name: (never.sel({CAUSE: name}), treated.sel({CAUSE: name})) for name in (fewer, more)
    }
    if bool(months.isnull().any()):
        return np.nan
    saved = chance_above(*(part.to_numpy() for part in change[fewer]))
    lost = chance_above(*(part.to_numpy() for part in reversed(change[more])))
    return float((saved * lost).mean())


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value
