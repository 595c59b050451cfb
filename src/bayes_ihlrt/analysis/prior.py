"""What the priors said before the data: as draws, as survival, and as a fit.

The graph draws its own prior too (`pymc.sample_prior_predictive`), after seconds of compilation;
the draws of top-level parameters here are from the same distributions, with NumPy. What reads draws
of the posterior reads those of the prior as well, through `prior_fit`. The survival that the priors
expected is held beside what was observed without treatment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.estimands.product_limit import kaplan_meier
from bayes_ihlrt.estimands.turnbull import bounds, turnbull, until_treatment
from bayes_ihlrt.hazards.piecewise import DEVIATION_NAME
from bayes_ihlrt.hazards.protocol import Hazard, Simple
from bayes_ihlrt.hazards.smoothing import walk_matrix
from bayes_ihlrt.model.baseline import LAST_LOG_MEDIAN
from bayes_ihlrt.model.contrasts import orthonormal_basis
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.names import INTERVAL, TIME, DesignKind
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.priors import Z_975, Prior, PriorScale

Floats = NDArray[np.float64]
N_DRAWS: Final = 4000
_FURTHEST: Final = 700.0


def prior_draws(prepared: PreparedModel, *, seed: int, draws: int = N_DRAWS) -> xr.Dataset:
    """Return draws of the prior of every top-level parameter.

    Parameters
    ----------
    prepared : PreparedModel
        A specification bound to its data.
    seed : int
        Seed of the draws.
    draws : int
        Number of draws.

    Returns
    -------
    xarray.Dataset
        Dimensions ``chain`` (1) and ``draw``, and ``interval`` for a piecewise hazard.
    """
    rng = np.random.default_rng(seed)
    columns = prepared.encoder.columns
    anchor = prepared.hazard.level
    found = {
        name: draw_prior(resolved.prior, rng, (draws,))
        for name, resolved in prepared.priors.items()
        if name not in {anchor, DEVIATION_NAME}
    }
    found |= {name: _mirrored(prepared.priors[name].prior, found[name]) for name in columns}
    coefficients = np.stack([found[name] for name in columns], -1) if columns else np.empty((1, 0))
    reference = coefficients @ np.asarray(prepared.arrays.data["design_reference"])
    source = SampleDraw(prepared, found, rng, np.zeros(draws))
    found[anchor] = _level(prepared, source, np.broadcast_to(reference, (draws,)))
    dims = {1: ("chain", "draw"), 2: ("chain", "draw", INTERVAL)}
    return xr.Dataset({name: (dims[v.ndim], v[None]) for name, v in found.items()})


def draw_prior(prior: Prior, rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
    """Return draws of a parameter from its prior.

    Parameters
    ----------
    prior : Prior
        Distribution, hyperparameters, and the scale that they describe.
    rng : numpy.random.Generator
        Source of randomness.
    size : tuple of int
        Shape of the draws.

    Returns
    -------
    ndarray
        On the parameter's own scale; for a prior on the log median, the log median.

    Examples
    --------
    >>> prior = Prior(dist="Normal", mu=1.0, sigma=0.01)
    >>> draw_prior(prior, np.random.default_rng(1), (3,)).round(1).tolist()
    [1.0, 1.0, 1.0]
    """
    values: Floats = prior.distribution.draw(prior.numbers, rng, size)
    match prior.on:
        case PriorScale.EXP:
            return np.log(values)
        case PriorScale.PRECISION:
            return np.asarray(values**-0.5)
        case _:
            return values


def _mirrored(prior: Prior, draws: Floats) -> Floats:
    """Turn every second half round the centre, so that no effect has a probability of one half.

    All coefficients are mirrored in the same draws, and sums of them with them.
    """
    if prior.mu is None or prior.positive or prior.on is not PriorScale.PARAMETER:
        return draws
    half = len(draws) // 2
    return np.concatenate([draws[: len(draws) - half], 2.0 * prior.mu - draws[:half]])


@dataclass
class SampleDraw:
    """Draws the parameters of a family from their priors; what follows from draws is kept.

    Parameters
    ----------
    prepared : PreparedModel
        A specification bound to its data.
    found : dict of str to ndarray, shape (draws,)
        Draws of parameters by name; deviations are added.
    rng : numpy.random.Generator
        Source of randomness.
    zero : ndarray, shape (draws,)
        Levels of 0.
    xp : module
        Array library.
    """

    prepared: PreparedModel
    found: dict[str, Floats]
    rng: np.random.Generator
    zero: Floats
    xp: ModuleType = np

    @property
    def log_time(self) -> float:
        """Log of a typical time in months."""
        return float(np.ravel(self.prepared.arrays.data["time_centre"])[0])

    def has(self, name: str) -> bool:
        """Whether a parameter has a prior."""
        return name in self.prepared.priors

    def sample(self, name: str, *, stretch: float = 1.0, stored: str | None = None) -> Floats:
        """Return draws of a parameter, times `stretch`."""
        del stored
        return self.found[name] * stretch

    def keep(self, name: str, value: Floats, dims: str | None = None) -> Floats:
        """Return a parameter that was drawn, or what follows from draws."""
        del dims
        return self.found.get(name, value)

    def places(self, constants: Floats) -> Floats:
        """Return the constants of a trend."""
        return constants

    def mean_over_events(self, values: Floats) -> Floats:
        """Return the mean of the intervals' values over the events."""
        return np.asarray(values @ np.asarray(self.prepared.arrays.data["interval_share"]))

    def contrasts(self, name: str, count: int) -> Floats:
        """Return deviations of mean zero that have nothing to do with their neighbours."""
        prior = self.prepared.priors[name].prior
        drawn = draw_prior(prior, self.rng, (len(self.zero), count - 1))
        self.found[name] = np.asarray(drawn @ orthonormal_basis(count)[:, 1:].T)
        return self.found[name]

    def walk(self, trend: Floats) -> Floats:
        """Return random walks about a trend, shape (draws, steps + 1)."""
        scale, steps = self.found["smoothing_sd"][:, None], trend.shape[-1] - 1
        noise = self.rng.normal(size=(len(self.zero), steps))
        return np.asarray(trend + scale * (noise @ walk_matrix(steps).T))


def _level(prepared: PreparedModel, source: SampleDraw, reference: Floats) -> Floats:
    """Draw the parameter that sets the hazard's level, given the others."""
    anchor = prepared.hazard.level
    prior = prepared.priors[anchor].prior
    with np.errstate(over="ignore"):
        coordinates = prepared.hazard.coordinates(source)
    shape, simple = coordinates.shape, coordinates.simple
    level = draw_prior(prior, source.rng, reference.shape)
    if prior.on is PriorScale.LOG_MEDIAN:
        mu = prior.hyperparameters["mu"]
        furthest = max(LAST_LOG_MEDIAN - mu, 0.1)
        apart = min(Z_975 * prior.hyperparameters["sigma"], furthest)
        level = _at_median(simple, level, mu=mu, apart=apart) - reference
    elif prior.at is not None:
        level = level - _log_cumulative(simple.hazard, simple.theta, prior.at) - reference
    if prior.on is PriorScale.LOG_MEDIAN or prior.at is not None:
        level = level + simple.offset
    return level[:, None] + shape[anchor] if anchor in shape else level


def _at_median(simple: Simple, log_median: Floats, *, mu: float, apart: float) -> Floats:
    """Return the level at which H(median) = log 2, exact at the prior median and its upper bound.

    `model.baseline` states the prior of the graph in the same way.
    """
    median = np.exp(mu)
    hazard, given = simple.hazard, simple.theta
    cumulative = _log_cumulative(hazard, given, median)
    stretch: Floats | float = 1.0
    if simple.stretched:
        stretch = (_log_cumulative(hazard, given, float(np.exp(mu + apart))) - cumulative) / apart
    return np.asarray(np.log(np.log(2.0)) - cumulative - stretch * (log_median - mu))


def _log_cumulative(hazard: Hazard, given: Mapping[str, Floats], time: float) -> Floats:
    spent = hazard.increment_basis(np, np.zeros(1), np.array([time]))
    # Draws of a wide prior of the shape leave what a float holds, and a level must be a number.
    with np.errstate(over="ignore", divide="ignore"):
        found = np.log(hazard.cumulative_hazard(np, spent, given)[..., 0])
    return np.asarray(np.clip(found, -_FURTHEST, _FURTHEST))


_DESIGNS: Final = frozenset({DesignKind.SPLIT, DesignKind.FIXED})
"""Designs whose untreated rows are follow-up censored at treatment, from time zero on."""
_SHARES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
_SHARES_BETWEEN: Final = (0.25, 0.5, 0.75)
"""Of events between scans: early and late steps of Turnbull's curve are of few patients."""
_FEWEST: Final = 5
"""Untreated events below which the observed curve says little."""
_TIED: Final = 1e-9
"""Differences of survival that are none."""


def prior_conflict(before: FittedModel, rows: PersonTime, treatment: str | None) -> str | None:
    """Return where observed untreated survival lies outside what the priors expected.

    Kaplan-Meier survival, with treated person-time censored at treatment, at quantiles of the
    untreated event times, against the survival that the priors expected of an untreated patient
    with average covariates, of whom the baseline's prior speaks. Of events between scans it is
    Turnbull's estimate, at ends of innermost intervals, where it is determined; what happened
    between two scans with a start of treatment between them may have been before it or after.

    Parameters
    ----------
    before : FittedModel
        The model with draws of its prior.
    rows : PersonTime
        Rows of the analysis.
    treatment : str or None
        The treatment's 0/1 column.

    Returns
    -------
    str or None
        One sentence on the time at which they lie farthest apart; None where none is outside the
        prior's central 95 %, or where they cannot be compared.
    """
    if rows.provenance.design not in _DESIGNS:
        return None
    find = _product_limit if rows.uncertain is None else _between_scans
    found = find(rows, treatment)
    if found is None:
        return None
    times, least, most = found
    low, high = np.quantile(_expected(before, times), [0.025, 0.975], axis=0)
    apart = np.maximum(low - most, least - high)
    worst = int(apart.argmax())
    if apart[worst] <= 0.0:
        return None
    observed = most[worst] if low[worst] > most[worst] else least[worst]
    by = "Kaplan-Meier" if rows.uncertain is None else "Turnbull"
    return (
        f"Observed survival without treatment is {observed:.0%} at month "
        f"{times[worst]:.3g} ({by}, treated person-time censored at treatment), outside "
        f"the 95 % that the priors expected, {low[worst]:.0%} to {high[worst]:.0%}: priors and "
        "data disagree, and the effect of treatment moves with the baseline. State a `baseline` "
        "that you believe."
    )


def _product_limit(rows: PersonTime, treatment: str | None) -> tuple[Floats, Floats, Floats] | None:
    """Times, and survival that was observed then without treatment, twice."""
    kept = np.ones(rows.n_rows, dtype=bool)
    if treatment is not None:
        kept = rows.columns[treatment].astype(np.float64) == 0.0
    start, stop, event = (
        rows.columns[name].astype(np.float64)[kept] for name in ("start", "stop", "event")
    )
    if event.sum() < _FEWEST:
        return None
    times = np.unique(np.quantile(stop[event > 0.0], _SHARES, method="inverted_cdf"))
    observed = kaplan_meier(start, stop, event)["survival"].sel({TIME: times}).to_numpy()
    return times, observed, observed


def _between_scans(rows: PersonTime, treatment: str | None) -> tuple[Floats, Floats, Floats] | None:
    """Times at which Turnbull's curve falls, with the least after and the most before the fall.

    From scans on many days the curve falls in few and large steps, and survival passes through
    them: neither side of a step is an estimate as good as Kaplan-Meier.
    """
    later, earlier = until_treatment(rows, treatment)
    if np.isfinite(later[2]).sum() < _FEWEST:
        return None
    curve = turnbull(*later)
    at, survival = curve[TIME].to_numpy(), curve["survival"].to_numpy()
    falls = np.flatnonzero(np.diff(survival) < -_TIED) + 1
    fallen = (1.0 - survival[falls]) / (1.0 - survival[-1])
    # The last step within each share.
    within = np.searchsorted(fallen, np.array(_SHARES_BETWEEN) + _TIED) - 1
    falls = falls[np.unique(within[within >= 0])]
    if not len(falls):
        return None
    least, _ = bounds(turnbull(*earlier), at[falls])
    return at[falls], np.minimum(np.nan_to_num(least), survival[falls]), survival[falls - 1]


def _expected(before: FittedModel, times: Floats) -> Floats:
    """Return survival of the untreated average patient under the prior, shape (draws, times)."""
    prepared = before.prepared
    spent = prepared.hazard.increment_basis(np, np.zeros(len(times)), times)
    return np.asarray(np.exp(-prepared.hazard.cumulative_hazard(np, spent, before.baseline)))


def prior_fit(fit: FittedModel, prior: xr.Dataset, *, seed: int) -> FittedModel:
    """Return a fit whose draws are those of the prior, group effects drawn from their scale.

    Its baseline is that of the average patient: under a wide prior both terms of a log hazard leave
    what a float holds, and their sum does not.

    Parameters
    ----------
    fit : FittedModel
        The posterior; its specification, covariates and patients are kept.
    prior : xarray.Dataset
        Draws of the top-level parameters, from `prior_draws`.
    seed : int
        Seed of the group effects.

    Returns
    -------
    FittedModel
        For estimands under the prior. Its convergence is that of `fit` and says nothing of the
        prior's draws, which are independent.
    """
    rng = np.random.default_rng(seed)
    drawn = dict(prior.data_vars)
    for term in fit.prepared.spec.outcome.groups:
        levels = len(fit.prepared.encoder.levels[term.group])
        for suffix in ("", *([] if term.slope is None else [f":{term.slope}"])):
            scale = prior[f"sd_{term.group}{suffix}"]
            noise = rng.standard_normal((*scale.shape, levels))
            effect = xr.DataArray(noise, dims=("chain", "draw", term.group)) * scale
            drawn[f"{term.group}_effect{suffix}"] = effect
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(drawn)})
    reference = replace(fit, tree=tree).coefficients @ _reference(fit)
    anchor = fit.prepared.hazard.level
    shift = xr.DataArray(reference.reshape(prior[anchor].shape[:2]), dims=("chain", "draw"))
    drawn[anchor] = prior[anchor] + shift
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(drawn)})
    return replace(fit, tree=tree, reference=reference)


def _reference(fit: FittedModel) -> NDArray[np.float64]:
    """Return the untreated average patient, shape (covariates,)."""
    return fit.prepared.arrays.data["design_reference"].astype(np.float64)
