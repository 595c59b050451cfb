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
from bayes_ihlrt.estimands.curves import NEVER, Strategy, treated_from
from bayes_ihlrt.estimands.draws import Asked, at_value, estimate_draws, gained
from bayes_ihlrt.estimands.mitigation import Weigh, equally
from bayes_ihlrt.estimands.population import (
    bootstrap_weights,
    cohort_rows,
    effective_share,
    time_zero_weights,
    treated_weights,
)
from bayes_ihlrt.names import (
    HORIZON,
    SHARE,
    STRATEGY,
    VALUE,
    EstimandTarget,
    ModifierTransform,
)
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.estimands import PopulationKind

Floats = NDArray[np.float64]
AS_OBSERVED: Final = Strategy("as observed", math.inf)
"""Of a model without treatment: its patients as they are."""
RATIO: Final = "treated / untreated"
_THIN: Final = 0.5
"""Effective share of patients below which the population at time zero is told by few."""


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


def asked(fit: FittedModel, spec: AnalysisSpec) -> Asked:
    """Return what is told of an analysis, and at which values of the modifier.

    Parameters
    ----------
    fit : FittedModel
        Its patients are read and its draws are not.
    spec : AnalysisSpec
        Horizons, modifier values, strategies.

    Returns
    -------
    Asked
        The patients' own values, those of the specification and the two that are compared; and
        the grid along which the effect is followed.
    """
    shares = dict.fromkeys((0.5, *spec.estimands.quantiles))
    horizons = dict.fromkeys(spec.estimands.horizons)
    values: list[float | None] = [None, *spec.estimands.at]
    grid: tuple[float, ...] = ()
    if spec.treatment is not None and spec.modifier is not None:
        observed = observed_values(fit)
        compared = compared_values(spec, observed)
        values += [spec.modifier.reference, *compared]
        if compared[0] < compared[1]:
            grid = tuple(grid_values(spec, observed).tolist())
    return Asked(
        strategies(spec), tuple(dict.fromkeys(values)), tuple(horizons), tuple(shares), grid
    )


def observed_values(fit: FittedModel) -> Floats:
    """Return each patient's value of the effect modifier, shape (patients,).

    Parameters
    ----------
    fit : FittedModel
        Of a model with a modifier.

    Returns
    -------
    ndarray of float
        From the patient's first row, on the scale of the data; empty without a modifier.
    """
    modifier = fit.prepared.spec.modifier
    if modifier is None:
        return np.empty(0)
    return cohort_rows(fit)[modifier.column].astype(np.float64)


def compared_values(spec: AnalysisSpec, observed: Floats) -> tuple[float, float]:
    """Return the two values of the modifier that are compared.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    observed : ndarray, shape (patients,)
        Values of the cohort.

    Returns
    -------
    tuple of float
        The lowest and highest value asked for; the cohort's quartiles where there is only one.
    """
    at = spec.estimands.at
    if len(set(at)) > 1:
        return min(at), max(at)
    low, high = (float(f"{q:.2g}") for q in np.quantile(observed, [0.25, 0.75]))
    # Rounding must not carry them beyond the cohort, where splines are not defined.
    if not observed.min() <= low < high <= observed.max():
        low, high = float(observed.min()), float(observed.max())
    return low, high


_GRID: Final = 21
_SLIDER: Final = 7


def grid_values(spec: AnalysisSpec, observed: Floats) -> Floats:
    """Return values of the modifier along which its effect is followed.

    One patient far from the others would leave all of them between two of values equally far
    apart, so that there are as many where the patients are.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    observed : ndarray, shape (patients,)
        Values of the cohort.

    Returns
    -------
    ndarray
        Increasing, from the lowest value to the highest.
    """
    log = spec.modifier is not None and spec.modifier.transform is ModifierTransform.LOG2
    space = np.geomspace if log else np.linspace
    even = space(observed.min(), observed.max(), _GRID)
    # Rounding must not carry the ends beyond the cohort, where splines are not defined.
    even[[0, -1]] = observed.min(), observed.max()
    scale = np.log(even) if log else even
    own = np.log(observed) if log else observed
    apart = 0.2 * (scale[1] - scale[0])
    if (np.diff(np.quantile(own, [0.05, 0.95])) > (_GRID - 1) * apart).all():
        return np.asarray(even, dtype=np.float64)
    crowded = np.quantile(observed, np.linspace(0.0, 1.0, _GRID))
    return np.unique(np.concatenate([even, crowded]))


def slider_values(spec: AnalysisSpec, observed: Floats) -> list[float]:
    """Return the values of the modifier at which a reader may look.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification, with a modifier.
    observed : ndarray, shape (patients,)
        Values of the cohort.

    Returns
    -------
    list of float
        Increasing, on the scale of the data: the specification's values and the reference, where
        the cohort has such values, and seven from the 5 % to the 95 % quantile of the cohort,
        equally spaced on the scale of the model and rounded to two digits.
    """
    modifier = spec.modifier
    if modifier is None:
        return []
    low, high = (float(q) for q in np.quantile(observed, [0.05, 0.95]))
    space = np.geomspace if modifier.transform is ModifierTransform.LOG2 else np.linspace
    between = [float(f"{value:.2g}") for value in space(low, high, _SLIDER)]
    # Rounding may carry a value beyond the cohort, where splines are not defined.
    chosen = {*between, modifier.reference, *spec.estimands.at}
    return sorted(value for value in chosen if observed.min() <= value <= observed.max())


def draws_of(fit: FittedModel, spec: AnalysisSpec, *, weights: Floats | None = None) -> xr.Dataset:
    """Return draws of every estimand that an analysis tells.

    Parameters
    ----------
    fit : FittedModel
        The posterior, or the model with draws of its prior.
    spec : AnalysisSpec
        Horizons, modifier values, strategies.
    weights : ndarray, shape (patients,) or (samples, patients), optional
        What each patient weighs in the averages; equal weights by default.

    Returns
    -------
    xarray.Dataset
        See `estimands.draws.estimate_draws`.
    """
    return estimate_draws(fit, asked(fit, spec), weights=weights)


def draws_around(
    fit: FittedModel, before: FittedModel, spec: AnalysisSpec, weigh: Weigh
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return draws of every estimand that an analysis tells, after and before the data.

    Parameters
    ----------
    fit, before : FittedModel
        The posterior, and the model with draws of its prior.
    spec : AnalysisSpec
        Horizons, modifier values, strategies.
    weigh : callable
        From a fit to the weights of its patients.

    Returns
    -------
    tuple of xarray.Dataset
        See `draws_of`.
    """
    after = draws_of(fit, spec, weights=weigh(fit))
    # Under a wide prior hazards leave every float.
    with np.errstate(invalid="ignore"):
        return after, draws_of(before, spec, weights=weigh(before))


def also_at(
    draws: xr.Dataset,
    values: Sequence[float | None],
    fit: FittedModel,
    spec: AnalysisSpec,
    *,
    weights: Floats | None,
) -> xr.Dataset:
    """Return hazard ratios, survival and months at further values of the modifier as well.

    Parameters
    ----------
    draws : xarray.Dataset
        From `draws_of`.
    values : sequence of float or None
        Of which those that are not told yet are added.
    fit : FittedModel
        Whose draws they are.
    spec : AnalysisSpec
        Horizons, strategies.
    weights : ndarray or None
        What each patient weighs in the averages.

    Returns
    -------
    xarray.Dataset
        Without quantiles and grid.
    """
    told = draws[["log_hazard_ratio", "survival", "rmst"]]
    known = set(told[VALUE].to_numpy().tolist())
    rest = tuple(value for value in values if value is not None and value not in known)
    if not rest:
        return told
    wanted = Asked(strategies(spec), rest, tuple(dict.fromkeys(spec.estimands.horizons)))
    with np.errstate(over="ignore", invalid="ignore"):
        more = estimate_draws(fit, wanted, weights=weights)
    both: xr.Dataset = xr.concat(
        [told, more], dim=VALUE, data_vars="all", coords="minimal", compat="override", join="exact"
    )
    return both


def estimate_all(
    draws: xr.Dataset, spec: AnalysisSpec, *, prior: xr.Dataset | None = None
) -> tuple[Estimate, ...]:
    """Return the summary of every estimand that a specification asks for.

    Hazard ratios for the population's own modifier values, at each value of the modifier and at its
    reference, all else averaged over the population; survival, restricted mean
    survival, median and other quantiles of survival under each strategy and their difference, and
    the number needed to treat, for the cohort's own modifier values and with everybody's modifier
    set to each value.

    Parameters
    ----------
    draws : xarray.Dataset
        From `draws_of`.
    spec : AnalysisSpec
        Horizons, modifier values, strategies.
    prior : xarray.Dataset, optional
        The same before the data.

    Returns
    -------
    tuple of Estimate
        In that order.
    """
    before = None if prior is None else _rows(prior, spec)
    found = reduced(_rows(draws, spec), before, population=spec.population.value)
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


def _rows(draws: xr.Dataset, spec: AnalysisSpec) -> list[Quantity]:
    rows = [] if spec.treatment is None else hazard_ratios(draws, spec)
    start = strategies(spec)[-1].start
    for at in (None, *spec.estimands.at):
        here = at_value(draws, at)
        for name in ("survival", "rmst"):
            for horizon in dict.fromkeys(spec.estimands.horizons):
                values = here[name].sel({HORIZON: horizon}, drop=True)
                rows += by_strategy(name, values, start=start, horizon=horizon, at=at)
        for name, share in _shares(spec).items():
            values = here["quantile"].sel({SHARE: share}, drop=True)
            rows += by_strategy(name, values, start=start, horizon=None, at=at)
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


def hazard_ratios(draws: xr.Dataset, spec: AnalysisSpec) -> list[Quantity]:
    """Return the hazard ratio of treatment: averaged, and at values of the modifier.

    Parameters
    ----------
    draws : xarray.Dataset
        Of a model with the treatment, at `hazard_ratio_values`.
    spec : AnalysisSpec
        Modifier and its values.

    Returns
    -------
    list of Quantity
        For the population's own values first, then by value.
    """
    rows = []
    for value in hazard_ratio_values(spec):
        log_hr = at_value(draws, value)["log_hazard_ratio"].to_numpy()
        benefit = chance_above(np.zeros_like(log_hr), log_hr)
        ratio = np.exp(log_hr)
        rows.append(Quantity("hazard_ratio", ratio, contrast=RATIO, at=value, benefit=benefit))
    return rows


def hazard_ratio_values(spec: AnalysisSpec) -> tuple[float | None, ...]:
    """Return the values of the modifier at which hazard ratios are told.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.

    Returns
    -------
    tuple of float or None
        The population's own (None), then the reference and the values asked for, increasing.
    """
    if spec.modifier is None:
        return (None,)
    return None, *sorted({spec.modifier.reference, *spec.estimands.at})


def _shares(spec: AnalysisSpec) -> dict[str, float]:
    named = {f"survival_quantile_{share:g}": share for share in spec.estimands.quantiles}
    return {"median_survival": 0.5, **named}


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
            difference = gained(draws).transpose("chain", "draw").to_numpy()
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


def few_stand_for_all(fit: FittedModel, spec: AnalysisSpec) -> tuple[str, ...]:
    """Return how few patients the population at time zero rests on.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    spec : AnalysisSpec
        Whom it averages over.

    Returns
    -------
    tuple of str
        One sentence, or none.
    """
    if spec.population is not PopulationKind.TIME_ZERO:
        return ()
    if (share := effective_share(time_zero_weights(fit))) > _THIN:
        return ()
    patients = len(fit.person_time.patients)
    return (
        f"Everybody at time zero is told by few: late entrants stand for so many who died "
        f"before that {patients} patients weigh like {share * patients:.0f}. Intervals do not "
        "know it.",
    )
