"""Labelled draws of an estimand, at horizons and values of the modifier, from a fit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.analysis.cause_fit import CausesResult
from bayes_ihlrt.analysis.estimates import (
    RATIO,
    Estimate,
    Quantity,
    by_strategy,
    reduced,
    strategies,
    weigher,
)
from bayes_ihlrt.analysis.fit import FitResult
from bayes_ihlrt.errors import Fault, InputError, SpecificationError, nearest
from bayes_ihlrt.estimands import curves
from bayes_ihlrt.estimands.contrasts import chance_above, contrast
from bayes_ihlrt.estimands.curves import Strategy, treated_from
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.population import Population, populations_at
from bayes_ihlrt.names import STRATEGY, TIME
from bayes_ihlrt.plain import Shown, short_repr
from bayes_ihlrt.spec.analysis import AnalysisSpec

AT: Final = "at"
HORIZON: Final = "horizon"
HAZARD_RATIO: Final = "hazard_ratio"
_AT_MONTHS: Final[Mapping[str, Callable[..., xr.DataArray]]] = {
    "survival": curves.survival,
    "event_probability": curves.event_probability,
    "hazard": curves.hazard,
    "cumulative_hazard": curves.cumulative_hazard,
}
_UP_TO: Final[Mapping[str, Callable[..., xr.DataArray]]] = {
    "rmst": curves.rmst,
    "time_lost": curves.time_lost,
}
_ALONE: Final[Mapping[str, Callable[..., xr.DataArray]]] = {
    "median_survival": curves.median_survival,
}
ESTIMANDS: Final = (HAZARD_RATIO, *_AT_MONTHS, *_UP_TO, *_ALONE)
"""What `estimates` gives."""
_LESS_IS_BETTER: Final = frozenset(
    {"event_probability", "hazard", "cumulative_hazard", "time_lost"}
)


@short_repr("estimand", "draws.dims", "at", "horizons")
@dataclass(frozen=True, eq=False)
class Estimates(Shown):
    """Draws of one estimand.

    Parameters
    ----------
    estimand : str
        One of `ESTIMANDS`.
    draws : xarray.DataArray
        Dimensions ``chain, draw``, and ``at``, ``horizon`` and ``strategy`` where they were asked
        for: months, probabilities, hazards per month, or hazard ratios (treated over untreated).
    spec : AnalysisSpec
        Of the analysis.
    start : float
        Month from which the treated strategy treats.
    synthetic : bool
        Whether the data were simulated.

    Examples
    --------
    With ``result = bi.fit("primary", "ihlrt_synthetic")``:

    >>> import bayes_ihlrt as bi
    >>> gain = bi.estimates(result, "rmst", horizon=24, at=[2, 5])
    >>> gain.difference.dims
    ('chain', 'draw', 'at', 'horizon')
    >>> bi.probability(gain.difference > 1.0).dims
    ('at', 'horizon')
    """

    estimand: str
    draws: xr.DataArray
    spec: AnalysisSpec
    start: float
    synthetic: bool

    @property
    def at(self) -> tuple[float, ...]:
        """Values of the modifier; empty where patients keep their own."""
        return tuple(self.draws[AT].to_numpy().tolist()) if AT in self.draws.dims else ()

    @property
    def horizons(self) -> tuple[float, ...]:
        """Months; empty where the estimand has none."""
        return tuple(self.draws[HORIZON].to_numpy().tolist()) if HORIZON in self.draws.dims else ()

    @property
    def difference(self) -> xr.DataArray:
        """Treated less never inside each draw; of a hazard ratio the ratio itself."""
        if STRATEGY not in self.draws.dims:
            return self.draws
        return contrast(self.draws).squeeze(STRATEGY, drop=True)

    @property
    def rows(self) -> tuple[Estimate, ...]:
        """Summary of each strategy, horizon and value, and of differences, as a fit has them."""
        quantities = [row for part in self._parts() for row in self._quantities(*part)]
        return reduced(quantities, None, population=self.spec.population.value)

    def _parts(self) -> Iterator[tuple[xr.DataArray, float | None, float | None]]:
        for at in self.at or (None,):
            here = self.draws if at is None else self.draws.sel({AT: at}, drop=True)
            for month in self.horizons or (None,):
                yield (here if month is None else here.sel({HORIZON: month}, drop=True)), at, month

    def _quantities(
        self, draws: xr.DataArray, at: float | None, month: float | None
    ) -> list[Quantity]:
        if self.estimand == HAZARD_RATIO:
            values = np.asarray(draws.transpose("chain", "draw").to_numpy())
            better = chance_above(np.ones_like(values), values)
            return [Quantity(HAZARD_RATIO, values, contrast=RATIO, at=at, benefit=better)]
        less = self.estimand in _LESS_IS_BETTER
        about: dict[str, Any] = {"start": self.start, "horizon": month, "at": at, "less": less}
        return by_strategy(self.estimand, draws, **about)


def estimates(
    fit: FitResult | CausesResult,
    estimand: str,
    *,
    horizon: float | Sequence[float] | None = None,
    at: float | Sequence[float] | None = None,
    treat_from: float | None = None,
) -> Estimates:
    """Return labelled draws of an estimand, averaged over patients within each draw.

    Parameters
    ----------
    fit : FitResult
        From `fit`.
    estimand : str
        ``hazard_ratio``; ``survival``, ``event_probability``, ``hazard`` or ``cumulative_hazard``
        at months; ``rmst`` or ``time_lost`` up to months; ``median_survival``.
    horizon : float or sequence of float, optional
        Months since time zero; those of the specification without it.
    at : float or sequence of float, optional
        Set everybody's modifier to these values; patients keep their own without it.
    treat_from : float, optional
        Month from which the treated strategy treats; that of the analysis without it.

    Returns
    -------
    Estimates
        For `summary` and `plot`; its ``draws`` and ``difference`` are labelled arrays.

    Raises
    ------
    InputError
        It is no fit of one event.
    SpecificationError
        There is no such estimand, or a month or value that cannot be; every fault is told.
    RefusedError
        Survival by strategy is not defined for this analysis.

    Examples
    --------
    With ``result = bi.fit("primary", "ihlrt_synthetic")``:

    >>> import bayes_ihlrt as bi
    >>> bi.estimates(result, "hazard_ratio", at=[2, 3, 5]).draws.dims
    ('chain', 'draw', 'at')
    >>> bi.estimates(result, "rmst", horizon=24).draws.dims
    ('chain', 'draw', 'horizon', 'strategy')
    >>> bi.estimates(result, "rmsd", horizon=-24)
    Traceback (most recent call last):
    bayes_ihlrt.errors.SpecificationError: estimates: 2 faults
      - the estimand: there is no 'rmsd'. Did you mean 'rmst'? Allowed: ...
      - horizon: it is -24. Give months above 0.
    """
    if not isinstance(fit, FitResult):
        found, remedy = type(fit).__name__, "Give what `fit` returned for one event"
        fault = Fault("the first argument", f"it is of type {found}", remedy)
        raise InputError("estimates", [fault])
    faults = [*_estimand(estimand, fit.spec), *_months(horizon), *_values(at, fit.spec)]
    if treat_from is not None:
        faults += _month(treat_from)
    if estimand in (HAZARD_RATIO, *_ALONE) and horizon is not None:
        problem = f"{estimand} has no horizon"
        faults.append(Fault("horizon", problem, "Leave it out"))
    if faults:
        raise SpecificationError("estimates", faults)
    asked = None if at is None else _numbers(at)
    if estimand == HAZARD_RATIO:
        weights = weigher(fit.spec, fit.propensity)(fit.fit)
        log_ratio = log_hazard_ratio(fit.fit, asked, weights=weights)
        draws = log_ratio.copy(data=np.exp(log_ratio.to_numpy()))
        last = [name for name in draws.dims if name not in {"chain", "draw"}]
        draws = draws.rename(dict.fromkeys(last, AT))
        return _as_estimates(fit, estimand, draws, fit.spec.treat_from)
    compared = _compared(fit.spec, treat_from)
    months = tuple(_numbers(horizon)) if horizon is not None else fit.spec.estimands.horizons
    draws = _drawn(fit, estimand, compared, months, asked)
    return _as_estimates(fit, estimand, draws, compared[-1].start)


def _as_estimates(fit: FitResult, estimand: str, draws: xr.DataArray, start: float) -> Estimates:
    draws = draws.rename(estimand).transpose("chain", "draw", ...)
    return Estimates(estimand, draws, fit.spec, start, fit.synthetic)


def _compared(spec: AnalysisSpec, month: float | None) -> tuple[Strategy, ...]:
    known = strategies(spec)
    return known if month is None or len(known) == 1 else (known[0], treated_from(month))


def _drawn(
    fit: FitResult,
    estimand: str,
    compared: Sequence[Strategy],
    months: Sequence[float],
    asked: Sequence[float] | None,
) -> xr.DataArray:
    """Draw at every value of the modifier, or at the patients' own."""
    weights = weigher(fit.spec, fit.propensity)(fit.fit)
    values: Sequence[float | None] = (None,) if asked is None else asked
    found = [
        _at(fit, estimand, compared, months, patients)
        for patients in populations_at(fit.fit, values, weights=weights)
    ]
    if asked is None:
        return found[0]
    return xr.concat(found, dim=xr.Variable(AT, np.asarray(asked, dtype=np.float64)))


def _at(
    fit: FitResult,
    estimand: str,
    compared: Sequence[Strategy],
    months: Sequence[float],
    patients: Population,
) -> xr.DataArray:
    if estimand in _AT_MONTHS:
        found = _AT_MONTHS[estimand](fit.fit, list(months), compared, population=patients)
        return found.rename({TIME: HORIZON})
    if estimand in _ALONE:
        return _ALONE[estimand](fit.fit, compared, population=patients)
    read = partial(_UP_TO[estimand], fit.fit, strategies=compared, population=patients)
    parts = [read(horizon=month) for month in months]
    return xr.concat(parts, dim=xr.Variable(HORIZON, np.asarray(months, dtype=np.float64)))


def _estimand(name: object, spec: AnalysisSpec) -> list[Fault]:
    if not isinstance(name, str) or name not in ESTIMANDS:
        remedy = nearest(str(name), ESTIMANDS)
        return [Fault("the estimand", f"there is no '{name}'", remedy)]
    if name == HAZARD_RATIO and spec.treatment is None:
        return [Fault("the estimand", "the analysis has no treatment", "Ask for 'survival', say")]
    return []


def _months(value: object) -> list[Fault]:
    if value is None:
        return []
    found = _numbers(value)
    if not found or any(not month > 0.0 or np.isinf(month) for month in found):
        return [Fault("horizon", f"it is {value!r}", "Give months above 0")]
    if sorted(set(found)) != found:
        return [Fault("horizon", f"it is {value!r}", "Give months that increase")]
    return []


def _month(value: object) -> list[Fault]:
    found = _numbers(value)
    if len(found) != 1 or not found[0] >= 0.0:
        return [Fault("treat_from", f"it is {value!r}", "Give one month, 0 or later")]
    return []


def _values(value: object, spec: AnalysisSpec) -> list[Fault]:
    if value is None:
        return []
    if spec.modifier is None:
        return [Fault("at", "the analysis has no effect modifier", "Leave it out")]
    found = _numbers(value)
    if not found or any(not np.isfinite(number) for number in found):
        return [Fault("at", f"it is {value!r}", f"Give values of {spec.modifier.column}")]
    return []


def _numbers(value: object) -> list[float]:
    """Return one number or several as a list; an empty one where they are no numbers."""
    try:
        found: NDArray[np.float64] = np.atleast_1d(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError):
        return []
    return found.tolist() if found.ndim == 1 else []
